"""What designs of one topology share: places where operands are held, and the links that move them.

A place is one operand at one memory level. A spot is what lies below a link: the array itself, or a place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workbench.problem.arch import Arch, Direction
from workbench.problem.layer import LOOP_DIMS
from workbench.simulators.loopnest.orders import OPERANDS, RELEVANT, Bools, Ints


@dataclass(frozen=True)
class Place:
    """One operand at one memory; `spot` numbers what it holds, `spot - 1` what it exchanges data with below."""

    operand: str
    level: int
    memory: int
    spot: int
    last: bool
    serves: tuple[str, ...]  # array dimensions that no level below serves


@dataclass(frozen=True)
class Link:
    """Traffic of one operand through one port of one memory."""

    place: int
    direction: Direction
    spot: int
    port: int
    partial_only: bool  # partial sums that come back; finished outputs do not

    @property
    def low(self) -> bool:
        """Whether the other end is the level below (or the array)."""
        return self.direction in ("to_low", "from_low")

    @property
    def reads(self) -> bool:
        """Whether the memory is read."""
        return self.direction in ("to_low", "to_high")


@dataclass(frozen=True)
class Shape:
    """Places (p), spots (g), links (l) and ports (q) of a topology, and the same as arrays."""

    systolic: tuple[str, ...]
    operands_of: tuple[tuple[int, ...], ...]  # memory -> its places
    places: tuple[Place, ...]
    links: tuple[Link, ...]
    port_links: Ints  # (c, q): the links of each port, the number of links where there are fewer
    by_port: Ints  # (l,): the links, port after port
    port_start: Ints  # (q + 1,): where a port's links begin in `by_port`
    pairs: dict[str, list[tuple[int, int]]]  # operand -> the two ends of each step between levels (lower, upper)
    port_spot: Ints  # (c, q): `link_spot` of these links, 0 where there are fewer
    port_inner: Ints  # (c, q): `link_inner` of these links, 0 where there are fewer
    link_slot: Ints  # (l,): where a link stands in `port_links`, both axes as one
    inputs_share: Bools  # (q,): whether a port serves both inputs
    spots: int
    array_spots: dict[str, int]  # operand -> the spot of the array

    place_operand: Ints  # (p,) number in OPERANDS
    place_spot: Ints  # (p,)
    place_memory: Ints  # (p,)
    place_last: Bools  # (p,)
    place_first: Bools  # (p,) whether no level of the operand is below
    place_index: Bools  # (p, 8) whether a loop indexes the operand (`LOOP_DIMS`)
    memory_places: Ints  # (m, 3) `operands_of`, -1 where a memory holds fewer
    array_spot: Ints  # (3,) `array_spots` in the order of OPERANDS
    pair_links: Ints  # (k, 2) `pairs` one operand after another
    pair_sharing: Ints  # (k,) how many of the two links are on a port that serves both inputs
    pair_start: Ints  # (4,) where an operand's pairs begin
    spot_operand: Ints  # (g,)
    link_spot: Ints  # (l,)
    link_place: Ints  # (l,)
    link_port: Ints  # (l,)
    link_memory: Ints  # (l,)
    link_low: Bools  # (l,)
    link_reads: Bools  # (l,)
    link_operand: Ints  # (l,) number in OPERANDS
    link_partial: Bools  # (l,)
    link_inner: Ints  # (l,) the spot of the innermost level of a link's operand

    @property
    def memories(self) -> int:
        """How many memories there are."""
        return len(self.operands_of)

    def of(self, operand: str) -> list[int]:
        """An operand's places, innermost first."""
        return [p for p, place in enumerate(self.places) if place.operand == operand]


def topology(arch: Arch) -> tuple[object, ...]:
    """What must be equal for designs to share a shape: everything but sizes, widths and costs."""
    return (
        tuple(dim for dim, _ in arch.array),
        arch.systolic,
        tuple((m.operands, m.shared_over, tuple(p.kind for p in m.ports)) for m in arch.memories),
    )


def shape_of(arch: Arch) -> Shape:
    """The shape of an architecture."""
    return _shape(topology(arch), _Key(arch))


class _Key:
    """Carries an architecture past a cache that goes by topology alone."""

    def __init__(self, arch: Arch) -> None:
        self.arch = arch

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=64)
def _shape(_: tuple[object, ...], key: _Key) -> Shape:
    arch = key.arch
    places: list[Place] = []
    array_spots: dict[str, int] = {}
    spot = 0
    for operand in OPERANDS:
        array_spots[operand] = spot
        served: set[str] = set()
        levels = arch.levels(operand)
        for level, memory in enumerate(levels):
            spot += 1
            new = tuple(dim for dim in arch.memories[memory].shared_over if dim not in served)
            served.update(new)
            places.append(Place(operand, level, memory, spot, level == len(levels) - 1, new))
        spot += 1
    ports = tuple((m, q) for m, memory in enumerate(arch.memories) for q in range(len(memory.ports)))
    links = tuple(link for p, place in enumerate(places) for link in _links(arch, p, place, ports))
    links_of = [[i for i, link in enumerate(links) if link.port == q] for q in range(len(ports))]
    most = max(map(len, links_of))
    port_links = np.array([found + [len(links)] * (most - len(found)) for found in links_of]).T
    sharing = [{places[links[i].place].operand for i in found} >= {"W", "I"} for found in links_of]
    pairs = {operand: _pairs(operand, places, links) for operand in OPERANDS}
    operands_of = tuple(
        tuple(p for p, place in enumerate(places) if place.memory == m) for m in range(len(arch.memories))
    )
    spot_operand = np.zeros(spot, dtype=np.int64)
    for number, operand in enumerate(OPERANDS):
        spot_operand[array_spots[operand] :] = number
    link_spot = np.array([link.spot for link in links])
    link_inner = np.array([array_spots[places[link.place].operand] + 1 for link in links])
    return Shape(
        systolic=arch.systolic,
        operands_of=operands_of,
        places=tuple(places),
        links=links,
        port_links=port_links,
        port_spot=np.append(link_spot, 0)[port_links],
        port_inner=np.append(link_inner, 0)[port_links],
        link_slot=port_links.ravel().argsort(kind="stable")[: len(links)],
        by_port=np.array([i for found in links_of for i in found]),
        port_start=np.cumsum([0, *map(len, links_of)]),
        pairs=pairs,
        inputs_share=np.array(sharing),
        spots=spot,
        array_spots=array_spots,
        place_operand=np.array([OPERANDS.index(place.operand) for place in places]),
        place_spot=np.array([place.spot for place in places]),
        place_memory=np.array([place.memory for place in places]),
        place_last=np.array([place.last for place in places]),
        place_first=np.array([place.level == 0 for place in places]),
        place_index=np.array([[dim in RELEVANT[place.operand] for dim in LOOP_DIMS] for place in places]),
        memory_places=np.array([[*found, *[-1] * (3 - len(found))] for found in operands_of]),
        array_spot=np.array([array_spots[operand] for operand in OPERANDS]),
        pair_links=np.array([pair for found in pairs.values() for pair in found], dtype=np.int64).reshape(-1, 2),
        pair_sharing=np.array(
            [sum(sharing[links[i].port] for i in pair) for found in pairs.values() for pair in found]
        ),
        pair_start=np.cumsum([0, *map(len, pairs.values())]),
        spot_operand=spot_operand,
        link_spot=link_spot,
        link_place=np.array([link.place for link in links]),
        link_port=np.array([link.port for link in links]),
        link_memory=np.array([places[link.place].memory for link in links]),
        link_low=np.array([link.low for link in links]),
        link_reads=np.array([link.reads for link in links]),
        link_operand=np.array([OPERANDS.index(places[link.place].operand) for link in links]),
        link_partial=np.array([link.partial_only for link in links]),
        link_inner=link_inner,
    )


def _pairs(operand: str, places: list[Place], links: tuple[Link, ...]) -> list[tuple[int, int]]:
    """The transfers between neighbouring levels of an operand: (link of the lower level, link of the upper)."""
    mine = [i for i, link in enumerate(links) if places[link.place].operand == operand and not link.partial_only]
    upper = [i for i in mine if links[i].low][1:]
    lower = [i for i in mine if not links[i].low]
    return list(zip(lower, upper, strict=True))


def _links(arch: Arch, p: int, place: Place, ports: tuple[tuple[int, int], ...]) -> list[Link]:
    """The transfers of one place: with the level below, and with the level above unless it is the last."""

    def link(direction: Direction, *, high: bool = False, partial_only: bool = False) -> Link:
        port = arch.memories[place.memory].port_of(place.operand, direction)
        spot = place.spot if high else place.spot - 1
        return Link(p, direction, spot, ports.index((place.memory, port)), partial_only)

    if place.operand == "O":
        low = [link("from_low"), link("to_low", partial_only=True)]
        high = [link("to_high", high=True), link("from_high", high=True, partial_only=True)]
    else:
        low = [link("to_low")]
        high = [link("from_high", high=True)]
    return low if place.last else low + high
