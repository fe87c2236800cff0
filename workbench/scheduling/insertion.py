"""Every way to take one job out of a schedule and put it in elsewhere, with the makespan that this gives, exactly.

In the graph of a schedule (a job waits for those before it and for the last one on its machine) a path either leads
through the job or not. With the job taken out, let h be the ends of the others and q the longest paths from their
begins to the end. Put in on a machine behind a and before b, the longest path through it is

    max(h of a, h of the jobs before it) + its cycles + max(q of b, q of the jobs after it),

and the makespan is the greater of that and the makespan without it (the estimate of Mastrolilli and Gambardella 2000,
here with h and q of the graph without the job, hence no estimate). Machine and order of all others stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.scheduling.jobs import Floats, Goal, Ints, Jobs, Schedule, scheduled


@dataclass(frozen=True)
class Insertion:
    """Makespans (n, m, n + 1) of each job on each machine, put in before the job that is at a place of the order (or,
    at the last place, behind all); infinite where it cannot be. And energies (n, m)."""

    makespan: Floats
    energy: Floats


def insertions(jobs: Jobs, schedule: Schedule, order: Ints) -> Insertion:
    """All of a schedule whose jobs are in this order (n,), one that it arises from."""
    n, m = jobs.cycles.shape
    each = np.arange(n)
    machine = np.array(schedule.machine)
    ends, free = _longest(jobs, machine, order, jobs.before)
    paths, _ = _longest(jobs, machine, order[::-1], jobs.after)
    rest = np.maximum(free.max(axis=0), ends[:n].max(axis=0))  # (removed,)
    place = np.empty(n, dtype=np.int64)
    place[order] = each
    at = np.zeros((m, n), dtype=np.bool_)
    at[machine[order], each] = True
    sooner, later = (np.where(at, values[order].T[:, None, :], 0.0) for values in (ends, paths))  # (removed, m, place)
    for values in (sooner, later):
        values[each, :, place] = 0.0
    ahead, behind = np.zeros((n, m, n + 1)), np.zeros((n, m, n + 1))
    ahead[:, :, 1:] = np.maximum.accumulate(sooner, axis=2)
    behind[:, :, :-1] = np.maximum.accumulate(later[:, :, ::-1], axis=2)[:, :, ::-1]
    first, last = np.zeros(n, dtype=np.int64), np.full(n, n)
    ready, after = np.zeros(n), np.zeros(n)
    for j in range(n):
        for i in jobs.before[j]:
            ready[j], first[j] = max(ready[j], ends[i, j]), max(first[j], place[i] + 1)
        for i in jobs.after[j]:
            after[j], last[j] = max(after[j], paths[i, j]), min(last[j], place[i])
    through = np.maximum(ahead, ready[:, None, None]) + jobs.cycles[:, :, None]
    through += np.maximum(behind, after[:, None, None])
    makespan = np.maximum(through, rest[:, None, None])
    places = np.arange(n + 1)
    outside = (places < first[:, None]) | (places > last[:, None])
    makespan = np.where(outside[:, None, :], np.inf, makespan)
    energy = schedule.energy - jobs.energy[each, machine][:, None] + jobs.energy
    return Insertion(makespan, energy)


def _longest(jobs: Jobs, machine: Ints, order: Ints, waits: tuple[tuple[int, ...], ...]) -> tuple[Floats, Floats]:
    """The longest path up to and with each job, (n, removed), in the schedule without the job removed; and of each
    machine's jobs, (m, removed). `waits` are the jobs that each waits for, in the direction of the order."""
    n = len(jobs)
    longest, free = np.zeros((n, n)), np.zeros((jobs.machines, n))
    cycles = jobs.cycles_of(machine)
    for j in order.tolist():
        row, last = longest[j], free[machine[j]]
        row[:] = last
        row[j] = 0.0  # taken out, it waits for no machine and takes no time
        for i in waits[j]:
            np.maximum(row, longest[i], out=row)
        passed = row[j]
        row += cycles[j]
        row[j], kept = passed, last[j]
        last[:] = row
        last[j] = kept
    return longest, free


def best_insertion(jobs: Jobs, goal: Goal, schedule: Schedule) -> Schedule:
    """The best schedule by the goal that differs in one job's machine or place."""
    order = order_of(schedule)
    found = insertions(jobs, schedule, order)
    shape = found.makespan.shape
    makespan, energy = found.makespan.ravel(), np.broadcast_to(found.energy[:, :, None], shape).ravel()
    possible = np.flatnonzero(np.isfinite(makespan))
    chosen = possible[goal.ranked(makespan[possible], energy[possible])[0]]
    job, to, place = (int(each) for each in np.unravel_index(chosen, shape))
    machine = [*schedule.machine]
    machine[job] = to
    return scheduled(jobs, machine, moved(order.tolist(), job, place))


def moved(order: list[int], job: int, place: int) -> list[int]:
    """The order with a job before what is at a place of it."""
    return [j for j in order[:place] if j != job] + [job] + [j for j in order[place:] if j != job]


def order_of(schedule: Schedule) -> Ints:
    """The jobs as they begin; among equal begins as they end, then by number: so a job follows those before it."""
    return np.lexsort((np.arange(len(schedule.start)), np.array(schedule.finish), np.array(schedule.start)))
