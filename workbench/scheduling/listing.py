"""Many schedules at once by lists: jobs in an order, each as soon as its machine and those before it are done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.scheduling.jobs import Floats, Ints, Jobs


@dataclass(frozen=True)
class Listed:
    """Schedules (k,): machines (k, n), makespans and energies."""

    machine: Ints
    makespan: Floats
    energy: Floats


def listed(jobs: Jobs, order: Ints, prices: Floats) -> Listed:
    """Jobs by lists (k, n) that keep `before`: each on the machine with the least energy plus price (k,) times its end.

    At no price that is where a job costs least, at a high one where it ends first.
    """
    n, m = jobs.cycles.shape
    rows = np.arange(len(prices))
    before = _padded(jobs.before)
    free, end = np.zeros((len(prices), m)), np.zeros((len(prices), n + 1))
    machine = np.zeros((len(prices), n), dtype=np.int64)
    cycles, energy = np.where(jobs.possible, jobs.cycles, 0.0), jobs.energy
    for place in range(n):
        job = order[:, place]
        ready = end[rows[:, None], before[job]].max(axis=1)
        ends = np.maximum(free, ready[:, None]) + cycles[job]
        machine[rows, job] = chosen = np.argmin(energy[job] + prices[:, None] * ends, axis=1)
        free[rows, chosen] = end[rows, job] = ends[rows, chosen]
    return Listed(machine, end.max(axis=1), jobs.energy_of(machine))


def _padded(jobs: tuple[tuple[int, ...], ...]) -> Ints:
    """Rows of equal length; what is missing is number n, whose end is 0."""
    n, most = len(jobs), max(1, *map(len, jobs))
    return np.array([[*row, *[n] * (most - len(row))] for row in jobs])
