"""Coordinate descent changes one part at a time, gets down a valley directly, and leaves the bottom of a wrong one."""

from __future__ import annotations

from math import exp
from statistics import median

import pytest

from tests.searches.running import SEEDS, best, front_volume, run
from tests.toy import LARGE, MIDDLE, toy_content, toy_task, toy_workload
from workbench.problem.metrics import Metrics
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.template import Template, bundled_archs, load_template
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem
from workbench.searches.cost import relative_cost
from workbench.searches.parts import ARRAY, MAPPING, parts_of_axes, touched


def differing(a: Design, b: Design) -> set[int]:
    return {i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y}


@pytest.mark.parametrize("limit", [1, 4])
def test_one_objective_is_lower_than_by_chance(limit):
    task = toy_task(objectives=("edp_js",))
    refined, random = (
        median(best(task, run(n, task, 100, s, limit)) for s in SEEDS) for n in ("coordinate", "uniform")
    )
    assert refined < random - 0.2


def test_a_front_covers_more_than_by_chance():
    task = toy_task()
    refined, random = (
        median(front_volume(task, run(n, task, 100, s)) for s in SEEDS) for n in ("coordinate", "uniform")
    )
    assert refined > random + 0.03


def test_a_design_differs_from_the_best_so_far_in_one_axis_until_none_improves_it():
    task = toy_task(objectives=("edp_js",))
    for seed in SEEDS:
        told = run("coordinate", task, 40, seed, first=3)
        for i in range(3, 40):
            at = min(told[:i], key=lambda e: relative_cost(task, e.outcome, (1.0,))).design
            if len(differing(told[i].design, at)) > 1:
                seen = {e.design for e in told[:i]}
                assert seen.issuperset(task.space.neighbours(at))
                break


def test_with_sub_designs_one_part_changes_at_a_time():
    task = toy_task(objectives=("edp_js",))
    array, *others = parts_of_axes(task)
    assert (array, others) == ((0, 1), [(2, 3), (4,)])
    told = run("coordinate", task, 15, 0, first=3, parts="sub_designs")
    at = min(told[:3], key=lambda e: relative_cost(task, e.outcome, (1.0,))).design
    assert any(differing(told[3].design, at) <= set(part) for part in (array, *others))


def valley(design: Design, bottom: Design) -> Metrics:
    """Each axis counts for itself."""
    return Metrics(1.0, exp(sum(abs(a - b) for a, b in zip(design, bottom, strict=True)) / 100), 1.0)


def test_the_bottom_of_a_valley_of_billions_of_designs_takes_steps_that_grow_with_the_axis():
    task = toy_task(LARGE, objectives=("energy_pj",))
    bottom = (200, 31, 77, 250, 1)
    search = SEARCHES["coordinate"](Problem(task), search_settings("coordinate", {}), 0)
    asked: list[Design] = []
    while bottom not in asked and len(asked) < 400:
        asked += search.ask(1)
        search.tell([Evaluated(asked[-1], valley(asked[-1], bottom))])
    assert len(asked) < 200


@pytest.mark.parametrize("restart", ["best", "random"])
def test_a_walk_begins_again_when_no_neighbour_is_better(restart):
    task = toy_task(MIDDLE, objectives=("energy_pj",))
    settings = search_settings("coordinate", {"first": 1, "restart": restart})
    search = SEARCHES["coordinate"](Problem(task), settings, 2)
    wrong, right = (0, 0, 9, 0, 0), (5, 5, 0, 4, 1)
    seen: set[Design] = set()
    while right not in seen and len(seen) < 1000:
        for design in (asked := search.ask(2)):
            seen.add(design)
        search.tell([Evaluated(d, min(valley(d, wrong), valley(d, right), key=energy)) for d in asked])
    assert right in seen
    assert len(seen) < 500


def energy(metrics: Metrics) -> float:
    return metrics.energy_pj


@pytest.mark.parametrize("name", bundled_archs())
def test_axes_that_change_the_same_memory_or_the_array_are_one_part(name):
    template = load_template(name)
    task = Task(template, toy_workload())
    names = [axis.name for axis in task.space.axes]
    groups = parts_of_axes(task)
    assert sorted(axis for group in groups for axis in group) == [i for i, n in enumerate(task.space.shape) if n > 1]
    part_of = {axis: group for group in groups for axis in group}
    places = {
        n: [p.split(".")[:2] for p in ([f.sets] if isinstance(f.sets, str) else f.sets)]
        for n, f in template.file.axes.items()
    }
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            common = [
                p
                for p in places[first]
                if p in places[second] or (p[0] == "array" and any(q[0] == "array" for q in places[second]))
            ]
            if common:
                assert part_of[i] == part_of[j]


def test_an_axis_that_sets_two_memories_joins_them():
    content = toy_content(MIDDLE)
    content["axes"]["both"] = {"sets": ["memories.dram.bits_per_cycle", "array.D1"], "choices": [4, 8]}
    del content["axes"]["d1"]
    task = Task(Template.from_content(content, "toy"), toy_workload())
    assert parts_of_axes(task) == [(0, 4), (1, 2), (3,)]  # d2 with both, the buffer's two, the mapping


def test_what_two_designs_differ_in_is_named():
    task = toy_task()
    before = task.arch((0, 0, 0, 0, 0))
    assert touched(before, before) == frozenset()
    assert touched(before, task.arch((1, 0, 0, 0, 0))) == {ARRAY}
    assert touched(before, task.arch((0, 0, 1, 2, 0))) == {"buffer"}
    assert touched(before, task.arch((0, 1, 1, 0, 1))) == {ARRAY, "buffer", MAPPING}
