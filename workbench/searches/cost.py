"""One number for an outcome, lower is better: what a search that follows a single cost walks down."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log

import numpy as np

from workbench.problem.metrics import Infeasible, Metrics, Outcome, quality
from workbench.problem.task import Task

INFEASIBLE = 1000.0
"""Above the cost of anything that can be built: the logarithm of a double is below 710."""
TINY = 1e-300


def is_front(task: Task) -> bool:
    """Whether many designs are wanted (a front); targets, or a single objective, ask for one."""
    return not task.targets and len(task.objectives) > 1


def relative_cost(task: Task, outcome: Outcome, weights: Sequence[float]) -> float:
    """The logarithm of what is to be small, so that a difference is a ratio, whatever the units.

    With targets: of how far the worst one is missed (-log of `quality`; below 0 when all are met).
    Without: of the objectives' product, each to the power of its weight; the weights sum to 1.
    """
    if isinstance(outcome, Infeasible):
        return infeasible_cost(outcome)
    if task.targets:
        return -log(max(quality(outcome, task.targets), TINY))
    return sum(w * value for w, value in zip(weights, log_objectives(task, outcome), strict=True))


def log_objectives(task: Task, metrics: Metrics) -> tuple[float, ...]:
    """The objectives' natural logarithms, in order; a metric of 0 is taken for the smallest of positive numbers."""
    return tuple(log(max(value, TINY)) for value in task.values(metrics))


def goal_weights(task: Task, turn: int, rng: np.random.Generator) -> tuple[float, ...]:
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
