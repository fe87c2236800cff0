"""A task: an architecture, a workload and what is wanted of it; equal tasks have equal keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from json import dumps
from typing import Any, Literal

from workbench.errors import UserError, unknown_name
from workbench.problem.arch import Arch
from workbench.problem.metrics import METRIC_UNITS, Metrics, Target
from workbench.problem.space import Design, Space
from workbench.problem.technology import SCALES, Scale
from workbench.problem.template import Template
from workbench.problem.workload import Workload, from_canonical

Criterion = Literal["latency", "energy", "edp"]
CRITERIA: tuple[Criterion, ...] = ("latency", "energy", "edp")


@dataclass(frozen=True)
class Task:
    """What a run works on.

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
        if not self.objectives or len(set(self.objectives)) != len(self.objectives):
            raise UserError(f"A task needs one or more different objectives, got {list(self.objectives)}.")
        for objective in self.objectives:
            if objective not in METRIC_UNITS:
                raise unknown_name("metric", objective, METRIC_UNITS)
        if len({t.metric for t in self.targets}) != len(self.targets):
            raise UserError(f"A metric has two targets: {', '.join(map(str, self.targets))}.")
        if self.technology not in SCALES:
            raise unknown_name("technology", self.technology, SCALES)
        if self.criterion not in CRITERIA:
            raise unknown_name("mapping criterion", self.criterion, CRITERIA)

    @property
    def space(self) -> Space:
        """The designs to search."""
        return self.template.space

    def arch(self, design: Design) -> Arch:
        """The concrete architecture of a design, priced as the task says."""
        return self.template.arch(design, self.technology)

    def values(self, metrics: Metrics) -> tuple[float, ...]:
        """The objectives' values, in order."""
        return tuple(metrics.get(objective) for objective in self.objectives)

    def canonical(self) -> dict[str, Any]:
        """The task as JSON-able content; a run stores it, so that editing a file later cannot change an old run."""
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
        """16 bytes that equal tasks share; a reworded description of the architecture makes no other task."""
        content = self.canonical()
        content["arch"] = {k: v for k, v in content["arch"].items() if k not in ("description", "source")}
        return blake2b(dumps(content, sort_keys=True).encode(), digest_size=16).digest()
