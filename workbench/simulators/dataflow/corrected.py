"""The corrected mode: true MACs, no PE busier than it can be, every buffer, wire and DRAM paid for.

What it does otherwise than the tool is listed in the package's docstring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.simulators.dataflow import prices
from workbench.simulators.dataflow.built import Timing
from workbench.simulators.dataflow.chip import Chip
from workbench.simulators.dataflow.levels import Batch, Ints
from workbench.simulators.dataflow.memory import Traffic, cuts_of, least
from workbench.simulators.dataflow.nest import Cycles, Nest, cycles, unroll
from workbench.simulators.dataflow.tensors import IN, OUT, WT
from workbench.simulators.dataflow.tiles import volume_of

Floats = NDArray[np.float64]

DOUBLE = 2
"""Tiles of a PE: one that it works on and one that comes or leaves meanwhile."""

UNLIMITED = 2**40


@dataclass(frozen=True)
class Bits:
    """Bits of an element: input, weight, partial sum, finished output."""

    input: int = 8
    weight: int = 8
    partial: int = 16
    output: int = 8

    @property
    def on_chip(self) -> tuple[int, int, int]:
        """Of input, weight and output while it is summed."""
        return self.input, self.weight, self.partial


@dataclass(frozen=True)
class Moves:
    """Elements that move over a whole layer, (b, 3) of input, weight and output.

    `reads` and `writes` of the L2 by the array, `delivered` to PEs (the output: by them), `l1_reads` and `l1_writes`
    by the PEs' MACs and by what arrives, `cluster_reads` and `cluster_writes` of the buffers that clusters need,
    whose size in elements is `cluster_size`.
    """

    macs: Floats
    reads: Floats
    writes: Floats
    delivered: Floats
    l1_reads: Floats
    l1_writes: Floats
    cluster_reads: tuple[Floats, ...]
    cluster_writes: tuple[Floats, ...]
    cluster_size: tuple[Floats, ...]

    @property
    def reuse(self) -> Floats:
        """MACs per element of each tensor that the L2 gives or takes, (b, 3)."""
        return self.macs[:, None] / np.maximum(self.reads + self.writes, 1)


def moves_of(nest: Nest, held: tuple[bool, bool, bool]) -> Moves:
    """What moves in every design."""
    top, bottom = nest.floors[0], nest.floors[-1]
    macs = bottom.total(bottom.steps.work.astype(np.float64))
    entering = [top.moved(top.steps.new_array[t], t) for t in (IN, WT)]
    leaving = top.moved(top.steps.new_array[OUT], OUT)
    again = top.moved(np.where(top.steps.again, top.steps.new_array[OUT], 0), OUT)
    nothing = np.zeros_like(macs)
    delivered = np.stack([bottom.moved(bottom.steps.new_unit[t], t) for t in (IN, WT, OUT)], axis=1)
    keeps = np.array(held)
    per_mac = np.stack([macs, macs, macs], axis=1)
    stored = np.stack([delivered[:, IN], delivered[:, WT], macs], axis=1)
    clusters = [_cluster(nest, number) for number in range(1, len(nest.floors))]
    return Moves(
        macs,
        np.stack([*entering, again], axis=1),
        np.stack([nothing, nothing, leaving], axis=1),
        delivered,
        np.where(keeps, per_mac, 0.0),
        np.where(keeps, stored, 0.0),
        tuple(reads for reads, _, _ in clusters),
        tuple(writes for _, writes, _ in clusters),
        tuple(size for _, _, size in clusters),
    )


def _cluster(nest: Nest, number: int) -> tuple[Floats, Floats, Floats]:
    """Reads, writes and size, (b, 3) each, of the buffer of a level's clusters: only tensors that change within a
    cluster's tile need one, all others go on to the PEs."""
    above, floor = nest.floors[number - 1], nest.floors[number]
    rows = floor.steps.row[floor.steps.of.start]
    reads, writes, sizes = [], [], []
    tiles = above.steps.tiles
    tile = volume_of(nest.shape, {dim: tiles.tile[:, i] for i, dim in enumerate(tiles.dims)})
    for tensor in (IN, WT, OUT):
        needs = np.bincount(rows, floor.steps.many[:, tensor], minlength=len(nest.batch)) > 0
        inner = floor.moved(floor.steps.new_array[tensor], tensor)
        outer = above.moved(above.steps.new_unit[tensor], tensor)
        reads.append(np.where(needs, inner, 0.0))
        writes.append(np.where(needs, outer, 0.0))
        sizes.append(np.where(needs, DOUBLE * tile[tensor], 0).astype(np.float64))
    return np.stack(reads, axis=1), np.stack(writes, axis=1), np.stack(sizes, axis=1)


@dataclass(frozen=True)
class Energy:
    """pJ of a layer, (b,) or (b, 3) of input, weight and output."""

    mac: Floats
    l1: Floats
    passed: Floats
    cluster: Floats
    noc: Floats
    l2: Floats
    above: Floats
    dram: Floats

    @property
    def total(self) -> Floats:
        """The sum of all."""
        parts = self.l1 + self.passed + self.cluster + self.noc + self.l2 + self.above + self.dram
        found: Floats = self.mac + parts.sum(axis=1)
        return found


@dataclass(frozen=True)
class Result:
    """A batch on its chips: (b,) where nothing else is said.

    `latency` and `bound_by` in cycles, `needs_bits` (b, 3) of a PE's tiles, `cluster_area_um2` of all cluster buffers.
    """

    nest: Nest
    moves: Moves
    traffic: Traffic
    energy: Energy
    cycles: Cycles
    computing: Ints
    latency: Ints
    onload: Ints
    offload: Ints
    dram_cycles: Ints
    bound_by: dict[str, Ints]
    needs_bits: Ints
    noc_area_um2: Floats
    cluster_area_um2: Floats


def evaluated(
    batch: Batch, chip: Chip, bits: Bits, pe_area_um2: Floats, mac_pj: float, simd: int = 1, latency: int = 1
) -> Result:
    """Cost every design of a batch on the chip of the same row."""
    nest = unroll(batch, chip.held)
    moves = moves_of(nest, chip.held)
    elements = np.tile(np.array(bits.on_chip), (len(batch), 1))
    buffers = tuple(way.l2 for way in chip.ways)
    traffic = least(cuts_of(nest), elements, chip.size_bits, buffers)
    widest = max(bits.input, bits.weight)
    one = np.ones((1, 1), dtype=np.int64)
    noc = np.maximum(chip.noc_bits // widest, 1)[:, None]
    timing = Timing(noc, one * latency, one, one * simd)
    found = cycles(nest, timing)
    computing = cycles(nest, Timing(one * UNLIMITED, one * 0, one, one * simd)).bound_by["compute"][:, 0]
    outside = (traffic.reads + traffic.writes) @ np.array([bits.input, bits.weight, bits.partial])
    dram_cycles = -(-outside // chip.offchip_bits)
    first = nest.floors[0].steps
    start = first.of.start
    onload = -(-(first.array[IN] * bits.input + first.array[WT] * bits.weight)[start] // chip.offchip_bits)
    offload = -(-(first.array[OUT] * bits.output)[start] // chip.offchip_bits)
    on_chip = found.total[:, 0]
    waiting = np.maximum(dram_cycles - on_chip, 0)
    bound = {name: values[:, 0] for name, values in found.bound_by.items()}
    bound["DRAM"] = waiting + onload + offload
    needs = DOUBLE * np.stack(nest.tile_of_pe, axis=1) * elements
    cluster_area, cluster_energy = clusters_of(nest, moves, bits)
    return Result(
        nest,
        moves,
        traffic,
        _energy(batch, chip, bits, moves, traffic, pe_area_um2, mac_pj, cluster_energy),
        found,
        computing,
        on_chip + waiting + onload + offload,
        onload,
        offload,
        dram_cycles,
        bound,
        needs,
        prices.noc_area_um2(chip.pes.astype(np.float64), widest, (noc[:, 0] * widest).astype(np.float64)),
        cluster_area,
    )


def clusters_of(nest: Nest, moves: Moves, bits: Bits) -> tuple[Floats, Floats]:
    """Area (b,) of the clusters' buffers and energy (b, 3) of their accesses."""
    area, energy = np.zeros(len(nest.batch)), np.zeros((len(nest.batch), 3))
    clusters = nest.batch.clusters
    for number, size in enumerate(moves.cluster_size):
        count = nest.batch.pes // clusters[:, number:].prod(axis=1)
        for row, tensor in np.argwhere(size > 0):
            width = bits.on_chip[tensor]
            held = max(int(size[row, tensor]) * width, width)
            read, write = prices.buffer_pj_per_bit(held, width)
            moved = moves.cluster_reads[number][row, tensor] * read + moves.cluster_writes[number][row, tensor] * write
            energy[row, tensor] += moved * width
            area[row] += max(int(count[row]), 1) * prices.buffer_area_um2(held, width)
    return area, energy


def _energy(
    batch: Batch,
    chip: Chip,
    bits: Bits,
    moves: Moves,
    traffic: Traffic,
    pe_area_um2: Floats,
    mac_pj: float,
    cluster: Floats,
) -> Energy:
    """Every access at the price of its memory."""
    width = np.array(bits.on_chip, dtype=np.float64)
    finished = np.array([bits.input, bits.weight, bits.output], dtype=np.float64)
    array = moves.reads + moves.writes
    parts: dict[str, list[Floats]] = {name: [] for name in ("l1", "passed", "l2", "above", "dram")}
    nothing = np.zeros(len(batch))
    unfinished = traffic.reads[:, OUT]
    for tensor, way in enumerate(chip.ways):
        read, write = chip.read_pj, chip.write_pj
        inwards = traffic.reads[:, tensor] * width[tensor]
        outwards = (traffic.writes[:, tensor] - unfinished) * finished[tensor] + unfinished * width[tensor]
        outwards = outwards if tensor == OUT else nothing
        at_l1 = nothing
        if way.l1 >= 0:
            at_l1 = moves.l1_reads[:, tensor] * read[:, way.l1] + moves.l1_writes[:, tensor] * write[:, way.l1]
        parts["l1"].append(at_l1 * width[tensor])
        both = [read[:, m] + write[:, m] for m in way.passed]
        parts["passed"].append(sum((moves.delivered[:, tensor] * pj * width[tensor] for pj in both), nothing))
        parts["above"].append(sum(((inwards + outwards) * (read[:, m] + write[:, m]) for m in way.above), nothing))
        at_l2 = nothing
        if way.l2 >= 0:
            at_l2 = moves.reads[:, tensor] * read[:, way.l2] + moves.writes[:, tensor] * write[:, way.l2]
            at_l2 = at_l2 * width[tensor] + inwards * write[:, way.l2] + outwards * read[:, way.l2]
        parts["l2"].append(at_l2)
        parts["dram"].append(inwards * read[:, way.last] + outwards * write[:, way.last])
    pes = chip.pes.astype(np.float64)
    wires = [
        prices.wire_pj(array[:, t], moves.delivered[:, t], np.full(len(batch), width[t]), pes, pe_area_um2)
        for t in (IN, WT, OUT)
    ]
    scale = bits.input * bits.weight / 64  # a MAC is priced at 8 x 8 bits
    stacked = {name: np.stack(values, axis=1) for name, values in parts.items()}
    return Energy(moves.macs * mac_pj * scale, cluster=cluster, noc=np.stack(wires, axis=1), **stacked)
