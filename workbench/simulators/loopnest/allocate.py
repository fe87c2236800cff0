"""Loops given to memory levels: per order, bottom up, each operand on its own (uneven mapping).

At each memory, every operand keeps as many of its next loops as lets the traffic with the level above be least, while
all that the memory holds fits (Symons et al. 2021, LOMA, section IV). More loops never mean more traffic, so an
operand alone takes all that fit; operands that share a memory take the combination with the least traffic.

One thing is added: a level never takes loops whose data the levels above could not hold, so that a larger inner
memory cannot make a design impossible.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Filling:
    """How full memories are made: the share of all but the last that may be used, and whether loops are taken that
    save no traffic. What is not held leaves room for double buffering and need not be loaded before the start, which
    the greedy rule does not see.
    """

    share: float = 1.0
    idle: bool = True


FILLINGS = (Filling(), Filling(idle=False), Filling(share=0.5, idle=False))
"""As far as memories go, without what saves no traffic, and half of that."""


def allocate(case: Case, design: Ints | None = None, order: Ints | None = None, filling: Ints | None = None) -> Rows:
    """Orders of designs, allocated bottom up: every order of every design under the first filling, or the given ones.

    All three (k,); `filling` numbers `FILLINGS`.
    """
    if design is None or order is None or filling is None:
        orders = np.arange(len(case.orders.order))
        design = np.repeat(np.arange(len(case.archs)), len(orders))
        order = np.tile(orders, len(case.archs))
        filling = np.zeros_like(order)
    return _Allocator(case, design, order, filling).run()


class _Allocator:
    """Works on rows (k,); tables over positions are (k, n + 1)."""

    def __init__(self, case: Case, design: Ints, order: Ints, filling: Ints) -> None:
        self.case, self.design, self.order = case, design, order
        self.shape = case.shape
        self.positions = np.arange(case.orders.n + 1)
        self.subset = case.orders.subset[order]  # (k, n + 1)
        self.outside = case.outside[self.subset]
        self.room = case.capacity[design]  # (k, m)
        self.room[:, :-1] *= np.array([f.share for f in FILLINGS])[filling][:, None]
        self.idle = np.array([f.idle for f in FILLINGS])[filling]

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
                if not self.idle.all():
                    traffic = bits_needed * self.outside
                    fewest = (traffic <= traffic[rows, positions][:, None] * (1 + _SAME)).argmax(axis=1)
                    positions = np.where(self.idle, positions, fewest)
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
    left, cost = room[:, None] - leading[0], leading[0] * outside  # (k, picks): every choice of those that lead
    if len(leading) > 1:
        left = (left[:, :, None] - leading[1][:, None, :]).reshape(k, -1)
        cost = (cost[:, :, None] + (leading[1] * outside)[:, None, :]).reshape(k, -1)
    count = np.zeros(left.shape, dtype=np.int64)
    for position in range(n):
        count += final[:, position, None] <= left
    positions = np.where(count > 0, start[:, None] + count - 1, 0)
    cost = np.where(count > 0, cost + (final * outside)[rows[:, None], positions], np.inf)
    pick = cost.shape[1] - 1 - cost[:, ::-1].argmin(axis=1)  # of equal ones the last
    chosen = [positions[rows, pick]]
    for _ in leading:
        chosen.insert(0, pick % n)
        pick = pick // n
    return chosen, np.isfinite(cost.min(axis=1))


def fitting(case: Case, rows: Rows) -> NDArray[np.bool_]:
    """Whether the positions of rows rise from level to level and all that each memory holds fits."""
    shape, orders = case.shape, case.orders
    bits = np.array(element_bits(case.layer), dtype=np.float64)[shape.place_operand]
    below = np.zeros_like(rows.cut)  # (p, k)
    below[1:] = rows.cut[:-1]
    below[shape.place_first] = 0
    outputs = shape.of("O")
    held = case.held[rows.design, shape.place_spot[:, None], orders.subset[rows.order, rows.cut]]
    width = np.repeat(bits[:, None], len(rows), axis=1)
    partial = orders.adds_later[orders.subset[rows.order, below[outputs]]]
    partial |= case.reduced[rows.design, shape.place_spot[outputs, None] - 1]
    partial &= ~shape.place_last[outputs, None]
    width[outputs] = np.where(partial, width[outputs], float(case.layer.output_bits))
    need = held * width
    fits = np.asarray((rows.cut >= below).all(axis=0))
    for memory, inside in enumerate(shape.operands_of):
        used = need[inside[0]]
        for p in inside[1:]:
            used = used + need[p]
        fits &= used <= case.capacity[rows.design, memory]
    return fits
