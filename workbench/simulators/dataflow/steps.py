"""The steps of a level of a loop nest, and what of each tensor they bring: exactly, edges and fan-out included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.simulators.dataflow.cases import INIT, Product, product
from workbench.simulators.dataflow.levels import Bools, Ints
from workbench.simulators.dataflow.tensors import IN, OUT, WINDOWS, WT
from workbench.simulators.dataflow.tiles import Shape, Tiles, rows

Floats = NDArray[np.float64]
Three = tuple[Ints, Ints, Ints]
"""Of input, weight and output."""


@dataclass(frozen=True)
class Steps:
    """The cases of all instances of a level, each an array over the cases (c,) where nothing else is said.

    `row` is the design. `cover` (c, j) is what the sub-clusters together cover, `full` and `part` (c, j) what one with
    all of its work and the last one have; `active` of them work, the last one with less where `has_part`.
    `array` is what the step holds of each tensor over the whole array, each element once, and `unit` what the sum over
    the sub-clusters is, shared elements as often as they are delivered; `new_array` and `new_unit` what of it is new,
    and `fresh` the new share of a sub-cluster's. For the output, new is what becomes a tile of its own: it leaves
    once; `again` says that it was begun before and comes back. `many` (i, 3): a tensor changes between the steps of an
    instance.
    """

    tiles: Tiles
    of: Product
    row: Ints
    cover: Ints
    full: Ints
    part: Ints
    active: Ints
    has_part: Bools
    array: Three
    new_array: Three
    new_unit: Three
    fresh: tuple[Floats, Floats, Floats]
    again: Bools
    many: Bools

    @property
    def first(self) -> Bools:
        """The first case of each instance: nothing has moved yet."""
        return self.of.inner < 0

    @property
    def work(self) -> Ints:
        """MACs of the array in a step (c,)."""
        total: Ints = self.cover.prod(axis=1)
        return total


def stepped(tiles: Tiles, shape: Shape, row: Ints, extent: Ints, held: tuple[bool, bool, bool]) -> Steps:
    """The steps of instances: the design of each (i,) and its extents (i, j); `held`: a PE keeps a tensor's tile.

    What a PE does not keep comes anew in every step.
    """
    wave = tiles.wave[row]
    whole = extent // wave
    left = extent - whole * wave
    occurs = np.stack([np.ones_like(whole), np.maximum(whole - 1, 0), (whole >= 1) & (left > 0)], axis=-1)
    found = product(occurs)
    i, j = found.instance, np.arange(len(tiles.dims))
    cover = np.stack([np.minimum(extent, wave), wave, left], axis=-1)[i[:, None], j, found.position]
    of_case = row[i]
    spread = j == tiles.spatial
    full = np.where(spread, np.minimum(cover, tiles.tile[of_case]), cover)
    here = tiles.spatial if tiles.spatial >= 0 else 0
    active = -(-cover[:, here] // full[:, here])
    rest = cover[:, here] - (active - 1) * full[:, here]
    part = np.where(spread, rest[:, None], full)
    several = (extent > wave)[i]
    of_wave, of_tile = wave[i], tiles.tile[of_case]
    arrays, new_arrays, new_units, fresh = [], [], [], []
    for tensor in (IN, WT, OUT):
        changes, slides = _moved(tiles, found, several, shape.relevant[tensor], held[tensor])
        sizes = _Sizes(tiles, shape, of_case, tensor, slides, of_wave)
        array, new_array = sizes.volume(cover, of_wave)
        of_full, new_full = sizes.volume(full, of_tile)
        _, new_part = sizes.volume(part, of_tile)
        arrays.append(array)
        new_arrays.append(np.where(changes, new_array, 0))
        new_units.append(np.where(changes, (active - 1) * new_full + new_part, 0))
        fresh.append(np.where(changes, new_full / of_full, 0.0))
    sums = np.array([dim not in shape.relevant[OUT] for dim in tiles.dims])
    again = ((found.position != INIT) & sums).any(axis=1)
    many = np.stack(
        [((extent > wave) & np.array([d in names for d in tiles.dims])).any(axis=1) for names in shape.relevant], axis=1
    )
    return Steps(
        tiles,
        found,
        of_case,
        cover,
        full,
        part,
        active,
        rest < full[:, here],
        (arrays[IN], arrays[WT], arrays[OUT]),
        (new_arrays[IN], new_arrays[WT], new_arrays[OUT]),
        (new_units[IN], new_units[WT], new_units[OUT]),
        (fresh[IN], fresh[WT], fresh[OUT]),
        again,
        many,
    )


def _moved(tiles: Tiles, found: Product, several: Bools, names: frozenset[str], keeps: bool) -> tuple[Bools, Ints]:
    """Whether a step changes a tensor's tile (c,), and the dimension along which it slides, or -1 (c,).

    All of it is new if a dimension of the tensor inside the one that moves starts again.
    """
    depends = np.array([dim in names for dim in tiles.dims])
    slidable = np.array([dim in WINDOWS for dim in tiles.dims])
    if not keeps:
        return np.ones(len(found.inner), dtype=np.bool_), np.full(len(found.inner), -1)
    inside = np.arange(len(tiles.dims)) > found.inner[:, None]
    anew = (found.inner < 0) | (inside & several & depends).any(axis=1)
    at = np.maximum(found.inner, 0)
    return anew | depends[at], np.where(~anew & depends[at] & slidable[at], found.inner, -1)


@dataclass(frozen=True)
class _Sizes:
    """How large a tensor's tile is: `slides` (c,) the dimension along which it moved, `wave` (c, j) how far."""

    tiles: Tiles
    shape: Shape
    row: Ints
    tensor: int
    slides: Ints
    wave: Ints

    def volume(self, size: Ints, before: Ints) -> tuple[Ints, Ints]:
        """Elements for extents `size` (c, j), and how many of them were not there when the extents were `before`.

        Only rows of a window that is not dilated overlap with those of the step before.
        """
        at = {dim: i for i, dim in enumerate(self.tiles.dims)}
        volume = np.ones(len(self.row), dtype=np.int64)
        new = volume
        for dim in sorted(self.shape.relevant[self.tensor]):
            if self.tensor == IN and dim in WINDOWS.values():
                continue
            count = fresh = size[:, at[dim]]
            if self.tensor == IN and dim in WINDOWS:
                i, kernel = at[dim], size[:, at[WINDOWS[dim]]]
                stride, dilation = self.shape.stride[dim][self.row], self.shape.dilation[dim][self.row]
                count = rows(count, kernel, stride, dilation)
                stays = (before[:, i] - 1) * stride + kernel - self.wave[:, i] * stride
                stays = np.where(dilation == 1, np.clip(stays, 0, count), 0)
                fresh = np.where(self.slides == i, count - stays, count)
            volume, new = volume * count, new * fresh
        return volume, new
