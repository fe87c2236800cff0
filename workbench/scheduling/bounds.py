"""What no schedule can beat: least makespans and energies, of all jobs or of those that are left.

Makespan. It is at least the longest path at the least cycles of each job. And as machine k is free from f_k on and all
of its work fits before the end, for weights w_k >= 0 that add up to 1

    makespan >= sum_k w_k (f_k + work on k) >= sum_k w_k f_k + sum_j min_k w_k c_jk.

Energy. If all must end by L, whatever runs on k fits between f_k and L, so for prices p_k >= 0 of a cycle of k

    energy >= min over assignments of sum_j e_jk + sum_k p_k (work on k - (L - f_k))
            = sum_j min_k (e_jk + p_k c_jk) - sum_k p_k (L - f_k),

the Lagrangian bound of the assignment without its order. The jobs of a path of `before` cannot overlap either: their
sum is bounded by L as a machine's is, with a price of its own.

Weights and prices are sought once, for all jobs on empty machines, along the subgradient (the load of each machine):
any are valid, so the search need not be exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.scheduling.jobs import ROUNDING, Floats, Goal, Ints, Jobs

ROUNDS = 60
PACE = 0.5


@dataclass(frozen=True)
class Weights:
    """Of each machine (m), and of each job (n) the least weighted cycles; `bound` is their sum."""

    machine: Floats
    least: Floats

    @property
    def bound(self) -> float:
        """A makespan that no schedule of all jobs is below."""
        return float(self.least.sum())


@dataclass(frozen=True)
class Prices:
    """Per cycle of each machine (m) and of each path (q), and the path that each job is on (n); of each job the least
    energy with its cycles paid for (n)."""

    machine: Floats
    path: Floats
    on: Ints
    least: Floats

    def bound(self, limit: float) -> float:
        """An energy that no schedule of all jobs within the limit is below."""
        paid = self.machine.sum() + self.path.sum()
        return float(self.least.sum() - (limit * paid if paid else 0.0))


def least_value(jobs: Jobs, goal: Goal, prices: Prices, weights: Weights) -> float:
    """A value of the goal's aim that no schedule within its limit is below."""
    longest = float(jobs.tails(jobs.cycles.min(axis=1)).max())
    makespan = max(longest, weights.bound)
    energy = max(float(jobs.energy.min(axis=1).sum()), prices.bound(goal.limit))
    return goal.value(makespan, energy) * (1 - ROUNDING)


def weights_of(jobs: Jobs) -> Weights:
    """Weights under which the makespan is bounded well."""
    rows, machine = np.arange(len(jobs)), np.full(jobs.machines, 1 / jobs.machines)
    found: Weights | None = None
    for step in range(ROUNDS):
        weighted = jobs.cycles * machine
        chosen = np.argmin(weighted, axis=1)
        least = weighted[rows, chosen]
        if found is None or least.sum() > found.bound:
            found = Weights(machine, least)
        load = np.bincount(chosen, jobs.cycles[rows, chosen], jobs.machines)
        machine = machine * np.exp(PACE / (1 + step) ** 0.5 * (load / max(load.mean(), 1e-300) - 1))
        machine = np.maximum(machine / machine.sum(), 1e-6)
        machine = machine / machine.sum()
    assert found is not None
    return found


def prices_of(jobs: Jobs, limit: float) -> Prices:
    """Prices under which the least energy that the limit allows is bounded well; without a limit, none."""
    on = _paths(jobs)
    machine, path = np.zeros(jobs.machines), np.zeros(int(on.max()) + 1)
    best = Prices(machine, path, on, jobs.energy.min(axis=1))
    if not np.isfinite(limit):
        return best
    rows = np.arange(len(jobs))
    cycles = np.where(jobs.possible, jobs.cycles, 0.0)
    spread = float((np.where(jobs.possible, jobs.energy, 0.0).max(axis=1) - jobs.energy.min(axis=1)).sum())
    for step in range(ROUNDS):
        paid = jobs.energy + cycles * (machine + path[on][:, None])
        chosen = np.argmin(paid, axis=1)
        found = Prices(machine, path, on, paid[rows, chosen])
        if found.bound(limit) > best.bound(limit):
            best = found
        taken = cycles[rows, chosen]
        over = np.concatenate([np.bincount(chosen, taken, jobs.machines), np.bincount(on, taken, len(path))]) - limit
        now = np.concatenate([machine, path])
        pushed = np.where((over < 0) & (now == 0), 0.0, over)
        size = float(pushed @ pushed)
        if size == 0:
            break
        now = np.maximum(now + spread / size / (step + 1) * over, 0.0)
        machine, path = now[: jobs.machines], now[jobs.machines :]
    return best


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
