"""`dse runs`: the runs of the lab listed, and removed."""

from __future__ import annotations

from typing import Annotated

import typer

from store import address
from workbench.cli.options import MOST, Csv, Db, Json, RunRefs, chosen
from workbench.errors import UserError

StatusName = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="Only runs in this state.", show_default=False)
]
TagName = Annotated[
    str | None,
    typer.Option("--tag", metavar="WORD", help="Only runs with this tag; see 'dse tag'.", show_default=False),
]
Where = Annotated[
    str,
    typer.Option(
        "--where",
        metavar="FILTER",
        help="Only runs for which this holds, such as 'status=done and energy_pj<2e9'.",
        show_default=False,
    ),
]
Sort = Annotated[str, typer.Option("--sort", metavar="NAME", help="By what; -NAME: the greatest first.")]
Limit = Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="At most so many.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(rich_markup_mode=None)
    group.callback(invoke_without_command=True)(runs)
    group.command()(rm)
    group.command()(overlay)
    app.add_typer(group, name="runs")


def runs(
    context: typer.Context,
    status: StatusName = None,
    tag: TagName = None,
    where: Where = "",
    sort: Sort = "-run",
    limit: Limit = 50,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List the runs of the lab, the latest first; or remove some, or lay them over each other.

    A filter compares what a run is about and how far it is: status, tag, arch, workload, search, simulator, seed, note,
    designs, steps, hits, front, hypervolume, age_h (or _s, _min, _d: since its last step), and by the name of a metric
    the least it has found. `arch~tpu` finds a part of a name; and, or, not and parentheses join comparisons.
    """
    if context.invoked_subcommand is not None:
        if status is not None or tag is not None or where or json or csv:
            raise UserError(
                "--status, --tag, --where, --json and --csv belong to the list: "
                f"'dse runs {context.invoked_subcommand}' has none."
            )
        return
    from workbench.cli.runview import list_runs
    from workbench.cli.stored import open_to_look

    form = chosen(json, csv)
    with open_to_look(db) as lab:
        list_runs(lab, status, tag, where, sort, limit, form)


def rm(context: typer.Context, run: RunRefs, yes: Yes = False, db: Db = None, json: Json = False) -> None:
    """Remove runs with their designs, history and checkpoints, for good.

    Shows first what depends on them: runs that learn from them, and source models that were trained on them. What was
    simulated for them stays known to the lab. A run that is being worked on is refused.
    """
    from workbench.cli.removing import remove_runs

    remove_runs(_database(context, db), run, yes, json)


def overlay(context: typer.Context, run: RunRefs, db: Db = None, json: Json = False, csv: Csv = False) -> None:
    """Lay the fronts of two to six runs over each other: what each reaches of all, and what it alone has found.

    Over the objectives that all of them minimise. `unbeaten` are members that no other run's front beats, `alone` those
    of them that no other run has found as good; the target is that of each run, met within its own margin.
    """
    from workbench.cli.overlayview import show_overlay
    from workbench.cli.stored import open_to_look

    with open_to_look(_database(context, db)) as lab:
        show_overlay(lab, run, chosen(json, csv))


def _database(context: typer.Context, db: address.Where | None) -> address.Where | None:
    """`dse runs --db FILE rm 3` names it before the command."""
    before: address.Where | None = context.parent.params.get("db") if context.parent is not None else None
    source = context.get_parameter_source("db")
    given_here = source is not None and source.name == "COMMANDLINE"
    return db if given_here or before is None else before
