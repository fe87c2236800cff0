"""A run as it goes on: what it has come to since one last looked, as arrays that only grow."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from store.database import Lab
from store.rows import Progress, Run, Status, Worker
from workbench.background import log_path, tail
from workbench.problem.task import BaseTask
from workbench.problem.tasks import task_of
from workbench.sweep.summary import NAME as SWEEP
from workbench.sweep.summary import Counts, counts_of
from workbench.views.cloud import Cloud, Quantity, quantities
from workbench.views.pace import Pace, Reading, best_text, counts_text, done_text
from workbench.views.quantity import age, count, duration
from workbench.views.runs import learns_from
from workbench.views.sweep import reading_of

LOG_LINES = 200
STEPS_SAID = 12
"""Steps told of where there is no log."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """How a run has gone: by the points it had after each step."""

    points: Floats  # (s,)
    hypervolume: Floats  # (s,)
    bests: Floats  # (s, objectives): in the units of their quantities, NaN before there is one
    seconds: float
    """Of work, in all."""

    @classmethod
    def none(cls, objectives: int) -> Curves:
        return cls(np.empty(0), np.empty(0), np.empty((0, objectives)), 0.0)

    def extended(self, steps: Sequence[Progress], objectives: Sequence[Quantity]) -> Curves:
        """With what more steps tell."""
        if not steps:
            return self
        told = [json.loads(step.best) for step in steps]
        bests = [[best.get(each.key, np.nan) * each.factor for each in objectives] for best in told]
        return Curves(
            np.concatenate([self.points, [float(step.points) for step in steps]]),
            np.concatenate([self.hypervolume, [step.hypervolume or 0.0 for step in steps]]),
            np.concatenate([self.bests, np.array(bests, dtype=np.float64)]),
            self.seconds + sum(step.seconds for step in steps),
        )


@dataclass(frozen=True, eq=False)
class Watched:
    """A run as far as it has been read."""

    row: Run
    status: Status
    cloud: Cloud
    curves: Curves
    log: tuple[str, ...]
    learns: str
    tags: tuple[str, ...]
    workers: tuple[Worker, ...] = ()
    """Of its workers, if it has had any."""
    pace: Pace = field(default_factory=Pace)
    counts: Counts | None = None
    """What a sweep has come to; None for a search."""

    @property
    def task(self) -> BaseTask:
        return self.cloud.task

    @property
    def objectives(self) -> list[Quantity]:
        known = self.cloud.quantities
        return [known[name] for name in self.task.objectives]

    @property
    def pair(self) -> tuple[Quantity, Quantity]:
        """The objectives on the two axes; one alone is shown over the place in the run."""
        both = [*self.objectives, self.cloud.quantities["seq"]]
        return (both[0], both[1]) if len(self.objectives) > 1 else (both[1], both[0])

    def reading(self) -> Reading:
        """How far it is, as the command line says it, too."""
        row = self.row
        if self.counts is not None:
            return reading_of(row, self.counts)
        return Reading(
            points=row.points,
            budget=json.loads(row.stop)["budget"],
            simulated=row.evaluations,
            hits=row.hits,
            feasible=row.feasible,
            front_size=row.front_size,
            hypervolume=row.hypervolume,
            best=json.loads(row.best) if row.best else {},
        )

    def lines(self) -> tuple[str, ...]:
        """The gist of it: what it is, how far and how fast, what it found, and what came of it."""
        row, reading = self.row, self.reading()
        stopping = f", to {row.wish} after its step" if row.wish is not None and self.status == "running" else ""
        words = " ".join(f"#{word}" for word in self.tags)
        is_ = f"{self.status}{stopping}  {row.search} for {row.arch} on {row.workload}, seed {row.seed}  {words}"
        far = done_text(reading, self.pace if self.status == "running" else Pace())
        worked = f"{duration(self.curves.seconds)} of work, last heard of {age(time.time() - row.updated_ns / 1e9)} ago"
        found = f"{best_text(reading)}  {counts_text(reading)}"
        last = row.error or (f"learns from {self.learns}" if self.learns else row.note)
        return is_, f"{far}  {worked}", found, last


def first_look(lab: Lab, run_id: int) -> Watched:
    """A run, and nothing yet of what it has found."""
    row = lab.run(run_id)
    task = task_of(json.loads(row.task))
    cloud, curves = Cloud.read(lab, row.id, task), Curves.none(len(task.objectives))
    return look(lab, Watched(row, lab.live_status(row), cloud, curves, (), learns_from(lab, run_id), ()))


def look(lab: Lab, seen: Watched) -> Watched:
    """The same run as it is now; only what is new of it is read."""
    row = lab.run(seen.row.id)
    known = len(seen.curves.points)
    steps = lab.history(row.id, known) if row.steps > known else []
    counts = counts_of(lab, row.id) if row.search == SWEEP else None
    seen.pace.mark(time.monotonic(), row.points if counts is None else counts.covered)
    objectives = [quantities(seen.task)[name] for name in seen.task.objectives]
    return replace(
        seen,
        row=row,
        status=lab.live_status(row),
        cloud=seen.cloud.grown(lab) if row.points > len(seen.cloud.points) else seen.cloud,
        curves=seen.curves.extended(steps, objectives),
        log=_log(lab, row, steps, seen.log),
        counts=counts,
        tags=tuple(lab.tags(row.id)),
        workers=tuple(lab.workers(row.id)),
    )


def _log(lab: Lab, row: Run, steps: Sequence[Progress], before: tuple[str, ...]) -> tuple[str, ...]:
    """What the run has said; or, where it has no log, what its latest steps came to."""
    said, _ = tail(log_path(lab.path, row), LOG_LINES)
    if said:
        return tuple(said)
    told = [
        f"step {step.step}: {count(step.points)} designs, front {step.front_size}, "
        f"hypervolume {step.hypervolume or 0.0:.4f}, {duration(step.seconds)}"
        for step in steps[-STEPS_SAID:]
    ]
    return (*before, *told)[-LOG_LINES:]
