"""A run's front shown: a table of its members and a scatter plot of everything the run has built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from store.address import Where
from store.database import Lab
from workbench.cli.confirm import (
    Confirmation,
    beside_of,
    confirm,
    confirmed_columns,
    confirming_simulator,
    print_confirmation,
)
from workbench.cli.options import Format, lab_path
from workbench.cli.output import Column, emit_csv, emit_json, number, stdout, table
from workbench.cli.plot import ASCII, UNICODE, scatter
from workbench.cli.stored import there
from workbench.sweep.summary import NAME as SWEEP
from workbench.sweep.summary import counts_of
from workbench.views.export import front_columns, front_head, front_wanted, member_data, sorted_members
from workbench.views.quantity import METRIC_WORDS, metric
from workbench.views.stored import StoredRun
from workbench.workers import Workers

PLOT_WIDTH, PLOT_HEIGHT = 100, 20
WIDE = 110
"""Columns from which a line has room for designs beside the metrics."""
SHORT = 12
"""Members that the end of a run shows; `dse front` shows all."""


def show_front(
    lab: Lab, run: StoredRun, form: Format, plot: bool = True, confirmation: Confirmation | None = None
) -> None:
    """The whole front in the form asked for, beside what a second simulator says, if it was asked."""
    members = sorted_members(run)
    if form == "json":
        front, head = [member_data(member) for member in members], front_head(run)
        if confirmation is not None:
            head["confirmed_on"] = confirmation.simulator.fingerprint
            front = [{**row, "confirmed": confirmation.payload(row)} for row in front]
        if run.row.search == SWEEP:
            head |= counts_of(lab, run.row.id)._asdict()
        emit_json({**head, **front_wanted(run), "front": front})
    elif form == "csv":
        more = [confirmation.columns(member) if confirmation else {} for member in members]
        confirmed = confirmed_columns() if confirmation else ()
        emit_csv([*front_columns(run), *confirmed], [{**m, **extra} for m, extra in zip(members, more, strict=True)])
    else:
        console = stdout()
        print_front(console, run, None)
        if confirmation is not None:
            print_confirmation(console, run, members, confirmation, members)
        if plot:
            print_plot(console, lab, run)


def show_confirmed(
    db: Where | None, ref: str, form: Format, plot: bool, asked: tuple[str | None, Sequence[str]], workers: Workers
) -> None:
    """A stored run's front beside what a second simulator says, which the lab keeps."""
    with Lab.open(there(lab_path(db)), create=False) as lab:
        run = StoredRun.read(lab, ref)
        simulator = confirming_simulator(*asked, run.row.fingerprint) or beside_of(run.row)
        if simulator is None:
            show_front(lab, run, form, plot)
            return
        with workers:
            show_front(lab, run, form, plot, confirm(lab, run, simulator, workers))


def print_front(console: Console, run: StoredRun, most: int | None) -> None:
    """A line per member: objectives, the other metrics and, where there is room, on which axes the designs differ."""
    members = sorted_members(run)
    if not members:
        lacking = "keeps the specification" if run.task.constrained and run.task.targets else "can be built"
        console.print(f"The front is empty: no design that {lacking} was found yet.")
        return
    task = run.task
    metrics = [*task.objectives, *(name for name in task.metrics if name not in task.objectives)]
    columns = [number("seq", "point"), *(number(name, METRIC_WORDS[name], _shower(name)) for name in metrics)]
    if task.targets:
        columns.append(Column("met", "targets", whole=True))
    if console.width >= WIDE:
        columns.append(Column("design", "axes on which they differ", cut=True))
    differing = [a.name for a in task.space.axes if len({member[a.name] for member in members}) > 1]
    rows = [
        {
            **member,
            "met": "met" if all(member[t.metric] <= t.bound for t in task.targets) else "missed",
            "design": " ".join(f"{axis}={member[axis]}" for axis in differing),
        }
        for member in spread(members, most)
    ]
    console.print(table(columns, rows))
    if len(rows) < len(members):
        console.print(f"{len(rows)} of the front's {len(members)} members; all of them: dse front {run.row.id}")


def spread(members: list[dict[str, Any]], most: int | None) -> list[dict[str, Any]]:
    """All, or `most` of them evenly along the front, both ends included."""
    if most is None or len(members) <= most:
        return members
    places = np.unique(np.linspace(0, len(members) - 1, most).round().astype(int))
    return [members[place] for place in places]


def _shower(name: str) -> Any:
    return lambda value: metric(name, value)


def print_plot(console: Console, lab: Lab, run: StoredRun) -> None:
    """The first two objectives of every design that can be built, front members marked."""
    objectives = run.task.objectives
    if len(objectives) < 2:
        return
    pair = (objectives[0], objectives[1])
    points = [p for p in lab.points(run.row.id, with_detail=False) if p.infeasible is None]
    if not points:
        return
    values = run.values(points, pair)
    there = np.isfinite(values).all(axis=1)
    if not there.any():
        return
    on_front = {point.seq for point in run.front}
    marked = np.array([point.seq in on_front for point in points])
    glyphs = UNICODE if console.encoding.startswith("utf") and not console.legacy_windows else ASCII
    width = min(console.width, PLOT_WIDTH) if console.is_terminal else 80
    console.print()
    console.print(scatter(values[there], marked[there], pair, width, PLOT_HEIGHT, glyphs))
    if len(objectives) > 2:
        others = ", ".join(objectives[2:])
        console.print(Text(f"The front is over {others} as well, which the plot leaves out.", style="dim"))
