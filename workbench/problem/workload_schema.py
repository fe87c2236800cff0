"""The YAML form of a workload: one validated entry per operator, read into layers and nodes and written from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from workbench.errors import UserError, unknown_name
from workbench.problem.graph import FIELDS, OPTIONAL, Item, Node, WorkloadLayer
from workbench.problem.layer import BITS, Bits, Layer
from workbench.problem.yamlfile import build_model


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _as_pair(value: object) -> object:
    """A number or [y, x] as (y, x)."""
    both = value if isinstance(value, list | tuple) else (value, value)
    if len(both) != 2 or not all(_whole(n, 1) for n in both):
        raise ValueError("expected a whole number from 1 up, or two of them as [y, x]")
    return tuple(both)


def _as_padding(value: object) -> object:
    """A number, [y, x] or [top, bottom, left, right] as the four; "same" as it is."""
    if value == "same":
        return value
    numbers = list(value) if isinstance(value, list | tuple) else [value]
    if len(numbers) not in (1, 2, 4) or not all(_whole(n, 0) for n in numbers):
        raise ValueError("expected a whole number from 0 up, [y, x], [top, bottom, left, right] or same")
    return tuple({1: numbers * 4, 2: [n for n in numbers for _ in (0, 1)]}.get(len(numbers), numbers))


Count = Annotated[int, Field(ge=1, strict=True)]
Size = Annotated[tuple[int, int], BeforeValidator(_as_pair)]
Four = tuple[int, int, int, int]
Padding = Annotated[Four | Literal["same"], BeforeValidator(_as_padding)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BitsEntry(_Strict):
    """Bits per value; what is left out comes from the workload, and there from 8 / 8 / 16 / 8."""

    weight: Count | None = None
    input: Count | None = None
    partial: Count | None = None
    output: Count | None = None

    def over(self, base: Bits) -> Bits:
        """These bits, and the base's where none are given."""
        return Bits(
            self.weight or base.weight,
            self.input or base.input,
            self.partial or base.partial,
            self.output or base.output,
        )


class WorkloadFile(_Strict):
    """A workload file; its entries are validated one by one, each by its operator's model."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    source: str = ""
    bits: BitsEntry = BitsEntry()
    layers: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Entry(_Strict):
    """What every operator has. `after` defaults to the entry before."""

    name: Annotated[str, Field(min_length=1)]
    op: str
    after: tuple[str, ...] | None = None
    repeat: Count = 1

    def item(self, after: tuple[str, ...], bits: Bits) -> Item:
        """The layer or node that the entry describes."""
        given = self.model_dump(exclude={"after", "bits"})
        return Node(after=after, **given)


class ConvEntry(Entry):
    """A convolution, in total channels."""

    in_channels: Count
    out_channels: Count
    kernel: Size
    in_size: Size | None = None
    out_size: Size | None = None
    groups: Count = 1
    stride: Size = (1, 1)
    dilation: Size = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    batch: Count = 1
    bits: BitsEntry = BitsEntry()

    def item(self, after: tuple[str, ...], bits: Bits) -> Item:
        """The convolution as a layer."""
        layer = Layer.conv(
            self.name,
            self.in_channels,
            self.out_channels,
            self.kernel,
            in_size=self.in_size,
            out_size=self.out_size,
            groups=self.groups,
            stride=self.stride,
            dilation=self.dilation,
            padding=self.padding,
            batch=self.batch,
            bits=self.bits.over(bits),
        )
        return WorkloadLayer(layer, after, self.repeat)


class DepthwiseEntry(Entry):
    """A convolution of every channel with a kernel of its own."""

    channels: Count
    kernel: Size
    in_size: Size | None = None
    out_size: Size | None = None
    stride: Size = (1, 1)
    dilation: Size = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    batch: Count = 1
    bits: BitsEntry = BitsEntry()

    def item(self, after: tuple[str, ...], bits: Bits) -> Item:
        """The convolution as a layer of one channel per group."""
        layer = Layer.depthwise(
            self.name,
            self.channels,
            self.kernel,
            in_size=self.in_size,
            out_size=self.out_size,
            stride=self.stride,
            dilation=self.dilation,
            padding=self.padding,
            batch=self.batch,
            bits=self.bits.over(bits),
        )
        return WorkloadLayer(layer, after, self.repeat)


class GemmEntry(Entry):
    """Products of (rows x reduction) by (reduction x columns), `groups` of them with a matrix each."""

    rows: Count
    reduction: Count
    columns: Count
    groups: Count = 1
    batch: Count = 1
    bits: BitsEntry = BitsEntry()

    def item(self, after: tuple[str, ...], bits: Bits) -> Item:
        """The product as a layer."""
        layer = Layer.gemm(
            self.name,
            self.rows,
            self.reduction,
            self.columns,
            groups=self.groups,
            batch=self.batch,
            bits=self.bits.over(bits),
        )
        return WorkloadLayer(layer, after, self.repeat)


class PoolEntry(Entry):
    """The largest or the mean of every window; the stride is the kernel unless given."""

    kernel: Size
    stride: Size | None = None
    padding: Annotated[Four, BeforeValidator(_as_padding)] = (0, 0, 0, 0)

    def item(self, after: tuple[str, ...], bits: Bits) -> Item:
        """The pooling as a node."""
        return Node(self.name, "pool", after, self.repeat, self.kernel, self.stride or self.kernel, self.padding)


class ShapedEntry(Entry):
    """A node that states the whole shape of its output."""

    channels: Count
    size: Size
    batch: Count = 1


class SizedEntry(Entry):
    """A node that keeps the channels and states the size."""

    size: Size


class ShuffleEntry(Entry):
    """Channels spread over pixels, as the last step of a transposed convolution."""

    factor: Count


ENTRIES: Mapping[str, type[Entry]] = {
    "conv": ConvEntry,
    "depthwise": DepthwiseEntry,
    "gemm": GemmEntry,
    "input": ShapedEntry,
    "pool": PoolEntry,
    "add": Entry,
    "mul": Entry,
    "concat": Entry,
    "activation": Entry,
    "reshape": ShapedEntry,
    "crop": SizedEntry,
    "resize": SizedEntry,
    "shuffle": ShuffleEntry,
    "other": ShapedEntry,
}


def parse_items(content: WorkloadFile, where: str) -> tuple[Item, ...]:
    """The layers and nodes of a file; `where` opens every error line."""
    bits = content.bits.over(BITS)
    items: list[Item] = []
    for index, raw in enumerate(content.layers):
        place = f"{where}: layers[{index}]" + (f" ({raw['name']})" if isinstance(raw.get("name"), str) else "")
        if "op" not in raw:
            raise UserError(f"{place}: the key 'op' is missing. Known operators: {', '.join(ENTRIES)}.")
        kind = str(raw["op"])
        if kind not in ENTRIES:
            raise UserError(f"{place}: {unknown_name('operator', kind, ENTRIES)}")
        entry = build_model(raw, ENTRIES[kind], place)
        before = () if not items or entry.op == "input" else (items[-1].name,)
        try:
            items.append(entry.item(before if entry.after is None else entry.after, bits))
        except UserError as error:
            raise UserError(f"{place}: {error}") from None
    return tuple(items)


def written(name: str, description: str, source: str, items: Sequence[Item]) -> str:
    """The YAML of a workload: a header, then a line per layer or node."""
    header: dict[str, str] = {"name": name, "description": description, "source": source}
    lines = [yaml.safe_dump({k: v for k, v in header.items() if v}, sort_keys=False, width=120).rstrip(), "layers:"]
    before: tuple[str, ...] = ()
    for item in items:
        entry = _layer_entry(item) if isinstance(item, WorkloadLayer) else _node_entry(item)
        if item.after != (() if entry["op"] == "input" else before):
            entry["after"] = list(item.after)
        if item.repeat > 1:
            entry["repeat"] = item.repeat
        flow = yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=10**9)
        lines.append(f"  - {flow.rstrip()}")
        before = (item.name,)
    return "\n".join(lines) + "\n"


def _layer_entry(item: WorkloadLayer) -> dict[str, Any]:
    layer = item.layer
    b, g, k, c, oy, ox, fy, fx = layer.dims
    entry: dict[str, Any] = {"name": layer.name}
    if layer.op == "gemm":
        entry |= {"op": "gemm", "rows": ox, "reduction": c, "columns": k}
        entry |= {"groups": g} if g > 1 else {}
    elif g > 1 and k == c == 1:
        entry |= {"op": "depthwise", "channels": g}
    else:
        entry |= {"op": "conv", "in_channels": g * c, "out_channels": g * k}
        entry |= {"groups": g} if g > 1 else {}
    if layer.op == "conv":
        entry |= {"out_size": _short([oy, ox]), "kernel": _short([fy, fx])}
        for key in ("stride", "dilation"):
            value = getattr(layer, key)
            entry |= {key: _short(value)} if value != (1, 1) else {}
        entry |= {"padding": _short(layer.padding)} if any(layer.padding) else {}
    if b > 1:
        entry["batch"] = b
    bits = {key: getattr(layer, f"{key}_bits") for key in ("weight", "input", "partial", "output")}
    unusual = {key: value for key, value in bits.items() if value != getattr(BITS, key)}
    return entry | ({"bits": unusual} if unusual else {})


def _node_entry(node: Node) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": node.name, "op": node.op}
    for key in (*FIELDS[node.op], *OPTIONAL.get(node.op, ())):
        value = getattr(node, key)
        if (key, value) in (("batch", 1), ("padding", (0, 0, 0, 0))):
            continue
        entry[key] = _short(value) if isinstance(value, tuple) else value
    return entry


def _short(numbers: Sequence[int]) -> int | list[int]:
    """One number where all are equal."""
    return numbers[0] if len(set(numbers)) == 1 else list(numbers)
