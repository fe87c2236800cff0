"""Kills and crowds: what was acknowledged is there, what was not is not there in half, and writers wait their turn."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.crash import KINDS, faults, kill_runs
from store.database import Lab
from tests.store.conftest import ROOT, Start, file_of
from tests.store.toy_run import BATCH, CONTEXT, fingerprint, new_run, work

STEPS = 400


def assert_consistent(lab: Lab, run_id: int) -> int:
    """Everything of the run's last step is there and nothing after it; the answer is that step."""
    run, points, history, checkpoint = lab.run(run_id), lab.points(run_id), lab.history(run_id), lab.checkpoint(run_id)
    assert [row.step for row in history] == list(range(1, run.steps + 1))
    assert [point.seq for point in points] == list(range(run.points)) == list(range(run.steps * BATCH))
    assert (checkpoint.step if checkpoint else 0) == run.steps
    if history:
        assert history[-1][1:8] == (*(getattr(run, name) for name in history[-1]._fields[1:8]),)
        assert len(lab.front(run_id)) == run.front_size
        known = lab.evaluations(CONTEXT.key)
        assert len(known) == run.evaluations
    return run.steps


def test_a_run_killed_again_and_again_loses_nothing_and_ends_as_if_never_killed(tmp_path: Path, start: Start) -> None:
    rng = random.Random(1)
    with Lab.open(tmp_path / "killed.db") as lab, Lab.open(tmp_path / "whole.db") as whole:
        run = lab.create_run(new_run())
        for _ in range(6):
            process = start(lab.path, run.id, STEPS)
            time.sleep(rng.uniform(0.0, 0.25))
            process.kill()
            acknowledged, _ = process.communicate()
            last = max(map(int, acknowledged.split()), default=0)
            assert last <= assert_consistent(lab, run.id)
            assert lab.live_status(lab.run(run.id)) in ("interrupted", "done")
        list(work(lab, run.id, STEPS))
        whole.create_run(new_run())
        list(work(whole, 1, STEPS))
        assert assert_consistent(lab, run.id) == assert_consistent(whole, 1) == STEPS
        assert fingerprint(lab, run.id) == fingerprint(whole, 1)


def test_the_program_itself_killed_at_random_moments_loses_nothing(tmp_path: Path) -> None:
    found = kill_runs(KINDS[0], 10, tmp_path, seed=3)
    assert (found.kills, found.inconsistent, found.lost, found.different) == (10, 0, 0, 0)
    assert found.steps > 5, "the kills hit runs at work"


HARMS = (
    "DELETE FROM front WHERE run_id",
    "DELETE FROM history WHERE step = 3 AND run_id",
    "UPDATE checkpoint SET step = 2 WHERE run_id",
    "DELETE FROM point WHERE seq = 20 AND run_id",
    "UPDATE run SET hits = hits + 1, evaluations = evaluations - 1 WHERE id",
)


def test_the_checks_after_a_kill_find_what_a_kill_could_do(lab: Lab) -> None:
    """Otherwise the test above could not fail."""
    run = lab.create_run(new_run())
    list(work(lab, run.id, 3))
    assert faults(file_of(lab)) == []
    for number, harm in enumerate(HARMS, 2):
        list(work(lab, lab.create_run(new_run()).id, 3))
        with closing(sqlite3.connect(file_of(lab))) as raw, raw:
            raw.execute(f"{harm} = {number}")
        assert faults(file_of(lab))[-1] == f"run {number} does not agree with its points", harm


def test_two_writing_processes_and_a_reader_do_not_disturb_each_other(tmp_path: Path, start: Start) -> None:
    steps = 150
    with Lab.open(tmp_path / "lab.db") as lab:
        runs = [lab.create_run(new_run(seed)).id for seed in (1, 2)]
    with Lab.open(tmp_path / "lab.db", readonly=True) as watching:
        processes = [start(watching.path, run_id, steps) for run_id in runs]
        seen, version = set(), watching.data_version()
        while any(process.poll() is None for process in processes):
            for run_id in runs:
                before, points, after = watching.run(run_id), watching.points(run_id), watching.run(run_id)
                assert before.points <= len(points) <= after.points
                assert len(points) % BATCH == 0
                seen.add((run_id, after.steps))
            time.sleep(0.005)
        assert len(seen) > 4, "the reader saw the runs advance"
        assert watching.data_version() != version
        for process, run_id in zip(processes, runs, strict=True):
            assert process.returncode == 0
            assert (watching.run(run_id).status, watching.run(run_id).steps) == ("done", steps)


def test_threads_that_share_a_lab_lose_no_update(lab: Lab) -> None:
    errors: list[Exception] = []

    def search(seed: int) -> None:
        try:
            list(work(lab, lab.create_run(new_run(seed)).id, 30))
        except Exception as error:  # noqa: BLE001 - a thread's edge: the test shows it
            errors.append(error)

    threads = [threading.Thread(target=search, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(run.steps for run in lab.runs()) == [30] * 4
    assert sum(run.evaluations for run in lab.runs()) >= len(lab.evaluations(CONTEXT.key))


def test_reading_errors_needs_no_sql_library() -> None:
    """The command line catches `StoreError` before it knows whether it needs a lab at all."""
    script = "import sys, store.errors; print({'sqlalchemy', 'sqlmodel', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


OPENED_AND_CLOSED = "import sys; from store.database import Lab; Lab.open(sys.argv[1]).close()"


@pytest.mark.parametrize("readonly", [False, True])
def test_a_lab_opened_twice_by_one_process_and_once_by_another_stays_one_file(lab: Lab, readonly: bool) -> None:
    """Whoever closes a lab last deletes its log: a process that has it open is not to be overlooked."""
    run = lab.create_run(new_run())
    list(work(lab, run.id, 3))
    Lab.open(lab.path, readonly=readonly).close()
    subprocess.run([sys.executable, "-c", OPENED_AND_CLOSED, str(lab.path)], cwd=ROOT, check=True)
    list(work(lab, run.id, 6))
    with Lab.open(lab.path, readonly=True) as again:
        assert (again.run(run.id).steps, lab.run(run.id).steps) == (6, 6)
