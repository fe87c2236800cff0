"""The mapping search: for each design, the best mapping of a layer over spatial mappings, loop orders and fillings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from workbench.problem.arch import OPERANDS, Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Breakdown, Infeasible, LayerMapping, LoopLevel, Metrics, Outcome
from workbench.simulators.loopnest.allocate import Allocation, allocate
from workbench.simulators.loopnest.cost import Cost, CostModel
from workbench.simulators.loopnest.nestcase import NestCase, topology
from workbench.simulators.loopnest.orders import SLIDING, Floats, Loop, Orders, all_orders, temporal_loops
from workbench.simulators.loopnest.spatial import Spatial, candidates

Criterion = Literal["latency", "energy", "edp"]

FILLINGS = (1.0, 0.5)
"""Parts of the on-chip memories that an allocation may fill: all, or half so that the rest double-buffers."""

ROWS_PER_CHUNK = 20_000
"""(design, order) pairs worked on at once; each needs some 4 kB, so a chunk stays near 80 MB."""


@dataclass
class _Best:
    """The best mapping of one design so far."""

    score: tuple[float, float] = (np.inf, np.inf)
    metrics: Metrics | None = None
    tried: list[tuple[Spatial, tuple[Loop, ...]]] = field(default_factory=list)


def evaluate_layer(archs: Sequence[Arch], layer: Layer, criterion: Criterion, factors: int) -> list[Outcome]:
    """One outcome per architecture: the metrics of its best mapping by `criterion`, or why there is none.

    `factors` limits the prime factors that loop orders are made of. Every order of every spatial mapping is costed.
    """
    sliding = sliding_loops(layer)
    best = [_Best() for _ in archs]
    groups: dict[tuple[object, tuple[Loop, ...]], list[tuple[int, Spatial]]] = {}
    for index, arch in enumerate(archs):
        for spatial in candidates(arch, layer):
            loops = temporal_loops(dict(spatial.remaining), factors)
            best[index].tried.append((spatial, loops))
            groups.setdefault((topology(arch), loops), []).append((index, spatial))
    for (_, loops), members in groups.items():
        orders = all_orders(loops, sliding)
        rows = max(1, ROWS_PER_CHUNK // len(orders.order))
        for start in range(0, len(members), rows):
            chunk = members[start : start + rows]
            case = NestCase(layer, [archs[i] for i, _ in chunk], [s for _, s in chunk], orders)
            for filling in FILLINGS:
                _improve(case, allocate(case, filling), criterion, [best[i] for i, _ in chunk])
    return [b.metrics or _why_not(arch, layer, b.tried, sliding) for arch, b in zip(archs, best, strict=True)]


def sliding_loops(layer: Layer) -> frozenset[str]:
    """The loops that slide over the input: an output loop whose kernel side is 1 indexes it instead."""
    pairs = (("OY", "FY"), ("OX", "FX"))
    return SLIDING - {outer for outer, kernel in pairs if layer.size(kernel) == 1}


def _improve(case: NestCase, allocation: Allocation, criterion: Criterion, best: list[_Best]) -> None:
    """Keep the best order of each design of a case where it beats what the design has."""
    if not allocation.fits.any():
        return
    cost = CostModel(case, allocation.cut).evaluate()
    latency = np.where(allocation.fits, cost.latency, np.inf)
    energy = np.where(allocation.fits, cost.energy_pj, np.inf)
    first, second = scores(latency, energy, criterion)
    lowest = first.min(axis=1, keepdims=True)
    picks = np.where(first == lowest, second, np.inf).argmin(axis=1)
    for d, pick in enumerate(picks):
        score = float(first[d, pick]), float(second[d, pick])
        if np.isfinite(score[0]) and score < best[d].score:
            best[d].score = score
            best[d].metrics = metrics_at(case, allocation, cost, d, int(pick))


def scores(latency: Floats, energy: Floats, criterion: Criterion) -> tuple[Floats, Floats]:
    """What to minimise, and what decides between equals."""
    if criterion == "latency":
        return latency, energy
    if criterion == "energy":
        return energy, latency
    return latency * energy, latency


def metrics_at(case: NestCase, allocation: Allocation, cost: Cost, d: int, r: int) -> Metrics:
    """The metrics of one design under one order."""
    arch, spatial = case.archs[d], case.spatials[d]

    def at(values: Floats) -> float:
        return float(values[min(d, values.shape[0] - 1), min(r, values.shape[1] - 1)])

    shares = tuple(
        (case.memories[there.memory].name, operand, at(cost.memory_energy_pj[operand, level]))
        for operand in OPERANDS
        for level, there in enumerate(case.levels[operand])
    )
    ideal = float(-(-case.layer.macs // arch.pes))
    breakdown = Breakdown(
        mac_energy_pj=at(cost.mac_energy_pj),
        memory_energy_pj=shares,
        ideal_cycles=ideal,
        spatial_stall_cycles=cost.steps - ideal,
        temporal_stall_cycles=at(cost.stall),
        onload_cycles=at(cost.onload),
        offload_cycles=at(cost.offload + cost.drain),
    )
    mapping = LayerMapping(
        spatial=spatial.mean,
        temporal=tuple((operand, _levels(case, allocation, operand, d, r)) for operand in OPERANDS),
    )
    return Metrics(
        latency_cycles=at(cost.latency),
        energy_pj=at(cost.energy_pj),
        area_um2=arch.area_um2,
        clock_mhz=arch.clock_mhz,
        breakdown=breakdown,
        mapping=mapping,
    )


def _levels(case: NestCase, allocation: Allocation, operand: str, d: int, r: int) -> tuple[LoopLevel, ...]:
    order = [case.orders.loops[i] for i in case.orders.order[r]]
    found: list[LoopLevel] = []
    start = 0
    for level, there in enumerate(case.levels[operand]):
        end = int(allocation.cut[operand][level][d, r])
        found.append(LoopLevel(case.memories[there.memory].name, tuple(order[start:end])))
        start = end
    return tuple(found)


def _why_not(
    arch: Arch, layer: Layer, tried: Sequence[tuple[Spatial, tuple[Loop, ...]]], sliding: frozenset[str]
) -> Infeasible:
    """The memory that what the array needs at once, or the whole layer at the last level, overflows the most.

    Of several spatial mappings, the one that comes nearest to fitting is reported.
    """
    nearest: tuple[float, Infeasible] | None = None
    for spatial, loops in tried:
        case = NestCase(layer, [arch], [spatial], all_orders(loops, sliding))
        worst: tuple[float, Infeasible] | None = None
        for index, memory in enumerate(arch.memories):
            outermost = index == len(arch.memories) - 1
            demand = 0.0
            for operand in memory.operands:
                level = next(i for i, there in enumerate(case.levels[operand]) if there.memory == index)
                bits = layer.output_bits if operand == "O" and outermost else case.bits[operand]
                demand += float(case.elements(operand, level, whole=False)[0, 0, -1 if outermost else 0]) * bits
            over = demand / memory.size_bits
            if over > 1 and (worst is None or over > worst[0]):
                what = "the layer's tensors" if outermost else "one step of the PE array"
                reason = f"{what} need {demand:,.0f} bits of {memory.name}, which holds {memory.size_bits:,}"
                worst = over, Infeasible(reason, f"memories.{memory.name}.size_bits", demand, float(memory.size_bits))
        if worst is None:
            reason = "no loop order leaves every memory with room for what it must hold"
            worst = np.inf, Infeasible(reason, "memories", 1.0, 0.0)
        if nearest is None or worst[0] < nearest[0]:
            nearest = worst
    assert nearest is not None
    return nearest[1]


def cost_of(layer: Layer, arch: Arch, spatial: Spatial, orders: Orders, allocation: Allocation) -> Metrics:
    """The metrics of one given mapping (the first order of `orders`)."""
    case = NestCase(layer, [arch], [spatial], orders)
    return metrics_at(case, allocation, CostModel(case, allocation.cut).evaluate(), 0, 0)
