"""`dse show` and `dse front`: what a run left in the lab."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import BatchSeconds, Confirm, ConfirmSim, Csv, Db, Executor, Jobs, Json, RunRef, chosen

Plot = Annotated[bool, typer.Option("--plot/--no-plot", help="Draw the scatter plot below the table.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    for command in (show, front):
        app.command()(command)


Point = Annotated[
    int | None,
    typer.Option(
        "--point",
        metavar="N",
        min=0,
        help="Of a co-exploration: the design to show with its networks and schedule. [default: the best]",
        show_default=False,
    ),
]


def show(run: RunRef, point: Point = None, db: Db = None, json: Json = False, csv: Csv = False) -> None:
    """Show a run: what it was asked, how far it is, and what it found.

    Of a co-exploration also the best design, with its networks and where their layers run when. With --csv the history:
    one line per step.
    """
    from workbench.cli.runview import show_run
    from workbench.cli.stored import open_to_look
    from workbench.views.stored import StoredRun

    form = chosen(json, csv)
    with open_to_look(db) as lab:
        show_run(lab, StoredRun.read(lab, run), form, db, point)


def front(
    run: RunRef,
    plot: Plot = True,
    confirm: Confirm = None,
    confirm_sim: ConfirmSim = None,
    jobs: Jobs = None,
    executor: Executor = None,
    batch_seconds: BatchSeconds = None,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Print a run's front: every design that no other one beats in all objectives.

    With --confirm, what a second simulator says of them is shown beside; the lab keeps it, so it is asked only once.
    A run with --schedule both has its front shown layer by layer beside without a word.
    """
    from workbench.cli.confirm import beside_of
    from workbench.cli.frontview import show_confirmed, show_front
    from workbench.cli.launch import chosen_workers
    from workbench.cli.stored import open_to_look
    from workbench.views.stored import StoredRun

    form = chosen(json, csv)
    if confirm is None and not confirm_sim:
        with open_to_look(db) as lab:
            stored = StoredRun.read(lab, run)
            if beside_of(stored.row) is None:
                show_front(lab, stored, form, plot)
                return
    workers = chosen_workers(jobs, executor, batch_seconds)
    show_confirmed(db, run, form, plot, (confirm, confirm_sim or ()), workers)
