"""`dse workers`: which processes simulate for a run, where, and how fast."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import completion
from workbench.cli.options import Csv, Db, Json, chosen

Ref = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run: its number, the beginning of its uuid, or 'last'. [default: all that are at work]",
        show_default=False,
        autocompletion=completion.runs,
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(workers)


def workers(run: Ref = None, db: Db = None, json: Json = False, csv: Csv = False) -> None:
    """List the worker processes of a run: where each is, how many designs it has simulated, how fast, and if it died.

    A design that is simulated layer by layer counts once for each layer; a rate is for each second of simulation. A
    worker that died is lost; one of which no more is known has ? for its host. The lab is told about once a minute, and
    when a run stops. What a run simulates in its own process has no worker: see --executor and --jobs of 'dse run'.
    """
    from workbench.cli.stored import open_to_look
    from workbench.cli.workersview import list_workers

    form = chosen(json, csv)
    with open_to_look(db) as lab:
        list_workers(lab, run, form)
