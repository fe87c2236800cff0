"""What is true of any schedule, checked from its numbers alone; and the best of all schedules, by trying each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

import numpy as np
from hypothesis import strategies as st

from benchmarks.assignment import random_jobs
from workbench.scheduling.jobs import Goal, Jobs, Schedule, scheduled


def assert_valid(jobs: Jobs, schedule: Schedule) -> None:
    """Nothing overlaps on a machine, nothing begins before what it waits for, and the sums are those of the jobs."""
    n = len(jobs)
    assert len(schedule.machine) == len(schedule.start) == len(schedule.finish) == n
    for j in range(n):
        k = schedule.machine[j]
        assert np.isfinite(jobs.cycles[j, k])
        assert schedule.start[j] >= 0
        assert schedule.finish[j] - schedule.start[j] == jobs.cycles[j, k]
        for i in jobs.before[j]:
            assert schedule.finish[i] <= schedule.start[j]
        for i in range(j):
            if schedule.machine[i] == k:
                assert schedule.finish[i] <= schedule.start[j] or schedule.finish[j] <= schedule.start[i]
    assert schedule.makespan == max(schedule.finish)
    assert np.isclose(schedule.energy, sum(jobs.energy[j, k] for j, k in enumerate(schedule.machine)), rtol=1e-12)


def every_schedule(jobs: Jobs) -> Iterator[Schedule]:
    """Each assignment with each order that keeps `before`: every schedule in which nothing can begin sooner."""
    n = len(jobs)
    orders = [
        order
        for order in permutations(range(n))
        if all(order.index(i) < order.index(j) for j in range(n) for i in jobs.before[j])
    ]
    for machine in product(*(np.flatnonzero(row).tolist() for row in jobs.possible)):
        for order in orders:
            yield scheduled(jobs, machine, order)


def best_of_all(jobs: Jobs, goal: Goal) -> float | None:
    """The least value of the goal's aim within its limit, None where none is within it."""
    values = [goal.value(s.makespan, s.energy) for s in every_schedule(jobs) if goal.met(s.makespan)]
    return min(values, default=None)


@st.composite
def some_jobs(draw: st.DrawFn, most: int = 12) -> Jobs:
    """Random networks of `most` layers at most in all, on one to four machines."""
    networks = draw(st.integers(1, 4))
    seed, machines = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 4))
    return random_jobs(np.random.default_rng(seed), networks, (1, max(most // networks, 1)), machines)
