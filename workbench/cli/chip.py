"""`dse chip`: several networks at once on one chip, and where their layers run."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import completion
from workbench.cli.options import Csv, Json, chosen

Name = Annotated[
    str,
    typer.Argument(metavar="NAME|FILE", help="The chip template; see 'dse chips'.", autocompletion=completion.chips),
]
Workloads = Annotated[
    list[str] | None,
    typer.Option(
        "--workload",
        metavar="NAME|FILE",
        help="A network that runs on it; repeatable: all begin at once.",
        show_default=False,
        autocompletion=completion.workloads,
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="AXIS=VALUE", help="Change one axis of the chip; repeatable.", show_default=False),
]
Aim = Annotated[
    str | None,
    typer.Option(
        metavar="energy|latency|edp",
        help="What the schedule has least of. [default: energy with a target on the latency, else edp]",
        show_default=False,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="METRIC<=N",
        help="A limit, as 'latency_cycles<=8e5', which the schedule keeps if it can; repeatable.",
        show_default=False,
    ),
]
Mode = Annotated[
    str,
    typer.Option(
        metavar="corrected|compatible|legacy",
        help="How a layer is costed: the modes of the simulator 'dataflow', or as NASAIC was published.",
    ),
]
Layers = Annotated[bool, typer.Option("--layers", help="List where each layer runs and when.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(chip)


def chip(
    name: Name,
    workload: Workloads = None,
    changes: Changes = None,
    aim: Aim = None,
    target: Targets = None,
    mode: Mode = "corrected",
    layers: Layers = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Put networks on a chip: which sub-accelerator runs which layer when, and what the chip comes to.

    Every network begins at once, a sub-accelerator runs one layer at a time, and a layer waits for those it reads from.
    The latency is when the last layer ends. With --csv, one line per layer.
    """
    from workbench.cli.chipview import show_cost

    show_cost(
        name, tuple(workload or ()), tuple(changes or ()), aim, tuple(target or ()), mode, layers, chosen(json, csv)
    )
