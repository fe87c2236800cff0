"""The options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from workbench.errors import UserError

Format = Literal["table", "json", "csv"]

Db = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="FILE",
        envvar="DSE_DB",
        help="The lab database; by default lab.db in your user data folder.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the data as JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the data as CSV.")]
RunRef = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run: its number, the beginning of its uuid, or 'last'.", show_default=False),
]


def chosen(as_json: bool, as_csv: bool) -> Format:
    """The form of output that the two flags ask for."""
    if as_json and as_csv:
        raise UserError("--json and --csv exclude each other; give one of them.")
    return "json" if as_json else "csv" if as_csv else "table"


def lab_path(db: Path | None) -> Path:
    """Where the lab database lies when nobody says."""
    if db is not None:
        return db.expanduser()
    from platformdirs import user_data_path

    return user_data_path("dse-workbench", appauthor=False) / "lab.db"
