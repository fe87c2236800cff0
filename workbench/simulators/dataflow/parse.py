"""Mapping, model and hardware files, read. The grammar is in the package's docstring."""

from __future__ import annotations

from collections.abc import Mapping as Named
from pathlib import Path
from typing import Literal, cast

from workbench.errors import UserError, unknown_name
from workbench.simulators.dataflow.faults import PlacedError
from workbench.simulators.dataflow.files import Block, File, Network
from workbench.simulators.dataflow.mapping import Cluster, Directive, Extent, Mapping, Size, check
from workbench.simulators.dataflow.table import parse_table
from workbench.simulators.dataflow.tensors import (
    DIMS,
    GEMM_DIMS,
    LAYER_TYPES,
    OUTPUT_NAMES,
    WINDOWS,
    DataLayer,
    LayerType,
)
from workbench.simulators.dataflow.tokens import Reader, Token

ALL_DIMS = tuple(dict.fromkeys((*DIMS, *OUTPUT_NAMES, *GEMM_DIMS)))
BODILESS = ("FC", "LSTM", "POOL")
_TOP = ("Constant", "Network", "Dataflow", "Accelerator")


def parse(text: str, where: str = "text") -> File:
    """The content of a mapping or model file; a text of directives alone is a mapping.

    Raises:
        UserError: file, line, column and what is wrong there.
    """
    try:
        return _file(Reader(text))
    except PlacedError as fault:
        raise fault.within(where) from None


def parse_mapping(text: str, where: str = "mapping") -> Mapping:
    """A text that states one mapping, with or without `Dataflow { }` around it."""
    mapping = parse(text, where).mapping
    if mapping is None:
        raise UserError(f"{where}: it states no mapping; write Dataflow {{ ... }}.")
    return mapping


def read(path: Path) -> File:
    """A file of the disk; one whose name ends in .csv is a table of layers."""
    try:
        text = path.read_text(encoding="utf-8")
        return parse_table(text, str(path)) if path.suffix == ".csv" else parse(text, str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: it cannot be read: {error}.") from None


def _file(reader: Reader) -> File:
    constants: dict[str, int] = {}
    networks: list[Network] = []
    mapping: Mapping | None = None
    while reader.peek() is not None:
        if reader.peek() in ("TemporalMap", "SpatialMap", "Cluster"):
            mapping = _directives(reader, None)
            continue
        token = reader.next("Network or Dataflow")
        if token.text == "Constant":
            name = reader.next("the constant's name")
            constants[name.text] = _number(reader, f"the value of {name.text}")
        elif token.text == "Network":
            networks.append(_network(reader, constants))
        elif token.text == "Dataflow":
            mapping = _directives(reader, reader.open("Dataflow"))
        elif token.text == "Accelerator":
            _skip(reader)
        else:
            raise _unknown("keyword", token, _TOP)
    if not networks and mapping is None:
        raise PlacedError("the file states neither a Network nor a Dataflow", reader.place)
    if mapping is not None:
        check(mapping)
    return File(tuple(constants.items()), tuple(networks), mapping)


def _network(reader: Reader, constants: Named[str, int]) -> Network:
    name = "network" if reader.peek() == "{" else reader.next("the network's name").text
    brace = reader.open("Network")
    blocks: list[Block] = []
    while reader.within(brace, f"Network {name}"):
        token = reader.next("Layer")
        if token.text != "Layer":
            raise _unknown("keyword of a Network", token, ("Layer",))
        blocks.append(_layer(reader, constants, len(blocks) + 1))
    if not blocks:
        raise PlacedError(f"Network {name} has no Layer", brace.place)
    return Network(name, tuple(blocks))


def _layer(reader: Reader, constants: Named[str, int], number: int) -> Block:
    name = f"layer{number}" if reader.peek() == "{" else reader.next("the layer's name").text
    brace = reader.open(f"Layer {name}")
    kind: LayerType | None = None
    strides = {"Y": 1, "X": 1}
    layer: DataLayer | None = None
    mapping: Mapping | None = None
    while reader.within(brace, f"Layer {name}"):
        token = reader.next("Type, Stride, Dimensions or Dataflow")
        if token.text == "Type":
            kind = _kind(reader)
        elif token.text == "Stride":
            if layer is not None:
                raise PlacedError("Stride stands before Dimensions", token.place)
            strides |= dict(_extents(reader, reader.open("Stride"), constants, "Stride"))
        elif token.text == "Dimensions":
            if kind is None:
                raise PlacedError("Type stands before Dimensions", token.place)
            layer = _shape(name, kind, strides, reader, constants)
        elif token.text == "Dataflow":
            if layer is None:
                raise PlacedError("Dimensions stand before Dataflow", token.place)
            mapping = _directives(reader, reader.open("Dataflow"))
            if any(mapping.levels):
                check(mapping.resolved(layer, constants), layer)
            else:
                mapping = None
        else:
            raise _unknown("keyword of a Layer", token, ("Type", "Stride", "Dimensions", "Dataflow"))
    if layer is None:
        raise PlacedError(f"Layer {name} has no Dimensions", brace.place)
    return Block(layer, mapping)


def _kind(reader: Reader) -> LayerType:
    token = reader.next("a layer's type")
    if token.text in BODILESS:
        raise PlacedError(
            f"a layer of type {token.text} cannot be mapped; types are {', '.join(LAYER_TYPES)}", token.place
        )
    for kind in LAYER_TYPES:
        if token.text == kind:
            return kind
    raise _unknown("layer type", token, LAYER_TYPES)


def _shape(
    name: str, kind: LayerType, strides: dict[str, int], reader: Reader, constants: Named[str, int]
) -> DataLayer:
    """Extents in the order of the file; Y' and X' are turned into the inputs that they need."""
    brace = reader.open("Dimensions")
    found = _extents(reader, brace, constants, "Dimensions")
    stride = strides["Y"], strides["X"]
    for out, along in OUTPUT_NAMES.items():
        if out not in found:
            continue
        window = WINDOWS[along]
        if along in found:
            raise PlacedError(f"Dimensions give both {along} and {out}; one follows from the other", brace.place)
        if window not in found:
            raise PlacedError(f"Dimensions give {out} without {window}", brace.place)
        found[along] = (found[out] - 1) * strides[along] + found[window]
        del found[out]
    try:
        return DataLayer(name, kind, tuple(found.items()), stride)
    except UserError as error:
        raise PlacedError(str(error).rstrip("."), brace.place) from None


def _extents(reader: Reader, brace: Token, constants: Named[str, int], of: str) -> dict[str, int]:
    found: dict[str, int] = {}
    while reader.within(brace, of):
        token = reader.next("a dimension")
        if token.text not in ALL_DIMS:
            raise _unknown("dimension", token, ALL_DIMS)
        if token.text in found:
            raise PlacedError(f"{of} gives {token.text} twice", token.place)
        found[token.text] = _number(reader, f"the size of {token.text}", constants)
    return found


def _directives(reader: Reader, brace: Token | None) -> Mapping:
    """Levels up to the closing brace, or to the end of the text where there is none."""
    levels: list[list[Directive]] = [[]]
    clusters: list[Cluster] = []
    while reader.peek() is not None if brace is None else reader.within(brace, "Dataflow"):
        token = reader.next("a directive")
        if token.text == "Cluster":
            size = _size(reader)
            kind = reader.next("P or L")
            if kind.text not in ("P", "L"):
                raise PlacedError(f"a Cluster is of kind P or L, got {kind.text!r}", kind.place)
            clusters.append(Cluster(size, cast(Literal["P", "L"], kind.text), token.place))
            levels.append([])
        elif token.text in ("TemporalMap", "SpatialMap"):
            size, offset = _size(reader), _size(reader)
            dim = reader.next("a dimension")
            if dim.text not in ALL_DIMS:
                raise _unknown("dimension", dim, ALL_DIMS)
            levels[-1].append(Directive(token.text == "SpatialMap", dim.text, size, offset, token.place))
        else:
            raise _unknown("directive", token, ("TemporalMap", "SpatialMap", "Cluster"))
    if brace is not None and not any(levels) and clusters:
        raise PlacedError("the mapping has no directive, so it covers nothing", brace.place)
    return Mapping(tuple(map(tuple, levels)), tuple(clusters))


def _size(reader: Reader) -> Size:
    token = reader.next("a size")
    if token.text == "Sz":
        dim = reader.next("a dimension")
        if dim.text not in ALL_DIMS:
            raise _unknown("dimension", dim, ALL_DIMS)
        return Extent(dim.text)
    if token.text[0].isalpha() or token.text[0] == "_":
        return token.text
    return _whole(token, "a size")


def _number(reader: Reader, what: str, constants: Named[str, int] | None = None) -> int:
    token = reader.next(what)
    if constants is not None and token.text in constants:
        return constants[token.text]
    return _whole(token, what)


def _whole(token: Token, what: str) -> int:
    if not token.text.isascii() or not token.text.isdigit():
        raise PlacedError(f"{what} must be a whole number, got {token.text!r}", token.place)
    if not 1 <= int(token.text) <= 2**31 - 1:
        raise PlacedError(f"{what} must lie in 1..{2**31 - 1}, got {token.text}", token.place)
    return int(token.text)


def _skip(reader: Reader) -> None:
    """An Accelerator block: it says nothing that the analysis uses."""
    while reader.peek() not in ("{", None):
        reader.next("a {")
    brace, depth = reader.open("Accelerator"), 1
    while depth:
        if reader.peek() is None:
            reader.within(brace, "Accelerator")
        depth += {"{": 1, "}": -1}.get(reader.next("a }").text, 0)


def _unknown(kind: str, token: Token, known: tuple[str, ...]) -> PlacedError:
    return PlacedError(str(unknown_name(kind, token.text, known)).rstrip("."), token.place)
