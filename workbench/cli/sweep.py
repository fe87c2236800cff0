"""`dse sweep`: every design of a hardware grid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.options import Csv, Db, Detach, Json, Slots, chosen
from workbench.errors import UserError

Dataflow = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="The dataflow; see 'dse dataflow list'. [default: kcp]", show_default=False),
]
Workload = Annotated[
    str | None, typer.Option(metavar="NAME|FILE", help="The network; see 'dse workloads'.", show_default=False)
]
Layers = Annotated[
    list[str] | None,
    typer.Option("--layer", metavar="NAME", help="Only this layer; repeatable. [default: all]", show_default=False),
]
Arch = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="What the grid does not say of the hardware. [default: data_centric]",
        show_default=False,
    ),
]
Mode = Annotated[
    str | None,
    typer.Option(
        metavar="corrected|compatible", help="How designs are costed. [default: corrected]", show_default=False
    ),
]
Pes = Annotated[
    str | None, typer.Option(metavar="RANGE", help="Numbers of PEs. [default: 16:512:16]", show_default=False)
]
Bandwidth = Annotated[
    str | None,
    typer.Option(metavar="RANGE", help="Bytes per cycle of the NoC. [default: 1:64]", show_default=False),
]
PrivateBytes = Annotated[
    str | None,
    typer.Option("--l1", metavar="RANGE", help="Bytes in each PE. [default: 64:8192:x2]", show_default=False),
]
SharedBytes = Annotated[
    str | None,
    typer.Option("--l2", metavar="RANGE", help="Bytes for all PEs. [default: 8192:4194304:x2]", show_default=False),
]
Tiles = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SIZE=RANGE", help="A free size of the dataflow, as TileK=1,2,4; repeatable.", show_default=False
    ),
]
VectorWidth = Annotated[
    str | None, typer.Option(metavar="RANGE", help="MACs of a PE in a cycle. [default: 1]", show_default=False)
]
NocLatency = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="Cycles from the shared buffer to a PE. [default: 1]", show_default=False),
]
Area = Annotated[
    float | None, typer.Option("--area-mm2", metavar="X", help="The most area of a design.", show_default=False)
]
Power = Annotated[
    float | None, typer.Option("--power-mw", metavar="X", help="The most power of a design.", show_default=False)
]
Keep = Annotated[
    str | None,
    typer.Option(
        metavar="front|best:N|all",
        help="What of the valid designs is stored: the front; beside it the N of least energy-delay product, or all. "
        "[default: front]",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A YAML file of all this; flags go before it.", show_default=False),
]
NoPrune = Annotated[
    bool, typer.Option("--no-prune", help="Compute every valid design, and leave out none that cannot matter.")
]
Note = Annotated[str, typer.Option(metavar="TEXT", help="A remark that is kept with the run.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(sweep)


def sweep(
    dataflow: Dataflow = None,
    workload: Workload = None,
    layer: Layers = None,
    arch: Arch = None,
    mode: Mode = None,
    pes: Pes = None,
    bandwidth: Bandwidth = None,
    l1: PrivateBytes = None,
    l2: SharedBytes = None,
    tiles: Tiles = None,
    vector_width: VectorWidth = None,
    noc_latency: NocLatency = None,
    area_mm2: Area = None,
    power_mw: Power = None,
    keep: Keep = None,
    config: Config = None,
    no_prune: NoPrune = False,
    note: Note = "",
    detach: Detach = False,
    slots: Slots = None,
    db: Db = None,
    json: Json = False,
    csv: Csv = False,
) -> int:
    """Sweep every design of a hardware grid under a dataflow, for a layer or a whole network.

    A RANGE is FIRST:LAST, FIRST:LAST:STEP, FIRST:LAST:xFACTOR or a number, several of them with commas between; both
    ends belong to it. Told are the designs covered, valid (large enough, and within the limits) and evaluated, and the
    front of latency, energy and area. A sweep is a run: 'dse resume' goes on with one that was stopped.
    """
    from workbench.cli.launch import Handling, begin_sweep
    from workbench.sweep.request import request_of

    given = {
        "dataflow": dataflow,
        "workload": workload,
        "layers": layer or None,
        "arch": arch,
        "mode": mode,
        "pes": pes,
        "bandwidth": bandwidth,
        "l1": l1,
        "l2": l2,
        "tiles": _tiles(tiles) if tiles else None,
        "vector_width": vector_width,
        "noc_latency": noc_latency,
        "area_mm2": area_mm2,
        "power_mw": power_mw,
        "keep": keep,
        "prune": False if no_prune else None,
    }
    plan = request_of(config, given).plan()
    return begin_sweep(plan, note, Handling(None, db, chosen(json, csv), detach=detach, slots=slots))


def _tiles(texts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, sign, values = text.partition("=")
        if not sign or not name.strip() or name.strip() in found:
            raise UserError(f"--tiles names each size once, as TileK=1,2,4, got {text!r}.")
        found[name.strip()] = values
    return found
