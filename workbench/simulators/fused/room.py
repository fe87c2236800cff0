"""The architecture as one layer of a group sees it: memories as large as what the group leaves of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, log2

from workbench.problem.arch import Arch, Memory
from workbench.problem.layer import Layer
from workbench.simulators.fused.pinned import Pins, own_bits

AMPLE = 2**44
"""Bits of a memory whose operands are all pinned: the placement has checked that they fit, and nothing else asks."""

GRID = 4
"""Free room counts in steps of an octave's fourth part, rounded down, so that layers see few different memories."""


def room_of(arch: Arch, layer: Layer, pins: Pins, occupied: Mapping[int, int]) -> tuple[int, ...] | None:
    """The sizes of the memories for a layer; `occupied` are bits by memory that the group takes, the layer's included.

    None: no room is left. Without pins and with nothing occupied they are those of the architecture itself.
    """
    sizes = []
    homes = dict(pins)
    for m, memory in enumerate(arch.memories):
        last = m == len(arch.memories) - 1
        size = memory.size_bits if last else _left(memory, m, layer, homes, occupied.get(m, 0))
        if size is None:
            return None
        sizes.append(size)
    return tuple(sizes)


def _left(memory: Memory, number: int, layer: Layer, pins: Mapping[str, int], occupied: int) -> int | None:
    pinned = [operand for operand in memory.operands if pins.get(operand, number + 1) <= number]
    if not pinned and not occupied:
        return memory.size_bits
    if len(pinned) == len(memory.operands):
        return AMPLE
    free = memory.size_bits - occupied
    if free < 1:
        return None
    # The engine counts what is pinned in or below a memory as held in it.
    held = sum(own_bits(layer, operand) for operand in pinned)
    return held + int(2 ** (floor(GRID * log2(free)) / GRID))
