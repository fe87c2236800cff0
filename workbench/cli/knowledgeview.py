"""What the lab knows, shown: sources and source models with their likeness to a task; a network as it is trained."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from store.address import Where
from store.database import Lab
from store.rows import RunHead
from workbench.cli.options import Format, command, lab_path
from workbench.cli.output import Column, Row, emit, emit_csv, emit_json, name, number, say, stdout, table, words
from workbench.cli.stored import there
from workbench.errors import UserError
from workbench.knowledge import known_models, known_runs, ranked
from workbench.problem.task import Task
from workbench.problem.tasks import hardware, task_of
from workbench.problem.yamlfile import build_model
from workbench.runner import make_simulator
from workbench.similarity import MEASURE, MEASURE_WORDS
from workbench.simulators.base import Simulator
from workbench.views.knowledge import likeness, model_row, source_row, transfers
from workbench.views.quantity import METRIC_WORDS, age, count, duration
from workbench.views.settings import pairs

LIKENESS = (
    number("similarity", "likeness", lambda value: f"{value:.3f}"),
    number("axes", "axes", lambda value: f"{value:.0%}"),
    number("octaves", "octaves", lambda value: f"{value:.2f}"),
    Column("compares", "compares", lambda value: "yes" if value else "no", whole=True),
)
SOURCES = (
    name("name", "source"),
    Column("arch", "arch"),
    Column("workload", "workload"),
    number("points", "designs", count),
    number("feasible", "can be built", count),
)
MODELS = (
    name("name", "source model"),
    Column("arch", "arch"),
    Column("workload", "workload"),
    number("points", "designs", count),
    Column("runs", "on runs", lambda runs: ", ".join(map(str, runs))),
    number("rank_correlation", "held-out rank corr.", lambda pair: ", ".join(f"{each:.2f}" for each in pair)),
    Column("created_ns", "age", lambda ns: age(time.time() - ns / 1e9), whole=True),
)
TRANSFERS = (
    number("run", "run"),
    Column("search", "search", whole=True),
    Column("arch", "arch"),
    Column("workload", "workload"),
    Column("learns_from", "learns from"),
)
CSV = ("kind", "name", "arch", "workload", "points", "similarity", "axes", "octaves", "compares", "fingerprint", "runs")


def list_sources(lab: Lab, simulator: Simulator, task: Task | None, form: Format) -> None:
    """Sources and models on the simulator, by likeness where there is a task."""
    runs, models = known_runs(lab, simulator.name), known_models(lab, simulator.name)
    numbers = {head.uuid: head.id for head in lab.run_heads(simulator.name)}
    if task is None:
        source_rows = [source_row(known) for known in runs]
        model_rows = [model_row(known.head, numbers) for known in reversed(models)]
    else:
        source_rows = [source_row(k) | likeness(like) for k, like in ranked(runs, task, simulator.fingerprint)]
        model_rows = [
            model_row(k.head, numbers) | likeness(like) for k, like in ranked(models, task, simulator.fingerprint)
        ]
    if form == "json":
        measure = None if task is None else f"{MEASURE}; {MEASURE_WORDS}"
        emit_json({"measure": measure, "sources": source_rows, "models": model_rows})
    elif form == "csv":
        emit_csv(CSV, [*({"kind": "source", **r} for r in source_rows), *({"kind": "model", **r} for r in model_rows)])
    else:
        _print(source_rows, model_rows, simulator, task)


def task_and_simulator(lab: Lab, ref: str) -> tuple[Task, Simulator]:
    """Those of a run."""
    run = lab.run(ref)
    task = hardware(task_of(json.loads(run.task)))
    return task, make_simulator(run.simulator, json.loads(run.simulator_settings))


def list_transfers(lab: Lab, most: int, form: Format) -> None:
    """What the latest runs learn from."""
    rows = transfers(lab, most)
    if form == "table" and not rows:
        stdout().print("No run of a search that transfers is in the lab yet.")
    else:
        emit(form, TRANSFERS, rows, rows)


def _print(sources: Sequence[Row], models: Sequence[Row], simulator: Simulator, task: Task | None) -> None:
    console = stdout()
    if not sources and not models:
        console.print(f"The lab has no designs by {simulator.name!r} yet: there is nothing to learn from.")
        return
    likeness = LIKENESS if task is not None else ()
    console.print(table((*SOURCES, *likeness), sources))
    if models:
        console.print()
        console.print(table((*MODELS, *likeness), models))
    if task is not None:
        console.print()
        console.print(f"likeness to {task.template.name} on {task.workload.name}: {MEASURE}")
        console.print(f"  {MEASURE_WORDS}")
        console.print("  What does not compare (another version, settings, technology or criterion) comes last.")


def train_source(
    db: Where | None,
    refs: Sequence[str],
    task: Task | None,
    simulator: Simulator,
    settings: Sequence[str],
    form: Format,
) -> None:
    """Trains on the runs named or on all of a task, and says how good the network is."""
    from workbench.training import TrainSettings, train

    if bool(refs) == (task is not None):
        raise UserError("Give the runs to learn from, or --arch and --workload for all runs on that task.")
    given = build_model(pairs("-s", settings), TrainSettings, "Settings of the training")
    with Lab.open(there(lab_path(db)), create=False) as lab:
        runs = _runs(lab, refs, task, simulator)
        say(f"training on {count(sum(run.points for run in runs))} designs of {_named(runs)}")
        begun = time.perf_counter()
        head = train(lab, runs, given)
        say(f"source model {head.id} kept, {count(head.size)} bytes, after {duration(time.perf_counter() - begun)}")
        row = model_row(head, {run.uuid: run.id for run in runs})
    if form == "json":
        emit_json(row)
        return
    console = stdout()
    console.print(words(f"source model {head.id}", "bold"))
    console.print(f"{head.arch} on {head.workload}, {count(head.points)} different designs")
    scores = row["report"]["scores"]
    if scores:
        console.print(f"held out in {scores['folds']} parts, best after {scores['epochs']} epochs:")
        kinds = zip(row["metrics"], scores["rank_correlation"], scores["rmse_log2"], strict=True)
        for metric, correlation, error in kinds:
            console.print(f"  {METRIC_WORDS[metric]:8} rank correlation {correlation:.3f}, error {error:.2f} octaves")
    say(f"to use it: {command('dse run --search transfer --from ' + ','.join(str(run.id) for run in runs), db)} ...")


def _runs(lab: Lab, refs: Sequence[str], task: Task | None, simulator: Simulator) -> tuple[RunHead, ...]:
    from workbench.training import runs_of

    if task is not None:
        return runs_of(lab, task, simulator.name, simulator.fingerprint)
    uuids = {lab.run(ref).uuid: ref for ref in refs}
    runs = tuple(lab.run_heads(uuids=uuids))
    for missing in uuids.keys() - {run.uuid for run in runs}:
        raise UserError(f"Run {uuids[missing]} has no designs yet: there is nothing to learn from it.")
    return runs


def _named(runs: Sequence[RunHead]) -> str:
    return f"run{'s' if len(runs) > 1 else ''} {', '.join(str(run.id) for run in runs)}"
