"""A step that is on its way to the disk: nothing overtakes it, and what could not be stored is told to who waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.connections import _WRITER
from store.database import Lab
from store.errors import BadRowError, FullDiskError
from store.rows import Point, Progress
from store.steps import Content
from tests.store.toy_run import new_run


def step(number: int, size: int = 10) -> Content:
    """One design more."""
    point = Point(number - 1, number, b"\1", 1.0, 1.0, 1.0, detail=f'"{"x" * size}"')
    return Content(Progress(number, number, number, 0, number, 1, None, "{}", 0.1), [point], [0], b"state")


def test_a_step_is_there_when_its_wait_returns(lab: Lab) -> None:
    run = lab.create_run(new_run()).id
    epoch = lab.claim(run)
    for number in range(1, 6):
        storing = lab.begin_step(run, epoch, step(number))
        storing.wait()
        assert (lab.run(run).steps, len(lab.points(run))) == (number, number)
    assert lab.problems() == []


def test_who_writes_next_waits_for_the_step_under_way(lab: Lab) -> None:
    run = lab.create_run(new_run()).id
    epoch = lab.claim(run)
    lab.begin_step(run, epoch, step(1))
    storing = lab.begin_step(run, epoch, step(2))
    lab.finish(run, epoch, "paused")
    assert (lab.run(run).steps, lab.run(run).status) == (2, "paused")
    storing.wait()


def test_a_lab_is_closed_when_the_step_under_way_is_safe(tmp_path: Path) -> None:
    with Lab.open(tmp_path / "lab.db") as lab:
        run = lab.create_run(new_run()).id
        lab.begin_step(run, lab.claim(run), step(1))
    with Lab.open(tmp_path / "lab.db", readonly=True) as lab:
        assert lab.run(run).steps == 1


def test_what_is_asked_of_the_owner_comes_with_the_step(lab: Lab) -> None:
    run = lab.create_run(new_run()).id
    epoch = lab.claim(run)
    assert lab.begin_step(run, epoch, step(1)).wish is None
    lab.ask(run, "pause")
    assert lab.begin_step(run, epoch, step(2)).wish == "pause"


def test_a_step_that_is_refused_leaves_the_lab_as_it_was_and_open(lab: Lab) -> None:
    run = lab.create_run(new_run()).id
    epoch = lab.claim(run)
    with pytest.raises(BadRowError, match="do not follow"):
        lab.begin_step(run, epoch, step(2))
    lab.begin_step(run, epoch, step(1)).wait()
    assert lab.run(run).steps == 1


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab.open(tmp_path / "lab.db") as lab:
        run = lab.create_run(new_run()).id
        epoch = lab.claim(run)
        lab.begin_step(run, epoch, step(1)).wait()
    with monkeypatch.context() as small:
        small.setattr("store.connections._WRITER", (*_WRITER, "PRAGMA max_page_count = 60"))
        with Lab.open(tmp_path / "lab.db") as lab:
            with pytest.raises(FullDiskError, match="make space"):
                lab.begin_step(run, epoch, step(2, 500_000)).wait()
            assert lab.run(run).steps == 1
    with Lab.open(tmp_path / "lab.db") as lab:
        lab.begin_step(run, epoch, step(2, 500_000)).wait()
        assert (lab.run(run).steps, lab.problems()) == (2, [])
