"""`dse db`: the lab database as a whole. Merged with another, copied, checked, counted and tidied."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from store.address import where
from workbench.cli.codes import BROKEN
from workbench.cli.options import Db, Json, LabName
from workbench.views.places import lab_place, place

Other = Annotated[
    LabName,
    typer.Argument(metavar="OTHER", parser=where, help="Another lab database, a file or a URL, which stays as it is."),
]
Copy = Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")]
Out = Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet, or -.")]
Exported = Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, CSV or Parquet; its content tells which.")]
Runs = Annotated[
    list[str] | None,
    typer.Option("--run", metavar="RUN", help="Only this run; repeatable.", show_default=False),
]
TaskOf = Annotated[
    str | None,
    typer.Option("--task", metavar="RUN", help="Only runs on the same task as this one.", show_default=False),
]
Contexts = Annotated[
    list[int] | None,
    typer.Option(
        "--context", metavar="N", help="Only this context, see 'dse db stats --json'; repeatable.", show_default=False
    ),
]
FormName = Annotated[
    str | None,
    typer.Option("--format", metavar="csv|jsonl|parquet", help="[default: by the ending of FILE]", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(rich_markup_mode=None)
    group.callback(invoke_without_command=True)(_db)
    for command in (merge, backup, export, verify, stats, vacuum):
        group.command()(command)
    group.command("import")(import_file)
    app.add_typer(group, name="db")


def _db(context: typer.Context) -> None:
    """Merge, export, import, back up, verify, count or vacuum the lab database."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def merge(other: Other, db: Db = None, json: Json = False) -> None:
    """Take over what another lab knows: evaluations and source models by content, runs by uuid.

    All of it in one transaction, or nothing; merging again changes nothing. The other lab may come from anybody: it is
    only read, nothing of it is executed, and it is refused unless it is sound. Of a run that is in both labs, the one
    that is further on counts; one that is going on over there is interrupted here, and can be resumed.
    """
    from workbench.cli.databaseview import merge_labs

    merge_labs(lab_place(other), db, json)


def backup(file: Copy, db: Db = None, json: Json = False) -> None:
    """Copy the lab to a new file, compact and in one piece. Runs may go on meanwhile."""
    from workbench.cli.databaseview import back_up_lab

    back_up_lab(place(file), db, json)


def export(
    file: Out,
    run: Runs = None,
    task: TaskOf = None,
    context: Contexts = None,
    form: FormName = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Write the lab, or some of it, to a new file for other programs or labs; '-' is stdout. Runs may go on meanwhile.

    CSV and Parquet hold a row for each evaluation, with its context; of runs, for each design and layer, with the
    design's axes and costs. JSON lines hold every row of the lab by the letter, runs with their history and state
    included. 'dse db import' reads them all: of a table the evaluations, of JSON lines everything.
    """
    from workbench.cli.exchangeview import Choice, export

    export(place(file), form, Choice(run or (), task, context or ()), db, json)


def import_file(file: Exported, db: Db = None, json: Json = False) -> None:
    """Take over a file that 'dse db export' has written: all of it in one transaction, or nothing; twice is as once.

    The file may come from anybody: what it says is checked line by line, and by the rules for a lab that is merged.
    """
    from workbench.cli.exchangeview import import_file

    import_file(place(file), db, json)


def verify(db: Db = None, json: Json = False) -> None:
    """Check the lab: the file's structure, references, digests, JSON, and that run heads agree with their rows.

    Prints what is wrong by table and key, and ends with exit code 1 if anything is.
    """
    from workbench.cli.databaseview import verify_lab

    if not verify_lab(db, json):
        raise typer.Exit(BROKEN)


def stats(db: Db = None, json: Json = False) -> None:
    """Count the lab: rows and bytes by table, evaluations by simulator and context, and how often they were of use."""
    from workbench.cli.databaseview import show_statistics

    show_statistics(db, json)


def vacuum(db: Db = None, json: Json = False) -> None:
    """Give the space of removed rows back to the disk. Needs as much space again meanwhile, and no run at work."""
    from workbench.cli.databaseview import vacuum_lab

    vacuum_lab(db, json)
