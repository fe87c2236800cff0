"""The executor: nothing simulated twice, layers added up, and who shares a batch never matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.toy import MIDDLE, SMALL, ToySettings, ToySimulator, toy_content, toy_task
from workbench.errors import SimulatorError
from workbench.executor import Batch, Lookup, context, evaluate
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.template import Template
from workbench.problem.workload import Workload


class Counting(ToySimulator):
    """The toy, counting what it is asked."""

    def __init__(self) -> None:
        super().__init__(ToySettings())
        self.calls: list[tuple[str, int]] = []

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        self.calls.append((task.workload.name, len(designs)))
        return super().evaluate(task, designs)


class Memory:
    """A cache that keeps what batches left."""

    def __init__(self) -> None:
        self.kept: dict[tuple[bytes, bytes], Outcome] = {}

    def lookup(self, key: bytes, archs: Sequence[bytes]) -> Mapping[bytes, Outcome]:
        return {arch: self.kept[key, arch] for arch in archs if (key, arch) in self.kept}

    def keep(self, batch: Batch) -> None:
        self.kept |= {(e.context, e.arch): e.outcome for e in batch.fresh}
        assert {e.context for e in batch.fresh} <= {c.key for c in batch.contexts}


def nothing(key: bytes, archs: Sequence[bytes]) -> Mapping[bytes, Outcome]:
    return {}


def evaluated_in_turn(task: Task, batches: Sequence[Sequence[Design]], lookup: Lookup | None = None) -> list[object]:
    memory = Memory()
    told: list[object] = []
    for designs in batches:
        batch = evaluate(Counting(), task, designs, memory.lookup)
        memory.keep(batch)
        told += batch.evaluated
    return told


TASK = toy_task(layers=3)


@given(st.lists(st.integers(0, TASK.space.size - 1), min_size=1, max_size=12), st.data())
def test_how_designs_are_cut_into_batches_never_matters(ranks, data):
    designs = [TASK.space.unrank(rank) for rank in ranks]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(designs)))) | {0, len(designs)})
    batches = [designs[a:b] for a, b in pairwise(cuts)]
    assert evaluated_in_turn(TASK, batches) == evaluated_in_turn(TASK, [[design] for design in designs])


def test_equal_layers_are_simulated_once_and_counted_as_often_as_they_occur():
    layer = toy_task().workload.layers[0].layer
    square = replace(layer, dims=(1, 1, 8, 8, 32, 32, 3, 3))
    twice = replace(toy_task(), workload=Workload.chain("two", [square, replace(square, name="again")]))
    once = replace(twice, workload=Workload.chain("one", [square]))
    simulator, design = Counting(), (2, 2, 5, 2, 0)
    (two,) = evaluate(simulator, twice, [design], nothing).evaluated
    (one,) = evaluate(simulator, once, [design], nothing).evaluated
    assert [count for _, count in simulator.calls] == [1, 1]
    assert isinstance(one.outcome, Metrics)
    assert isinstance(two.outcome, Metrics)
    assert two.outcome.latency_cycles == 2 * one.outcome.latency_cycles
    assert two.outcome.energy_pj == 2 * one.outcome.energy_pj
    assert two.outcome.area_um2 == one.outcome.area_um2


def test_what_is_known_is_not_simulated_and_says_the_same():
    simulator, memory = Counting(), Memory()
    designs = [TASK.space.unrank(rank) for rank in range(0, TASK.space.size, 300)]
    first = evaluate(simulator, TASK, designs, memory.lookup)
    memory.keep(first)
    simulator.calls.clear()
    second = evaluate(simulator, TASK, designs, memory.lookup)
    assert simulator.calls == []
    assert second.fresh == ()
    assert second.contexts == ()
    assert all(e.cached for e in second.evaluated)
    assert [e.outcome for e in second.evaluated] == [e.outcome for e in first.evaluated]


def test_a_network_reuses_the_layers_that_other_networks_left():
    memory, simulator = Memory(), Counting()
    design = [(2, 2, 9, 2, 0)]
    memory.keep(evaluate(simulator, toy_task(layers=2), design, memory.lookup))
    simulator.calls.clear()
    (three,) = evaluate(simulator, TASK, design, memory.lookup).evaluated
    assert simulator.calls == [("conv3", 1)]
    assert not three.cached


def test_a_layer_that_does_not_fit_decides_and_is_named_where_there_are_several():
    small = (2, 2, 2, 2, 0)  # 8192 bits: room for conv1's 6144, not for conv2's 12288
    simulator = Counting()
    (several,) = evaluate(simulator, TASK, [small], nothing).evaluated
    assert isinstance(several.outcome, Infeasible)
    assert several.outcome.reason.startswith("conv2: ")
    assert simulator.calls == [("conv1", 1), ("conv2", 1)]
    alone = replace(TASK, workload=TASK.workload.single("conv2"))
    (one,) = evaluate(simulator, alone, [small], nothing).evaluated
    assert isinstance(one.outcome, Infeasible)
    assert several.outcome.reason == f"conv2: {one.outcome.reason}"


def test_the_second_of_two_equal_architectures_in_a_batch_counts_as_cached():
    simulator = Counting()
    batch = evaluate(simulator, TASK, [(2, 2, 9, 2, 0)] * 2, nothing)
    assert [e.cached for e in batch.evaluated] == [False, True]
    assert {count for _, count in simulator.calls} == {1}


def test_no_designs_are_no_work():
    assert evaluate(Counting(), TASK, [], nothing) == Batch((), (), ())


def test_the_context_tells_apart_all_that_decides_an_outcome_and_nothing_else():
    simulator, task = Counting(), toy_task()
    layer = task.workload.layers[0].layer

    def key(task: Task = task, layer: Layer = layer) -> bytes:
        return context(simulator, task, [layer]).key

    assert (
        key()
        == key(layer=replace(layer, name="another"))
        == key(replace(task, objectives=("area_um2",), technology="own"))
    )
    assert key() == key(toy_task({**MIDDLE, "d1": (4, 8)}))
    others = {
        key(),
        key(layer=replace(layer, stride=(2, 2))),
        key(replace(task, criterion="energy")),
        context(simulator, task, None).key,
    }
    renamed = toy_content(MIDDLE)
    renamed["axes"]["rows"] = renamed["axes"].pop("d1")
    others.add(key(replace(task, template=Template.from_content(renamed))))
    assert len(others) == 5


def test_a_simulator_of_whole_networks_is_asked_for_the_network():
    class Whole(Counting):
        per_layer: ClassVar[bool] = False

        def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
            self.calls.append((task.workload.name, len(designs)))
            return [Metrics(1.0, 1.0, 1.0) for _ in designs]

    simulator, memory = Whole(), Memory()
    memory.keep(evaluate(simulator, TASK, [(0, 0, 0, 0, 0)], memory.lookup))
    assert evaluate(simulator, TASK, [(0, 0, 0, 0, 0)], memory.lookup).evaluated[0].cached
    assert simulator.calls == [("toynet", 1)]


def test_a_simulator_that_loses_outcomes_is_found_out():
    class Losing(Counting):
        def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
            return super().evaluate(task, designs)[1:]

    task = toy_task(SMALL)
    with pytest.raises(SimulatorError, match="1 outcomes for 2 designs"):
        evaluate(Losing(), task, [(0, 4, 0), (1, 4, 0)], nothing)
