"""The ways to run a group that are compared: tile sizes, overlap modes, weights that stay or stream.

Of the tile sizes that fit on chip (the last map whole, in halves, quarters, ... along each axis), those count that no
larger one that fits contains: a smaller tile reads more halo and streams its weights more often. They are looked for
twice, with room for one tile and with room for a second one that is copied meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workbench.problem.arch import Arch
from workbench.problem.graph import WorkloadLayer
from workbench.simulators.fused.model import Candidate
from workbench.simulators.fused.network import Group, Network
from workbench.simulators.fused.storage import Needs, homes, needs_of, place, weight_bits
from workbench.simulators.fused.tiling import MODES, Mode, Tilings


def candidates_of(arch: Arch, network: Network, group: Group) -> list[Candidate]:
    """Every candidate of a group, none where it does not fit on chip."""
    if not homes(arch, "I", "O"):
        return []
    shapes = _Shapes(network, group)
    largest = max((arch.memories[m].size_bits for m in homes(arch, "W")), default=0)
    found = {}
    for mode in MODES:
        for resident in (False, True) if shapes.weights <= largest else (False,):
            for doubled in (False, True):
                for candidate in _largest(arch, shapes, mode, resident, doubled):
                    tiling, placement = candidate.tiling, candidate.placement
                    found[tiling.mode, tiling.height, tiling.width, placement.weights is not None] = candidate
    return list(found.values())


class _Shapes:
    """Tilings of a group and what they need, each overlap mode worked out once for all tile sizes."""

    def __init__(self, network: Network, group: Group) -> None:
        self.network, self.group = network, group
        self.tilings = Tilings(network, group)
        self.weights = weight_bits(network, group)
        self._known: dict[tuple[Mode, frozenset[int]], Needs] = {}

    def needs(self, mode: Mode, staged: frozenset[int]) -> Needs:
        """At every tile size."""
        key = mode, staged
        if key not in self._known:
            self._known[key] = needs_of(self.network, self.group, self.tilings.grids(mode), staged)
        return self._known[key]

    def candidate(self, arch: Arch, mode: Mode, row: int, column: int, resident: bool) -> Candidate | None:
        """One tile size, by its places among heights and widths; None where it does not fit."""
        staged = self._staged(tiled=row > 0 or column > 0)
        needs = self.needs(mode, staged)
        demand = needs.at(row, column, self.weights)
        placement = place(arch, demand, int(needs.copied[row, column]), resident)
        if placement is None:
            return None
        tiling = self.tilings.tiling(mode, self.tilings.heights[row], self.tilings.widths[column])
        return Candidate(tiling, placement, staged)

    def _staged(self, tiled: bool) -> frozenset[int]:
        """Tiles are copied. A single tile streams where one layer reads it, or a layer writes it, as without fusion."""
        group, items = self.group, self.network.items
        if tiled:
            return frozenset((group.entry, group.exit))
        readers = [i for i in group.items if group.entry in self.network.producers[i]]
        streams = {group.entry} if len(readers) == 1 and isinstance(items[readers[0]], WorkloadLayer) else set()
        streams |= {group.exit} if isinstance(items[group.exit], WorkloadLayer) else set()
        return frozenset({group.entry, group.exit} - streams)


def _largest(arch: Arch, shapes: _Shapes, mode: Mode, resident: bool, doubled: bool) -> Iterator[Candidate]:
    """The tile sizes that fit and that no larger one that fits contains."""
    room = max(arch.memories[m].size_bits for m in homes(arch, "I", "O"))
    tiled = shapes.needs(mode, frozenset((shapes.group.entry, shapes.group.exit)))
    needed = np.maximum.reduce(tiled.alive) + tiled.cache_x + tiled.cache_y + (tiled.copied if doubled else 0)
    rows, columns = len(shapes.tilings.heights), len(shapes.tilings.widths)
    end = columns  # a lower tile counts only where it is wider than every higher one that fits
    for row in range(rows):
        for column in range(end):
            whole = row == column == 0
            if not _distinct(mode, row, column, resident) or (not whole and needed[row, column] > room):
                continue
            found = shapes.candidate(arch, mode, row, column, resident)
            if found is not None and (found.placement.double_buffered or not doubled or whole):
                yield found
                end = column
                break


def _distinct(mode: Mode, row: int, column: int, resident: bool) -> bool:
    """Whether it differs from a candidate of a simpler mode: caches need tiles beside or below, weights that stay more
    than one tile.
    """
    if row == column == 0:
        return mode == "recompute" and not resident
    return mode == "recompute" or (column > 0 if mode == "horizontal" else row > 0)
