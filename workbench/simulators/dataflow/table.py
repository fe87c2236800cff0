"""Model tables: a layer in a line, as the searches built on the public tool (GAMMA, ConfuciuX) take networks."""

from __future__ import annotations

from workbench.errors import UserError
from workbench.simulators.dataflow.faults import Place, PlacedError
from workbench.simulators.dataflow.files import Block, File, Network
from workbench.simulators.dataflow.tensors import DataLayer, LayerType

COLUMNS = ("K", "C", "Y", "X", "R", "S", "T")
FULLY_CONNECTED, GEMM = "0", "3"
TYPES: dict[str, LayerType] = {FULLY_CONNECTED: "CONV", "1": "CONV", "2": "DSCONV", GEMM: "GEMM"}
"""The column T; a fully connected layer is a convolution whose window is its whole input."""


def parse_table(text: str, where: str = "table") -> File:
    """Layers from lines of K,C,Y,X,R,S,T under that header; with T = 3 the first three are M, N and K.

    Raises:
        UserError: file, line, column and what is wrong there.
    """
    lines = text.splitlines()
    try:
        if not lines or tuple(cell.strip() for cell in lines[0].split(",")) != COLUMNS:
            raise PlacedError(f"the first line must be {','.join(COLUMNS)}", Place(1, 1))
        blocks = [_block(line, number) for number, line in enumerate(lines[1:], start=2) if line.strip()]
        if not blocks:
            raise PlacedError("there is no layer below the header", Place(1, 1))
    except PlacedError as error:
        raise error.within(where) from None
    return File(networks=(Network("table", tuple(blocks)),))


def _block(line: str, number: int) -> Block:
    cells = line.split(",")
    if len(cells) != len(COLUMNS):
        raise PlacedError(f"a layer has {len(COLUMNS)} values, got {len(cells)}", Place(number, 1))
    values = []
    column = 1
    for name, cell in zip(COLUMNS, cells, strict=True):
        text = cell.strip()
        if name == "T" and text not in TYPES:
            raise PlacedError(f"T must be one of {', '.join(TYPES)}, got {text!r}", Place(number, column))
        if name != "T" and not (text.isascii() and text.isdigit() and 1 <= int(text) < 2**31):
            raise PlacedError(f"{name} must be a whole number from 1 up, got {text!r}", Place(number, column))
        values.append(int(text))
        column += len(cell) + 1
    kind = TYPES[cells[-1].strip()]
    names = ("M", "N", "K") if kind == "GEMM" else COLUMNS[:-1]
    try:
        return Block(DataLayer(f"layer{number - 1}", kind, tuple(zip(names, values, strict=False))))
    except UserError as error:
        raise PlacedError(str(error).rstrip("."), Place(number, 1)) from None
