"""Annealing walks: out of what does not fit, towards targets, to both ends of a front, and beats chance."""

from __future__ import annotations

from statistics import median

import pytest

from tests.searches.running import SEEDS, best, front_volume, run
from tests.toy import LARGE, toy_task
from workbench.problem.metrics import Infeasible, Metrics, quality
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem
from workbench.searches.cost import infeasible_cost, relative_cost


@pytest.mark.parametrize("limit", [1, 4])
def test_one_objective_is_at_its_optimum_where_chance_is_not(limit):
    task = toy_task(objectives=("edp_js",))
    annealed, random = (median(best(task, run(n, task, 100, s, limit)) for s in SEEDS) for n in ("anneal", "uniform"))
    assert annealed < random - 0.2


def test_targets_that_chance_misses_are_met():
    task = toy_task(targets=("latency_cycles<=3000", "energy_pj<=1.8e6"))

    def met(name: str) -> int:
        runs = [run(name, task, 100, seed) for seed in SEEDS]
        return sum(
            any(isinstance(e.outcome, Metrics) and quality(e.outcome, task.targets) >= 1 for e in r) for r in runs
        )

    assert met("anneal") >= met("uniform") + 4


def test_a_front_covers_more_than_by_chance():
    task = toy_task()

    def covered(name: str) -> float:
        return median(front_volume(task, run(name, task, 100, seed)) for seed in SEEDS)

    assert covered("anneal") > covered("uniform") + 0.03


def test_an_infeasible_design_costs_more_than_any_other_and_less_the_nearer_it_is():
    near, far = (Infeasible("too big", "buffer", demand, 1.0) for demand in (1.5, 8.0))
    worst = Metrics(1e300, 1e300, 1e300)
    task = toy_task(targets=("latency_cycles<=1e-9",))
    assert relative_cost(task, worst, (0.5, 0.5)) < infeasible_cost(near) < infeasible_cost(far)
    assert infeasible_cost(Infeasible("no port", "buffer", 0.0, 0.0)) < infeasible_cost(far)


def test_the_first_chain_starts_from_the_best_of_the_first_designs():
    task = toy_task(objectives=("edp_js",))
    told = run("anneal", task, 11, 0, first=10)
    best_first = min(told[:10], key=lambda e: relative_cost(task, e.outcome, (1.0,)))
    assert sum(a != b for a, b in zip(told[10].design, best_first.design, strict=True)) == 1


def test_a_chain_on_a_slope_of_infeasible_designs_walks_down_to_the_first_that_fits():
    task = toy_task(LARGE)
    search = SEARCHES["anneal"](Problem(task), search_settings("anneal", {"first": 1}), 0)
    bounds = []
    for _ in range(400):
        (design,) = search.ask(1)
        demand = 256.0 - design[2]
        outcome = Infeasible("too small", "buffer", demand, 1.0) if demand > 1 else Metrics(1.0, 1.0, 1.0)
        search.tell([Evaluated(design, outcome)])
        bounds.append(design[2])
    assert max(bounds[:5]) < max(bounds[100:140])  # uphill in size along the whole chain
