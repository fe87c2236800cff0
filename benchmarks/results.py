"""What benchmarks have measured, kept so that an interrupted one goes on where it was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from workbench.searches import SEARCHES

HERE = Path(__file__).resolve().parent


class Results:
    """What has been measured, one JSON object a line: a run that was interrupted goes on where it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = text.splitlines()
        self._cut = bool(text) and not text.endswith("\n")
        self._known = {content["key"]: content for line in lines if (content := _parsed(line))}

    def get(self, key: str) -> dict[str, Any] | None:
        """What was measured under this key."""
        return self._known.get(key)

    def add(self, key: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Keeps it."""
        self._known[key] = {"key": key, **content}
        self._path.parent.mkdir(exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" * self._cut + json.dumps(self._known[key]) + "\n")
        self._cut = False
        return self._known[key]


def _parsed(line: str) -> dict[str, Any] | None:
    """None for a line that a kill cut short."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


@cache
def code_of(search: str) -> str:
    """A digest of the searches' and models' files that a search is made of: what changes them outdates its results."""
    todo, files = [cls.__module__ for cls in SEARCHES[search].__mro__], set[Path]()
    while todo:
        stem = HERE.parent / todo.pop().replace(".", "/")
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.exists() and path not in files and path.parent.name != "workbench":
                files.add(path)
                todo += re.findall(r"^ *from ((?:models|workbench)\.[\w.]+) import", path.read_text(), re.M)
    return blake2b(b"".join(path.read_bytes() for path in sorted(files)), digest_size=6).hexdigest()
