"""A block in the `corrected` mode: what `dataflow.corrected` adds up design by design, as factors over the axes.

Cycles on the chip depend on PEs and bandwidth. What DRAM moves depends on PEs and the L2's size. Accesses depend on
PEs, their prices on sizes and widths. So a layer is a few sums per number of PEs, and all layers are their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.simulators.dataflow import prices
from workbench.simulators.dataflow.built import Timing
from workbench.simulators.dataflow.corrected import DOUBLE, Bits, clusters_of, moves_of
from workbench.simulators.dataflow.levels import Bools, Ints
from workbench.simulators.dataflow.memory import cuts_of
from workbench.simulators.dataflow.nest import Nest, cycles, unroll
from workbench.simulators.dataflow.tensors import IN, OUT, WT
from workbench.sweep.analysis import Mapped, axes_of, distinct, mapped
from workbench.sweep.buffers import buffers_of
from workbench.sweep.cells import Cells, Limits
from workbench.sweep.plan import Block, Plan
from workbench.sweep.traffic import Traffic, traffic_of

HELD = (True, True, True)
ROUNDING = 1e-12
"""More than a sum of a few terms can be off, whatever their order."""


@dataclass(frozen=True)
class Timed:
    """Cycles of a layer, which occurs `count` times: on the chip (p, w), of DRAM (p, n), before and after (p,)."""

    count: int
    on_chip: Ints
    dram: Ints
    around: Ints


class CorrectedBlock:
    """Sums over the layers, in bits where prices are per bit: (p,), or (p, n) where the L2's size decides."""

    def __init__(self, plan: Plan, block: Block, limits: Limits) -> None:
        self._axes = axes = axes_of(plan, block)
        self._plan, self._limits = plan, limits
        self._buffers = buffers_of(plan, axes.l1, axes.l2, axes.noc)
        self._mac_um2 = plan.arch.mac_area_um2
        self._possible = self._fits(plan, block)
        self._row = np.cumsum(self._possible) - 1
        pes = axes.pes[self._possible]
        p, w, n = len(pes), len(axes.noc), len(axes.l2)
        self._fixed, self._wires, self._l1_reads, self._l1_writes = (np.zeros(p) for _ in range(4))
        self._l2_reads, self._l2_writes, self._dram = (np.zeros((p, n)) for _ in range(3))
        self._extra = np.zeros((p, w))
        self._l1_need, self._l2_need = np.zeros(p, dtype=np.int64), np.zeros(p, dtype=np.int64)
        self._timed: list[Timed] = []
        if p:
            for part in mapped(plan, block, pes):
                self._add(part, pes)

    def _fits(self, plan: Plan, block: Block) -> Bools:
        """The numbers of PEs that hold the mapping's clusters and of which, if pruned, some design may keep the area.

        Area rises with each of bandwidth (a word bit of the L2 costs area, and so does a lane), L1 and L2: it is at
        least that of PEs and of the least of each buffer.
        """
        axes, buffers = self._axes, self._buffers
        possible = np.ones(len(axes.pes), dtype=np.bool_)
        for _, _, _, mapping in plan.layers(block):
            possible &= axes.pes >= mapping.pes_per_cluster
        if plan.settings.prune:
            least = axes.pes * (self._mac_um2 * axes.simd + buffers.l1_area.min()) + buffers.l2_area.min()
            possible &= least * (1 - ROUNDING) <= self._limits.area_um2
        return possible

    def _add(self, part: Mapped, pes: Ints) -> None:
        """One layer."""
        layer, axes, of, count = part.layer, self._axes, part.of, part.count
        bits = Bits(layer.input_bits, layer.weight_bits, layer.partial_bits, layer.output_bits)
        width = np.array(bits.on_chip, dtype=np.float64)
        nest = unroll(part.batch, HELD)
        moves = moves_of(nest, HELD)
        cluster_area, cluster_energy = clusters_of(nest, moves, bits)
        scale = bits.input * bits.weight / 64
        fixed = moves.macs * self._plan.arch.mac_energy_pj * scale + cluster_energy.sum(axis=1)
        self._fixed += count * fixed[of]
        self._l1_reads += count * (moves.l1_reads @ width)[of]
        self._l1_writes += count * (moves.l1_writes @ width)[of]
        array = ((moves.reads + moves.writes) @ width)[of]
        one, delivered = np.ones(len(pes)), (moves.delivered @ width)[of]
        self._wires += count * prices.wire_pj(array, delivered, one, pes.astype(np.float64), one)
        traffic = traffic_of(cuts_of(nest), np.array(bits.on_chip), axes.l2)
        inwards, outwards = traffic.inwards(bits), traffic.outwards(bits)
        self._l2_reads += count * ((moves.reads @ width)[:, None] + outwards)[of]
        self._l2_writes += count * ((moves.writes @ width)[:, None] + inwards)[of]
        self._dram += count * (inwards * self._buffers.dram_read + outwards * self._buffers.dram_write)[of]
        self._timed.append(self._times(part, nest, bits, traffic))
        widest = max(bits.input, bits.weight)
        lanes = np.maximum(axes.noc // widest, 1) * widest
        area = prices.noc_area_um2(pes[:, None].astype(np.float64), widest, lanes[None, :].astype(np.float64))
        np.maximum(self._extra, area + cluster_area[of][:, None], out=self._extra)
        needs = DOUBLE * np.stack(nest.tile_of_pe, axis=1) @ np.array(bits.on_chip)
        np.maximum(self._l1_need, needs[of], out=self._l1_need)
        np.maximum(self._l2_need, traffic.needed[of], out=self._l2_need)

    def _times(self, part: Mapped, nest: Nest, bits: Bits, traffic: Traffic) -> Timed:
        axes, settings = self._axes, self._plan.simulator.settings
        one = np.ones((1, 1), dtype=np.int64)
        noc = np.maximum(axes.noc // max(bits.input, bits.weight), 1)
        widths, at = distinct(noc, _largest(nest))
        found = cycles(nest, Timing(widths, one * settings.noc_latency, one, one * axes.simd))
        first = nest.floors[0].steps
        start, dram_bits = first.of.start, self._buffers.dram_bits
        onload = -(-(first.array[IN] * bits.input + first.array[WT] * bits.weight)[start] // dram_bits)
        offload = -(-(first.array[OUT] * bits.output)[start] // dram_bits)
        dram = -(-(traffic.moved @ np.array(bits.on_chip)) // dram_bits)
        return Timed(part.count, found.total[part.of][:, at], dram[part.of], (onload + offload)[part.of])

    def cells(self, number: int) -> Cells | None:
        """See `Analysis`."""
        if not self._possible[number]:
            return None
        row, pes, buffers = self._row[number], int(self._axes.pes[number]), self._buffers
        macs = pes * self._mac_um2
        l1_area = buffers.l1_area * pes
        pe_area = self._mac_um2 * self._axes.simd + buffers.l1_area
        latency = np.zeros(buffers.l2_area.shape)
        for timed in self._timed:
            cycles_of = np.maximum(timed.on_chip[row][:, None], timed.dram[row][None, :])
            latency += timed.count * (cycles_of + timed.around[row])
        read, write = self._l2_reads[row], self._l2_writes[row]
        return Cells(
            latency=latency,
            energy=buffers.l2_read * read + buffers.l2_write * write + (self._dram[row] + self._fixed[row]),
            area=macs * self._axes.simd + buffers.l2_area + self._extra[row][:, None],
            l1_energy=self._l1_reads[row] * buffers.l1_read
            + self._l1_writes[row] * buffers.l1_write
            + self._wires[row] * np.sqrt(pe_area),
            l1_area=l1_area,
            least_l1=int(np.searchsorted(self._axes.l1, self._l1_need[row])),
            least_l2=int(np.searchsorted(self._axes.l2, self._l2_need[row])),
            runs=np.ones(len(latency), dtype=np.bool_),
        )


def _largest(nest: Nest) -> int:
    """More elements than any step moves in or out at once."""
    return max(int(sum(new.max() for new in floor.steps.new_array)) for floor in nest.floors)
