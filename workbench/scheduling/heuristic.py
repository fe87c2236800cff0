"""A good schedule, soon: jobs by priced lists, then the best of them improved job by job.

A list takes the jobs in an order and puts each where its energy and the price of the time at which it ends are least.
Prices run from none (every job where it costs least) to one beside which energy is nothing (every job where it ends
first). Orders are those of the longest paths behind the jobs, plain, or with one network as a whole put forward or
back: that is what moving single jobs cannot reach. From the best list of each of the best orders on, one job at a time
moves to another machine or another place, always the best such move, until none is better.
"""

from __future__ import annotations

import numpy as np

from workbench.scheduling.insertion import best_insertion
from workbench.scheduling.jobs import Floats, Goal, Ints, Jobs, Schedule, scheduled
from workbench.scheduling.listing import listed

PRICES = 16
SPREAD = 1e3
"""Prices lie up to that many times above and below the energy that a cycle saves on average."""

SHIFTS = (0.5, 1.0)
"""How far a network is put forward, in the longest path."""

STARTS = 4
MOVES = 200


def good_schedule(jobs: Jobs, goal: Goal) -> Schedule:
    """A schedule for the goal, deterministic; where none is found within its limit, one that exceeds it by little."""
    return min((improved(jobs, goal, start) for start in _starts(jobs, goal)), key=goal.key)


def improved(jobs: Jobs, goal: Goal, schedule: Schedule) -> Schedule:
    """The end of a descent from a schedule."""
    for _ in range(MOVES):
        better = best_insertion(jobs, goal, schedule)
        if not goal.better(better, schedule):
            return schedule
        schedule = better
    return schedule


def _starts(jobs: Jobs, goal: Goal) -> list[Schedule]:
    """The best list of each order, the best few of these that differ."""
    orders, prices = _orders(jobs), _prices(jobs)
    found = listed(jobs, np.repeat(orders, len(prices), axis=0), np.tile(prices, len(orders)))
    place = np.empty(len(found.makespan), dtype=np.int64)
    place[goal.ranked(found.makespan, found.energy)] = np.arange(len(place))
    best = [i * len(prices) + int(np.argmin(ranks)) for i, ranks in enumerate(place.reshape(len(orders), -1))]
    chosen: dict[tuple[object, ...], Schedule] = {}
    for at in sorted(best, key=lambda each: place[each]):
        schedule = scheduled(jobs, found.machine[at].tolist(), orders[at // len(prices)].tolist())
        chosen.setdefault((schedule.machine, schedule.start), schedule)
        if len(chosen) == STARTS:
            break
    return list(chosen.values())


def _orders(jobs: Jobs) -> Ints:
    """Orders (k, n) that keep `before`."""
    cheapest, fastest = jobs.energy.argmin(axis=1), jobs.cycles.argmin(axis=1)
    mean = np.where(jobs.possible, jobs.cycles, 0.0).sum(axis=1) / jobs.possible.sum(axis=1)
    tails = [jobs.tails(cycles) for cycles in (mean, jobs.cycles_of(cheapest), jobs.cycles_of(fastest))]
    network = _networks(jobs)
    several = range(int(network.max()) + 1 if network.any() else 0)
    for number in several:
        forward = np.where(network == number, tails[0].max(), 0.0)
        tails += [tails[0] + shift * forward for shift in SHIFTS]
        tails += [tails[0] - shift * forward for shift in SHIFTS if len(several) > 2]
    return np.argsort(-np.array(tails), axis=1, kind="stable")


def _networks(jobs: Jobs) -> Ints:
    """The connected part that each job (n,) belongs to."""
    number = list(range(len(jobs)))
    for j, earlier in enumerate(jobs.before):
        for i in earlier:
            old, new = sorted((number[i], number[j]), reverse=True)
            number = [new if each == old else each for each in number]
    return np.unique(number, return_inverse=True)[1].reshape(-1)


def _prices(jobs: Jobs) -> Floats:
    """Energies that a cycle may be worth, from nothing to far more than choosing another machine saves."""
    saved = np.where(jobs.possible, jobs.energy, 0.0).max(axis=1) - jobs.energy.min(axis=1)
    taken = np.where(jobs.possible, jobs.cycles, 0.0).max(axis=1)
    ratio = saved[taken > 0] / taken[taken > 0]
    typical = float(ratio[ratio > 0].mean()) if (ratio > 0).any() else 1.0
    return np.concatenate([[0.0], typical * np.geomspace(1 / SPREAD, SPREAD, PRICES - 1)])
