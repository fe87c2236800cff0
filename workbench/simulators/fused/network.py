"""A workload as what groups are cut from: items by number, producers, readers, and the groups there can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from workbench.problem.graph import Item, Shape, WorkloadLayer
from workbench.problem.workload import Workload

SOURCE = -1
"""Stands for the network's input where layers read it without an item that gives it."""


@dataclass(frozen=True)
class Group:
    """Items that run fused, ascending: all that lies between the map `entry` and the item `exit`, which alone is read
    outside.
    """

    entry: int
    items: tuple[int, ...]

    @property
    def exit(self) -> int:
        """The item whose map leaves the group."""
        return self.items[-1]

    @cached_property
    def mask(self) -> int:
        """The items as bits."""
        return sum(1 << i for i in self.items)


class Network:
    """Items in an order that finishes a branch before it begins the next; each after its producers."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        ordered = _depth_first(workload)
        self.items: tuple[Item, ...] = tuple(ordered)
        numbers = {item.name: i for i, item in enumerate(self.items)}
        self.producers = tuple(tuple(numbers[name] for name in item.after) or _root(item) for item in self.items)
        readers: list[list[int]] = [[] for _ in self.items]
        for i, producers in enumerate(self.producers):
            for p in producers:
                if p != SOURCE and i not in readers[p]:
                    readers[p].append(i)
        self.readers = tuple(map(tuple, readers))
        self.bits = self._value_bits()
        self._source_bits: dict[int, int] = {}

    def shape(self, number: int, reader: int) -> Shape | None:
        """The map that an item gives; of the network's input, what the reader takes."""
        if number != SOURCE:
            return self.workload.shapes[self.items[number].name]
        item = self.items[reader]
        assert isinstance(item, WorkloadLayer)
        layer = item.layer
        return Shape(layer.size("B"), layer.size("G") * layer.size("C"), *layer.input_size)

    def position_bits(self, group: Group, number: int) -> int:
        """Bits of one position of a map, all channels and batches; the network's input is as wide as the group reads
        it.
        """
        if number != SOURCE:
            shape = self.shape(number, number)
            assert shape is not None  # groups have known shapes only
            return shape.batch * shape.channels * self.bits[number]
        if group.mask not in self._source_bits:
            readers = [i for i in group.items if SOURCE in self.producers[i]]
            shape = self.shape(SOURCE, readers[0])
            assert shape is not None
            wide = max(self.read_bits(i) for i in readers)
            self._source_bits[group.mask] = shape.batch * shape.channels * wide
        return self._source_bits[group.mask]

    def groups(self) -> Iterator[Group]:
        """Every region with a single entry and a single exit that has a layer and at least two items.

        A region with entry e and exit x is what leads to x without passing e: each of its items is read inside alone,
        so leads to x inside; and all that is read inside but e's map is of the region. So (e, x) says all of it; and
        whatever leads to x from outside passes e, so e is one of the `dominators` of x. Those one behind the other
        make ever larger regions: what may not be fused bars all further ones.
        """
        for last in range(len(self.items)):
            inside: set[int] = set()
            exit_of_step = last
            for entry in self._dominators(last):
                step = self._between(entry, exit_of_step)
                if not all(self._fusible(number, last) for number in step):
                    break
                inside |= step
                exit_of_step = entry
                if len(inside) > 1 and self._is_region(inside, last):
                    yield Group(entry, tuple(sorted(inside)))

    def _dominators(self, number: int) -> Iterator[int]:
        """What every path from where the network begins to an item passes before it, the nearest first."""
        nearest = self._nearest_dominator[number]
        while nearest is not None:
            yield nearest
            nearest = None if nearest == SOURCE else self._nearest_dominator[nearest]

    @cached_property
    def _nearest_dominator(self) -> tuple[int | None, ...]:
        """By item; None where paths to it share no item. Cooper, Harvey, Kennedy 2001: where producers' chains meet."""
        found: list[int | None] = []

        def meet(a: int | None, b: int | None) -> int | None:
            while a != b:
                if a is None or b is None:
                    return None
                a, b = (found[a] if a != SOURCE else None, b) if a > b else (a, found[b] if b != SOURCE else None)
            return a

        for producers in self.producers:
            nearest = producers[0] if producers else None
            for producer in producers[1:]:
                nearest = meet(nearest, producer)
            found.append(nearest)
        return tuple(found)

    def _between(self, entry: int, last: int) -> set[int]:
        """What leads to an item from one of its dominators, the item included."""
        inside, open_items = {last}, [last]
        while open_items:
            for producer in self.producers[open_items.pop()]:
                if producer != entry and producer not in inside:
                    inside.add(producer)
                    open_items.append(producer)
        return inside

    def _is_region(self, inside: set[int], last: int) -> bool:
        """Whether nothing of it but the last is read outside, and some of it computes."""
        alone = all(self.readers[i] and inside.issuperset(self.readers[i]) for i in inside if i != last)
        return alone and any(isinstance(self.items[i], WorkloadLayer) for i in inside)

    def _fusible(self, number: int, last: int) -> bool:
        """Reads something, of known shape, one count of repeats, and no product of two activations, whose weights would
        be a map.
        """
        item = self.items[number]
        product = not self.producers[number] or (isinstance(item, WorkloadLayer) and len(item.after) > 1)
        known = all(self.shape(p, number) is not None for p in self.producers[number])
        return not product and known and item.repeat == self.items[last].repeat

    def _value_bits(self) -> tuple[int, ...]:
        """Bits of one value of each item's map: as a layer writes it, else as producers or first readers have it."""
        found: list[int] = []
        for i, item in enumerate(self.items):
            given = [found[p] for p in self.producers[i] if p != SOURCE]
            if isinstance(item, WorkloadLayer):
                found.append(item.layer.output_bits)
            else:
                found.append(max(given) if given else self.read_bits(i))
        return tuple(found)

    def read_bits(self, number: int) -> int:
        """Bits of one value as the layers nearest behind an item read it."""
        item = self.items[number]
        if isinstance(item, WorkloadLayer):
            return item.layer.input_bits
        return max((self.read_bits(reader) for reader in self.readers[number]), default=8)


def _root(item: Item) -> tuple[int, ...]:
    """A layer without a producer reads the network's input; a node without one gives something of its own."""
    return (SOURCE,) if isinstance(item, WorkloadLayer) else ()


def _depth_first(workload: Workload) -> list[Item]:
    """Topological, each time the item that became ready last."""
    by_name = {item.name: item for item in workload.items}
    waiting = {item.name: len(set(item.after)) for item in workload.items}
    readers: dict[str, list[str]] = {name: [] for name in by_name}
    for item in workload.items:
        for name in set(item.after):
            readers[name].append(item.name)
    ready = [item.name for item in reversed(workload.items) if not item.after]
    ordered: list[Item] = []
    while ready:
        name = ready.pop()
        ordered.append(by_name[name])
        for reader in reversed(readers[name]):
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    return ordered
