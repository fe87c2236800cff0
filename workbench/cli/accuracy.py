"""`dse accuracy` and `dse accuracies`: networks trained, and what the lab knows of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import completion
from workbench.cli.options import MOST, Csv, Db, Json, chosen

FamilyName = Annotated[
    str,
    typer.Argument(
        metavar="FAMILY", help="A family, or a YAML file; see 'dse families'.", autocompletion=completion.families
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="AXIS=VALUE",
        help="The choice on one axis; repeatable. [default: the file's]",
        show_default=False,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME",
        help="What to train and test on; see 'dse datasets'. [default: the bundled one of that kind]",
        show_default=False,
        autocompletion=completion.datasets,
    ),
]
DataPath = Annotated[
    Path | None,
    typer.Option("--data-path", metavar="FOLDER", help="Where the data set's files lie.", show_default=False),
]
RecipeSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--recipe",
        metavar="NAME=VALUE",
        help="A setting of the training; repeatable. By default: epochs=20, patience=8, batch=64, learning_rate=0.003, "
        "schedule=cosine (or constant), optimizer=adamw (or sgd), weight_decay=0.0001, validation=0.15, shift=0, "
        "flip=no.",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=MOST, help="Of the weights and the order of the images.")]
Propose = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=1000,
        help="Train nothing: list N members that the lab's measurements say are most worth training.",
        show_default=False,
    ),
]
OfFamily = Annotated[
    str | None, typer.Option("--family", metavar="NAME", help="Only of this family.", show_default=False)
]
OfData = Annotated[
    str | None, typer.Option("--data", metavar="NAME", help="Only on this data set.", show_default=False)
]
Limit = Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="At most so many.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(accuracy)
    app.command()(accuracies)


def accuracy(
    family: FamilyName,
    changes: Changes = None,
    data: Data = None,
    data_path: DataPath = None,
    recipe: RecipeSettings = None,
    seed: Seed = 0,
    propose: Propose = None,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> int:
    """Train a network of a family and say how good it is on images that it has not seen; or remember it.

    The lab keeps what was measured: the same network on the same data by the same recipe and seed is never trained
    again. Ctrl-C stops after the batch in flight, and a kill costs seconds: the same command goes on there, and ends
    as if it had never stopped. With --propose nothing is trained: what is listed is predicted, from what was measured.
    """
    from workbench.cli.accuracyview import Wanted, propose_members, show_accuracy

    wanted = Wanted(family, tuple(changes or ()), data, data_path, tuple(recipe or ()), seed)
    if propose is not None:
        return propose_members(wanted, propose, db, chosen(json, csv))
    return show_accuracy(wanted, db, chosen(json, csv))


def accuracies(
    family: OfFamily = None, data: OfData = None, limit: Limit = 50, db: Db = None, json: Json = False, csv: Csv = False
) -> None:
    """List the networks that were trained, by family and data set, the best first."""
    from workbench.cli.accuracyview import list_accuracies

    list_accuracies(family, data, limit, db, chosen(json, csv))
