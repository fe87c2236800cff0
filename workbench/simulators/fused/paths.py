"""The partitions of a network into groups as paths: states are what has been done so far, steps add a group.

The items are numbered so that each stands after its producers. In a partial schedule, the first item that is not in it
has all its producers in it. So has the group of that item, since the group has one entry: either the item reads the
entry, and it is there; or the item reads the network's input, which then is the entry. So every partition can be built
up by adding, again and again, the group of the first item that is left, in exactly one way; and the states are the sets
that come up so. In a chain these are its cut points.
"""

from __future__ import annotations

from collections.abc import Sequence

Value = tuple[float, float, float]
"""What is minimised, then what breaks ties; the values of steps add up."""


class Paths:
    """All partitions of `count` items into the sets `masks`, each given by the items as bits."""

    def __init__(self, count: int, masks: Sequence[int]) -> None:
        everything = (1 << count) - 1
        by_first: list[list[int]] = [[] for _ in range(count)]
        for step, mask in enumerate(masks):
            by_first[_lowest(mask)].append(step)
        found: list[tuple[int, list[tuple[int, int]]]] = []
        waiting: list[dict[int, None]] = [{} for _ in range(count + 1)]  # by the first item that is left
        waiting[0][0] = None
        for first in range(count):
            for done in waiting[first]:
                steps = [(step, done | masks[step]) for step in by_first[first] if not masks[step] & done]
                for _, now in steps:
                    left = everything & ~now
                    waiting[_lowest(left) if left else count][now] = None
                found.append((done, steps))
        state = {done: number for number, (done, _) in enumerate(found)} | {everything: len(found)}
        self._steps = [[(step, state[now]) for step, now in steps] for _, steps in found]
        """By state: (step, the state it leads to), which has a higher number."""

    def best(self, values: Sequence[Value | None]) -> tuple[Value, list[int]]:
        """The least sum of the values of a path's steps, and these; None for a step that may not be taken."""
        end = len(self._steps)
        sums: list[Value | None] = [(0.0, 0.0, 0.0), *[None] * end]
        came = [(0, 0)] * (end + 1)
        for state, steps in enumerate(self._steps):
            here = sums[state]
            if here is None:
                continue
            a, b, c = here
            for step, target in steps:
                value = values[step]
                if value is None:
                    continue
                reached = a + value[0], b + value[1], c + value[2]
                known = sums[target]
                if known is None or reached < known:
                    sums[target], came[target] = reached, (state, step)
        taken, state = [], end
        while state:
            state, step = came[state]
            taken.append(step)
        total = sums[end]
        assert total is not None
        return total, taken[::-1]


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1
