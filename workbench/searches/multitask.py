"""The multi-task search of Wu et al. 2023: one network for this task and those of earlier runs.

The paper searches n tasks at a time. Here a run searches one, and the other tasks are what the lab knows of them: their
points, all there from the beginning. So its scenarios, within one run, are these:

- `repeat`: the other tasks' points are not used. The network is the transferred one, as in `transfer`.
- `merge`: one network on inputs concatenated over all tasks, trained on all points.
- `multi`: each task has its own first layer and its own last two, the others are shared and trained on all points.

n tasks at a time become n runs in a row, each of which has those before as sources.

In every scenario layers 3 to 5 come from a source network: the first of `Problem.models`, or with none, one that is
trained on the largest source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.problem.metrics import Metrics
from workbench.searches.base import Evaluated, Problem, SearchSettings, Source
from workbench.searches.learning import Floats, predicted_metrics, training_points
from workbench.searches.mlp import training_of, width_of
from workbench.searches.network import Learner, NetworkSearch
from workbench.searches.transfer import SourceOptions, source_of

if TYPE_CHECKING:
    from models.base import Points
    from models.multitask import MultiTask


class MultiTaskSettings(SourceOptions):
    """As of `transfer`, and how tasks are brought together."""

    scenario: Literal["repeat", "merge", "multi"] = Field(
        "multi", description="Other tasks not used, inputs concatenated, or own first and last layers for each task."
    )
    tasks: int = Field(4, ge=1, description="Other tasks at most, those first that are most alike. INFERRED.")
    points: int = Field(256, ge=2, description="Points of each other task at most, drawn at random. INFERRED.")


class MultiTaskSearch(NetworkSearch):
    """Learns from the points of several tasks at a time."""

    name: ClassVar[str] = "multitask"
    summary: ClassVar[str] = "one network for this task and earlier ones: own first and last layers, shared in between"
    Settings: ClassVar[type[SearchSettings]] = MultiTaskSettings
    transfers: ClassVar[bool] = True

    def __init__(self, problem: Problem, settings: MultiTaskSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._scenario = settings.scenario
        self._source = source_of(problem, settings, seed)
        rng = np.random.default_rng([seed, 1])  # of its own: a restored search draws the same points
        self._others: list[tuple[int, Points]] = []  # input width, points
        for source in problem.sources if settings.scenario != "repeat" else ():
            points = self._points_of(source, settings.points, rng)
            if points is not None and len(self._others) < settings.tasks:
                self._others.append((width_of(source.arch_task), points))

    def _points_of(self, source: Source, most: int, rng: np.random.Generator) -> Points | None:
        metrics = predicted_metrics(self.problem.arch_task)
        built = [p for p in source.points if isinstance(p.outcome, Metrics)]
        chosen = built if len(built) <= most else [built[i] for i in rng.choice(len(built), most, replace=False)]
        return training_points(source.arch_task.space, chosen, metrics)

    def _make(self) -> Learner:
        from models.mlp import WIDTHS
        from models.multitask import MultiTask

        task = self.problem.arch_task
        network = MultiTask(
            (width_of(task), *(width for width, _ in self._others)),
            len(predicted_metrics(task)),
            training_of(self._settings),
            self._seed,
            self._scenario,
            self._source.transferred if self._source else None,
            self._source.settings.widths if self._source else WIDTHS,
        )
        return Together(self.problem, network, [points for _, points in self._others])


class Together:
    """The multi-task network with the points of the other tasks."""

    def __init__(self, problem: Problem, network: MultiTask, others: Sequence[Points]) -> None:
        self._task, self._network, self._others = problem.arch_task, network, others

    def learn(self, evaluated: Sequence[Evaluated], epochs: int) -> None:
        points = training_points(self._task.space, evaluated, predicted_metrics(self._task))
        if points is not None:
            self._network.fit([points, *self._others], epochs)

    def predict(self, X: Floats) -> Floats:
        return self._network.predict(X)
