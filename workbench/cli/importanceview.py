"""What decides a metric, shown: a line for each axis, or for each choice of one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from store.database import Lab
from workbench.cli.options import Format
from workbench.cli.output import Column, emit, emit_json, name, number, say, stdout
from workbench.errors import unknown_name
from workbench.problem.metrics import METRIC_UNITS
from workbench.views.bars import bar, percent
from workbench.views.cloud import Cloud
from workbench.views.importance import importance, slices
from workbench.views.quantity import METRIC_WORDS, count
from workbench.views.quantity import metric as shown
from workbench.views.stored import StoredRun

BAR_WIDTH = 40


def _read(lab: Lab, ref: str, metric: str | None) -> tuple[Cloud, str]:
    run = StoredRun.read(lab, ref)
    if metric is not None and metric not in METRIC_UNITS:
        raise unknown_name("metric", metric, METRIC_UNITS)
    return Cloud.read(lab, run.row.id, run.task), metric or run.task.objectives[0]


def show_importance(lab: Lab, ref: str, metric: str | None, form: Format) -> None:
    """The weights of all axes in the form asked for."""
    found = importance(*_read(lab, ref, metric))
    rows: list[dict[str, Any]] = [asdict(weight) for weight in found.weights]
    if form == "json":
        emit_json({"metric": found.metric, "points": found.points, "explained": found.explained, "axes": rows})
        return
    unicode = stdout().encoding.startswith("utf")
    columns = [name("axis", "axis"), number("share", "decides", percent)]
    if form == "table":
        columns.append(Column("bar", "", style="green", whole=True))
        rows = [{**row, "bar": bar(row["share"], BAR_WIDTH, unicode)} for row in rows]
        say(
            f"{METRIC_WORDS[found.metric]} of {count(found.points)} designs; the forest explains "
            f"{percent(found.explained)} of its variance on designs it has not seen"
        )
    emit(form, columns, rows)


def show_slices(lab: Lab, ref: str, metric: str | None, axis: str, form: Format) -> None:
    """The metric along an axis in the form asked for: in full units as data, in words as a table."""
    cloud, key = _read(lab, ref, metric)
    factor = cloud.quantities[key].factor
    rows = [
        {
            **asdict(each),
            "least": None if each.least is None else each.least / factor,
            "median": None if each.median is None else each.median / factor,
        }
        for each in slices(cloud, axis, key)
    ]
    columns = [
        name("choice", axis),
        number("designs", "designs", count),
        number("feasible", "can be built", count),
        number("least", f"least {METRIC_WORDS[key]}", lambda value: shown(key, value)),
        number("median", "median", lambda value: shown(key, value)),
    ]
    emit(form, columns, rows, {"metric": key, "axis": axis, "slices": rows})
