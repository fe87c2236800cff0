"""Owns the search of fused schedules: it finds what trying everything finds, and its bounds are bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulators.fusible import FACTORS, branching, chip, conv
from tests.simulators.small import archs, layers, with_memory
from workbench.problem.arch import Arch
from workbench.problem.graph import Item, Node, WorkloadLayer
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible
from workbench.problem.template import load_template
from workbench.problem.workload import Workload
from workbench.simulators.fused.candidates import Fusible, candidates_of
from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.model import FusedModel
from workbench.simulators.fused.network import Network
from workbench.simulators.fused.order import OBJECTIVES, Objective, Order
from workbench.simulators.fused.paths import Paths
from workbench.simulators.fused.pinned import LayerRun, Runner
from workbench.simulators.fused.search import Search
from workbench.simulators.fused.storage import Homes
from workbench.simulators.loopnest.engine import Criterion, evaluate_layer


def partitions(items: Sequence[int], regions: frozenset[int]) -> Iterator[list[int]]:
    """Every partition of the items into single ones and regions, as masks, without any order."""
    if not items:
        yield []
        return
    first, *rest = items
    for picks in range(1 << len(rest)):
        block = [first, *(item for k, item in enumerate(rest) if picks >> k & 1)]
        mask = sum(1 << i for i in block)
        if len(block) == 1 or mask in regions:
            for others in partitions([i for i in rest if i not in block], regions):
                yield [mask, *others]


def unbeaten(costs: Sequence[Cost]) -> list[Cost]:
    """Without those that another one beats or equals in latency, energy and traffic: no objective misses them."""
    kept: list[Cost] = []
    for cost in sorted(costs, key=lambda c: (c.latency_cycles, c.energy_pj, c.traffic_bits)):
        if not any(k.energy_pj <= cost.energy_pj and k.traffic_bits <= cost.traffic_bits for k in kept):
            kept.append(cost)
    return kept


def tried(search: Search) -> list[Cost]:
    """What all ways to run all partitions of a network come to: every candidate of every region is costed."""
    network, model = search.network, FusedModel(search.fusible.exits, search.runner)
    ways = {1 << number: [single.cost] for number, single in enumerate(search.singles)}
    for shapes in search.fusible.groups:
        repeat = network.items[shapes.group.exit].repeat
        found = [model.cost(candidate) for candidate in candidates_of(Homes.of(search.arch), shapes)]
        ways[shapes.group.mask] = unbeaten([cost.times(repeat) for cost in found if cost is not None])
    everything: list[Cost] = []
    for partition in partitions(range(len(network.items)), frozenset(ways)):
        sums = [Cost()]
        for mask in partition:
            sums = unbeaten([one + way for one in sums for way in ways[mask]])
        everything = unbeaten([*everything, *sums])
    return everything


@st.composite
def networks(draw: st.DrawFn) -> Workload:
    """Chains of few layers with, among them, a pooling, a residual block or branches that are joined."""
    size = draw(st.sampled_from([5, 8]))
    items: list[Item] = []
    last: tuple[str, ...] = ()
    channels = draw(st.integers(1, 4))
    for piece in draw(st.lists(st.sampled_from(["layer", "layer", "pool", "residual", "branches"]), max_size=2)):
        name = f"{piece}{len(items)}"
        if piece == "pool" and last and size > 3:
            items.append(Node(name, "pool", last, kernel=(2, 2), stride=(2, 2)))
            size //= 2
        elif piece == "residual" and last:
            items.append(conv(f"{name}a", channels, channels, size, *last))
            items.append(Node(name, "add", (f"{name}a", *last)))
        elif piece == "branches" and last:
            wide, narrow = draw(st.integers(1, 4)), draw(st.integers(1, 4))
            items.append(conv(f"{name}a", channels, wide, size, *last))
            items.append(conv(f"{name}b", channels, narrow, size, *last, kernel=1))
            items.append(Node(name, "concat", (f"{name}a", f"{name}b")))
            channels = wide + narrow
        else:
            filters = draw(st.integers(1, 6))
            items.append(conv(name, channels, filters, size, *last, kernel=draw(st.sampled_from([1, 3]))))
            channels = filters
        last = (name,)
    items.append(conv("end", channels, draw(st.integers(1, 6)), size, *last))
    return Workload("small", tuple(items))


@st.composite
def chips(draw: st.DrawFn) -> Arch:
    """From memories that hold a few rows to such as hold all maps; weights apart or beside the maps."""
    bits = st.sampled_from([1024, 2048, 6144, 16384])
    arch = chip(draw(bits), draw(bits))
    return with_memory(arch, "weights", operands=("W", "I", "O")) if draw(st.booleans()) else arch


def check(arch: Arch, workload: Workload) -> None:
    """Under every objective the search's schedule is as good as the best of all."""
    runner = Runner(arch, "edp", FACTORS)
    every = tried(Search(workload, "dram", runner))
    for objective in OBJECTIVES:
        order = Order(objective)
        best = min(order.key(cost)[0] for cost in every)
        assert order.key(Search(workload, objective, runner).run().cost)[0] == pytest.approx(best, rel=1e-9), objective


@settings(max_examples=40)
@given(chips(), networks())
def test_on_small_networks_the_search_finds_what_trying_everything_finds(arch: Arch, workload: Workload):
    check(arch, workload)


def test_through_a_residual_block_and_a_pooling_the_search_finds_what_trying_everything_finds():
    check(chip(), branching())


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_map_that_fits_nowhere_is_tiled_and_bounds_spare_costing(objective: Objective):
    found = Search(branching(), objective, Runner(chip(), "edp", FACTORS)).run()
    assert any(part.candidate and part.candidate.tiling.tiles > 1 for part in found.parts)
    assert found.costed < found.candidates


def test_no_candidate_beats_its_bounds_however_far_they_are_worked_out():
    shared = with_memory(chip(2048, 32768), "weights", operands=("W", "I", "O"))
    for arch in (chip(), shared, load_template("meta_prototype_like").nominal()):
        runner = Runner(arch, "edp", FACTORS)
        fusible = Fusible(Network(branching()))
        model = FusedModel(fusible.exits, runner)
        for shapes in fusible.groups:
            for candidate in candidates_of(Homes.of(arch), shapes):
                bounds, work = [model.bound(candidate)], model.work(candidate)
                if work is None:
                    assert model.cost(candidate) is None
                    continue
                for job in work.open_jobs():
                    known = work.cost()
                    if known is None:
                        break
                    bounds.append(known)
                    runner.run(job)
                cost = work.cost()
                assert cost == model.cost(candidate)
                if cost is not None:
                    for bound in bounds:
                        assert_not_below(cost, bound)
                    assert cost.macs >= sum(layer.macs for layer in _layers(model.network, shapes.group.items))


def assert_not_below(cost: Cost, bound: Cost) -> None:
    """In every part; MACs are known from the beginning."""
    assert cost.macs == bound.macs
    assert cost.latency_cycles >= bound.latency_cycles
    assert cost.energy_pj >= bound.energy_pj
    for real, least in zip(cost.dram_bits, bound.dram_bits, strict=True):
        assert real >= least


def _layers(network: Network, items: Sequence[int]) -> list:
    return [item.layer for i in items if isinstance(item := network.items[i], WorkloadLayer)]


@settings(max_examples=50)
@given(st.integers(1, 6), st.data())
def test_the_best_path_is_the_best_of_all_partitions(count: int, data: st.DataObject):
    masks = [1 << item for item in range(count)]
    for first in range(count):
        masks += [sum(1 << i for i in range(first, last)) for last in range(first + 2, count + 1)]
    worth = st.one_of(st.none(), st.tuples(*[st.integers(0, 20).map(float)] * 3))
    values = [(9.0, 9.0, 9.0)] * count + [data.draw(worth) for _ in masks[count:]]
    total, steps = Paths(count, masks).best(values)
    known = dict(zip(masks, values, strict=True))
    sums = []
    for partition in partitions(range(count), frozenset(masks)):
        parts = [known[mask] for mask in partition]
        if None not in parts:
            sums.append(tuple(map(sum, zip(*parts, strict=True))))
    assert total == min(sums)
    assert sum(masks[step] for step in steps) == (1 << count) - 1
    assert tuple(map(sum, zip(*(values[step] for step in steps), strict=True))) == total


@settings(max_examples=30)
@given(archs(), layers(), st.sampled_from(["latency", "energy", "edp"]))
def test_unrollings_that_are_left_out_are_never_the_best(arch: Arch, layer: Layer, criterion: Criterion):
    arch = replace(arch, spatial_mapping="auto")
    runner = Runner(arch, criterion, FACTORS)
    (outcome,) = evaluate_layer([arch], layer, criterion, FACTORS)
    run = runner.run(runner.job(layer))
    if isinstance(outcome, Infeasible):
        assert run == outcome
    else:
        assert isinstance(run, LayerRun)
        assert (run.latency_cycles, run.energy_pj) == (outcome.latency_cycles, outcome.energy_pj)
