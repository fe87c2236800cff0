"""`dse evaluate`: one design, and where its energy and time go."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import Arch, Criterion, Csv, Db, Json, Layers, Sim, Simulator, Technology, Workload, chosen

Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="AXIS=VALUE", help="Change one axis; repeatable.", show_default=False),
]
FromRun = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="Take task and design from this run.", show_default=False)
]
FromPoint = Annotated[
    int | None,
    typer.Option("--point", metavar="SEQ", min=0, help="The point of the run, by its seq.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(evaluate)


def evaluate(
    arch: Arch = None,
    workload: Workload = None,
    layer: Layers = None,
    changes: Changes = None,
    run: FromRun = None,
    point: FromPoint = None,
    simulator: Simulator = "loopnest",
    sim: Sim = None,
    technology: Technology = "common",
    criterion: Criterion = "edp",
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Evaluate one design: metrics, cost breakdown and mapping.

    Give --arch and --workload for the unmodified architecture, with --set to change axes; or --run and --point for a
    design that a run found (--set then changes that one). Nothing is stored. With --csv, one line per layer.
    """
    from workbench.cli.designview import show
    from workbench.cli.subject import given, stored

    form = chosen(json, csv)
    if run is not None or point is not None:
        subject = stored(db, run, point, changes or ())
    else:
        subject = given(arch, workload, layer or (), changes or (), simulator, sim or (), technology, criterion)
    show(subject, form)
