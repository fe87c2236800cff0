"""Evaluating designs of a co-exploration: the chip first, and networks are trained only where the specification is met.

A layer on a sub-accelerator is looked up in the lab before it is simulated, and a network is trained once in a lab. The
trainings are this process's: the lab keeps how far each is, so that a kill costs seconds of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from models.datasets.base import Dataset
from models.recipe import Recipe
from store.database import Lab
from workbench.accuracy.candidate import TRAINER, Candidate, load_data
from workbench.accuracy.measuring import Measured, remembered, training
from workbench.errors import StoppingError, UserError
from workbench.executor import Batch, Context, Evaluation, Lookup
from workbench.layercosts import KnownCosts
from workbench.problem.cotask import CoNetwork, CoTask
from workbench.problem.metrics import Infeasible, Metrics, Outcome, Trained
from workbench.problem.space import Design
from workbench.problem.yamlfile import build_model
from workbench.searches.base import Evaluated
from workbench.simulators.chips.costs import ChipCosts, ChipMode
from workbench.simulators.chips.evaluate import ChipOutcome, evaluated_designs, goal_of

NAME: Final = "chip"
"""What the simulator of such a run is called."""
VERSION: Final = 1
"""Raised with every change of the schedules that can change a result."""
LOOK_SECONDS: Final = 0.5
"""How often a training is interrupted to look whether the run shall stop."""


class ChipSettings(BaseModel):
    """How a chip is costed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: ChipMode = Field(
        "corrected", description="The modes of the simulator 'dataflow', or legacy: area as NASAIC was published."
    )

    @property
    def fingerprint(self) -> str:
        """Version and settings in one line; how layers are simulated is part of their own contexts."""
        return f"{NAME} {VERSION} mode={self.mode} {TRAINER}"


def chip_settings(given: Any) -> ChipSettings:
    """Checked.

    Raises:
        UserError: there is no such setting or mode.
    """
    return build_model(given, ChipSettings, f"Settings of simulator {NAME!r}")


class CoEvaluator:
    """Evaluates the designs of a task of co-exploration.

    A design counts as known when nothing had to be simulated for it, and nothing to be trained since the run began at
    `since_ns`: whether a kill lay between training and storing the step makes no difference.
    """

    def __init__(self, lab: Lab, task: CoTask, settings: ChipSettings, lookup: Lookup, since_ns: int) -> None:
        self._lab, self._task, self._since_ns = lab, task, since_ns
        self._goal = goal_of(None, task.targets)
        self._costs = KnownCosts(ChipCosts(settings.mode), lookup)
        self._trained: set[str] = set()

    def recall(self, history: Sequence[Evaluated]) -> None:
        """What the run has evaluated before."""
        for evaluated in history:
            if isinstance(evaluated.outcome, Metrics):
                self._trained.update(key for each in evaluated.outcome.trained for key in each.keys)

    def chip(self, design: Design) -> ChipOutcome:
        """The chip of a design with its networks and their schedule; nothing is trained."""
        task = self._task
        request = task.chip_design(design), task.workloads(design)
        (outcome,) = evaluated_designs(task.template, [request], self._goal, self._costs)
        return outcome

    def evaluate(self, designs: Sequence[Design], stopping: Callable[[], bool] = lambda: False) -> Batch:
        """What the designs come to, in order, and what was simulated for it. The lab keeps what was trained.

        Raises:
            StoppingError: `stopping` said so while a network was trained.
            UserError: the data is no longer what it was.
        """
        evaluated: list[Evaluated] = []
        contexts: dict[bytes, Context] = {}
        fresh: list[Evaluation] = []
        for design in designs:
            chip = self.chip(design)
            of_this, new = self._costs.taken()
            contexts |= {context.key: context for context in of_this}
            fresh += new
            outcome, trains = (
                (chip, False) if isinstance(chip, Infeasible) else self._whole(design, chip.metrics, stopping)
            )
            evaluated.append(Evaluated(design, outcome, cached=not (new or trains)))
        return Batch(tuple(evaluated), tuple(contexts.values()), tuple(fresh))

    def _whole(self, design: Design, metrics: Metrics, stopping: Callable[[], bool]) -> tuple[Outcome, bool]:
        """With the accuracy, where the hardware is within the specification; and whether the run trained for it."""
        if not (self._task.trains and all(target.met(metrics) for target in self._task.specification)):
            return metrics, False
        accuracies: list[float] = []
        trained: list[Trained] = []
        for network, values in zip(self._task.networks, self._task.network_values(design), strict=True):
            candidates = [
                Candidate(network.family, values, self._data[network.label], self._recipe, seed)
                for seed in range(self._task.seeds)
            ]
            try:
                measured = [self._measured(each, stopping) for each in candidates]
            except UserError as error:
                return Infeasible(f"{network.label}: {error}".rstrip("."), "training", 1, 0, _axes(network)), False
            accuracies.append(sum(each.accuracy for each in measured) / len(measured))
            trained.append(Trained(network.label, accuracies[-1], tuple(each.key.hex() for each in candidates)))
        whole = replace(metrics, accuracy=self._task.accuracy(accuracies), trained=tuple(trained))
        return whole, self._counts(trained)

    def _counts(self, trained: Sequence[Trained]) -> bool:
        """Whether any of these was trained since the run began, and no earlier design of the run had it."""
        new = {key for each in trained for key in each.keys} - self._trained
        self._trained |= new
        rows = self._lab.accuracies_of(bytes.fromhex(key) for key in new)
        return any(row.created_ns >= self._since_ns for row in rows.values())

    def _measured(self, candidate: Candidate, stopping: Callable[[], bool]) -> Measured:
        (known,) = remembered(self._lab, [candidate])
        if known is not None:
            return known

        def look(_: str = "") -> None:
            if stopping():
                raise StoppingError

        due = time.monotonic() + LOOK_SECONDS
        with closing(training(self._lab, candidate, look)) as moments:
            for _ in moments:
                if time.monotonic() >= due:
                    due = time.monotonic() + LOOK_SECONDS
                    look()
        (known,) = remembered(self._lab, [candidate])
        assert known is not None
        return known

    @cached_property
    def _recipe(self) -> Recipe:
        return build_model(self._task.recipe, Recipe, "Recipe")

    @cached_property
    def _data(self) -> dict[str, Dataset]:
        """By the networks' labels; each data set is read once, when first something is to be trained."""
        found: dict[tuple[str, str | None], Dataset] = {}
        for network in self._task.networks:
            place = network.data, network.data_path
            if place not in found:
                found[place] = load_data(network.data, None if network.data_path is None else Path(network.data_path))
            if found[place].digest.hex() != network.data_key:
                where = f" in {network.data_path}" if network.data_path else ""
                raise UserError(
                    f"Data set {network.data!r}{where} is not what it was when the run began: its accuracies would not "
                    "compare. Start a new run."
                )
        return {network.label: found[network.data, network.data_path] for network in self._task.networks}


def _axes(network: CoNetwork) -> tuple[str, ...]:
    return tuple(network.axis(axis.name) for axis in network.family.space.axes)
