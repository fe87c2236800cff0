"""A search at work on the toy simulator, without lab or runner, and what it came to."""

from __future__ import annotations

import numpy as np

from tests.toy import ToySettings, ToySimulator
from workbench.pareto import hypervolume
from workbench.problem.metrics import Metrics
from workbench.problem.task import Task
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem, Search
from workbench.searches.cost import relative_cost

SEEDS = range(10)


def run(name: str, task: Task, budget: int, seed: int, limit: int = 1, **settings: float | str) -> list[Evaluated]:
    simulator = ToySimulator(ToySettings())
    search: Search = SEARCHES[name](Problem(task), search_settings(name, settings), seed)
    told: list[Evaluated] = []
    while len(told) < budget:
        designs = search.ask(min(limit, budget - len(told)))
        batch = [Evaluated(d, o) for d, o in zip(designs, simulator.evaluate(task, designs), strict=True)]
        search.tell(batch)
        told += batch
    return told


def best(task: Task, told: list[Evaluated]) -> float:
    return min(relative_cost(task, e.outcome, (1.0,)) for e in told)


def front_volume(task: Task, told: list[Evaluated]) -> float:
    """On log scales, of the box from (1e3 cycles, 1e6 pJ) to (1.5e6 cycles, 5e7 pJ)."""
    lower, upper = np.log([1e3, 1e6]), np.log([1.5e6, 5e7])
    values = np.log([task.values(e.outcome) for e in told if isinstance(e.outcome, Metrics)])
    return hypervolume((values - lower) / (upper - lower), [1.0, 1.0])
