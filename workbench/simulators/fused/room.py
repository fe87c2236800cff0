"""The architecture as one layer of a group sees it: memories as large as what the group leaves of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log2

from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.simulators.fused.pinned import Pins, own_bits

AMPLE = 2**44
"""Bits of a memory whose operands are all pinned: the placement has checked that they fit, and nothing else asks."""

GRID = 4
"""Free room counts in steps of an octave's fourth part, rounded down, so that layers see few different memories."""


@dataclass(frozen=True)
class Room:
    """Sizes of the memories as a group leaves them, and by memory the pinned operands that lie there on top of that."""

    sizes: tuple[int, ...]
    held: tuple[tuple[int, tuple[str, ...]], ...]

    def around(self, layer: Layer) -> tuple[int, ...]:
        """The sizes for one layer: the engine counts what is pinned in or below a memory as held in it."""
        found = list(self.sizes)
        for m, pinned in self.held:
            found[m] += sum(own_bits(layer, operand) for operand in pinned)
        return tuple(found)


def room_of(arch: Arch, pins: Pins, occupied: Mapping[int, int]) -> Room | None:
    """For layers with these pins; `occupied` are bits by memory that the group takes, the layer's included.

    None: no room is left. Without pins and with nothing occupied it is the architecture itself.
    """
    homes = dict(pins)
    sizes, held = [memory.size_bits for memory in arch.memories], []
    for m, memory in enumerate(arch.memories[:-1]):
        pinned = tuple(operand for operand in memory.operands if homes.get(operand, m + 1) <= m)
        if len(pinned) == len(memory.operands):
            sizes[m] = AMPLE
        elif pinned or occupied.get(m, 0):
            free = memory.size_bits - occupied.get(m, 0)
            if free < 1:
                return None
            sizes[m] = int(2 ** (floor(GRID * log2(free)) / GRID))
            held.append((m, pinned))
    return Room(tuple(sizes), tuple(held))
