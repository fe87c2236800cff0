"""The genetic search keeps the best, prefers what can be built, and beats chance on one goal and on fronts."""

from __future__ import annotations

from statistics import median

import pytest

from tests.searches.running import SEEDS, best, front_volume, run
from tests.toy import SMALL, toy_task
from workbench.pareto import non_dominated
from workbench.problem.metrics import Infeasible, Metrics
from workbench.searches import search_settings
from workbench.searches.base import Evaluated, Problem
from workbench.searches.cost import relative_cost
from workbench.searches.genetic import Genetic, GeneticSettings, keys


@pytest.mark.parametrize("limit", [1, 4])
def test_one_objective_is_lower_than_by_chance(limit):
    task = toy_task(objectives=("edp_js",))
    bred, random = (median(best(task, run(n, task, 100, s, limit)) for s in SEEDS) for n in ("genetic", "uniform"))
    assert bred < random - 0.2


def test_a_front_covers_more_than_by_chance():
    task = toy_task()
    bred, random = (median(front_volume(task, run(n, task, 100, s)) for s in SEEDS) for n in ("genetic", "uniform"))
    assert bred > random + 0.03


def test_what_is_built_comes_first_then_what_nearly_fits():
    near, far = (Infeasible("too big", "buffer", demand, 1.0) for demand in (1.5, 8.0))
    good, bad = Metrics(1.0, 1.0, 1.0), Metrics(1e9, 1e9, 1.0)
    for task in (toy_task(), toy_task(objectives=("edp_js",)), toy_task(targets=("energy_pj<=2",))):
        far_key, bad_key, near_key, good_key = keys(task, [far, bad, near, good])
        assert good_key < bad_key < near_key < far_key


def test_for_a_front_the_first_rank_is_the_front_and_its_ends_come_first():
    task = toy_task()
    values = [(1.0, 9.0), (2.0, 5.0), (2.1, 4.9), (9.0, 1.0), (3.0, 6.0), (9.5, 9.5)]
    found = keys(task, [Metrics(x, y, 1.0) for x, y in values])
    assert [key[0] == 0 for key in found] == list(non_dominated(values))
    assert sorted(range(6), key=lambda i: found[i])[:2] == [0, 3]


def test_survivors_are_as_many_as_set_and_the_best_of_all_that_was_told():
    task = toy_task(objectives=("energy_pj",))
    search = Genetic(Problem(task), GeneticSettings(population=5), seed=1)
    told: list[Evaluated] = []
    for size in range(1, 30):
        designs = search.ask(3)
        batch = [Evaluated(d, Metrics(1.0, 1.0 + sum(d), 1.0)) for d in designs]
        search.tell(batch)
        told += batch
        kept = [told[i] for i in search.state()["search"]["members"]]
        assert len(kept) == min(5, 3 * size)
        costs = sorted(relative_cost(task, e.outcome, (1.0,)) for e in told)
        assert sorted(relative_cost(task, e.outcome, (1.0,)) for e in kept) == costs[: len(kept)]


def test_the_optimum_of_a_small_space_comes_before_half_of_it_is_seen():
    task = toy_task(SMALL, objectives=("edp_js",))
    least = best(task, run("genetic", task, 30, 0))
    found = [run("genetic", task, 15, seed, population=5) for seed in SEEDS]
    assert sum(best(task, told) == least for told in found) >= 7


def test_the_population_is_a_setting_with_bounds():
    with pytest.raises(Exception, match="population"):
        search_settings("genetic", {"population": 1})
