"""A mapping as the loop nest that it means: outputs, channels and kernel cut into tiles that cover the layer once.

The directives speak of input rows, of overlapping windows and of maps that leave gaps. Here every extent is one of the
computation itself, and Y and X are output rows and columns:

- a map of input rows or columns advances by the outputs that its offset spans, at most those that its size holds; one
  whose size holds no whole window still makes one output at a time;
- a map of another dimension whose offset is not its size advances by the smaller of both, so that nothing is computed
  twice or left out;
- SpatialMaps of Y and R (or X and S) together spread the kernel: sub-cluster i has kernel row i, and input row i,
  i + 1, ... in turn. Of two other SpatialMaps the first spreads, the second is taken step by step;
- a dimension that a level maps twice is mapped as at first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.simulators.dataflow.levels import Batch, Ints
from workbench.simulators.dataflow.tensors import IN, OUT, OUTPUT_NAMES, WINDOWS, WT, coupled


@dataclass(frozen=True)
class Tiles:
    """One level: `tile` (b, j) of each dimension for one sub-cluster, and its `units` (b,) sub-clusters.

    `spatial` is the dimension that is spread over them, -1 where none is.
    """

    dims: tuple[str, ...]
    tile: Ints
    units: Ints
    spatial: int

    @property
    def wave(self) -> Ints:
        """What all sub-clusters together cover in one step, (b, j)."""
        spread = np.arange(len(self.dims)) == self.spatial
        return np.where(spread, self.tile * self.units[:, None], self.tile)


@dataclass(frozen=True)
class Shape:
    """What the dimensions of a batch mean: `extent` (b,) of each, and which of them each tensor depends on."""

    extent: dict[str, Ints]
    stride: dict[str, Ints]
    dilation: dict[str, Ints]
    relevant: tuple[frozenset[str], frozenset[str], frozenset[str]]


def shape_of(batch: Batch) -> Shape:
    """The computation of each design: Y and X are its outputs."""
    given = frozenset(batch.skeleton.given)
    kind = "CONV" if batch.skeleton.type == "TRCONV" else batch.skeleton.type
    ins, wt, out = coupled(kind, given)
    if kind == "NGCONV":
        out -= {"C"}
    extent = {dim: size for dim, size in batch.by_name.items() if dim in ins | wt | out}
    stride, dilation = {}, {}
    for along, window in WINDOWS.items():
        if along in extent:
            i = "YX".index(along)
            stride[along], dilation[along] = batch.stride[:, i], batch.dilation[:, i]
            span = (extent[window] - 1) * dilation[along] + 1
            extent[along] = (extent[along] - span) // stride[along] + 1
    windows = frozenset(WINDOWS[dim] for dim in ins if dim in WINDOWS)
    return Shape(extent, stride, dilation, (ins | windows, wt, out))


def tiled(batch: Batch, shape: Shape) -> list[Tiles]:
    """The levels, outermost first."""
    static = dict(shape.extent)
    units = _units(batch)
    levels = []
    for number, directives in enumerate(batch.skeleton.levels):
        sizes, offsets = batch.sizes[number], batch.offsets[number]
        maps: dict[str, tuple[bool, Ints, Ints, bool]] = {}
        for i, (spatial, dim) in enumerate(directives):
            along = OUTPUT_NAMES.get(dim, dim)
            if along in static:
                maps.setdefault(along, (spatial, sizes[:, i], offsets[:, i], along != dim))
        tile = _tiles(maps, static, shape)
        spread = [dim for dim, (spatial, *_) in maps.items() if spatial]
        paired = [WINDOWS[dim] for dim in spread if WINDOWS.get(dim) in spread]
        chosen = (paired or spread)[:1]
        order = (*maps, *(dim for dim in static if dim not in maps))
        spatial_at = order.index(chosen[0]) if chosen else -1
        levels.append(Tiles(order, np.stack([tile[dim] for dim in order], axis=1), units[number], spatial_at))
        static = tile
    return levels


def _units(batch: Batch) -> list[Ints]:
    """Sub-clusters of each level, outermost first: what of a cluster does not fit on the PEs folds onto those there."""
    units: list[Ints] = []
    free = batch.pes
    for size in batch.clusters.T[::-1]:
        units.append(np.minimum(size, free))
        free = free // units[-1]
    return [np.maximum(free, 1), *units[::-1]]


def _tiles(maps: dict[str, tuple[bool, Ints, Ints, bool]], static: dict[str, Ints], shape: Shape) -> dict[str, Ints]:
    """What one sub-cluster has of each dimension."""
    tile = dict(static)
    for dim, (_, size, offset, _) in maps.items():
        if dim not in WINDOWS:
            tile[dim] = np.minimum(np.minimum(size, offset), static[dim])
    for dim, (_, size, offset, of_outputs) in maps.items():
        if dim not in WINDOWS:
            continue
        stride = shape.stride[dim]
        span = (tile[WINDOWS[dim]] - 1) * shape.dilation[dim] + 1
        held = np.where(size >= span, (size - span) // stride + 1, 1)
        outputs = np.minimum(size, offset) if of_outputs else np.minimum(held, -(-offset // stride))
        tile[dim] = np.minimum(outputs, static[dim])
    return tile


def rows(outputs: Ints, kernel: Ints, stride: Ints, dilation: Ints) -> Ints:
    """How many different input rows some output rows and kernel rows touch (see `problem.layer.distinct`)."""
    common = np.gcd(stride, dilation)
    found: Ints = outputs * kernel - np.maximum(outputs - dilation // common, 0) * np.maximum(
        kernel - stride // common, 0
    )
    return found


def volume_of(shape: Shape, extent: dict[str, Ints]) -> tuple[Ints, Ints, Ints]:
    """Elements of input, weight and output for extents by name, (b,) each."""
    found = []
    for tensor, names in enumerate(shape.relevant):
        total = np.ones_like(next(iter(extent.values())))
        for dim in sorted(names):
            if tensor != IN or dim not in (*WINDOWS, *WINDOWS.values()):
                total = total * extent[dim]
            elif dim in WINDOWS:
                total = total * rows(extent[dim], extent[WINDOWS[dim]], shape.stride[dim], shape.dilation[dim])
        found.append(total)
    return found[IN], found[WT], found[OUT]
