"""Designs of earlier tasks, translated: in the space, the same where it is the same, near where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.toy import MIDDLE, SMALL, ToySettings, ToySimulator, toy_content, toy_task, toy_workload
from workbench.problem.metrics import Infeasible, Metrics
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.template import Template, load_template
from workbench.problem.workload import load_workload
from workbench.searches.base import Evaluated, Problem, Source
from workbench.searches.cost import relative_cost
from workbench.searches.warmstart import PER_SOURCE, translate, translated

BUNDLED = ("tpu_like", "eyeriss_like", "tesla_npu_like", "meta_prototype_like", "edge_tpu_like", "ascend_like")


def source(task: Task, n: int = 200, seed: int = 0) -> Source:
    designs = list(dict.fromkeys(task.space.sample(n, np.random.default_rng(seed))))
    outcomes = ToySimulator(ToySettings()).evaluate(task, designs)
    return Source("run 1", task, tuple(map(Evaluated, designs, outcomes)))


def cost(task: Task, design: Design) -> float:
    (outcome,) = ToySimulator(ToySettings()).evaluate(task, [design])
    return relative_cost(task, outcome, (0.5, 0.5))


def on(arch: str, layer: str = "conv2") -> Task:
    return Task(load_template(arch), load_workload("alexnet").single(layer))


def test_without_sources_nothing_is_known() -> None:
    assert translated(Problem(toy_task()), 8) == []
    nothing = Source("run 1", toy_task(), (Evaluated((0,) * 5, Infeasible("no", "buffer", 2, 1)),))
    assert translated(Problem(toy_task(), (nothing,)), 8) == []


@pytest.mark.parametrize("wants", [{"objectives": ("energy_pj",)}, {"targets": ("energy_pj<=1", "latency_cycles<=1")}])
def test_of_the_same_task_the_best_designs_come_first_as_they_are(wants) -> None:
    known = source(toy_task())
    task = toy_task(**wants)
    built = [e for e in known.points if isinstance(e.outcome, Metrics)]
    weights = (1 / len(task.objectives),) * len(task.objectives)
    best = min(built, key=lambda e: relative_cost(task, e.outcome, weights))
    asked = translated(Problem(task, (known,)), 8)
    assert asked[0] == best.design or task.targets
    assert len(set(asked)) == 8
    outcomes = {e.design: e.outcome for e in built}
    costs = [relative_cost(task, outcomes[design], weights) for design in asked]
    assert costs == sorted(costs)


def test_for_a_front_the_best_by_each_objective_is_among_the_first() -> None:
    known = source(toy_task())
    asked = translated(Problem(toy_task(), (known,)), 3)
    built = [(e.design, e.outcome) for e in known.points if isinstance(e.outcome, Metrics)]
    for objective in toy_task().objectives:
        least = min(metrics.get(objective) for _, metrics in built)
        assert least in [metrics.get(objective) for design, metrics in built if design in asked]


def test_no_more_designs_come_than_asked_for_or_there_are_and_always_the_same() -> None:
    problem = Problem(toy_task(), (source(toy_task()), source(toy_task(SMALL))))
    assert [len(translated(problem, n)) for n in (0, 1, 5)] == [0, 1, 5]
    everything = translated(problem, 10**6)
    assert PER_SOURCE < len(everything) <= 2 * PER_SOURCE
    assert translated(problem, 5) == everything[:5]


def test_an_axis_of_the_same_name_takes_the_nearest_choice() -> None:
    fine = replace(toy_task(), template=Template.from_content(toy_content({**MIDDLE, "d1": [3, 9, 30]})))
    task = toy_task()
    for design in fine.space.sample(20, np.random.default_rng(1)):
        values, there = fine.space.values(design), task.space.values(translate(fine, task, design))
        assert {name: there[name] for name in values if name != "d1"} == {n: values[n] for n in values if n != "d1"}
        assert there["d1"] == {3: 4, 9: 8, 30: 32}[int(values["d1"])]


def test_a_mapping_of_another_name_is_recognised_by_what_it_does() -> None:
    content = toy_content(MIDDLE)
    renamed = {
        **content,
        "spatial_mappings": {"first": content["spatial_mappings"]["ck"], "second": content["spatial_mappings"]["kc"]},
        "axes": {**content["axes"], "mapping": {"sets": "spatial_mapping", "choices": ["first", "second"]}},
    }
    other = replace(toy_task(), template=Template.from_content(renamed))
    means = {"kc": "second", "ck": "first"}
    for design in toy_task().space.sample(20, np.random.default_rng(2)):
        values = toy_task().space.values(design)
        if values["d1"] != values["d2"]:  # else both do the same
            there = other.space.values(translate(toy_task(), other, design))
            assert there == {**values, "mapping": means[str(values["mapping"])]}


def test_translated_designs_are_better_than_designs_at_random_on_another_layer() -> None:
    task = replace(toy_task(), workload=toy_workload(2).single("conv2"))
    asked = translated(Problem(task, (source(toy_task()),)), 4)
    random = [cost(task, design) for design in task.space.sample(200, np.random.default_rng(5))]
    assert max(cost(task, design) for design in asked) < np.quantile(random, 0.25)


@pytest.mark.parametrize("arch", BUNDLED)
def test_designs_of_every_bundled_architecture_can_be_translated_to_every_other(arch: str) -> None:
    task = on(arch)
    for other in BUNDLED:
        design = tuple(n // 2 for n in task.space.shape)
        there = translate(task, on(other, "conv5"), design)
        on(other).space.check(there)
        assert there == design or other != arch
