"""What a run has come to: counts, front, bests. It follows from the points alone, in whatever batches they came."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.pareto import Front, hypervolume
from workbench.problem.bounds import box
from workbench.problem.metrics import Metrics, quality
from workbench.problem.task import BaseTask
from workbench.searches.base import Evaluated
from workbench.stop import Stop


class Tally:
    """Of a run on a task under stop rules, told its points in order."""

    def __init__(self, task: BaseTask, stop: Stop) -> None:
        self._task, self._stop, self._box = task, stop, box(task)
        self.points = self.hits = self.feasible = 0
        self.front = Front.empty(len(task.objectives))
        self.best: dict[str, float] = {}
        self.quality: float | None = None
        self.met = False

    def add(self, evaluated: Sequence[Evaluated]) -> None:
        built = [(self.points + i, e.outcome) for i, e in enumerate(evaluated) if isinstance(e.outcome, Metrics)]
        self.points += len(evaluated)
        self.hits += sum(e.cached for e in evaluated)
        self.feasible += len(built)
        for _, metrics in built:
            known = metrics.known(target.metric for target in self._task.targets)
            if targets := [target for target in self._task.targets if target.metric in known]:
                self.quality = max(quality(metrics, targets), self.quality or 0.0)
        solutions = [(seq, metrics) for seq, metrics in built if self._task.solves(metrics)]
        for _, metrics in solutions:
            for objective in self._task.objectives:
                value = metrics.get(objective)
                self.best[objective] = min(value, self.best.get(objective, value))
            if not self._task.constrained:
                self.met = self.met or self._stop.meets_targets(metrics, self._task.targets)
        if solutions:
            self.front.add([self._task.values(metrics) for _, metrics in solutions], [seq for seq, _ in solutions])

    @property
    def hypervolume(self) -> float:
        """Of the task's box: see module `bounds`."""
        return hypervolume(self._box.scale(self.front.points.tolist()), [1.0] * len(self._task.objectives))
