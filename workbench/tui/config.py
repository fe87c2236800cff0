"""What a user has set up in the UI: theme, keys, mouse. One YAML file in the user's configuration folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from workbench.errors import UserError

NAME: Final = "ui.yaml"
HEAD: Final = """\
# The terminal UI of dse. `theme` is kept by the UI itself; `mouse: false` leaves the mouse to the terminal.
# `keys` gives actions other keys, several with commas; '?' in the UI lists the actions' names:
#   keys: {run.pause: "p,f5", app.back: "q,escape"}
"""


def config_path() -> Path:
    from platformdirs import user_config_path

    return user_config_path("dse-workbench", appauthor=False) / NAME


@dataclass(frozen=True, slots=True)
class Config:
    """As it was read; None: the user has said nothing."""

    theme: str | None = None
    mouse: bool = True
    keys: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What the file says; nothing where there is none.

        Raises:
            UserError: it is no such file; says where and what would be right.
        """
        import yaml

        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
        return cls._checked(path, {} if content is None else content)

    @classmethod
    def _checked(cls, path: Path, content: Any) -> Self:
        if not isinstance(content, dict):
            raise UserError(f"{path} must hold theme, mouse and keys, not {str(content)[:40]!r}.")
        for key in content.keys() - {"theme", "mouse", "keys"}:
            raise UserError(f"{path} has no setting {str(key)!r}: there are theme, mouse and keys.")
        theme, mouse, keys = content.get("theme"), content.get("mouse", True), content.get("keys") or {}
        if theme is not None and not isinstance(theme, str):
            raise UserError(f"{path}: theme must be a name, not {theme!r}.")
        if not isinstance(mouse, bool):
            raise UserError(f"{path}: mouse must be true or false, not {mouse!r}.")
        if not (isinstance(keys, dict) and all(isinstance(text, str) for pair in keys.items() for text in pair)):
            raise UserError(f"{path}: keys must give each action its keys, such as run.pause: 'p,f5'.")
        return cls(theme, mouse, dict(keys))

    def with_theme(self, theme: str) -> Config:
        return replace(self, theme=theme)

    def write(self, path: Path) -> None:
        """Whole or not at all.

        Raises:
            OSError: the folder cannot be written.
        """
        import yaml

        content = {"theme": self.theme, "mouse": self.mouse, "keys": self.keys}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_text(HEAD + yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        part.replace(path)
