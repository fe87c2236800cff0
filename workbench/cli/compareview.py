"""A comparison of searches as it was typed, worked on under the eyes of a user, and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Console

from store.address import Where
from store.database import Lab
from workbench.cli.codes import INTERRUPTED, OK
from workbench.cli.curves import Curve, curves
from workbench.cli.launch import ready_lab_path
from workbench.cli.options import Format
from workbench.cli.output import Column, Row, emit_csv, emit_json, name, number, say, stdout, table
from workbench.cli.plot import ASCII, UNICODE
from workbench.cli.signals import stop_requests
from workbench.compare import (
    SHARES,
    Comparison,
    Contender,
    Entry,
    Outcome,
    Summary,
    entries,
    outcome,
    summary,
    work,
)
from workbench.errors import UserError, unknown_name
from workbench.knowledge import names_runs
from workbench.problem.task import BaseTask, Task
from workbench.problem.yamlfile import build_model
from workbench.runner import Step
from workbench.stop import Stop
from workbench.views.quantity import count, duration
from workbench.views.request import chosen_task, listed_sources
from workbench.views.settings import pairs
from workbench.workers import Workers

ALL = "all tasks"
PLOT_WIDTH = 100

Done = tuple[Entry, Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """What `dse compare` was asked for, as it was typed; None and empty mean that nothing was said."""

    searches: str
    settings: Sequence[str]
    archs: Sequence[str]
    workload: str
    layers: Sequence[str]
    objectives: Sequence[str]
    targets: Sequence[str]
    technology: str
    criterion: str
    simulator: str
    simulator_settings: Sequence[str]
    budget: int
    seeds: int
    keep_going: bool
    margin: float | None
    batch: int | None
    sources: Sequence[str]

    def comparison(self) -> Comparison:
        """Checked whole before there is a run of it, or even a lab.

        Raises:
            UserError: anything that does not exist or is out of its bounds.
        """
        rules: dict[str, Any] = {"budget": self.budget, "targets_met": not self.keep_going}
        sized: dict[str, Any] = {} if self.batch is None else {"batch": self.batch}
        made = Comparison(
            tuple(self._task(arch, layer) for arch in self.archs for layer in (self.layers or (None,))),
            _contenders(self.searches, self.settings),
            tuple(range(self.seeds)),
            build_model(rules | ({} if self.margin is None else {"margin": self.margin}), Stop, "Stop rules"),
            self.simulator,
            pairs("--sim", self.simulator_settings),
            sources=listed_sources(self.sources),
            **sized,
        )
        made.specs()
        return made

    def _task(self, arch: str, layer: str | None) -> Task:
        return chosen_task(
            arch,
            self.workload,
            () if layer is None else (layer,),
            objectives=self.objectives,
            targets=self.targets,
            technology=self.technology,
            criterion=self.criterion,
        )


def _contenders(searches: str, settings: Sequence[str]) -> tuple[Contender, ...]:
    """From `anneal,anneal:paper` and `anneal.steps=30`: the settings go to the search as it is named."""
    labels = [text.strip() for text in searches.split(",")]
    if not all(labels):
        raise UserError(f"--searches takes names with commas between them, got {searches!r}.")
    own: dict[str, list[str]] = {label: [] for label in labels}
    for text in settings:
        label, dot, setting = text.partition(".")
        if not dot or "=" in label:
            raise UserError(f"-s takes SEARCH.NAME=VALUE here, as in '{labels[0]}.{text}', got {text!r}.")
        if label not in own:
            raise unknown_name("search in this comparison", label, own)
        own[label].append(setting)
    made = []
    for label in labels:
        search, _, preset = label.partition(":")
        made.append(Contender(label, search, preset or None, pairs("-s", own[label])))
    return tuple(made)


def compare_searches(request: CompareRequest, form: Format, plot: bool, workers: Workers, db: Where | None) -> int:
    """Works on what is not done yet, and shows what there is."""
    comparison = request.comparison()
    path = ready_lab_path(db)
    with Lab.open(path, create=not names_runs(comparison.sources)) as lab:
        found = entries(lab, comparison)
        ready = sum(entry.done for entry in found)
        say(f"{_runs(len(found))}, {count(ready)} of them known from the lab, into {path}")
        with stop_requests() as stop, workers:
            _watch(work(lab, found, lambda: bool(stop), workers), len(found), ready)
        found = entries(lab, comparison)
        _show(lab, comparison, found, form, plot)
    if all(entry.done for entry in found):
        return OK
    say(f"stopped: {count(sum(entry.done for entry in found))} of {_runs(len(found))} done; the same command goes on")
    return INTERRUPTED


def _watch(steps: Iterable[tuple[Entry, Step]], total: int, ready: int) -> None:
    """A line for each run when it is done."""
    for entry, step in steps:
        if step.stopped is not None:
            ready += 1
            what = f"{_task_name(entry.spec.task)}, {entry.contender.label}, seed {entry.spec.seed}"
            say(f"{ready}/{total}  {what}: {count(step.points)} designs, {step.stopped}")


def _show(lab: Lab, comparison: Comparison, found: Sequence[Entry], form: Format, plot: bool) -> None:
    """The runs that are done: summed up for people, one by one as CSV, both as JSON."""
    done = [(entry, outcome(lab, entry.row)) for entry in found if entry.row is not None and entry.done]
    budget, targets = comparison.stop.budget, bool(comparison.tasks[0].targets)
    rows = [
        {"task": task, "search": label, **_row(summary(outcomes, budget, targets))}
        for task, label, outcomes in _grouped(comparison, done)
    ]
    if form == "json":
        emit_json({**_asked(comparison), "results": rows, "runs": [_run(e, o, budget) for e, o in done]})
    elif form == "csv":
        emit_csv(RUN_KEYS, [_run(entry, out, budget) for entry, out in done])
    elif rows:
        console = stdout()
        console.print(table(_columns(comparison), [row | _flat(row, budget) for row in rows]))
        _print_notes(console, comparison)
        if plot:
            _print_plot(console, comparison, done)


def _grouped(comparison: Comparison, done: Sequence[Done]) -> list[tuple[str, str, list[Outcome]]]:
    """(task, search, what came of its runs), and of all tasks together where there are several."""
    tasks = [_task_name(task) for task in comparison.tasks]
    found = []
    for task in (*tasks, *([ALL] if len(tasks) > 1 else [])):
        for contender in comparison.contenders:
            own = [o for e, o in done if e.contender == contender and task in (ALL, _task_name(e.spec.task))]
            if own:
                found.append((task, contender.label, own))
    return found


def _row(of: Summary) -> dict[str, Any]:
    volumes = {f"{share:.0%}": asdict(volume) for share, volume in zip(SHARES, of.volumes, strict=True)}
    return {
        "runs": of.runs,
        "met": of.met if of.to_target else None,
        "success": of.met / of.runs if of.to_target else None,
        "designs_to_target": asdict(of.to_target) if of.to_target else None,
        "hypervolume": volumes,
        "search_seconds": of.search_seconds,
        "search_seconds_most": of.search_seconds_most,
    }


RUN_KEYS = (
    *("task", "search", "seed", "run", "points", "designs_to_target"),
    *(f"hypervolume_{share:.0%}".rstrip("%") for share in SHARES),
    *("search_seconds", "sources"),
)


def _run(entry: Entry, of: Outcome, budget: int) -> dict[str, Any]:
    volumes = [of.volume_at(share * budget) for share in SHARES]
    values = [
        *(_task_name(entry.spec.task), entry.contender.label, entry.spec.seed, of.run, of.points, of.to_target),
        *volumes,
        *(median(of.search_seconds) if of.search_seconds else None, [s._asdict() for s in entry.knowledge.sources]),
    ]
    return dict(zip(RUN_KEYS, values, strict=True))


def _asked(comparison: Comparison) -> dict[str, Any]:
    return {
        "budget": comparison.stop.budget,
        "seeds": list(comparison.seeds),
        "objectives": list(comparison.tasks[0].objectives),
        "targets": [str(target) for target in comparison.tasks[0].targets],
        "simulator": comparison.simulator,
        "batch": comparison.batch,
        "sources": list(comparison.sources),
    }


def _columns(comparison: Comparison) -> list[Column]:
    columns = [name("task", "task")] if len(comparison.tasks) > 1 else []
    columns += [Column("search", "search", style="bold", whole=True), number("runs", "runs", count)]
    if comparison.tasks[0].targets:
        columns += [number("success", "met", lambda share: f"{share:.0%}"), number("to_target", "designs to targets")]
    columns += [number(f"hv_{share}", f"hypervolume at {share:.0%}") for share in SHARES]
    return [*columns, number("search_seconds", "search/step", duration)]


def _flat(row: Row, budget: int) -> dict[str, Any]:
    """Quartiles as texts: `57 (41 to 88)`; what no quarter of the runs came to is beyond the budget."""
    texts = {f"hv_{share}": _quartiles(row["hypervolume"][f"{share:.0%}"], "{:.3f}", "") for share in SHARES}
    needed, beyond = row["designs_to_target"], f">{count(budget)}"
    if needed is None:
        return texts
    return texts | {"to_target": beyond if needed["lower"] is None else _quartiles(needed, "{:.0f}", beyond)}


def _quartiles(values: Row, form: str, beyond: str) -> str:
    shown = {key: beyond if value is None else form.format(value) for key, value in values.items()}
    return f"{shown['median']} ({shown['lower']} to {shown['upper']})"


def _print_notes(console: Console, comparison: Comparison) -> None:
    console.print()
    console.print(
        f"medians and quartiles over runs; budget {count(comparison.stop.budget)} designs, known ones included"
    )
    if comparison.tasks[0].targets:
        after = "go on to the budget" if not comparison.stop.targets_met else "end there"
        console.print(f"runs that meet {', '.join(map(str, comparison.tasks[0].targets))} {after}")


def _print_plot(console: Console, comparison: Comparison, done: Sequence[Done]) -> None:
    """With targets the share of runs that met them, else the median hypervolume, over the designs evaluated."""
    targets = bool(comparison.tasks[0].targets)
    drawn: list[Curve] = []
    for contender in comparison.contenders:
        own = [o for e, o in done if e.contender == contender]
        if own:
            drawn.append((contender.label, _met(own) if targets else _volume(own)))
    glyphs = UNICODE if console.encoding.startswith("utf") and not console.legacy_windows else ASCII
    up = "share of runs that met the targets" if targets else "hypervolume (median)"
    console.print()
    console.print(
        curves(drawn, float(comparison.stop.budget), ("designs", up), min(console.width, PLOT_WIDTH), glyphs=glyphs)
    )


def _met(own: Sequence[Outcome]) -> Callable[[float], float | None]:
    return lambda designs: sum(o.met_by(designs) for o in own) / len(own)


def _volume(own: Sequence[Outcome]) -> Callable[[float], float | None]:
    first = max((o.volumes[0][0] for o in own if o.volumes), default=0)
    return lambda designs: None if designs < first else median(o.volume_at(designs) for o in own)


def _task_name(task: BaseTask) -> str:
    return " on ".join(task.names)


def _runs(n: int) -> str:
    return f"{count(n)} run{'' if n == 1 else 's'}"
