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

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workbench.simulators.loopnest.allocate import Rows
from workbench.simulators.loopnest.case import Case
from workbench.simulators.loopnest.orders import Bools, Floats, Ints

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Latency:
    """Cycles beside those of the loops themselves, each (k,)."""

    stall: Floats
    onload: Floats
    offload: Floats


@dataclass(frozen=True)
class _Once:
    """Transfers that happen once, by port (c, q, k), longest first; `free_share` (q, k) of the port's time is free."""

    free_share: Floats
    order: Ints
    ranked: Floats
    before: Floats


class Moves:
    """The costs of rows (k) of a case, looked up: arrays (g, k) per spot and (l, k) per link."""

    def __init__(self, case: Case, rows: Rows) -> None:
        self.case, self.rows = case, rows
        shape, orders = case.shape, case.orders
        order = rows.order
        self.end = np.zeros((shape.spots, len(rows)), dtype=np.int64)  # where the loops of a spot end
        self.end[shape.place_spot] = orders.stays[shape.place_operand[:, None], order, rows.cut]
        stationary = self.end.copy()
        for operand in ("W", "I"):  # an input keeps its element in the array over the innermost loops that reuse it
            spot = shape.array_spots[operand]
            stationary[spot] = orders.stays[shape.spot_operand[spot], order, 0]
        self.subset = orders.subset[order, self.end]
        self.below = orders.subset[order, stationary]
        self._spots = np.arange(shape.spots)[:, None]
        self._links = np.arange(len(shape.links))[:, None]

    def _of_links(self, table: NDArray[T]) -> NDArray[T]:
        """(d, l, s) -> (l, k)."""
        found: NDArray[T] = table[self.rows.design, self._links, self.below[self.case.shape.link_spot]]
        return found

    def energy_pj(self) -> Floats:
        """(k,): total energy, added up in the order of the spots whatever the number of rows."""
        parts = self.case.tables.energy[self.rows.design, self._spots, self.below]
        total: Floats = self.case.mac_pj[self.rows.design]
        for part in parts:
            total = total + part
        return total

    def link_energies(self) -> Floats:
        """(l, k): pJ of each link."""
        return self._of_links(self.case.tables.link_energy)

    def least_latency(self) -> Floats:
        """(k,): no fewer cycles than these.

        The stall of a port is at least sum(real x (periods - 1)) - total: its late links add (real - allowed) x
        (periods - 1), the rest is at least the remaining transfers less the union of their windows, and the windows'
        sum cancels; a union is at most the total.
        """
        load = self._by_port(self._of_links(self.case.tables.load), 0.0)
        least: Floats = np.maximum(_added(load).max(axis=0), self.case.total)
        return least + self.case.drain[self.rows.design]

    @cached_property
    def _period(self) -> Floats:
        """(g, k): cycles between the transfers of a spot."""
        period: Floats = self.case.orders.steps[self.below]
        return period

    @cached_property
    def _periods(self) -> Floats:
        """(l, k): how often a link moves data."""
        return self._of_links(self.case.tables.periods)

    @cached_property
    def _real(self) -> Floats:
        """(l, k): cycles of a transfer."""
        return self._of_links(self.case.tables.real)

    def latency(self) -> Latency:
        """Stall, on-loading and off-loading."""
        shape = self.case.shape
        window = np.floor(self._period / self._top_run(self.case.orders.reuse_from))
        array = list(shape.array_spots.values())
        window[array] = self._period[array]
        allowed = np.where(self._double_buffered(), self._period, window)[shape.link_spot]
        stall = np.maximum(0.0, self._port_stalls(allowed).max(axis=0))
        onload, offload = self._edges(stall)
        if stall.any():
            # Without its stall the run would take this long; a stall cannot hide more than it costs.
            onload_free, offload_free = self._edges(np.zeros_like(stall))
            saved = onload_free + offload_free - onload - offload
            onload = onload + np.maximum(0.0, saved - stall)
        busy = _added(self._by_port(self._of_links(self.case.tables.busy), 0.0)).max(axis=0)
        late = busy - (self.case.total + stall + onload + offload)
        return Latency(stall + np.maximum(0.0, late), onload, offload)

    def _start(self) -> Ints:
        """(g, k): where the loops that a spot adds to the one below begin."""
        start = np.zeros_like(self.end)
        start[1:] = self.end[:-1]
        start[list(self.case.shape.array_spots.values())] = 0
        return start

    def _top_run(self, starts: Ints) -> Floats:
        """(g, k): iterations of the unbroken run of such loops at the top of what a spot adds."""
        orders, order = self.case.orders, self.rows.order
        begin = np.maximum(starts[self.case.shape.spot_operand[:, None], order, self.end], self._start())
        run: Floats = orders.steps[self.subset] / orders.steps[orders.subset[order, begin]]
        return run

    def _double_buffered(self) -> Bools:
        """(g, k): whether the next data can come while the present is used; never at the array."""
        case, shape = self.case, self.case.shape
        content = case.tables.content[self.rows.design, self._spots, self.below]
        live = np.floor(content / self._top_run(case.orders.relevant_from))
        flags = np.zeros(live.shape, dtype=bool)
        for memory, places in enumerate(shape.operands_of):
            used = {p: live[shape.places[p].spot] / case.capacity[self.rows.design, memory] for p in places}
            total = np.zeros(len(self.rows))
            for p in places:
                total = total + used[p]
            for p in places:
                spare = (total > 0.5) & (used[p] <= 1 - total)
                flags[shape.places[p].spot] = (total <= 0.5) | spare
                total = total + np.where(spare, used[p], 0.0)
        return flags

    def _by_port(self, values: Floats, idle: float) -> Floats:
        """(l, k) -> (c, q, k): the links of each port, `idle` where a port has fewer than the most."""
        padded: Floats = np.vstack([values, np.full((1, values.shape[1]), idle)])[self.case.shape.port_links]
        return padded

    def _port_stalls(self, allowed: Floats) -> Floats:
        """(q, k): late links add up; links with slack wait only where windows overlap."""
        active = self._periods > 0
        repeats = np.maximum(self._periods - 1, 0.0)
        balance = (self._real - allowed) * repeats
        late = _added(self._by_port(np.maximum(balance, 0.0), 0.0))
        rest = _added(self._by_port(np.minimum(balance, 0.0) + allowed * repeats, 0.0))
        period = self._by_port(np.where(active, self._period[self.case.shape.link_spot], 1.0), 1.0)
        window = self._by_port(np.where(active, allowed, 0.0), 0.0)
        stalls: Floats = late + np.maximum(0.0, rest - _window_union(period, window, self.case.total))
        return stalls

    def _edges(self, stall: Floats) -> tuple[Floats, Floats]:
        """(on-loading, off-loading) around a computation with a given stall."""
        first = self._real - self._hidden(stall)
        return self._onload(first), self._offload(first)

    @cached_property
    def _once(self) -> _Once:
        """What `_hidden` needs that does not depend on the stall."""
        case, tables = self.case, self.case.tables
        once = self._of_links(tables.once)
        width = case.width[self.rows.design].T  # (q, k)
        inner = self.below[case.shape.link_inner]
        least = tables.least[self.rows.design, self._links, inner]
        spare = self._by_port(np.where(once, np.maximum(0.0, self._real - least), 0.0), 0.0)
        order = np.argsort(self._by_port(np.where(once, -self._real, np.inf), np.inf), axis=0, kind="stable")
        ranked = np.take_along_axis(spare, order, 0)
        busy = _added(self._by_port(self._of_links(tables.rate), 0.0))
        free = np.maximum(0.0, (width - busy) / width)
        return _Once(free, order, ranked, np.cumsum(ranked, axis=0) - ranked)

    def _hidden(self, stall: Floats) -> Floats:
        """(l, k): cycles of transfers that happen once that their port has free during computation.

        The longest goes first; what the innermost level needs to start (or has left at the end) is not hidden.
        """
        once = self._once
        free = once.free_share * (self.case.total + stall)
        by_port = np.empty_like(once.ranked)
        np.put_along_axis(by_port, once.order, np.clip(free - once.before, 0.0, once.ranked), 0)
        hidden = np.zeros((len(self.case.shape.links) + 1, len(stall)))
        hidden[self.case.shape.port_links] = by_port
        return hidden[:-1]

    def _onload(self, first: Floats) -> Floats:
        """(k,): cycles before the array can start: links on ports that both inputs share come one after the other."""
        together, rest = {}, {}
        for operand in ("W", "I"):
            apart = np.zeros(len(self.rows))
            shared, half = np.zeros_like(apart), np.zeros_like(apart)
            for fill, drain in self.case.shape.pairs[operand]:
                longest = np.maximum(first[fill], first[drain])
                sharing = [bool(self.case.shape.inputs_share[self.case.shape.links[i].port]) for i in (fill, drain)]
                if all(sharing):
                    shared = shared + longest
                elif any(sharing):
                    half = longest
                else:
                    apart = apart + longest
            together[operand], rest[operand] = shared, half + apart
        weights_first = together["W"] + np.maximum(together["I"] + rest["I"], rest["W"])
        inputs_first = together["I"] + np.maximum(together["W"] + rest["W"], rest["I"])
        return np.minimum(weights_first, inputs_first)

    def _offload(self, first: Floats) -> Floats:
        """(k,): cycles after the array has finished: level after level."""
        found = np.zeros(len(self.rows))
        for drain, fill in self.case.shape.pairs["O"]:
            found = found + np.maximum(first[drain], first[fill])
        return found


def _added(parts: Floats) -> Floats:
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
        whole, rest = np.divmod(length, period[at])
        beyond = window[at] - inside[at] + (within(rest, at) if at else 0.0)
        return whole * covered[at] + np.where(rest <= window[at], rest, beyond)

    for at in range(1, len(period)):
        inside.append(within(window[at], at))
        covered.append(window[at] + period[at] / period[at - 1] * covered[at - 1] - inside[at])
    union: Floats = covered[-1] * (total / period[-1])
    return union
