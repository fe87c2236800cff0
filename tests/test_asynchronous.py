"""Runs whose search is asked again as designs come back: in any order, recorded, and resumed as if nothing had been."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from store.database import Lab
from tests.cotasks import cotask
from tests.test_runner import kept
from tests.toy import MIDDLE, SMALL, ToySimulator, toy_task
from workbench.errors import UserError
from workbench.library import history
from workbench.problem.metrics import Infeasible, Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.runner import RunSpec, run, start
from workbench.searches import SEARCHES
from workbench.simulators import SIMULATORS
from workbench.simulators.base import Simulator
from workbench.stop import Stop
from workbench.workers import Workers

AHEAD = [name for name, search in SEARCHES.items() if search.ahead]


class Uneven:
    """What is added comes back in an order that the designs decide, as if some took longer than others."""

    def __init__(self, simulator: Simulator, tasks: Sequence[Task]) -> None:
        self._simulator, self._tasks = simulator, tasks
        self._waiting: list[tuple[Design, int]] = []
        self._outcomes: dict[tuple[Design, int], Outcome] = {}

    def add(self, design: Design, pieces: Sequence[int]) -> None:
        self._waiting += [(design, piece) for piece in pieces]

    def take(self, design: Design, pieces: Sequence[int]) -> dict[int, Outcome] | None:
        found: dict[int, Outcome] = {}
        for piece in pieces:
            if (design, piece) not in self._outcomes:
                return None
            found[piece] = self._outcomes[design, piece]
            if isinstance(found[piece], Infeasible):
                break
        return found

    def advance(self) -> None:
        next_one = min(self._waiting, key=lambda each: (sum(7**i * c for i, c in enumerate(each[0])) % 31, each))
        self._waiting.remove(next_one)
        design, piece = next_one
        (self._outcomes[next_one],) = self._simulator.evaluate(self._tasks[piece], [design])


class UnevenWorkers(Workers):
    def stream(self, simulator: Simulator, tasks: Sequence[Task]) -> Any:
        return Uneven(simulator, tasks)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIMULATORS, "toy", ToySimulator)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.open(tmp_path / "lab.db") as opened:
        yield opened


def spec(search: str = "anneal", budget: int = 30, **changes: Any) -> RunSpec:
    made = RunSpec(
        toy_task(MIDDLE), search, simulator="toy", seed=7, batch=6, stop=Stop(budget=budget), asynchronous=True
    )
    return replace(made, **changes)


def numbers(lab: Lab, run_id: int) -> list[int]:
    """The how manieth of all asked for each design was, in the order in which they came back."""
    return [number for progress in lab.history(run_id) for number in json.loads(progress.asked or "")]


@pytest.mark.parametrize("search", AHEAD)
def test_designs_are_stored_as_they_come_back_with_the_order_in_which_they_were_asked_for(lab, search):
    row = start(lab, spec(search))
    steps = list(run(lab, row.id, workers=UnevenWorkers()))
    told = [evaluated for step in steps for evaluated in step.evaluated]
    assert history(lab, row.id, toy_task(MIDDLE).space) == told
    assert len({each.design for each in told}) == len(told) == 30
    back = numbers(lab, row.id)
    assert sorted(back) == list(range(30))
    assert back != sorted(back), "some came back before others that were asked for earlier"
    assert all(number < place + 6 for place, number in enumerate(back)), "no more than six were under way"
    assert lab.run(row.id).status == "done"


@pytest.mark.parametrize("search", AHEAD)
def test_stopping_after_every_step_changes_nothing(tmp_path, search):
    with Lab.open(tmp_path / "one.db") as whole, Lab.open(tmp_path / "many.db") as parts:
        assert list(run(whole, start(whole, spec(search)).id, workers=UnevenWorkers()))
        row = start(parts, spec(search))
        while parts.run(row.id).status != "done":
            stops = iter((False, False, True))
            stop = lambda stops=stops: next(stops, True)  # noqa: E731
            assert len(list(run(parts, row.id, stop, UnevenWorkers()))) <= 1
        assert kept(parts, row.id) == kept(whole, 1)


def test_a_stop_does_not_wait_for_what_is_under_way_and_loses_none_of_it(lab):
    row = start(lab, spec())
    steps = run(lab, row.id, workers=UnevenWorkers())
    next(steps)
    steps.close()
    stopped = lab.run(row.id)
    assert stopped.status == "paused"
    under_way = json.loads(lab.checkpoint(row.id).state)["under_way"]
    asked = numbers(lab, row.id)
    assert sorted([*asked, *(number for number, _ in under_way)]) == list(range(len(asked) + len(under_way)))
    list(run(lab, row.id, workers=UnevenWorkers()))
    assert sorted(numbers(lab, row.id)) == list(range(30))


def test_a_small_space_is_exhausted(lab):
    row = start(lab, spec("uniform", 1000, task=toy_task(SMALL)))
    last = list(run(lab, row.id, workers=UnevenWorkers()))[-1]
    assert (last.points, last.stopped) == (toy_task(SMALL).space.size, "space exhausted")


def test_what_the_lab_knows_is_back_at_once_and_not_simulated_again(lab, tmp_path):
    first = start(lab, spec("uniform"))
    list(run(lab, first.id, workers=UnevenWorkers()))
    again = start(lab, spec("uniform"))
    assert list(run(lab, again.id, workers=UnevenWorkers()))[-1].hits == 30


def test_no_layer_is_simulated_behind_one_that_does_not_fit(lab, tmp_path):
    """As in a batch: uniform search asks for the same designs either way."""
    logs = [tmp_path / "streamed", tmp_path / "batched"]
    for number, (log, asynchronous) in enumerate(zip(logs, (True, False), strict=True)):
        asked = spec("uniform", 40, task=toy_task(MIDDLE, layers=3), asynchronous=asynchronous)
        with Lab.open(tmp_path / f"{number}.db") as own:
            row = start(own, replace(asked, simulator_settings={"log": str(log)}))
            list(run(own, row.id))
            assert 0 < own.run(row.id).feasible < 40
    streamed, batched = (sorted(log.read_text().splitlines()) for log in logs)
    assert streamed == batched
    assert len(streamed) < 3 * 40


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["serial", "loky"])
def test_real_workers_come_to_what_a_batch_comes_to(lab, executor):
    """Uniform search asks for the same designs whatever it is told, so both kinds of run find the same."""
    row = start(lab, spec("uniform", 40, simulator_settings={"delay_s": 0.01}))
    with Workers(2, executor) as workers:
        list(run(lab, row.id, workers=workers))
    other = start(lab, spec("uniform", 40, asynchronous=False, task=replace(toy_task(MIDDLE), criterion="latency")))
    list(run(lab, other.id))
    found, batch = ({(p.codes, p.latency_cycles) for p in lab.points(run_id)} for run_id in (row.id, other.id))
    assert found == batch
    assert sorted(numbers(lab, row.id)) == list(range(40))


def test_searches_and_tasks_that_cannot_be_asked_ahead_say_so(lab):
    with pytest.raises(UserError, match=r"'coordinate' must know all of a batch .* leave out --asynchronous"):
        start(lab, spec("coordinate"))
    with pytest.raises(UserError, match="trains its networks one after the other"):
        start(lab, replace(spec("forest"), task=cotask(), simulator="chip"))
