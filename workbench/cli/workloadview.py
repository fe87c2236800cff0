"""Workloads shown: the bundled ones, and one with its layers."""

from __future__ import annotations

from typing import Any

from workbench.cli.options import Format
from workbench.cli.output import Column, emit, name, number, stdout
from workbench.problem.layer import LOOP_DIMS
from workbench.problem.workload import Workload, bundled_workloads, load_workload
from workbench.views.quantity import amount, count, gist

LIST = (
    name("name", "workload"),
    number("layers", "layers"),
    number("different_layers", "different"),
    number("macs", "MACs", amount),
    number("weights", "weights", amount),
    Column("description", "description", gist, cut=True),
)
LAYERS = (
    name("name", "layer"),
    Column("op", "op"),
    number("repeat", "times"),
    *(number(dim, dim, count) for dim in LOOP_DIMS),
    number("stride_y", "stride y"),
    number("stride_x", "stride x"),
    number("macs", "MACs", amount),
    number("weights", "weights", amount),
    number("inputs", "inputs", amount),
    number("outputs", "outputs", amount),
)
TOO_MUCH = ("stride_y", "stride_x", "inputs", "outputs")
"""Columns that only files get: a terminal is 80 wide."""


def list_workloads(form: Format) -> None:
    """The bundled workloads."""
    emit(form, LIST, [_head(load_workload(each)) for each in bundled_workloads()])


def show_workload(name_or_path: str, form: Format) -> None:
    """One workload, layer by layer."""
    workload = load_workload(name_or_path)
    rows = _layers(workload)
    if form != "table":
        emit(form, LAYERS, rows, {**_head(workload), "source": workload.source.strip(), "table": rows})
        return
    ones = [key for key in ("repeat", *LOOP_DIMS) if all(row[key] == 1 for row in rows)]
    emit(form, [column for column in LAYERS if column.key not in (*TOO_MUCH, *ones)], rows)
    loops = ", ".join(dim for dim in LOOP_DIMS if dim in ones)
    console = stdout()
    console.print(f"{workload.name}: {count(workload.macs)} MACs, {count(workload.weights)} weights.")
    if loops:
        console.print(f"Loops that are 1 in every layer: {loops}.")


def _head(workload: Workload) -> dict[str, Any]:
    return {
        "name": workload.name,
        "layers": sum(item.repeat for item in workload.layers),
        "different_layers": len(workload.compute_layers()),
        "macs": workload.macs,
        "weights": workload.weights,
        "description": " ".join(workload.description.split()),
    }


def _layers(workload: Workload) -> list[dict[str, Any]]:
    return [
        {
            "name": item.name,
            "op": item.layer.op,
            "repeat": item.repeat,
            **{dim: item.layer.size(dim) for dim in LOOP_DIMS},
            "stride_y": item.layer.stride[0],
            "stride_x": item.layer.stride[1],
            "macs": item.layer.macs,
            "weights": item.layer.elements("W"),
            "inputs": item.layer.elements("I"),
            "outputs": item.layer.elements("O"),
        }
        for item in workload.layers
    ]
