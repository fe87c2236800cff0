"""What is said of a mapping once it is chosen: metrics with their breakdown, or why there is no mapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workbench.problem.arch import OPERANDS, Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Breakdown, Infeasible, LayerMapping, LoopLevel, Metrics
from workbench.simulators.loopnest.allocate import Rows
from workbench.simulators.loopnest.case import Case, element_bits
from workbench.simulators.loopnest.cost import Latency, Moves
from workbench.simulators.loopnest.orders import Floats, Loop, Orders, all_orders
from workbench.simulators.loopnest.spatial import Spatial


@dataclass(frozen=True)
class Winners:
    """Of the best row of each design: energy (k,), energy of each link (l, k), stall and edges (k,)."""

    energy_pj: Floats
    link_pj: Floats
    edges: Latency


def metrics_of(case: Case, rows: Rows, winners: Winners, i: int) -> Metrics:
    """The metrics of one row."""
    d = int(rows.design[i])
    arch, spatial, shape = case.archs[d], case.spatials[d], case.shape
    per_place = [0.0] * len(shape.places)
    for link, energy_pj in zip(shape.links, winners.link_pj[:, i].tolist(), strict=True):
        per_place[link.place] += energy_pj
    edges = winners.edges
    stall, onload, offload = float(edges.stall[i]), float(edges.onload[i]), float(edges.offload[i])
    offload += float(case.drain[d])
    ideal = float(-(-case.layer.macs // arch.pes))
    shares = tuple(
        (arch.memories[shape.places[p].memory].name, operand, per_place[p])
        for operand in OPERANDS
        for p in shape.of(operand)
    )
    return Metrics(
        latency_cycles=case.total + stall + onload + offload,
        energy_pj=float(winners.energy_pj[i]),
        area_um2=arch.area_um2,
        clock_mhz=arch.clock_mhz,
        breakdown=Breakdown(
            mac_energy_pj=float(case.mac_pj[d]),
            memory_energy_pj=shares,
            ideal_cycles=ideal,
            spatial_stall_cycles=case.total - ideal,
            temporal_stall_cycles=stall,
            onload_cycles=onload,
            offload_cycles=offload,
        ),
        mapping=LayerMapping(
            spatial=spatial.mean,
            temporal=tuple((operand, _levels(case, rows, i, operand)) for operand in OPERANDS),
        ),
    )


def _levels(case: Case, rows: Rows, i: int, operand: str) -> tuple[LoopLevel, ...]:
    arch = case.archs[int(rows.design[i])]
    order = tuple(case.orders.loops[kind] for kind in case.orders.order[rows.order[i]].tolist())
    places = case.shape.of(operand)
    memories = tuple(arch.memories[case.shape.places[p].memory].name for p in places)
    return _split(order, memories, tuple(rows.cut[places, i].tolist()))


@lru_cache(maxsize=65_536)
def _split(order: tuple[Loop, ...], memories: tuple[str, ...], ends: tuple[int, ...]) -> tuple[LoopLevel, ...]:
    """Loops by the level that keeps them. Many designs share a mapping, which is large: equal ones are one object."""
    starts = (0, *ends[:-1])
    return tuple(LoopLevel(memory, order[start:end]) for memory, start, end in zip(memories, starts, ends, strict=True))


def why_not(
    arch: Arch, layer: Layer, tried: Sequence[tuple[Spatial, tuple[Loop, ...]]], sliding: frozenset[str]
) -> Infeasible:
    """The memory that what the array needs at once, or the whole layer at the last level, overflows the most.

    Of several spatial mappings, the one that comes nearest to fitting is reported.
    """
    nearest: tuple[float, Infeasible] | None = None
    for spatial, loops in tried:
        worst = _overflow(Case(layer, [arch], [spatial], all_orders(loops, sliding)))
        if nearest is None or worst[0] < nearest[0]:
            nearest = worst
    assert nearest is not None
    return nearest[1]


def _overflow(case: Case) -> tuple[float, Infeasible]:
    """How many times over its size the fullest memory is, and what to say of it."""
    arch, layer, shape = case.archs[0], case.layer, case.shape
    worst: tuple[float, Infeasible] | None = None
    for index, memory in enumerate(arch.memories):
        outermost = index == len(arch.memories) - 1
        demand = 0.0
        for p in shape.operands_of[index]:
            output = outermost and shape.places[p].operand == "O"
            bits = layer.output_bits if output else element_bits(layer)[shape.place_operand[p]]
            demand += float(case.held[0, shape.places[p].spot, -1 if outermost else 0]) * bits
        over = demand / memory.size_bits
        if over > 1 and (worst is None or over > worst[0]):
            what = "the layer's tensors need" if outermost else "one step of the PE array needs"
            reason = f"{what} {demand:,.0f} bits of {memory.name}, which holds {memory.size_bits:,}"
            worst = over, Infeasible(reason, f"memories.{memory.name}.size_bits", demand, float(memory.size_bits))
    if worst is None:
        reason = "no loop order leaves every memory with room for what it must hold"
        worst = np.inf, Infeasible(reason, "memories", 1.0, 0.0)
    return worst


def cost_of(layer: Layer, arch: Arch, spatial: Spatial, orders: Orders, cut: dict[str, tuple[int, ...]]) -> Metrics:
    """The metrics of one given mapping: the first order of `orders`, cut per operand and level."""
    case = Case(layer, [arch], [spatial], orders)
    flat = np.zeros((len(case.shape.places), 1), dtype=np.int64)
    for operand, levels in cut.items():
        for p, position in zip(case.shape.of(operand), levels, strict=True):
            flat[p] = position
    zero = np.zeros(1, dtype=np.int64)
    rows = Rows(zero, zero, flat, np.ones(1, dtype=bool))
    moves = Moves(case, rows)
    return metrics_of(case, rows, Winners(moves.energy_pj(), moves.link_energies(), moves.latency()), 0)
