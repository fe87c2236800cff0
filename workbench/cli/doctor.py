"""`dse doctor`: whether this machine and this lab are fit for years of results."""

from __future__ import annotations

import typer

from workbench.cli.codes import BROKEN
from workbench.cli.options import Db, Json


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(doctor)


def doctor(db: Db = None, json: Json = False) -> None:
    """Say what this machine has and what threatens the lab: versions, extras, simulators, disk and folder.

    A warning leaves the exit code 0; where the lab cannot be used at all it is 1.
    """
    from workbench.cli.doctorview import examine

    if not examine(db, json):
        raise typer.Exit(BROKEN)
