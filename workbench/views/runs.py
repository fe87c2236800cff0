"""A run in words: as a line of a list, and as facts one below the other. The command line prints them, the UI too."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from store.database import Lab
from store.removing import Dependents
from store.rows import Progress, Run
from workbench.sweep.summary import NAME as SWEEP
from workbench.sweep.summary import counts_of
from workbench.views.bars import percent
from workbench.views.quantity import METRIC_WORDS, age, count, duration, metric

if TYPE_CHECKING:  # a list of runs does without the problem they are about
    from workbench.views.stored import StoredRun

HIDDEN = ("task", "task_key", "search_settings", "simulator_settings", "stop", "best", "boot_id", "pid_namespace")
"""Columns of a run's row that a list leaves out: bulky, or of use to the store alone."""


def as_data(lab: Lab, run: Run) -> dict[str, Any]:
    """A run as data: live status, budget and bests beside the columns."""
    content = {key: value for key, value in asdict(run).items() if key not in HIDDEN}
    content["status"] = lab.live_status(run)
    content["budget"] = json.loads(run.stop)["budget"]
    content["best"] = json.loads(run.best) if run.best else {}
    if run.search == SWEEP:
        content |= counts_of(lab, run.id)._asdict()
    return content


def in_words(row: dict[str, Any]) -> dict[str, Any]:
    """Of a run as data, what a line of a list says."""
    looked_up = row["hits"] + row["evaluations"]
    return {
        "designs": f"{count(row.get('covered', row['points']))}/{count(row['budget'])}",
        "hits_share": f"{row['hits'] / looked_up:.0%}" if looked_up else "-",
        "age": age(time.time() - row["updated_ns"] / 1e9),
    }


def facts(lab: Lab, run: StoredRun, history: Sequence[Progress]) -> list[tuple[str, str]]:
    """What there is to say of a run: (label, text)."""
    from workbench.views import about  # a list of runs does without

    row, task = run.row, run.task
    began = datetime.fromtimestamp(row.created_ns / 1e9, UTC).astimezone()
    told = [
        ("uuid", row.uuid),
        ("began", f"{began:%Y-%m-%d %H:%M:%S}, last heard of {age(time.time() - row.updated_ns / 1e9)} ago"),
        *about.task(row, task),
        ("minimise", ", ".join(task.objectives)),
        ("specification" if task.constrained else "targets", ", ".join(map(str, task.targets)) or "none"),
        ("search", with_settings(row.search, row.search_settings) + f", seed {row.seed}, {asks(row)}"),
        ("simulator", with_settings(row.simulator, row.simulator_settings)),
        ("stop", settings_text(about.rules(row.stop, task))),
        ("designs", f"{count(row.points)} of {count(json.loads(row.stop)['budget'])} in {count(row.steps)} steps"),
        ("outcomes", outcomes(row)),
        ("work", work(history)),
    ]
    if row.search == SWEEP:
        told[-3:] = _swept(lab, row, history)
    told += about.trainings(lab, row, task)
    if knowledge := learns_from(lab, row.id):
        told.append(("learns from", knowledge))
    if tags := lab.tags(row.id):
        told.append(("tags", " ".join(tags)))
    if row.note:
        told.append(("note", row.note))
    if row.error:
        told.append(("error", row.error))
    return told


def _swept(lab: Lab, row: Run, history: Sequence[Progress]) -> list[tuple[str, str]]:
    """What there is to say of a sweep."""
    counts, seconds = counts_of(lab, row.id), sum(progress.seconds for progress in history)
    rate = f"{duration(seconds)}, {counts.covered / seconds:.3g} designs a second" if seconds else "none yet"
    kept = f"; {count(row.chunk_points)} in chunks" if row.chunk_points else ""
    return [
        ("designs", f"of {count(json.loads(row.stop)['budget'])}: {counts.words()}"),
        ("stored", f"{count(row.points)} that came to the front, in {count(row.steps)} steps{kept}"),
        ("work", rate),
    ]


def learns_from(lab: Lab, run_id: int) -> str:
    """The runs and source models that a run was given, in words; empty if there are none."""
    given = sources(lab, run_id)
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


def sources(lab: Lab, run_id: int) -> list[dict[str, Any]]:
    """The runs that a run learns from, as data; the number is None where one is no longer in the lab."""
    given = lab.run_sources(run_id)
    numbers = {head.uuid: head.id for head in lab.run_heads(uuids=[source.uuid for source in given])}
    return [{"run": numbers.get(source.uuid), **source._asdict()} for source in given]


def settings_text(content: str) -> str:
    settings = {key: value for key, value in json.loads(content).items() if value is not None}
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def with_settings(name: str, content: str) -> str:
    settings = settings_text(content)
    return f"{name} ({settings})" if settings else name


def asks(row: Run) -> str:
    """How many designs the search is asked for at a time."""
    return f"asked again as designs come back, {row.batch} under way" if row.asynchronous else f"{row.batch} a step"


def outcomes(row: Run) -> str:
    looked_up = row.hits + row.evaluations
    share = f" ({percent(row.hits / looked_up)})" if looked_up else ""
    built = f"{count(row.feasible)} can be built, {count(row.points - row.feasible)} cannot"
    return f"{built}; {count(row.evaluations)} simulated, {count(row.hits)} known from the lab{share}"


def work(history: Sequence[Progress]) -> str:
    seconds = sum(progress.seconds for progress in history)
    if not history or not seconds:
        return "none yet"
    own = [progress.search_seconds for progress in history if progress.search_seconds is not None]
    searching = f"; the search itself took {duration(sum(own))}" if own else ""
    return f"{duration(seconds)}, {history[-1].points / seconds:.3g} designs a second{searching}"


def glance(lab: Lab, run_id: int) -> tuple[str, ...]:
    """A run in two lines: what it is about and found; and its error, note and tags, or what it learns from."""
    run = lab.run(run_id)
    best = json.loads(run.best) if run.best else {}
    found = ", ".join(f"{METRIC_WORDS.get(name, name)} {metric(name, value)}" for name, value in best.items())
    first = f"run {run.id}: {run.search} for {run.arch} on {run.workload}; best {found or 'none yet'}"
    words = [run.error or "", run.note, " ".join(f"#{word}" for word in lab.tags(run_id))]
    learnt = learns_from(lab, run_id)
    second = "; ".join([*(word for word in words if word), *([f"learns from {learnt}"] if learnt else [])])
    return first, second or outcomes(run)


def removal(lab: Lab, run: Run, dependents: Dependents) -> list[str]:
    """What goes with a run that is removed, and what depends on it."""
    designs = count(run.points + run.chunk_points)
    lines = [
        f"run {run.id}  {lab.live_status(run)}  {run.search} for {run.arch} on {run.workload}, {designs} designs in "
        f"{count(run.steps)} steps, front of {count(run.front_size)}"
    ]
    if dependents.runs:
        lines.append(f"  {runs_in_words(dependents.runs)} learn{'s' if len(dependents.runs) == 1 else ''} from it")
    if dependents.unfinished:
        lines.append(f"  without it, {runs_in_words(dependents.unfinished)} cannot be resumed")
    if dependents.models:
        numbers = ", ".join(map(str, dependents.models))
        lines.append(f"  source model{'s' if len(dependents.models) > 1 else ''} {numbers} learnt from it, and stay")
    return lines


def runs_in_words(numbers: Collection[int]) -> str:
    """`run 3`, `runs 3, 5`."""
    return f"run{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"
