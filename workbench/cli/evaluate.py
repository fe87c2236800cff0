"""`dse evaluate`: one design, and where its energy and time go."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import (
    MOST,
    Arch,
    Criterion,
    Csv,
    Dataflow,
    Db,
    Json,
    Layers,
    Sim,
    Simulator,
    Technology,
    Workload,
    chosen,
    with_dataflow,
)
from workbench.errors import UserError

Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="AXIS=VALUE", help="Change one axis; repeatable.", show_default=False),
]
FromRun = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="Take task and design from this run.", show_default=False)
]
FromPoint = Annotated[
    int | None,
    typer.Option(
        "--point", metavar="SEQ", min=0, max=MOST, help="The point of the run, by its seq.", show_default=False
    ),
]

STORED_WITH_A_RUN = ("arch", "workload", "layer", "simulator", "sim", "dataflow", "technology", "criterion")


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(evaluate)


def evaluate(
    context: typer.Context,
    arch: Arch = None,
    workload: Workload = None,
    layer: Layers = None,
    changes: Changes = None,
    run: FromRun = None,
    point: FromPoint = None,
    simulator: Simulator = "loopnest",
    sim: Sim = None,
    dataflow: Dataflow = None,
    technology: Technology = "common",
    criterion: Criterion = "edp",
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Evaluate one design: metrics, cost breakdown and mapping.

    Give --arch and --workload for the unmodified architecture, with --set to change axes; or --run and --point for a
    design that a run found (--set then changes that one). With --csv, one line per layer.

    With --db or --run the evaluation goes through the lab like those of a run: what is known is not simulated, what is
    new is kept. Without, nothing is looked up or stored.
    """
    from workbench.cli.designview import show
    from workbench.cli.subject import given, stored

    form = chosen(json, csv)
    if run is not None or point is not None:
        _refuse_what_the_run_says(context)
        subject = stored(db, run, point, changes or ())
    else:
        simulator, sim = with_dataflow(simulator, sim, dataflow)
        subject = given(db, arch, workload, layer or (), changes or (), simulator, sim, technology, criterion)
    show(subject, form)


def _refuse_what_the_run_says(context: typer.Context) -> None:
    """A run's task and simulator are stored with it: an option that says otherwise would go unheard."""
    typed = (name for name in STORED_WITH_A_RUN if _was_typed(context, name))
    if flag := next(typed, None):
        raise UserError(
            f"--run and --point say all but --set; leave --{flag} out, or give --arch and --workload alone."
        )


def _was_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
