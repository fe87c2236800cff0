"""Optuna's samplers keep the contract too, whatever they keep for themselves; without the library one line says so."""

from __future__ import annotations

from importlib.util import find_spec
from json import dumps, loads
from statistics import median

import pytest

from tests.searches.running import best, front_volume, run
from tests.toy import SMALL, ToySettings, ToySimulator, toy_task
from workbench.errors import UserError
from workbench.problem.metrics import Infeasible, Metrics
from workbench.problem.task import Task
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem, Search

installed = pytest.mark.skipif(find_spec("optuna") is None, reason="the extra 'optuna' is not installed")
SAMPLERS = {"tpe": 60, "nsga2": 60, "gp": 14}
"""Designs until a kill: past the random beginning of each; the Gaussian process takes its time."""


def step(search: Search) -> list[Evaluated]:
    designs = search.ask(3)
    outcomes = ToySimulator(ToySettings()).evaluate(search.problem.arch_task, designs)
    batch = [Evaluated(d, o) for d, o in zip(designs, outcomes, strict=True)]
    search.tell(batch)
    return batch


def start(task: Task, sampler: str, seed: int = 0) -> Search:
    return SEARCHES["optuna"](Problem(task), search_settings("optuna", {"sampler": sampler, "population": 10}), seed)


@installed
@pytest.mark.parametrize("goal", ["front", "targets"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_restored_search_goes_on_like_the_uninterrupted_one(sampler, goal):
    task = toy_task(targets=("energy_pj<=2e6",) if goal == "targets" else ())
    going_on = start(task, sampler, 3)
    history: list[Evaluated] = []
    while len(history) < SAMPLERS[sampler]:
        history += step(going_on)
    assert any(isinstance(e.outcome, Infeasible) for e in history)
    kept = dumps(going_on.state(), allow_nan=False)
    restored = start(task, sampler, 3)
    restored.restore(loads(kept), history)
    assert dumps(restored.state()) == kept
    for _ in range(2):
        assert step(restored) == step(going_on)
    assert restored.state() == going_on.state()


@installed
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_one_objective_is_lower_than_by_chance(sampler):
    task = toy_task(objectives=("edp_js",))
    found = median(best(task, run("optuna", task, 100, s, 4, sampler=sampler)) for s in range(5))
    assert found < median(best(task, run("uniform", task, 100, s)) for s in range(5)) - 0.1


@installed
def test_a_front_covers_more_than_by_chance():
    task = toy_task()
    found = median(front_volume(task, run("optuna", task, 100, s, 4)) for s in range(5))
    assert found > median(front_volume(task, run("uniform", task, 100, s)) for s in range(5))


@installed
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_a_small_space_is_exhausted_although_optuna_repeats_itself(sampler):
    search = start(toy_task(SMALL), sampler)
    assert len({e.design for _ in range(10) for e in step(search)}) == 30
    assert search.ask(3) == []


@installed
def test_generations_are_all_that_is_kept_and_they_grow_by_the_population():
    search = start(toy_task(), "nsga2")
    for _ in range(20):
        step(search)
    kept = search.state()["search"]["attributes"]
    assert sum(count for _, count in kept) == 60
    assert all(count in range(10, 13) for _, count in kept[:-1])  # a batch of 3 may end one late
    tpe = start(toy_task(), "tpe")
    for _ in range(20):
        step(tpe)
    assert tpe.state()["search"] == {"attributes": [[{}, 60]]}


@installed
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_choices_that_cannot_be_built_are_avoided(sampler):
    search = start(toy_task(), sampler)
    refused = []
    for _ in range(30):
        asked = search.ask(4)
        outcomes = [
            Infeasible("no", "x", 2.0, 1.0) if d[0] < 4 else Metrics(1.0 + d[1], 1.0 + d[2], 1.0) for d in asked
        ]
        search.tell([Evaluated(d, o) for d, o in zip(asked, outcomes, strict=True)])
        refused.append(sum(isinstance(o, Infeasible) for o in outcomes))
    assert sum(refused[-10:]) < 40 * 4 / 6 / 2  # half of what chance would ask for


def test_without_the_library_one_line_names_the_command(monkeypatch):
    monkeypatch.setattr("workbench.searches.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs optuna: pip install 'dse-workbench\[optuna\]'"):
        search_settings("optuna", {})
    search_settings("anneal", {})
