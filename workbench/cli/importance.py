"""`dse importance`: which axes decide a metric."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import Csv, Db, Json, RunRef, chosen

Metric = Annotated[
    str | None,
    typer.Option("--metric", metavar="NAME", help="The metric. [default: the first objective]", show_default=False),
]
Along = Annotated[
    str | None,
    typer.Option("--axis", metavar="NAME", help="Show the metric along this axis instead.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(importance)


def importance(
    run: RunRef, metric: Metric = None, axis: Along = None, db: Db = None, json: Json = False, csv: Csv = False
) -> None:
    """Tell which axes decide a metric, as far as a run's designs show it.

    A forest is fitted to them; an axis weighs as much as the forest loses where that axis is shuffled. With --axis the
    designs that have each of its choices: how many, how many of them can be built, the least and the median.
    """
    from workbench.cli.importanceview import show_importance, show_slices
    from workbench.cli.stored import open_to_look

    form = chosen(json, csv)
    with open_to_look(db) as lab:
        if axis is None:
            show_importance(lab, run, metric, form)
        else:
            show_slices(lab, run, metric, axis, form)
