"""Costs of a layer on architectures, as the workbench's outcomes: feasibility, metrics, breakdown and details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Breakdown, Infeasible, Metrics, Outcome
from workbench.simulators.dataflow import compatible, corrected
from workbench.simulators.dataflow.analysed import Analysed, analysed
from workbench.simulators.dataflow.built import Timing
from workbench.simulators.dataflow.chip import OPERANDS, Chip, chip_of
from workbench.simulators.dataflow.levels import batch_of
from workbench.simulators.dataflow.mapping import Mapping
from workbench.simulators.dataflow.tensors import DataLayer

MAC_UNIT_PJ = 0.23
"""What the tool takes a MAC to cost (F40)."""

ELEMENT_BITS = 8
"""Of every tensor, for the tool."""


@dataclass(frozen=True)
class Details:
    """What an evaluation knows beside the metrics; of input, weight and output where there are three.

    `reuse` MACs per element that the shared buffer gives or takes; accesses in elements; `bandwidth` elements per
    cycle that the NoC would have to move for computing never to wait, `offchip_bandwidth` the same for DRAM, on
    average; `bound_by` the cycles by what they wait for.
    """

    macs: float
    utilisation: float
    reuse: tuple[float, ...]
    shared_reads: tuple[float, ...]
    shared_writes: tuple[float, ...]
    private_reads: tuple[float, ...]
    private_writes: tuple[float, ...]
    dram_reads: tuple[float, ...]
    dram_writes: tuple[float, ...]
    private_need_bits: tuple[float, ...]
    shared_need_bits: tuple[float, ...]
    bandwidth: float
    offchip_bandwidth: float
    bound_by: dict[str, float]

    @property
    def limiting(self) -> str:
        """What most cycles wait for."""
        return max(self.bound_by, key=lambda name: self.bound_by[name])


class Costed(Protocol):
    """A batch of layers, each on an architecture."""

    def outcome(self, row: int) -> Outcome:
        """The outcome of one of them."""
        ...

    def details(self, row: int) -> Details:
        """More about one that can be built."""
        ...


def _unfit(layer: Layer, arch: Arch) -> Infeasible | None:
    """A memory on the chip that holds not even one value of each of its operands."""
    values = {"W": layer.weight_bits, "I": layer.input_bits, "O": layer.partial_bits}
    for memory in arch.memories[:-1]:
        need = max(values[operand] for operand in memory.operands)
        if need > memory.size_bits:
            reason = f"a value needs {need} bits of {memory.name}, which has {memory.size_bits}"
            return Infeasible(reason, f"memories.{memory.name}.size_bits", need, memory.size_bits)
    return None


def _too_many(mapping: Mapping, arch: Arch) -> Infeasible | None:
    """Clusters that are larger than the array."""
    if mapping.pes_per_cluster > arch.pes:
        reason = f"a cluster needs {mapping.pes_per_cluster} PEs, and the array has {arch.pes}"
        return Infeasible(reason, "array", mapping.pes_per_cluster, arch.pes)
    return None


def _overflow(chip: Chip, arch: Arch, row: int, private: Sequence[float], shared: Sequence[float]) -> Infeasible | None:
    """The first buffer that is too small for the tiles of the tensors that it holds, in bits."""
    for what, needs, which in (
        ("the tiles of a PE", private, [way.l1 for way in chip.ways]),
        ("the tiles of the array", shared, [way.l2 for way in chip.ways]),
    ):
        for number in sorted({index for index in which if index >= 0}):
            need = sum(n for n, index in zip(needs, which, strict=True) if index == number)
            there = int(chip.size_bits[row, number])
            if need > there:
                name = arch.memories[number].name
                reason = f"{what} need {need:,.0f} bits of {name}, which has {there:,}"
                return Infeasible(reason, f"memories.{name}.size_bits", need, there)
    return None


@dataclass(frozen=True)
class CorrectedCosts:
    """The corrected mode's; the layers are of the same bits."""

    layers: Sequence[Layer]
    mappings: Sequence[Mapping]
    archs: Sequence[Arch]
    chip: Chip
    simd: int
    result: corrected.Result

    def outcome(self, row: int) -> Outcome:
        """Metrics, or what is too small."""
        arch, found = self.archs[row], self.result
        bits = np.array(_bits(self.layers[row]).on_chip)
        private, shared = found.needs_bits[row], found.traffic.needed[row] * bits
        unfit = _unfit(self.layers[row], arch) or _too_many(self.mappings[row], arch)
        unfit = unfit or _overflow(self.chip, arch, row, private.tolist(), shared.tolist())
        if unfit:
            return unfit
        lanes = arch.pes * arch.mac_area_um2 * (self.simd - 1)
        return Metrics(
            latency_cycles=float(found.latency[row]),
            energy_pj=float(found.energy.total[row]),
            area_um2=float(arch.area_um2 + lanes + found.noc_area_um2[row] + found.cluster_area_um2[row]),
            clock_mhz=arch.clock_mhz,
            breakdown=self._breakdown(row),
        )

    def _breakdown(self, row: int) -> Breakdown:
        found, arch = self.result, self.archs[row]
        energy = found.energy
        parts: list[tuple[str, str, float]] = []
        for tensor, (way, operand) in enumerate(zip(self.chip.ways, OPERANDS, strict=True)):
            named = [(way.l1, energy.l1), (way.l2, energy.l2), (way.last, energy.dram)]
            parts += [(arch.memories[i].name, operand, float(pj[row, tensor])) for i, pj in named if i >= 0]
            for indices, pj in ((way.passed, energy.passed), (way.above, energy.above)):
                if indices:
                    names = " + ".join(arch.memories[i].name for i in indices)
                    parts.append((names, operand, float(pj[row, tensor])))
            parts.append(("NoC", operand, float(energy.noc[row, tensor])))
            if energy.cluster[row, tensor]:
                parts.append(("cluster buffers", operand, float(energy.cluster[row, tensor])))
        ideal = float(-(-int(found.moves.macs[row]) // (arch.pes * self.simd)))
        onload, offload = float(found.onload[row]), float(found.offload[row])
        idle = float(found.computing[row]) - ideal
        return Breakdown(
            mac_energy_pj=float(energy.mac[row]),
            memory_energy_pj=tuple(parts),
            ideal_cycles=ideal,
            spatial_stall_cycles=idle,
            temporal_stall_cycles=float(found.latency[row]) - ideal - idle - onload - offload,
            onload_cycles=onload,
            offload_cycles=offload,
        )

    def details(self, row: int) -> Details:
        """From the counts."""
        found, moves = self.result, self.result.moves
        bits = np.array(_bits(self.layers[row]).on_chip)
        moved = (moves.reads + moves.writes)[row].sum()
        outside = (found.traffic.reads + found.traffic.writes)[row].sum()
        return Details(
            macs=float(moves.macs[row]),
            utilisation=float(moves.macs[row] / (found.latency[row] * self.archs[row].pes * self.simd)),
            reuse=_three(moves.reuse[row]),
            shared_reads=_three(moves.reads[row]),
            shared_writes=_three(moves.writes[row]),
            private_reads=_three(moves.l1_reads[row]),
            private_writes=_three(moves.l1_writes[row]),
            dram_reads=_three(found.traffic.reads[row]),
            dram_writes=_three(found.traffic.writes[row]),
            private_need_bits=_three(found.needs_bits[row]),
            shared_need_bits=_three(found.traffic.needed[row] * bits),
            bandwidth=float(moved / max(found.computing[row], 1)),
            offchip_bandwidth=float(outside / max(found.computing[row], 1)),
            bound_by={name: float(values[row]) for name, values in found.bound_by.items()},
        )


def _three(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _bits(layer: Layer) -> corrected.Bits:
    return corrected.Bits(layer.input_bits, layer.weight_bits, layer.partial_bits, layer.output_bits)


def corrected_costs(
    layers: Sequence[Layer],
    shapes: Sequence[DataLayer],
    mappings: Sequence[Mapping],
    archs: Sequence[Arch],
    simd: int,
    latency: int,
) -> CorrectedCosts:
    """Each layer on its row's architecture in the corrected mode; mappings share a skeleton, layers their bits."""
    batch = batch_of([(s, mapping, arch.pes) for s, mapping, arch in zip(shapes, mappings, archs, strict=True)])
    chip = chip_of(archs)
    per_pe = np.array([_pe_area_um2(arch, simd) for arch in archs])
    result = corrected.evaluated(batch, chip, _bits(layers[0]), per_pe, archs[0].mac_energy_pj, simd, latency)
    return CorrectedCosts(layers, mappings, archs, chip, simd, result)


def _pe_area_um2(arch: Arch, simd: int) -> float:
    """A PE with its share of the memories within the array."""
    whole = set(arch.array_size)
    within = [m for m in arch.memories if set(m.shared_over) != whole]
    return arch.mac_area_um2 * simd + sum(m.area_um2 * arch.instances(m) for m in within) / arch.pes


@dataclass(frozen=True)
class CompatibleCosts:
    """The public tool's: elements are bytes, and its own prices.

    The area is that of the buffers which the architecture has; the tool, which knows no sizes, prices its needs.
    """

    layers: Sequence[Layer]
    mappings: Sequence[Mapping]
    archs: Sequence[Arch]
    chip: Chip
    simd: int
    found: Analysed
    noc: np.ndarray

    def outcome(self, row: int) -> Outcome:
        """Metrics as the tool has them, or what is too small, or where the tool would crash."""
        arch, counts = self.archs[row], self.found.counts
        private = [ELEMENT_BITS * float(need[row]) for need in counts.l1_need]
        shared = [ELEMENT_BITS * float(need[row]) for need in counts.l2_need]
        unfit = _unfit(self.layers[row], arch) or _too_many(self.mappings[row], arch)
        unfit = unfit or _overflow(self.chip, arch, row, private, shared)
        if unfit:
            return unfit
        if self.found.crashes[row] or self.found.runtime[row] < 1 or counts.macs[row] < 1:
            return Infeasible("the public tool gives no result: a step of it computes nothing", "dataflow", 1, 0)
        pes = np.array([arch.pes])
        l1, l2 = self._sizes(row, [way.l1 for way in self.chip.ways]), self._sizes(row, [w.l2 for w in self.chip.ways])
        area = compatible.area_um2(pes, np.array([self.simd]), l1, l2, self.noc[row : row + 1, 0])
        return Metrics(
            latency_cycles=float(self.found.runtime[row]),
            energy_pj=float(counts.energy[row]) * MAC_UNIT_PJ,
            area_um2=float(area[0]),
            clock_mhz=arch.clock_mhz,
        )

    def _sizes(self, row: int, memories: Sequence[int]) -> np.ndarray:
        """Elements that some memories hold together."""
        bits = sum(int(self.chip.size_bits[row, number]) for number in {m for m in memories if m >= 0})
        return np.array([bits // ELEMENT_BITS])

    def details(self, row: int) -> Details:
        """From the tool's counts: it knows no DRAM, and does not say what it waits for."""
        counts = self.found.counts
        reads, writes = ([float(v[row]) for v in values] for values in (counts.l2_reads, counts.l2_writes))
        latency, macs = float(self.found.runtime[row]), float(counts.macs[row])
        moved = (reads[0], reads[1], writes[2])
        return Details(
            macs=macs,
            utilisation=macs / (max(latency, 1.0) * self.archs[row].pes * self.simd),
            reuse=tuple(macs / max(m, 1.0) for m in moved),
            shared_reads=tuple(reads),
            shared_writes=tuple(writes),
            private_reads=tuple(float(v[row]) for v in counts.l1_reads),
            private_writes=tuple(float(v[row]) for v in counts.l1_writes),
            dram_reads=(0.0, 0.0, 0.0),
            dram_writes=(0.0, 0.0, 0.0),
            private_need_bits=tuple(ELEMENT_BITS * float(v[row]) for v in counts.l1_need),
            shared_need_bits=tuple(ELEMENT_BITS * float(v[row]) for v in counts.l2_need),
            bandwidth=sum(moved) / max(latency, 1.0),
            offchip_bandwidth=0.0,
            bound_by={"not told": latency},
        )


def compatible_costs(
    layers: Sequence[Layer],
    shapes: Sequence[DataLayer],
    mappings: Sequence[Mapping],
    archs: Sequence[Arch],
    simd: int,
    latency: int,
) -> CompatibleCosts:
    """Each layer on its row's architecture as the tool has it; the mappings share a skeleton."""
    chip = chip_of(archs)
    noc, offchip = (np.maximum(bits // ELEMENT_BITS, 1)[:, None] for bits in (chip.noc_bits, chip.offchip_bits))
    one = np.ones((1, 1), dtype=np.int64)
    designs = [(s, mapping, arch.pes) for s, mapping, arch in zip(shapes, mappings, archs, strict=True)]
    found = analysed(designs, Timing(noc, one * latency, offchip, one * simd))
    return CompatibleCosts(layers, mappings, archs, chip, simd, found, noc)
