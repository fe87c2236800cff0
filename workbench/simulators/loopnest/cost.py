"""What a mapping costs: word accesses and energy, port-accurate latency with double buffering and on/off-loading.

The model is that of ZigZag (Mei et al. 2021, IEEE TC, and its public code, version 3.9.1), restated on arrays:
- Data moved per period at a link between two levels, and how often, follow from the loops held below it; loops that
  reuse an operand directly above what a level holds extend its stay (`Runs.stays`).
- A word is moved in steps of the port's smallest width; energy is words x cost per word.
- Per link: real cycles = bits / width, rounded up; allowed cycles = the whole period where the level that fills is
  double-buffered (it uses at most half of its memory, or what is free holds another copy), else the period divided by
  the reuse loops at its top. Stall or slack = (real - allowed) x (periods - 1).
- Links on one port: sum of stalls + max(0, sum of slacks + sum of windows - union of the windows). Ports work in
  parallel: the temporal stall is that of the worst port.
- On-loading: the first transfer of each input through the levels, ports shared by both inputs in series; what is
  loaded once is partly hidden in the port's free time during computation. Off-loading: the last transfer of the output.

Deliberate differences, each towards physics: word accesses are not cut down to whole numbers (a port wider than its
smallest step would read a small tensor zero times); sliding loops whose kernel side is 1 count as indexing the input;
stalls do not hide on-loading (see `_onload`), so that more bandwidth or memory never makes a mapping slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from workbench.problem.arch import Direction
from workbench.simulators.loopnest.nestcase import NestCase
from workbench.simulators.loopnest.orders import Floats, Ints

OUTPUT_FIRST = ("O", "W", "I")
T = TypeVar("T", bound=np.generic)
Stored = dict[tuple[str, int], Floats]


@dataclass(frozen=True)
class Link:
    """Traffic of one operand through one port of one memory, per period; arrays (d, r)."""

    operand: str
    level: int
    direction: Direction
    port: tuple[int, int]
    bits: Floats
    periods: Floats
    period: Floats
    bits_per_cycle: Floats


@dataclass(frozen=True)
class Cost:
    """All arrays (d, r), or (d, 1) where the order does not matter."""

    memory_energy_pj: dict[tuple[str, int], Floats]
    mac_energy_pj: Floats
    steps: float
    stall: Floats
    onload: Floats
    offload: Floats
    drain: Floats

    @property
    def energy_pj(self) -> Floats:
        """Total energy."""
        return sum(self.memory_energy_pj.values(), start=self.mac_energy_pj)

    @property
    def latency(self) -> Floats:
        """Total cycles."""
        return self.steps + self.stall + self.onload + self.offload + self.drain


class CostModel:
    """Costs of the mappings of a case, given the positions `cut[operand][level]` (d, r) of each order."""

    def __init__(self, case: NestCase, cut: dict[str, tuple[Ints, ...]]) -> None:
        self.case = case
        self.orders = case.orders
        self.rows = np.arange(case.orders.steps.shape[0])[None, :]
        self.total = float(case.orders.steps[0, -1])
        self.cut: dict[str, list[Ints]] = {
            operand: [self._at(case.orders.runs[operand].stays, c) for c in levels] for operand, levels in cut.items()
        }
        self.partial = self._partial_flags()
        self.period = {operand: self._periods(operand) for operand in case.levels}

    def _at(self, table: NDArray[T], position: Ints) -> NDArray[T]:
        """(r, n + 1) or (d, r, n + 1) at (d, r) -> (d, r)."""
        if table.ndim == 2:
            return np.asarray(table[self.rows, position])
        return np.asarray(np.take_along_axis(table, position[..., None], -1)[..., 0])

    def _start(self, operand: str, level: int) -> Ints:
        """Where the loops of a level begin."""
        return self.cut[operand][level - 1] if level else np.zeros_like(self.cut[operand][0])

    def _partial_flags(self) -> list[NDArray[np.bool_]]:
        """Per output level, and one more: whether sums that pass below it are still partial."""
        flags: list[NDArray[np.bool_]] = []
        for level in range(len(self.case.levels["O"])):
            outside = self._at(self.orders.runs["O"].reused_above, self._start("O", level))
            flags.append(outside | self.case.reduced_above(level))
        return [*flags, np.zeros_like(flags[0])]

    def _periods(self, operand: str) -> list[Floats]:
        """Cycles between transfers: [at the array, at level 0, at level 1, ...]."""
        held = [self._at(self.orders.steps, c) for c in self.cut[operand]]
        start = np.zeros_like(self.cut[operand][0])
        stationary = (
            np.ones_like(held[0])
            if operand == "O"
            else self._at(self.orders.steps, self._at(self.orders.runs[operand].stays, start))
        )
        return [stationary, *held]

    def held(self, operand: str, *, whole: bool) -> list[Floats]:
        """Elements below a link: [one at the array, in level 0, in level 1, ...]."""
        case = self.case
        found = [np.ones_like(self.period[operand][0])]
        for level in range(len(case.levels[operand])):
            elements = self._at(case.elements(operand, level, whole=whole), self.cut[operand][level])
            found.append(np.round(elements))
        return found

    def bits_held(self, operand: str, place: int) -> Floats | int:
        """Bits per element of what lies below a link: place 0 is the array, place 1 level 0, ..."""
        if operand != "O":
            return self.case.bits[operand]
        layer = self.case.layer
        return np.where(self.partial[place], float(layer.partial_bits), float(layer.output_bits))

    def links(self, *, whole: bool) -> list[Link]:
        """Every transfer of every operand, with averages or whole numbers of units."""
        found: list[Link] = []
        for operand in OUTPUT_FIRST:
            held = self.held(operand, whole=whole)
            top = len(self.case.levels[operand]) - 1
            for level in range(top + 1):
                low = held[level] * self.case.multicast(operand, level, whole=whole)
                if operand == "O":
                    found.append(self._link(operand, level, "from_low", low))
                    found.append(self._link(operand, level, "to_low", low, only_partial=True))
                    if level < top:
                        found.append(self._link(operand, level, "to_high", held[level + 1]))
                        found.append(self._link(operand, level, "from_high", held[level + 1], only_partial=True))
                else:
                    found.append(self._link(operand, level, "to_low", low))
                    if level < top:
                        found.append(self._link(operand, level, "from_high", held[level + 1]))
        return found

    def _link(
        self, operand: str, level: int, direction: Direction, elements: Floats, *, only_partial: bool = False
    ) -> Link:
        place = level if direction in ("to_low", "from_low") else level + 1
        period = self.period[operand][place]
        periods = self.total / period
        if only_partial:
            periods = np.where(self.partial[place], periods, 0.0)
            bits = elements * self.case.layer.partial_bits
        else:
            bits = elements * self.bits_held(operand, place)
        memory = self.case.levels[operand][level].memory
        port = self.case.memories[memory].port_of(operand, direction)
        return Link(operand, level, direction, (memory, port), bits, periods, period, np.floor(bits / period))

    def evaluate(self) -> Cost:
        """Energy from averages, latency from whole numbers of units."""
        case = self.case
        energy: Stored = {}
        for link in self.links(whole=False):
            memory, port = link.port
            width, step = case.port_width(memory, port), case.port_step(memory, port)
            words = np.ceil(link.bits / step) * (step / width) * link.periods * case.units(link.operand, link.level)
            cost = case.read_pj if link.direction in ("to_low", "to_high") else case.write_pj
            place = (link.operand, link.level)
            energy[place] = energy.get(place, np.zeros(1)) + words * cost[:, memory, None]
        layer = case.layer
        mac_scale = layer.macs * (layer.weight_bits * layer.input_bits / 64)
        stall, onload, offload = self._latency(self.links(whole=True))
        return Cost(
            memory_energy_pj=energy,
            mac_energy_pj=np.array([[a.mac_energy_pj * mac_scale] for a in case.archs]),
            steps=self.total,
            stall=stall,
            onload=onload,
            offload=offload,
            drain=case.drain_cycles,
        )

    def _top_run(self, operand: str, place: int, kind: Literal["relevant", "reuse"]) -> Floats:
        """Iterations of the unbroken run of such loops at the top of what a place holds (1 at the array)."""
        if place == 0:
            return np.ones_like(self.period[operand][0])
        level = place - 1
        runs = self.orders.runs[operand]
        starts = runs.relevant_from if kind == "relevant" else runs.irrelevant_from
        end = self.cut[operand][level]
        start = np.maximum(self._at(starts, end), self._start(operand, level))
        return self._at(self.orders.steps, end) / self._at(self.orders.steps, start)

    def _double_buffered(self) -> dict[tuple[str, int], NDArray[np.bool_]]:
        """(operand, place) -> whether the next data can come while the present is used; place 0 never."""
        case = self.case
        used: Stored = {}
        shared: dict[int, Floats] = {}
        for operand in OUTPUT_FIRST:
            held = self.held(operand, whole=False)
            for level, there in enumerate(case.levels[operand]):
                bits = held[level + 1] * self.bits_held(operand, level + 1)
                live = np.floor(bits / self._top_run(operand, level + 1, "relevant"))
                used[operand, level] = live / case.capacity[:, there.memory, None]
                shared[there.memory] = shared.get(there.memory, np.zeros(1)) + used[operand, level]
        flags: dict[tuple[str, int], NDArray[np.bool_]] = {}
        for operand in OUTPUT_FIRST:
            flags[operand, 0] = np.zeros_like(self.partial[0])
            for level, there in enumerate(case.levels[operand]):
                total = shared[there.memory]
                spare = (total > 0.5) & (used[operand, level] <= 1 - total)
                flags[operand, level + 1] = (total <= 0.5) | spare
                shared[there.memory] = total + np.where(spare, used[operand, level], 0.0)
        return flags

    def _latency(self, links: list[Link]) -> tuple[Floats, Floats, Floats]:
        """(stall, on-loading, off-loading), each (d, r)."""
        flags = self._double_buffered()
        ports: dict[tuple[int, int], list[tuple[Link, Floats, Floats]]] = {}
        for link in links:
            place = link.level if link.direction in ("to_low", "from_low") else link.level + 1
            real = np.ceil(link.bits / self.case.port_width(*link.port))
            window = np.floor(link.period / self._top_run(link.operand, place, "reuse"))
            allowed = np.where(flags[link.operand, place], link.period, window)
            ports.setdefault(link.port, []).append((link, real, allowed))
        stall = np.zeros_like(self.period["O"][0])
        for sharing in ports.values():
            stall = np.maximum(stall, _port_stall(sharing))
        onload, offload = self._edges(ports, stall)
        if stall.any():
            # A stall cannot hide more than it costs: without it the run would take this long.
            onload_free, offload_free = self._edges(ports, np.zeros_like(stall))
            saved = onload_free + offload_free - onload - offload
            onload = onload + np.maximum(0.0, saved - stall)
        return stall, onload, offload

    def _edges(
        self, ports: dict[tuple[int, int], list[tuple[Link, Floats, Floats]]], stall: Floats
    ) -> tuple[Floats, Floats]:
        """(on-loading, off-loading) around a computation with a given stall."""
        first: dict[tuple[str, int, Direction], Floats] = {}
        for (memory, port), sharing in ports.items():
            first.update(self._first_transfers(self.case.port_width(memory, port), sharing, stall))
        return self._onload(first), self._offload(first)

    def _first_transfers(
        self, width: Floats, sharing: list[tuple[Link, Floats, Floats]], stall: Floats
    ) -> dict[tuple[str, int, Direction], Floats]:
        """Cycles of the first input and last output transfers of one port.

        A transfer that happens once may use what the port has free during computation, the longest first, but not for
        what the innermost level needs to start (or has left at the end).
        """
        moved = [
            (link, real)
            for link, real, _ in sharing
            if not (link.operand == "O" and link.direction in ("to_low", "from_high"))
        ]
        if not moved:
            return {}
        once = [link.periods == 1 for link, _ in moved]
        busy = sum(np.where(o, 0.0, link.bits_per_cycle) for o, (link, _) in zip(once, moved, strict=True))
        free = np.maximum(0.0, (width - busy) / width * (self.total + stall))
        real = np.stack([np.broadcast_to(r, stall.shape) for _, r in moved])  # (links, d, r)
        least = np.stack(
            [
                np.ceil(self.held(link.operand, whole=True)[1] * self.bits_held(link.operand, 1) / width)
                for link, _ in moved
            ]
        )
        spare = np.where(np.stack(once), np.maximum(0.0, real - least), 0.0)
        order = np.argsort(np.where(np.stack(once), -real, np.inf), axis=0, kind="stable")
        spare_sorted = np.take_along_axis(spare, order, 0)
        before = np.cumsum(spare_sorted, axis=0) - spare_sorted
        hidden_sorted = np.clip(free[None] - before, 0.0, spare_sorted)
        hidden = np.zeros_like(spare)
        np.put_along_axis(hidden, order, hidden_sorted, 0)
        return {(link.operand, link.level, link.direction): real[i] - hidden[i] for i, (link, _) in enumerate(moved)}

    def _onload(self, first: dict[tuple[str, int, Direction], Floats]) -> Floats:
        """Cycles before the array can start: links on ports that both inputs share come one after the other."""
        parts: dict[str, tuple[Floats, Floats]] = {}
        for operand in ("W", "I"):
            levels = self.case.levels[operand]
            together = np.zeros_like(self.period["O"][0])
            alone, half = np.zeros_like(together), np.zeros_like(together)
            for level in range(len(levels) - 1):
                fill, drain = first[operand, level, "from_high"], first[operand, level + 1, "to_low"]
                longest = np.maximum(fill, drain)
                sharing = (
                    self._port_shared(operand, level, "from_high"),
                    self._port_shared(operand, level + 1, "to_low"),
                )
                if all(sharing):
                    together = together + longest
                elif any(sharing):
                    half = longest
                else:
                    alone = alone + longest
            parts[operand] = together, half + alone
        (w_together, w_rest), (i_together, i_rest) = parts["W"], parts["I"]
        weights_first = w_together + np.maximum(i_together + i_rest, w_rest)
        inputs_first = i_together + np.maximum(w_together + w_rest, i_rest)
        return np.minimum(weights_first, inputs_first)

    def _port_shared(self, operand: str, level: int, direction: Direction) -> bool:
        """Whether the port of a link serves both inputs."""
        memory = self.case.memories[self.case.levels[operand][level].memory]
        port = memory.port_of(operand, direction)
        other = "I" if operand == "W" else "W"
        return other in memory.operands and port in (
            memory.port_of(other, "to_low"),
            memory.port_of(other, "from_high"),
        )

    def _offload(self, first: dict[tuple[str, int, Direction], Floats]) -> Floats:
        """Cycles after the array has finished: level after level."""
        found = np.zeros_like(self.period["O"][0])
        for level in range(len(self.case.levels["O"]) - 1):
            found = found + np.maximum(first["O", level, "to_high"], first["O", level + 1, "from_low"])
        return found


def _port_stall(sharing: list[tuple[Link, Floats, Floats]]) -> Floats:
    """Stall of one port: links that are late add up; links with slack wait only where windows overlap."""
    late: Floats = np.zeros(1)
    slack: Floats = np.zeros(1)
    windows: Floats = np.zeros(1)
    for link, real, allowed in sharing:
        repeats = np.maximum(link.periods - 1, 0.0)
        balance = (real - allowed) * repeats
        late = late + np.maximum(balance, 0.0)
        slack = slack + np.minimum(balance, 0.0)
        windows = windows + allowed * repeats
    return late + np.maximum(0.0, slack + windows - _window_union(sharing))


def _window_union(sharing: list[tuple[Link, Floats, Floats]]) -> Floats:
    """Cycles of the whole run in which at least one link may move data.

    Each link has the first `allowed` cycles of its every period. All periods are products of the innermost loops of
    one order, so each divides the next larger, and the count follows by recursion: a longer link covers the first
    cycles of its period, shorter ones what they cover of the rest.
    """
    shape = np.broadcast_shapes(*(link.periods.shape for link, _, _ in sharing))
    active = np.stack([np.broadcast_to(link.periods > 0, shape) for link, _, _ in sharing])
    period = np.where(active, np.stack([np.broadcast_to(link.period, shape) for link, _, _ in sharing]), 1.0)
    window = np.where(active, np.stack([np.broadcast_to(allowed, shape) for _, _, allowed in sharing]), 0.0)
    total = np.max(np.stack([np.broadcast_to(link.period * link.periods, shape) for link, _, _ in sharing]), axis=0)
    order = np.argsort(period, axis=0, kind="stable")
    period, window = np.take_along_axis(period, order, 0), np.take_along_axis(window, order, 0)
    covered: list[Floats] = []  # by the links up to and including this one, in one period of this one
    inside: list[Floats] = []  # by the shorter links, within this one's window

    def within(length: Floats, upto: int) -> Floats:
        """Cycles covered by the links below `upto` in the first `length` cycles."""
        if upto == 0:
            return np.zeros(shape)
        at = upto - 1
        whole, rest = np.divmod(length, period[at])
        beyond = window[at] + within(rest, at) - inside[at]
        return whole * covered[at] + np.where(rest <= window[at], rest, beyond)

    for at in range(len(sharing)):
        inside.append(within(window[at], at))
        covered.append(window[at] + within(period[at], at) - inside[at])
    union: Floats = covered[-1] * (total / period[-1])
    return union
