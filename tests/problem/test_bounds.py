"""The box of a task: holds its designs, needs no simulation, and is the same for every run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.toy import SMALL, ToySettings, ToySimulator, toy_task
from workbench.problem.bounds import Box, box
from workbench.problem.metrics import METRIC_UNITS, Metrics
from workbench.problem.task import Task
from workbench.problem.template import bundled_archs, load_template


def test_every_design_of_the_toy_lies_inside():
    task = toy_task(SMALL, objectives=("energy_pj", "area_um2"))
    designs = [task.space.unrank(rank) for rank in range(task.space.size)]
    limits = box(task)
    for outcome in ToySimulator(ToySettings()).evaluate(task, designs):
        if isinstance(outcome, Metrics):
            values = task.values(outcome)
            assert all(a <= v <= b for a, v, b in zip(limits.lower, values, limits.upper, strict=True))


def test_a_network_reaches_as_far_as_its_layers_together():
    whole = box(toy_task(layers=3))
    layers = [box(replace(toy_task(), workload=toy_task(layers=3).workload.single(f"conv{i}"))) for i in (1, 2, 3)]
    assert np.allclose(whole.lower, np.sum([limits.lower for limits in layers], axis=0))
    assert np.allclose(whole.upper, np.sum([limits.upper for limits in layers], axis=0))


@pytest.mark.parametrize("name", bundled_archs())
@pytest.mark.parametrize("technology", ["own", "common"])
def test_area_and_array_of_every_bundled_design_lie_between_the_two_corners(name, technology):
    template = load_template(name)
    task = Task(template, toy_task().workload, ("area_um2", "latency_cycles"), technology=technology)
    limits, rng = box(task), np.random.default_rng(0)
    macs = task.workload.macs
    for design in task.space.sample(200, rng):
        arch = task.arch(design)
        assert limits.lower[0] <= arch.area_um2 * (1 + 1e-12)
        assert arch.area_um2 <= limits.upper[0] * (1 + 1e-12)
        assert limits.lower[1] <= macs / arch.pes


@pytest.mark.parametrize("name", bundled_archs())
@pytest.mark.parametrize("technology", ["own", "common"])
def test_the_largest_design_has_the_dearest_accesses(name, technology):
    template = load_template(name)
    task = Task(template, toy_task().workload, technology=technology)
    last = task.arch(tuple(len(axis.choices) - 1 if axis.ordered else 0 for axis in task.space.axes))
    for design in task.space.sample(200, np.random.default_rng(1)):
        for memory, most in zip(task.arch(design).memories, last.memories, strict=True):
            assert memory.read_energy_pj <= most.read_energy_pj * (1 + 1e-12)
            assert memory.write_energy_pj <= most.write_energy_pj * (1 + 1e-12)


def test_values_are_scaled_by_their_logarithm_and_kept_inside():
    limits = Box((1.0, 10.0), (100.0, 1000.0))
    scaled = limits.scale([(1, 1000), (10, 100), (0.0, 1e9), (100, 10)])
    assert scaled.tolist() == [[0, 1], [0.5, 0.5], [0, 1], [1, 0]]
    assert limits.scale([]).shape == (0, 2)


def test_each_side_is_longer_than_nothing_even_where_nothing_varies():
    for objective in METRIC_UNITS:
        task = toy_task({"mapping": ["kc", "ck"]}, objectives=(objective,))
        limits = box(task)
        assert 0 < limits.lower[0] < limits.upper[0]
