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
        _, first, counts = np.unique(np.stack(columns), axis=1, return_index=True, return_counts=True)
        return tuple(sorted(zip(first.tolist(), counts.tolist(), strict=True)))

    @cached_property
    def count(self) -> int:
        """The number of steps."""
        return len(next(iter(self.maps.values())).start)

    @cached_property
    def most(self) -> dict[int, tuple[int, int]]:
        """The most that a step makes and that it reads from the cache, of each map."""
        return {number: (int(span.made.max()), int(span.kept.max())) for number, span in self.maps.items()}

    def total(self, number: int) -> int:
        """Positions of a map made in all steps together, those made again included."""
        return int(self.maps[number].made.sum())


def axis_steps(network: Network, group: Group, axis: Axis, size: int, cached: bool) -> Steps:
    """The steps along an axis that make `size` positions of the group's last map each, the last perhaps fewer.

    Every map is made from its first position to its last, even where nothing reads the end of it, as without fusion.
    """
    given = _shape(network, group.exit, SOURCE)
    most = _extent(given, axis)
    starts = np.arange(0, most, size, dtype=np.int64)
    maps = {group.exit: Span(starts, np.minimum(starts + size, most), starts)}
    needs: dict[int, tuple[Ints, Ints]] = {}
    windows: dict[int, Reads] = {}
    for number in reversed(group.items):
        if number != group.exit:
            whole = _extent(_shape(network, number, SOURCE), axis)
            maps[number] = _made(*needs[number], cached, whole)
        span, item = maps[number], network.items[number]
        for place, producer in enumerate(network.producers[number]):
            read = _reads(item, place, axis, span, _shape(network, producer, number))
            if place == 0:
                windows[number] = read
            low, high = needs.get(producer, (np.full_like(starts, _FAR), np.zeros_like(starts)))
            needs[producer] = np.minimum(low, read.start), np.maximum(high, read.stop)
    maps[group.entry] = _made(*needs[group.entry], cached, None)
    return Steps(maps, windows)


def _shape(network: Network, number: int, reader: int) -> Shape:
    shape = network.shape(number, reader)
    assert shape is not None  # groups have known shapes only
    return shape


def _extent(shape: Shape, axis: Axis) -> int:
    return shape.y if axis == "y" else shape.x


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


def _made(low: Ints, high: Ints, cached: bool, whole: int | None) -> Span:
    """What each step makes of a map, of which it needs [low, high).

    `whole`: the size of a map that is made to its last position; None for one that is fetched as needed.
    """
    stop = np.maximum.accumulate(high)
    if whole is not None:
        stop[-1] = whole
    done = np.concatenate([[0 if whole is not None else min(low[0], stop[0])], stop[:-1]])
    first = done if whole is not None else np.maximum(done, np.minimum(low, stop))  # between windows: made, not fetched
    start = first if cached else np.minimum(low, first)
    return Span(start, stop, np.minimum(low, start))


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

    def largest(self, number: int) -> int:
        """The most positions of a map that a tile makes."""
        return self.rows.most[number][0] * self.columns.most[number][0]


class Tilings:
    """The tilings of a group; the steps along an axis are worked out once for each size."""

    def __init__(self, network: Network, group: Group) -> None:
        self.network, self.group = network, group
        self._steps: dict[tuple[Axis, int, bool], Steps] = {}
        last = _shape(network, group.exit, SOURCE)
        self.heights, self.widths = _sizes(last.y), _sizes(last.x)

    def tiling(self, mode: Mode, height: int, width: int) -> Tiling:
        """One tiling."""
        rows, columns = (
            self._along(axis, size, axis in CACHED_AXES[mode]) for axis, size in zip(AXES, (height, width), strict=True)
        )
        return Tiling(self.group, mode, height, width, rows, columns)

    def _along(self, axis: Axis, size: int, cached: bool) -> Steps:
        key = axis, size, cached
        if key not in self._steps:
            self._steps[key] = axis_steps(self.network, self.group, axis, size, cached)
        return self._steps[key]


def _sizes(most: int) -> tuple[int, ...]:
    """The map whole, in halves, quarters and so on down to single positions."""
    return tuple(dict.fromkeys(-(-most // 2**k) for k in range(most.bit_length() + 1)))
