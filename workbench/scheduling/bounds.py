"""What no schedule can beat: least makespans and energies, of all jobs or of those that are left.

What runs on one machine cannot overlap, nor can the jobs of one path of `before`: each of these, call it a line i, is
free from f_i on (a path: when its first job may begin) and has its work w_i done by the end. A job adds its cycles to
two lines, its machine's and its path's.

Makespan. It is at least the longest path at the least cycles of each job. And for weights v_i >= 0 that add up to 1

    makespan >= sum_i v_i (f_i + w_i) >= sum_i v_i f_i + sum_j min_k (v_k + v_path(j)) c_jk.

Energy. If all must end by L, w_i fits between f_i and L, so for prices p_i >= 0 of a cycle of a line

    energy >= min over assignments of sum_j e_jk + sum_i p_i (w_i - (L - f_i))
            = sum_j min_k (e_jk + (p_k + p_path(j)) c_jk) - sum_i p_i (L - f_i),

the Lagrangian bound of the assignment without its order.

Weights and prices are sought once, for all jobs and f_i = 0, along the subgradient (the work of each line): any are
valid, so the search need not be exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.scheduling.jobs import ROUNDING, Floats, Goal, Ints, Jobs

ROUNDS = 60
PACE = 0.5
PATIENCE = 3
MOST_EXCESS = 50.0
LEAST_WEIGHT, NEGLIGIBLE = 1e-6, 1e-2
"""A weight can grow again from the least one; one so far below the greatest is left out of the bound."""


@dataclass(frozen=True)
class Lines:
    """Weights or prices of each machine (m) and of each path (q), the path that each job is on (n), and the least that
    each job (n) adds under them: weighted cycles, or energy with its cycles paid for."""

    machine: Floats
    path: Floats
    on: Ints
    least: Floats

    @cached_property
    def paths(self) -> tuple[tuple[float, Ints], ...]:
        """The paths that matter, with their jobs."""
        return tuple((float(self.path[q]), np.flatnonzero(self.on == q)) for q in np.flatnonzero(self.path))


def least_value(jobs: Jobs, goal: Goal, prices: Lines, weights: Lines) -> float:
    """A value of the goal's aim that no schedule within its limit is below."""
    longest = float(jobs.tails(jobs.cycles.min(axis=1)).max())
    makespan = max(longest, float(weights.least.sum()))
    energy = max(float(jobs.energy.min(axis=1).sum()), _energy(prices, goal.limit))
    return goal.value(makespan, energy) * (1 - ROUNDING)


def _energy(prices: Lines, limit: float) -> float:
    paid = float(prices.machine.sum() + prices.path.sum())
    return float(prices.least.sum()) - (limit * paid if paid else 0.0)


def weights_of(jobs: Jobs) -> Lines:
    """Weights under which the makespan is bounded well; they add up to 1. Those of machines alone are tried first."""
    on, m = _paths(jobs), jobs.machines
    lines = m + int(on.max()) + 1
    weight = np.concatenate([np.full(m, 1 / m), np.zeros(lines - m)])
    best, _ = _weighted(jobs, weight, on)
    weight = np.concatenate([np.full(m, 0.5 / m), np.full(lines - m, 0.5 / (lines - m))])
    for step in range(ROUNDS):
        found, chosen = _weighted(jobs, np.where(weight > NEGLIGIBLE * weight.max(), weight, 0.0), on)
        if found.least.sum() > best.least.sum():
            best = found
        work = _work(jobs, chosen, on, lines)
        excess = np.minimum(work / max(work.mean(), 1e-300) - 1, MOST_EXCESS)
        weight = weight * np.exp(PACE / (1 + step) ** 0.5 * excess)
        weight = np.maximum(weight / weight.sum(), LEAST_WEIGHT)
    return best


def _weighted(jobs: Jobs, weight: Floats, on: Ints) -> tuple[Lines, Ints]:
    """Weights (m + q) brought to a sum of 1, and the machine (n,) on which each job has least weighted cycles."""
    machine, path = np.split(weight / weight.sum(), [jobs.machines])
    weighted = np.where(jobs.possible, jobs.cycles, 0.0) * (machine + path[on][:, None])
    weighted = np.where(jobs.possible, weighted, np.inf)
    chosen = np.argmin(weighted, axis=1)
    return Lines(machine, path, on, weighted[np.arange(len(jobs)), chosen]), chosen


def prices_of(jobs: Jobs, limit: float, known: float | None = None) -> Lines:
    """Prices under which the least energy that the limit allows is bounded well; without a limit, none.

    A step is as long as would lead to the energy of a schedule that is `known` (else: of each job where it is fastest)
    if the bound were linear, and half of that after rounds without gain (Polyak's rule).
    """
    on = _paths(jobs)
    lines = jobs.machines + int(on.max()) + 1
    price = np.zeros(lines)
    best = Lines(price[: jobs.machines], price[jobs.machines :], on, jobs.energy.min(axis=1))
    if not np.isfinite(limit):
        return best
    rows = np.arange(len(jobs))
    cycles = np.where(jobs.possible, jobs.cycles, 0.0)
    above = float(jobs.energy_of(jobs.cycles.argmin(axis=1))) if known is None else known
    bound, pace, stuck = -np.inf, 1.0, 0
    for _ in range(ROUNDS):
        machine, path = price[: jobs.machines], price[jobs.machines :]
        paid = jobs.energy + cycles * (machine + path[on][:, None])
        chosen = np.argmin(paid, axis=1)
        found = Lines(machine, path, on, paid[rows, chosen])
        now = _energy(found, limit)
        stuck = 0 if now > bound else stuck + 1
        if now > bound:
            best, bound = found, now
        if stuck == PATIENCE:
            pace, stuck = pace / 2, 0
        over = _work(jobs, chosen, on, lines) - limit
        pushed = np.where((over < 0) & (price == 0), 0.0, over)
        size = float(pushed @ pushed)
        if size == 0 or now >= above:
            break
        price = np.maximum(price + pace * (above - now) / size * pushed, 0.0)
    return best


def _work(jobs: Jobs, chosen: Ints, on: Ints, lines: int) -> Floats:
    """The cycles of each line under an assignment."""
    cycles = jobs.cycles_of(chosen)
    of_machines = np.bincount(chosen, cycles, jobs.machines)
    return np.concatenate([of_machines, np.bincount(on, cycles, lines - jobs.machines)])


def _paths(jobs: Jobs) -> Ints:
    """A path for each job (n): jobs of one number follow each other; a job that branches off begins another."""
    on = np.full(len(jobs), -1, dtype=np.int64)
    tails = jobs.tails(jobs.cycles.min(axis=1))
    number = 0
    for first in range(len(jobs)):
        if on[first] >= 0:
            continue
        at: int | None = first
        while at is not None:
            on[at] = number
            rest = [j for j in jobs.after[at] if on[j] < 0]
            at = max(rest, key=lambda j: (tails[j], -j)) if rest else None
        number += 1
    return on
