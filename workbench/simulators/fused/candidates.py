"""The ways to run a group that are compared: tile sizes, overlap modes, weights that stay or stream.

Of the tile sizes that fit on chip (the last map whole, in halves, quarters, ... along each axis), those count that no
larger one that fits contains: a smaller tile reads more halo and streams its weights more often. They are looked for
twice, with room for one tile and with room for a second one that is copied meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator

from workbench.problem.graph import WorkloadLayer
from workbench.simulators.fused.network import Network
from workbench.simulators.fused.storage import (
    NOWHERE,
    Footprints,
    Homes,
    Needs,
    Placement,
    Places,
    needs_of,
    places_of,
    weight_bits,
)
from workbench.simulators.fused.tiling import MODES, Exits, Mode, Tilings
from workbench.simulators.fused.work import Candidate


class Shapes:
    """Tilings of a group and what they need, whatever the architecture."""

    def __init__(self, tilings: Tilings, footprints: Footprints) -> None:
        self.footprints = footprints
        self.tilings, self.network, self.group = tilings, tilings.network, tilings.group
        self.weights = weight_bits(self.network, self.group)
        self._staged = {tiled: self._staged_of(tiled) for tiled in (False, True)}
        self._needs: dict[frozenset[int], Needs] = {}

    def needs(self, tiled: bool) -> Needs:
        """Under every mode and at every tile size, of tiles or of the whole."""
        staged = self._staged[tiled]
        if staged not in self._needs:
            self._needs[staged] = needs_of(self.tilings, staged, self.footprints)
        return self._needs[staged]

    def staged(self, tiled: bool) -> frozenset[int]:
        """Which of entry and exit are copied."""
        return self._staged[tiled]

    def _staged_of(self, tiled: bool) -> frozenset[int]:
        """Tiles are copied. A single tile streams where one layer reads it, or a layer writes it, as without fusion."""
        group, items = self.group, self.network.items
        if tiled:
            return frozenset((group.entry, group.exit))
        readers = [i for i in group.items if group.entry in self.network.producers[i]]
        streams = {group.entry} if len(readers) == 1 and isinstance(items[readers[0]], WorkloadLayer) else set()
        streams |= {group.exit} if isinstance(items[group.exit], WorkloadLayer) else set()
        return frozenset({group.entry, group.exit} - streams)


class Fusible:
    """A network's groups with all that is known of them whatever the architecture."""

    def __init__(self, network: Network) -> None:
        self.network, self.exits, footprints = network, Exits(network), Footprints()
        self.groups = [Shapes(Tilings(self.exits, group), footprints) for group in network.groups()]


def candidates_of(homes: Homes, shapes: Shapes) -> list[Candidate]:
    """Every candidate of a group, none where it does not fit on chip."""
    if not homes.maps:
        return []
    placed = _Placed(homes, shapes)
    largest = max((homes.sizes[m] for m in homes.weights), default=0)
    found: dict[tuple[Mode, int, int, bool], None] = {}
    for mode in MODES:
        for resident in (False, True) if shapes.weights <= largest else (False,):
            for doubled in (False, True):
                for row, column in _largest(placed, mode, resident, doubled):
                    found[mode, row, column, resident] = None
    return [placed.candidate(*which) for which in found]


class _Placed:
    """Where a group lies at every tile size."""

    def __init__(self, homes: Homes, shapes: Shapes) -> None:
        self.homes, self.shapes = homes, shapes
        self._known: dict[tuple[bool, bool], Places] = {}

    def places(self, tiled: bool, resident: bool) -> Places:
        """As tiles or as the whole, weights staying on chip or streaming."""
        if (tiled, resident) not in self._known:
            found = places_of(self.homes, self.shapes.needs(tiled), self.shapes.weights, resident)
            self._known[tiled, resident] = found
        return self._known[tiled, resident]

    def candidate(self, mode: Mode, row: int, column: int, resident: bool) -> Candidate:
        """One tile size that fits, by its places among heights and widths."""
        shapes, tiled, o = self.shapes, row > 0 or column > 0, MODES.index(mode)
        places, demand = self.places(tiled, resident), shapes.needs(tiled).at(mode, row, column, shapes.weights)
        weights = places.weights[o][row][column] if resident else None
        placement = Placement(places.maps[o][row][column], weights, demand, places.doubled[o][row][column])
        return Candidate(shapes.tilings.tiling(mode, row, column), placement, shapes.staged(tiled))


def _largest(placed: _Placed, mode: Mode, resident: bool, doubled: bool) -> Iterator[tuple[int, int]]:
    """The tile sizes that fit, with room for two of what is copied where `doubled`, and that no larger one that fits
    contains; by their places among heights and widths.
    """
    o = MODES.index(mode)
    tiles = placed.places(True, resident)
    end = len(tiles.maps[o][0])  # a lower tile counts only where it is wider than every higher one that fits
    for row in range(len(tiles.maps[o])):
        for column in range(end):
            whole = row == column == 0
            at = placed.places(False, resident) if whole else tiles
            fits = at.maps[o][row][column] != NOWHERE and (whole or not doubled or at.doubled[o][row][column])
            if fits and _distinct(mode, row, column, resident):
                yield row, column
                end = column
                break


def _distinct(mode: Mode, row: int, column: int, resident: bool) -> bool:
    """Whether it differs from a candidate of a simpler mode: caches need tiles beside or below, weights that stay more
    than one tile.
    """
    if row == column == 0:
        return mode == "recompute" and not resident
    return mode == "recompute" or (column > 0 if mode == "horizontal" else row > 0)
