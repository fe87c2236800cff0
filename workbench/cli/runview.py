"""Runs shown: a line each, and one run with its task, its progress and the reasons of its infeasible designs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from store.address import Where
from store.database import Lab
from store.filtering import All, Compare, Tagged
from store.filtering import Column as StoredColumn
from store.rows import STATUSES, Progress
from workbench.cli import coexploreview
from workbench.cli.options import Format, command
from workbench.cli.output import Column, emit, emit_csv, emit_json, listed, number, stdout, table, words
from workbench.errors import UserError, unknown_name
from workbench.problem.cotask import CoTask
from workbench.sweep.summary import NAME as SWEEP
from workbench.sweep.summary import summaries
from workbench.views import runlist
from workbench.views.bars import sparkline
from workbench.views.filter import parse
from workbench.views.quantity import METRIC_WORDS, count, metric
from workbench.views.runs import as_data, facts, in_words, sources
from workbench.views.stored import StoredRun

LIST = (
    number("id", "run"),
    Column("status", "status", whole=True),
    Column("arch", "arch"),
    Column("workload", "workload"),
    Column("search", "search", whole=True),
    Column("designs", "designs", whole=True),
    number("front_size", "front"),
    number("hypervolume", "hv", lambda value: f"{value:.3f}"),
    Column("hits_share", "known", whole=True),
    Column("age", "age", whole=True),
)


def list_runs(lab: Lab, status: str | None, tag: str | None, where: str, sort: str, limit: int, form: Format) -> None:
    """The runs for which all of this holds."""
    if status is not None and status not in STATUSES:
        raise unknown_name("status", status, STATUSES)
    parts = [parse(where, runlist.names())] if where.strip() else []
    parts += [Compare(StoredColumn("status"), "=", status)] if status is not None else []
    parts += [Tagged(tag)] if tag is not None else []
    condition = All(tuple(part for part in parts if part is not None))
    rows = [as_data(lab, run) for run in runlist.found(lab, condition, sort, limit)]
    if form == "json":
        emit_json(rows)
    elif form == "csv":
        keys = list(rows[0]) if rows else ["id", "uuid", "status"]
        emit_csv(keys, rows)
    elif rows:
        emit(form, LIST, [{**row, **in_words(row)} for row in rows])
    else:
        stdout().print(_none(status, tag, where))


def _none(status: str | None, tag: str | None, where: str) -> str:
    which = [f"that are {status}"] if status is not None else []
    which += [f"with the tag {tag}"] if tag is not None else []
    which += [f"for which {where} holds"] if where.strip() else []
    return f"There are no runs {' '.join(which)}." if which else "There are no runs yet."


def show_run(lab: Lab, run: StoredRun, form: Format, db: Where | None, point: int | None = None) -> None:
    """One run in the form asked for; of a co-exploration with a design of it, by default the best."""
    history, co = lab.history(run.row.id), isinstance(run.task, CoTask)
    if point is not None and not co:
        raise UserError(f"Run {run.row.id} is no co-exploration: 'dse evaluate --run {run.row.id} --point {point}'.")
    if form == "json":
        emit_json({**_payload(lab, run, history), **(coexploreview.design_data(lab, run, point) if co else {})})
    elif form == "csv":
        emit_csv(Progress._fields, [progress._asdict() for progress in history])
    else:
        _print(stdout(), lab, run, history, db)
        shown = coexploreview.chosen_point(lab, run, point) if co else None
        if shown is not None:
            coexploreview.print_design(stdout(), lab, run, shown)


def _payload(lab: Lab, run: StoredRun, history: Sequence[Progress]) -> dict[str, Any]:
    row = run.row
    return {
        **as_data(lab, row),
        "task": json.loads(row.task),
        "search_settings": json.loads(row.search_settings),
        "simulator_settings": json.loads(row.simulator_settings),
        "stop": json.loads(row.stop),
        "sources": sources(lab, row.id),
        "tags": lab.tags(row.id),
        "models": [key.hex() for key in lab.run_models(row.id)],
        "front": [point.seq for point in run.front],
        "history": [{**progress._asdict(), "best": json.loads(progress.best)} for progress in history],
        **({"swept": [each._asdict() for each in summaries(lab, row.id)]} if row.search == SWEEP else {}),
    }


def _print(console: Console, lab: Lab, run: StoredRun, history: Sequence[Progress], db: Where | None) -> None:
    row = run.row
    console.print(words(f"run {row.id}  {run.status}", "bold"))
    console.print(listed(facts(lab, run, history)))
    _print_bests(console, run)
    _print_history(console, history)
    _print_infeasible(console, lab, run)
    console.print()
    if run.status not in ("done", "running"):
        console.print(f"to go on:         {command(f'dse resume {row.id}', db)}")
    console.print(f"the front:        {command(f'dse front {row.id}', db)}")


def _print_bests(console: Console, run: StoredRun) -> None:
    """For each objective the front member that has the least of it; the front always holds one."""
    if not run.front:
        return
    console.print()
    members = [run.member(point) for point in run.front]
    for objective in run.task.objectives:
        best = min(members, key=lambda member: float(member[objective]))
        word = METRIC_WORDS[objective]
        console.print(f"least {word:11}{metric(objective, best[objective])}, point {best['seq']}")


def _print_history(console: Console, history: Sequence[Progress]) -> None:
    volumes = [progress.hypervolume or 0.0 for progress in history]
    if not volumes or max(volumes) <= 0:
        return
    line = sparkline(volumes, 40, console.encoding.startswith("utf"))
    console.print()
    console.print(f"front of {history[-1].front_size}; hypervolume over the run:")
    console.print(f"  {volumes[0]:.4f} {line} {volumes[-1]:.4f}")


def _print_infeasible(console: Console, lab: Lab, run: StoredRun) -> None:
    """Why designs could not be built, the most frequent resource first."""
    if run.row.points == run.row.feasible:
        return
    points = lab.points(run.row.id, with_detail=False)
    reasons = Counter(json.loads(point.infeasible)["resource"] for point in points if point.infeasible)
    rows = [{"resource": resource, "designs": n} for resource, n in reasons.most_common(8)]
    console.print()
    console.print(table([Column("resource", "cannot be built for want of"), number("designs", "designs", count)], rows))
