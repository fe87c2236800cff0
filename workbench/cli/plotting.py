"""`dse plot`: what a run has found, or several, as a picture file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.options import Db, Json, RunRefs
from workbench.errors import UserError, unknown_name

Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="A file that does not exist yet, .svg or .png.")]
Of = Annotated[str, typer.Option("--of", metavar="front|convergence", help="What to draw.")]
Across = Annotated[
    str | None,
    typer.Option("-x", metavar="NAME", help="Across: a metric, an axis, step or seq.", show_default=False),
]
Up = Annotated[str | None, typer.Option("-y", metavar="NAME", help="Up: likewise.", show_default=False)]
Linear = Annotated[bool, typer.Option("--linear", help="Evenly spaced, not logarithmic.")]
Where = Annotated[
    str,
    typer.Option(
        "--where", metavar="FILTER", help="Only points for which this holds; see 'dse points'.", show_default=False
    ),
]
KINDS = ("front", "convergence")


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(plot)


def plot(
    run: RunRefs,
    out: Out,
    of: Of = "front",
    x: Across = None,
    y: Up = None,
    linear: Linear = False,
    where: Where = "",
    db: Db = None,
    json: Json = False,
) -> None:
    """Draw a run's designs with the front, or the fronts of two to six runs, into a new SVG or PNG file.

    By default over the first two objectives (of several runs: those they share). With --of convergence hypervolume and
    the best of each objective over the designs evaluated. Needs the extra 'plot'.
    """
    from workbench.cli.output import told_file
    from workbench.cli.stored import open_to_look
    from workbench.views.filter import parse
    from workbench.views.pictures import Look, draw_convergence, draw_front, draw_overlay
    from workbench.views.places import place
    from workbench.views.points import names
    from workbench.views.stored import StoredRun

    if of not in KINDS:
        raise unknown_name("plot", of, KINDS)
    if of == "convergence" and (x or y or linear or where):
        raise UserError("-x, -y, --linear and --where are for fronts: leave them out, or --of convergence.")
    if where and len(run) > 1:
        raise UserError("--where is for the points of one run: give one run, or leave it out.")
    file, look = place(out), Look(x, y, linear)
    with open_to_look(db) as lab:
        if of == "convergence":
            draw_convergence(lab, run, file)
        elif len(run) > 1:
            draw_overlay(lab, run, look, file)
        else:
            stored = StoredRun.read(lab, run[0])
            draw_front(lab, stored, look, parse(where, names(stored.task)), file)
    told_file(file, json)
