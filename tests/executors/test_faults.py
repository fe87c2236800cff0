"""A run that is killed with its workers at work: what others have seen is stored, its workers end, and it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from store.database import Lab
from store.errors import StoreError
from store.rows import Point
from tests.executors.conftest import needing
from workbench.executors.table import NAMES

pytestmark = pytest.mark.slow

DSE = Path(sys.executable).with_name("dse")
TASK = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "conv2", "--sim", "factors=2")
AGENTS = ("ray::DashboardA", "ray::RuntimeEnv")
BUDGET = 600
SEARCH = ("--search", "anneal", "--budget", str(BUDGET), "--batch", "6", "--seed", "3", "--json")


def descendants(pid: int) -> set[int]:
    """All that a process has begun, and what those have."""
    pids = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
    parents = {pid: int(said_of(pid, "PPid") or 0) for pid in pids}
    found, new = set[int](), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def said_of(pid: int, what: str) -> str:
    """A field of the process table; empty where there is no such process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""
    return dict(line.split(":\t", 1) for line in status.splitlines())[what]


def lives(pid: int) -> bool:
    return said_of(pid, "State")[:1] not in ("", "Z", "X")


def simulates(pid: int) -> bool:
    """Or may, or begins what does; Ray's own agents look now and then whether their daemon is gone."""
    return lives(pid) and said_of(pid, "Name") not in AGENTS


def points(db: Path) -> list[Point]:
    with Lab.open(db, readonly=True) as lab:
        return lab.points(1)


def points_so_far(db: Path) -> list[Point]:
    """What a reader beside the run sees: none while the lab is being made."""
    try:
        return points(db)
    except StoreError:
        return []


def same(one: list[Point], other: list[Point]) -> bool:
    return [point._replace(detail=None) for point in one] == [point._replace(detail=None) for point in other]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs a process table to look at")
@pytest.mark.parametrize("name", [pytest.param(name, marks=needing(name)) for name in NAMES if name != "serial"])
def test_a_run_that_is_killed_loses_nothing_that_others_saw_and_leaves_no_process(name: str, tmp_path: Path):
    db, alone = tmp_path / "lab.db", tmp_path / "alone.db"
    how = ("--executor", name, "--jobs", "2", "--batch-seconds", "60", "--db", db)
    process = subprocess.Popen([DSE, "run", *TASK, *SEARCH, *how], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (seen := points_so_far(db)) and time.monotonic() < deadline:
        time.sleep(0.02)
    family = descendants(process.pid)
    process.kill()
    process.wait()
    assert len(family) >= 2
    stored = points(db)
    assert seen
    assert same(stored[: len(seen)], seen)
    assert len(stored) < BUDGET

    deadline = time.monotonic() + 60
    while any(map(simulates, family)) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = {pid: said_of(pid, "Name") for pid in family if lives(pid)}
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert set(left.values()) <= set(AGENTS)

    for command in (
        ("resume", "1", "--json", "--executor", "serial", "--db", db),
        ("run", *TASK, *SEARCH, "--executor", "serial", "--db", alone),
    ):
        done = subprocess.run([DSE, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert same(points(db)[: len(stored)], stored)
    assert same(points(db), points(alone))
