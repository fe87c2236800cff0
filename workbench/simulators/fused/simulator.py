"""Fused schedules as a simulator: the best grouping of the network is found for every design."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from workbench.problem.metrics import Metrics, Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.simulators.fused.order import Objective
from workbench.simulators.fused.search import DoesNotFitError, best_schedule
from workbench.simulators.loopnest.simulator import VERSION as ENGINE
from workbench.simulators.loopnest.simulator import LoopNest, LoopNestSettings, with_levers

VERSION = 2
"""Raised with every change here that can change a result; the loop-nest engine has a version of its own."""


class FusedSettings(BaseModel):
    """What groupings are compared by, and how thoroughly mappings are searched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objective: Objective = Field("edp", description="what the best grouping has least of (dram, latency, energy, edp)")
    factors: int = Field(
        6, ge=1, le=9, description="prime factors that loop orders are made of; 6 gives up to 720 orders a mapping"
    )
    both: bool = Field(False, description="whether a run's front is shown layer by layer, too")


class Fused:
    """Groups layers to keep the maps between them on chip, the best way there is; the rest as `loopnest` does."""

    name: ClassVar[str] = "fused"
    Settings: ClassVar[type[BaseModel]] = FusedSettings
    per_layer: ClassVar[bool] = False

    def __init__(self, settings: FusedSettings) -> None:
        self.settings = settings

    @property
    def fingerprint(self) -> str:
        """Name, version and settings in one line, without what changes no outcome."""
        return f"{self.name} {VERSION} engine={ENGINE} {self.settings.objective} factors={self.settings.factors}"

    def beside(self) -> LoopNest | None:
        """What a run's front is shown on as well, where that is wanted: the same designs layer by layer."""
        return LoopNest(LoopNestSettings(factors=self.settings.factors)) if self.settings.both else None

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        """One outcome per design: that of the best schedule, or the first layer's reason that it cannot be."""
        return [self._evaluate(task, design) for design in designs]

    def _evaluate(self, task: Task, design: Design) -> Outcome:
        arch = task.arch(design)
        try:
            cost = best_schedule(
                arch, task.workload, self.settings.objective, task.criterion, self.settings.factors
            ).cost
        except DoesNotFitError as error:
            return with_levers(task, error.outcome)
        return Metrics(cost.latency_cycles, cost.energy_pj, arch.area_um2, clock_mhz=arch.clock_mhz)
