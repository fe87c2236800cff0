"""Schedules by labels: the best one, proven, where as many labels are kept as that takes, else a good one.

Any schedule can be pushed to the left until each job begins when its machine or a job before it ends, without a later
end or more energy; and such a schedule arises by appending jobs one by one in the order in which they begin. So labels
(a set of done jobs, when each machine is free, when each waiting job may begin, energy) are extended by one job at a
time, all of equally many jobs at once. Three things drop a label:

- another one of the same set is nowhere later and costs no more: what completes the one completes the other;
- its makespan must exceed the limit: of each job left, the earliest begin and the longest path behind it at the least
  cycles; and all work left, spread over the machines (`bounds`);
- it cannot be better than what is known: the same bounds and the Lagrangian one of `bounds`.

Where more than `width` labels are left, only that many go on, those whose bounds promise most: then nothing is proven.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from workbench.scheduling.bounds import Lines, prices_of, weights_of
from workbench.scheduling.jobs import ROUNDING, Floats, Goal, Ints, Jobs, Schedule, scheduled

Bools = NDArray[np.bool_]
Words = NDArray[np.uint64]

MOST_JOBS = 64
"""A set of jobs is a word of that many bits."""

AT_ONCE = 256
SIFTED = 2
"""So many times the width are compared with each other before the best of them go on."""

BY_AIM = 0.75
"""The part of the width that goes to labels with the best bound of the aim; the rest are those that have most time."""


_SOONER = np.triu(np.ones((AT_ONCE, AT_ONCE), dtype=np.bool_), k=1)
"""Of rows by their sums: what is nowhere above another row comes before it, or is equal to it."""


@dataclass(frozen=True)
class Found:
    """The best schedule found within the limit, if any; whether there is none better; how many labels there were."""

    schedule: Schedule | None
    proven: bool
    labels: int


@dataclass(frozen=True)
class _Labels:
    """Labels of equally many done jobs, (k,) each: `free` (k, m); `begin` (k, n + 1), the earliest begin of each job
    that is not done, else 0 (the last column is no job's); the label extended, and the job and machine appended."""

    done: Words
    free: Floats
    begin: Floats
    energy: Floats
    parent: Ints
    job: Ints
    machine: Ints

    def __len__(self) -> int:
        return len(self.done)

    def take(self, rows: Ints | Bools) -> _Labels:
        """Some of them."""
        return _Labels(*(getattr(self, field.name)[rows] for field in fields(self)))


def searched(
    jobs: Jobs,
    goal: Goal,
    known: Schedule | None = None,
    width: int | None = None,
    prices: Lines | None = None,
    weights: Lines | None = None,
) -> Found:
    """The schedule with least of the goal's aim within its limit; `width` labels of a kind go on, None for all.

    `known` is one to beat: the answer, where nothing better is found. More jobs than `MOST_JOBS` are not searched.
    `prices` for the goal's limit and `weights` are sought where they are not given.
    """
    known = known if known is not None and goal.met(known.makespan) else None
    if len(jobs) > MOST_JOBS:
        return Found(known, False, 0)
    search = _Search(jobs, goal, known, width, prices or prices_of(jobs, goal.limit), weights or weights_of(jobs))
    levels = [search.start()]
    while len(levels) <= len(jobs) and len(levels[-1]):
        levels.append(search.extended(levels[-1]))
    labels = sum(map(len, levels))
    if not len(levels[-1]):
        return Found(known, not search.cut, labels)
    last = levels[-1]
    best = int(np.argmin(goal.values(last.free.max(axis=1), last.energy)))
    order, machine = [], [0] * len(jobs)
    for level in reversed(levels[1:]):
        order.append(int(level.job[best]))
        machine[order[-1]], best = int(level.machine[best]), int(level.parent[best])
    return Found(scheduled(jobs, machine, order[::-1]), not search.cut, labels)


class _Search:
    """Jobs in tables, the value to beat, and whether labels were cut off."""

    def __init__(
        self, jobs: Jobs, goal: Goal, known: Schedule | None, width: int | None, prices: Lines, weights: Lines
    ) -> None:
        n = len(jobs)
        self.jobs, self.goal, self.width = jobs, goal, width
        self.to_beat = np.inf if known is None else goal.value(known.makespan, known.energy)
        self.cut = False
        self.bit = np.uint64(1) << np.arange(n, dtype=np.uint64)
        self.needs = np.array([np.bitwise_or.reduce(self.bit[list(b)], initial=np.uint64(0)) for b in jobs.before])
        most = max(1, *map(len, jobs.after))
        self.after = np.array([[*following, *[n] * (most - len(following))] for following in jobs.after])
        self.tail = jobs.tails(jobs.cycles.min(axis=1))
        self.cheapest = jobs.energy.min(axis=1)
        self.prices, self.weights = prices, weights

    def start(self) -> _Labels:
        """Nothing done."""
        n, m = len(self.jobs), self.jobs.machines
        none = np.zeros(1, dtype=np.int64)
        done = np.zeros(1, dtype=np.uint64)
        return _Labels(done, np.zeros((1, m)), np.zeros((1, n + 1)), np.zeros(1), none, none, none)

    def extended(self, labels: _Labels) -> _Labels:
        """Every label with every job that can be next, on every machine: those that may win."""
        waiting = (labels.done[:, None] & self.bit) == 0
        parent, job = np.nonzero(waiting & ((labels.done[:, None] & self.needs) == self.needs))
        pair, machine = np.nonzero(self.jobs.possible[job])
        parent, job = parent[pair], job[pair]
        rows = np.arange(len(parent))
        begin, free = labels.begin[parent], labels.free[parent]
        end = np.maximum(begin[rows, job], free[rows, machine]) + self.jobs.cycles[job, machine]
        free[rows, machine] = end
        behind = self.after[job]
        begin[rows[:, None], behind] = np.maximum(begin[rows[:, None], behind], end[:, None])
        done = labels.done[parent] | self.bit[job]
        left = (done[:, None] & self.bit) == 0
        _postpone(begin, free, left, left & ((done[:, None] & self.needs) == self.needs))
        energy = labels.energy[parent] + self.jobs.energy[job, machine]
        made = _Labels(done, free, begin, energy, parent, job, machine)
        makespan, energy = self._bounds(made, left)
        limit, to_beat = self.goal.limit * (1 + ROUNDING), self.to_beat * (1 - ROUNDING)
        may_win = np.flatnonzero((makespan <= limit) & (self.goal.values(makespan, energy) < to_beat))
        made, makespan, energy = made.take(may_win), makespan[may_win], energy[may_win]
        if self.width is not None and len(made) > SIFTED * self.width:
            self.cut = True
            kept = self._promising(made, makespan, energy, SIFTED * self.width)
            made, makespan, energy = made.take(kept), makespan[kept], energy[kept]
        kept = self._undominated(made)
        if self.width is not None and len(kept) > self.width:
            self.cut = True
            kept = kept[self._promising(made.take(kept), makespan[kept], energy[kept], self.width)]
        return made.take(kept)

    def _bounds(self, labels: _Labels, left: Bools) -> tuple[Floats, Floats]:
        """The least makespan (k,) and energy (k,) that a label can come to, rounding taken off."""
        path = np.where(left, labels.begin[:, :-1] + self.tail, 0.0).max(axis=1)
        end, weights = labels.free.max(axis=1), self.weights
        work = labels.free @ weights.machine + left @ weights.least
        for weight, begin in self._begins(labels, left, weights, end):
            work += weight * begin
        makespan = np.maximum(np.maximum(path, work), end)
        energy = labels.energy + np.maximum(left @ self.cheapest, self._lagrangian(labels, left))
        return makespan * (1 - ROUNDING), energy * (1 - ROUNDING)

    def _lagrangian(self, labels: _Labels, left: Bools) -> Floats:
        """Least energy of the jobs left, each machine and each path having the time until the limit."""
        limit, prices = self.goal.limit, self.prices
        if not np.isfinite(limit):
            return np.zeros(len(labels))
        bound = left @ prices.least - (limit - labels.free) @ prices.machine
        for price, begin in self._begins(labels, left, prices, np.full(len(labels), limit)):
            bound -= price * np.maximum(limit - begin, 0.0)
        return np.asarray(bound)

    def _begins(self, labels: _Labels, left: Bools, lines: Lines, none: Floats) -> Iterator[tuple[float, Floats]]:
        """Of each path its weight or price, and when its first job left may begin (k,); `none` (k,) where none is."""
        for weight, jobs in lines.paths:
            begin = np.where(left[:, jobs], labels.begin[:, jobs], np.inf).min(axis=1)
            yield weight, np.where(np.isfinite(begin), begin, none)

    def _promising(self, labels: _Labels, makespan: Floats, energy: Floats, count: int) -> Ints:
        """Some by the bound of the aim, some by the time that they have taken so far."""
        taken = makespan + labels.free.sum(axis=1) / self.jobs.machines
        values = self.goal.values(makespan, energy)
        by_aim = np.lexsort((taken, values))[: int(count * BY_AIM)]
        others = np.ones(len(labels), dtype=np.bool_)
        others[by_aim] = False
        by_time = np.lexsort((values, taken))
        return np.sort(np.concatenate([by_aim, by_time[others[by_time]][: count - len(by_aim)]]))

    def _undominated(self, labels: _Labels) -> Ints:
        """The labels that no other one of the same set makes superfluous."""
        if not len(labels):
            return np.zeros(0, dtype=np.int64)
        order = np.argsort(labels.done, kind="stable")
        cuts = np.flatnonzero(np.diff(labels.done[order])) + 1
        kept = []
        for group in np.split(order, cuts):
            done = labels.done[group[0]]
            told = (done & self.needs != 0) | (self.needs == 0)  # any other job begins as soon as one of these can
            waiting = np.flatnonzero(told & (done & self.bit == 0))
            tables = [labels.free[group], labels.begin[group[:, None], waiting]]
            if self.goal.aim != "latency":
                tables.append(labels.energy[group, None])
            kept.append(group[_least(np.hstack(tables))])
        return np.concatenate(kept)


def _postpone(begin: Floats, free: Floats, left: Bools, ready: Bools) -> None:
    """Begins and free machines as late as they matter, so that labels which differ in nothing that matters are equal.

    No job begins before some machine is free, none before the first of those that can be next, and no machine is needed
    before that one.
    """
    jobs = np.where(left, np.maximum(begin[:, :-1], free.min(axis=1)[:, None]), 0.0)
    first = np.where(ready, jobs, np.inf).min(axis=1)[:, None]
    first = np.where(np.isfinite(first), first, 0.0)
    np.maximum(free, first, out=free)
    begin[:, :-1] = np.where(left, np.maximum(jobs, first), 0.0)
    begin[:, -1] = 0.0


def _least(table: Floats) -> Ints:
    """The rows that are not at least another row everywhere; of equal rows the first."""
    if len(table) == 1:
        return np.zeros(1, dtype=np.int64)
    order = np.argsort(table.sum(axis=1), kind="stable")
    table, kept = table[order], np.zeros(0, dtype=np.int64)
    for first in range(0, len(table), AT_ONCE):
        block = np.arange(first, min(first + AT_ONCE, len(table)))
        if len(kept):
            block = block[~_nowhere_above(table[kept], table[block]).any(axis=0)]
        among = _nowhere_above(table[block], table[block]) & _SOONER[: len(block), : len(block)]
        kept = np.concatenate([kept, block[~among.any(axis=0)]])
    return order[kept]


def _nowhere_above(one: Floats, other: Floats) -> Bools:
    """Whether each row of the one is nowhere above each of the other, (one, other)."""
    found = np.ones((len(one), len(other)), dtype=np.bool_)
    for column in range(one.shape[1]):
        found &= one[:, column, None] <= other[None, :, column]
    return found
