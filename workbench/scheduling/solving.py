"""A schedule for a goal, with a bound that tells how good it is: a descent, then labels that look for better ones."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.scheduling.bounds import least_value, prices_of, weights_of
from workbench.scheduling.heuristic import good_schedule, improved
from workbench.scheduling.jobs import ROUNDING, Goal, Jobs, Schedule
from workbench.scheduling.labels import searched

LABELS = 4096
"""Labels that go on, of all levels together, by default: tens of milliseconds for 40 jobs on four machines."""

ENOUGH = 1e-3
"""Relative: a schedule so near to the bound is not searched further, unless it is to be proven."""


@dataclass(frozen=True)
class Solution:
    """A schedule, whether it meets the limit, and what is known of better ones.

    No schedule that meets the limit has less of the goal's aim than `bound`, infinite where it is known that none does.
    `proven`: there is none better; where the limit is not met: none meets it.
    """

    schedule: Schedule
    met: bool
    proven: bool
    bound: float


def solved(jobs: Jobs, goal: Goal, labels: int | None = LABELS) -> Solution:
    """The best schedule found; where none meets the limit, one of least makespan.

    `labels` bounds the work, and with it what can be proven; 0 leaves it at the descent, None proves at any cost. With
    the aim `latency`, energy is then made least at that makespan.
    """
    best = _within(jobs, goal, good_schedule(jobs, goal), labels)
    if not best.met:
        fastest = _within(jobs, Goal("latency"), good_schedule(jobs, Goal("latency")), labels)
        if not goal.met(fastest.schedule.makespan):
            never = best.proven or fastest.bound > goal.limit
            return Solution(fastest.schedule, False, never, float("inf") if never else best.bound)
        best = _within(jobs, goal, fastest.schedule, labels)
    if goal.aim != "latency":
        return best
    cheaper = _within(jobs, Goal("energy", best.schedule.makespan * (1 + ROUNDING)), best.schedule, labels)
    return Solution(cheaper.schedule, True, best.proven and cheaper.proven, best.bound)


def _within(jobs: Jobs, goal: Goal, start: Schedule, labels: int | None) -> Solution:
    """The best schedule found within the limit by beginning with this one; else this one."""
    prices, weights = prices_of(jobs, goal.limit, start.energy), weights_of(jobs)
    bound = least_value(jobs, goal, prices, weights)
    met, value = goal.met(start.makespan), goal.value(start.makespan, start.energy)
    near = met and value <= bound * (1 + (ROUNDING if labels is None else ENOUGH))
    if labels == 0 or near:
        return Solution(start, met, met and value <= bound * (1 + 4 * ROUNDING), bound)
    width = None if labels is None else max(labels // len(jobs), 1)
    found = searched(jobs, goal, start, width, prices, weights)
    if found.schedule is None:
        return Solution(start, False, found.proven, bound)
    best = found.schedule if found.proven else improved(jobs, goal, found.schedule)
    value = goal.value(best.makespan, best.energy)
    return Solution(best, True, found.proven, value if found.proven else bound)
