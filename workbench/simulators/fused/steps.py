"""A group's tiles along one axis: what each step makes of every map, from the last map back to the first.

Along a cached axis a step computes what no earlier one has, and takes the rest of what it reads from the cache; along
any other it computes all that it reads (DeFiNES, modes (0,0), (1,0) and (1,1)).

What a tile of the last map needs of a map before it depends on what lies between the two alone. So groups with the same
exit share it: it is worked out once for each exit, axis and kind, for all tile sizes at once (`Backwards`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from workbench.problem.graph import Item, Shape
from workbench.problem.receptive import Axis, Ints, Reads, reads
from workbench.simulators.fused.network import SOURCE, Group, Network

_FAR = np.int64(2**62)
_APART = 2**40


@dataclass(frozen=True)
class Span:
    """One map along one axis, for each step (t,): what is made (or fetched), and what is read of it in all.

    Steps of all tile sizes (s,) may stand one after the other; `begins` (s,) says where each size's do.
    """

    start: Ints
    stop: Ints
    needed: Ints  # the first position that a reader reads
    begins: Ints
    _counts: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    @cached_property
    def made(self) -> Ints:
        """(t,): positions that the step makes."""
        found: Ints = self.stop - self.start
        return found

    @cached_property
    def kept(self) -> Ints:
        """(t,): positions of earlier steps that this one reads from the cache."""
        found: Ints = np.maximum(self.start - np.minimum(self.needed, self.start), 0)
        return found

    @cached_property
    def most_made(self) -> Ints:
        """(s,): the most that a step makes."""
        found: Ints = np.maximum.reduceat(self.made, self.begins)
        return found

    @cached_property
    def most_kept(self) -> Ints:
        """(s,): the most that a step reads from the cache."""
        found: Ints = np.maximum.reduceat(self.kept, self.begins)
        return found

    @cached_property
    def total(self) -> list[int]:
        """(s,): positions made in all steps together, those made again included."""
        found: list[int] = np.add.reduceat(self.made, self.begins).tolist()
        return found

    def counts(self, at: int) -> list[tuple[int, int]]:
        """(positions made, by how many steps) of one size, without the steps that make nothing."""
        if at not in self._counts:
            end = self.begins[at + 1] if at + 1 < len(self.begins) else len(self.start)
            found = Counter(self.made[self.begins[at] : end].tolist())
            self._counts[at] = [(made, steps) for made, steps in found.items() if made]
        return self._counts[at]


@dataclass(frozen=True)
class StepKind:
    """Steps that make, read and pad alike: how many there are, what each makes of every map, and the padding before and
    after that every item sees.
    """

    times: int
    made: dict[int, int]
    padding: dict[int, tuple[int, int]]


@dataclass(frozen=True)
class Steps:
    """A group along one axis, for steps (t,) of one size or of several, one behind the other: `maps` by item (`SOURCE`:
    the network's input), `windows` what each item reads first.
    """

    maps: dict[int, Span]
    windows: dict[int, Reads]

    @cached_property
    def _made(self) -> Ints:
        return np.stack([span.made for span in self.maps.values()])

    @cached_property
    def _padding(self) -> Ints:
        windows = self.windows.values()
        return np.stack([[window.before for window in windows], [window.after for window in windows]])

    @cached_property
    def _alike(self) -> Ints:
        """(t, ...): what steps of one kind have in common."""
        kept = [span.kept for span in self.maps.values()]
        read = [np.maximum(window.stop - window.start, 0) for window in self.windows.values()]
        return np.concatenate([self._made, kept, read, *self._padding]).T.copy()

    def kinds(self, part: slice) -> tuple[StepKind, ...]:
        """The different steps of a part."""
        found: dict[bytes, list[int]] = {}
        for step, like in enumerate(self._alike[part], start=part.start):
            found.setdefault(like.tobytes(), []).append(step)
        kinds = []
        for steps in found.values():
            made = dict(zip(self.maps, self._made[:, steps[0]].tolist(), strict=True))
            padding = map(tuple, self._padding[:, :, steps[0]].T.tolist())
            kinds.append(StepKind(len(steps), made, dict(zip(self.windows, padding, strict=True))))
        return tuple(kinds)


class Backwards:
    """What the tiles of one exit make of the maps before it along one axis, for every tile size.

    Every map is made from its first position to its last, even where nothing reads the end of it, as without fusion;
    a group's entry is fetched as needed.
    """

    def __init__(self, network: Network, last: int, axis: Axis, cached: bool) -> None:
        self.network, self.axis, self.cached = network, axis, cached
        most = _extent(_shape(network, last, SOURCE), axis)
        self.sizes = sizes_of(most)
        each = [np.arange(0, most, size, dtype=np.int64) for size in self.sizes]
        self.begins = np.cumsum([0, *map(len, each[:-1])])
        self.ends = self.begins + [len(starts) - 1 for starts in each]
        starts = np.concatenate(each)
        stops = np.concatenate([np.minimum(begin + size, most) for begin, size in zip(each, self.sizes, strict=True)])
        self._segment = np.repeat(np.arange(len(each)), [len(starts) for starts in each])
        self.made = {last: Span(starts, stops, starts, self.begins)}
        self.fetched: dict[int, Span] = {}
        self.windows: dict[int, Reads] = {}
        self._needs: dict[int, tuple[Ints, Ints]] = {}

    def reach(self, group: Group) -> None:
        """Works out what is not known yet of a group with this exit.

        All that reads an item inside is inside, and whatever reads the entry on the way to this exit is: so by the time
        an item's turn comes, all has been worked out that needs it, whatever groups came before.
        """
        for number in reversed(group.items):
            if number not in self.windows:
                self._read(number)
        if group.entry not in self.fetched:
            self.fetched[group.entry] = self._span(*self._needs[group.entry], None)

    def _read(self, number: int) -> None:
        network, item = self.network, self.network.items[number]
        if number not in self.made:
            whole = _extent(_shape(network, number, SOURCE), self.axis)
            self.made[number] = self._span(*self._needs[number], whole)
        for place, producer in enumerate(network.producers[number]):
            read = _reads(item, place, self.axis, self.made[number], _shape(network, producer, number))
            if place == 0:
                self.windows[number] = read
            low, high = self._needs.get(producer, (read.start, read.stop))
            self._needs[producer] = np.minimum(low, read.start), np.maximum(high, read.stop)

    def _span(self, low: Ints, high: Ints, whole: int | None) -> Span:
        """What each step makes of a map, of which it needs [low, high).

        `whole`: the size of a map that is made to its last position; None for one that is fetched as needed.
        """
        # The sizes one above the other, so that what a step has reached never comes from another size.
        floor = self._segment * _APART
        stop = np.maximum.accumulate(high + floor) - floor
        if whole is not None:
            stop[self.ends] = whole
        done = np.concatenate([[0], stop[:-1]])
        done[self.begins] = 0 if whole is not None else np.minimum(low, stop)[self.begins]
        # What lies between two windows is made, though not fetched.
        first = done if whole is not None else np.maximum(done, np.minimum(low, stop))
        start = first if self.cached else np.minimum(low, first)
        return Span(start, stop, np.minimum(low, start), self.begins)


class AxisGrid:
    """A group along one axis, for every tile size there."""

    def __init__(self, backwards: Backwards, group: Group) -> None:
        backwards.reach(group)
        self._backwards, self._group = backwards, group
        self.sizes = backwards.sizes
        self._kinds: dict[int, tuple[StepKind, ...]] = {}

    def span(self, number: int) -> Span:
        """A map of the group."""
        return self._backwards.fetched[number] if number == self._group.entry else self._backwards.made[number]

    @cached_property
    def steps(self) -> Steps:
        """Those of all sizes."""
        inside = self._group.items[::-1]
        maps = {number: self.span(number) for number in (*inside, self._group.entry)}
        return Steps(maps, {number: self._backwards.windows[number] for number in inside})

    def part(self, at: int) -> slice:
        """Where the steps of one size are."""
        return slice(int(self._backwards.begins[at]), int(self._backwards.ends[at]) + 1)

    def kinds(self, at: int) -> tuple[StepKind, ...]:
        """The different steps of one size."""
        if at not in self._kinds:
            self._kinds[at] = self.steps.kinds(self.part(at))
        return self._kinds[at]

    def widest(self, number: int) -> Ints:
        """(s,): from the first position that any step makes of a map to the last."""
        span, backwards = self.span(number), self._backwards
        found: Ints = span.stop[backwards.ends] - span.start[backwards.begins]
        return found


def _shape(network: Network, number: int, reader: int) -> Shape:
    shape = network.shape(number, reader)
    assert shape is not None  # groups have known shapes only
    return shape


def _extent(shape: Shape, axis: Axis) -> int:
    return shape.y if axis == "y" else shape.x


def sizes_of(most: int) -> tuple[int, ...]:
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
