"""One network for several tasks (Wu et al. 2023): what they have in common is learnt from the points of all.

Three ways to bring tasks together:

- `repeat`: not at all; a network for each.
- `merge`: one problem. Inputs are concatenated, so L1 is wider; a design fills the part of its own task, the rest is 0.
  Everything from L1 on is shared, so one more input per task says whose design it is (INFERRED: without it, L2 to L8
  could not tell tasks of equal spaces apart by more than which part is filled).
- `multi`: each task has an L1, an L7 and an L8 of its own; L2 to L6 are shared. L2 and L6 are random, L3 to L5 come
  from a source network, if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from models.base import Floats, Points
from models.mlp import WIDTHS, Training
from models.transfer import Layer, embed, fresh

Scenario = Literal["repeat", "merge", "multi"]


class MultiTask:
    """A network over several tasks; `inputs` are their input widths, task 0 is the one that is searched."""

    def __init__(
        self,
        inputs: Sequence[int],
        outputs: int,
        training: Training,
        seed: int,
        scenario: Scenario = "multi",
        layers: Mapping[str, Layer] | None = None,
        widths: Sequence[int] = WIDTHS,
    ) -> None:
        self.scenario: Scenario = scenario
        self.inputs = tuple(inputs[:1] if scenario == "repeat" else inputs)
        shapes = (sum(self.inputs) + len(self.inputs),) if scenario == "merge" else self.inputs
        self.regressor = fresh(shapes, outputs, training, widths, seed)
        if layers:
            embed(self.regressor, layers)

    def fit(self, tasks: Sequence[Points], epochs: int | None = None) -> list[float]:
        """Trains on the points of all tasks, going on from the present weights; the loss of each epoch.

        Merged, each task's outputs are brought to the mean and spread of task 0's: what is learnt is how designs
        compare within a task.
        """
        if self.scenario != "merge":
            return self.regressor.fit(tasks[: len(self.inputs)], epochs)
        first = tasks[0].Y
        merged = Points(
            np.vstack([self._wide(points.X, task) for task, points in enumerate(tasks)]),
            np.vstack([first, *(_alike(points.Y, first) for points in tasks[1:])]),
        )
        return self.regressor.fit([merged], epochs)

    def predict(self, X: Floats) -> Floats:
        """Outputs (n, outputs) in their units for designs (n, inputs[0]) of task 0."""
        return self.regressor.predict(self._wide(X, 0) if self.scenario == "merge" else X)

    def _wide(self, X: Floats, task: int) -> Floats:
        """(n, inputs[task]) -> (n, all inputs, then one mark per task)."""
        wide = np.zeros((len(X), sum(self.inputs) + len(self.inputs)))
        start = sum(self.inputs[:task])
        wide[:, start : start + self.inputs[task]] = X
        wide[:, sum(self.inputs) + task] = 1.0
        return wide


def _alike(Y: Floats, like: Floats) -> Floats:
    """Positive outputs (n, outputs) moved and stretched on a log scale to the mean and spread of others'."""
    logs, wanted = np.log(Y), np.log(like)
    spread = logs.std(axis=0)
    ratio = np.where(spread > 0, wanted.std(axis=0) / np.where(spread > 0, spread, 1.0), 0.0)
    alike: Floats = np.exp((logs - logs.mean(axis=0)) * ratio + wanted.mean(axis=0))
    return alike
