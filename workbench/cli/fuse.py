"""`dse fuse`: which layers of a network to fuse on one design, and what that changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.options import Arch, Criterion, Csv, Json, Technology, Workload, chosen

Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="AXIS=VALUE", help="Change one axis of the hardware; repeatable.", show_default=False
    ),
]
Objective = Annotated[str, typer.Option(metavar="dram|latency|energy|edp", help="What the best grouping has least of.")]
Factors = Annotated[int, typer.Option(metavar="N", min=1, max=9, help="Prime factors that loop orders are made of.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        metavar="FILE",
        help="Draw the groups and their traffic as well, into a new .svg or .png; needs the extra 'plot'.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command()(fuse)


def fuse(
    arch: Arch = None,
    workload: Workload = None,
    changes: Changes = None,
    objective: Objective = "edp",
    technology: Technology = "common",
    criterion: Criterion = "edp",
    factors: Factors = 6,
    out: Out = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Find the groups of layers to fuse on one design: tiles, overlap modes, DRAM traffic and memory.

    Of all ways to cut the network into groups with one entry and one exit, the one with least of the objective; a
    group works tile by tile with the maps between its layers on chip. What it changes is told against the same design
    layer by layer, which is what 'dse evaluate' says.
    """
    from workbench.cli.fuseview import show_fused

    show_fused(arch, workload, tuple(changes or ()), objective, technology, criterion, factors, out, chosen(json, csv))
