"""Owns the way these tests run `dse`: the real console script, in an empty folder, with a lab of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.cli import app as program

Done = subprocess.CompletedProcess[str]
Dse = Callable[..., Done]
SCRIPT = Path(sys.executable).with_name("dse")


def environment(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR")}
    return kept | {"DSE_DB": str(folder / "lab.db"), "HOME": str(folder / "home")}


@pytest.fixture
def dse(tmp_path: Path) -> Dse:
    """Runs `dse` with these arguments in `tmp_path`."""

    def run(*arguments: str | Path, **changes: str) -> Done:
        return subprocess.run(
            [SCRIPT, *map(str, arguments)],
            cwd=tmp_path,
            env=environment(tmp_path) | changes,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: Any, capsys: Any) -> Any:
    """Runs `dse` in this process: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSE_DB", str(tmp_path / "lab.db"))

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dse", *map(str, arguments)])
        capsys.readouterr()
        code = program._outcome()
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
