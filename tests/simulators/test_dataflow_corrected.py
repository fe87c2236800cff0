"""Owns the laws of the `corrected` mode, and one test for everything that it does otherwise than the public tool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.dataflow_agreement import ROWS, batches, rows, timing_of
from workbench.problem.layer import Bits, Layer
from workbench.problem.metrics import Infeasible, Metrics
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import Workload
from workbench.simulators.dataflow import DataflowSettings, DataflowSimulator, compatible
from workbench.simulators.dataflow.built import Timing, build
from workbench.simulators.dataflow.catalogue import bundled, load
from workbench.simulators.dataflow.convert import data_layer
from workbench.simulators.dataflow.corrected import moves_of
from workbench.simulators.dataflow.levels import batch_of
from workbench.simulators.dataflow.mapping import Mapping
from workbench.simulators.dataflow.memory import cuts_of, least
from workbench.simulators.dataflow.nest import ALL_HELD, Nest, cycles, unroll
from workbench.simulators.dataflow.parse import parse_mapping
from workbench.simulators.dataflow.simulator import VECTOR_WIDTH
from workbench.simulators.dataflow.tensors import IN, OUT, WT, DataLayer

RECORDED = rows(ROWS)
TEMPLATE = load_template("data_centric")
CONV = DataLayer("conv", "CONV", (("K", 8), ("C", 6), ("R", 3), ("S", 3), ("Y", 12), ("X", 13)))
WHOLE = "TemporalMap(3,3) R; TemporalMap(3,3) S;"
KC = f"SpatialMap(1,1) K; TemporalMap(4,4) C; {WHOLE} TemporalMap(3,1) Y; TemporalMap(3,1) X; Cluster(4,P);"
KC += "SpatialMap(1,1) C;"


def nest_of(layer: DataLayer, mapping: Mapping | str, pes: int = 16) -> Nest:
    return unroll(batch_of([(layer, parse_mapping(mapping) if isinstance(mapping, str) else mapping, pes)]))


def ones(*values: int) -> Timing:
    noc, latency, offchip, simd = (np.array([[value]]) for value in values)
    return Timing(noc, latency, offchip, simd)


def macs_of(nest: Nest) -> float:
    return float(moves_of(nest, ALL_HELD).macs[0])


def cost(**changes: int | str):
    values = {axis: choices[0] for axis, choices in ((a.name, a.choices) for a in TEMPLATE.space.axes)}
    values |= {"pes": 64, "l1_bits": 8192, "l2_bits": 1048576, "noc_bits": 128, "tile_c": 4, "lanes": 4}
    layer = Layer.conv("small", 12, 16, 3, in_size=14, padding=1)
    task = Task(TEMPLATE, Workload.chain("one", [layer]))
    design = task.space.design({**values, **{k: v for k, v in changes.items() if k in values}})
    chosen = {k: v for k, v in changes.items() if k not in values}
    return DataflowSimulator(DataflowSettings(**chosen)).evaluate(task, [design])[0]


def metrics(**changes: int | str) -> Metrics:
    found = cost(**changes)
    assert isinstance(found, Metrics), found
    return found


@st.composite
def designs(draw: st.DrawFn) -> tuple[Layer, str, dict[str, int], int]:
    """Layers of any kind, a bundled dataflow with any sizes, and PEs."""
    kind = draw(st.sampled_from(["conv", "depthwise", "grouped", "gemm"]))
    kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    size, channels = draw(st.integers(5, 15)), draw(st.integers(1, 9))
    if kind == "gemm":
        layer = Layer.gemm("l", size, channels, draw(st.integers(1, 20)), batch=draw(st.integers(1, 2)))
    elif kind == "depthwise":
        layer = Layer.depthwise("l", channels + 1, kernel, in_size=size, stride=stride)
    else:
        groups = 2 if kind == "grouped" else 1
        dilation = draw(st.integers(1, 2)) if kernel < 3 else 1
        layer = Layer.conv(
            "l",
            groups * channels,
            groups * draw(st.integers(1, 9)),
            kernel,
            in_size=size,
            stride=stride,
            groups=groups,
            dilation=dilation,
        )
    constants = {name: draw(st.integers(1, 9)) for name in ("TileK", "TileC", "TileY", "TileX", "Lanes")}
    return layer, draw(st.sampled_from(bundled())), constants, draw(st.integers(1, 300))


@settings(max_examples=120, deadline=None)
@given(designs(), st.integers(1, 64), st.integers(1, 4))
def test_macs_are_the_layers_and_no_pe_does_more_than_it_can(design, noc: int, simd: int):
    layer, name, constants, pes = design
    shape = data_layer(layer)
    nest = nest_of(shape, load(name).on(shape, tuple(constants.items())), pes)
    assert macs_of(nest) == layer.macs
    total = int(cycles(nest, ones(noc, 1, 1, simd)).total[0, 0])
    assert total * pes * simd >= layer.macs
    found = moves_of(nest, ALL_HELD)
    for tensor in (IN, WT):
        assert found.reads[0, tensor] >= layer.elements("IW"[tensor]) * (layer.padding == (0, 0, 0, 0))
        assert found.delivered[0, tensor] >= found.reads[0, tensor] - 1e-6
    assert found.writes[0, OUT] - found.reads[0, OUT] == layer.elements("O")


@settings(max_examples=40, deadline=None)
@given(designs())
def test_a_larger_shared_buffer_never_moves_more_and_the_largest_moves_each_value_once(design):
    layer, name, constants, pes = design
    shape = data_layer(layer)
    nest = nest_of(shape, load(name).on(shape, tuple(constants.items())), pes)
    cuts = cuts_of(nest)
    sizes = [2**k for k in range(6, 34, 3)]
    before = None
    for size in sizes:
        found = least(cuts, np.full((1, 3), 8), np.array([[size]]), (0, 0, 0))
        moved = float((found.reads + found.writes).sum())
        if found.fits[0]:
            assert before is None or moved <= before
            before = moved
    assert found.writes[0, OUT] == layer.elements("O")
    assert found.reads[0, WT] == layer.elements("W")
    assert found.reads[0, OUT] == 0


@settings(max_examples=30, deadline=None)
@given(designs())
def test_more_bandwidth_never_takes_longer(design):
    layer, name, constants, pes = design
    shape = data_layer(layer)
    nest = nest_of(shape, load(name).on(shape, tuple(constants.items())), pes)
    one = np.ones((1, 1), dtype=np.int64)
    found = cycles(nest, Timing(np.array([[1, 2, 3, 8, 50, 1000]]), one, one, one)).total[0]
    assert list(found) == sorted(found, reverse=True)


def test_every_recorded_run_has_true_macs_keeps_the_bound_and_crashes_nothing():
    """Deviations 1, 2, 12, 13 and 15: the table holds runs where the tool is wrong in each of them, and crashes."""
    seen = set()
    for group in batches(RECORDED):
        batch = batch_of([(row.layer, row.mapping, row.number("num_pes")) for row in group])
        nest = unroll(batch)
        macs, total = moves_of(nest, ALL_HELD).macs, cycles(nest, timing_of(group)).total[:, 0]
        for i, row in enumerate(group):
            assert macs[i] == row.layer.macs
            assert total[i] * batch.pes[i] >= row.layer.macs
            seen.add(row.content["q_macs_exact"])
    assert seen >= {"0", "1", ""}


def test_a_tensor_is_fetched_again_when_its_inner_dimensions_start_again():
    """Deviation 3: weights of all channels pass for each output row, although rows do not concern them."""
    mapping = f"TemporalMap(3,1) Y; TemporalMap(2,2) C; SpatialMap(1,1) K; {WHOLE} TemporalMap(13,13) X;"
    weights = 8 * 6 * 9
    found = moves_of(nest_of(CONV, mapping), ALL_HELD)
    assert found.reads[0, WT] == 10 * weights
    built = build(batch_of([(CONV, parse_mapping(mapping), 16)]))
    assert compatible.counts(built).l2_reads[WT][0] < 10 * weights


def test_outputs_leave_when_they_change_and_unfinished_ones_come_back():
    """Deviation 4: sums over the channels outside stay unfinished; those over channels inside leave once."""
    outside = f"TemporalMap(2,2) C; SpatialMap(1,1) K; {WHOLE} TemporalMap(3,1) Y; TemporalMap(3,1) X;"
    inside = f"SpatialMap(1,1) K; {WHOLE} TemporalMap(3,1) Y; TemporalMap(3,1) X; TemporalMap(2,2) C;"
    outputs = 8 * 10 * 11
    for mapping, times in ((outside, 3), (inside, 1)):
        found = moves_of(nest_of(CONV, mapping), ALL_HELD)
        assert found.writes[0, OUT] == times * outputs
        assert found.reads[0, OUT] == (times - 1) * outputs


def test_what_pes_share_is_read_once_and_arrives_at_each():
    """Deviations 5 and 6: all PEs take the same inputs, each its own weights."""
    found = moves_of(nest_of(CONV, KC, pes=32), ALL_HELD)
    assert found.delivered[0, IN] == 8 * found.reads[0, IN]
    assert found.delivered[0, WT] == found.reads[0, WT]
    assert found.l1_writes[0, IN] == found.delivered[0, IN]
    unheld = moves_of(unroll(batch_of([(CONV, parse_mapping(KC), 32)]), (True, False, True)), (True, False, True))
    assert unheld.delivered[0, WT] > found.delivered[0, WT]
    assert unheld.l1_reads[0, WT] == 0


def test_a_sub_cluster_loads_while_it_computes():
    """Deviation 7: with enough bandwidth the steps take what the slowest PE computes."""
    nest = nest_of(CONV, KC, pes=32)
    total = int(cycles(nest, ones(10**6, 0, 1, 1)).total[0, 0])
    computing = 2 * 110 * 9
    assert computing <= total <= computing + 3


def test_dram_bounds_the_latency_and_depends_on_the_shared_buffer():
    """Deviations 8 and 9."""
    small, large = (metrics(l2_bits=size) for size in (65536, 8388608))
    assert small.latency_cycles >= large.latency_cycles
    assert small.breakdown is not None
    assert large.breakdown is not None
    assert small.breakdown.onload_cycles > 0
    dram = [sum(pj for m, _, pj in b.memory_energy_pj if m == "dram") for b in (small.breakdown, large.breakdown)]
    assert dram[0] >= dram[1] > 0


def test_energy_and_area_follow_the_size_of_the_buffers_and_the_pes():
    """Deviations 10 and 11: each part has a price; twice the PEs take about twice the area."""
    small, large = metrics(l1_bits=4096), metrics(l1_bits=8192)
    parts = {name for name, _, _ in small.breakdown.memory_energy_pj} if small.breakdown else set()
    assert {"l1", "l2", "dram", "NoC"} <= parts
    assert small.energy_pj < large.energy_pj
    assert small.area_um2 < large.area_um2
    few, many = metrics(pes=512), metrics(pes=1024)
    assert many.area_um2 < 2.1 * few.area_um2


def test_a_cluster_that_takes_several_steps_has_a_buffer_that_costs():
    """Deviation 10: eight channels for four lanes are two steps of a cluster, four are one."""
    layer = replace(CONV, extents=(("K", 8), ("C", 8), ("R", 3), ("S", 3), ("Y", 12), ("X", 13)))
    one, two = (moves_of(nest_of(layer, KC.replace("(4,4) C", f"({c},{c}) C"), 32), ALL_HELD) for c in (4, 8))
    assert sum(size.sum() for size in one.cluster_size) == 0
    assert sum(size.sum() for size in two.cluster_size) > 0


def test_needs_are_counted_in_the_elements_own_bits():
    """Deviation 14."""
    found = cost(l1_bits=256)
    assert isinstance(found, Infeasible)
    assert found.resource == "memories.l1.size_bits"
    assert found.demand == 2 * (9 * 8 + 9 * 8 + 16)
    assert "l1_bits" in found.levers


def test_groups_and_batches_are_counted():
    """Deviation 13."""
    layer = data_layer(Layer.conv("grouped", 8, 12, 3, in_size=9, groups=4, batch=3))
    found = moves_of(nest_of(layer, load("kcp").on(layer)), ALL_HELD)
    assert found.macs[0] == layer.macs
    assert found.writes[0, OUT] - found.reads[0, OUT] == 3 * 12 * 49


@pytest.mark.parametrize("name", bundled())
def test_every_bundled_dataflow_runs_in_both_modes_with_free_sizes(name: str):
    assert len(bundled()) == 7
    assert load(name).free
    for mode in ("corrected", "compatible"):
        assert isinstance(cost(dataflow=name, mode=mode), Metrics)


@pytest.mark.parametrize("mode", ["corrected", "compatible"])
def test_a_buffer_that_is_larger_than_needed_takes_its_own_area(mode: str):
    needed, large = cost(mode=mode), cost(mode=mode, l1_bits=16384, l2_bits=4194304)
    assert isinstance(needed, Metrics)
    assert isinstance(large, Metrics)
    assert large.area_um2 > needed.area_um2
    if mode == "compatible":
        assert large.area_um2 - needed.area_um2 == pytest.approx(0.104 * (64 * 1024 + 3 * 131072))


def test_an_architecture_may_state_the_vector_width_of_its_pes():
    layer, arch = Layer.conv("small", 12, 16, 3, in_size=14, padding=1), TEMPLATE.nominal()
    wide = replace(arch, dataflow=(*arch.dataflow, (VECTOR_WIDTH, 4)))
    setting = DataflowSimulator(DataflowSettings(simd=4)).costed(layer, [arch])[0]
    (narrow, i), (stated, j) = DataflowSimulator().costed(layer, [arch, wide])
    assert stated.outcome(j) == setting[0].outcome(setting[1]) != narrow.outcome(i)


@pytest.mark.parametrize("mode", ["corrected", "compatible"])
@pytest.mark.parametrize("name", ["kcp", "yxp", "yrp"])
def test_layers_costed_together_cost_to_the_last_bit_what_each_costs_alone(name: str, mode: str):
    """Layers of one type share a batch, whatever their sizes, strides and bits."""
    simulator = DataflowSimulator(DataflowSettings.model_validate({"dataflow": name, "mode": mode}))
    layers = [
        Layer.conv("a", 3, 16, 3, in_size=14, padding=1),
        Layer.conv("b", 16, 30, 3, in_size=14, stride=2, padding=1),
        Layer.conv("c", 30, 7, 1, in_size=7, bits=Bits(weight=4, input=4)),
        Layer.depthwise("d", 16, 3, in_size=9),
        Layer.gemm("e", 1, 100, 10),
    ]
    archs = [replace(TEMPLATE.nominal(), array=(("PE", pes),)) for pes in (256, 96, 8)]
    pairs = [(layer, arch) for layer in layers for arch in archs]
    together = [group.outcome(row) for group, row in simulator.costed_pairs(pairs)]
    alone = [group.outcome(row) for pair in pairs for group, row in simulator.costed_pairs([pair])]
    assert list(map(repr, together)) == list(map(repr, alone))
    assert len({type(outcome) for outcome in together}) == (1 if name == "yrp" else 2)


def test_what_does_not_fit_names_the_axes_that_help():
    found = cost(pes=16, lanes=32)
    assert isinstance(found, Infeasible)
    assert (found.resource, found.demand, found.bound) == ("array", 32, 16)
    assert {"pes", "lanes"} <= set(found.levers)


def test_input_rows_and_kernel_rows_over_the_same_pes_spread_the_kernel():
    """Deviation 12: three PEs with a kernel row each take a third of the time, and their sums leave as one."""
    outer = f"SpatialMap(3,1) Y; TemporalMap(1,1) K; TemporalMap(2,2) C; {WHOLE} TemporalMap(3,1) X;"
    pair = parse_mapping(outer + "Cluster(3,P); SpatialMap(1,1) Y; SpatialMap(1,1) R; TemporalMap(3,3) S;")
    one, three = nest_of(CONV, outer, pes=10), nest_of(CONV, pair, pes=30)
    fast = ones(10**6, 0, 1, 1)
    assert macs_of(one) == macs_of(three) == CONV.macs
    assert 3 * int(cycles(three, fast).total[0, 0]) == pytest.approx(int(cycles(one, fast).total[0, 0]), rel=0.01)
    assert moves_of(three, ALL_HELD).writes[0, OUT] == moves_of(one, ALL_HELD).writes[0, OUT]


def test_the_last_step_is_as_large_as_what_is_left():
    """Deviation 2: 11 columns over 4 PEs of 2 each are a full step of 8 and one of 2 + 1."""
    mapping = f"SpatialMap(2,2) X'; TemporalMap(1,1) K; TemporalMap(6,6) C; {WHOLE} TemporalMap(1,1) Y';"
    nest = nest_of(CONV, mapping, pes=4)
    per_column = 6 * 9
    assert int(cycles(nest, ones(10**6, 0, 1, 1)).bound_by["compute"][0, 0]) == 8 * 10 * 2 * (2 * per_column)
    steps = nest.floors[0].steps
    assert sorted({int(a) for a in steps.active}) == [2, 4]
    assert {int(p) for p in steps.part[:, steps.tiles.spatial]} == {1, 2}
