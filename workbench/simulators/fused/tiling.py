"""A group cut into tiles: rows by columns, which are independent, under an overlap mode.

Tile (i, j) computes the rows of row step i by the columns of column step j (`steps`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.problem.receptive import AXES, Axis
from workbench.simulators.fused.network import Group, Network
from workbench.simulators.fused.steps import AxisGrid, Backwards, StepKind

Mode = Literal["recompute", "horizontal", "cached"]
CACHED_AXES: dict[Mode, tuple[Axis, ...]] = {"recompute": (), "horizontal": ("x",), "cached": ("y", "x")}
"""What an overlap mode keeps: nothing, columns for the tile beside, or these and rows for the tiles below."""
MODES: tuple[Mode, ...] = ("recompute", "horizontal", "cached")


@dataclass(frozen=True)
class Tiling:
    """A group cut into tiles of the sizes at two places (`at`) of its grids: rows and columns of its last map."""

    group: Group
    mode: Mode
    grids: tuple[AxisGrid, AxisGrid]
    at: tuple[int, int]

    @property
    def height(self) -> int:
        """Rows of the last map in a tile."""
        return self.grids[0].sizes[self.at[0]]

    @property
    def width(self) -> int:
        """Columns of the last map in a tile."""
        return self.grids[1].sizes[self.at[1]]

    @property
    def rows(self) -> tuple[StepKind, ...]:
        """The different steps down the map."""
        return self.grids[0].kinds(self.at[0])

    @property
    def columns(self) -> tuple[StepKind, ...]:
        """The different steps across the map."""
        return self.grids[1].kinds(self.at[1])

    @property
    def tiles(self) -> int:
        """The number of tiles."""
        down, across = (grid.part(at) for grid, at in zip(self.grids, self.at, strict=True))
        return int((down.stop - down.start) * (across.stop - across.start))

    def area(self, number: int) -> int:
        """Positions of a map made by all tiles together."""
        (rows, columns), (down, across) = self.grids, self.at
        area: int = rows.span(number).total[down] * columns.span(number).total[across]
        return area

    def parts(self, number: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """What tiles make of a map: each height with how many steps make it, and each width."""
        (rows, columns), (down, across) = self.grids, self.at
        return rows.span(number).counts(down), columns.span(number).counts(across)


class Exits:
    """What is known of the tiles of a network's groups, by exit, axis and whether the axis is cached."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._known: dict[tuple[int, Axis, bool], Backwards] = {}

    def grid(self, group: Group, axis: Axis, cached: bool) -> AxisGrid:
        """A group along one axis."""
        key = group.exit, axis, cached
        if key not in self._known:
            self._known[key] = Backwards(self.network, group.exit, axis, cached)
        return AxisGrid(self._known[key], group)

    def made(self, number: int, axis: Axis) -> list[int]:
        """The different numbers of rows or columns of a map that tiles make, of all groups so far."""
        spans = (
            known.made[number] for (_, each, _), known in self._known.items() if each == axis and number in known.made
        )
        return sorted(set().union(*(np.unique(span.made).tolist() for span in spans)) - {0})


class Tilings:
    """The tilings of a group; along an axis, all sizes are worked out at once."""

    def __init__(self, exits: Exits, group: Group) -> None:
        self.network, self.group = exits.network, group
        self._grids = {(axis, cached): exits.grid(group, axis, cached) for axis in AXES for cached in (False, True)}

    def tiling(self, mode: Mode, row: int = 0, column: int = 0) -> Tiling:
        """One tiling, by the places of its height and width among the sizes; the map whole by default."""
        return Tiling(self.group, mode, self.grids(mode), (row, column))

    def grids(self, mode: Mode) -> tuple[AxisGrid, AxisGrid]:
        """Rows and columns under an overlap mode."""
        rows, columns = (self._grids[axis, axis in CACHED_AXES[mode]] for axis in AXES)
        return rows, columns

    def every(self, axis: Axis) -> list[AxisGrid]:
        """Along one axis, under each of `MODES`."""
        return [self._grids[axis, axis in CACHED_AXES[mode]] for mode in MODES]
