"""Owns the way these tests run `dse`: the real console script, in an empty folder, with a lab of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
