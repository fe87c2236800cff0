"""Runs side by side: their fronts over the objectives they share, how they got there, and what each alone found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.database import Lab
from workbench.compare import outcome
from workbench.errors import UserError
from workbench.fidelity import MARGIN
from workbench.pareto import hypervolume, non_dominated
from workbench.views.stored import StoredRun

MOST = 6
"""Runs that can be told apart in one plot."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """A run beside others."""

    run: StoredRun
    front: Floats  # (k, m): the members' values of the shared objectives
    seqs: NDArray[np.int64]  # (k,)
    designs: NDArray[np.int64]  # (s,): after each step
    volumes: Floats  # (s,): the run's own hypervolume after each step
    share: float
    """Hypervolume of its front, of that of all fronts together."""
    to_target: int | None
    """Designs up to the first that met all of its targets; None where none did, or there are none."""
    joint: int
    """Its members that no other run's front beats."""
    alone: int
    """Those of them that no other run has found as good."""


@dataclass(frozen=True, eq=False, slots=True)
class Overlay:
    """Runs and the objectives that all of them minimise."""

    objectives: tuple[str, ...]
    sides: tuple[Side, ...]
    same_task: bool
    """Whether all work on one task: only then do their costs speak of the same thing."""


def overlay(lab: Lab, refs: Sequence[int | str]) -> Overlay:
    """Runs beside each other.

    Raises:
        UserError: fewer than two runs or too many, one twice, or no objective in common.
    """
    runs = [StoredRun.read(lab, ref) for ref in refs]
    if not 2 <= len(runs) <= MOST or len({run.row.id for run in runs}) < len(runs):
        raise UserError(f"2 to {MOST} different runs can be laid over each other, got {', '.join(map(str, refs))}.")
    objectives = tuple(o for o in runs[0].task.objectives if all(o in run.task.objectives for run in runs))
    if not objectives:
        wanted = "; ".join(f"run {run.row.id}: {', '.join(run.task.objectives)}" for run in runs)
        raise UserError(f"The runs have no objective in common ({wanted}).")
    fronts = [run.values(run.front, objectives) for run in runs]
    corner, scale = _box(fronts)
    everything = _volume(np.concatenate(fronts), corner, scale)
    sides = []
    for i, (run, front) in enumerate(zip(runs, fronts, strict=True)):
        others = np.concatenate([other for j, other in enumerate(fronts) if j != i])
        result = outcome(lab, run.row)
        joint = _unbeaten(front, others)
        sides.append(
            Side(
                run=run,
                front=front,
                seqs=np.array([point.seq for point in run.front], dtype=np.int64),
                designs=np.array([points for points, _ in result.volumes], dtype=np.int64),
                volumes=np.array([volume for _, volume in result.volumes], dtype=np.float64),
                share=_volume(front, corner, scale) / everything if everything > 0 else 0.0,
                to_target=result.to_target,
                joint=int(joint.sum()),
                alone=int((joint & ~_found_by(front, others)).sum()),
            )
        )
    return Overlay(objectives, tuple(sides), len({run.row.task_key for run in runs}) == 1)


def _box(fronts: Sequence[Floats]) -> tuple[Floats, Floats]:
    """The reference that lies a margin beyond the worst of all unbeaten members, and the extent of each objective."""
    members = np.concatenate(fronts)
    if not len(members):
        width = members.shape[1]
        return np.ones(width), np.ones(width)
    best = members[non_dominated(members)]
    scale = best.max(axis=0) - best.min(axis=0)
    scale = np.where(scale > 0, scale, np.maximum(np.abs(best.max(axis=0)), 1e-300))
    return best.max(axis=0) + MARGIN * scale, scale


def _volume(points: Floats, corner: Floats, scale: Floats) -> float:
    """Hypervolume in units of the extents, so that none of them overflows."""
    return hypervolume((points - corner) / scale, np.zeros(len(corner))) if len(points) else 0.0


def _unbeaten(front: Floats, others: Floats) -> NDArray[np.bool_]:
    """Which members neither another run's nor another of their own beats; equal ones do not.  # (k, m) -> (k,)"""
    everyone = np.concatenate([front, others])
    if not len(everyone):
        return np.zeros(0, dtype=np.bool_)
    best = everyone[non_dominated(everyone)]
    return _found_by(front, best)


def _found_by(front: Floats, others: Floats) -> NDArray[np.bool_]:
    """Which members have the very values of one of the others.  # (k, m), (l, m) -> (k,)"""
    there = {tuple(values) for values in others.tolist()}
    return np.array([tuple(values) in there for values in front.tolist()], dtype=np.bool_)


def as_data(side: Side) -> dict[str, object]:
    """A run's line as data."""
    row = side.run.row
    return {
        "run": row.id,
        "arch": row.arch,
        "workload": row.workload,
        "search": row.search,
        "seed": row.seed,
        "designs": row.points,
        "front": len(side.front),
        "hypervolume": row.hypervolume,
        "share": side.share,
        "to_target": side.to_target,
        "joint": side.joint,
        "alone": side.alone,
    }
