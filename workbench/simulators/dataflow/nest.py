"""Designs as exact loop nests: how often every step of every level runs, and the cycles that follow.

As `built` does for the tool's analysis: one `unroll` serves any bandwidths, latencies and vector widths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.simulators.dataflow.built import Timing
from workbench.simulators.dataflow.levels import Batch, Bools, Ints
from workbench.simulators.dataflow.steps import Floats, Steps, Three, stepped
from workbench.simulators.dataflow.tensors import IN, OUT, WT
from workbench.simulators.dataflow.tiles import Shape, Tiles, shape_of, tiled, volume_of

ALL_HELD = (True, True, True)


@dataclass(frozen=True)
class Floor:
    """One level of a nest: its steps, and the instances of the level below that each runs.

    `full` and `part` (c,) are those of a sub-cluster with all of its work and of the last one, `times` (i,) how often
    each instance runs on the whole chip, `loads` (i, 3) how many of these begin with a tile of a tensor that was not
    there, in parts of a tile.
    """

    steps: Steps
    full: Ints
    part: Ints
    times: Floats
    loads: Floats

    @property
    def has_full(self) -> Bools:
        """Whether some sub-cluster has all of its work (c,)."""
        found: Bools = (self.steps.active > 1) | ~self.steps.has_part
        return found

    def total(self, of_case: Ints | Floats) -> Floats:
        """The sum over all steps that run on the chip of what a case does (c,), for each design (b,)."""
        often: Floats = self.times[self.steps.of.instance]
        weight: Floats = often * self.steps.of.weight
        return self.summed(weight * of_case)

    def moved(self, of_case: Ints, tensor: int) -> Floats:
        """The same for what a case brings of a tensor: a first step does only as far as its tile is not there."""
        instance = self.steps.of.instance
        often = np.where(self.steps.first, self.loads[instance, tensor], self.times[instance])
        weight: Floats = often * self.steps.of.weight
        return self.summed(weight * of_case)

    def summed(self, of_case: Floats) -> Floats:
        """(c,) summed for each design, (b,)."""
        return np.bincount(self.steps.row, of_case, minlength=len(self.steps.tiles.units)).astype(np.float64)


@dataclass(frozen=True)
class Nest:
    """A batch as loop nests, outermost level first, and for each design whether its clusters fit on its PEs (b,)."""

    batch: Batch
    shape: Shape
    floors: tuple[Floor, ...]
    fits: Bools

    @property
    def tile_of_pe(self) -> Three:
        """Elements of each tensor that a PE works on at a time, (b,)."""
        tiles = self.floors[-1].steps.tiles
        return volume_of(self.shape, {dim: tiles.tile[:, i] for i, dim in enumerate(tiles.dims)})


def unroll(batch: Batch, held: tuple[bool, bool, bool] = ALL_HELD) -> Nest:
    """The nest of every design; `held`: a PE keeps its tile of the input, the weight, the output between steps."""
    shape = shape_of(batch)
    levels = tiled(batch, shape)
    row = np.arange(len(batch))
    extent = np.stack([shape.extent[dim] for dim in levels[0].dims], axis=1)
    times, loads = np.ones(len(batch)), np.ones((len(batch), 3))
    floors = []
    for number, tiles in enumerate(levels):
        steps = stepped(tiles, shape, row, extent, held)
        loads = np.where(steps.many, times[:, None], loads)
        if number + 1 == len(levels):
            nothing = np.zeros(len(steps.row), dtype=np.int64)
            floors.append(Floor(steps, nothing, nothing, times, loads))
            break
        full, part, row, extent = _instances(steps, levels[number + 1])
        floors.append(Floor(steps, full, part, times, loads))
        times, loads = _runs(floors[-1], len(row))
    return Nest(batch, shape, tuple(floors), batch.clusters.prod(axis=1) <= batch.pes)


def _instances(steps: Steps, below: Tiles) -> tuple[Ints, Ints, Ints, Ints]:
    """The distinct extents on which the level below runs: of each case, of each instance its design and extents."""
    at = [steps.tiles.dims.index(dim) for dim in below.dims]
    wanted = np.concatenate([steps.full, steps.part])[:, at]
    row = np.concatenate([steps.row, steps.row])
    most = wanted.max(axis=0) + 1
    if float(np.prod(most.astype(np.float64))) * (row.max() + 1) < 2.0**62:
        place = np.append(np.cumprod(most[::-1])[::-1][1:], 1)
        _, first, inverse = np.unique(
            wanted @ place + row * (place[0] * most[0]), return_index=True, return_inverse=True
        )
    else:
        keys = np.column_stack([row, wanted])
        _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    half = len(steps.row)
    return inverse[:half], inverse[half:], row[first], wanted[first]


def _runs(floor: Floor, count: int) -> tuple[Floats, Floats]:
    """How often each instance of the level below runs, and with what of each tensor new."""
    steps, instance = floor.steps, floor.steps.of.instance
    often = steps.of.weight * floor.times[instance]
    some, last = steps.active - steps.has_part, steps.has_part

    def spread(of_case: Floats) -> Floats:
        found = np.bincount(floor.full, of_case * some, minlength=count)
        found = found + np.bincount(floor.part, of_case * last, minlength=count)
        return found.astype(np.float64)

    loads = [
        spread(np.where(steps.first, steps.of.weight * floor.loads[instance, t], often) * steps.fresh[t])
        for t in (IN, WT, OUT)
    ]
    return spread(often), np.stack(loads, axis=1)


@dataclass(frozen=True)
class Busy:
    """Cycles of the instances of a level, (i, w): of a first step with its loading, of computing alone in it, of all
    other steps; `ingress` (i, 2) and `egress` (i,) are what the first step moves; `many` (i, 3) as in `Steps`."""

    exposed: Ints
    compute: Ints
    rest: Ints
    ingress: Ints
    egress: Ints
    many: Bools


@dataclass(frozen=True)
class Cycles:
    """Cycles of the chip without DRAM, (b, w), and those of its top level's steps bound by each resource."""

    total: Ints
    bound_by: dict[str, Ints]


def cycles(nest: Nest, timing: Timing) -> Cycles:
    """The cycles of every design at every setting.

    The steps of a level overlap: one computes while the next loads and the last one's outputs leave. The first load
    and the last outputs of the layer stand alone.
    """
    below: Busy | None = None
    for floor in reversed(nest.floors[1:]):
        below = _busy(floor, timing, below)[0]
    top, parts = _busy(nest.floors[0], timing, below)
    noc, latency = timing.noc, timing.latency
    drain = latency + -(-_last_out(nest.floors[0])[:, None] // noc)
    fill = top.exposed - top.compute
    bound = {name: _per_instance(nest.floors[0], values) for name, values in parts.items()}
    bound["compute"] = bound["compute"] + top.compute
    bound["start and end"] = fill + drain
    return Cycles(top.exposed + top.rest + drain, bound)


def _last_out(floor: Floor) -> Ints:
    """Elements of the output's tile that leaves last: that of the first step, at most as large as any, (i,)."""
    return floor.steps.array[OUT][floor.steps.of.start]


def _busy(floor: Floor, timing: Timing, below: Busy | None) -> tuple[Busy, dict[str, Ints]]:
    """The cycles of a level's instances, and of its later steps by what bounds them (c, w)."""
    steps = floor.steps
    noc, latency, simd = (v if len(v) == 1 else v[steps.row] for v in (timing.noc, timing.latency, timing.simd))
    compute, alone = _compute(floor, below, noc, latency, simd)
    ingress = steps.new_array[IN] + steps.new_array[WT] + np.where(steps.again, steps.new_array[OUT], 0)
    entering, leaving = -(-ingress[:, None] // noc), -(-steps.new_array[OUT][:, None] // noc)
    step = np.maximum(np.maximum(compute, entering), leaving)
    later = np.where(steps.first, 0, steps.of.weight)[:, None]
    start = steps.of.start
    at_first = -(-ingress[start][:, None] // (noc if len(noc) == 1 else noc[start]))
    wait = latency if len(latency) == 1 else latency[start]
    busy = Busy(
        exposed=alone[start] + wait + at_first,
        compute=compute[start],
        rest=np.add.reduceat(later * step, start, axis=0),
        ingress=np.stack([steps.new_array[IN], steps.new_array[WT]], axis=1)[start],
        egress=steps.new_array[OUT][start],
        many=steps.many,
    )
    by_compute = compute >= np.maximum(entering, leaving)
    by_input = ~by_compute & (entering >= leaving)
    bound = {"compute": by_compute, "NoC to the PEs": by_input, "NoC from the PEs": ~by_compute & ~by_input}
    return busy, {name: np.where(which, later * step, 0) for name, which in bound.items()}


def _per_instance(floor: Floor, values: Ints) -> Ints:
    found: Ints = np.add.reduceat(values, floor.steps.of.start, axis=0)
    return found


def _compute(floor: Floor, below: Busy | None, noc: Ints, latency: Ints, simd: Ints) -> tuple[Ints, Ints]:
    """Cycles of the slowest sub-cluster in each case (c, w): while its data were already loaded, and in a start."""
    steps = floor.steps
    if below is None:
        work = -(-steps.full.prod(axis=1)[:, None] // simd)
        return work, work
    found = np.zeros((1, 1), dtype=np.int64)
    alone = found
    for which, there in ((floor.full, floor.has_full), (floor.part, steps.has_part)):
        share = [np.where(below.many[which, t], 1.0, steps.fresh[t]) for t in (IN, WT, OUT)]
        news = share[IN] * below.ingress[which, IN] + share[WT] * below.ingress[which, WT]
        loading = -(-np.ceil(news).astype(np.int64)[:, None] // noc)
        leaving = -(-np.ceil(share[OUT] * below.egress[which]).astype(np.int64)[:, None] // noc)
        first = np.maximum(np.maximum(below.compute[which], loading), leaving)
        found = np.maximum(found, np.where(there[:, None], first + below.rest[which], 0))
        alone = np.maximum(alone, np.where(there[:, None], below.exposed[which] + below.rest[which], 0))
    return found, alone
