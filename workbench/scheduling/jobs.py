"""What is to be scheduled, what a schedule is, and which of two schedules is the better one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UserError, unknown_name

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDING = 1e-12
"""Relative: sums in another order differ by less."""

Aim = Literal["energy", "latency", "edp"]
AIMS: tuple[Aim, ...] = get_args(Aim)


@dataclass(frozen=True)
class Goal:
    """What the best schedule has least of, among those whose makespan is at most `limit` cycles.

    `energy`: energy, among equals the makespan. `latency`: the makespan, among equals energy. `edp`: their product.
    """

    aim: Aim = "energy"
    limit: float = inf

    def __post_init__(self) -> None:
        if self.aim not in AIMS:
            raise unknown_name("aim of a schedule", self.aim, AIMS)
        if not self.limit > 0:
            raise UserError(f"The limit on a schedule's latency must be above 0 cycles, got {self.limit}.")

    def values(self, makespan: Floats, energy: Floats) -> Floats:
        """What there is to be least of. It never falls as makespan or energy grow: of lower bounds it is one."""
        return {"energy": energy, "latency": makespan, "edp": makespan * energy}[self.aim]

    def value(self, makespan: float, energy: float) -> float:
        """The same of one schedule."""
        return float(self.values(np.array([makespan]), np.array([energy]))[0])

    def ranked(self, makespan: Floats, energy: Floats) -> Ints:
        """Schedules from best to worst: least beyond the limit, least of the aim, then least of the other metric."""
        second = energy if self.aim == "latency" else makespan
        return np.lexsort((second, self.values(makespan, energy), np.maximum(makespan - self.limit, 0.0)))

    def key(self, schedule: Schedule) -> tuple[float, float, float]:
        """What `ranked` compares, of one schedule."""
        second = schedule.energy if self.aim == "latency" else schedule.makespan
        return max(schedule.makespan - self.limit, 0.0), self.value(schedule.makespan, schedule.energy), second

    def better(self, one: Schedule, other: Schedule) -> bool:
        """Whether one schedule beats another by more than rounding."""
        for a, b in zip(self.key(one), self.key(other), strict=True):
            if abs(a - b) > ROUNDING * max(a, b):
                return a < b
        return False

    def met(self, makespan: float) -> bool:
        """Whether the makespan is within the limit."""
        return makespan <= self.limit


@dataclass(frozen=True)
class Jobs:
    """`cycles` and `energy` (n, m) of n jobs on m machines, infinite where one cannot run; `before` (n) those that must
    be done first, of lower number than the job."""

    cycles: Floats
    energy: Floats
    before: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        n, m = self.cycles.shape
        if not n or not m or self.energy.shape != (n, m) or len(self.before) != n:
            raise ValueError(
                f"jobs need equal tables, got {self.cycles.shape}, {self.energy.shape}, {len(self.before)}"
            )
        possible = np.isfinite(self.cycles)
        if (possible != np.isfinite(self.energy)).any() or not possible.any(axis=1).all():
            raise ValueError("each job runs on one machine at least, where both cycles and energy are finite")
        if (self.cycles < 0).any() or (self.energy < 0).any():
            raise ValueError("cycles and energy are not negative")
        if any(not 0 <= i < j for j, earlier in enumerate(self.before) for i in earlier):
            raise ValueError("a job comes after jobs of lower number only")

    def __len__(self) -> int:
        return len(self.cycles)

    @property
    def machines(self) -> int:
        """How many there are."""
        return int(self.cycles.shape[1])

    @cached_property
    def possible(self) -> NDArray[np.bool_]:
        """Which machines can run a job, (n, m)."""
        return np.isfinite(self.cycles)

    @cached_property
    def after(self) -> tuple[tuple[int, ...], ...]:
        """The jobs that wait for each."""
        found: list[list[int]] = [[] for _ in self.before]
        for j, earlier in enumerate(self.before):
            for i in dict.fromkeys(earlier):
                found[i].append(j)
        return tuple(map(tuple, found))

    def tails(self, cycles: Floats) -> Floats:
        """The longest path from the begin of each job to the end, (..., n), for the jobs' cycles (..., n)."""
        tail = np.array(cycles, dtype=np.float64)
        for j in reversed(range(len(self))):
            if self.after[j]:
                tail[..., j] += tail[..., list(self.after[j])].max(axis=-1)
        return tail

    def energy_of(self, machine: Ints) -> Floats:
        """The energy of assignments (..., n)."""
        found: Floats = self.energy[np.arange(len(self)), machine].sum(axis=-1)
        return found

    def cycles_of(self, machine: Ints) -> Floats:
        """The cycles of each job under assignments (..., n)."""
        found: Floats = self.cycles[np.arange(len(self)), machine]
        return found


@dataclass(frozen=True)
class Schedule:
    """For each job (n) its machine, begin and end in cycles; `makespan` is when the last one ends."""

    machine: tuple[int, ...]
    start: tuple[float, ...]
    finish: tuple[float, ...]
    makespan: float
    energy: float


def scheduled(jobs: Jobs, machine: Sequence[int], order: Sequence[int]) -> Schedule:
    """Jobs in an order that keeps `before`, each as soon as its machine and those before it are done."""
    free = [0.0] * jobs.machines
    start, finish = [0.0] * len(jobs), [0.0] * len(jobs)
    for j in order:
        k = machine[j]
        start[j] = max([free[k], *(finish[i] for i in jobs.before[j])])
        free[k] = finish[j] = start[j] + float(jobs.cycles[j, k])
    energy = float(jobs.energy_of(np.array(machine)))
    return Schedule(tuple(int(k) for k in machine), tuple(start), tuple(finish), max(finish), energy)
