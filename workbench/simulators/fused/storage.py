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
from workbench.simulators.fused.tiling import AxisGrid


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
    """Bits that a group needs on chip, for every tile height and width (h, w); names as in `Demand`."""

    alive: tuple[Ints, ...]
    cache_x: Ints
    cache_y: Ints
    copied: Ints
    """What one tile fetches and stores."""

    def at(self, row: int, column: int, weights: int) -> Demand:
        """Of one tile size."""
        return Demand(
            tuple(int(bits[row, column]) for bits in self.alive),
            int(self.cache_x[row, column]),
            int(self.cache_y[row, column]),
            weights,
        )


def needs_of(network: Network, group: Group, grids: tuple[AxisGrid, AxisGrid], staged: frozenset[int]) -> Needs:
    """What a group needs at every tile size. `staged` are the entry or the exit, where their tiles are copied from or
    to DRAM; else they stream between DRAM and the array, and take no room of their own.
    """
    rows, columns = grids
    sizes = {
        number: rows.most(rows.maps[number].made)[:, None]
        * columns.most(columns.maps[number].made)
        * network.position_bits(group, number)
        for number in (group.entry, *group.items)
    }
    none = np.zeros_like(sizes[group.exit])
    held = {n: none if n in (group.entry, group.exit) and n not in staged else bits for n, bits in sizes.items()}
    cache_x, cache_y = _caches(network, group, grids)
    copied = sum((sizes[number] for number in staged), none)
    return Needs(_alive(network, group, held), cache_x + none, cache_y + none, copied)


def _alive(network: Network, group: Group, held: dict[int, Ints]) -> tuple[Ints, ...]:
    """What lies in memory while each item runs."""
    alive = []
    none = np.zeros_like(held[group.exit])
    lying = {group.entry: held[group.entry]}
    left = {number: len(network.readers[number]) for number in group.items[:-1]} | {group.exit: 0}
    left[group.entry] = sum(group.entry in network.producers[i] for i in group.items)
    for number in group.items:
        item, own = network.items[number], held[number]
        if isinstance(item, WorkloadLayer):  # may lie there as partial sums before it is finished
            own = own * max(item.layer.partial_bits, item.layer.output_bits) // item.layer.output_bits
        read = set(network.producers[number])
        for producer in read:
            left[producer] -= 1
        if isinstance(item, Node) and item.op in ("add", "mul", "activation"):
            for producer in read:  # value by value: it is written over what nobody reads again
                own = own if left[producer] else np.minimum(own, np.maximum(held[number] - lying[producer], 0))
        alive.append(sum(lying.values(), none) + own)
        lying[number] = held[number]
        for other in [other for other in lying if not left[other] and other != group.exit]:
            del lying[other]
    return tuple(alive)


def _caches(network: Network, group: Group, grids: tuple[AxisGrid, AxisGrid]) -> tuple[Ints, Ints]:
    """Bits kept between tiles: of every map that is read again, the columns of the tile before and the rows of the
    tiles above. What both would hold is the rows' alone.
    """
    rows, columns = grids
    beside = below = np.zeros((1, 1), dtype=np.int64)
    for number in (group.entry, *group.items[:-1]):
        each = network.position_bits(group, number)
        down, across = rows.maps[number], columns.maps[number]
        beside = beside + columns.most(across.kept) * rows.most(down.made)[:, None] * each
        wide = across.stop[columns.last] - across.start[columns.first]
        below = below + rows.most(down.kept)[:, None] * wide * each
    return beside, below


def weight_bits(network: Network, group: Group) -> int:
    """Bits of all weights of a group."""
    items = (network.items[i] for i in group.items)
    return sum(item.layer.elements("W") * item.layer.weight_bits for item in items if isinstance(item, WorkloadLayer))


def homes(arch: Arch, *operands: str) -> list[int]:
    """The memories on chip that serve the whole array and hold these operands, innermost first."""
    return [
        m
        for m, memory in enumerate(arch.memories[:-1])
        if set(operands) <= set(memory.operands) and set(memory.shared_over) == set(arch.array_size)
    ]


def place(arch: Arch, demand: Demand, copied: int, resident: bool) -> Placement | None:
    """The lowest memories that hold a group; None where none do. `copied` are bits of one tile fetched and stored."""
    for maps in homes(arch, "I", "O"):
        free = arch.memories[maps].size_bits - demand.tiles - demand.caches
        if free < 0:
            continue
        if not resident:
            return Placement(maps, None, demand, copied <= free)
        for weights in homes(arch, "W"):
            beside = free if weights == maps else arch.memories[weights].size_bits
            if demand.weights <= beside:
                left = free - demand.weights if weights == maps else free
                return Placement(maps, weights, demand, copied <= left)
    return None
