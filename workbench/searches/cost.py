"""One number for an outcome, lower is better: what a search that follows a single cost walks down."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log

import numpy as np

from workbench.problem.bounds import LEAST_ERROR
from workbench.problem.metrics import ERROR_RATE, Infeasible, Metrics, Outcome, quality
from workbench.problem.task import BaseTask

INFEASIBLE = 1000.0
"""Above the cost of anything that can be built: the logarithm of a double is below 710."""
TINY = 1e-300
PENALTY = 10.0
"""What a miss of a specification by a factor of e costs, in e-folds of the objectives: as NASAIC's rho, RECALLED."""


def is_front(task: BaseTask) -> bool:
    """Whether many designs are wanted (a front); a single objective, or targets that are looked for, ask for one."""
    return len(task.objectives) > 1 and (task.constrained or not task.targets)


def missed(task: BaseTask, metrics: Metrics) -> float:
    """The natural logarithm of how far the worst limit of a specification is exceeded; 0 where all that is known holds.

    A task whose targets are what is looked for has no specification.
    """
    if not task.constrained:
        return 0.0
    known = metrics.known(target.metric for target in task.targets)
    return max(0.0, -log(max(quality(metrics, [t for t in task.targets if t.metric in known]), TINY)))


def relative_cost(task: BaseTask, outcome: Outcome, weights: Sequence[float]) -> float:
    """The logarithm of what is to be small, so that a difference is a ratio, whatever the units.

    With targets that are looked for: of how far the worst one is missed (-log of `quality`; below 0 when all are met).
    Else: of the objectives' product, each to the power of its weight; the weights sum to 1. What misses a specification
    costs PENALTY times as much beside.
    """
    if isinstance(outcome, Infeasible):
        return infeasible_cost(outcome)
    if task.targets and not task.constrained:
        return -log(max(quality(outcome, task.targets), TINY))
    return sum(w * value for w, value in zip(weights, log_objectives(task, outcome), strict=True))


def log_objectives(task: BaseTask, metrics: Metrics) -> tuple[float, ...]:
    """The objectives' natural logarithms, in order, each with the penalty for what misses a specification.

    A metric of 0 is taken for the smallest of positive numbers; an error rate for `bounds.LEAST_ERROR` at least, or for
    1 where no network was trained.
    """
    penalty, known = PENALTY * missed(task, metrics), metrics.known(task.objectives)
    least = {ERROR_RATE: LEAST_ERROR}
    return tuple(log(max(known.get(name, 1.0), least.get(name, TINY))) + penalty for name in task.objectives)


def goal_weights(task: BaseTask, turn: int, rng: np.random.Generator) -> tuple[float, ...]:
    """The weights of the objectives, which sum to 1, for the `turn`-th walk (from 0) of a search that follows one cost.

    All equal; for a front the next ones are each objective alone, then any.
    """
    count = len(task.objectives)
    if turn == 0 or not is_front(task):
        return (1 / count,) * count
    if turn <= count:
        return tuple(float(i == turn - 1) for i in range(count))
    return tuple(float(w) for w in rng.dirichlet([1.0] * count))


def edp_cost(outcome: Outcome) -> float:
    """The energy-delay product in J*s."""
    return outcome.edp_js if isinstance(outcome, Metrics) else infeasible_cost(outcome)


def infeasible_cost(outcome: Infeasible) -> float:
    """Worse than anything that can be built, and the worse the more the demand exceeds the bound: a way to walk out."""
    if outcome.bound <= 0 or outcome.demand <= outcome.bound or not isfinite(outcome.demand):
        return INFEASIBLE
    return INFEASIBLE + log(outcome.demand / outcome.bound)
