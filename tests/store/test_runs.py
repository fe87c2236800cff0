"""Runs in the lab: names, pages, ownership and fencing."""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest

from store.database import Lab
from store.errors import BadRowError, BusyRunError, FencedOutError, UnknownRunError
from store.owner import LEASE_SECONDS, Owner, is_alive, process_start, this_process
from store.rows import STATUSES, Checkpoint, Context, Evaluation, Point, Progress, Run, Worker
from store.tables import Base
from tests.store.conftest import Start, behind_its_back
from tests.store.toy_run import new_run, work


def overwrite(lab: Lab, run_id: int, **values: object) -> None:
    for column, value in values.items():
        behind_its_back(lab, f"UPDATE run SET {column} = ? WHERE id = ?", value, run_id)  # noqa: S608


def test_the_values_have_the_columns_of_their_tables() -> None:
    columns = {name: [column.name for column in table.columns] for name, table in Base.metadata.tables.items()}
    assert columns["run"] == [field.name for field in fields(Run)]
    assert columns["context"] == ["id", *Context._fields]
    assert columns["evaluation"] + ["detail"] == ["context_id", *Evaluation._fields[1:]]
    assert columns["point"] + ["detail"] == ["run_id", *Point._fields]
    assert columns["history"] == ["run_id", *Progress._fields]
    assert columns["checkpoint"] == ["run_id", *Checkpoint._fields, "digest"]


def test_a_new_run_is_queued_and_keeps_what_it_was_asked(lab: Lab) -> None:
    asked = new_run(seed=-(2**63))
    run = lab.create_run(asked)
    assert (run.id, run.status, run.steps, run.epoch, run.hypervolume) == (1, "queued", 0, 0, None)
    assert all(getattr(run, field.name) == getattr(asked, field.name) for field in fields(asked))
    assert lab.run(run.id) == lab.run("1") == lab.run("last") == lab.run(run.uuid) == lab.run(run.uuid[:6]) == run
    assert lab.run(f"{run.uuid[:8]}-{run.uuid[8:]}".upper()) == run


def test_what_a_run_cannot_be_asked_is_refused() -> None:
    with pytest.raises(BadRowError, match="seed must fit in 64 bits"):
        new_run(seed=2**63)
    with pytest.raises(BadRowError, match="stop must be JSON text, not 'soon'"):
        replace(new_run(), stop="soon")
    with pytest.raises(BadRowError, match="task must be JSON text"):
        replace(new_run(), task='{"x": NaN}')


def test_an_unknown_run_is_answered_with_those_there_are(lab: Lab) -> None:
    for ref in ("last", 1, "1", "abcd"):
        with pytest.raises(UnknownRunError, match="this lab has none yet"):
            lab.run(ref)
    run = lab.create_run(new_run())
    for ref in (7, "7", "anneal", "x' OR 1=1", "", "-1", "9" * 30, "abc"):
        with pytest.raises(UnknownRunError, match=rf"Latest: 1 \({run.uuid[:8]}, toy_array toynet uniform\)"):
            lab.run(ref)
    with pytest.raises(UnknownRunError):
        lab.claim(2)


def test_a_beginning_that_several_runs_share_is_refused(lab: Lab) -> None:
    for _ in range(2):
        lab.create_run(new_run())
    overwrite(lab, 1, uuid="abcde0" + "0" * 26)
    overwrite(lab, 2, uuid="abcde1" + "0" * 26)
    with pytest.raises(UnknownRunError, match=r"Several runs begin with 'abcde': 2 \(abcde1000\), 1 \(abcde0000\)"):
        lab.run("abcde")
    assert lab.run("abcde1").id == 2


def test_pages_of_runs_hold_each_run_once_the_latest_first(lab: Lab) -> None:
    for index in range(7):
        lab.create_run(replace(new_run(), task_key=b"odd" if index % 2 else b"even"))
    pages, before = [], None
    while page := lab.runs(limit=3, before_id=before):
        pages.append([run.id for run in page])
        before = page[-1].id
    assert pages == [[7, 6, 5], [4, 3, 2], [1]]
    assert [run.id for run in lab.runs(task_key=b"odd")] == [6, 4, 2]
    assert [run.id for run in lab.runs("queued", limit=2)] == [7, 6]
    assert lab.runs("done") == []


def test_a_run_goes_through_its_statuses(lab: Lab) -> None:
    run = lab.create_run(new_run())
    for status in ("paused", "interrupted", "failed", "done"):
        epoch = lab.claim(run.id)
        assert lab.live_status(lab.run(run.id)) == "running"
        lab.heartbeat(run.id, epoch)
        lab.finish(run.id, epoch, status, "out of ideas" if status == "failed" else None)
        now = lab.run(run.id)
        assert (lab.live_status(now), now.error) == (status, "out of ideas" if status == "failed" else None)
        with pytest.raises(FencedOutError, match=f"Run 1 is {status}"):
            lab.finish(run.id, epoch, "done")
    with pytest.raises(BadRowError, match="not as 'running'"):
        lab.finish(run.id, lab.claim(run.id), "running")
    assert set(STATUSES) >= {"queued", "running"}


def test_a_live_owner_keeps_its_run_and_a_killed_one_loses_it_at_once(lab: Lab, start: Start) -> None:
    run = lab.create_run(new_run())
    process = start(lab.path, run.id, 10**6)
    with pytest.raises(BusyRunError, match=f"process {process.pid} on {socket.gethostname()}"):
        lab.claim(run.id)
    assert [r.id for r in lab.runs("running")] == [1]
    process.kill()
    time.sleep(0.05)  # dead, but nobody has reaped it: it still has a process id
    while process_start(process.pid) is not None:
        time.sleep(0.01)
    assert process.returncode is None
    left = lab.run(run.id)
    assert (left.status, lab.live_status(left)) == ("running", "interrupted")
    assert lab.runs("running") == []
    assert [r.id for r in lab.runs("interrupted")] == [1]
    assert lab.claim(run.id) == left.epoch + 1


def test_an_owner_that_was_taken_over_cannot_write(lab: Lab) -> None:
    run = lab.create_run(new_run())
    old = lab.claim(run.id)
    next(work(lab, run.id, 1, epoch=old))
    before = lab.run(run.id), lab.points(run.id)
    new = lab.claim(run.id)
    for write in (
        lambda: next(work(lab, run.id, 2, epoch=old)),
        lambda: lab.heartbeat(run.id, old),
        lambda: lab.finish(run.id, old, "done"),
    ):
        with pytest.raises(FencedOutError, match=r"Run 1 was taken over by process .* ours was 1"):
            write()
    assert lab.points(run.id) == before[1]
    assert lab.run(run.id).steps == before[0].steps
    next(work(lab, run.id, 2, epoch=new))


def test_a_run_tells_what_its_workers_have_done_and_only_its_owner_says_so(lab: Lab) -> None:
    run = lab.create_run(new_run())
    epoch = lab.claim(run.id)
    first, other = Worker("a", 1, "loky", 3, 0.5, 0, 10), Worker("b", 1, "dask", 2, 0.25, 1, 10)
    lab.heartbeat(run.id, epoch, [other, first])
    assert lab.workers(run.id) == [first, other]
    lab.heartbeat(run.id, epoch, [first._replace(designs=6, seconds=2.0, failures=2, updated_ns=20)])
    later = first._replace(designs=9, seconds=2.5, failures=2, updated_ns=20)
    assert lab.workers(run.id) == [later, other]
    with pytest.raises(FencedOutError):
        lab.heartbeat(run.id, epoch - 1, [first])
    assert lab.workers(run.id) == [later, other]
    assert lab.workers(run.id + 1) == []


def test_a_process_is_alive_until_it_is_known_to_be_dead() -> None:
    here = this_process()
    assert is_alive(here, 1e9, here)
    assert not is_alive(replace(here, process_start=-1), 0, here), "the process id was given to another"
    assert not is_alive(replace(here, boot_id="before"), 0, here), "the host was restarted"
    elsewhere: list[Owner] = [
        replace(here, host="far"),
        replace(here, host="far", boot_id="other"),
        replace(here, pid_namespace="pid:[1]"),
        replace(here, process_start=None),
    ]
    for owner in elsewhere:
        assert is_alive(owner, LEASE_SECONDS - 1, here)
        assert not is_alive(owner, LEASE_SECONDS + 1, here)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="compares /proc with ps")
def test_the_start_of_a_process_tells_it_from_others() -> None:
    assert process_start(os.getpid()) == process_start(os.getpid()) != process_start(1)
    assert process_start(2**22 + 1) is None


def test_a_silent_owner_on_another_host_loses_the_run_after_its_lease(lab: Lab) -> None:
    run = lab.create_run(new_run())
    epoch = lab.claim(run.id)
    overwrite(lab, run.id, host="far")
    with pytest.raises(BusyRunError, match="on far"):
        lab.claim(run.id)
    overwrite(lab, run.id, heartbeat_ns=time.time_ns() - int((LEASE_SECONDS + 1) * 1e9))
    assert lab.live_status(lab.run(run.id)) == "interrupted"
    assert lab.claim(run.id) == epoch + 1


def test_of_claims_at_the_same_time_each_gets_an_epoch_of_its_own(lab: Lab) -> None:
    """Each reads the epoch and writes the next: SQLAlchemy's own transactions would lose most of them."""
    run = lab.create_run(new_run())
    epochs: list[int] = []

    def claim_often() -> None:
        with Lab.open(lab.path) as own:
            epochs.extend(own.claim(run.id) for _ in range(25))

    threads = [threading.Thread(target=claim_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(epochs) == list(range(1, 101))
