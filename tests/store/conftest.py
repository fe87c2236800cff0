"""Owns a lab for each test, and the toy run as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.database import Lab

ROOT = Path(__file__).resolve().parents[2]

Start = Callable[[Path, int, int], "subprocess.Popen[str]"]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.open(tmp_path / "lab.db") as opened:
        yield opened


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that works on a run, and answers once it has claimed it; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def run(db: Path, run_id: int, last_step: int) -> subprocess.Popen[str]:
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
