"""Runs shown: a line each, and one run with its task, its progress and the reasons of its infeasible designs."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from store.database import Lab
from store.rows import STATUSES, Progress, Run, Status
from workbench.cli.options import Format, command
from workbench.cli.output import Column, emit, emit_csv, emit_json, listed, number, stdout, table, words
from workbench.errors import unknown_name
from workbench.views.bars import percent, sparkline
from workbench.views.quantity import METRIC_WORDS, age, count, duration, metric
from workbench.views.stored import StoredRun

HIDDEN = ("task", "task_key", "search_settings", "simulator_settings", "stop", "best", "boot_id", "pid_namespace")
"""Columns of a run's row that a list leaves out: bulky, or of use to the store alone."""
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


def list_runs(lab: Lab, status: str | None, limit: int, form: Format) -> None:
    """The latest runs."""
    if status is not None and status not in STATUSES:
        raise unknown_name("status", status, STATUSES)
    wanted: Status | None = next((known for known in STATUSES if known == status), None)
    rows = [_row(lab, run) for run in lab.runs(wanted, limit=limit)]
    if form == "json":
        emit_json(rows)
    elif form == "csv":
        keys = list(rows[0]) if rows else ["id", "uuid", "status"]
        emit_csv(keys, rows)
    elif rows:
        emit(form, LIST, [{**row, **_for_people(row)} for row in rows])
    else:
        stdout().print("There are no runs yet." if status is None else f"There are no runs that are {status}.")


def _row(lab: Lab, run: Run) -> dict[str, Any]:
    """A run as data: live status, budget and bests beside the columns."""
    content = {key: value for key, value in asdict(run).items() if key not in HIDDEN}
    content["status"] = lab.live_status(run)
    content["budget"] = json.loads(run.stop)["budget"]
    content["best"] = json.loads(run.best) if run.best else {}
    return content


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    looked_up = row["hits"] + row["evaluations"]
    return {
        "designs": f"{count(row['points'])}/{count(row['budget'])}",
        "hits_share": f"{row['hits'] / looked_up:.0%}" if looked_up else "-",
        "age": age(time.time() - row["updated_ns"] / 1e9),
    }


def show_run(lab: Lab, run: StoredRun, form: Format, db: Path | None) -> None:
    """One run in the form asked for."""
    history = lab.history(run.row.id)
    if form == "json":
        emit_json(_payload(lab, run, history))
    elif form == "csv":
        emit_csv(Progress._fields, [progress._asdict() for progress in history])
    else:
        _print(stdout(), lab, run, history, db)


def _payload(lab: Lab, run: StoredRun, history: Sequence[Progress]) -> dict[str, Any]:
    row = run.row
    return {
        **_row(lab, row),
        "task": json.loads(row.task),
        "search_settings": json.loads(row.search_settings),
        "simulator_settings": json.loads(row.simulator_settings),
        "stop": json.loads(row.stop),
        "sources": _sources(lab, row.id),
        "models": [key.hex() for key in lab.run_models(row.id)],
        "front": [point.seq for point in run.front],
        "history": [{**progress._asdict(), "best": json.loads(progress.best)} for progress in history],
    }


def _print(console: Console, lab: Lab, run: StoredRun, history: Sequence[Progress], db: Path | None) -> None:
    row, task = run.row, run.task
    console.print(words(f"run {row.id}  {run.status}", "bold"))
    began = datetime.fromtimestamp(row.created_ns / 1e9, UTC).astimezone()
    facts = [
        ("uuid", row.uuid),
        ("began", f"{began:%Y-%m-%d %H:%M:%S}, last heard of {age(time.time() - row.updated_ns / 1e9)} ago"),
        ("task", f"{row.arch} on {row.workload}, {task.technology} technology, mapping chosen by {task.criterion}"),
        ("minimise", ", ".join(task.objectives)),
        ("targets", ", ".join(map(str, task.targets)) or "none"),
        ("search", _with_settings(row.search, row.search_settings) + f", seed {row.seed}, {row.batch} a step"),
        ("simulator", _with_settings(row.simulator, row.simulator_settings)),
        ("stop", _settings(row.stop)),
        ("designs", f"{count(row.points)} of {count(json.loads(row.stop)['budget'])} in {count(row.steps)} steps"),
        ("outcomes", _outcomes(row)),
        ("work", _work(history)),
    ]
    if knowledge := learns_from(lab, row.id):
        facts.append(("learns from", knowledge))
    if row.note:
        facts.append(("note", row.note))
    if row.error:
        facts.append(("error", row.error))
    console.print(listed(facts))
    _print_bests(console, run)
    _print_history(console, history)
    _print_infeasible(console, lab, run)
    console.print()
    if run.status not in ("done", "running"):
        console.print(f"to go on:         {command(f'dse resume {row.id}', db)}")
    console.print(f"the front:        {command(f'dse front {row.id}', db)}")


def learns_from(lab: Lab, run_id: int) -> str:
    """The runs and source models that a run was given, in words; empty if there are none."""
    given = _sources(lab, run_id)
    runs = [str(source["run"] or f"{source['uuid'][:8]} (gone)") for source in given]
    known = {head.key: str(head.id) for head in lab.model_heads()}
    models = [known.get(key, f"{key.hex()[:8]} (gone)") for key in lab.run_models(run_id)]
    parts = []
    if runs:
        designs = count(sum(source["points"] for source in given))
        parts.append(f"run{'s' if len(runs) > 1 else ''} {', '.join(runs)} ({designs} designs)")
    if models:
        parts.append(f"source model{'s' if len(models) > 1 else ''} {', '.join(models)}")
    return " and ".join(parts)


def _sources(lab: Lab, run_id: int) -> list[dict[str, Any]]:
    """The runs that a run learns from, as data; the number is None where one is no longer in the lab."""
    given = lab.run_sources(run_id)
    numbers = {head.uuid: head.id for head in lab.run_heads(uuids=[source.uuid for source in given])}
    return [{"run": numbers.get(source.uuid), **source._asdict()} for source in given]


def _settings(content: str) -> str:
    settings = {key: value for key, value in json.loads(content).items() if value is not None}
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def _with_settings(name: str, content: str) -> str:
    settings = _settings(content)
    return f"{name} ({settings})" if settings else name


def _outcomes(row: Run) -> str:
    looked_up = row.hits + row.evaluations
    share = f" ({percent(row.hits / looked_up)})" if looked_up else ""
    built = f"{count(row.feasible)} can be built, {count(row.points - row.feasible)} cannot"
    return f"{built}; {count(row.evaluations)} simulated, {count(row.hits)} known from the lab{share}"


def _work(history: Sequence[Progress]) -> str:
    seconds = sum(progress.seconds for progress in history)
    if not history or not seconds:
        return "none yet"
    own = [progress.search_seconds for progress in history if progress.search_seconds is not None]
    searching = f"; the search itself took {duration(sum(own))}" if own else ""
    return f"{duration(seconds)}, {history[-1].points / seconds:.3g} designs a second{searching}"


def _print_bests(console: Console, run: StoredRun) -> None:
    """For each objective the front member that has the least of it; the front always holds one."""
    if not run.front:
        return
    console.print()
    members = [run.member(point) for point in run.front]
    for objective in run.task.objectives:
        best = min(members, key=lambda member: float(member[objective]))
        word = METRIC_WORDS[objective]
        console.print(f"least {word:10}{metric(objective, best[objective])}, point {best['seq']}")


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
