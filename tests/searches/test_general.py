"""Searches that take any task, on co-explorations: repeatable, resumable, and within the specification."""

from __future__ import annotations

from dataclasses import replace
from json import dumps, loads
from statistics import median

import pytest

from tests.cotasks import SMALL, cotask, pretended
from workbench.problem.cotask import CoTask
from workbench.problem.metrics import ERROR_RATE, Metrics
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem, Search, Source
from workbench.searches.cost import PENALTY, missed, relative_cost
from workbench.searches.genetic import keys

SPECIFICATION = ("latency_cycles<=4000", "energy_pj<=4e5", "area_um2<=6e5")
GENERAL = [
    pytest.param(name, preset, id=f"{name}:{preset}" if preset else name)
    for name, search in SEARCHES.items()
    if search.general
    for preset in (None, *search.presets)
]
every_general = pytest.mark.parametrize(("name", "preset"), GENERAL)


def start(
    name: str, task: CoTask, seed: int = 1, preset: str | None = None, sources: tuple[Source, ...] = (), **light: int
) -> Search:
    if (needed := SEARCHES[name].needs) is not None:
        pytest.importorskip(needed)
    return SEARCHES[name](Problem(task, sources), search_settings(name, light, preset), seed)


def step(search: Search, limit: int = 2) -> list[Evaluated]:
    task = search.problem.task
    assert isinstance(task, CoTask)
    batch = [Evaluated(design, pretended(task, design)) for design in search.ask(limit)]
    search.tell(batch)
    return batch


def best_error(history: list[Evaluated], task: CoTask) -> float:
    solved = [e.outcome for e in history if isinstance(e.outcome, Metrics) and task.solves(e.outcome)]
    return min((metrics.get(ERROR_RATE) for metrics in solved), default=1.0)


@every_general
@pytest.mark.parametrize("objectives", [(ERROR_RATE,), (ERROR_RATE, "latency_cycles", "area_um2")])
def test_equal_seeds_give_equal_runs_and_a_restored_one_equals_the_uninterrupted(name, preset, objectives):
    task = cotask(*SPECIFICATION, objectives=objectives)
    light: dict[str, int] = {"candidates": 60} if name == "forest" else {}
    going_on, again = (start(name, task, 3, preset, (), **light) for _ in range(2))
    history = [evaluated for _ in range(12) for evaluated in step(going_on)]
    assert [evaluated for _ in range(12) for evaluated in step(again)] == history
    restored = start(name, task, 3, preset, (), **light)
    restored.restore(loads(dumps(going_on.state(), allow_nan=False)), history)
    for _ in range(6):
        assert step(restored) == step(going_on)
    assert restored.state() == going_on.state()


@every_general
def test_what_is_held_stays_and_nothing_is_asked_twice(name, preset):
    task = cotask(*SPECIFICATION, fixed=SMALL)
    search = start(name, task, preset=preset)
    asked = [evaluated.design for _ in range(20) for evaluated in step(search)]
    assert len(set(asked)) == len(asked)
    for design in asked:
        task.space.check(design)


def test_hardware_steps_keep_the_networks_of_the_design_before():
    task = cotask(*SPECIFICATION)
    search = SEARCHES["reinforce"](Problem(task), search_settings("reinforce", {"hardware_steps": 4}), 1)
    asked = [evaluated.design for _ in range(15) for evaluated in step(search)]
    networks = [tuple(design[i] for i in task.of_networks) for design in asked]
    for first in range(0, 30, 5):
        assert len(set(networks[first : first + 5])) == 1
    assert len(set(networks)) > 3


def test_the_cost_is_below_zero_exactly_within_the_specification_and_rises_with_the_miss():
    task = cotask("energy_pj<=100", "area_um2<=50")
    met = Metrics(1, 90, 40, accuracy=0.9)
    near, far = replace(met, energy_pj=110, accuracy=None), replace(met, energy_pj=200, area_um2=60, accuracy=None)
    costs = [relative_cost(task, each, (1.0,)) for each in (met, near, far)]
    assert costs == sorted(costs)
    assert costs[0] < 0 < costs[1]
    assert costs[1] == pytest.approx(PENALTY * missed(task, near))
    assert missed(task, met) == 0


def test_selection_puts_solutions_before_misses_before_what_cannot_be_built():
    task = cotask("energy_pj<=100")
    unbuilt = pretended(cotask(), cotask().space.unrank(cotask().space.size - 1))
    outcomes = [unbuilt, Metrics(1, 200, 1), Metrics(1, 120, 1), Metrics(1, 90, 1, 0.5), Metrics(1, 90, 1, 0.9)]
    found = keys(task, outcomes)
    assert sorted(range(5), key=lambda i: found[i]) == [4, 3, 2, 1, 0]


def test_forest_finds_better_networks_within_the_specification_than_chance():
    task = cotask(*SPECIFICATION)
    found = {
        name: [
            best_error([evaluated for _ in range(40) for evaluated in step(search)], task)
            for search in (start(name, task, seed) for seed in (1, 2, 3))
        ]
        for name in ("forest", "uniform")
    }
    assert median(found["forest"]) < 0.8 * median(found["uniform"])


def test_forest_starts_from_what_the_lab_knows_of_the_same_subject_and_leaves_others_alone():
    task = cotask(*SPECIFICATION)
    earlier = start("forest", replace(task, targets=()), 9)
    points = tuple(evaluated for _ in range(60) for evaluated in step(earlier))
    taught = start("forest", task, 1, sources=(Source("run 1", replace(task, targets=()), points),))
    fresh = start("forest", task, 1)
    strange = start("forest", task, 1, sources=(Source("run 2", replace(task, seeds=2), points),))
    told = {name: [step(search, 1)[0] for _ in range(8)] for name, search in (("taught", taught), ("fresh", fresh))}
    assert best_error(told["taught"], task) < best_error(told["fresh"], task)
    assert [step(strange, 1)[0] for _ in range(8)] == told["fresh"]
