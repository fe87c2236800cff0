"""The public tool's analysis with all of its quirks: counts, buffer needs, cycles, energy, area and power.

Energies in MAC energies, areas in um2, powers in mW, buffers in elements, per layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.simulators.dataflow.built import Built, Delays, Table, Timing, run, summed
from workbench.simulators.dataflow.levels import Bools, Ints
from workbench.simulators.dataflow.tensors import IN, OUT, WINDOWS, WT, coupled

Floats = NDArray[np.float64]

L2_ENERGY, L1_ENERGY = 18.61, 1.68
"""In MAC energies for each element (F40)."""

BUFFER_UM2, BUFFER_MW = 0.104, 0.00345
"""Area and power of an element of either buffer (F41)."""


@dataclass(frozen=True)
class Counts:
    """What does not depend on bandwidths, (b,) each; of `(in, wt, out)` where there are three.

    Accesses are of the top level; `l2_need` and `l1_need` are double buffered, L1's that of one PE.
    """

    macs: Ints
    l2_reads: tuple[Ints, Ints, Ints]
    l2_writes: tuple[Ints, Ints, Ints]
    l1_reads: tuple[Ints, Ints, Ints]
    l1_writes: tuple[Ints, Ints, Ints]
    l2_need: tuple[Ints, Ints, Ints]
    l1_need: tuple[Ints, Ints, Ints]

    @property
    def energy(self) -> Floats:
        """MAC energies: every access of both buffers, and the MACs."""
        l2 = sum(self.l2_reads) + sum(self.l2_writes)
        l1 = sum(self.l1_reads) + sum(self.l1_writes)
        return np.asarray(L2_ENERGY * l2 + L1_ENERGY * l1 + self.macs, dtype=np.float64)


def counts(built: Built) -> Counts:
    """The counts of every design (F34, F35)."""
    top, bottom = built.tables[0], built.tables[-1]
    occurs, counted = top.cases.weight, top.weight
    entering = [np.add.reduceat(counted * ins, top.cases.start) for ins in top.volumes.ins]
    leaving = np.add.reduceat(occurs * top.volumes.out, top.cases.start)
    macs = np.add.reduceat(occurs * top.volumes.macs, top.cases.start)
    tensors = _tensors(built)
    windows = _windows(built)
    return Counts(
        macs,
        (entering[IN], entering[WT], windows),
        (tensors[IN], tensors[WT], leaving),
        (macs, macs, macs),
        (entering[IN], entering[WT], macs),
        l2_needs(top),
        _l1_needs(built, bottom),
    )


def _tensors(built: Built) -> list[Ints]:
    """Elements of each tensor."""
    extents = built.batch.by_name
    names = coupled(built.batch.skeleton.type, frozenset(extents))
    ones = np.ones(len(built.batch), dtype=np.int64)
    return [np.multiply.reduce([ones, *(extents[dim] for dim in sorted(tensor))]) for tensor in names]


def _windows(built: Built) -> Ints:
    """Elements of the output, had it no stride."""
    extents = built.batch.by_name
    names = coupled(built.batch.skeleton.type, frozenset(extents))[OUT]
    total = np.ones(len(built.batch), dtype=np.int64)
    for dim in names:
        size = extents[dim]
        total = total * (size - extents[WINDOWS[dim]] + 1 if dim in WINDOWS else size)
    return total


def l2_needs(top: Table) -> tuple[Ints, Ints, Ints]:
    """Twice what the first case moves; the inputs of cases that are skipped before it are added (Q7)."""
    start = top.cases.start
    number = np.arange(len(top.row))
    first = np.minimum.reduceat(np.where(top.counted, number, len(number)), start)
    some = first < np.append(start[1:], len(number))
    at = np.where(some, first, 0)
    until = number <= at[top.cases.instance]
    ins = [np.where(some, 2 * np.add.reduceat(np.where(until, v, 0), start), 0) for v in top.volumes.ins]
    return ins[IN], ins[WT], np.where(some, 2 * top.volumes.out[at], 0)


def _l1_needs(built: Built, bottom: Table) -> tuple[Ints, Ints, Ints]:
    """Twice the tile of a PE; cases that its level skips at first count again for the inputs (Q7)."""
    level = bottom.level
    own = level.last == np.arange(len(level.dims))
    tiles = [2 * np.where(level.couples[t] & own, level.mapped, 1).prod(axis=1) for t in (IN, WT, OUT)]
    start, number = bottom.cases.start, np.arange(len(bottom.row))
    first = np.minimum.reduceat(np.where(bottom.counted, number, len(number)), start)
    ends = np.append(start[1:], len(number))
    skipped = np.where(first < ends, first - start, 0)
    again = np.zeros(len(built.batch), dtype=np.int64)
    again[bottom.row[start][::-1]] = skipped[::-1]
    return tiles[IN] * (1 + again), tiles[WT] * (1 + again), tiles[OUT]


def active_pes(built: Built) -> Floats:
    """PEs that work on average (b,)."""
    below: Floats | None = None
    for table in reversed(built.tables):
        edge = table.cases.edge[:, table.level.spatial]
        working = table.level.active[table.row].astype(np.float64)
        units = table.level.units[table.row]
        if below is None:
            found = np.where(edge, working, units)
        else:
            some = np.where(table.has_part, below[table.part], 0.0)
            full = np.where(table.has_part, working - 1, np.where(edge, working, units))
            found = some + full * below[table.full]
        weight = table.weight
        total = np.add.reduceat(weight, table.cases.start)
        below = np.add.reduceat(weight * found, table.cases.start) / np.maximum(total, 1)
    assert below is not None
    return np.asarray(below, dtype=np.float64)


@dataclass(frozen=True)
class Cycles:
    """Runtime (b, w), the delays of the top level, and where the tool crashes on a division by zero (b, w)."""

    runtime: Ints
    delays: Delays
    crashes: Bools


def cycles(built: Built, timing: Timing) -> Cycles:
    """The runtimes (specification 3.5): what leaves the chip bounds the steps of the top level (F31, Q9)."""
    top = built.tables[0]
    delays = run(built, timing)
    need = l2_needs(top)
    offchip = np.broadcast_to(timing.offchip, (len(built.batch), timing.offchip.shape[1]))
    enter, leave = (need[IN] + need[WT])[:, None] // offchip // 2, need[OUT][:, None] // offchip // 2
    starts = (top.cases.inner < 0)[:, None]
    overlapped = np.maximum(np.maximum(delays.compute, delays.ingress), delays.egress)
    step = np.where(starts, delays.compute + delays.ingress, overlapped)
    step = np.maximum(step, np.maximum(enter, leave)[top.row])
    stuck = np.logical_or.reduceat((delays.compute == 0) & top.counted[:, None], top.cases.start, axis=0)
    return Cycles(summed(top, step), delays, stuck | ~built.fits[:, None])


def bandwidths(built: Built, found: Cycles) -> tuple[Ints, Ints]:
    """What the tool says is needed, (b, w) each in elements per cycle: at the peak over the NoC, and off the chip.

    The latter is halved with every case that is visited (Q9).
    """
    top = built.tables[0]
    start, counted = top.cases.start, top.counted[:, None]
    compute = np.maximum(found.delays.compute, 1)
    moved = np.maximum(top.volumes.ins[IN] + top.volumes.ins[WT], top.volumes.out)[:, None]
    peak = np.maximum.reduceat(np.where(counted, moved // compute, 0), start, axis=0)
    need = l2_needs(top)
    most = np.maximum(need[IN] + need[WT], need[OUT])[top.row][:, None]
    passed = np.cumsum(top.counted)
    ends = passed[np.append(start[1:], len(passed)) - 1]
    halvings = ends[top.cases.instance] - passed + 1
    halved = (most // compute) >> np.minimum(halvings, 62)[:, None]
    return peak, np.maximum.reduceat(np.where(counted, halved, 0), start, axis=0)


def area_um2(pes: Ints, simd: Ints, l1: Ints, l2: Ints, noc: Ints) -> Floats:
    """Chip area for buffers of some elements (F41)."""
    bus, arbiter = _noc_um2(pes, noc)
    total: Floats = pes * (283 * simd + BUFFER_UM2 * l1) + BUFFER_UM2 * l2 + bus + arbiter
    return total


def noc_area_um2(pes: Ints, noc: Ints) -> Floats:
    """What of it connects the PEs."""
    bus, arbiter = _noc_um2(pes, noc)
    return np.asarray(bus + arbiter, dtype=np.float64)


def _noc_um2(pes: Ints, noc: Ints) -> tuple[Floats, Floats]:
    """Bus and arbiter, which grows with the square of the PEs (Q15)."""
    bus: Floats = 101.7938 * (14.662 * pes.astype(np.float64) + 28.895) * noc
    arbiter: Floats = np.maximum(395.473 * _arbiter(pes), np.float64(395.473))
    return bus, arbiter


def power_mw(pes: Ints, simd: Ints, l1: Ints, l2: Ints, noc: Ints) -> Floats:
    """Power for buffers of some elements (F41), whatever they do."""
    bus = 0.0008 * (14.662 * pes + 28.895) * noc
    arbiter = np.maximum(0.00034 * _arbiter(pes), 0.34)
    total: Floats = pes * (1.2223 * simd + BUFFER_MW * l1) + BUFFER_MW * l2 + bus + arbiter
    return total


def _arbiter(pes: Ints) -> Floats:
    found: Floats = 1.2886 * pes.astype(np.float64) ** 2 + 5.5814 * pes - 23.711
    return found
