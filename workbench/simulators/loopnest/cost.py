"""What a mapping costs: word accesses and energy, port-accurate latency with double buffering and on/off-loading.

The model is that of ZigZag (Mei et al. 2021, IEEE TC, and its public code, version 3.9.1), restated on arrays:
- Data moved per period at a link between two levels, and how often, follow from the loops held below it; loops that
  reuse an operand directly above what a level holds extend its stay (`Orders.stays`).
- A word is moved in steps of the port's smallest width; energy is words x cost per word.
- Per link: real cycles = bits / width, rounded up; allowed cycles = the whole period where the level that fills is
  double-buffered (it uses at most half of its memory, or what is free holds another copy), else the period divided by
  the reuse loops at its top. Stall or slack = (real - allowed) x (periods - 1).
- Links on one port: sum of stalls + max(0, sum of slacks + sum of windows - union of the windows). Ports work in
  parallel: the temporal stall is that of the worst port.
- On-loading: the first transfer of each input through the levels, ports shared by both inputs in series; what is
  loaded once is partly hidden in the port's free time during computation. Off-loading: the last transfer of the output.

Deliberate differences, each towards physics: word accesses and averages are not rounded to whole numbers (a port wider
than its smallest step would read a small tensor zero times); an output loop whose kernel side is 1 counts as indexing
the input; every input pixel leaves the last memory at least once, and no run is shorter than the last memory needs for
what it moves (on-chip ports keep ZigZag's window model, which can undercut their bandwidth where links overlap); a
stall never hides more on- and off-loading than it costs itself, so that more bandwidth or memory does not make a
mapping slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from workbench.simulators.loopnest.allocate import Rows
from workbench.simulators.loopnest.case import LEAST, Case
from workbench.simulators.loopnest.orders import OPERANDS, Bools, Floats, Ints

_INPUTS = (OPERANDS.index("W"), OPERANDS.index("I"))


@dataclass(frozen=True)
class Latency:
    """Cycles beside those of the loops themselves, each (k,)."""

    stall: Floats
    onload: Floats
    offload: Floats


class Moves:
    """The costs of rows (k) of a case, looked up: arrays (g, k) per spot and (c, q, k) per link of a port."""

    def __init__(self, case: Case, rows: Rows) -> None:
        self.case, self.rows = case, rows
        shape, orders = case.shape, case.orders
        order = rows.order
        self.end = np.zeros((shape.spots, len(rows)), dtype=np.int64)  # where the loops of a spot end
        self.end[shape.place_spot] = orders.stays[shape.place_operand[:, None], order, rows.cut]
        self.subset = orders.subset[order, self.end]
        self.below = self.subset.copy()
        for number in _INPUTS:  # an input keeps its element in the array over the innermost loops that reuse it
            self.below[shape.array_spot[number]] = orders.subset[order, orders.stays[number, order, 0]]
        self._spots = np.arange(shape.spots)[:, None]

    def take(self, index: Ints) -> Moves:
        """Of some of the rows."""
        found = copy(self)
        found.rows = self.rows.take(index)
        found.end, found.subset, found.below = self.end[:, index], self.subset[:, index], self.below[:, index]
        return found

    def energy_pj(self) -> Floats:
        """(k,): total energy, added up in the order of the spots whatever the number of rows."""
        parts = self.case.tables.energy[self.rows.design, self._spots, self.below]
        return _added([self.case.mac_pj[self.rows.design], *parts])

    def link_energies(self) -> Floats:
        """(l, k): pJ of each link."""
        links = np.arange(len(self.case.shape.links))[:, None]
        found: Floats = self.case.tables.link_energy[self.rows.design, links, self.below[self.case.shape.link_spot]]
        return found

    def least_latency(self) -> Floats:
        """(k,): no fewer cycles than these.

        The stall of a port is at least sum(real x (periods - 1)) - total: its late links add (real - allowed) x
        (periods - 1), the rest is at least the remaining transfers less the union of their windows, and the windows'
        sum cancels; a union is at most the total.
        """
        shape = self.case.shape
        load = self.case.tables.load[self.rows.design, shape.port_links[..., None], self.below[shape.port_spot]]
        least: Floats = np.maximum(_added(load).max(axis=0), self.case.total)
        return least + self.case.drain[self.rows.design]

    def signature(self) -> Ints:
        """(1 + 3 g, k): what the latency of a row depends on."""
        start = self._start()
        runs = [
            self._top_run(starts, start) for starts in (self.case.orders.relevant_from, self.case.orders.reuse_from)
        ]
        return np.vstack([self.rows.design, self.below, *runs]).astype(np.int64)

    def _start(self) -> Ints:
        """(g, k): where the loops that a spot adds to the one below begin."""
        start = np.zeros_like(self.end)
        start[1:] = self.end[:-1]
        start[self.case.shape.array_spot] = 0
        return start

    def latency(self) -> Latency:
        """Stall, on-loading and off-loading."""
        case, shape, rows = self.case, self.case.shape, self.rows
        periods, real, busy, _, rate, once = case.tables.links[
            :LEAST, rows.design, shape.port_links[..., None], self.below[shape.port_spot]
        ]
        start = self._start()
        period = case.orders.steps[self.below]
        window = np.floor(period / self._top_run(case.orders.reuse_from, start))
        window[shape.array_spot] = period[shape.array_spot]
        allowed = np.where(self._double_buffered(start), period, window)[shape.port_spot]
        stall = np.maximum(0.0, self._port_stalls(periods, real, period[shape.port_spot], allowed).max(axis=0))

        hidden = self._hidden(real, once > 0, rate, np.stack([stall, np.zeros_like(stall)]))
        first = (real[:, None] - hidden).swapaxes(1, 2).reshape(-1, 2, len(rows))[shape.link_slot]  # (l, 2, k)
        onload, onload_free = self._onload(first)
        offload, offload_free = self._offload(first)
        # Without its stall the run would take as long as those free; a stall cannot hide more than it costs.
        saved = onload_free + offload_free - onload - offload
        onload = onload + np.maximum(0.0, saved - stall)
        late = _added(busy).max(axis=0) - (case.total + stall + onload + offload)
        return Latency(stall + np.maximum(0.0, late), onload, offload)

    def _top_run(self, starts: Ints, start: Ints) -> Floats:
        """(g, k): iterations of the unbroken run of such loops at the top of what a spot adds."""
        orders, order = self.case.orders, self.rows.order
        begin = np.maximum(starts[self.case.shape.spot_operand[:, None], order, self.end], start)
        run: Floats = orders.steps[self.subset] / orders.steps[orders.subset[order, begin]]
        return run

    def _double_buffered(self, start: Ints) -> Bools:
        """(g, k): whether the next data can come while the present is used; never at the array."""
        case, shape = self.case, self.case.shape
        content = case.tables.content[self.rows.design, self._spots, self.below]
        live = np.floor(content / self._top_run(case.orders.relevant_from, start))
        used = live[shape.place_spot] / case.capacity[self.rows.design].T[shape.place_memory]
        flags = np.zeros(live.shape, dtype=bool)
        for places in shape.operands_of:
            total = np.zeros(len(self.rows))
            for p in places:
                total = total + used[p]
            for p in places:
                spare = (total > 0.5) & (used[p] <= 1 - total)
                flags[shape.places[p].spot] = (total <= 0.5) | spare
                if p != places[-1]:
                    total = total + np.where(spare, used[p], 0.0)
        return flags

    def _port_stalls(self, periods: Floats, real: Floats, period: Floats, allowed: Floats) -> Floats:
        """(q, k): late links add up; links with slack wait only where windows overlap."""
        active = periods > 0
        repeats = np.maximum(periods - 1, 0.0)
        balance = (real - allowed) * repeats
        late = _added(np.maximum(balance, 0.0))
        rest = _added(np.minimum(balance, 0.0) + allowed * repeats)
        union = _window_union(np.where(active, period, 1.0), np.where(active, allowed, 0.0), self.case.total)
        stalls: Floats = late + np.maximum(0.0, rest - union)
        return stalls

    def _hidden(self, real: Floats, once: Bools, rate: Floats, stall: Floats) -> Floats:
        """(c, t, q, k): cycles of transfers that happen once that their port has free during computation.

        `stall` (t, k) lengthens the computation. The longest goes first; what the innermost level needs to start (or
        has left at the end) is not hidden.
        """
        case, shape, rows = self.case, self.case.shape, self.rows
        width = case.width[rows.design].T  # (q, k)
        least = case.tables.links[LEAST, rows.design, shape.port_links[..., None], self.below[shape.port_inner]]
        spare = np.where(once, np.maximum(0.0, real - least), 0.0)
        order = np.where(once, -real, np.inf).argsort(axis=0, kind="stable")
        at = order, np.arange(len(width))[:, None], np.arange(len(rows))
        ranked = spare[at]
        before = np.cumsum(ranked, axis=0) - ranked
        free_share = np.maximum(0.0, (width - _added(rate)) / width)
        free = free_share * (case.total + stall)[:, None]  # (t, q, k)
        by_rank = np.minimum(np.maximum(free - before[:, None], 0.0), ranked[:, None])
        hidden: Floats = np.empty_like(by_rank)
        hidden.swapaxes(1, 2).swapaxes(2, 3)[at] = by_rank.swapaxes(1, 2).swapaxes(2, 3)
        return hidden

    def _onload(self, first: Floats) -> Floats:
        """(l, ...) -> (...): cycles before the array can start: links on ports that both inputs share come one after
        the other.
        """
        shape = self.case.shape
        together, rest = [], []
        for number in _INPUTS:
            apart = np.zeros(first.shape[1:])
            shared, half = apart, apart
            for pair in range(shape.pair_start[number], shape.pair_start[number + 1]):
                fill, drain = shape.pair_links[pair]
                longest = np.maximum(first[fill], first[drain])
                if shape.pair_sharing[pair] == 2:
                    shared = shared + longest
                elif shape.pair_sharing[pair] == 1:
                    half = longest
                else:
                    apart = apart + longest
            together.append(shared)
            rest.append(half + apart)
        weights_first = together[0] + np.maximum(together[1] + rest[1], rest[0])
        inputs_first = together[1] + np.maximum(together[0] + rest[0], rest[1])
        return np.minimum(weights_first, inputs_first)

    def _offload(self, first: Floats) -> Floats:
        """(l, ...) -> (...): cycles after the array has finished: level after level."""
        found = np.zeros(first.shape[1:])
        for drain, fill in self.case.shape.pairs["O"]:
            found = found + np.maximum(first[drain], first[fill])
        return found


def _added(parts: Sequence[Floats] | Floats) -> Floats:
    """The sum over the first axis, in its order whatever the other axes are, so that no result depends on a batch."""
    total: Floats = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _window_union(period: Floats, window: Floats, total: float) -> Floats:
    """(links, ...) -> (...): cycles of the whole run in which at least one link of a port may move data.

    Each link has the first `window` cycles of its every period. All periods are products of the innermost loops of
    one order, so each divides the next larger, and the count follows by recursion: a longer link covers the first
    cycles of its period, shorter ones what they cover of the rest.
    """
    order = np.argsort(period, axis=0, kind="stable")
    period, window = np.take_along_axis(period, order, 0), np.take_along_axis(window, order, 0)
    covered: list[Floats] = [window[0]]  # by the links up to and including this one, in one period of this one
    inside: list[Floats] = [np.zeros_like(window[0])]  # by the shorter links, within this one's window

    def within(length: Floats, upto: int) -> Floats:
        """Cycles covered by the links below `upto` in the first `length` cycles."""
        at = upto - 1
        whole = np.floor(length / period[at])
        rest = length - whole * period[at]
        beyond = window[at] - inside[at] + (within(rest, at) if at else 0.0)
        found: Floats = whole * covered[at] + np.where(rest <= window[at], rest, beyond)
        return found

    for at in range(1, len(period)):
        inside.append(within(window[at], at))
        covered.append(window[at] + period[at] / period[at - 1] * covered[at - 1] - inside[at])
    union: Floats = covered[-1] * (total / period[-1])
    return union
