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
        so leads to x inside; and all that is read inside but e's map is of the region. So (e, x) says all of it, and
        there are at most as many as pairs of items.
        """
        for last in range(len(self.items)):
            before: set[int] = set()
            for entry in sorted(self._ancestors(last), reverse=True):
                group = self._region(entry, last)
                if group is not None and len(group.items) > 1 and group.mask not in before:
                    before.add(group.mask)
                    yield group

    def _ancestors(self, number: int) -> set[int]:
        found: set[int] = set()
        open_items = [number]
        while open_items:
            for producer in self.producers[open_items.pop()]:
                if producer not in found:
                    found.add(producer)
                    if producer != SOURCE:
                        open_items.append(producer)
        return found

    def _region(self, entry: int, last: int) -> Group | None:
        """What lies between, if it is a region that can be fused."""
        inside, open_items = {last}, [last]
        reads_entry = False
        while open_items:
            number = open_items.pop()
            producers = self.producers[number]
            if not producers or not self._fusible(number, last):
                return None
            for producer in producers:
                if producer == entry:
                    reads_entry = True
                elif producer == SOURCE:
                    return None
                elif producer not in inside:
                    inside.add(producer)
                    open_items.append(producer)
        items = tuple(sorted(inside))
        alone = all(set(self.readers[i]) <= inside and self.readers[i] for i in items[:-1])
        computes = any(isinstance(self.items[i], WorkloadLayer) for i in items)
        return Group(entry, items) if reads_entry and alone and computes else None

    def _fusible(self, number: int, last: int) -> bool:
        """Known shape, one count of repeats, and no product of two activations, whose weights would be a map."""
        item = self.items[number]
        product = isinstance(item, WorkloadLayer) and len(item.after) > 1
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
