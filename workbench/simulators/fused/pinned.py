"""One layer on the loop-nest engine with operands pinned to a memory on chip: what they would move above it, they
do not.

The engine lets every operand begin and end in the last memory. An operand that is pinned lies whole in its memory: so
the mapping that the engine finds keeps all of it there, and the links between there and the last memory are taken out
of energy and latency, by the engine's own formulas (`Moves`). Without pins the outcome is the engine's, unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np

from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible
from workbench.simulators.fused.cost import SAFE, Cost
from workbench.simulators.fused.least import Least
from workbench.simulators.loopnest.allocate import Rows, fitting
from workbench.simulators.loopnest.case import BUSY, LOAD, PERIODS, REAL, Case
from workbench.simulators.loopnest.cost import Moves
from workbench.simulators.loopnest.engine import Criterion, Found, best_mappings, evaluate_layer
from workbench.simulators.loopnest.orders import OPERANDS, Bools, only
from workbench.simulators.loopnest.outcomes import metrics_of
from workbench.simulators.loopnest.spatial import Spatial, candidates

Pins = tuple[tuple[str, int], ...]
"""Operand and the memory it lies in, where that is not the last one."""

WIDEST = 64
"""How much wider the last memory gets at most, while a mapping is looked for of which little or nothing crosses it."""


@dataclass(frozen=True)
class LayerRun:
    """What one layer on the array comes to.

    `dram_bits` are those of weights, inputs and outputs; `busy_ports` how many cycles each port is busy, by the port's
    number among those of all memories.
    """

    latency_cycles: float
    energy_pj: float
    dram_bits: tuple[float, float, float]
    busy_ports: tuple[tuple[int, float], ...]


class Job:
    """A layer that the engine may be asked for, with pins and sizes of the memories; `Runner` has equal ones once.

    `outcome` is what the engine said, once it was asked; until then `least` is what it cannot be below, if that is
    known.
    """

    __slots__ = ("layer", "least", "macs", "outcome", "pins", "sizes")

    def __init__(self, layer: Layer, pins: Pins, sizes: tuple[int, ...]) -> None:
        self.layer, self.pins, self.sizes, self.macs = layer, pins, sizes, layer.macs
        self.outcome: LayerRun | Infeasible | None = None
        self.least: LayerRun | None = None

    def told(self) -> LayerRun:
        """What is known of it."""
        known = self.outcome if isinstance(self.outcome, LayerRun) else self.least
        assert known is not None
        return known


@lru_cache(maxsize=65_536)
def _shape_key(layer: Layer) -> tuple[object, ...]:
    return layer.shape_key


class Runner:
    """Evaluates layers on one architecture whose memories may be smaller or larger; equal ones once."""

    def __init__(self, arch: Arch, criterion: Criterion, factors: int) -> None:
        self.arch, self.factors = arch, factors
        self.criterion: Criterion = criterion
        self.sizes = tuple(memory.size_bits for memory in arch.memories)
        self.ports = sum(len(memory.ports) for memory in arch.memories)
        self._jobs: dict[tuple[object, ...], Job] = {}

    def job(self, layer: Layer, pins: Pins = (), sizes: tuple[int, ...] | None = None) -> Job:
        """A layer with operands pinned and memories of these sizes: by default none, and as they are built."""
        sizes = self.sizes if sizes is None else sizes
        key = (_shape_key(layer), pins, sizes)
        if key not in self._jobs:
            self._jobs[key] = Job(layer, pins, sizes)
        return self._jobs[key]

    def run(self, job: Job) -> LayerRun | Infeasible:
        """The best mapping found by the criterion, or why there is none."""
        if job.outcome is None:
            job.outcome = self._evaluate(self._sized(job.sizes), job.layer, job.pins)
        return job.outcome

    def _sized(self, sizes: tuple[int, ...]) -> Arch:
        """Sizes alone change; an access costs what it costs in the memory as it is built."""
        memories = (replace(memory, size_bits=size) for memory, size in zip(self.arch.memories, sizes, strict=True))
        return self.arch if sizes == self.sizes else replace(self.arch, memories=tuple(memories))

    def _evaluate(self, arch: Arch, layer: Layer, pins: Pins) -> LayerRun | Infeasible:
        wide = _widened(arch, layer, pins)
        best: tuple[tuple[float, float, int], Found, int] | None = None

        @cache
        def least() -> Cost:
            return Least(wide).of(layer, {}, (0.0, 0.0, 0.0))

        def hopeless(spatial: Spatial) -> bool:
            """Whether no mapping that leaves so many steps to time can be the best one."""
            if best is None:
                return False
            cycles, energy = max(least().latency_cycles, spatial.steps), least().energy_pj
            bound = {"latency": cycles, "energy": energy, "edp": cycles * energy}[self.criterion]
            return bound * SAFE > best[0][0]

        for found in best_mappings([wide], layer, self.criterion, self.factors, hopeless=hopeless):
            for i in range(len(found.rows)):
                _, score = found.best_of(i)
                if best is None or score < best[0]:
                    best = score, found, i
        run = None if best is None else _costed(arch, pins, *best[1:])
        if run is not None:
            return run
        if not pins:
            outcome = evaluate_layer([arch], layer, self.criterion, self.factors)[0]
            assert isinstance(outcome, Infeasible)
            return outcome
        return Infeasible("no mapping fits beside what is pinned", "memories", 1.0, 0.0)


def _widened(arch: Arch, layer: Layer, pins: Pins) -> Arch:
    """The architecture on which a mapping is looked for: its last memory moves all operands in the time that those
    which cross it take, as dear per bit.
    """
    bits = {operand: own_bits(layer, operand) for operand in OPERANDS}
    crossing = sum(bits.values()) - sum(bits[operand] for operand, _ in pins)
    factor = min(WIDEST, sum(bits.values()) // crossing) if crossing else WIDEST
    if factor == 1:
        return arch
    last = arch.memories[-1]
    ports = tuple(replace(port, bits_per_cycle=port.bits_per_cycle * factor) for port in last.ports)
    read, write = last.read_energy_pj * factor, last.write_energy_pj * factor
    wide = replace(last, ports=ports, read_energy_pj=read, write_energy_pj=write)
    return replace(arch, memories=(*arch.memories[:-1], wide))


def own_bits(layer: Layer, operand: str) -> int:
    """The most that a whole operand of a layer takes; an output may lie there as partial sums."""
    if operand == "W":
        return layer.elements("W") * layer.weight_bits
    if operand == "I":
        return layer.elements("I") * layer.input_bits
    return layer.elements("O") * max(layer.partial_bits, layer.output_bits)


def _costed(arch: Arch, pins: Pins, found: Found, i: int) -> LayerRun | None:
    """What a mapping that was found costs on the architecture itself, operands pinned; None where it does not fit then.

    Nor is there such a mapping where the architecture has no such unrolling: generated ones go by the widths of ports.
    """
    layer, spatial = found.case.layer, found.case.spatials[int(found.rows.design[i])]
    generated = isinstance(arch.spatial_mapping, str) and found.case.archs[0] is not arch
    if generated and not any(each.mean == spatial.mean for each in candidates(arch, layer)):
        return None
    case = Case(layer, [arch], [spatial], only(found.case.orders, int(found.rows.order[i])))
    zero = np.zeros(1, dtype=np.int64)
    rows = Rows(zero, zero, found.rows.cut[:, [i]], np.ones(1, dtype=bool))
    gone = np.zeros(len(case.shape.links), dtype=bool)
    for operand, home in pins:
        above = [p for p in case.shape.of(operand) if case.shape.places[p].memory >= home]
        rows.cut[above] = case.orders.n
        gone |= _crossing(case, above)
    moves = Moves(case, rows)
    if pins:
        if not _fitted(case, rows, [operand for operand, _ in pins]):
            return None
        case.tables.links[:, 0, :-1][:, gone] = 0.0  # the cost model reads that they move nothing
        edges = moves.latency()
        latency = case.total + float((edges.stall + edges.onload + edges.offload)[0]) + float(case.drain[0])
        energy = float(case.mac_pj[0] + moves.link_energies()[~gone].sum())
    else:
        metrics = metrics_of(found.case, found.rows, found.winners, i)
        latency, energy = metrics.latency_cycles, metrics.energy_pj
    spot, port = case.shape.link_spot, case.shape.link_port
    moved = case.tables.links[:, 0, np.arange(len(spot)), moves.below[spot, 0]]  # (7, l)
    cycles = np.bincount(port, moved[LOAD] + moved[REAL] * (moved[PERIODS] > 0), minlength=case.width.shape[1])
    bits = np.bincount(case.shape.link_operand, moved[BUSY] * case.width[0, port], minlength=len(OPERANDS))
    weights, inputs, outputs = (float(bits[OPERANDS.index(operand)]) for operand in ("W", "I", "O"))
    busy = tuple((port, taken) for port, taken in enumerate(cycles.tolist()) if taken)
    return LayerRun(latency, energy, (weights, inputs, outputs), busy)


def _fitted(case: Case, rows: Rows, pinned: Sequence[str]) -> bool:
    """Whether a mapping fits beside what is pinned, the other operands keeping fewer loops where they must."""
    if fitting(case, rows)[0]:
        return True
    for p, place in reversed(list(enumerate(case.shape.places))):
        if place.last or place.operand in pinned:
            continue
        least = rows.cut[p - 1, 0] if place.level else 0
        while rows.cut[p, 0] > least:
            rows.cut[p, 0] -= 1
            if fitting(case, rows)[0]:
                return True
    return False


def _crossing(case: Case, above: Sequence[int]) -> Bools:
    """(l,): the links of the lowest of these places that lead upwards, and all of those above it."""
    shape = case.shape
    found: Bools = np.isin(shape.link_place, above[1:]) | ((shape.link_place == above[0]) & ~shape.link_low)
    return found
