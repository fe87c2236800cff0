"""`dse compare`: searches on the same tasks, at equal budgets, with the same seeds."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import (
    BatchSeconds,
    Criterion,
    Csv,
    Db,
    Executor,
    Jobs,
    Json,
    Sim,
    Simulator,
    Technology,
    chosen,
)
from workbench.cli.run import BatchSize, From, KeepGoing, Margin, Objectives, Targets

Searches = Annotated[
    str,
    typer.Option(
        metavar="A,B,...", help="The searches; NAME:PRESET is one under its preset, as in 'anneal,anneal:paper'."
    ),
]
Archs = Annotated[
    list[str], typer.Option("--arch", metavar="NAME|FILE", help="The architecture; repeatable, each a task of its own.")
]
Workload = Annotated[
    str, typer.Option(metavar="NAME|FILE", help="The network; see 'dse workloads'.", show_default=False)
]
EachLayer = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        metavar="NAME",
        help="Only this layer; repeatable, each a task of its own. [default: all as one]",
        show_default=False,
    ),
]
Budget = Annotated[int, typer.Option(metavar="N", min=1, help="Designs to evaluate in each run.")]
Seeds = Annotated[int, typer.Option(metavar="N", min=1, help="Runs of each search on each task: seeds 0 to N - 1.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "-s",
        "--setting",
        metavar="SEARCH.NAME=VALUE",
        help="A setting of one search, as it is named in --searches; repeatable.",
    ),
]
Plot = Annotated[bool, typer.Option("--plot/--no-plot", help="Draw the curves below the table.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(compare)


def compare(
    searches: Searches,
    arch: Archs,
    workload: Workload,
    layer: EachLayer = None,
    budget: Budget = 300,
    seeds: Seeds = 10,
    setting: Settings = None,
    objective: Objectives = None,
    target: Targets = None,
    simulator: Simulator = "loopnest",
    sim: Sim = None,
    technology: Technology = "common",
    criterion: Criterion = "edp",
    keep_going: KeepGoing = False,
    margin: Margin = None,
    batch: BatchSize = None,
    sources: From = None,
    plot: Plot = True,
    jobs: Jobs = None,
    executor: Executor = None,
    batch_seconds: BatchSeconds = None,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> int:
    """Compare searches on the same tasks: equal budgets, the same seeds, every run kept in the lab.

    Called again, it goes on where it stopped and repeats nothing. Designs to the targets (median and quartiles; a run
    that misses them counts as beyond the budget), runs that met them, hypervolume at parts of the budget, and the
    search's own time in a step. 'auto' leaves the compared tasks themselves out of what searches learn from.
    """
    from workbench.cli.compareview import CompareRequest, compare_searches
    from workbench.cli.launch import chosen_workers

    form = chosen(json, csv)
    request = CompareRequest(
        searches=searches,
        settings=tuple(setting or ()),
        archs=tuple(arch),
        workload=workload,
        layers=tuple(layer or ()),
        objectives=tuple(objective or ()),
        targets=tuple(target or ()),
        technology=technology,
        criterion=criterion,
        simulator=simulator,
        simulator_settings=tuple(sim or ()),
        budget=budget,
        seeds=seeds,
        keep_going=keep_going,
        margin=margin,
        batch=batch,
        sources=tuple(sources or ()),
    )
    return compare_searches(request, form, plot, chosen_workers(jobs, executor, batch_seconds), db)
