"""One layer on the loop-nest engine with operands pinned to a memory on chip: what they would move above it, they
do not.

The engine lets every operand begin and end in the last memory. An operand that is pinned lies whole in its memory: so
the mapping that the engine finds keeps all of it there, and the links between there and the last memory are taken out
of energy and latency, by the engine's own formulas (`Moves`). Without pins the outcome is the engine's, unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from workbench.problem.arch import Arch
from workbench.problem.layer import LOOP_DIMS, Layer
from workbench.problem.metrics import Infeasible, LayerMapping, Metrics
from workbench.simulators.loopnest.allocate import Rows, fitting
from workbench.simulators.loopnest.case import BUSY, LOAD, PERIODS, REAL, Case
from workbench.simulators.loopnest.cost import Moves
from workbench.simulators.loopnest.engine import Criterion, evaluate_layer, sliding_loops
from workbench.simulators.loopnest.orders import OPERANDS, Bools, tabulate
from workbench.simulators.loopnest.spatial import candidates

Pins = tuple[tuple[str, int], ...]
"""Operand and the memory it lies in, where that is not the last one."""

WIDEST = 64
"""How much wider the last memory gets at most, while a mapping is looked for of which little or nothing crosses it."""


@dataclass(frozen=True)
class LayerRun:
    """What one layer on the array comes to.

    `dram_bits` are those of weights, inputs and outputs; `port_cycles` (q,) how long each port of each memory is busy.
    """

    latency_cycles: float
    energy_pj: float
    dram_bits: tuple[float, float, float]
    port_cycles: tuple[float, ...]


@lru_cache(maxsize=65_536)
def _shape_key(layer: Layer) -> tuple[object, ...]:
    return layer.shape_key


class Runner:
    """Evaluates layers on one architecture whose memories may be smaller or larger; equal ones once."""

    def __init__(self, arch: Arch, criterion: Criterion, factors: int) -> None:
        self.arch, self.factors = arch, factors
        self.criterion: Criterion = criterion
        self.sizes = tuple(memory.size_bits for memory in arch.memories)
        self._known: dict[tuple[object, ...], LayerRun | Infeasible] = {}

    def run(self, layer: Layer, pins: Pins = (), sizes: tuple[int, ...] | None = None) -> LayerRun | Infeasible:
        """The best mapping found by the criterion, with memories of these sizes, or why there is none."""
        sizes = self.sizes if sizes is None else sizes
        key = (_shape_key(layer), pins, sizes)
        if key not in self._known:
            self._known[key] = self._evaluate(self._sized(sizes), layer, pins)
        return self._known[key]

    def knows(self, layer: Layer, pins: Pins, sizes: tuple[int, ...] | None) -> bool:
        """Whether this has been evaluated."""
        return (_shape_key(layer), pins, sizes) in self._known

    def _sized(self, sizes: tuple[int, ...]) -> Arch:
        """Sizes alone change; an access costs what it costs in the memory as it is built."""
        memories = (replace(memory, size_bits=size) for memory, size in zip(self.arch.memories, sizes, strict=True))
        return self.arch if sizes == self.sizes else replace(self.arch, memories=tuple(memories))

    def _evaluate(self, arch: Arch, layer: Layer, pins: Pins) -> LayerRun | Infeasible:
        outcome = evaluate_layer([_widened(arch, layer, pins)], layer, self.criterion, self.factors)[0]
        if isinstance(outcome, Infeasible):
            return outcome
        return _costed(arch, layer, outcome, pins) or Infeasible(
            "the pinned operands leave no room", "memories", 1.0, 0.0
        )


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


def _costed(arch: Arch, layer: Layer, metrics: Metrics, pins: Pins) -> LayerRun | None:
    """A mapping's cost with operands pinned; None where it does not fit then."""
    assert metrics.mapping is not None
    found = _given(arch, layer, metrics.mapping)
    if found is None:
        return None
    case, rows = found
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
        latency, energy = metrics.latency_cycles, metrics.energy_pj
    spot, port = case.shape.link_spot, case.shape.link_port
    moved = case.tables.links[:, 0, np.arange(len(spot)), moves.below[spot, 0]]  # (7, l)
    cycles = np.bincount(port, moved[LOAD] + moved[REAL] * (moved[PERIODS] > 0), minlength=case.width.shape[1])
    bits = np.bincount(case.shape.link_operand, moved[BUSY] * case.width[0, port], minlength=len(OPERANDS))
    weights, inputs, outputs = (float(bits[OPERANDS.index(operand)]) for operand in ("W", "I", "O"))
    return LayerRun(latency, energy, (weights, inputs, outputs), tuple(cycles.tolist()))


def _given(arch: Arch, layer: Layer, mapping: LayerMapping) -> tuple[Case, Rows] | None:
    """A mapping as a case of its own, with its one order and cuts; None where the architecture has no such unrolling:
    generated ones go by the widths of ports.
    """
    spatial = next((s for s in candidates(arch, layer) if s.mean == mapping.spatial), None)
    if spatial is None:
        return None
    loops = [loop for level in mapping.temporal[0][1] for loop in level.loops]
    kinds = sorted(set(loops), key=lambda loop: (LOOP_DIMS.index(loop[0]), loop[1]))
    order = np.array([[kinds.index(loop) for loop in loops]], dtype=np.int64).reshape(1, len(loops))
    case = Case(layer, [arch], [spatial], tabulate(kinds, order, sliding_loops(layer)))
    cut = np.zeros((len(case.shape.places), 1), dtype=np.int64)
    for operand, levels in mapping.temporal:
        ends = np.cumsum([len(level.loops) for level in levels])
        cut[case.shape.of(operand), 0] = ends
    zero = np.zeros(1, dtype=np.int64)
    return case, Rows(zero, zero, cut, np.ones(1, dtype=bool))


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
