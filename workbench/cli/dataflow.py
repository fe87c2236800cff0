"""`dse dataflow`: data-centric mappings listed, shown, checked, and compared layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.options import Csv, Json, Layers, chosen

Name = Annotated[str, typer.Argument(metavar="NAME|FILE", help="A dataflow by name, or a mapping file.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A mapping or model file.")]
Pes = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="PEs that the clusters have to fit on.", show_default=False)
]
HardwareFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A hardware file; its PEs count.", show_default=False)
]
Arch = Annotated[str, typer.Option(metavar="NAME|FILE", help="The hardware; see 'dse archs'.")]
Workload = Annotated[
    str, typer.Option(metavar="NAME|FILE", help="The network; see 'dse workloads'.", show_default=False)
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="AXIS=VALUE", help="Change one axis of the hardware; repeatable.", show_default=False
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--dataflow", metavar="NAME|FILE", help="Only this one; repeatable. [default: all]", show_default=False
    ),
]
Objective = Annotated[str, typer.Option(metavar="METRIC", help="What the best has least of.")]
Tiles = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, max=4, help="Values of each free size to try beside the dataflow's own: of 1, 4, 16, 64."
    ),
]
Mode = Annotated[str, typer.Option(metavar="corrected|compatible", help="How designs are costed.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(rich_markup_mode=None)
    group.callback(invoke_without_command=True)(_dataflow)
    group.command("list")(list_all)
    for command in (show, check, best):
        group.command()(command)
    app.add_typer(group, name="dataflow")


def _dataflow(context: typer.Context) -> None:
    """List, show, check and compare data-centric dataflows."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def list_all(json: Json = False, csv: Csv = False) -> None:
    """List the dataflows that come with the workbench, and their free sizes."""
    from workbench.cli.dataflowview import list_dataflows

    list_dataflows(chosen(json, csv))


def show(name: Name, json: Json = False) -> None:
    """Show a dataflow: what it is for, its free sizes and its directives."""
    from workbench.cli.dataflowview import show_dataflow

    show_dataflow(name, chosen(json, False))


def check(file: File, pes: Pes = None, hardware: HardwareFile = None, json: Json = False) -> None:
    """Check a mapping or model file, and tell what it states; a fault is told with its line and column."""
    from workbench.cli.dataflowview import check_file

    check_file(file, pes, hardware, chosen(json, False))


def best(
    workload: Workload,
    arch: Arch = "data_centric",
    layer: Layers = None,
    changes: Changes = None,
    dataflow: Only = None,
    objective: Objective = "edp_js",
    tiles: Tiles = 3,
    mode: Mode = "corrected",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Find the best dataflow for each layer on given hardware, and the gain over the best single one for all.

    A layer's tile and cluster sizes are chosen with its dataflow, under either.
    """
    from workbench.cli.dataflowview import show_best

    show_best(
        workload,
        arch,
        tuple(layer or ()),
        tuple(changes or ()),
        tuple(dataflow or ()),
        objective,
        tiles,
        mode,
        chosen(json, csv),
    )
