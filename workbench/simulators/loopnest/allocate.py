"""Loops given to memory levels: per order, bottom up, each operand on its own (uneven mapping).

At each memory, every operand keeps as many of its next loops as lets the traffic with the level above be least, while
all that the memory holds fits (Symons et al. 2021, LOMA, section IV). More loops never mean more traffic, so an
operand alone takes all that fit; operands that share a memory take the combination with the least traffic.

One thing is added: a level never takes loops whose data the levels above could not hold, so that a larger inner
memory cannot make a design impossible.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from workbench.simulators.loopnest.case import Case, element_bits
from workbench.simulators.loopnest.orders import OPERANDS, Bools, Floats, Ints

_NONE: Floats = np.zeros(0)
_NO_EDGES: Floats = np.zeros((3, 0))
_SAME = 1e-12  # traffic that differs by rounding alone


@dataclass(frozen=True)
class Rows:
    """Mappings of a case, one per row: the design, the order, and per place the position its loops end at.

    Shapes (rows,) and (p, rows). `first` and `second` are what the rows are ranked by, once they are; `edges` (3, rows)
    then holds stall, on-loading and off-loading.
    """

    design: Ints
    order: Ints
    cut: Ints
    fits: Bools
    first: Floats = field(default_factory=lambda: _NONE)
    second: Floats = field(default_factory=lambda: _NONE)
    edges: Floats = field(default_factory=lambda: _NO_EDGES)

    def __len__(self) -> int:
        return len(self.design)

    def take(self, index: Ints | Bools) -> Rows:
        """Some of the rows."""
        scored = len(self.first) > 0
        return Rows(
            self.design[index],
            self.order[index],
            self.cut[:, index],
            self.fits[index],
            self.first[index] if scored else _NONE,
            self.second[index] if scored else _NONE,
            self.edges[:, index] if scored else _NO_EDGES,
        )


def joined(parts: list[Rows]) -> Rows:
    """Rows one after another, without their ranking."""
    return Rows(
        np.concatenate([p.design for p in parts]),
        np.concatenate([p.order for p in parts]),
        np.concatenate([p.cut for p in parts], axis=1),
        np.concatenate([p.fits for p in parts]),
    )


@dataclass(frozen=True)
class Filling:
    """How full memories are made: the share of all but the last that may be used, and whether loops are taken that
    save no traffic. What is not held leaves room for double buffering and need not be loaded before the start, which
    the greedy rule does not see.
    """

    share: float = 1.0
    idle: bool = True


def allocate(case: Case, filling: Filling = Filling(), design: Ints | None = None, order: Ints | None = None) -> Rows:
    """Orders of designs, allocated bottom up: every order of every design, or the given ones (k,)."""
    if design is None or order is None:
        orders = np.arange(len(case.orders.order))
        design = np.repeat(np.arange(len(case.archs)), len(orders))
        order = np.tile(orders, len(case.archs))
    return _Allocator(case, design, order, filling).run()


class _Allocator:
    """Works on rows (k,); tables over positions are (k, n + 1)."""

    def __init__(self, case: Case, design: Ints, order: Ints, filling: Filling) -> None:
        self.case, self.design, self.order, self.filling = case, design, order, filling
        self.shape = case.shape
        self.positions = np.arange(case.orders.n + 1)
        self.subset = case.orders.subset[order]  # (k, n + 1)
        self.outside = case.total / case.orders.steps[self.subset]  # iterations outside a position
        last = self.shape.memories - 1
        self.room = case.capacity[design] * np.where(np.arange(last + 1) == last, 1.0, filling.share)  # (k, m)

    def elements(self, p: int) -> Floats:
        """(k, n + 1): what a place holds of the loops below each position."""
        found: Floats = self.case.held[self.design[:, None], self.shape.places[p].spot, self.subset]
        return found

    def run(self) -> Rows:
        """Bottom up over the memories."""
        case, shape, n = self.case, self.shape, self.case.orders.n
        bits = element_bits(case.layer)
        held = {p: self.elements(p) for p, place in enumerate(shape.places) if not place.last}
        ceiling = self._ceilings(held)
        cut = np.full((len(shape.places), len(self.design)), n)
        here = np.zeros((len(OPERANDS), len(self.design)), dtype=np.int64)
        fits = np.ones(len(self.design), dtype=bool)
        rows = np.arange(len(self.design))
        for memory, inside in enumerate(shape.operands_of):
            if memory == shape.memories - 1:
                everything = sum(
                    case.held[self.design, shape.places[p].spot, -1]
                    * (case.layer.output_bits if shape.places[p].operand == "O" else bits[shape.place_operand[p]])
                    for p in inside
                )
                fits &= everything <= self.room[:, memory]
                continue
            need = []
            for p in inside:
                operand = shape.place_operand[p]
                width: Floats | float = float(bits[operand])
                if shape.places[p].operand == "O" and case.layer.output_bits != case.layer.partial_bits:
                    later = case.orders.adds_later[self.subset[rows, here[operand]]]
                    partial = later | case.reduced[self.design, shape.places[p].spot - 1]
                    width = np.where(partial, width, float(case.layer.output_bits))[:, None]
                allowed = (self.positions >= here[operand][:, None]) & (self.positions <= ceiling[p][:, None])
                need.append(np.where(allowed, held[p] * width, np.inf))
            chosen, found = _least_traffic(need, self.outside, self.room[:, memory])
            fits &= found
            for p, positions, bits_needed in zip(inside, chosen, need, strict=True):
                if not self.filling.idle:
                    traffic = np.where(np.isfinite(bits_needed), bits_needed * self.outside, np.inf)
                    positions = (traffic <= traffic[rows, positions][:, None] * (1 + _SAME)).argmax(axis=1)
                cut[p] = positions
                here[shape.place_operand[p]] = positions
        return Rows(self.design, self.order, cut, fits)

    def _ceilings(self, held: dict[int, Floats]) -> dict[int, Ints]:
        """Per place (k,): the outermost position whose data this and every level above can hold.

        A shared memory is taken to hold at least what the array itself needs of the other operands.
        """
        shape = self.shape
        bits = element_bits(self.case.layer)
        least = {
            p: float(min(bits[shape.place_operand[p]], self.case.layer.output_bits))
            if shape.places[p].operand == "O"
            else float(bits[shape.place_operand[p]])
            for p in held
        }
        ceiling: dict[int, Ints] = {}
        for operand in OPERANDS:
            above = np.full(len(self.design), self.case.orders.n)
            for p in reversed(shape.of(operand)):
                if p not in held:
                    continue
                memory = shape.places[p].memory
                room = self.room[:, memory]
                for other in shape.operands_of[memory]:
                    if other != p:
                        room = room - held[other][:, 0] * least[other]
                count = (held[p] * least[p] <= room[:, None]).sum(axis=1)
                above = np.minimum(above, np.maximum(count - 1, 0))
                ceiling[p] = above
        return ceiling


def _least_traffic(need: list[Floats], outside: Floats, room: Floats) -> tuple[list[Ints], Bools]:
    """Per operand (k,): the positions with the least traffic to the level above that fit together, ties outwards.

    `need` (k, n + 1) is bits per position, infinite where a position is not allowed; allowed positions are contiguous
    and bits do not fall outwards. Traffic of an operand is (iterations outside) x bits. All operands but the last are
    enumerated; the last one takes the outermost position that still fits, which is its best.
    """
    *leading, final = need
    k, n = final.shape
    rows = np.arange(k)
    start = np.isfinite(final).argmax(axis=1)
    if not leading:
        count = (final <= room[:, None]).sum(axis=1)
        return [np.where(count > 0, start + count - 1, 0)], count > 0
    traffic = [np.where(np.isfinite(bits), bits * outside, np.inf) for bits in need]
    best = np.full(k, np.inf)
    chosen = [np.zeros(k, dtype=np.int64) for _ in need]
    for picks in product(range(n), repeat=len(leading)):
        left, cost = room, np.zeros(k)
        for bits, moved, pick in zip(leading, traffic, picks, strict=False):
            left = left - bits[:, pick]
            cost = cost + moved[:, pick]
        if not np.isfinite(cost).any():
            continue
        count = (final <= left[:, None]).sum(axis=1)
        position = np.where(count > 0, start + count - 1, 0)
        cost = np.where(count > 0, cost + traffic[-1][rows, position], np.inf)
        better = (cost <= best) & np.isfinite(cost)
        best = np.where(better, cost, best)
        for i, pick in enumerate(picks):
            chosen[i] = np.where(better, pick, chosen[i])
        chosen[-1] = np.where(better, position, chosen[-1])
    return chosen, np.isfinite(best)


def fitting(case: Case, rows: Rows) -> NDArray[np.bool_]:
    """Whether the positions of rows rise from level to level and all that each memory holds fits."""
    shape, orders = case.shape, case.orders
    bits = element_bits(case.layer)
    fits = np.ones(len(rows), dtype=bool)
    used = np.zeros((shape.memories, len(rows)))
    below = np.zeros(len(rows), dtype=np.int64)
    for p, place in enumerate(shape.places):
        below = np.zeros(len(rows), dtype=np.int64) if place.level == 0 else below
        here = rows.cut[p]
        fits &= here >= below
        width: Floats | float = float(bits[shape.place_operand[p]])
        if place.operand == "O" and not place.last:
            partial = orders.adds_later[orders.subset[rows.order, below]] | case.reduced[rows.design, place.spot - 1]
            width = np.where(partial, width, float(case.layer.output_bits))
        elif place.operand == "O":
            width = float(case.layer.output_bits)
        used[place.memory] += case.held[rows.design, place.spot, orders.subset[rows.order, here]] * width
        below = here
    fits &= (used <= case.capacity[rows.design].T).all(axis=0)
    return fits
