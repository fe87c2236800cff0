"""`dse pause`, `dse cancel`, `dse clone`, `dse log` and `dse tag`: runs at work elsewhere, handled from here."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import (
    BatchSeconds,
    Csv,
    Db,
    Detach,
    Executor,
    Jobs,
    Json,
    RunRef,
    RunRefs,
    Slots,
    chosen,
)
from workbench.cli.run import Budget, From, Preset, Seed, Settings

Search = Annotated[
    str | None,
    typer.Option("--search", metavar="NAME", help="Another search, with its defaults.", show_default=False),
]
Note = Annotated[
    str | None, typer.Option(metavar="TEXT", help="A remark instead of the original's.", show_default=False)
]
Lines = Annotated[int, typer.Option("--lines", "-n", metavar="N", min=0, help="At most so many, the last ones.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run stops.")]
Words = Annotated[list[str], typer.Argument(metavar="WORD...", help="Words without spaces and commas.")]
Remove = Annotated[bool, typer.Option("--remove", help="Take the words from the run.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    for command in (pause, cancel, clone, log, tag):
        app.command()(command)


def pause(run: RunRefs, db: Db = None, json: Json = False) -> None:
    """Stop runs after the step under way, wherever they work; those that wait for their turn at once.

    'dse resume' goes on as if they had never stopped.
    """
    from workbench.cli.controlview import ask

    ask(db, run, "pause", json)


def cancel(run: RunRefs, db: Db = None, json: Json = False) -> None:
    """Stop runs for good, after the step under way. What they found stays; 'dse resume' can still go on with them."""
    from workbench.cli.controlview import ask

    ask(db, run, "cancel", json)


def clone(
    run: RunRef,
    search: Search = None,
    settings: Settings = None,
    preset: Preset = None,
    budget: Budget = None,
    seed: Seed = None,
    sources: From = None,
    note: Note = None,
    detach: Detach = False,
    slots: Slots = None,
    jobs: Jobs = None,
    executor: Executor = None,
    batch_seconds: BatchSeconds = None,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> int:
    """Begin a new run of a run's task: the same search with a fresh seed, or what is said otherwise."""
    from workbench.cli.launch import Handling
    from workbench.cli.launch import clone as begin
    from workbench.views.request import Changes

    changes = Changes(
        search=search,
        search_settings=tuple(settings or ()),
        preset=preset,
        budget=budget,
        seed=seed,
        sources=tuple(sources or ()),
        note=note,
    )
    how = Handling(
        jobs, db, chosen(json, csv), detach=detach, slots=slots, executor=executor, batch_seconds=batch_seconds
    )
    return begin(run, changes, how)


def log(run: RunRef, lines: Lines = 40, follow: Follow = False, db: Db = None, json: Json = False) -> None:
    """Print what a run that goes on by itself has said: see --detach of 'dse run'."""
    from workbench.cli.controlview import show_log

    show_log(db, run, lines, follow, json)


def tag(run: RunRef, word: Words, remove: Remove = False, db: Db = None, json: Json = False) -> None:
    """Give a run words to find it by, or take them from it; prints the words it has then."""
    from workbench.cli.controlview import set_tags

    set_tags(db, run, word, remove, json)
