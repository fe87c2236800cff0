"""The contract of a simulator: designs in, outcomes out, in the same order, the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from pydantic import BaseModel

from workbench.problem.metrics import Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task


class Simulator(Protocol):
    """Evaluates designs of a task.

    `fingerprint` is name, version and settings: evaluations made under equal fingerprints may stand for each other.
    With `per_layer`, the outcome of a workload is the sum over its layers, so the workbench asks for one layer at a
    time (a task whose workload has one layer), stores each, and adds them up; equal layers are evaluated once.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[BaseModel]]
    per_layer: ClassVar[bool]

    @property
    def fingerprint(self) -> str:
        """Name, version and settings in one line."""
        ...

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        """One outcome per design, in order; independent of which designs share the call.

        Raises:
            SimulatorError: the simulator itself broke; a design that does not fit is `Infeasible` instead.
        """
        ...
