"""`dse sources` and `dse train`: what the lab knows that a search can learn from."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import (
    MOST,
    Arch,
    Criterion,
    Csv,
    Db,
    Json,
    Layers,
    Sim,
    Simulator,
    Technology,
    Workload,
    chosen,
)
from workbench.errors import UserError

Runs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN]...", help="Runs by number, uuid or 'last', all of one task.", show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "-s",
        "--setting",
        metavar="NAME=VALUE",
        help="A setting of the training; repeatable: epochs, learning_rate, batch, alpha, scale, initial, folds, "
        "keep, threshold, l2_sp, allocate_epochs, seed.",
        show_default=False,
    ),
]
TaskOf = Annotated[
    str | None,
    typer.Option("--task", metavar="RUN", help="Compare with the task and simulator of this run.", show_default=False),
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MOST, help="Of so many of the latest runs.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    for command in (sources, transfers, train):
        app.command()(command)


def sources(
    task_of: TaskOf = None,
    arch: Arch = None,
    workload: Workload = None,
    layer: Layers = None,
    simulator: Simulator = "loopnest",
    sim: Sim = None,
    technology: Technology = "common",
    criterion: Criterion = "edp",
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List the runs and source models that a search can learn from.

    With --arch and --workload, or --task, by how like that task they are, the best first: what 'dse run --from auto'
    takes, up to 10,000 designs (2,000 of each source) and 4 models. Without, in the order in which they were made.
    """
    from workbench.cli.knowledgeview import list_sources, task_and_simulator
    from workbench.cli.stored import open_to_look
    from workbench.runner import make_simulator
    from workbench.views.request import optional_task
    from workbench.views.settings import pairs

    form = chosen(json, csv)
    task = optional_task(arch, workload, layer or (), technology=technology, criterion=criterion)
    simulated = make_simulator(simulator, pairs("--sim", sim or ()))
    if task_of is not None and task is not None:
        raise UserError("--task says architecture and workload: leave out --arch and --workload.")
    with open_to_look(db) as lab:
        if task_of is not None:
            task, simulated = task_and_simulator(lab, task_of)
        list_sources(lab, simulated, task, form)


def transfers(limit: Limit = 200, db: Db = None, json: Json = False, csv: Csv = False) -> None:
    """List what runs learn from: the latest first, those of searches that transfer."""
    from workbench.cli.knowledgeview import list_transfers
    from workbench.cli.stored import open_to_look

    form = chosen(json, csv)
    with open_to_look(db) as lab:
        list_transfers(lab, limit, form)


def train(
    runs: Runs = None,
    arch: Arch = None,
    workload: Workload = None,
    layer: Layers = None,
    simulator: Simulator = "loopnest",
    sim: Sim = None,
    technology: Technology = "common",
    criterion: Criterion = "edp",
    setting: Settings = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Train a source network on what the lab knows of a task, and keep it there.

    On the designs of the runs named, or on all those of --arch and --workload. Searches that transfer take it from then
    on where it is like their task: see 'dse sources'.
    """
    from workbench.cli.knowledgeview import train_source
    from workbench.runner import make_simulator
    from workbench.views.request import optional_task
    from workbench.views.settings import pairs

    task = optional_task(arch, workload, layer or (), technology=technology, criterion=criterion)
    simulated = make_simulator(simulator, pairs("--sim", sim or ()))
    train_source(db, runs or (), task, simulated, setting or (), chosen(json, False))
