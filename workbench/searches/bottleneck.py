"""Bottleneck analysis: what limits a design says which axis to move, before anything is tried.

After Explainable-DSE (Dave, Nowicki and Shrivastava, ASPLOS 2023; RECALLED): costs are no black box, the search reads
why a design costs what it does. The breakdown of its metrics gives each cause its share: MACs and every memory level
and operand of the energy; the ideal cycles and every kind of stall of the latency. Each move is judged by what it
changes in the concrete architecture (built and compared, whatever its axes are called), to first order:

- ideal cycles fall with the number of PEs; a stall because the array is not filled may fall with another mapping;
- waiting, loading and unloading are laid to the memory whose ports are busiest (its energy / energy per access / its
  instances), and fall with its width;
- a memory's energy goes with its energy per bit;
- traffic with a memory falls with the square root of what the next level inside holds for that operand, over all its
  instances (Hong and Kung 1981, for matrix products), or without one, with the PEs that share a word; but not below
  what must move in any case, each element once through every level: where it is as low as that, no capacity inside
  changes it, and a smaller one may serve as well;
- area is known exactly.

The move whose causes weigh most in the goal comes first: with targets, only the one that is missed most counts. A
design that cannot be built names axes that would help (its levers); of those, larger memories and smaller arrays come
first. All else is coordinate descent (module `coordinate`): moves that promise equally much come in its order, which is
all that is left of a simulator that gives no breakdown.

The laws and their constants are INFERRED; they order moves and decide nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import log
from typing import Any, ClassVar

from workbench.problem.arch import Arch, Memory
from workbench.problem.metrics import Breakdown, Infeasible, Metrics
from workbench.problem.space import Design
from workbench.problem.workload import Workload
from workbench.searches.base import SearchSettings
from workbench.searches.coordinate import Coordinate, CoordinateSettings

REUSE = 0.5
"""Traffic falls with this power of the capacity inside."""
LEAST = log(1.1)
"""Traffic no further than this above what must move cannot fall."""
HOPE = log(2)
"""Another mapping may halve the stall of an array that is not filled."""

SIGNS: Mapping[str, Mapping[str, float]] = {
    "latency_cycles": {"latency": 1.0},
    "energy_pj": {"energy": 1.0},
    "area_um2": {"area": 1.0},
    "edp_js": {"energy": 1.0, "latency": 1.0},
    "power_mw": {"energy": 1.0, "latency": -1.0},
}
"""What the logarithm of a metric is made of."""


class Bottleneck(Coordinate):
    """Coordinate descent that tries first what the breakdown says is limiting."""

    name: ClassVar[str] = "bottleneck"
    summary: ClassVar[str] = "what limits the design, by its breakdown, names the axis to move"
    Settings: ClassVar[type[SearchSettings]] = CoordinateSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    _judged: tuple[Design, tuple[float, ...], dict[Design, float]] | None = None

    def _moves(self, design: Design) -> list[Design]:
        """Those of coordinate descent, by what they promise; equal ones in its order."""
        moves = super()._moves(design)
        if self._judged is None or self._judged[:2] != (design, self._weights):
            self._judged = design, self._weights, self._judge(design, moves)
        return sorted(moves, key=self._judged[2].__getitem__)

    def _judge(self, design: Design, moves: list[Design]) -> dict[Design, float]:
        """What each move changes in the cost, to first order: lower is better."""
        task, outcome = self.problem.arch_task, self._known[design]
        before = task.arch(design)
        if isinstance(outcome, Infeasible):
            levers = {i for i, axis in enumerate(self.space.axes) if axis.name in outcome.levers}
            return {
                move: rescue(before, task.arch(move), bool(levers & _changed(design, move)) or not levers)
                for move in moves
            }
        weights, least = self._metric_weights(outcome), self._least_bits
        return {move: promise(before, task.arch(move), outcome.breakdown, weights, least) for move in moves}

    @cached_property
    def _least_bits(self) -> dict[str, float]:
        return least_bits(self.problem.arch_task.workload)

    def _metric_weights(self, metrics: Metrics) -> dict[str, float]:
        """How much latency, energy and area count where the search stands."""
        task = self.problem.arch_task
        if task.targets:
            worst = max(task.targets, key=lambda target: metrics.get(target.metric) / target.bound)
            wanted = {worst.metric: 1.0}
        else:
            wanted = dict(zip(task.objectives, self._weights, strict=True))
        weights = {"latency": 0.0, "energy": 0.0, "area": 0.0}
        for metric, weight in wanted.items():
            for part, sign in SIGNS[metric].items():
                weights[part] += sign * weight
        return weights


def least_bits(workload: Workload) -> dict[str, float]:
    """What must move of each operand in any case: all its elements once."""
    least = {"W": 0.0, "I": 0.0, "O": 0.0}
    for layer, times in workload.compute_layers():
        least["W"] += times * layer.elements("W") * layer.weight_bits
        least["I"] += times * layer.elements("I") * layer.input_bits
        least["O"] += times * layer.elements("O") * layer.output_bits
    return least


def promise(
    before: Arch,
    after: Arch,
    breakdown: Breakdown | None,
    weights: Mapping[str, float],
    least: Mapping[str, float],
) -> float:
    """The change of the weighted logarithms of latency, energy and area, as far as causes tell; negative is better.

    `least` is of each operand the bits that must move (`least_bits`).
    """
    change = weights["area"] * _ratio(after.area_um2, before.area_um2)
    if breakdown is not None:
        change += weights["latency"] * _latency_change(before, after, breakdown, least)
        change += weights["energy"] * _energy_change(before, after, breakdown, least)
    return change


def rescue(before: Arch, after: Arch, helps: bool) -> float:
    """Where a design cannot be built: axes that help before others, and of each, more room and fewer PEs first."""
    room = sum(_ratio(b.size_bits, a.size_bits) for a, b in zip(before.memories, after.memories, strict=True))
    return _ratio(after.pes, before.pes) - room - (1000.0 if helps else 0.0)


def _latency_change(before: Arch, after: Arch, breakdown: Breakdown, least: Mapping[str, float]) -> float:
    waiting = breakdown.temporal_stall_cycles + breakdown.onload_cycles + breakdown.offload_cycles
    total = breakdown.ideal_cycles + breakdown.spatial_stall_cycles + waiting
    if total <= 0:
        return 0.0
    change = -breakdown.ideal_cycles / total * _ratio(after.pes, before.pes)
    if before.spatial_mapping != after.spatial_mapping:
        change -= breakdown.spatial_stall_cycles / total * HOPE
    if waiting > 0 and (busiest := _busiest(before, breakdown)) is not None:
        name, operand, energy_pj = busiest
        wider = _ratio(_named(after, name).word_bits, _named(before, name).word_bits)
        fewer = _traffic_change(before, after, name, operand, _room(before, name, energy_pj, least[operand]))
        change += waiting / total * (fewer - wider)
    return change


def _energy_change(before: Arch, after: Arch, breakdown: Breakdown, least: Mapping[str, float]) -> float:
    total = breakdown.mac_energy_pj + sum(energy_pj for _, _, energy_pj in breakdown.memory_energy_pj)
    if total <= 0:
        return 0.0
    change = 0.0
    for name, operand, energy_pj in breakdown.memory_energy_pj:
        dearer = _ratio(_energy_per_bit(_named(after, name)), _energy_per_bit(_named(before, name)))
        room = _room(before, name, energy_pj, least[operand])
        change += energy_pj / total * (dearer + _traffic_change(before, after, name, operand, room))
    return change


def _busiest(arch: Arch, breakdown: Breakdown) -> tuple[str, str, float] | None:
    """The memory whose ports move most words, the operand that has the largest part in that, and that part's pJ."""
    cycles: dict[str, float] = {}
    most: dict[str, tuple[float, str, float]] = {}
    for name, operand, energy_pj in breakdown.memory_energy_pj:
        memory = _named(arch, name)
        if memory.read_energy_pj + memory.write_energy_pj <= 0:
            continue
        words = _words(memory, energy_pj) / arch.instances(memory)
        cycles[name] = cycles.get(name, 0.0) + words
        most[name] = max(most.get(name, (0.0, "", 0.0)), (words, operand, energy_pj))
    if not cycles:
        return None
    name = max(cycles, key=lambda memory: cycles[memory])
    return name, *most[name][1:]


def _traffic_change(before: Arch, after: Arch, name: str, operand: str, room: float) -> float:
    """By which logarithm the words that a memory moves for an operand change; they can fall by `room`."""
    if room <= LEAST:
        return 0.0
    return max(-room, -REUSE * _ratio(_inside(after, name, operand), _inside(before, name, operand)))


def _room(arch: Arch, name: str, energy_pj: float, least_bits: float) -> float:
    """The logarithm of what a memory moves for an operand over what must move."""
    memory = _named(arch, name)
    return max(0.0, _ratio(_words(memory, energy_pj) * memory.word_bits, least_bits))


def _words(memory: Memory, energy_pj: float) -> float:
    """How many words an energy stands for; none where accesses are free."""
    per_word = (memory.read_energy_pj + memory.write_energy_pj) / 2
    return energy_pj / per_word if per_word > 0 else 0.0


def _inside(arch: Arch, name: str, operand: str) -> float:
    """Bits of the operand that all instances of the next level inside hold; without one, PEs that share an instance."""
    index = next(i for i, memory in enumerate(arch.memories) if memory.name == name)
    inner = [i for i in arch.levels(operand) if i < index]
    if not inner:
        return arch.pes / arch.instances(arch.memories[index])
    memory = arch.memories[inner[-1]]
    return memory.size_bits * arch.instances(memory)


def _named(arch: Arch, name: str) -> Memory:
    return next(memory for memory in arch.memories if memory.name == name)


def _energy_per_bit(memory: Memory) -> float:
    return (memory.read_energy_pj + memory.write_energy_pj) / memory.word_bits


def _ratio(after: float, before: float) -> float:
    """The logarithm of after / before; nothing where one of them is not positive."""
    return log(after / before) if after > 0 and before > 0 else 0.0


def _changed(before: Design, after: Design) -> set[int]:
    return {axis for axis, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}
