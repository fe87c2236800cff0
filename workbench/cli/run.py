"""`dse run` and `dse resume`: search, watched and stoppable."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import completion
from workbench.cli.options import (
    BatchSeconds,
    Confirm,
    ConfirmSim,
    Criterion,
    Csv,
    Dataflow,
    Db,
    Detach,
    Executor,
    Jobs,
    Json,
    Layers,
    RunRef,
    Sim,
    Simulator,
    Slots,
    Technology,
    chosen,
    with_dataflow,
    with_schedule,
)

Arch = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="The architecture; see 'dse archs'.",
        show_default=False,
        autocompletion=completion.archs,
    ),
]
Workload = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="The network; see 'dse workloads'.",
        show_default=False,
        autocompletion=completion.workloads,
    ),
]
Search = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="How designs are chosen; see 'dse searches'.", autocompletion=completion.searches
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("-s", "--setting", metavar="NAME=VALUE", help="A setting of the search; repeatable."),
]
Preset = Annotated[
    str | None, typer.Option(metavar="NAME", help="Settings of the search under one name.", show_default=False)
]
Schedule = Annotated[
    str | None,
    typer.Option(
        metavar="layer|fused|both",
        help="Layer by layer; the best groups of fused layers for every design, as --simulator fused finds them; or "
        "fused, with the front's designs layer by layer beside. [default: layer]",
        show_default=False,
    ),
]
Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="METRIC",
        help="What to minimise; repeatable: latency_cycles, energy_pj, area_um2, edp_js, power_mw. "
        "[default: latency_cycles, energy_pj]",
        show_default=False,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="METRIC<=N", help="A limit to meet, as 'energy_pj<=2e9'; repeatable."),
]
Budget = Annotated[
    int | None,
    typer.Option(metavar="N", help="Designs to evaluate, known ones included. [default: 300]", show_default=False),
]
WallSeconds = Annotated[
    float | None,
    typer.Option(metavar="S", help="Stop after so many seconds of work.", show_default=False),
]
StalledSteps = Annotated[
    int | None,
    typer.Option(metavar="N", help="Stop after N steps without gain in hypervolume.", show_default=False),
]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Go on when all targets are met.")]
Margin = Annotated[
    float | None,
    typer.Option(
        metavar="X", help="Part of its bound by which a target may be missed. [default: 0.01]", show_default=False
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch", metavar="N", help="Designs of one step, simulated at once. [default: 4]", show_default=False
    ),
]
Asynchronous = Annotated[
    bool,
    typer.Option(
        "--asynchronous",
        help="Ask the search again as soon as a design is back, with --batch designs under way, for simulations of "
        "uneven length; best with at least as many as there are workers.",
    ),
]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="Makes the run repeatable. [default: a fresh one]", show_default=False)
]
From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="auto|none|RUN,...",
        help="What a search that transfers learns from: the best of the lab, nothing, or these runs; repeatable. "
        "See 'dse sources'. [default: auto]",
        show_default=False,
    ),
]
Note = Annotated[str, typer.Option(metavar="TEXT", help="A remark that is kept with the run.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(run)
    app.command()(resume)


def run(
    arch: Arch,
    workload: Workload,
    layer: Layers = None,
    search: Search = "guided",
    settings: Settings = None,
    preset: Preset = None,
    simulator: Simulator = "loopnest",
    sim: Sim = None,
    dataflow: Dataflow = None,
    schedule: Schedule = None,
    objective: Objectives = None,
    target: Targets = None,
    technology: Technology = "common",
    criterion: Criterion = "edp",
    budget: Budget = None,
    wall_seconds: WallSeconds = None,
    stalled_steps: StalledSteps = None,
    keep_going: KeepGoing = False,
    margin: Margin = None,
    batch: BatchSize = None,
    asynchronous: Asynchronous = False,
    seed: Seed = None,
    sources: From = None,
    note: Note = "",
    confirm: Confirm = None,
    confirm_sim: ConfirmSim = None,
    detach: Detach = False,
    slots: Slots = None,
    jobs: Jobs = None,
    executor: Executor = None,
    batch_seconds: BatchSeconds = None,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> int:
    """Search the designs of an architecture for a network, and store each.

    Ctrl-C stops after the batch in flight; 'dse resume' goes on where it stopped. With --json or --csv the front is
    printed as data. With --detach the run goes on by itself, and its number is printed.
    """
    from workbench.cli.launch import Handling, begin
    from workbench.views.request import RunRequest

    form = chosen(json, csv)
    simulator, sim = with_dataflow(simulator, sim, dataflow)
    simulator, sim = with_schedule(schedule, simulator, sim, criterion, confirm)
    request = RunRequest(
        arch=arch,
        workload=workload,
        layers=tuple(layer or ()),
        search=search,
        search_settings=tuple(settings or ()),
        preset=preset,
        simulator=simulator,
        simulator_settings=tuple(sim),
        objectives=tuple(objective or ()),
        targets=tuple(target or ()),
        technology=technology,
        criterion=criterion,
        stop={
            "budget": budget,
            "wall_seconds": wall_seconds,
            "stalled_steps": stalled_steps,
            "targets_met": False if keep_going else None,
            "margin": margin,
        },
        batch=batch,
        seed=seed,
        sources=tuple(sources or ()),
        note=note,
        asynchronous=asynchronous,
    )
    how = Handling(jobs, db, form, confirm, tuple(confirm_sim or ()), detach, slots, executor, batch_seconds)
    return begin(request.spec(), how)


def resume(
    run: RunRef,
    detach: Detach = False,
    slots: Slots = None,
    jobs: Jobs = None,
    executor: Executor = None,
    batch_seconds: BatchSeconds = None,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> int:
    """Go on with a run that was interrupted, paused or cancelled; it ends as if it had never stopped."""
    from workbench.cli.launch import Handling, go_on

    how = Handling(
        jobs, db, chosen(json, csv), detach=detach, slots=slots, executor=executor, batch_seconds=batch_seconds
    )
    return go_on(run, how)
