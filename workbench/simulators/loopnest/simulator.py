"""The loop-nest cost engine as a simulator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from workbench.problem.metrics import Infeasible, Metrics, Outcome, total
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.simulators.loopnest.engine import evaluate_layer

VERSION = 3
"""Raised with every change that can change a result, so that stored evaluations are not mistaken for new ones."""


class LoopNestSettings(BaseModel):
    """How thoroughly mappings are searched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factors: int = Field(
        6, ge=1, le=9, description="prime factors that loop orders are made of; 6 gives up to 720 orders a mapping"
    )


class LoopNest:
    """Enumerates spatial mappings and loop orders, and costs each analytically (see `cost`)."""

    name: ClassVar[str] = "loopnest"
    Settings: ClassVar[type[BaseModel]] = LoopNestSettings
    per_layer: ClassVar[bool] = True

    def __init__(self, settings: LoopNestSettings) -> None:
        self.settings = settings

    @property
    def fingerprint(self) -> str:
        """Name, version and settings in one line."""
        return f"{self.name} {VERSION} factors={self.settings.factors}"

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        """One outcome per design: the sum over the workload's layers, or the first layer's reason that it cannot be."""
        archs = [task.arch(design) for design in designs]
        parts: list[list[tuple[Metrics, int]]] = [[] for _ in designs]
        failed: dict[int, Infeasible] = {}
        layers = task.workload.compute_layers()
        for layer, count in layers:
            open_designs = [i for i in range(len(designs)) if i not in failed]
            outcomes = evaluate_layer([archs[i] for i in open_designs], layer, task.criterion, self.settings.factors)
            for i, outcome in zip(open_designs, outcomes, strict=True):
                if isinstance(outcome, Metrics):
                    parts[i].append((outcome, count))
                else:
                    failed[i] = with_levers(task, outcome)
        return [failed[i] if i in failed else total(parts[i]) for i in range(len(designs))]


def with_levers(task: Task, outcome: Infeasible) -> Infeasible:
    """The outcome with the axes that would help: those that set what overflows, or the size of the array's step."""
    axes = task.template.file.axes
    size = [name for name, axis in axes.items() if outcome.resource in _paths(axis.sets)]
    step = [
        name
        for name, axis in axes.items()
        if any(path == "spatial_mapping" or path.startswith("array.") for path in _paths(axis.sets))
    ]
    return replace(outcome, levers=tuple(size + step))


def _paths(sets: str | tuple[str, ...]) -> tuple[str, ...]:
    return (sets,) if isinstance(sets, str) else sets
