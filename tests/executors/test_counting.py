"""A run keeps what its workers have done: at its end, however it ends, with heartbeats, and with none of its steps."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pytest

from store.database import Lab
from store.errors import LockedLabError
from store.rows import Worker as Row
from tests.toy import ToySettings, ToySimulator, toy_task
from workbench import runner
from workbench.errors import SimulatorError
from workbench.executor import evaluate
from workbench.executors import table
from workbench.executors.base import Call, Done, LostError, Worker, simulated
from workbench.runner import RunSpec, run, start
from workbench.simulators import SIMULATORS
from workbench.stop import Stop
from workbench.workers import Workers

SPEC = RunSpec(toy_task(), "anneal", simulator="toy", seed=7, batch=6, stop=Stop(budget=24), sources=("none",))
NEAR, FAR = Worker("near", 11), Worker("far", 22)


class Two:
    """Two workers by name, in this process; of the calls with these numbers one is lost."""

    slots, started = 2, True

    def __init__(self, lost: Sequence[int] = ()) -> None:
        self._lost, self._calls = lost, 0

    def submit(self, call: Call) -> tuple[int, Call]:
        self._calls += 1
        return self._calls, call

    def wait(self, handles: Collection[tuple[int, Call]]) -> Collection[tuple[int, Call]]:
        return list(handles)[:1]

    def result(self, handle: tuple[int, Call]) -> Done:
        number, call = handle
        if number in self._lost:
            raise LostError
        return simulated(call.simulator, call.task, call.designs)._replace(worker=(NEAR, FAR)[number % 2])

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setitem(SIMULATORS, "toy", ToySimulator)
    monkeypatch.setattr(table, "made", lambda name, jobs: Two())
    with Lab.open(tmp_path / "lab.db") as opened:
        yield opened


def simulated_by(told: Sequence[Row]) -> int:
    return sum(each.designs for each in told)


def test_a_run_in_one_process_tells_nothing(lab: Lab) -> None:
    row = start(lab, SPEC)
    with Workers(1, "serial") as workers:
        assert list(run(lab, row.id, workers=workers))
    assert lab.workers(row.id) == []


def test_what_workers_did_is_that_of_the_run_they_did_it_for(lab: Lab) -> None:
    first, second = start(lab, SPEC), start(lab, RunSpec(**{**vars(SPEC), "seed": 8}))
    with Workers(2, "ray") as workers:
        evaluate(
            ToySimulator(ToySettings()), toy_task(), [toy_task().space.unrank(0)], lambda *_: {}, workers
        )  # for no run at all
        for row in (first, second):
            assert list(run(lab, row.id, workers=workers))
    for row in (first, second):
        told = lab.workers(row.id)
        assert {(each.host, each.pid, each.executor) for each in told} <= {("near", 11, "ray"), ("far", 22, "ray")}
        assert simulated_by(told) >= lab.run(row.id).evaluations


def test_what_was_done_before_a_pause_is_added_to_what_is_done_after(lab: Lab) -> None:
    row = start(lab, SPEC)
    with Workers(2, "ray") as workers:
        steps = run(lab, row.id, workers=workers)
        next(steps)
        next(steps)
        assert lab.workers(row.id) == [], "a step stores none"
        steps.close()
        before = lab.workers(row.id)
        assert simulated_by(before) > 0
        assert list(run(lab, row.id, workers=workers))
    after = lab.workers(row.id)
    assert len(after) == 2
    assert simulated_by(after) >= lab.run(row.id).evaluations > simulated_by(before)


def test_a_loss_is_told_and_so_is_what_was_done_before_a_run_fails(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "made", lambda name, jobs: Two(lost=(3,)))
    row = start(lab, SPEC)
    with Workers(2, "ray") as workers:
        next(steps := run(lab, row.id, workers=workers))
        monkeypatch.setattr(ToySimulator, "evaluate", lambda *_: 1 / 0)
        with pytest.raises((SimulatorError, ZeroDivisionError)):
            list(steps)
    told = lab.workers(row.id)
    assert [(each.pid, each.failures) for each in told if each.host == "?"] == [(0, 1)]
    assert simulated_by(told) > 0


def test_it_is_told_with_a_heartbeat_and_again_where_the_lab_was_busy(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat, refused = lab.heartbeat, list[int]()

    def busy_at_first(run_id: int, epoch: int, told: Sequence[Row]) -> None:
        if told and not refused:
            refused.append(simulated_by(told))
            raise LockedLabError("the lab is busy")
        beat(run_id, epoch, told)

    monkeypatch.setattr(lab, "heartbeat", busy_at_first)
    monkeypatch.setattr(runner, "BEAT_SECONDS", 0.02)
    row = start(lab, SPEC)
    with Workers(2, "ray") as workers:
        steps = run(lab, row.id, workers=workers)
        next(steps)
        deadline = time.monotonic() + 60
        while not lab.workers(row.id) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert lab.run(row.id).status == "running"
        assert simulated_by(lab.workers(row.id)) >= refused[0] > 0
        list(steps)
    assert simulated_by(lab.workers(row.id)) >= lab.run(row.id).evaluations
