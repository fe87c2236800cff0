"""Features: finite, exact where they can be, and the same however designs are grouped."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.problem.features import NAMES, features
from workbench.problem.task import Task
from workbench.problem.template import bundled_archs, load_template
from workbench.problem.workload import load_workload

every_arch = pytest.mark.parametrize("name", bundled_archs())


def task_of(name: str, workload: str = "alexnet", layer: str | None = "conv3") -> Task:
    whole = load_workload(workload)
    return Task(load_template(name), whole if layer is None else whole.single(layer))


@every_arch
def test_they_are_finite_and_the_area_is_that_of_the_architecture(name):
    task = task_of(name)
    designs = task.space.sample(50, np.random.default_rng(0))
    found = features(task, designs)
    assert found.values.shape == (50, len(NAMES))
    assert np.isfinite(found.values).all()
    assert np.isfinite(found.estimate).all()
    assert found.area_um2 == pytest.approx([task.arch(design).area_um2 for design in designs], rel=1e-9)
    assert 2 ** found.values[:, NAMES.index("PEs")] == pytest.approx([task.arch(design).pes for design in designs])


@every_arch
def test_a_design_has_the_same_features_in_any_company(name):
    task = task_of(name, "resnet18", None)
    designs = task.space.sample(9, np.random.default_rng(1))
    together = features(task, designs)
    for i, design in enumerate(designs):
        alone = features(task, [design])
        assert np.array_equal(alone.values[0], together.values[i])
        assert np.array_equal(alone.estimate[0], together.estimate[i])


@every_arch
def test_no_estimate_of_latency_is_below_the_ideal(name):
    task = task_of(name)
    found = features(task, task.space.sample(200, np.random.default_rng(2)))
    assert np.all(found.estimate[:, 0] >= found.values[:, NAMES.index("ideal cycles")] - 1e-9)
