"""A simulator that only takes its time, to measure what hands it work: one core serves any number of its workers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from workbench.problem.metrics import Metrics, Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task


class SleepingSettings(BaseModel):
    """How long each design takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    each_s: float


class Sleeping:
    """Sleeps for each design; every one costs the same."""

    name: ClassVar[str] = "sleeping"
    Settings: ClassVar[type[BaseModel]] = SleepingSettings
    per_layer: ClassVar[bool] = False

    def __init__(self, settings: SleepingSettings) -> None:
        self.settings = settings

    @property
    def fingerprint(self) -> str:
        """Name and settings."""
        return f"sleeping {self.settings.each_s}"

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        """One outcome for each."""
        for _ in designs:
            time.sleep(self.settings.each_s)
        return [Metrics(1.0, 1.0, 1.0) for _ in designs]
