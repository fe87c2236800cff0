"""`dse design`: a design that a run found, to take along."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import MOST, Db, Json, RunRef
from workbench.errors import UserError

Point = Annotated[int, typer.Argument(metavar="POINT", min=0, max=MOST, help="The point of the run, by its seq.")]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="yaml|json|command", help="In which form. [default: yaml]", show_default=False),
]
Neighbours = Annotated[
    int, typer.Option("--neighbours", metavar="N", min=0, max=1000, help="The nearest designs of the run as well.")
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(design)


def design(
    run: RunRef, point: Point, form: As = None, neighbours: Neighbours = 0, db: Db = None, json: Json = False
) -> None:
    """Print a design of a run: its axes, metrics and origin, or the command that evaluates it again.

    The command names architecture, workload and axes where those names mean what they did when the run began; else it
    takes them from the run. Nothing is simulated. With --neighbours, designs of the run that are few moves away: on
    which axes they differ, and what that costs or why it cannot be built.
    """
    from workbench.cli.stored import open_to_look
    from workbench.views.reproduce import design_text

    if neighbours and form == "command":
        raise UserError("A command has no neighbours: leave out --neighbours, or give --as yaml or json.")
    if json and form not in (None, "json"):
        raise UserError(f"--json is short for --as json, and --as says {form!r}: give one of them.")
    with open_to_look(db) as lab:
        print(design_text(lab, lab.run(run), point, "json" if json else form or "yaml", neighbours))
