"""A mapping applied to a layer: the directives of every cluster level, completed, as arrays over many designs at once.

Designs that share a skeleton (layer type, and kind and dimension of every directive) differ in numbers only, so that a
batch of them is a row each: `(b,)` where nothing else is said, `(b, j)` over the directives of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UserError
from workbench.simulators.dataflow.mapping import Mapping
from workbench.simulators.dataflow.tensors import IN, OUT, OUTPUT_NAMES, WINDOWS, WT, DataLayer, coupled

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Skeleton:
    """What a batch of designs has in common: layer type, extents given, kind and dimension of each directive."""

    type: str
    given: tuple[str, ...]
    levels: tuple[tuple[tuple[bool, str], ...], ...]


@dataclass(frozen=True)
class Batch:
    """Designs of one skeleton: their numbers.

    `extents` (b, d) in the order of `skeleton.given`, `stride` and `dilation` (b, 2) along Y and X, `sizes` and
    `offsets` (b, j) of each level, `clusters` (b, levels - 1), `pes` (b,).
    """

    skeleton: Skeleton
    extents: Ints
    stride: Ints
    dilation: Ints
    sizes: tuple[Ints, ...]
    offsets: tuple[Ints, ...]
    clusters: Ints
    pes: Ints

    def __len__(self) -> int:
        return len(self.pes)

    @property
    def by_name(self) -> dict[str, Ints]:
        """Extent (b,) by name."""
        return {dim: self.extents[:, i] for i, dim in enumerate(self.skeleton.given)}


def skeleton_of(layer: DataLayer, mapping: Mapping) -> Skeleton:
    """What decides with which designs a design can share a batch."""
    return Skeleton(layer.type, tuple(dim for dim, _ in layer.extents), mapping.skeleton)


def batch_of(designs: Sequence[tuple[DataLayer, Mapping, int]]) -> Batch:
    """Designs of one skeleton (layer, mapping whose sizes are numbers, PEs) as arrays."""
    layer, mapping, _ = designs[0]
    skeleton = skeleton_of(layer, mapping)
    if any(skeleton_of(other, m) != skeleton for other, m, _ in designs[1:]):
        raise UserError("Designs of one batch share the layer type and the directives; only sizes may differ.")
    of_level = range(len(mapping.levels))

    def table(rows: list[list[int]]) -> Ints:
        return np.array(rows, dtype=np.int64).reshape(len(designs), -1)

    return Batch(
        skeleton,
        table([[size for _, size in layer.extents] for layer, _, _ in designs]),
        table([list(layer.stride) for layer, _, _ in designs]),
        table([list(layer.dilation) for layer, _, _ in designs]),
        tuple(table([[whole(d.size) for d in m.levels[i]] for _, m, _ in designs]) for i in of_level),
        tuple(table([[whole(d.offset) for d in m.levels[i]] for _, m, _ in designs]) for i in of_level),
        table([[whole(c.size) for c in m.clusters] for _, m, _ in designs]),
        np.array([pes for _, _, pes in designs], dtype=np.int64),
    )


def whole(size: object) -> int:
    """A size that is a number already."""
    if not isinstance(size, int):
        raise UserError(f"The mapping's size {size} is not yet a number; give the constant a value.")
    return size


@dataclass(frozen=True)
class Level:
    """One cluster level of a batch, with the directives that the file leaves out.

    Where a level maps a dimension twice, its numbers are those of the last one (`last`), as the tool looks them up.
    `mapped`, `unique`, `edge` and `unique_edge` are (b, j) for inputs and weights (specification: M, U, ME, UE),
    `out_*` the same for the outputs, where Y and X stand for the outputs along them; `active` (b,) sub-clusters work
    in the last spatial step. `spatial` is the first SpatialMap.
    """

    dims: tuple[str, ...]
    is_spatial: Bools
    last: Ints
    size: Ints
    offset: Ints
    extent: Ints
    units: Ints
    spatial: int
    active: Ints
    mapped: Ints
    unique: Ints
    edge: Ints
    unique_edge: Ints
    out_mapped: Ints
    out_unique: Ints
    out_edge: Ints
    out_unique_edge: Ints
    couples: tuple[Bools, Bools, Bools]
    reduces: Bools

    @property
    def repeated(self) -> bool:
        """Whether some dimension is mapped twice."""
        return bool((self.last != np.arange(len(self.dims))).any())


_Column = tuple[bool, str, Ints, Ints]
"""Spatial or not, dimension, size (b,), offset (b,)."""


def truncated(a: Ints, b: Ints) -> Ints:
    """Integer division towards zero, for positive `b`."""
    quotient: Ints = np.where(a < 0, -(-a // b), a // b)
    return quotient


def resolved(batch: Batch) -> list[Level]:
    """The levels of a batch, outermost first (specification 3.2)."""
    skeleton = batch.skeleton
    tensors = coupled(skeleton.type, frozenset(skeleton.given))
    whole = batch.by_name
    static = dict(whole)
    units = [np.maximum(batch.pes // batch.clusters.prod(axis=1), 1), *batch.clusters.T]
    above: list[_Column] = []
    levels = []
    for number, directives in enumerate(skeleton.levels):
        columns: list[_Column] = [
            (spatial, dim, batch.sizes[number][:, i], batch.offsets[number][:, i])
            for i, (spatial, dim) in enumerate(directives)
        ]
        columns = _from_outputs(columns, whole)
        for _, dim, size, offset in above:
            if all(dim != other for _, other, _, _ in columns):
                columns.insert(0, (False, dim, size, offset))
        mapped = {dim for _, dim, _, _ in columns}
        missing = sorted((tensors[0] | tensors[1]) - mapped)
        columns += [(False, dim, static[dim], static[dim]) for dim in missing]
        columns = _strided(columns, batch, whole, top=number == 0)
        levels.append(_level(columns, static, units[number], tensors))
        first: dict[str, Ints] = {}
        for _, dim, size, _ in columns:
            first.setdefault(dim, size)
        static = {dim: np.minimum(first[dim], extent) if dim in first else extent for dim, extent in static.items()}
        above = columns
    return levels


def _from_outputs(columns: list[_Column], whole: dict[str, Ints]) -> list[_Column]:
    """Maps of Y' and X' as maps of the inputs that they need; one beside a map of Y or X goes."""
    mapped = {dim for _, dim, _, _ in columns}
    found: list[_Column] = []
    for spatial, dim, size, offset in columns:
        along = OUTPUT_NAMES.get(dim)
        if along is None:
            found.append((spatial, dim, size, offset))
        elif along not in mapped:
            window = next((s for _, other, s, _ in columns if other == WINDOWS[along]), whole[WINDOWS[along]])
            found.append((spatial, along, size + window - 1, offset))
    return found


def _strided(columns: list[_Column], batch: Batch, whole: dict[str, Ints], top: bool) -> list[_Column]:
    """Inputs that a stride jumps over, taken in."""
    found: list[_Column] = []
    for spatial, dim, size, offset in columns:
        if dim in WINDOWS and (batch.stride > 1).any():
            step, kernel = batch.stride[:, "YX".index(dim)], whole[WINDOWS[dim]]
            outputs = (size + step - kernel) // step
            jumps = (step > 1) & (size >= kernel)
            wide = outputs * np.minimum(step, kernel) + np.maximum(kernel - step, 0)
            far = outputs * step if top else outputs * np.where(kernel < step, kernel, step)
            size, offset = np.where(jumps, wide, size), np.where(jumps, far, offset)
        found.append((spatial, dim, size, offset))
    return found


def _level(columns: list[_Column], static: dict[str, Ints], units: Ints, tensors: tuple[frozenset[str], ...]) -> Level:
    """The numbers of one level."""
    dims = tuple(dim for _, dim, _, _ in columns)
    is_spatial = np.array([spatial for spatial, _, _, _ in columns])
    at = {dim: i for i, dim in enumerate(dims)}
    last = np.array([at[dim] for dim in dims])
    size = np.stack([size for _, _, size, _ in columns], axis=1)
    offset = np.stack([offset for _, _, _, offset in columns], axis=1)
    extent = np.stack([static[dim] for dim in dims], axis=1)
    steps = np.maximum(truncated(extent - size, offset), 0)
    has_edge = (steps * offset + size < extent) | (size > extent)
    left = extent - (steps + 1) * offset
    left = np.where(left < 0, extent, left)
    edge = np.where(has_edge, left, size)
    unique = np.where(~is_spatial & (extent <= size), 0, np.minimum(size, offset))
    unique_edge = np.maximum(offset - (size - left), 0)
    mapped, unique, edge, unique_edge = (numbers[:, last] for numbers in (size, unique, edge, unique_edge))
    out = [mapped.copy(), unique.copy(), edge.copy(), unique_edge.copy()]
    for along, window in WINDOWS.items():
        if along in at:
            i, w, every = at[along], at[window], last == at[along]
            ends = edge[:, i] - edge[:, w] + 1
            whole = np.minimum(offset[:, i], size[:, i])
            for table, column in zip(
                out, (size[:, i] - size[:, w] + 1, whole, ends, np.minimum(offset[:, i], ends)), strict=True
            ):
                table[:, every] = column[:, None]
    first = int(np.argmax(is_spatial))
    couples = tuple(np.array([dim in tensor for dim in dims]) for tensor in tensors)
    return Level(
        dims=dims,
        is_spatial=is_spatial,
        last=last,
        size=size,
        offset=offset,
        extent=extent,
        units=units,
        spatial=first,
        active=_active(extent[:, first], size[:, first], offset[:, first], units),
        mapped=mapped,
        unique=unique,
        edge=edge,
        unique_edge=unique_edge,
        out_mapped=out[0],
        out_unique=out[1],
        out_edge=out[2],
        out_unique_edge=out[3],
        couples=(couples[IN], couples[WT], couples[OUT]),
        reduces=(couples[IN] | couples[WT]) & ~couples[OUT],
    )


def _active(extent: Ints, size: Ints, offset: Ints, units: Ints) -> Ints:
    """Sub-clusters that work in the last spatial step."""
    whole = truncated(extent - size, offset) + 1
    some = whole + (offset * (whole - 1) + size < extent)
    left = extent - (whole // units) * offset * units
    rest = np.where(left < size, 1, truncated(left - size, offset) + 1)
    several = np.where(extent <= offset * (units - 1) + size, some, rest)
    return np.where(extent <= size, 1, several)
