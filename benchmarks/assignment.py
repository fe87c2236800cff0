"""Random small cases of layers on sub-accelerators, and the heuristic against the exact schedule on them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workbench.scheduling.heuristic import good_schedule
from workbench.scheduling.jobs import Goal, Jobs
from workbench.scheduling.labels import searched
from workbench.scheduling.solving import solved

CASES = 100
SEED = 9
MOST_JOBS = 12
LARGER, LARGER_LAYERS = 20, 9
"""Cases of two networks that are more than the heuristic can look at as a whole, and layers of each."""

LARGE = ((2, 20, 2), (2, 20, 4), (4, 10, 4))
"""Networks, layers of each, machines: cases that are only timed."""


@dataclass(frozen=True)
class Case:
    """Jobs, the least makespan that they have, and a goal whose limit lies between it and that of the least energy."""

    jobs: Jobs
    least: float
    goal: Goal


def random_jobs(rng: np.random.Generator, networks: int, layers: tuple[int, int], machines: int) -> Jobs:
    """Networks that branch here and there, machines that suit some layers and not others; one pair in ten impossible.

    A layer's size spreads over a decade, as does how well a machine suits it.
    """
    before: list[tuple[int, ...]] = []
    for _ in range(networks):
        first = len(before)
        for j in range(int(rng.integers(layers[0], layers[1] + 1))):
            branches = j > 1 and rng.random() < 0.2
            before.append(() if j == 0 else (first + j - (2 if branches else 1),))
            if j > 2 and before[-2] == before[-3]:
                before[-1] = (first + j - 2, first + j - 1)  # the branches meet again
    n = len(before)
    size, speed = rng.lognormal(0, 0.8, (n, 1)), rng.lognormal(0, 0.5, machines)
    cycles = np.ceil(1000 * size * rng.lognormal(0, 0.7, (n, machines)) / speed)
    energy = np.ceil(1000 * size * rng.lognormal(0, 0.5, (n, machines)))
    impossible = rng.random((n, machines)) < 0.1
    impossible[np.arange(n), rng.integers(0, machines, n)] = False
    return Jobs(np.where(impossible, np.inf, cycles), np.where(impossible, np.inf, energy), tuple(before))


def cases(count: int = CASES, seed: int = SEED) -> Iterator[Case]:
    """Small cases: two to four networks, at most `MOST_JOBS` layers in all, two to four machines."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        networks = int(rng.integers(2, 5))
        machines = int(rng.integers(2, 5 if networks == 2 else 4))
        jobs = random_jobs(rng, networks, (2, MOST_JOBS // networks), machines)
        yield _case(jobs, float(rng.uniform(0, 0.7)))


def larger_cases(count: int = LARGER, seed: int = SEED) -> Iterator[Case]:
    """Two networks of `LARGER_LAYERS` layers on two or three machines."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        jobs = random_jobs(rng, 2, (LARGER_LAYERS, LARGER_LAYERS), 2 + number % 2)
        yield _case(jobs, float(rng.uniform(0, 0.7)))


def _case(jobs: Jobs, part: float) -> Case:
    """The limit lies by so much of the way from the least makespan to that of the least energy."""
    least = searched(jobs, Goal("latency"), good_schedule(jobs, Goal("latency"))).schedule
    assert least is not None
    cheap = good_schedule(jobs, Goal("energy")).makespan
    limit = least.makespan + part * max(cheap - least.makespan, 0.0)
    return Case(jobs, least.makespan, Goal("energy", limit))


@dataclass(frozen=True)
class Gaps:
    """Of each case, by how much the energy exceeds the exact one; infinite where no schedule within the limit was found
    although there is one. And how often the answer was proven, and milliseconds of a case."""

    energy: tuple[float, ...]
    proven: int
    ms: float

    @property
    def failed(self) -> int:
        """Cases without a schedule within the limit."""
        return sum(not np.isfinite(gap) for gap in self.energy)


def gaps(some: list[Case], exact: list[float], labels: int) -> Gaps:
    """The heuristic with so many labels (0: the descent alone) against exact energies."""
    began = time.perf_counter()
    found = [solved(case.jobs, case.goal, labels) for case in some]
    ms = 1e3 * (time.perf_counter() - began) / len(some)
    energy = tuple(
        solution.schedule.energy / least - 1 if solution.met else float("inf")
        for solution, least in zip(found, exact, strict=True)
    )
    return Gaps(energy, sum(solution.proven for solution in found), ms)


def exact_energies(some: list[Case]) -> list[float]:
    """The least energy of each case within its limit, proven."""
    found = [searched(case.jobs, case.goal, good_schedule(case.jobs, case.goal)).schedule for case in some]
    return [schedule.energy for schedule in found if schedule is not None]
