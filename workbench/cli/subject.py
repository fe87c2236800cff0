"""What `dse evaluate` looks at: a design of a task under a simulator, given on the command line or stored in a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from store.address import Where
from store.database import Lab
from store.errors import StoreError, UnknownRunError
from workbench.cli.nominal import nominal_values
from workbench.cli.options import lab_path
from workbench.cli.output import say
from workbench.errors import UserError
from workbench.evaluations import evaluate_mapped
from workbench.problem.metrics import Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.tasks import hardware, task_of
from workbench.runner import make_simulator
from workbench.simulators.base import Simulator
from workbench.views.request import chosen_task
from workbench.views.settings import pairs
from workbench.views.values import with_changes


@dataclass(frozen=True, slots=True)
class Subject:
    """A design, what it is for, what evaluates it, and the lab that may know it already."""

    task: Task
    design: Design
    simulator: Simulator
    db: Where | None = None

    def outcomes(self, tasks: Sequence[Task]) -> list[Outcome]:
        """Of the design on tasks that are each simulated as one: the workload's layers, or the workload."""
        if self.db is None:
            return [self.simulator.evaluate(task, [self.design])[0] for task in tasks]
        with _open_lab(self.db) as lab:
            found = evaluate_mapped(lab, self.simulator, tasks, self.design)
        known = sum(was_known for _, was_known in found)
        say(f"{known} of {len(found)} known from the lab, {len(found) - known} simulated")
        return [outcome for outcome, _ in found]


def _open_lab(path: Where) -> Lab:
    """To write; one that may only be read still knows what it knows."""
    try:
        return Lab.open(path)
    except StoreError as error:
        if isinstance(path, Path) and not path.exists():
            raise
        lab = Lab.open(path, create=False, readonly=True)
        say(f"note: nothing will be kept: {error}")
        return lab


def given(
    db: Where | None,
    arch: str | None,
    workload: str | None,
    layers: Sequence[str],
    changes: Sequence[str],
    simulator: str,
    sim: Sequence[str],
    technology: str,
    criterion: str,
) -> Subject:
    """The unmodified architecture with the changes asked for."""
    if arch is None or workload is None:
        missing = " and ".join(flag for flag, value in (("--arch", arch), ("--workload", workload)) if value is None)
        raise UserError(f"Give {missing}, or --run and --point for a design that a run found.")
    task = chosen_task(arch, workload, layers, technology=technology, criterion=criterion)
    values = with_changes(task.space, nominal_values(task.template), changes)
    simulated = make_simulator(simulator, pairs("--sim", sim))
    return Subject(task, task.space.design(values), simulated, db and lab_path(db))


def stored(db: Where | None, run: str | None, point: int | None, changes: Sequence[str]) -> Subject:
    """A point of a run, with the changes asked for."""
    if run is None or point is None:
        raise UserError("--run and --point belong together: give both.")
    from workbench.cli.stored import open_to_look

    with open_to_look(db) as lab:
        row = lab.run(run)
        points = lab.points(row.id, after_seq=point - 1, limit=1, with_detail=False)
    if not points or points[0].seq != point:
        raise UnknownRunError(f"Run {row.id} has no point {point}; its points are 0 to {row.points - 1}.")
    task = hardware(task_of(json.loads(row.task)))
    values = with_changes(task.space, task.space.values(task.space.unpack(points[0].codes)), changes)
    simulator = make_simulator(row.simulator, json.loads(row.simulator_settings))
    if simulator.fingerprint != row.fingerprint:
        say(f"note: run {row.id} was made with {row.fingerprint!r}; this is {simulator.fingerprint!r}")
    return Subject(task, task.space.design(values), simulator, lab_path(db))
