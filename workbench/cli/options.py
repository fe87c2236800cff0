"""The options that several commands share, each declared once."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from store.address import Where, where
from workbench.cli import completion
from workbench.errors import UserError, unknown_name
from workbench.views.places import lab_place

Format = Literal["table", "json", "csv"]

MOST = 2**53
"""A number that counts rows of the lab is not beyond this one."""

if TYPE_CHECKING:
    LabName = Where
else:
    LabName = str  # Typer knows no unions; what `where` makes of the text is passed on as it is

Db = Annotated[
    LabName | None,
    typer.Option(
        "--db",
        metavar="FILE|URL",
        envvar="DSE_DB",
        parser=where,
        help="The lab database, a file or postgresql+psycopg://...; by default lab.db in your user data folder.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the data as JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the data as CSV.")]
RunRef = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run: its number, the beginning of its uuid, or 'last'.",
        show_default=False,
        autocompletion=completion.runs,
    ),
]


Arch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="NAME|FILE",
        help="The architecture; see 'dse archs'.",
        show_default=False,
        autocompletion=completion.archs,
    ),
]
Workload = Annotated[
    str | None,
    typer.Option(
        "--workload",
        metavar="NAME|FILE",
        help="The network; see 'dse workloads'.",
        show_default=False,
        autocompletion=completion.workloads,
    ),
]
Layers = Annotated[
    list[str] | None,
    typer.Option("--layer", metavar="NAME", help="Only this layer; repeatable. [default: all]", show_default=False),
]
Simulator = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="What evaluates designs; see 'dse simulators'.", autocompletion=completion.simulators
    ),
]
Sim = Annotated[
    list[str] | None,
    typer.Option("--sim", metavar="NAME=VALUE", help="A setting of the simulator; repeatable.", show_default=False),
]
Dataflow = Annotated[
    str | None,
    typer.Option(
        "--dataflow",
        metavar="NAME|FILE",
        help="Evaluate by the simulator 'dataflow' with this one; see 'dse dataflow list'.",
        show_default=False,
    ),
]
Technology = Annotated[
    str,
    typer.Option(metavar="own|common", help="Access costs: the architecture file's own, or one 28 nm model for all."),
]
RunRefs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="Runs by number, the beginning of a uuid, or 'last'.",
        autocompletion=completion.runs,
    ),
]
Criterion = Annotated[
    str, typer.Option(metavar="latency|energy|edp", help="By what the mapping of each layer is chosen.")
]

Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        help="Processes that simulate at once; changes no result. [default: all cores]",
        show_default=False,
    ),
]

Executor = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="NAME",
        help="What simulates: serial, loky, dask, dask://HOST:PORT or ray; changes no result. [default: loky]",
        show_default=False,
    ),
]
BatchSeconds = Annotated[
    float | None,
    typer.Option(
        "--batch-seconds",
        metavar="S",
        help="Give a design up whose simulation takes longer. [default: never]",
        show_default=False,
    ),
]

Detach = Annotated[
    bool,
    typer.Option("--detach", help="Let it go on by itself, in a process that no terminal ends; see 'dse log'."),
]
Slots = Annotated[
    int | None,
    typer.Option(
        "--slots",
        metavar="N",
        min=1,
        help="Wait until fewer than N runs of the lab are at work. [default: with --detach the number of cores]",
        show_default=False,
    ),
]

Confirm = Annotated[
    str | None,
    typer.Option(
        "--confirm",
        metavar="SIMULATOR",
        help="Simulate the front's members on this one as well, and show both.",
        show_default=False,
    ),
]
ConfirmSim = Annotated[
    list[str] | None,
    typer.Option(
        "--confirm-sim",
        metavar="NAME=VALUE",
        help="A setting of the confirming simulator; repeatable.",
        show_default=False,
    ),
]


def chosen(as_json: bool, as_csv: bool) -> Format:
    """The form of output that the two flags ask for."""
    if as_json and as_csv:
        raise UserError("--json and --csv exclude each other; give one of them.")
    return "json" if as_json else "csv" if as_csv else "table"


def lab_path(db: Where | None) -> Where:
    """Where the lab database lies when nobody says."""
    if db is not None:
        return lab_place(db)
    from platformdirs import user_data_path

    return user_data_path("dse-workbench", appauthor=False) / "lab.db"


def make_folder(path: Where, db: Where | None) -> None:
    """The folder that a lab lies in when nobody says where.

    Raises:
        UserError: it cannot be made.
    """
    if db is not None or not isinstance(path, Path):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{path.parent}: cannot be made: {reason}. Give --db FILE for a lab elsewhere.") from None


def command(text: str, db: Where | None) -> str:
    """A command as a user would type it here: with the lab that this one was given, unless the environment names it."""
    if db is None or _is_in_environment(db):
        return text
    return f"{text} --db {quote(str(db))}"


def _is_in_environment(db: Where) -> bool:
    named = os.environ.get("DSE_DB")
    return named is not None and where(named) == db


def with_dataflow(simulator: str, sim: list[str] | None, dataflow: str | None) -> tuple[str, list[str]]:
    """The simulator and its settings, where --dataflow says both in one word."""
    settings = list(sim or ())
    if dataflow is None:
        return simulator, settings
    if simulator not in ("loopnest", "dataflow"):
        raise UserError(f"--dataflow is for the simulator 'dataflow', and --simulator says {simulator!r}.")
    return "dataflow", [*settings, f"dataflow={dataflow}"]


SCHEDULES = ("layer", "fused", "both")


def with_schedule(
    schedule: str | None, simulator: str, settings: list[str], criterion: str, confirm: str | None
) -> tuple[str, list[str]]:
    """Simulator and settings, where --schedule says in one word how layers follow each other.

    A fused schedule has least of what mappings are chosen by, unless a setting says otherwise.
    """
    if schedule is None:
        return simulator, settings
    if schedule not in SCHEDULES:
        raise unknown_name("schedule", schedule, SCHEDULES)
    if simulator not in ("loopnest", "fused"):
        raise UserError(f"--schedule is for the simulators 'loopnest' and 'fused', and --simulator says {simulator!r}.")
    if schedule == "layer":
        if simulator == "fused":
            raise UserError("--schedule layer, but --simulator fused: leave one of them out.")
        return simulator, settings
    if not any(text.startswith("objective=") for text in settings):
        settings = [*settings, f"objective={criterion}"]
    if schedule == "both":
        if confirm is not None:
            raise UserError("--schedule both shows the front on loopnest already: leave --confirm out.")
        settings = [*settings, "both=true"]
    return "fused", settings
