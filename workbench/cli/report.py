"""`dse report`: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.options import Db, Json, RunRef

Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="A file that does not exist yet, .html.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(report)


def report(run: RunRef, out: Out, db: Db = None, json: Json = False) -> None:
    """Write a run as one HTML page that any browser opens, without network.

    A plot of its designs with axes to choose, parallel coordinates, where energy and time of the front's members go,
    their mappings and commands, convergence, and where all of it comes from. Needs the extra 'report'; 5 MB of each
    page are its plotting library.
    """
    from workbench.cli.output import told_file
    from workbench.cli.stored import open_to_look
    from workbench.views.places import place
    from workbench.views.report import write_report
    from workbench.views.stored import StoredRun

    file = place(out)
    with open_to_look(db) as lab:
        write_report(lab, StoredRun.read(lab, run), file)
    told_file(file, json)
