"""The bottleneck search tries first what the breakdown says is limiting, and does without one."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import pytest

from tests.searches.running import SEEDS, best, front_volume, run
from tests.toy import MIDDLE, toy_content, toy_task, toy_workload
from workbench.problem.metrics import Breakdown, Infeasible, Metrics, Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.template import Template
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem

D1, D2, SIZE, WIDTH, MAPPING = range(5)
HERE: Design = (2, 2, 4, 2, 0)
NOTHING = Breakdown(0.0, (("buffer", "I", 0.0), ("dram", "I", 0.0)), 0.0, 0.0, 0.0, 0.0, 0.0)


def first_moves(task: Task, outcome: Outcome, count: int) -> list[tuple[int, int]]:
    """The (axis, step) asked for first from a design with that outcome, which is all the search knows."""
    search = SEARCHES["bottleneck"](Problem(task), search_settings("bottleneck", {"first": 1}), 3)
    at = {"at": list(HERE), "walks": 0, "weights": [1.0], "parts": [[i] for i in range(5)]}
    search.restore({"search": at, "generator": search.rng.bit_generator.state}, [Evaluated(HERE, outcome)])
    moves = []
    for design in search.ask(count):
        ((axis, step),) = [(i, b - a) for i, (a, b) in enumerate(zip(HERE, design, strict=True)) if a != b]
        moves.append((axis, step))
    return moves


def limited_by(**parts: float | tuple[tuple[str, str, float], ...]) -> Metrics:
    return Metrics(1e4, 1e6, 1e6, breakdown=replace(NOTHING, **parts))  # type: ignore[arg-type]


def once_pj() -> float:
    """What the toy's DRAM takes to read every input once: its bits in words of 64."""
    (layer,) = [item.layer for item in toy_workload().layers]
    return layer.elements("I") * layer.input_bits / 64 * 700.0


@pytest.mark.parametrize(
    ("objective", "metrics", "moves"),
    {
        "too few PEs": ("latency_cycles", limited_by(ideal_cycles=1e4), {(D1, 1), (D2, 1)}),
        "an array that is not filled": ("latency_cycles", limited_by(spatial_stall_cycles=1e4), {(MAPPING, 1)}),
        "an outer memory that is read too often": (
            "energy_pj",
            limited_by(memory_energy_pj=(("buffer", "I", 1e3), ("dram", "I", 1e6))),
            {(SIZE, 1)},
        ),
        "an outer memory that is read no more than it must": (
            "energy_pj",
            limited_by(memory_energy_pj=(("buffer", "I", 1e5), ("dram", "I", once_pj()))),
            {(WIDTH, 1), (SIZE, -1), (D1, 1), (D2, 1)},
        ),
        "a buffer whose accesses are dear": (
            "energy_pj",
            limited_by(memory_energy_pj=(("buffer", "I", 1e6), ("dram", "I", 1e3))),
            {(WIDTH, 1), (SIZE, -1), (D1, 1), (D2, 1)},
        ),
        "a narrow buffer": (
            "latency_cycles",
            limited_by(temporal_stall_cycles=1e4, memory_energy_pj=(("buffer", "I", 1e6), ("dram", "I", 1e3))),
            {(WIDTH, 1)},
        ),
        "area": ("area_um2", limited_by(ideal_cycles=1e4), {(D1, -1), (D2, -1), (SIZE, -1), (WIDTH, -1)}),
    }.values(),
)
def test_the_limiting_resource_names_the_axis(objective, metrics, moves):
    task = toy_task(objectives=(objective,))
    assert set(first_moves(task, metrics, len(moves))) == moves


def test_names_of_axes_do_not_matter():
    renamed = {f"x{i}": axis for i, axis in enumerate(toy_content(MIDDLE)["axes"].values())}
    template = Template.from_content({**toy_content(MIDDLE), "axes": renamed})
    metrics = limited_by(memory_energy_pj=(("buffer", "I", 1e3), ("dram", "I", 1e6)))
    task = Task(template, toy_workload(), ("energy_pj",))
    assert first_moves(task, metrics, 9) == first_moves(toy_task(objectives=("energy_pj",)), metrics, 9)


def test_of_two_targets_the_one_that_is_missed_most_decides():
    metrics = limited_by(ideal_cycles=1e4, memory_energy_pj=(("buffer", "I", 1e3), ("dram", "I", 1e6)))
    slow = toy_task(targets=("latency_cycles<=1e3", "energy_pj<=9e5"))
    hungry = toy_task(targets=("latency_cycles<=9e3", "energy_pj<=1e5"))
    assert set(first_moves(slow, metrics, 2)) == {(D1, 1), (D2, 1)}
    assert first_moves(hungry, metrics, 1) == [(SIZE, 1)]


def test_where_nothing_fits_the_levers_come_first_towards_more_room():
    task = toy_task()
    small = Infeasible("too small", "buffer", 10.0, 1.0, ("buffer_bits",))
    step = Infeasible("too wide a step", "buffer", 10.0, 1.0, ("d1", "d2"))
    assert first_moves(task, small, 2) == [(SIZE, 1), (SIZE, -1)]
    assert set(first_moves(task, step, 2)) == {(D1, -1), (D2, -1)}


def test_without_a_breakdown_it_is_coordinate_descent():
    task = toy_task(objectives=("energy_pj",))
    searches = [SEARCHES[name](Problem(task), search_settings(name, {}), 4) for name in ("bottleneck", "coordinate")]
    for _ in range(40):
        (asked, same) = (search.ask(3) for search in searches)
        assert asked == same
        for search in searches:
            search.tell([Evaluated(d, Metrics(1.0, 1.0 + sum((c - 2) ** 2 for c in d), 1.0)) for d in asked])


@pytest.mark.parametrize("limit", [1, 4])
def test_one_objective_is_lower_than_by_chance(limit):
    task = toy_task(objectives=("edp_js",))
    read, random = (median(best(task, run(n, task, 100, s, limit)) for s in SEEDS) for n in ("bottleneck", "uniform"))
    assert read < random - 0.2


def test_a_front_covers_more_than_by_chance():
    task = toy_task()
    read, random = (median(front_volume(task, run(n, task, 100, s)) for s in SEEDS) for n in ("bottleneck", "uniform"))
    assert read > random + 0.03
