"""Loops given to memory levels: per order, bottom up, each operand on its own (uneven mapping).

At each memory, every operand keeps as many of its next loops as lets the traffic with the level above be least, while
all that the memory holds fits (Symons et al. 2021, LOMA, section IV). More loops never mean more traffic, so an
operand alone takes all that fit; operands that share a memory take the combination with the least traffic.

One thing is added: a level never takes loops whose data the levels above could not hold, so that a larger inner
memory cannot make a design impossible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.simulators.loopnest.nestcase import NestCase
from workbench.simulators.loopnest.orders import Floats, Ints

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Allocation:
    """`cut[operand][level]` (d, r): loops below this position are held at or below the level; `fits` (d, r)."""

    cut: dict[str, tuple[Ints, ...]]
    fits: Bools


def allocate(case: NestCase, share: float = 1.0) -> Allocation:
    """Bottom-up allocation; `share` is the part of every memory but the last that may be filled.

    Half-filled memories leave room for double buffering, which the greedy rule does not see.
    """
    orders = case.orders
    shape = (len(case.archs), orders.steps.shape[0])
    positions = np.arange(orders.n + 1)
    last = len(case.memories) - 1
    cut: dict[str, list[Ints]] = {operand: [] for operand in case.levels}
    here = {operand: np.zeros(shape, dtype=np.int64) for operand in case.levels}
    fits = np.ones(shape, dtype=bool)
    ceilings = _ceilings(case, share)
    for index, memory in enumerate(case.memories):
        capacity = case.capacity[:, index, None, None] * (1.0 if index == last else share)  # (d, 1, 1)
        held: list[tuple[str, Floats]] = []
        for operand in memory.operands:
            level = len(cut[operand])
            held.append((operand, case.elements(operand, level, whole=False) * _held_bits(case, operand, level, here)))
        if index == last:
            need = sum(np.asarray(bits[..., -1]) for _, bits in held)
            fits &= need <= capacity[..., 0]
            for operand, _ in held:
                cut[operand].append(np.full(shape, orders.n))
            continue
        allowed = {
            operand: (positions >= here[operand][..., None])
            & (positions <= ceilings[operand][len(cut[operand])][..., None])
            for operand, _ in held
        }
        chosen, found = _least_traffic(held, allowed, orders.steps, capacity)
        fits &= found
        for operand, _ in held:
            here[operand] = chosen[operand]
            cut[operand].append(chosen[operand])
    return Allocation({operand: tuple(levels) for operand, levels in cut.items()}, fits)


def _held_bits(case: NestCase, operand: str, level: int, here: dict[str, Ints]) -> Floats | int:
    """Bits per element (d, r, 1): an output is a partial sum as long as a loop outside still adds to it."""
    if operand != "O" or case.layer.partial_bits == case.layer.output_bits:
        return case.bits[operand]
    partial = _at_orders(case.orders.runs["O"].reused_above, here["O"]) | case.reduced_above(level)
    return np.where(partial, float(case.layer.partial_bits), float(case.layer.output_bits))[..., None]


def _at_orders(table: NDArray[np.bool_], position: Ints) -> Bools:
    """table (r, n + 1) at position (d, r) -> (d, r)."""
    found: Bools = table[np.arange(table.shape[0])[None, :], position]
    return found


def _ceilings(case: NestCase, share: float) -> dict[str, list[Ints]]:
    """Per operand and level (d, r): the outermost position whose data this and every level above can hold.

    A shared memory is taken to hold at least what the array itself needs of the other operands.
    """
    last = len(case.memories) - 1
    ceilings: dict[str, list[Ints]] = {}
    least = {
        (operand, level): case.elements(operand, level, whole=False)[..., 0]
        * min(case.bits[operand], case.layer.output_bits if operand == "O" else case.bits[operand])
        for operand, levels in case.levels.items()
        for level in range(len(levels))
    }
    for operand, levels in case.levels.items():
        found: list[Ints] = []
        bits = min(case.bits[operand], case.layer.output_bits) if operand == "O" else case.bits[operand]
        above = np.full((len(case.archs), case.orders.steps.shape[0]), case.orders.n)
        for level in range(len(levels) - 1, -1, -1):
            index = levels[level].memory
            others = sum(
                least[other, place]
                for other in case.memories[index].operands
                if other != operand
                for place, there in enumerate(case.levels[other])
                if there.memory == index
            )
            room = case.capacity[:, index, None] * (1.0 if index == last else share) - others
            fit = case.elements(operand, level, whole=False) * bits <= np.asarray(room)[..., None]
            above = np.minimum(above, np.maximum(fit.sum(axis=-1) - 1, 0))
            found.insert(0, above)
        ceilings[operand] = found
    return ceilings


def _least_traffic(
    held: list[tuple[str, Floats]], allowed: dict[str, Bools], steps: Floats, capacity: Floats
) -> tuple[dict[str, Ints], Bools]:
    """The positions with the least traffic to the level above among those that fit together, ties outwards.

    Traffic of an operand is (iterations outside) x (bits held). All operands but the last are enumerated; the last one
    takes the outermost position that still fits, which is its best.
    """
    n = steps.shape[1]
    outside = steps[:, -1:] / steps  # (r, n + 1)
    *leading, (final, final_bits) = held
    best: Floats | None = None
    chosen: dict[str, Ints] = {}
    shape = np.broadcast_shapes(final_bits.shape[:-1], capacity.shape[:-1])
    final_bits = np.where(allowed[final], final_bits, np.inf)
    final_traffic = np.where(allowed[final], final_bits * outside, np.inf)
    first_allowed = allowed[final].argmax(axis=-1)
    for picks in np.ndindex(*(n for _ in leading)):
        room = capacity[..., 0]
        traffic: Floats | float = 0.0
        legal = np.ones(shape, dtype=bool)
        for (operand, bits), pick in zip(leading, picks, strict=True):
            room = room - bits[..., pick]
            traffic = traffic + bits[..., pick] * outside[:, pick]
            legal = legal & allowed[operand][..., pick]
        count = (final_bits <= room[..., None]).sum(axis=-1)  # allowed positions are contiguous and bits do not fall
        legal = legal & (count > 0)
        position = np.where(count > 0, first_allowed + count - 1, 0)
        tail = np.take_along_axis(np.broadcast_to(final_traffic, (*shape, n)), position[..., None], -1)[..., 0]
        cost = np.where(legal, traffic + tail, np.inf)
        if best is None:
            better = np.ones(shape, dtype=bool)
            best = cost
        else:
            better = legal & (cost <= best)
            best = np.where(better, cost, best)
        for (operand, _), pick in zip(leading, picks, strict=True):
            chosen[operand] = np.where(better, pick, chosen[operand]) if operand in chosen else np.full(shape, pick)
        chosen[final] = np.where(better, position, chosen[final]) if final in chosen else position
    assert best is not None
    return chosen, np.isfinite(best)
