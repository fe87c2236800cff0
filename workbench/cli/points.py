"""`dse points`: the designs that a run evaluated, filtered and sorted."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import MOST, Csv, Db, Json, RunRef, chosen

Where = Annotated[
    str,
    typer.Option(
        "--where",
        metavar="FILTER",
        help="Only those for which this holds, such as 'pe_rows>=16 and energy_pj<2e9'.",
        show_default=False,
    ),
]
Sort = Annotated[str, typer.Option("--sort", metavar="NAME", help="By this metric or axis; -NAME: the greatest first.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MOST, help="At most so many.")]
Every = Annotated[bool, typer.Option("--all", help="However many there are.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(points)


def points(
    run: RunRef,
    where: Where = "",
    sort: Sort = "seq",
    limit: Limit = 50,
    every: Every = False,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List the designs that a run evaluated, with metrics and axes.

    A filter compares metrics (energy_pj<2e9), axes (pe_rows>=16, mapping=auto or mapping~ws for a part of a name), seq
    and step; or says feasible, infeasible, front (a member of the front), known (not simulated, the lab knew it). Why
    a design cannot be built is its reason and resource. and, or, not and parentheses join them; 1e9<=energy_pj<2e9 and
    pe_rows in (8, 16) are short for two. No comparison on a metric holds for a design that cannot be built.
    """
    from workbench.cli.pointview import list_points
    from workbench.cli.stored import open_to_look
    from workbench.views.stored import StoredRun

    form = chosen(json, csv)
    with open_to_look(db) as lab:
        list_points(lab, StoredRun.read(lab, run), form, where, sort, None if every else limit)
