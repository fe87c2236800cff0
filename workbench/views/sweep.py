"""A sweep as it goes on: how much of its space is done, and the front of what has been read of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from store.database import Lab
from store.rows import Run, Status
from workbench.pareto import Front
from workbench.problem.task import Task
from workbench.views.cloud import Quantity, quantities
from workbench.views.quantity import age, count, magnitude

CHUNKS_AT_ONCE = 16
"""So many chunks are read at one look: what is read stays short."""
OBJECTIVES = ("latency_cycles", "energy_pj", "area_um2")
"""Those that a chunk holds as they are."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Swept:
    """A sweep as far as it has been read."""

    row: Run
    status: Status
    task: Task
    front: Front
    chunks: int
    """Chunks that have been read."""
    designs: int
    """Designs in them."""

    @property
    def pair(self) -> tuple[Quantity, Quantity]:
        """The two objectives on the axes."""
        known = quantities(self.task)
        first, second = _pair(self.task)
        return known[first], known[second]

    @property
    def points(self) -> Floats:
        """The front's members in the units of their quantities.  # (n, 2)"""
        factors = np.array([each.factor for each in self.pair])
        return np.asarray(self.front.points * factors, dtype=np.float64)

    @property
    def whole(self) -> bool:
        """Whether all is read that there is."""
        return self.designs >= self.row.chunk_points

    def line(self) -> str:
        """How far it is."""
        row, size = self.row, self.task.space.size
        far = f"{count(row.chunk_points)} of {magnitude(size)} designs ({row.chunk_points / size:.1%})"
        read = "" if self.whole else f", {count(self.designs)} read so far"
        return f"run {row.id}  {self.status}  {far}{read}, front of {len(self.front)}, {age_of(row)} ago"


def age_of(row: Run) -> str:
    """How long ago it was last heard of."""
    return age(time.time() - row.updated_ns / 1e9)


def _pair(task: Task) -> tuple[str, str]:
    wanted = [name for name in (*task.objectives, *OBJECTIVES) if name in OBJECTIVES]
    first, second = list(dict.fromkeys(wanted))[:2]
    return first, second


def first_look(lab: Lab, run_id: int) -> Swept:
    """A sweep, and nothing yet of what it has found."""
    row = lab.run(run_id)
    return Swept(row, lab.live_status(row), Task.from_canonical(json.loads(row.task)), Front.empty(2), 0, 0)


def look(lab: Lab, seen: Swept) -> Swept:
    """The same sweep as it is now; some chunks more are read of it, until it is `whole`."""
    row = lab.run(seen.row.id)
    front, chunks, designs = Front(seen.front.points, seen.front.ids), seen.chunks, seen.designs
    names = _pair(seen.task)
    for chunk in islice(lab.chunks(row.id, after_number=chunks - 1), CHUNKS_AT_ONCE):
        values = np.column_stack([getattr(chunk, name) for name in names])
        built = np.isfinite(values).all(axis=1)
        front.add(values[built], designs + np.flatnonzero(built))
        chunks, designs = chunks + 1, designs + len(chunk)
    return replace(seen, row=row, status=lab.live_status(row), front=front, chunks=chunks, designs=designs)
