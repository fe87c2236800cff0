"""Likeness of tasks: a number with a stated measure, the same from either side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.toy import SMALL, toy_content, toy_task
from workbench.problem.layer import Layer
from workbench.problem.metrics import Target
from workbench.problem.task import Task
from workbench.problem.template import Template, load_template
from workbench.problem.workload import Workload, load_workload
from workbench.similarity import similarity, subject_key

BUNDLED = ("tpu_like", "eyeriss_like", "tesla_npu_like", "meta_prototype_like", "edge_tpu_like", "ascend_like")


def conv(channels: int, size: int = 16) -> Workload:
    return Workload.chain("net", [Layer.conv("a", channels, channels, 1, in_size=size)])


def on(arch: str, layer: str = "conv2") -> Task:
    return Task(load_template(arch), load_workload("alexnet").single(layer))


def test_a_task_is_most_like_itself_whatever_is_wanted_of_it() -> None:
    task = toy_task()
    wants = replace(task, objectives=("area_um2",), targets=(Target("edp_js", 1.0),))
    assert similarity(task, wants).value == 1.0
    assert subject_key(task) == subject_key(wants)
    assert subject_key(task) != subject_key(toy_task(SMALL))
    assert subject_key(task) != subject_key(replace(task, criterion="energy"))


def test_octaves_are_the_mean_over_loops_and_tensors() -> None:
    first, second = (replace(toy_task(), workload=conv(channels)) for channels in (16, 32))
    # K and C twice as large, W four times, I and O twice: 1 + 1 + 2 + 1 + 1 octaves over 11 numbers
    assert similarity(first, second).octaves == pytest.approx(6 / 11)
    assert similarity(first, second).value == pytest.approx(2 ** (-3 / 11))


def test_a_layer_twice_over_is_like_that_layer_once() -> None:
    once, twice = conv(16), Workload.chain("net", [Layer.conv(name, 16, 16, 1, in_size=16) for name in "ab"])
    assert similarity(replace(toy_task(), workload=once), replace(toy_task(), workload=twice)).octaves == 0.0


def test_a_description_makes_no_other_architecture_and_a_size_does() -> None:
    content = toy_content(SMALL)
    base = toy_task(SMALL)
    worded = replace(base, template=Template.from_content({**content, "description": "in other words"}))
    assert similarity(base, worded).value == 1.0
    wider = replace(base, template=Template.from_content(toy_content({**SMALL, "d1": [2, 4]})))
    assert similarity(base, wider).axes == 0.9


@pytest.mark.parametrize("arch", BUNDLED)
def test_the_same_architecture_comes_before_any_other_on_the_same_layer(arch: str) -> None:
    task = on(arch)
    values = {other: similarity(task, on(other)).value for other in BUNDLED}
    assert values[arch] == 1.0
    assert all(0.25 <= value < 1.0 for other, value in values.items() if other != arch)
    assert all(similarity(on(other), task).value == value for other, value in values.items())
