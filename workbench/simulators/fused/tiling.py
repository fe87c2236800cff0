"""A group's tiles: which part of every map each tile computes, keeps and fetches, from the last map back to the first.

Rows and columns are independent: tile (i, j) computes the rows of row step i by the columns of column step j. Along a
cached axis a tile computes what no earlier one has, and takes the rest of what it reads from the cache; along any
other it computes all that it reads (DeFiNES, modes (0,0), (1,0) and (1,1)).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from workbench.problem.graph import Item, Shape
from workbench.problem.receptive import AXES, Axis, Ints, Reads, reads
from workbench.simulators.fused.network import SOURCE, Group, Network

Mode = Literal["recompute", "horizontal", "cached"]
CACHED_AXES: dict[Mode, tuple[Axis, ...]] = {"recompute": (), "horizontal": ("x",), "cached": ("y", "x")}
"""What an overlap mode keeps: nothing, columns for the tile beside, or these and rows for the tiles below."""
MODES: tuple[Mode, ...] = ("recompute", "horizontal", "cached")

_FAR = np.int64(2**62)


@dataclass(frozen=True, slots=True)
class Span:
    """One map along one axis, for each step (t,): what is made (or fetched), and what is read of it in all."""

    start: Ints
    stop: Ints
    needed: Ints  # the first position that a reader reads

    @property
    def made(self) -> Ints:
        """(t,): positions that the step makes."""
        found: Ints = self.stop - self.start
        return found

    @property
    def kept(self) -> Ints:
        """(t,): positions of earlier steps that this one reads from the cache."""
        found: Ints = np.maximum(self.start - np.minimum(self.needed, self.start), 0)
        return found


@dataclass(frozen=True)
class Steps:
    """A group along one axis: `maps` by item (`SOURCE`: the network's input), `windows` what each item reads first."""

    maps: dict[int, Span]
    windows: dict[int, Reads]

    @cached_property
    def kinds(self) -> tuple[tuple[int, int], ...]:
        """(step, how many steps are like it): steps that make, read and pad alike are one kind."""
        columns = [part for span in self.maps.values() for part in (span.made, span.kept)]
        for window in self.windows.values():
            columns += [np.maximum(window.stop - window.start, 0), window.before, window.after]
        found: dict[bytes, list[int]] = {}
        for step, like in enumerate(np.stack(columns, axis=1)):
            found.setdefault(like.tobytes(), []).append(step)
        return tuple((steps[0], len(steps)) for steps in found.values())

    @cached_property
    def count(self) -> int:
        """The number of steps."""
        return len(next(iter(self.maps.values())).start)

    def total(self, number: int) -> int:
        """Positions of a map made in all steps together, those made again included."""
        return int(self.maps[number].made.sum())


class AxisGrid:
    """A group along one axis, for every tile size there: steps of all sizes stand one after the other in each array.

    Every map is made from its first position to its last, even where nothing reads the end of it, as without fusion.
    """

    def __init__(self, network: Network, group: Group, axis: Axis, cached: bool) -> None:
        most = _extent(_shape(network, group.exit, SOURCE), axis)
        self.sizes = _sizes(most)
        each = [np.arange(0, most, size, dtype=np.int64) for size in self.sizes]
        self.first = np.cumsum([0, *map(len, each[:-1])])
        self.last = self.first + [len(starts) - 1 for starts in each]
        starts = np.concatenate(each)
        stops = np.concatenate([np.minimum(begin + size, most) for begin, size in zip(each, self.sizes, strict=True)])
        self._segment = np.repeat(np.arange(len(each)), [len(starts) for starts in each])
        self.maps = {group.exit: Span(starts, stops, starts)}
        self.windows: dict[int, Reads] = {}
        needs: dict[int, tuple[Ints, Ints]] = {}
        for number in reversed(group.items):
            if number != group.exit:
                whole = _extent(_shape(network, number, SOURCE), axis)
                self.maps[number] = self._made(*needs[number], cached, whole)
            span, item = self.maps[number], network.items[number]
            for place, producer in enumerate(network.producers[number]):
                read = _reads(item, place, axis, span, _shape(network, producer, number))
                if place == 0:
                    self.windows[number] = read
                low, high = needs.get(producer, (read.start, read.stop))
                needs[producer] = np.minimum(low, read.start), np.maximum(high, read.stop)
        self.maps[group.entry] = self._made(*needs[group.entry], cached, None)

    def steps(self, at: int) -> Steps:
        """The steps of one size."""
        part = slice(self.first[at], self.last[at] + 1)
        return Steps(
            {n: Span(s.start[part], s.stop[part], s.needed[part]) for n, s in self.maps.items()},
            {n: Reads(w.start[part], w.stop[part], w.before[part], w.after[part]) for n, w in self.windows.items()},
        )

    def most(self, positions: Ints) -> Ints:
        """(sizes,): the most of any step of a size."""
        found: Ints = np.maximum.reduceat(positions, self.first)
        return found

    def _made(self, low: Ints, high: Ints, cached: bool, whole: int | None) -> Span:
        """What each step makes of a map, of which it needs [low, high).

        `whole`: the size of a map that is made to its last position; None for one that is fetched as needed.
        """
        # The sizes one above the other, so that what a step has reached never comes from another size.
        floor = self._segment * _APART
        stop = np.maximum.accumulate(high + floor) - floor
        if whole is not None:
            stop[self.last] = whole
        done = np.concatenate([[0], stop[:-1]])
        done[self.first] = 0 if whole is not None else np.minimum(low, stop)[self.first]
        # What lies between two windows is made, though not fetched.
        first = done if whole is not None else np.maximum(done, np.minimum(low, stop))
        start = first if cached else np.minimum(low, first)
        return Span(start, stop, np.minimum(low, start))


_APART = 2**40


def _shape(network: Network, number: int, reader: int) -> Shape:
    shape = network.shape(number, reader)
    assert shape is not None  # groups have known shapes only
    return shape


def _extent(shape: Shape, axis: Axis) -> int:
    return shape.y if axis == "y" else shape.x


def _sizes(most: int) -> tuple[int, ...]:
    """The map whole, in halves, quarters and so on down to single positions."""
    return tuple(dict.fromkeys(-(-most // 2**k) for k in range(most.bit_length() + 1)))


def _reads(item: Item, place: int, axis: Axis, span: Span, given: Shape) -> Reads:
    """As `reads`, but a step that makes nothing reads nothing."""
    found = reads(item, place, axis, span.start, np.maximum(span.stop, span.start + 1), given)
    idle = span.stop == span.start
    if not idle.any():
        return found
    return Reads(
        np.where(idle, _FAR, found.start),
        np.where(idle, 0, found.stop),
        np.where(idle, 0, found.before),
        np.where(idle, 0, found.after),
    )


@dataclass(frozen=True)
class Tiling:
    """A group cut into tiles of `height` x `width` positions of its last map."""

    group: Group
    mode: Mode
    height: int
    width: int
    rows: Steps
    columns: Steps

    @property
    def tiles(self) -> int:
        """The number of tiles."""
        return self.rows.count * self.columns.count

    def area(self, number: int) -> int:
        """Positions of a map made by all tiles together."""
        return self.rows.total(number) * self.columns.total(number)


class Tilings:
    """The tilings of a group; along an axis, all sizes are worked out at once."""

    def __init__(self, network: Network, group: Group) -> None:
        self.network, self.group = network, group
        self._grids: dict[tuple[Axis, bool], AxisGrid] = {}
        last = _shape(network, group.exit, SOURCE)
        self.heights, self.widths = _sizes(last.y), _sizes(last.x)

    def tiling(self, mode: Mode, height: int, width: int) -> Tiling:
        """One tiling; the sizes are of `heights` and `widths`."""
        rows, columns = self.grids(mode)
        below, beside = rows.steps(self.heights.index(height)), columns.steps(self.widths.index(width))
        return Tiling(self.group, mode, height, width, below, beside)

    def grids(self, mode: Mode) -> tuple[AxisGrid, AxisGrid]:
        """Rows and columns under an overlap mode."""
        rows, columns = (self._grid(axis, axis in CACHED_AXES[mode]) for axis in AXES)
        return rows, columns

    def _grid(self, axis: Axis, cached: bool) -> AxisGrid:
        if (axis, cached) not in self._grids:
            self._grids[axis, cached] = AxisGrid(self.network, self.group, axis, cached)
        return self._grids[axis, cached]
