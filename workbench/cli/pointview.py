"""A run's points shown: a line each, as many of its columns as there is room for."""

from __future__ import annotations

from functools import partial

from store.database import Lab
from store.filtering import Condition
from workbench.cli.frontview import WIDE
from workbench.cli.options import Format
from workbench.cli.output import Column, emit_csv, emit_json, number, say, stdout, table
from workbench.views.export import Listing, point_data, point_rows
from workbench.views.filter import parse
from workbench.views.points import PointRow, columns, names, sort_term
from workbench.views.quantity import METRIC_WORDS, count, metric
from workbench.views.stored import StoredRun


def list_points(lab: Lab, run: StoredRun, form: Format, where: str, sort: str, limit: int | None) -> None:
    """The points for which the filter holds, in the form asked for."""
    condition = parse(where, names(run.task))
    by = sort_term(run.task, sort.removeprefix("-"))
    found = point_rows(lab, run, Listing(condition, by, sort.startswith("-"), limit))
    if form == "json":
        emit_json([point_data(row) for row in found])
    elif form == "csv":
        emit_csv(columns(run.task), (row.flat() for row in found))
    else:
        _print(lab, run, list(found), condition)


def _print(lab: Lab, run: StoredRun, found: list[PointRow], where: Condition | None) -> None:
    """Metrics (on a narrow terminal the objectives), then where the designs differ, or why one cannot be built."""
    console = stdout()
    if not found:
        console.print("There are no such points." if run.row.points else "The run has no points yet.")
        return
    on_front = {point.seq for point in run.front}
    differing = [a.name for a in run.task.space.axes if len({row.design[a.name] for row in found}) > 1]
    rows = [{**row.flat(), "front": "*" if row.seq in on_front else "", "rest": _rest(row, differing)} for row in found]
    others = [name for name in run.task.metrics if name not in run.task.objectives]
    metrics = [*run.task.objectives, *(others if console.width >= WIDE else ())]
    shown = [
        number("seq", "point"),
        Column("front", "front"),
        *(number(name, METRIC_WORDS[name], partial(metric, name)) for name in metrics),
        Column("rest", "design", cut=True),
    ]
    console.print(table(shown, rows))
    matching = lab.count_points(run.row.id, where)
    if len(found) < matching:
        say(f"{count(len(found))} of {count(matching)} points; all of them: --all")


def _rest(row: PointRow, differing: list[str]) -> str:
    design = " ".join(f"{axis}={row.design[axis]}" for axis in differing)
    return f"{row.reason}: {design}" if row.reason is not None else design
