"""A sweep as it goes on: how much of its grid is covered, and the front of that."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.database import Lab
from store.rows import Point, Run, Status
from workbench.problem.task import Task
from workbench.problem.tasks import hardware, task_of
from workbench.sweep.summary import Counts, counts_of
from workbench.views.cloud import Quantity, quantities
from workbench.views.pace import Reading
from workbench.views.quantity import age

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Swept:
    """A sweep as it was when it was read."""

    row: Run
    status: Status
    task: Task
    counts: Counts
    front: tuple[Point, ...]

    @property
    def pair(self) -> tuple[Quantity, Quantity]:
        """The two objectives on the axes."""
        known = quantities(self.task)
        first, second = self.task.objectives[:2]
        return known[first], known[second]

    @property
    def points(self) -> Floats:
        """The front's members in the units of their quantities.  # (n, 2)"""
        values = [[_value(point, each.key) * each.factor for each in self.pair] for point in self.front]
        return np.array(values, dtype=np.float64).reshape(-1, 2)

    @property
    def ids(self) -> Ints:
        """Where the members are among the run's points.  # (n,)"""
        return np.array([point.seq for point in self.front], dtype=np.int64)

    def line(self) -> str:
        """How far it is."""
        row, size = self.row, self.task.space.size
        far = f"{self.counts.words()} of {size:,} designs ({self.counts.covered / size:.1%})"
        return f"run {row.id}  {self.status}  {far}, front of {len(self.front)}, {age_of(row)} ago"


def reading_of(row: Run, counts: Counts) -> Reading:
    """How far a sweep is, as any run's displays show it."""
    return Reading(
        points=counts.covered,
        budget=json.loads(row.stop)["budget"],
        simulated=counts.evaluated,
        hits=0,
        feasible=counts.valid,
        front_size=row.front_size,
        hypervolume=row.hypervolume,
        best=json.loads(row.best) if row.best else {},
        counts=counts.words(),
    )


def age_of(row: Run) -> str:
    """How long ago it was last heard of."""
    return age(time.time() - row.updated_ns / 1e9)


def _value(point: Point, objective: str) -> float:
    return float(getattr(point, objective))


def look(lab: Lab, run_id: int, seen: Swept | None) -> Swept:
    """A sweep as it is now; what was seen of it is read again only where it has gone on."""
    row = lab.run(run_id)
    status = lab.live_status(row)
    if seen is not None and seen.row.id == run_id:
        known: Sequence[object] = (seen.row.steps, seen.row.updated_ns)
        if known == (row.steps, row.updated_ns):
            return Swept(row, status, seen.task, seen.counts, seen.front)
    task = hardware(task_of(json.loads(row.task))) if seen is None or seen.row.id != run_id else seen.task
    return Swept(row, status, task, counts_of(lab, run_id), tuple(lab.front(run_id)))
