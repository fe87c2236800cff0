"""Which designs `guided` compares for an ask: a few hundred that may be good, out of a space too large to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.problem.space import Design, Space
from workbench.problem.task import Task
from workbench.searches.guided.designs import Describer, Designs
from workbench.searches.guided.goal import Goal
from workbench.searches.unseen import Unseen

Floats = NDArray[np.float64]

OUTLOOK = 6_000
"""Designs drawn at the start, of which the estimate and each prior show their favourites."""
MOST_LAYERS = 6
"""A network of many layers is described more slowly: fewer designs are drawn, by up to this factor."""
ALL_OF = 3_000
"""A space of no more designs is looked at as a whole."""
NEAR = 4
"""Of so many of the best known designs all neighbours are candidates."""


ALL_CHOICES = 12
"""An axis of no more choices offers all of them; of a longer one those 1, 2, 4, 8 ... steps away."""


def one_other(space: Space, design: Design) -> list[Design]:
    """Designs with one axis other."""
    found = []
    for i, count in enumerate(space.shape):
        choices: Iterable[int] = range(count)
        if count > ALL_CHOICES:
            steps = [sign * 2**k for k in range(count.bit_length()) for sign in (1, -1)]
            choices = [design[i] + step for step in steps if 0 <= design[i] + step < count]
        found += [(*design[:i], choice, *design[i + 1 :]) for choice in choices if choice != design[i]]
    return found


class Candidates:
    """Of one task; `priors` says how many the describer knows, `count` about how many candidates there are."""

    def __init__(
        self, task: Task, describe: Describer, goal: Goal, priors: int, count: int, rng: np.random.Generator
    ) -> None:
        self._space, self._describe, self._count = task.space, describe, count
        self._whole = task.space.size <= ALL_OF
        if self._whole:
            drawn = [task.space.unrank(rank) for rank in range(task.space.size)]
        else:
            layers = min(len(task.workload.compute_layers()), MOST_LAYERS)
            drawn = list(dict.fromkeys(task.space.sample(OUTLOOK // layers, rng)))
        self.outlook = describe(drawn)
        self._place = {design: i for i, design in enumerate(drawn)}
        self._open = np.ones(len(drawn), dtype=bool)  # not asked for
        self._promise = self._promises(task, goal, priors)

    def _promises(self, task: Task, goal: Goal, priors: int) -> Floats:
        """(1 + priors, n): how good the outlook is by the estimate and by each prior, the smaller the better."""
        weights = np.full(len(task.objectives), 1 / len(task.objectives))
        corrections = [np.zeros((len(self.outlook), 2))]
        corrections += [self.outlook.corrections[:, 2 * i : 2 * i + 2] for i in range(priors)]
        sure = np.zeros((len(self.outlook), 2))
        bases = [self.outlook.estimate + correction for correction in corrections]
        return np.stack([-goal.gain(base, sure, self.outlook.area_um2, np.zeros((0, 1)), weights) for base in bases])

    def close(self, asked: Sequence[Design]) -> None:
        """What was asked for is no candidate any more."""
        for design in asked:
            if design in self._place:
                self._open[self._place[design]] = False

    def pool(self, unseen: Unseen, elites: Sequence[Design], limit: int, rng: np.random.Generator) -> Designs:
        """Candidates, all of them unseen; none where all that lie near or were drawn are known."""
        index = np.flatnonzero(self._open)
        if self._whole:
            return self.outlook.take(index)
        part = max(self._count, 2 * limit) // 4
        promise = self._promise[:, index]
        promising = [index[row.argsort(kind="stable")[: part // len(promise)]] for row in promise]
        drawn = rng.choice(index, min(part, len(index)), replace=False)
        near = [there for design in elites[:NEAR] for there in self._space.neighbours(design)]
        if elites:
            near += self._mutated(elites, max(0, 2 * part - len(near)), rng)
        fresh = [design for design in dict.fromkeys(near) if design not in self._place and design in unseen]
        chosen = self.outlook.take(np.unique(np.concatenate([*promising, drawn])))
        return chosen.joined(self._describe(fresh))

    def _mutated(self, elites: Sequence[Design], count: int, rng: np.random.Generator) -> list[Design]:
        """Good designs with one to three axes changed, ordered ones more often to a near choice."""
        shape = np.array(self._space.shape)
        ordered = np.array([axis.ordered for axis in self._space.axes])
        made = np.array(elites)[rng.integers(len(elites), size=count)]  # (count, axes)
        changes = rng.integers(1, 4, size=count)
        order = rng.random(made.shape).argsort(axis=1).argsort(axis=1)
        near = ordered & (rng.random(made.shape) < 0.7)
        step = np.where(rng.random(made.shape) < 0.5, 1, -1)
        other = np.where(near, np.clip(made + step, 0, shape - 1), rng.integers(0, shape, size=made.shape))
        made = np.where(order < changes[:, None], other, made)
        return [tuple(row) for row in made.tolist()]
