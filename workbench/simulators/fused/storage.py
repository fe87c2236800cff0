"""What a tiled group needs on chip, and the memories that hold it: maps and caches together, weights beside or apart.

All goes to the lowest memory that holds it beside what is there already. A memory that can serve a group's maps is one
for the whole array and holds both inputs and outputs, since what one layer writes the next one reads; one for weights
is for the whole array, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.problem.arch import Arch
from workbench.problem.graph import Node, WorkloadLayer
from workbench.problem.receptive import Ints
from workbench.simulators.fused.network import Group, Network
from workbench.simulators.fused.tiling import MODES, Mode, Tilings


@dataclass(frozen=True)
class Demand:
    """Bits that a tiled group needs on chip, each map sized by its largest tile.

    `alive` per item in the group's order: the maps that lie in memory while it runs. `cache_x` is kept for the tile
    beside, `cache_y` for the tiles below.
    """

    alive: tuple[int, ...]
    cache_x: int
    cache_y: int
    weights: int

    @property
    def tiles(self) -> int:
        """The most that is alive at once."""
        return max(self.alive)

    @property
    def caches(self) -> int:
        """Both caches."""
        return self.cache_x + self.cache_y


@dataclass(frozen=True)
class Placement:
    """The memory of a group's maps and caches and that of its weights (None: streamed), and the bits in each."""

    maps: int
    weights: int | None
    demand: Demand
    double_buffered: bool
    """Whether what one tile fetches and stores has room twice: the next one comes while one is worked on."""

    def occupied(self, memory: int) -> dict[str, int]:
        """Bits of a memory by what they are for."""
        found: dict[str, int] = {}
        if memory == self.maps:
            found |= {"tiles": self.demand.tiles, "caches": self.demand.caches}
        if memory == self.weights:
            found["weights"] = self.demand.weights
        return found


@dataclass(frozen=True)
class Needs:
    """Bits that a group needs on chip, for every overlap mode (in the order of `MODES`), tile height and width
    (o, h, w); names as in `Demand`.
    """

    alive: tuple[Ints, ...]
    cache_x: Ints
    cache_y: Ints
    copied: Ints
    """What one tile fetches and stores."""

    def at(self, mode: Mode, row: int, column: int, weights: int) -> Demand:
        """Of one tile size, by its places among heights and widths."""
        place = MODES.index(mode), row, column
        return Demand(
            tuple(int(bits[place]) for bits in self.alive), int(self.cache_x[place]), int(self.cache_y[place]), weights
        )


class Footprints:
    """Bits of maps and of what is kept of them, for every mode and tile size (o, h, w). Groups with the same exit share
    those of their inner maps.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, bool], tuple[Ints, Ints, Ints]] = {}

    def of(self, tilings: Tilings, number: int) -> tuple[Ints, Ints, Ints]:
        """The largest tile; the columns of the tile before that are read again; the rows of those above.

        What both of the latter would hold is the rows' alone.
        """
        group = tilings.group
        key = group.exit, number, number == group.entry
        if key not in self._known:
            each = tilings.network.position_bits(group, number)
            rows, columns = tilings.every("y"), tilings.every("x")
            down, across = [grid.span(number) for grid in rows], [grid.span(number) for grid in columns]
            high = np.array([span.most_made for span in down])[:, :, None] * each
            wide = np.array([grid.widest(number) for grid in columns])[:, None, :] * each
            size = high * np.array([span.most_made for span in across])[:, None, :]
            beside = high * np.array([span.most_kept for span in across])[:, None, :]
            self._known[key] = size, beside, np.array([span.most_kept for span in down])[:, :, None] * wide
        return self._known[key]


def needs_of(tilings: Tilings, staged: frozenset[int], footprints: Footprints) -> Needs:
    """What a group needs at every tile size. `staged` are the entry or the exit, where their tiles are copied from or
    to DRAM; else they stream between DRAM and the array, and take no room of their own.
    """
    group = tilings.group
    of_maps = {number: footprints.of(tilings, number) for number in (group.entry, *group.items)}
    none = np.zeros_like(of_maps[group.exit][0])
    held = {number: size for number, (size, _, _) in of_maps.items()}
    held |= dict.fromkeys({group.entry, group.exit} - staged, none)
    again = [kept for number, (_, *kept) in of_maps.items() if number != group.exit]
    copied = sum((held[number] for number in staged), none)
    beside, below = (sum(kept, none) for kept in zip(*again, strict=True))
    return Needs(_alive(tilings.network, group, held), beside, below, copied)


def _alive(network: Network, group: Group, held: dict[int, Ints]) -> tuple[Ints, ...]:
    """What lies in memory while each item runs."""
    alive = []
    lying = {group.entry: held[group.entry]}
    left = {number: len(network.readers[number]) for number in group.items[:-1]} | {group.exit: 0}
    left[group.entry] = sum(group.entry in network.producers[i] for i in group.items)
    for number in group.items:
        item, own = network.items[number], held[number]
        # What a layer makes may lie there as partial sums before it is finished.
        if isinstance(item, WorkloadLayer) and item.layer.partial_bits > item.layer.output_bits:
            own = own * item.layer.partial_bits // item.layer.output_bits
        read = set(network.producers[number])
        for producer in read:
            left[producer] -= 1
        if isinstance(item, Node) and item.op in ("add", "mul", "activation"):
            for producer in read:  # value by value: it is written over what nobody reads again
                own = own if left[producer] else np.minimum(own, np.maximum(held[number] - lying[producer], 0))
        alive.append(sum(lying.values(), own))
        lying[number] = held[number]
        for other in [other for other in lying if not left[other] and other != group.exit]:
            del lying[other]
    return tuple(alive)


def weight_bits(network: Network, group: Group) -> int:
    """Bits of all weights of a group."""
    items = (network.items[i] for i in group.items)
    return sum(item.layer.elements("W") * item.layer.weight_bits for item in items if isinstance(item, WorkloadLayer))


@dataclass(frozen=True)
class Homes:
    """The memories on chip that can hold a group's maps and those for its weights, innermost first; all sizes."""

    maps: tuple[int, ...]
    weights: tuple[int, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, arch: Arch) -> Homes:
        """Those of an architecture."""
        return cls(_homes(arch, "I", "O"), _homes(arch, "W"), tuple(memory.size_bits for memory in arch.memories))


def _homes(arch: Arch, *operands: str) -> tuple[int, ...]:
    """The memories on chip that serve the whole array and hold these operands, innermost first."""
    return tuple(
        m
        for m, memory in enumerate(arch.memories[:-1])
        if set(operands) <= set(memory.operands) and set(memory.shared_over) == set(arch.array_size)
    )


NOWHERE = -1


@dataclass(frozen=True)
class Places:
    """Where a group lies under every mode and at every tile size, [o][h][w]: the lowest memories that hold it.

    `maps` and `weights` are numbers of memories, `NOWHERE` where none of them does or weights stream; `doubled` says
    whether what one tile fetches and stores has room twice.
    """

    maps: list[list[list[int]]]
    weights: list[list[list[int]]]
    doubled: list[list[list[bool]]]


def places_of(homes: Homes, needs: Needs, weights: int, resident: bool) -> Places:
    """The places of a group with weights of so many bits, which stay on chip (`resident`) or stream."""
    held = np.maximum.reduce(needs.alive) + needs.cache_x + needs.cache_y
    maps, kept = np.full_like(held, NOWHERE), np.full_like(held, NOWHERE)
    left = np.zeros_like(held)
    for m in reversed(homes.maps):
        free = homes.sizes[m] - held
        for w in reversed(homes.weights) if resident else (NOWHERE,):
            room = free - weights if w == m else free
            fits = room >= 0 if w in (m, NOWHERE) else (room >= 0) & (weights <= homes.sizes[w])
            maps, kept, left = np.where(fits, m, maps), np.where(fits, w, kept), np.where(fits, room, left)
    return Places(maps.tolist(), kept.tolist(), (needs.copied <= left).tolist())
