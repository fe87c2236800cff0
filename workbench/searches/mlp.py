"""A large network from scratch, and a selector: the baseline "Large MLP" of Wu et al. 2023, after AIrchitect.

AIrchitect (Samajdar et al., DATE 2023) recommends a configuration directly, learnt from many optimised tasks. Here, as
in the paper's comparison, there is one task and no such labels (INFERRED): a network wider than the transferred one
learns energy and latency from random weights, and the selector takes the best predicted of a pool of designs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from workbench.problem.task import Task
from workbench.searches.base import Evaluated, Problem, SearchSettings
from workbench.searches.learning import Floats, predicted_metrics, training_points
from workbench.searches.network import Learner, NetworkSearch, NetworkSettings

if TYPE_CHECKING:
    from models.mlp import Regressor, Training

DEPTH = 7
"""Hidden layers, as many as the transferred network has."""


class MlpSettings(NetworkSettings):
    """As of every network, and how large it is."""

    width: int = Field(192, ge=1, le=2048, description="Outputs of each of the seven hidden layers. INFERRED.")


class OneTask:
    """A network that learns from the points of the task alone."""

    def __init__(self, task: Task, regressor: Regressor) -> None:
        self._task, self._regressor = task, regressor

    def learn(self, evaluated: Sequence[Evaluated], epochs: int) -> None:
        points = training_points(self._task.space, evaluated, predicted_metrics(self._task))
        if points is not None:
            self._regressor.fit([points], epochs)

    def predict(self, X: Floats) -> Floats:
        return self._regressor.predict(X)


class Mlp(NetworkSearch):
    """Learns from nothing but the run's own points."""

    name: ClassVar[str] = "mlp"
    summary: ClassVar[str] = "a large network from random weights predicts, the best predicted designs are asked"
    Settings: ClassVar[type[SearchSettings]] = MlpSettings

    def __init__(self, problem: Problem, settings: MlpSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._width = settings.width

    def _make(self) -> Learner:
        from models.transfer import fresh

        task = self.problem.arch_task
        inputs = (width_of(task),)
        training = training_of(self._settings)
        regressor = fresh(inputs, len(predicted_metrics(task)), training, (self._width,) * DEPTH, self._seed)
        return OneTask(task, regressor)


def width_of(task: Task) -> int:
    """Inputs of a network on the task's designs."""
    return int(task.space.encode([(0,) * len(task.space.axes)]).shape[1])


def training_of(settings: NetworkSettings) -> Training:
    """The settings as the models take them. Loads torch."""
    from models.mlp import Training

    return Training(
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        alpha=settings.alpha,
        scale=settings.scale,
        initial=settings.initial,
    )
