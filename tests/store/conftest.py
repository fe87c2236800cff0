"""Owns a lab for each test, and the toy run as a process of its own."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.address import Where, where
from store.database import Lab
from tests.postgres import Server

ROOT = Path(__file__).resolve().parents[2]

Start = Callable[[Where, int, int], "subprocess.Popen[str]"]


KINDS = ("file", "server")


def place_of(kind: str, folder: Path, request: pytest.FixtureRequest) -> Where:
    """Where a new lab of this kind may be made."""
    if kind == "file":
        return folder / "lab.db"
    server: Server = request.getfixturevalue("postgres")
    return where(server.database())


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """A lab of either kind: whoever asks for it tests what both keep."""
    with Lab.open(place_of(request.param, tmp_path, request)) as opened:
        yield opened


def file_of(lab: Lab) -> Path:
    """The file that a lab is in, for a test that is about SQLite's files."""
    if not isinstance(lab.path, Path):
        pytest.skip("it is about a lab in a file")
    return lab.path


def behind_its_back(lab: Lab, statement: str, *values: object) -> None:
    """Execute a statement as no lab does."""
    if isinstance(lab.path, Path):
        with closing(sqlite3.connect(lab.path, timeout=30)) as raw, raw:
            raw.execute("PRAGMA foreign_keys = ON")
            raw.execute(statement, values)
        return
    from store import server

    with server.connect(lab.path, 30) as connection:
        server.ServerDriver(connection).execute(statement, values)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that works on a run, and answers once it has claimed it; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def run(db: Where, run_id: int, last_step: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.store.toy_run", str(db), str(run_id), str(last_step)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
