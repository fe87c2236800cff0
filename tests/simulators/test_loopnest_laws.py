"""Laws of the loop-nest engine, over random small architectures and layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.simulators.small import archs, layers, wider, with_memory
from workbench.problem.arch import OPERANDS, Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome
from workbench.problem.template import load_template
from workbench.problem.workload import load_workload
from workbench.simulators.compiled import fast_available
from workbench.simulators.loopnest.allocate import Rows, allocate, fitting
from workbench.simulators.loopnest.bound import optimistic
from workbench.simulators.loopnest.case import Case
from workbench.simulators.loopnest.cost import Moves
from workbench.simulators.loopnest.engine import (
    Criterion,
    best_rows,
    evaluate_layer,
    scores,
    sliding_loops,
)
from workbench.simulators.loopnest.orders import all_orders, only, temporal_loops
from workbench.simulators.loopnest.spatial import candidates, generate

FACTORS = 4


KERNELS = (
    False,
    pytest.param(True, marks=pytest.mark.skipif(not fast_available(), reason="the extra 'fast' is not installed")),
)


def in_full(outcomes: Sequence[Outcome]) -> list[str]:
    """All that is said of outcomes: they are equal to each other whatever their breakdown and mapping are."""
    return [repr(outcome) for outcome in outcomes]


def rivals(arch: Arch, layer: Layer) -> list[Arch]:
    """The architecture with each of its candidates as its only spatial mapping."""
    return [replace(arch, spatial_mapping=rule) for rule in generate(arch, layer).values()]


def best(arch: Arch, layer: Layer, criterion: str = "edp") -> Metrics:
    outcome = evaluate_layer([arch], layer, criterion, FACTORS)[0]  # type: ignore[arg-type]
    assume(isinstance(outcome, Metrics))
    assert isinstance(outcome, Metrics)
    return outcome


def case_of(arch: Arch, layer: Layer) -> Case:
    spatial = candidates(arch, layer)[0]
    orders = all_orders(temporal_loops(dict(spatial.remaining), FACTORS), sliding_loops(layer))
    return Case(layer, [arch], [spatial], orders)


def costs(case: Case, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Energy and latency of every row."""
    moves = Moves(case, rows)
    edges = moves.latency()
    assert np.all(moves.least_latency() <= case.total + edges.stall + case.drain[rows.design])
    return moves.energy_pj(), case.total + edges.stall + edges.onload + edges.offload + case.drain[rows.design]


@given(archs(), layers(), st.integers(0, 2))
def test_no_mapping_of_an_order_beats_its_bound(arch: Arch, layer: Layer, filling: int) -> None:
    case = case_of(arch, layer)
    latency, energy = optimistic(case)
    orders = np.arange(len(case.orders.order))
    rows = allocate(case, np.zeros_like(orders), orders, np.full_like(orders, filling))
    rows = rows.take(rows.fits)
    assume(len(rows))
    pj, cycles = costs(case, rows)
    assert np.all(latency[0, rows.order] <= cycles)
    assert np.all(energy[0, rows.order] <= pj)


@given(archs(), layers(), st.integers(0, 2), st.data())
def test_an_order_by_itself_costs_what_it_costs_among_all(
    arch: Arch, layer: Layer, filling: int, data: st.DataObject
) -> None:
    case = case_of(arch, layer)
    number = data.draw(st.integers(0, len(case.orders.order) - 1))
    rows = allocate(case, np.zeros(1, dtype=np.int64), np.array([number]), np.array([filling]))
    alone = Case(layer, [arch], case.spatials, only(case.orders, number))
    same = replace(rows, order=np.zeros(1, dtype=np.int64))
    assert [each.tolist() for each in costs(alone, same)] == [each.tolist() for each in costs(case, rows)]
    assert fitting(alone, same).tolist() == fitting(case, rows).tolist()


@given(archs(), layers(), st.sampled_from(["latency", "energy", "edp"]))
def test_what_the_bounds_leave_out_is_never_better(arch: Arch, layer: Layer, criterion: Criterion) -> None:
    case = case_of(arch, layer)
    rows = allocate(case)
    rows = rows.take(rows.fits)
    assume(len(rows))
    energy, latency = costs(case, rows)
    first, second = scores(latency, energy, criterion)
    found = best_rows(case, criterion)
    assert (found.first[0], found.second[0]) <= min(zip(first, second, strict=True))


@given(archs(), layers())
def test_the_breakdown_sums_to_the_totals(arch: Arch, layer: Layer) -> None:
    metrics = best(arch, layer)
    parts = metrics.breakdown
    assert parts is not None
    energy = parts.mac_energy_pj + sum(e for _, _, e in parts.memory_energy_pj)
    assert energy == pytest.approx(metrics.energy_pj, rel=1e-12)
    cycles = (
        parts.ideal_cycles
        + parts.spatial_stall_cycles
        + parts.temporal_stall_cycles
        + parts.onload_cycles
        + parts.offload_cycles
    )
    assert cycles == pytest.approx(metrics.latency_cycles, rel=1e-12)
    assert {(m, o) for m, o, _ in parts.memory_energy_pj} == {(m.name, o) for m in arch.memories for o in m.operands}


@given(archs(), layers())
def test_no_mapping_is_faster_than_the_array(arch: Arch, layer: Layer) -> None:
    metrics = best(arch, layer, "latency")
    assert metrics.latency_cycles >= ceil(layer.macs / arch.pes)
    assert metrics.breakdown is not None
    assert min(metrics.breakdown.temporal_stall_cycles, metrics.breakdown.onload_cycles) >= 0


@given(archs(), layers())
def test_every_tensor_passes_the_last_level_at_least_once(arch: Arch, layer: Layer) -> None:
    metrics = best(arch, layer, "energy")
    assert metrics.breakdown is not None
    dram = arch.memories[-1]
    paid = {operand: e for name, operand, e in metrics.breakdown.memory_energy_pj if name == dram.name}
    bits = {"W": layer.weight_bits, "I": layer.input_bits, "O": layer.output_bits}
    for operand in OPERANDS:
        price = dram.write_energy_pj if operand == "O" else dram.read_energy_pj
        words = layer.elements(operand) * bits[operand] / dram.word_bits  # type: ignore[arg-type]
        assert paid[operand] >= words * price * (1 - 1e-9)


@given(archs(), layers())
def test_no_mapping_is_faster_than_the_last_level_can_move_its_tensors(arch: Arch, layer: Layer) -> None:
    metrics = best(arch, layer, "latency")
    dram = arch.memories[-1]
    moved = dict.fromkeys(range(len(dram.ports)), 0.0)
    for operand, bits in (("W", layer.weight_bits), ("I", layer.input_bits), ("O", layer.output_bits)):
        port = dram.port_of(operand, "from_low" if operand == "O" else "to_low")
        moved[port] += layer.elements(operand) * bits / dram.ports[port].bits_per_cycle  # type: ignore[arg-type]
    assert metrics.latency_cycles >= max(moved.values()) * (1 - 1e-9)


@given(archs(), layers(), st.integers(2, 8), st.data())
def test_a_larger_memory_never_worsens_a_fixed_mapping(
    arch: Arch, layer: Layer, factor: int, data: st.DataObject
) -> None:
    memory = data.draw(st.sampled_from(arch.memories))
    case = case_of(arch, layer)
    rows = allocate(case)
    rows = rows.take(rows.fits)
    assume(len(rows) > 0)
    larger = with_memory(arch, memory.name, size_bits=memory.size_bits * factor)
    energy, latency = costs(case, rows)
    energy_after, latency_after = costs(Case(layer, [larger], case.spatials, case.orders), rows)
    assert np.all(energy_after <= energy * (1 + 1e-12))
    assert np.all(latency_after <= latency * (1 + 1e-12))


@given(archs(), layers(), st.integers(2, 8), st.sampled_from(["latency", "energy", "edp"]), st.data())
def test_a_larger_memory_never_worsens_the_best_mapping_by_more_than_one_per_cent(
    arch: Arch, layer: Layer, factor: int, criterion: str, data: st.DataObject
) -> None:
    memory = data.draw(st.sampled_from(arch.memories))
    before = best(arch, layer, criterion)
    after = best(with_memory(arch, memory.name, size_bits=memory.size_bits * factor), layer, criterion)
    value = {"latency": "latency_cycles", "energy": "energy_pj", "edp": "edp_js"}[criterion]
    assert after.get(value) <= before.get(value) * 1.01


@given(archs(), layers(), st.integers(2, 4), st.data())
def test_more_bandwidth_never_worsens_latency(arch: Arch, layer: Layer, factor: int, data: st.DataObject) -> None:
    memory = data.draw(st.sampled_from(arch.memories))
    case = case_of(arch, layer)
    rows = allocate(case)
    rows = rows.take(rows.fits)
    assume(len(rows) > 0)
    faster = with_memory(arch, memory.name, ports=wider(memory, factor))
    _, before = costs(case, rows)
    _, after = costs(Case(layer, [faster], case.spatials, case.orders), rows)
    assert np.all(after <= before * (1 + 1e-12))


@given(st.lists(archs(), min_size=2, max_size=5), layers(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_an_outcome_never_depends_on_the_batch(batch: list[Arch], layer: Layer, random: object) -> None:
    sizes = [replace(a, memories=tuple(replace(m, size_bits=m.size_bits * 2) for m in a.memories)) for a in batch]
    everything = [*batch, *sizes]
    alone = [evaluate_layer([arch], layer, "edp", FACTORS)[0] for arch in everything]
    assert in_full(evaluate_layer(everything, layer, "edp", FACTORS)) == in_full(alone)
    assert in_full(evaluate_layer(everything[::-1], layer, "edp", FACTORS)) == in_full(alone[::-1])


@given(archs(), layers(), st.sampled_from(["latency", "energy", "edp"]), st.data())
@settings(max_examples=15)
def test_no_neighbour_decides_between_equal_mappings(
    arch: Arch, layer: Layer, criterion: Criterion, data: st.DataObject
) -> None:
    free = replace(arch, spatial_mapping="auto")
    (alone,) = in_full(evaluate_layer([free], layer, criterion, 3, compiled=False))
    others = rivals(free, layer)[::-1]  # all that it chooses from, the last first
    some = data.draw(st.permutations([*others[:3], free, replace(free, array=arch.array[::-1])]))
    for batch, compiled in (([*others, free], False), ([*others, free], fast_available()), (some, False)):
        found = evaluate_layer(batch, layer, criterion, 3, compiled=compiled)
        assert in_full(found)[batch.index(free)] == alone


@pytest.mark.parametrize("compiled", KERNELS)
def test_of_two_unrollings_of_equal_cost_the_first_is_chosen(compiled: bool) -> None:
    template, ((layer, _),) = load_template("tpu_like"), load_workload("alexnet").single("fc8").compute_layers()
    arch = replace(template.arch(template.space.unrank(0)), array=(("D1", 4), ("D2", 128)), spatial_mapping="auto")
    first, second = (evaluate_layer([rival], layer, "edp", 1)[0] for rival in rivals(arch, layer)[:2])
    assert first == second
    assert in_full([first]) != in_full([second])
    for others in ([], rivals(arch, layer), rivals(arch, layer)[::-1]):
        *_, chosen = evaluate_layer([*others, arch], layer, "edp", 1, compiled=compiled)
        assert in_full([chosen]) == in_full([first])


@given(archs(), layers())
def test_what_cannot_be_built_says_how_much_it_lacks(arch: Arch, layer: Layer) -> None:
    tiny = replace(arch, memories=tuple(replace(m, size_bits=4) if m.kind == "sram" else m for m in arch.memories))
    outcome = evaluate_layer([tiny], layer, "edp", FACTORS)[0]
    assert isinstance(outcome, Infeasible)
    assert outcome.demand > outcome.bound
    assert "buffer" in outcome.reason
    assert outcome.resource == "memories.buffer.size_bits"


@given(archs(), layers())
def test_generated_spatial_mappings_stay_within_array_and_layer(arch: Arch, layer: Layer) -> None:
    for spatial in generate(arch, layer):
        for dim, units in spatial.asked:
            assert 1 <= units <= arch.array_size[dim]
        assert spatial.steps * np.prod([units for _, units in spatial.asked]) >= layer.macs


@given(archs(), layers())
def test_one_candidate_that_does_not_fit_never_spoils_the_others(arch: Arch, layer: Layer) -> None:
    narrow = replace(arch, spatial_mapping="auto")
    outcome = evaluate_layer([narrow], layer, "latency", FACTORS)[0]
    fixed = [
        evaluate_layer([replace(arch, spatial_mapping=_as_rule(spatial.asked, spatial))], layer, "latency", FACTORS)[0]
        for spatial in generate(arch, layer)
    ]
    feasible = [m.latency_cycles for m in fixed if isinstance(m, Metrics)]
    if isinstance(outcome, Metrics):
        assert outcome.latency_cycles == min(feasible)
    else:
        assert not feasible


def _as_rule(asked: object, spatial: object) -> tuple[tuple[str, tuple[tuple[str, int | None], ...]], ...]:
    return tuple(
        (dim, tuple((loop, ceil(units - 1e-9)) for loop, units in loops) or (("K", 1),))
        for dim, loops in spatial.mean  # type: ignore[attr-defined]
    )
