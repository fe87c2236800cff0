"""Owns fused schedules: their laws, tiles, and what they come to as a simulator."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import assume, given, settings

from tests.simulators.fusible import FACTORS, branching, chip
from tests.simulators.small import archs, layers, with_memory
from workbench.errors import UserError
from workbench.problem.arch import Arch
from workbench.problem.graph import Item, WorkloadLayer
from workbench.problem.layer import Layer
from workbench.problem.metrics import Metrics
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import Workload, load_workload
from workbench.simulators.fused.model import FusedModel
from workbench.simulators.fused.network import SOURCE, Group, Network
from workbench.simulators.fused.order import OBJECTIVES, Objective, Order
from workbench.simulators.fused.pinned import Runner
from workbench.simulators.fused.search import best_schedule
from workbench.simulators.fused.simulator import Fused, FusedSettings
from workbench.simulators.fused.storage import Footprints, Placement, needs_of
from workbench.simulators.fused.tiling import MODES, Exits, Mode, Tilings
from workbench.simulators.fused.work import Candidate
from workbench.simulators.loopnest.engine import evaluate_layer
from workbench.simulators.loopnest.simulator import LoopNest, LoopNestSettings


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
    model = FusedModel(Exits(network), Runner(arch, "edp", FACTORS))
    tilings = Tilings(model.exits, group)
    demand = needs_of(tilings, frozenset(), Footprints()).at("recompute", 0, 0, 0)
    fused = model.cost(Candidate(tilings.tiling("recompute"), Placement(0, None, demand, False), frozenset()))
    assert fused == found.cost


@pytest.mark.parametrize("mode", MODES)
def test_every_tile_finds_what_it_reads_and_caches_recompute_nothing(mode: Mode):
    network = Network(branching())
    exits = Exits(network)
    for group in network.groups():
        tilings = Tilings(exits, group)
        for size in range(len(tilings.grids(mode)[0].sizes)):
            tiling = tilings.tiling(mode, size, size)
            for grid, at in zip(tiling.grids, tiling.at, strict=True):
                for number, span in grid.steps.maps.items():
                    readers = [i for i in group.items if network.producers[i][0] == number]
                    for t in range(grid.part(at).start, grid.part(at).stop):
                        there = set(range(int(span.start[t] - span.kept[t]), int(span.stop[t])))
                        for reader in readers:
                            window = grid.steps.windows[reader]
                            assert set(range(int(window.start[t]), int(window.stop[t]))) <= there
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
    tilings = Tilings(Exits(network), group)
    tiling, ends = tilings.tiling("cached", -1, -1), frozenset((group.entry, group.exit))
    demand = needs_of(tilings, ends, Footprints()).at("cached", -1, -1, 0)
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
