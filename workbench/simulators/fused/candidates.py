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
from workbench.simulators.fused.network import Group
from workbench.simulators.fused.storage import Footprints, Needs, homes, needs_of, place, weight_bits
from workbench.simulators.fused.tiling import MODES, Exits, Mode, Tilings


def candidates_of(arch: Arch, exits: Exits, footprints: Footprints, group: Group) -> list[Candidate]:
    """Every candidate of a group, none where it does not fit on chip."""
    if not homes(arch, "I", "O"):
        return []
    shapes = _Shapes(Tilings(exits, group), footprints)
    largest = max((arch.memories[m].size_bits for m in homes(arch, "W")), default=0)
    found = {}
    for mode in MODES:
        for resident in (False, True) if shapes.weights <= largest else (False,):
            for doubled in (False, True):
                for candidate in _largest(arch, shapes, mode, resident, doubled):
                    tiling, placement = candidate.tiling, candidate.placement
                    found[tiling.mode, tiling.at, placement.weights is not None] = candidate
    return list(found.values())


class _Shapes:
    """Tilings of a group and what they need."""

    def __init__(self, tilings: Tilings, footprints: Footprints) -> None:
        self.footprints = footprints
        self.tilings, self.network, self.group = tilings, tilings.network, tilings.group
        self.weights = weight_bits(self.network, self.group)
        self._known: dict[frozenset[int], Needs] = {}

    def needs(self, staged: frozenset[int]) -> Needs:
        """Under every mode and at every tile size."""
        if staged not in self._known:
            self._known[staged] = needs_of(self.tilings, staged, self.footprints)
        return self._known[staged]

    def candidate(self, arch: Arch, mode: Mode, row: int, column: int, resident: bool) -> Candidate | None:
        """One tile size, by its places among heights and widths; None where it does not fit."""
        staged = self._staged(tiled=row > 0 or column > 0)
        needs = self.needs(staged)
        demand = needs.at(mode, row, column, self.weights)
        placement = place(arch, demand, int(needs.copied[MODES.index(mode), row, column]), resident)
        return None if placement is None else Candidate(self.tilings.tiling(mode, row, column), placement, staged)

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
    tiled = shapes.needs(frozenset((shapes.group.entry, shapes.group.exit)))
    needed = np.maximum.reduce(tiled.alive) + tiled.cache_x + tiled.cache_y + (tiled.copied if doubled else 0)
    fits = (needed[MODES.index(mode)] <= room).tolist()
    end = len(fits[0])  # a lower tile counts only where it is wider than every higher one that fits
    for row in range(len(fits)):
        for column in range(end):
            whole = row == column == 0
            if not _distinct(mode, row, column, resident) or (not whole and not fits[row][column]):
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
