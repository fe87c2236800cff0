"""Owns fused schedules: their laws, and that the search finds what trying everything finds."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import assume, given, settings

from tests.simulators.small import archs, layers, with_memory
from workbench.errors import UserError
from workbench.problem.arch import Arch, Memory, Port
from workbench.problem.graph import Item, Node, WorkloadLayer
from workbench.problem.layer import Layer
from workbench.problem.metrics import Metrics
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import Workload, load_workload
from workbench.simulators.fused.candidates import candidates_of
from workbench.simulators.fused.model import Candidate, Cost, FusedModel
from workbench.simulators.fused.network import SOURCE, Group, Network
from workbench.simulators.fused.pinned import Runner
from workbench.simulators.fused.search import OBJECTIVES, Objective, Order, Search, best_schedule
from workbench.simulators.fused.simulator import Fused, FusedSettings
from workbench.simulators.fused.storage import Placement, needs_of
from workbench.simulators.fused.tiling import MODES, Mode, Tilings
from workbench.simulators.loopnest.engine import evaluate_layer
from workbench.simulators.loopnest.simulator import LoopNest, LoopNestSettings

FACTORS = 3


def conv(
    name: str, channels: int, filters: int, size: int, *after: str, kernel: int = 3, stride: int = 1
) -> WorkloadLayer:
    layer = Layer.conv(name, channels, filters, kernel, in_size=size, stride=stride, padding=kernel // 2)
    return WorkloadLayer(layer, after)


def branching() -> Workload:
    """A residual block with a pooling behind it."""
    return Workload(
        "branching",
        (
            conv("a", 3, 8, 12),
            conv("b", 8, 8, 12, "a"),
            conv("c", 8, 8, 12, "b", kernel=1),
            Node("sum", "add", ("c", "a")),
            Node("pool", "pool", ("sum",), kernel=(2, 2), stride=(2, 2)),
            conv("d", 8, 4, 6, "pool"),
        ),
    )


def chip(buffer_bits: int = 16384, weight_bits: int = 16384) -> Arch:
    """Four PEs, a buffer for maps, one for weights, a slow DRAM."""

    def memory(name: str, operands: tuple[str, ...], bits: int, width: int, cost: float) -> Memory:
        ports = (Port("read", width, 8), Port("write", width, 8)) if name != "dram" else (Port("read_write", width, 8),)
        kind = "dram" if name == "dram" else "sram"
        return Memory(name, kind, bits, operands, ("D1", "D2"), ports, cost, cost)  # type: ignore[arg-type]

    return Arch(
        "chip",
        (("D1", 2), ("D2", 2)),
        0.05,
        (
            memory("maps", ("I", "O"), buffer_bits, 64, 4.0),
            memory("weights", ("W",), weight_bits, 64, 4.0),
            memory("dram", ("W", "I", "O"), 10**9, 16, 200.0),
        ),
        (("D1", (("K", None),)), ("D2", (("C", None),))),
    )


@cache
def schedule_of(objective: Objective, buffer_bits: int = 16384):
    return best_schedule(chip(buffer_bits), branching(), objective, factors=FACTORS)


@settings(max_examples=12, deadline=None)
@given(archs(), layers())
def test_a_layer_by_itself_costs_what_it_costs_without_fusion(arch: Arch, layer: Layer):
    outcome = evaluate_layer([arch], layer, "edp", FACTORS)[0]
    assume(isinstance(outcome, Metrics))
    assert isinstance(outcome, Metrics)
    found = best_schedule(arch, Workload.chain("one", [layer]), factors=FACTORS)
    assert (found.cost.latency_cycles, found.cost.energy_pj) == (outcome.latency_cycles, outcome.energy_pj)
    assert found.cost == found.layer_by_layer

    network, group = Network(Workload.chain("one", [layer])), Group(SOURCE, (0,))
    tilings = Tilings(network, group)
    whole = tilings.tiling("recompute", tilings.heights[0], tilings.widths[0])
    demand = needs_of(network, group, tilings.grids("recompute"), frozenset()).at(0, 0, 0)
    placement = Placement(0, None, demand, False)
    fused = FusedModel(network, Runner(arch, "edp", FACTORS)).cost(Candidate(whole, placement, frozenset()))
    assert fused == found.cost


@pytest.mark.parametrize("mode", MODES)
def test_every_tile_finds_what_it_reads_and_caches_recompute_nothing(mode: Mode):
    network = Network(branching())
    for group in network.groups():
        tilings = Tilings(network, group)
        for size in tilings.heights:
            tiling = tilings.tiling(mode, size, size)
            for axis, steps in (("y", tiling.rows), ("x", tiling.columns)):
                for number, span in steps.maps.items():
                    readers = [i for i in group.items if number in network.producers[i]]
                    for t in range(steps.count):
                        there = set(range(int(span.start[t] - span.kept[t]), int(span.stop[t])))
                        for reader in readers:
                            window = steps.windows[reader]
                            if network.producers[reader][0] == number:
                                assert set(range(int(window.start[t]), int(window.stop[t]))) <= there, axis
            for number in group.items:
                shape = network.shape(number, number)
                assert shape is not None
                assert tiling.area(number) >= shape.y * shape.x
                if mode == "cached":
                    assert tiling.area(number) == shape.y * shape.x


def test_groups_are_the_regions_of_one_entry_and_one_exit():
    network = Network(branching())
    count = len(network.items)
    regions = set()
    for mask in range(1, 1 << count):
        inside = [i for i in range(count) if mask >> i & 1]
        entries = {p for i in inside for p in network.producers[i] if p not in inside}
        exits = [i for i in inside if not network.readers[i] or any(r not in inside for r in network.readers[i])]
        computes = any(isinstance(network.items[i], WorkloadLayer) for i in inside)
        if len(inside) > 1 and len(entries) == len(exits) == 1 and computes:
            regions.add(mask)
    assert {group.mask for group in network.groups()} == regions


def _partitions(items: list[int], regions: dict[int, list[Cost]]) -> Iterator[list[int]]:
    """Every partition of the items into single ones and regions, as masks, without any order."""
    if not items:
        yield []
        return
    first, *rest = items
    for picks in range(1 << len(rest)):
        block = [first, *(item for k, item in enumerate(rest) if picks >> k & 1)]
        mask = sum(1 << i for i in block)
        if len(block) == 1 or mask in regions:
            for others in _partitions([i for i in rest if i not in block], regions):
                yield [mask, *others]


@cache
def everything_costed() -> tuple[Runner, dict[int, list[Cost]]]:
    """Every candidate of every region, by the region's mask."""
    runner, network = Runner(chip(), "edp", FACTORS), Network(branching())
    model = FusedModel(network, runner)
    regions = {}
    for group in network.groups():
        found = [model.cost(candidate) for candidate in candidates_of(chip(), network, group)]
        regions[group.mask] = [cost for cost in found if cost is not None]
    return runner, regions


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_search_finds_what_trying_everything_finds(objective: Objective):
    runner, regions = everything_costed()
    search, order = Search(branching(), objective, runner), Order(objective)
    best: Cost | None = None
    for partition in _partitions(list(range(len(search.network.items))), regions):
        sums = [Cost()]
        for mask in partition:
            ways = regions[mask] if mask in regions else [search.singles[mask.bit_length() - 1].cost]
            sums = [one + way for one in sums for way in ways]
        best = min((*sums, best) if best else sums, key=order.key, default=best)
    assert best is not None
    found = search.run()
    assert order.key(found.cost)[0] == pytest.approx(order.key(best)[0], rel=1e-12)
    assert any(part.candidate and part.candidate.tiling.tiles > 1 for part in found.parts)
    assert search.costed < search.seen


def test_no_candidate_beats_its_bound():
    shared = with_memory(chip(2048, 32768), "weights", operands=("W", "I", "O"))
    for arch in (chip(), shared, load_template("meta_prototype_like").nominal()):
        runner = Runner(arch, "edp", FACTORS)
        network = Network(branching())
        model = FusedModel(network, runner)
        for group in network.groups():
            for candidate in candidates_of(arch, network, group):
                cost, bound = model.cost(candidate), model.bound(candidate)
                if cost is not None:
                    assert (
                        cost.macs
                        == bound.macs
                        >= sum(
                            item.layer.macs for i in group.items if isinstance(item := network.items[i], WorkloadLayer)
                        )
                    )
                    assert cost.latency_cycles >= bound.latency_cycles
                    assert cost.energy_pj >= bound.energy_pj
                    for real, least in zip(cost.dram_bits, bound.dram_bits, strict=True):
                        assert real >= least


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_best_grouping_is_never_worse_than_layer_by_layer(objective: Objective):
    found, order = schedule_of(objective), Order(objective)
    assert order.key(found.cost) <= order.key(found.layer_by_layer)
    assert found.cost.macs >= branching().macs
    assert sorted(i for part in found.parts for i in part.items) == list(range(len(found.network.items)))


def test_more_memory_never_means_more_dram_traffic():
    traffic = [schedule_of("dram", bits).cost.traffic_bits for bits in (4096, 8192, 16384, 65536, 2**20)]
    assert traffic == sorted(traffic, reverse=True)
    assert traffic[-1] < schedule_of("dram", 2**20).layer_by_layer.traffic_bits
    network = branching()
    ends = network.layer("a").elements("I") + network.layer("d").elements("O") + network.weights
    assert traffic[-1] == 8 * ends  # what no schedule can do without


def test_a_memory_for_inputs_and_outputs_is_needed_to_fuse():
    apart = with_memory(chip(2**20), "maps", operands=("I",))
    found = best_schedule(apart, branching(), factors=FACTORS)
    assert all(part.candidate is None for part in found.parts)
    assert found.cost == found.layer_by_layer


def test_a_layer_that_does_not_fit_is_named():
    array_only = with_memory(chip(), "maps", size_bits=8)
    with pytest.raises(UserError, match="Layer 'a' does not fit on chip by itself"):
        best_schedule(array_only, branching(), factors=FACTORS)


def test_the_reuse_buffers_and_traffic_of_alwani_2016():
    """First five convolutions of VGG in 32 bits: 362 KB of reuse buffers, 3.6 MB of maps per image (MICRO 2016)."""
    items: list[Item] = []
    for item in load_workload("vgg16").items[:7]:
        if isinstance(item, WorkloadLayer):
            layer = replace(item.layer, weight_bits=32, input_bits=32, partial_bits=32, output_bits=32)
            items.append(WorkloadLayer(layer, item.after))
        else:
            items.append(item)
    network = Network(Workload("vgg_front", tuple(items)))
    group = next(group for group in network.groups() if len(group.items) == len(items))
    tilings = Tilings(network, group)
    tiling, ends = tilings.tiling("cached", 1, 1), frozenset((group.entry, group.exit))
    demand = needs_of(network, group, tilings.grids("cached"), ends).at(-1, -1, 0)
    assert demand.caches / 8e3 == pytest.approx(362, rel=0.02)
    moved = sum(tiling.area(n) * network.position_bits(group, n) for n in (group.entry, group.exit))
    assert moved / 8 / 2**20 == pytest.approx(3.6, rel=0.02)


def test_as_a_simulator_it_is_never_worse_than_layer_by_layer_and_equal_on_one_layer():
    template = load_template("edge_tpu_like")
    whole = Task(template, branching())
    design = (0,) * len(template.space.axes)
    for task in (whole, replace(whole, workload=branching().single("b"))):
        (fused,) = Fused(FusedSettings(factors=FACTORS)).evaluate(task, [design])
        (alone,) = LoopNest(LoopNestSettings(factors=FACTORS)).evaluate(task, [design])
        assert isinstance(fused, Metrics)
        assert isinstance(alone, Metrics)
        if task is whole:
            assert fused.edp_js < alone.edp_js
        else:
            assert fused == alone
