"""What others ask of a run: to stop after its step, to wait for its turn; and nothing waits for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.database import Lab
from store.errors import BusyRunError, FencedOutError, RunError
from tests.store.conftest import Start
from tests.store.test_migrations import lab_of_schema
from tests.store.test_runs import overwrite
from tests.store.toy_run import new_run, work
from workbench.background import wait_turn


def elsewhere(lab: Lab, *run_ids: int, pid: int = 1) -> None:
    """As if a process that lives worked on these runs, or waited for their turn."""
    for run_id in run_ids:
        lab.hand_over(run_id, pid)


@pytest.mark.parametrize(("wish", "status"), [("pause", "paused"), ("cancel", "cancelled")])
def test_the_owner_is_told_of_a_wish_with_its_next_step_and_the_end_forgets_it(lab: Lab, wish, status) -> None:
    run = lab.create_run(new_run())
    epoch = lab.claim(run.id)
    steps = work(lab, run.id, 9, epoch=epoch)
    next(steps)
    assert lab.run(run.id).wish is None
    assert lab.ask(run.id, wish) == "running"
    assert lab.live_status(lab.run(run.id)) == "running", "the step under way is finished"
    progress = next(steps)
    assert lab.run(run.id).wish == wish
    assert lab.claim(run.id) == epoch + 1
    assert lab.run(run.id).wish == wish, "its owner has only claimed it again"
    lab.finish(run.id, epoch + 1, status)
    left = lab.run(run.id)
    assert (left.status, left.wish, left.points) == (status, None, progress.points)
    with pytest.raises(RunError, match=f"Run 1 is {status}: there is nothing to {wish}"):
        lab.ask(run.id, wish)


def test_a_wish_does_not_outlive_the_owner_it_was_meant_for(lab: Lab, start: Start) -> None:
    run = lab.create_run(new_run())
    process = start(lab.path, run.id, 10**6)
    lab.ask(run.id, "pause")
    process.kill()
    process.wait()
    assert lab.live_status(lab.run(run.id)) == "interrupted"
    lab.claim(run.id)
    assert lab.run(run.id).wish is None


@pytest.mark.parametrize("status", ["paused", "interrupted", "failed"])
def test_what_nobody_works_on_is_cancelled_at_once_and_can_be_resumed(lab: Lab, status) -> None:
    run = lab.create_run(new_run())
    lab.finish(run.id, lab.claim(run.id), status)
    with pytest.raises(RunError, match=f"is {status}: there is nothing to pause"):
        lab.ask(run.id, "pause")
    assert lab.ask(run.id, "cancel") == "cancelled"
    lab.finish(run.id, lab.claim(run.id), "done")
    with pytest.raises(RunError, match="is done: there is nothing to cancel"):
        lab.ask(run.id, "cancel")
    with pytest.raises(RunError, match="is done: there is nothing to go on with"):
        lab.enqueue(run.id)


def test_a_run_that_waits_is_stopped_at_once_and_its_process_told(lab: Lab) -> None:
    run = lab.enqueue(lab.create_run(new_run()).id)
    assert lab.ask(run.id, "cancel") == "cancelled"
    with pytest.raises(FencedOutError, match="Run 1 is cancelled: it no longer waits"):
        lab.claim_turn(run.id, 9)
    with pytest.raises(FencedOutError, match="no longer waits"):
        lab.wait(run.id)


def test_of_ten_runs_as_many_work_as_there_are_slots_and_the_longest_waiting_is_next(lab: Lab) -> None:
    ids = [lab.enqueue(lab.create_run(new_run(seed)).id).id for seed in range(10)]
    begun: list[int] = []
    for _ in range(3):
        begun += [run_id for run_id in ids if run_id not in begun and lab.claim_turn(run_id, 2) is not None]
    assert begun == ids[:2]
    assert {run.id for run in lab.runs("queued")} == set(ids[2:])
    lab.finish(ids[0], lab.run(ids[0]).epoch, "paused")
    assert lab.claim_turn(ids[3], 2) is None, "another one has waited longer"
    assert lab.claim_turn(ids[2], 2) == 2
    lab.enqueue(ids[0])
    assert lab.claim_turn(ids[0], 99) is None, "who comes back stands behind"
    assert lab.claim_turn(ids[3], 3) is not None


def test_a_killed_run_that_waited_is_not_queued_for_ever_and_stands_in_nobodys_way(lab: Lab) -> None:
    first, second = (lab.create_run(new_run(seed)) for seed in (1, 2))
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    lab.hand_over(first.id, sleeper.pid)
    assert lab.live_status(lab.run(first.id)) == "queued"
    with pytest.raises(BusyRunError, match=f"Run 1 waits for its turn already, by process {sleeper.pid}"):
        lab.enqueue(first.id)
    assert lab.claim_turn(second.id, 5) is None
    sleeper.kill()
    sleeper.wait()
    assert lab.live_status(lab.run(first.id)) == "interrupted"
    assert [run.id for run in lab.runs("interrupted")] == [first.id]
    assert [run.id for run in lab.runs("queued")] == [second.id]
    assert lab.claim_turn(second.id, 5) is not None
    lab.enqueue(first.id)
    assert lab.live_status(lab.run(first.id)) == "queued"


def test_who_waits_is_handed_over_once_and_begun_by_whoever_resumes_it(lab: Lab) -> None:
    run = lab.create_run(new_run())
    elsewhere(lab, run.id)
    elsewhere(lab, run.id, pid=os.getpid())
    assert lab.run(run.id).pid == 1, "it is no longer ours to hand over"
    lab.wait(run.id)
    assert lab.run(run.id).pid == os.getpid()
    elsewhere(lab, run.id)
    assert lab.claim(run.id) == 1
    with pytest.raises(FencedOutError, match="is running: it no longer waits"):
        lab.claim_turn(run.id, 9)


def test_a_run_that_is_stopped_before_its_process_begins_is_not_begun_by_it(lab: Lab) -> None:
    run = lab.create_run(new_run())
    lab.ask(run.id, "pause")
    lab.hand_over(run.id, os.getpid())
    with pytest.raises(FencedOutError, match="Run 1 was paused before it began"):
        list(wait_turn(lab, run.id, 9, lambda: False))
    assert lab.run(run.id).status == "paused"


def test_the_number_of_a_run_removed_before_the_migration_is_not_given_again(tmp_path: Path) -> None:
    lab_of_schema(3, tmp_path / "lab.db")
    with Lab.open(tmp_path / "lab.db") as lab:
        assert lab.create_run(new_run()).id == 6


def test_the_queue_of_another_lab_is_not_taken_over(lab: Lab, tmp_path: Path) -> None:
    from store import merging

    with Lab.open(tmp_path / "other.db") as other:
        other.create_run(new_run())
    with merging.opened(tmp_path / "other.db", 1.0) as source:
        lab.merge(source)
    overwrite(lab, 1, host="far")
    assert lab.run(1).status == "interrupted"
