"""What a run works on: a space of designs and what is wanted of them; for one architecture and one workload, a `Task`.

Equal tasks have equal keys.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from json import dumps
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UserError, unknown_name
from workbench.problem.arch import Arch
from workbench.problem.metrics import METRIC_UNITS, Metrics, Target
from workbench.problem.space import Design, Space
from workbench.problem.technology import SCALES, Scale
from workbench.problem.template import Template
from workbench.problem.workload import Workload, from_canonical

Criterion = Literal["latency", "energy", "edp"]
CRITERIA: tuple[Criterion, ...] = ("latency", "energy", "edp")


class BaseTask(ABC):
    """What every kind of task has: `objectives` are the metrics to minimise (two or more make a front)."""

    objectives: tuple[str, ...]
    targets: tuple[Target, ...]

    constrained: ClassVar[bool] = False
    """Whether the targets are a specification: what misses one is no solution. Else they say what is looked for."""

    @property
    @abstractmethod
    def space(self) -> Space:
        """The designs to search."""

    @property
    @abstractmethod
    def clock_mhz(self) -> float:
        """What turns cycles into seconds."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, str]:
        """What is designed, and for which workload."""

    @abstractmethod
    def canonical(self) -> dict[str, Any]:
        """The task as JSON-able content; a run stores it, so that editing a file later cannot change an old run."""

    @property
    @abstractmethod
    def key(self) -> bytes:
        """16 bytes that equal tasks share; a reworded description of the architecture makes no other task."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """What a design that can be built is measured by: what may be an objective or have a target."""
        return tuple(METRIC_UNITS)

    def features(self, designs: Sequence[Design]) -> NDArray[np.float64]:
        """What a surrogate without physics sees of designs.  # (n, width)"""
        return self.space.encode(designs)

    def solves(self, metrics: Metrics) -> bool:
        """Whether a design may be on the front."""
        return True

    def values(self, metrics: Metrics) -> tuple[float, ...]:
        """The objectives' values, in order."""
        return tuple(metrics.get(objective) for objective in self.objectives)


def check_wanted(objectives: Sequence[str], targets: Sequence[Target], known: Sequence[str]) -> None:
    """Refuse objectives and targets that are no metrics of a task, or occur twice."""
    if not objectives or len(set(objectives)) != len(objectives):
        raise UserError(f"A task needs one or more different objectives, got {list(objectives)}.")
    for metric in (*objectives, *(target.metric for target in targets)):
        if metric not in known:
            raise unknown_name("metric", metric, known)
    if len({t.metric for t in targets}) != len(targets):
        raise UserError(f"A metric has two targets: {', '.join(map(str, targets))}.")


@dataclass(frozen=True)
class Task(BaseTask):
    """An architecture with free axes, a workload, and what is wanted.

    `objectives` are the metrics to minimise (two or more make a front); `criterion` says by what the mapping of each
    layer is chosen on a given design; `technology` whose access costs are used.
    """

    template: Template
    workload: Workload
    objectives: tuple[str, ...] = ("latency_cycles", "energy_pj")
    targets: tuple[Target, ...] = ()
    technology: Scale = "common"
    criterion: Criterion = "edp"

    def __post_init__(self) -> None:
        check_wanted(self.objectives, self.targets, self.metrics)
        if self.technology not in SCALES:
            raise unknown_name("technology", self.technology, SCALES)
        if self.criterion not in CRITERIA:
            raise unknown_name("mapping criterion", self.criterion, CRITERIA)

    @property
    def space(self) -> Space:
        """The designs to search."""
        return self.template.space

    @property
    def clock_mhz(self) -> float:
        """The template's."""
        return self.template.file.clock_mhz

    @property
    def names(self) -> tuple[str, str]:
        """Architecture and workload."""
        return self.template.name, self.workload.name

    def arch(self, design: Design) -> Arch:
        """The concrete architecture of a design, priced as the task says."""
        return self.template.arch(design, self.technology)

    def canonical(self) -> dict[str, Any]:
        """See `BaseTask`."""
        return {
            "arch": self.template.content(),
            "workload": self.workload.canonical(),
            "objectives": list(self.objectives),
            "targets": [{"metric": t.metric, "bound": t.bound} for t in self.targets],
            "technology": self.technology,
            "criterion": self.criterion,
        }

    @classmethod
    def from_canonical(cls, content: dict[str, Any]) -> Task:
        """The inverse of `canonical`."""
        return cls(
            template=Template.from_content(content["arch"]),
            workload=from_canonical(content["workload"]),
            objectives=tuple(content["objectives"]),
            targets=tuple(Target(t["metric"], t["bound"]) for t in content["targets"]),
            technology=content["technology"],
            criterion=content["criterion"],
        )

    @cached_property
    def key(self) -> bytes:
        """See `BaseTask`."""
        content = self.canonical()
        content["arch"] = {k: v for k, v in content["arch"].items() if k not in ("description", "source")}
        return blake2b(dumps(content, sort_keys=True).encode(), digest_size=16).digest()
