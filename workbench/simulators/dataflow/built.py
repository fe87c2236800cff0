"""Designs analysed as far as neither bandwidths nor buffer sizes matter, and the cycles that follow from these.

Specification 3.7: the cases of every level depend on layer, mapping and PEs alone. So one `build` serves any number of
bandwidths, latencies and vector widths, and sub-clusters that run on equal extents are analysed once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.simulators.dataflow.cases import Cases, enumerated
from workbench.simulators.dataflow.levels import Batch, Bools, Ints, Level, resolved
from workbench.simulators.dataflow.volumes import Volumes, volumes


@dataclass(frozen=True)
class Table:
    """One level of a batch: its cases, and which instances of the level below they run.

    `row` (c,) is the design of each case. `full` and `part` (c,) are instances of the level below, for a sub-cluster
    that has all of its work and for a partial last one; `has_part` and `has_full` (c,) say which of them there are.
    `counted` (c,) are the cases that the tool does not skip.
    """

    level: Level
    cases: Cases
    volumes: Volumes
    row: Ints
    counted: Bools
    full: Ints
    part: Ints
    has_full: Bools
    has_part: Bools

    @property
    def weight(self) -> Ints:
        """How often each case takes time, (c,): never, where the tool skips it."""
        return np.where(self.counted, self.cases.weight, 0)


@dataclass(frozen=True)
class Built:
    """A batch, its levels, outermost first, and for each design whether its clusters fit on its PEs (b,)."""

    batch: Batch
    tables: tuple[Table, ...]
    fits: Bools


@dataclass(frozen=True)
class Timing:
    """What bandwidths and vector width decide: each broadcasts to (b, w), w settings for each of b designs.

    `noc` and `offchip` in elements per cycle, `latency` in cycles, `simd` MACs of a PE in a cycle.
    """

    noc: Ints
    latency: Ints
    offchip: Ints
    simd: Ints


@dataclass(frozen=True)
class Delays:
    """Cycles of each case of the top level (c, w) for data in, data out and computing, and the runtime (b, w)."""

    ingress: Ints
    egress: Ints
    compute: Ints
    runtime: Ints


def build(batch: Batch) -> Built:
    """Analyse every design of a batch."""
    levels = resolved(batch)
    row = np.arange(len(batch))
    whole = batch.by_name
    extent = np.stack([whole[dim] for dim in levels[0].dims], axis=1)
    tables = []
    for number, level in enumerate(levels):
        cases = enumerated(level, row, extent)
        of_case = row[cases.instance]
        found = volumes(level, cases, of_case)
        below = levels[number + 1] if number + 1 < len(levels) else None
        parts = _parts(level, cases, of_case)
        if below is None:
            nothing = np.zeros(len(of_case), dtype=np.int64)
            tables.append(Table(level, cases, found, of_case, found.critical > 0, nothing, nothing, *parts))
            break
        full, part, row, extent = _instances(level, below, cases, of_case, whole)
        tables.append(Table(level, cases, found, of_case, found.critical > 0, full, part, *parts))
    return Built(batch, tuple(tables), batch.clusters.prod(axis=1) <= batch.pes)


def _parts(level: Level, cases: Cases, row: Ints) -> tuple[Bools, Bools]:
    """Whether a case has sub-clusters with all of their work, and a partial last one (F22)."""
    has_part = cases.edge[:, level.spatial] & cases.partial[:, level.spatial]
    return ~has_part | (level.active[row] > 1), has_part


def _instances(
    level: Level, below: Level, cases: Cases, row: Ints, whole: dict[str, Ints]
) -> tuple[Ints, Ints, Ints, Ints]:
    """The distinct extents on which the level below runs: per case the full and the partial instance (c,) each, and
    per instance its design (i,) and extents (i, j of the level below).

    An extent is the steady or the edge one of its directive (F21), so that bits name an instance.
    """
    alone = (level.active == 1)[row, None]
    short_full = np.where(level.is_spatial, cases.edge & alone, cases.edge)
    short_part = cases.edge & (cases.position != 1)
    short_part = np.where(level.is_spatial, short_part, cases.edge)
    short_full = np.where(level.is_spatial, short_full & (cases.position != 1), short_full)
    bit = 1 << np.arange(len(level.dims), dtype=np.int64)
    keys = np.concatenate([(short @ bit) + (row << len(level.dims)) for short in (short_full, short_part)])
    found, inverse = np.unique(keys, return_inverse=True)
    of = found >> len(level.dims)
    short = (found[:, None] & bit) != 0
    extents = np.where(short, level.edge[of], level.mapped[of])
    at = {dim: i for i, dim in enumerate(level.dims)}
    columns = [extents[:, at[dim]] if dim in at else whole[dim][of] for dim in below.dims]
    half = len(keys) // 2
    return inverse[:half], inverse[half:], of, np.stack(columns, axis=1)


def delay(elements: Ints, bandwidth: Ints, latency: Ints) -> Ints:
    """Cycles to move elements over the NoC (F20)."""
    return latency - 1 - (-elements // bandwidth)


def run(built: Built, timing: Timing) -> Delays:
    """The cycles of every design at every setting (specification 3.5), without what leaves the chip."""
    below: Ints | None = None
    for table in reversed(built.tables):
        delays = _level_delays(table, timing, below)
        below = delays.runtime
    return delays


def _level_delays(table: Table, timing: Timing, below: Ints | None) -> Delays:
    noc, latency, simd = (_of_case(values, table.row) for values in (timing.noc, timing.latency, timing.simd))
    if below is None:
        compute = -(-table.volumes.critical[:, None] // simd)
    else:
        part = np.where(table.has_part[:, None], below[table.part], 0)
        compute = np.maximum(np.where(table.has_full[:, None], below[table.full], 0), part)
    ingress = delay((table.volumes.ins[0] + table.volumes.ins[1])[:, None], noc, latency)
    egress = delay(table.volumes.out[:, None], noc, latency)
    starts = (table.cases.inner < 0)[:, None]
    step = np.where(starts, compute + ingress, np.maximum(np.maximum(compute, ingress), egress))
    return Delays(ingress, egress, compute, summed(table, step))


def summed(table: Table, step: Ints) -> Ints:
    """Weighted sum over the cases of each instance: (c, w) to (i, w)."""
    total: Ints = np.add.reduceat(table.weight[:, None] * step, table.cases.start, axis=0)
    return total


def _of_case(values: Ints, row: Ints) -> Ints:
    """(b, w) or (1, w) spread over the cases, (c, w)."""
    return values if len(values) == 1 else values[row]
