"""What searches that follow a neural network share: train on what is known, predict a pool of designs, ask the best.

As in Wu et al. 2023: a first batch at random (or what a source network thinks best); then each time the network is
adjusted to all points so far, predicts energy and latency of a pool of candidates, and the best predicted are asked.
INFERRED: the size of the pool and where it comes from, epochs per step, and that some designs are drawn at random.

The network is not in the state. Its weights follow from the seed, the points, and at which of them it was trained: to
restore a search is to train it again, which costs what training cost so far, and keeps a checkpoint at a few bytes
instead of a megabyte.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from workbench.pareto import non_dominated
from workbench.problem.metrics import Metrics
from workbench.problem.space import Design
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings
from workbench.searches.cost import is_front, relative_cost
from workbench.searches.learning import Floats, Qor, encoded, predicted_metrics, quality_order, values

LOCAL = 0.5
"""The part of a pool, and of what is explored, that lies around the best designs. INFERRED."""
BEST = 8
"""So many of the best designs, known or predicted, are looked around. INFERRED."""
ROUNDS = 8
"""So often the best predicted designs' neighbours join the pool. INFERRED: where a pool covers a space thinly, a
network that ranks well still finds nothing without."""
LEAST = 1e-3
"""No prediction is lower than this part of the least value seen: a network may say anything far from its points."""


class Learner(Protocol):
    """A network that is trained step by step."""

    def learn(self, evaluated: Sequence[Evaluated], epochs: int) -> None:
        """Go on training, on all points of the task so far; some can be built."""

    def predict(self, X: Floats) -> Floats:
        """Metrics (n, metrics) in their units for encoded designs (n, width)."""


class NetworkSettings(SearchSettings):
    """How the network is trained, and what is asked. Defaults are INFERRED where the paper gives no number: all."""

    first: int = Field(8, ge=1, description="Designs asked before the network is trained for the first time.")
    epochs: int = Field(40, ge=1, description="Passes over all points so far, before each batch.")
    learning_rate: float = Field(1e-3, gt=0, description="Of the Adam optimiser.")
    alpha: float = Field(1.0, ge=0, description="Weight of the error of latency beside that of energy.")
    scale: Literal["log", "raw"] = Field(
        "log", description="Targets as z-scored logarithms, or as raw values: then alpha 1 is Var(E)/Var(L) on them."
    )
    initial: Literal["he", "fan_in"] = Field(
        "he", description="How random weights start: He's, or PyTorch's own, with which training starts slowly."
    )
    pool: int = Field(4096, ge=1, le=100_000, description="Candidates predicted for each batch.")
    explore: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Part of the designs drawn without the network: half next to the best so far, half anywhere.",
    )
    qor: Qor = Field(
        "min",
        description="With r = bound / value of each target, how designs rank: by the least r, by the product of all, "
        "by that of min(1, r) ('clipped'), or by the mean.",
    )
    front: Literal["weights", "non_dominated"] = Field(
        "weights", description="For fronts: the best for weights drawn for each design, or any of the predicted front."
    )


class NetworkSearch(Search):
    """Asks what a network predicts to be best; which network, says the search that derives from it."""

    def __init__(self, problem: Problem, settings: NetworkSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._settings = settings
        self._seed = seed
        self._history: list[Evaluated] = []
        self._known: set[Design] = set()
        self._batches: list[list[int]] = []  # [designs, batches in a row of so many]
        self._learner: Learner | None = None

    @abstractmethod
    def _make(self) -> Learner:
        """The network before its first training; the same each time."""

    def _estimates(self, X: Floats) -> Floats | None:
        """What is known of designs before any is evaluated: metrics (n, metrics), or None."""
        return None

    def _ask(self, limit: int) -> list[Design]:
        learnt = self._learn(self._history)
        return [self._take(design) for design in self._choose(limit, learnt)]

    def _take(self, design: Design | None) -> Design:
        """This design, or any other."""
        if design is None:
            design = self.unseen.draw(self.rng)
        else:
            self.unseen.take(design)
        self._known.add(design)
        return design

    def _choose(self, limit: int, learnt: bool) -> Iterator[Design | None]:
        """So many designs, each unseen when it is taken before the next; None stands for any."""
        pool = self._pool()
        predicted = self._values(pool, learnt) if len(pool) else None
        if predicted is None:
            yield from [None] * limit
            return
        pool, predicted = self._climbed(pool, predicted, learnt)
        orders = self._orders(predicted)
        for _ in range(limit):
            if learnt and self.rng.random() < self._settings.explore:
                yield self._explored()
                continue
            order = next(orders)
            designs = (tuple(int(c) for c in pool[place]) for place in order)
            yield next((design for design in designs if design not in self._known), None)

    def _explored(self) -> Design | None:
        """What the network has no say in: where it is wrong about the best, it is told so by their neighbours."""
        if self.rng.random() < LOCAL:
            near = [n for design in self._best() for n in self.space.neighbours(design) if n not in self._known]
            if near:
                return near[int(self.rng.integers(len(near)))]
        return None

    def _learn(self, history: Sequence[Evaluated]) -> bool:
        """Trains on these points; whether there are enough, and some that can be built."""
        buildable = any(isinstance(e.outcome, Metrics) for e in history)
        if len(history) < min(self._settings.first, self.space.size) or not buildable:
            return False
        if self._learner is None:
            self._learner = self._make()
        self._learner.learn(history, self._settings.epochs)
        return True

    def _values(self, pool: NDArray[np.int64], learnt: bool) -> Floats | None:
        """Predicted metrics (n, metrics) of designs (n, axes): by the network, or before there is one by a source's."""
        return self._predict(pool) if learnt else self._estimates(encoded(self.space, pool))

    def _climbed(self, pool: NDArray[np.int64], predicted: Floats, learnt: bool) -> tuple[NDArray[np.int64], Floats]:
        """The pool with the neighbours of its best, and of the best of these, some times: as good as a larger one."""
        there = {tuple(row) for row in pool.tolist()} | self._known
        for _ in range(ROUNDS if self.space.size > self._settings.pool else 0):
            best = [tuple(row) for row in pool[next(self._orders(predicted))[:BEST]].tolist()]
            near = dict.fromkeys(n for design in best for n in self.space.neighbours(design) if n not in there)
            added = np.array(list(near), dtype=np.int64).reshape(-1, len(self.space.axes))
            values = self._values(added, learnt) if len(added) else None
            if values is None:
                break
            there.update(near)
            pool, predicted = np.vstack([pool, added]), np.vstack([predicted, values])
        return pool, predicted

    def _predict(self, pool: NDArray[np.int64]) -> Floats:
        assert self._learner is not None
        metrics = predicted_metrics(self.problem.arch_task)
        seen = [[e.outcome.get(m) for m in metrics] for e in self._history if isinstance(e.outcome, Metrics)]
        least = np.maximum(LEAST * np.min(seen, axis=0), np.finfo(np.float64).tiny)
        clipped: Floats = np.maximum(self._learner.predict(encoded(self.space, pool)), least)
        return clipped

    def _pool(self) -> NDArray[np.int64]:
        """Unseen designs (n, axes): all of a small space; else random ones, and some around the best so far."""
        if self.space.size <= self._settings.pool:
            pool = np.indices(self.space.shape).reshape(len(self.space.axes), -1).T
        else:
            pool = self._drawn(self._settings.pool)
        return pool[[tuple(row) not in self._known for row in pool.tolist()]]

    def _drawn(self, size: int) -> NDArray[np.int64]:
        """So many designs (size, axes)."""
        shape = np.array(self.space.shape)
        pool = np.column_stack([self.rng.integers(0, n, size) for n in shape])  # (pool, axes)
        best = self._best()
        if best:
            near = [there for design in best for there in self.space.neighbours(design)]
            local = int(size * LOCAL)
            pool[:local] = np.array(best)[self.rng.integers(0, len(best), local)]
            # Two axes of each take any other choice: neighbours are there anyway, this looks a little further.
            for _ in range(2):
                axis = self.rng.integers(0, len(shape), local)
                pool[np.arange(local), axis] = self.rng.integers(0, shape[axis])
            pool[: min(len(near), local)] = near[:local]
        return pool

    def _best(self) -> list[Design]:
        task = self.problem.arch_task
        count = len(task.objectives)
        weights = (1 / count,) * count
        if is_front(task):
            built = [e for e in self._history if isinstance(e.outcome, Metrics)]
            costs = np.array([task.values(e.outcome) for e in built if isinstance(e.outcome, Metrics)])
            front = np.flatnonzero(non_dominated(costs.reshape(-1, count)))
            return [built[i].design for i in self.rng.permutation(front)[:BEST]]
        ranked = sorted(self._history, key=lambda e: relative_cost(task, e.outcome, weights))
        return [e.design for e in ranked[:BEST]]

    def _orders(self, predicted: Floats) -> Iterator[NDArray[np.int64]]:
        """For each design to ask, the places of the pool, best first; predictions are (n, metrics)."""
        task = self.problem.arch_task
        if task.targets:
            order = quality_order(task, predicted, task.targets, self._settings.qor)
            while True:
                yield order
        logs = np.log(np.column_stack([values(task, predicted, name) for name in task.objectives]))  # (n, objectives)
        if logs.shape[1] == 1:
            order = logs[:, 0].argsort(kind="stable")
            while True:
                yield order
        while self._settings.front == "weights":
            yield (logs @ self.rng.dirichlet([1.0] * logs.shape[1])).argsort(kind="stable")
        first = np.flatnonzero(non_dominated(logs))
        rest = np.setdiff1d(np.arange(len(logs)), first)
        while True:
            yield np.concatenate([self.rng.permutation(first), self.rng.permutation(rest)])

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        self._history += batch
        if self._batches and self._batches[-1][0] == len(batch):
            self._batches[-1][1] += 1
        else:
            self._batches.append([len(batch), 1])

    def _state(self) -> dict[str, Any]:
        return {"batches": [list(pair) for pair in self._batches]}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        self._history, self._known = list(history), {e.design for e in history}
        self._batches = [list(pair) for pair in state["batches"]]
        told = accumulate(size for size, times in self._batches for _ in range(times))
        for points in told:
            if points < len(history):  # on all of them it is trained when it is asked next
                self._learn(history[:points])
