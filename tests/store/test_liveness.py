"""Who is alive: an owner in a long step says so, one that was taken over stops, a signal to all costs nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.crash import DSE, KINDS, Kind, Process, faults, kept, stored_steps, uninterrupted
from store.database import Lab
from store.errors import FencedOutError, LockedLabError
from store.owner import beating
from tests.cli.conftest import environment
from tests.store.conftest import file_of
from tests.store.toy_run import new_run


def until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def with_session(folder: Path, kind: Kind) -> subprocess.Popen[str]:
    """This kind of run, once it has stored a step."""
    process = subprocess.Popen(
        [DSE, "run", *kind.arguments, "--db", "lab.db"],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: process.poll() is not None or stored_steps(folder / "lab.db", 1))
    return process


def test_an_owner_in_a_long_step_says_that_it_lives(lab: Lab) -> None:
    run = lab.create_run(new_run())
    epoch = lab.claim(run.id)
    before, written = lab.run(run.id), lab.run(run.id).heartbeat_ns
    with beating(lambda: lab.heartbeat(run.id, epoch), 0.01):
        until(lambda: lab.run(run.id).heartbeat_ns != written)
    after = lab.run(run.id)
    time.sleep(0.05)
    assert lab.run(run.id) == after, "it stops with the work"
    assert (after.steps, after.epoch, after.status) == (before.steps, before.epoch, "running")


def test_a_lab_that_is_locked_for_a_while_ends_no_heartbeat_but_a_takeover_does() -> None:
    beats: list[int] = []

    def beat() -> None:
        beats.append(len(beats))
        if len(beats) < 3:
            raise LockedLabError("locked")
        if len(beats) == 5:
            raise FencedOutError("taken over")

    with beating(beat, 0.001):
        until(lambda: len(beats) == 5)
        time.sleep(0.05)
    assert len(beats) == 5


def test_a_process_lingers_when_its_run_has_ended_and_another_of_its_number_does_not(lab: Lab) -> None:
    run = lab.create_run(new_run())
    lab.finish(run.id, lab.claim(run.id), "paused")
    ended = lab.run(run.id)
    assert lab.live_status(ended) == "paused"
    assert lab.lingers(ended)
    assert ended.process_start is not None
    assert not lab.lingers(replace(ended, process_start=ended.process_start + 1))
    assert not lab.lingers(replace(ended, host="elsewhere"))


LONG = Kind("long", (*KINDS[0].arguments, "--budget", "20000"))


def test_a_run_that_was_taken_over_is_left_by_its_old_owner_in_one_line(tmp_path: Path) -> None:
    process = with_session(tmp_path, LONG)
    try:
        with Lab.open(tmp_path / "lab.db") as lab:
            with (
                closing(sqlite3.connect(file_of(lab), timeout=30)) as raw,
                raw,
            ):  # as if on a host whose clock is far off
                raw.execute("UPDATE run SET host = 'far', heartbeat_ns = 0")
                raw.execute("UPDATE run SET epoch = epoch + 1, pid = ?, process_start = 0", (os.getpid(),))
            _, stderr = process.communicate(timeout=60)
            stored = lab.run(1)
            assert process.returncode == 2, stderr
            assert "was taken over by process" in stderr.splitlines()[-1]
            assert "Traceback" not in stderr
            assert (stored.status, stored.epoch) == ("running", 2)
            assert faults(file_of(lab)) == []
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [KINDS[4], KINDS[5]], ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_a_signal_that_reaches_all_processes_of_a_run_costs_nothing(tmp_path: Path, kind: Kind, name: str) -> None:
    """As Ctrl-C does, and a terminal that closes: workers and simulators get it as well."""
    whole = uninterrupted(kind, tmp_path)
    process = with_session(tmp_path, kind)
    try:
        os.killpg(process.pid, signal.Signals[name])
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    with Lab.open(tmp_path / "lab.db", readonly=True) as lab:
        assert lab.run(1).status == "paused"
    assert faults(tmp_path / "lab.db") == []
    Process(tmp_path, tmp_path / "lab.db", 1, "resume", "1").finish()
    assert kept(tmp_path / "lab.db") == whole.content
