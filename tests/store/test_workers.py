"""What workers have done for a run: added up per process, the owner's to tell, and gone with the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import merging
from store.database import Lab
from store.errors import FencedOutError, UnknownRunError
from store.rows import Worker
from tests.store.toy_run import new_run, work

ONE = Worker("near", 7, "loky", 30, 1.5, 0, 100)
OTHER = Worker("far", 7, "loky", 12, 0.25, 1, 200)


def test_what_a_process_has_done_is_added_up_in_any_number_of_parts(lab: Lab) -> None:
    run = lab.create_run(new_run())
    epoch = lab.claim(run.id)
    assert lab.workers(run.id) == []
    lab.add_workers(run.id, epoch, [ONE, OTHER])
    lab.add_workers(run.id, epoch, [ONE._replace(designs=3, seconds=0.5, failures=1, updated_ns=90)])
    assert lab.workers(run.id) == [OTHER, ONE._replace(designs=33, seconds=2.0, failures=1)]
    many = [ONE._replace(pid=pid) for pid in range(1000, 1123)]  # more than one statement inserts
    lab.add_workers(run.id, epoch, many)
    lab.add_workers(run.id, epoch, many)
    told = lab.workers(run.id)
    assert len(told) == 125
    assert {each.designs for each in told if each.pid >= 1000} == {60}


def test_the_owner_tells_also_after_its_end_and_nobody_else_does(lab: Lab) -> None:
    run = lab.create_run(new_run())
    old = lab.claim(run.id)
    lab.finish(run.id, old, "paused")
    lab.add_workers(run.id, old, [ONE])
    lab.claim(run.id)
    with pytest.raises(FencedOutError):
        lab.add_workers(run.id, old, [ONE])
    assert lab.workers(run.id) == [ONE]
    with pytest.raises(UnknownRunError):
        lab.add_workers(99, 1, [ONE])


def test_it_leaves_with_the_run_and_is_taken_along_with_it(tmp_path: Path) -> None:
    with Lab.open(tmp_path / "one.db") as lab:
        for services in ([ONE, OTHER], [ONE]):
            run = lab.create_run(new_run())
            epoch = lab.claim(run.id)
            lab.add_workers(run.id, epoch, services)
            lab.finish(run.id, epoch, "paused")
        lab.remove_runs([2])
        assert (lab.workers(1), lab.workers(2)) == ([OTHER, ONE], [])
        assert lab.problems() == []
    with merging.opened(tmp_path / "one.db", 1.0) as source, Lab.open(tmp_path / "two.db") as lab:
        list(work(lab, lab.create_run(new_run()).id, 2))
        lab.merge(source)
        assert lab.workers(2) == [OTHER, ONE]
        assert lab.problems() == []
