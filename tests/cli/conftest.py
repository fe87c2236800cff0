"""Owns the way these tests run `dse`: the real console script, in an empty folder, with a lab of its own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
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


class Forking:
    """The process that has imported everything; see `forked`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )

    def run(self, arguments: list[str], folder: Path, environment: dict[str, str], seconds: float) -> Done:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
            streams = {"stdout": out.name, "stderr": err.name}
            what = {"program": str(SCRIPT), "arguments": arguments, "folder": str(folder), "environment": environment}
            stdin.write(json.dumps(what | streams) + "\n")
            stdin.flush()
            pid = int(stdout.readline())
            late = threading.Timer(seconds, os.kill, (pid, signal.SIGKILL))
            late.start()
            code = int(stdout.readline())
            late.cancel()
            return subprocess.CompletedProcess([str(SCRIPT), *arguments], code, out.read(), err.read())

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking]:
    with closing(Forking()) as forking:
        yield forking


@pytest.fixture
def dse(tmp_path: Path, forking: Forking) -> Dse:
    """Runs `dse` with these arguments in `tmp_path`."""

    def run(*arguments: str | Path, **changes: str) -> Done:
        words, variables = [*map(str, arguments)], environment(tmp_path) | changes
        if not any(name.startswith(("PYTHON", "LC_", "LANG")) for name in changes):
            return forking.run(words, tmp_path, variables, 120)
        return subprocess.run(
            [SCRIPT, *words],
            cwd=tmp_path,
            env=variables,
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
