"""Co-explorations shown: the chip, the networks and the schedule of a design that a run found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console

from store.database import Lab
from store.rows import Point
from workbench.cli.chipview import PARTS, print_chart
from workbench.cli.launch import Handling, begin
from workbench.cli.output import Column, listed, name, number, table, words
from workbench.cli.stored import open_to_look
from workbench.errors import UserError
from workbench.library import outcome
from workbench.problem.cotask import CoTask
from workbench.problem.metrics import Infeasible, Metrics
from workbench.simulators.chips.evaluate import ChipCost
from workbench.views import chips, codesign, reproduce
from workbench.views.corequest import CoRequest, best_point
from workbench.views.points import the_point
from workbench.views.quantity import METRIC_WORDS, amount, count, metric
from workbench.views.stored import StoredRun

NETWORKS = (
    name("label", "network"),
    number("accuracy", "accuracy", lambda value: "not trained" if value is None else metric("accuracy", value)),
    number("parameters", "weights", count),
    number("macs", "MACs", amount),
    Column("values", "design", lambda values: " ".join(f"{axis}={value}" for axis, value in values.items())),
)


def begin_coexploration(request: CoRequest, how: Handling) -> int:
    """A new run; a lab that runs are named of is looked into first."""
    if not request.names_runs:
        return begin(request.spec(None), how)
    with open_to_look(how.db) as lab:
        spec = request.spec(lab)
    return begin(spec, how)


def chosen_point(lab: Lab, run: StoredRun, point: int | None) -> Point | None:
    """The point that is asked for, with its detail; by default the best one, None where there is none yet.

    Raises:
        UserError: there is no such point.
    """
    assert isinstance(run.task, CoTask)
    if point is None and not run.front:
        return None
    seq = (best_point(lab, run.row, run.task) if point is None else the_point(lab, run.row, point)).seq
    return lab.points(run.row.id, after_seq=seq - 1, limit=1)[0]


def design_data(lab: Lab, run: StoredRun, point: int | None) -> dict[str, Any]:
    """The same as data; nothing where there is no design yet."""
    shown, task = chosen_point(lab, run, point), run.task
    if shown is None or not isinstance(task, CoTask):
        return {"design": None}
    design = task.space.unpack(shown.codes)
    full = codesign.payload(task, design, outcome(shown), codesign.chip_of(lab, run.row, task, design))
    return {"design": {**reproduce.design_data(lab.path, run.row, task, shown), **full}}


def print_design(console: Console, lab: Lab, run: StoredRun, point: Point) -> None:
    """A design: what it is worth and takes, networks, parts, schedule."""
    task = run.task
    if not isinstance(task, CoTask):
        raise UserError(f"Run {run.row.id} is no co-exploration: 'dse evaluate' shows its designs.")
    design, found = task.space.unpack(point.codes), outcome(point)
    console.print()
    console.print(words(f"point {point.seq}", "bold"))
    if isinstance(found, Infeasible):
        console.print(f"It cannot be built: {found.reason}.")
        if found.levers:
            console.print(f"Axes that would help: {', '.join(found.levers)}.")
        return
    console.print(listed(_facts(task, found)))
    rows = [asdict(row) for row in codesign.networks(task, design, found)]
    console.print(table(NETWORKS, rows))
    cost = codesign.chip_of(lab, run.row, task, design)
    if isinstance(cost, ChipCost):
        console.print(table(PARTS, chips.part_rows(task.template, task.chip_design(design), cost)))
        console.print()
        print_chart(console, cost)
    else:
        console.print("This version costs chips otherwise than the run did: no schedule is shown.")


def _facts(task: CoTask, found: Metrics) -> list[tuple[str, str]]:
    """Every metric, beside its limit if it has one."""
    limits = {target.metric: target for target in task.targets}
    told = []
    for key, value in found.known(task.metrics).items():
        text = metric(key, value)
        if key in limits:
            target = limits[key]
            text += f", {'within' if target.met(found) else 'above'} the limit of {metric(key, target.bound)}"
        told.append((METRIC_WORDS[key], text))
    if found.accuracy is not None:
        told.append(("accuracy", f"{metric('accuracy', found.accuracy)}, measured"))
    elif task.trains:
        told.append(("accuracy", "nothing was trained: the specification is not met"))
    return told
