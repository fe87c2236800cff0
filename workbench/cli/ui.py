"""`dse ui`: the terminal workbench."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from workbench.cli.options import Db, lab_path, make_folder
from workbench.errors import UserError

NoMouse = Annotated[
    bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal, which then selects text by it.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(ui)
    app.command("tui", hidden=True)(ui)


def ui(no_mouse: NoMouse = False, db: Db = None) -> None:
    """Open the terminal workbench: launch, watch, stop, compare and look into runs.

    Runs are processes of their own: closing the workbench, or losing the terminal, touches none of them. '?' lists the
    keys, ctrl+p finds any action. Keys, theme and mouse are set up in a file that '?' names.
    """
    if not (_served() or all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))):
        raise UserError(
            "'dse ui' needs a terminal for all it reads and writes; 'dse runs' and 'dse show' print the same to a pipe."
        )
    from workbench.tui.app import Workbench

    path = lab_path(db)
    make_folder(path, db)
    application = Workbench(path)
    application.run(mouse=application.mouse and not no_mouse)
    raise typer.Exit(application.return_code or 0)


def _served() -> bool:
    """Whether a browser is the terminal; see 'dse serve'."""
    return bool(os.environ.get("TEXTUAL_DRIVER"))
