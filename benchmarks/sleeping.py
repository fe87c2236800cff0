"""A simulator that only takes its time, to measure what hands it work: one core serves any number of its workers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from workbench.problem.metrics import Metrics, Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task


class SleepingSettings(BaseModel):
    """How long each design takes: on average, and with what spread of the logarithm (0: all take as long)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    each_s: float
    spread: float = 0.0


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
        return f"sleeping {self.settings.each_s} {self.settings.spread}"

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        """One outcome for each."""
        for design in designs:
            time.sleep(self.takes_s(design))
        return [Metrics(1.0, 1.0, 1.0) for _ in designs]

    def takes_s(self, design: Design) -> float:
        """Log-normal, and always the same for a design."""
        spread = self.settings.spread
        normal = np.random.default_rng(list(design)).standard_normal() if spread else 0.0
        return float(self.settings.each_s * np.exp(spread * normal - spread**2 / 2))
