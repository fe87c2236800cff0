"""A genetic algorithm: the best of what is known cross and mutate, on ordered and named axes alike.

After NSGA-II (Deb, Pratap, Agarwal and Meyarivan 2002): survivors by non-dominated rank, then by crowding distance;
parents by binary tournaments on the same. Among designs that cannot be built the one nearer to fitting wins, and one
that can be built wins over both (constraint domination, section VI.A there).

Goals. For a front the ranks are those of the objectives, on log scales, so that no unit crowds another out. With
targets or one objective there is one cost, and its order is the rank.

Differences. No design is evaluated twice: a child that is known gives way to an unseen one near it. A generation is one
batch: parents and children compete as soon as the children are known, however many they are (steady state with a batch
of one), since a budget of hundreds leaves no time for generations as large as the population.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.pareto import crowding_distance, fronts
from workbench.problem.metrics import Infeasible, Metrics, Outcome
from workbench.problem.space import Design
from workbench.problem.task import BaseTask
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings
from workbench.searches.cost import infeasible_cost, is_front, log_objectives, missed, relative_cost
from workbench.searches.moves import another_choice, take_near

Key = tuple[float, float]
"""What two members are compared by, lower is better: rank, then the negative crowding distance."""


class GeneticSettings(SearchSettings):
    """How large the population is, and how its children come about."""

    population: int = Field(20, ge=2, le=1000, description="Members; as many are drawn at random at the beginning.")
    crossover: float = Field(0.9, ge=0, le=1, description="Part of the children that have two parents, not one.")
    mutation: float = Field(1.0, gt=0, description="Axes of a child that mutate, on average.")


class Genetic(Search):
    """NSGA-II on a mixed space, for one goal or a front."""

    name: ClassVar[str] = "genetic"
    summary: ClassVar[str] = "NSGA-II: the best cross and mutate; fronts by rank and crowding"
    Settings: ClassVar[type[SearchSettings]] = GeneticSettings
    general: ClassVar[bool] = True
    ahead: ClassVar[bool] = True

    def __init__(self, problem: Problem, settings: GeneticSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._settings = settings
        self._told: list[Evaluated] = []
        self._members: list[int] = []  # places in `_told`
        self._keys: list[Key] = []

    def _ask(self, limit: int) -> list[Design]:
        return [self._propose() for _ in range(limit)]

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        new = range(len(self._told), len(self._told) + len(batch))
        self._told += batch
        self._select([*self._members, *new])

    def _select(self, candidates: Sequence[int]) -> None:
        """Keep the best of the candidates; of equal ones those that were told first."""
        found = keys(self.problem.task, [self._told[i].outcome for i in candidates])
        order = sorted(range(len(candidates)), key=lambda i: (found[i], candidates[i]))[: self._settings.population]
        self._keep([candidates[i] for i in order])

    def _keep(self, members: list[int]) -> None:
        self._members = members
        self._keys = keys(self.problem.task, [self._told[i].outcome for i in members])

    def _propose(self) -> Design:
        """The first designs at random; then a child, or an unseen design near it."""
        asked = self.space.size - self.unseen.left
        if not self._members or asked < self._settings.population:
            return self.unseen.draw(self.rng)
        return take_near(self.unseen, self.space, self._child(), self.rng)

    def _child(self) -> Design:
        """Each axis from either of two parents (uniform crossover); then some mutate."""
        child = list(self._parent())
        if self.rng.random() < self._settings.crossover:
            other = self._parent()
            child = [b if self.rng.random() < 0.5 else a for a, b in zip(child, other, strict=True)]
        free = [i for i, count in enumerate(self.space.shape) if count > 1]
        for i in free:
            if self.rng.random() < self._settings.mutation / len(free):
                child[i] = another_choice(self.space, i, child[i], self.rng)
        return tuple(child)

    def _parent(self) -> Design:
        """The better one of two members."""
        first, second = (int(self.rng.integers(len(self._members))) for _ in range(2))
        place = second if self._keys[second] < self._keys[first] else first
        return self._told[self._members[place]].design

    def _state(self) -> dict[str, Any]:
        return {"members": self._members}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        self._told = list(history)
        self._keep(list(state["members"]))


def keys(task: BaseTask, outcomes: Sequence[Outcome]) -> list[Key]:
    """What NSGA-II compares outcomes by: what keeps the specification, if there is one; what misses it; what cannot be
    built."""
    weights = (1 / len(task.objectives),) * len(task.objectives)
    beyond = [infeasible_cost(each) if isinstance(each, Infeasible) else missed(task, each) for each in outcomes]
    built = {i: each for i, each in enumerate(outcomes) if isinstance(each, Metrics) and not beyond[i]}
    found: list[Key] = [(len(outcomes) + each if each else 0.0, 0.0) for each in beyond]
    if built:
        front = is_front(task)
        points = np.array(
            [log_objectives(task, m) if front else (relative_cost(task, m, weights),) for m in built.values()]
        )
        for i, rank, lonely in zip(built, fronts(points), crowding_distance(points), strict=True):
            found[i] = (float(rank), -float(lonely))
    return found
