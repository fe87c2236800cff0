"""The ways to run a group that are compared: tile sizes, overlap modes, weights that stay or stream.

Of the tile sizes that fit on chip (the last map whole, in halves, quarters, ... along each axis), those count that no
larger one that fits contains: a smaller tile reads more halo and streams its weights more often. They are looked for
twice, with room for one tile and with room for a second one that is copied meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator

from workbench.problem.arch import Arch
from workbench.problem.graph import WorkloadLayer
from workbench.simulators.fused.model import Candidate
from workbench.simulators.fused.network import Group, Network
from workbench.simulators.fused.storage import Demand, demand_of, homes, place, weight_bits
from workbench.simulators.fused.tiling import MODES, Mode, Tiling, Tilings


def candidates_of(arch: Arch, network: Network, group: Group) -> list[Candidate]:
    """Every candidate of a group, none where it does not fit on chip."""
    if not homes(arch, "I", "O"):
        return []
    shapes = _Shapes(network, group)
    largest = max((arch.memories[m].size_bits for m in homes(arch, "W")), default=0)
    found = {}
    for mode in MODES:
        for resident in (False, True) if weight_bits(network, group) <= largest else (False,):
            for doubled in (False, True):
                for candidate in _largest(arch, shapes, mode, resident, doubled):
                    tiling, placement = candidate.tiling, candidate.placement
                    found[tiling.mode, tiling.height, tiling.width, placement.weights is not None] = candidate
    return list(found.values())


class _Shapes:
    """Tilings of a group with what they need, each worked out once."""

    def __init__(self, network: Network, group: Group) -> None:
        self.network, self.group = network, group
        self.tilings = Tilings(network, group)
        self._known: dict[tuple[Mode, int, int], tuple[Tiling, frozenset[int], Demand, int]] = {}

    def of(self, mode: Mode, height: int, width: int) -> tuple[Tiling, frozenset[int], Demand, int]:
        """The tiling, what is staged, what it needs on chip, and the bits that one tile fetches and stores."""
        key = mode, height, width
        if key not in self._known:
            tiling = self.tilings.tiling(mode, height, width)
            staged = self._staged(tiling)
            demand = demand_of(self.network, tiling, staged)
            copied = sum(tiling.largest(n) * self.network.position_bits(self.group, n) for n in staged)
            self._known[key] = tiling, staged, demand, copied
        return self._known[key]

    def _staged(self, tiling: Tiling) -> frozenset[int]:
        """Tiles are copied. A single tile streams where one layer reads it, or a layer writes it, as without fusion."""
        group, items = self.group, self.network.items
        if tiling.tiles > 1:
            return frozenset((group.entry, group.exit))
        readers = [i for i in group.items if group.entry in self.network.producers[i]]
        streams = {group.entry} if len(readers) == 1 and isinstance(items[readers[0]], WorkloadLayer) else set()
        streams |= {group.exit} if isinstance(items[group.exit], WorkloadLayer) else set()
        return frozenset({group.entry, group.exit} - streams)


def _largest(arch: Arch, shapes: _Shapes, mode: Mode, resident: bool, doubled: bool) -> Iterator[Candidate]:
    """The tile sizes that fit and that no larger one that fits contains."""
    narrowest = 0  # a lower tile counts only where it is wider than every higher one that fits
    for height in shapes.tilings.heights:
        for width in shapes.tilings.widths:
            if width <= narrowest:
                break
            if not _distinct(shapes, mode, height, width, resident):
                continue
            tiling, staged, demand, copied = shapes.of(mode, height, width)
            placement = place(arch, demand, copied, resident)
            if placement is not None and (placement.double_buffered or not doubled or tiling.tiles == 1):
                yield Candidate(tiling, placement, staged)
                narrowest = width
                break


def _distinct(shapes: _Shapes, mode: Mode, height: int, width: int, resident: bool) -> bool:
    """Whether it differs from a candidate of a simpler mode: caches need tiles beside or below, weights that stay more
    than one tile.
    """
    below, beside = height < shapes.tilings.heights[0], width < shapes.tilings.widths[0]
    if not below and not beside:
        return mode == "recompute" and not resident
    return mode == "recompute" or (beside if mode == "horizontal" else below)
