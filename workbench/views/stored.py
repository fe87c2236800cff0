"""A run as it lies in the lab: its row, its state now, its task, and its points as metrics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.database import Lab
from store.rows import Point, Run, Status
from workbench.problem.metrics import Metrics
from workbench.problem.space import Choice
from workbench.problem.task import BaseTask
from workbench.problem.tasks import task_of


@dataclass(frozen=True)
class StoredRun:
    """A run as it is in the lab now."""

    row: Run
    status: Status
    front: tuple[Point, ...]

    @classmethod
    def read(cls, lab: Lab, ref: str | int) -> StoredRun:
        """A run by number, uuid or "last"."""
        row = lab.run(ref)
        return cls(row, lab.live_status(row), tuple(lab.front(row.id)))

    @cached_property
    def task(self) -> BaseTask:
        """The task as it was when the run began."""
        return task_of(json.loads(self.row.task))

    @property
    def clock_mhz(self) -> float:
        """What turns cycles into seconds."""
        return self.task.clock_mhz

    def metrics(self, point: Point) -> dict[str, float]:
        """Every metric of a feasible point, by name."""
        built = Metrics(
            latency_cycles=_there(point.latency_cycles),
            energy_pj=_there(point.energy_pj),
            area_um2=_there(point.area_um2),
            accuracy=point.accuracy,
            clock_mhz=self.clock_mhz,
        )
        return built.known(self.task.metrics)

    def design(self, point: Point) -> dict[str, Choice]:
        """Axis -> value."""
        return self.task.space.values(self.task.space.unpack(point.codes))

    def values(self, points: Sequence[Point], metrics: Sequence[str]) -> NDArray[np.float64]:
        """Metrics of feasible points as an array; NaN where there is no error rate.  # (n, m)"""
        rows = [[known.get(name, nan) for name in metrics] for known in map(self.metrics, points)]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(metrics))

    def member(self, point: Point) -> dict[str, Any]:
        """A front member as a row: where it is in the run, metrics, design."""
        return {"seq": point.seq, "step": point.step, **self.metrics(point), **self.design(point)}


def _there(value: float | None) -> float:
    if value is None:
        raise ValueError("an infeasible point has no metrics")
    return value
