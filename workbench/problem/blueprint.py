"""A network as a neutral list of operators: what a workload for the cost model and a module to train both come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from json import dumps
from math import prod
from typing import Any, Literal, get_args

from workbench.errors import UserError
from workbench.problem.graph import Item, Node, Shape, WorkloadLayer
from workbench.problem.layer import Layer, window_outputs
from workbench.problem.workload import Workload

OpKind = Literal[
    "input", "conv", "norm", "relu", "add", "pool", "upsample", "concat", "global_pool", "linear"
]  # fmt: skip
FIELDS: Mapping[OpKind, tuple[str, ...]] = {  # what an operator of each kind gives, beside name and edges
    "input": ("channels", "size"),
    "conv": ("channels", "kernel", "stride", "bias"),
    "norm": (),
    "relu": (),
    "add": (),
    "pool": ("kernel",),
    "upsample": ("size",),
    "concat": (),
    "global_pool": (),
    "linear": ("channels",),
}
_MANY: tuple[OpKind, ...] = ("add", "concat")
_FOLDED: tuple[OpKind, ...] = ("norm", "relu")
"""Operators that a workload leaves out: their work is folded into the layer before."""


@dataclass(frozen=True, slots=True)
class Images:
    """What a network looks at: channels, rows and columns of an image, and how many classes there are to tell."""

    channels: int
    size: tuple[int, int]
    classes: int

    def __post_init__(self) -> None:
        if min(self.channels, *self.size) < 1 or self.classes < 2:
            raise UserError(f"Images need a channel, a pixel and two classes at least, got {self}.")

    def __str__(self) -> str:
        return f"{self.channels} x {self.size[0]} x {self.size[1]}, {self.classes} classes"


@dataclass(frozen=True, slots=True)
class Op:
    """An operator and the names of those that it reads.

    A `conv` has a square kernel of odd size and the padding of half of it, so that at stride 1 the map keeps its size;
    `norm` is a batch normalisation; `pool` takes the largest of every window of `kernel` x `kernel`, without overlap
    or padding; `upsample` repeats the nearest pixel up to `size`; `global_pool` takes the mean of each channel;
    `linear` has a bias. `channels` are those that come out.
    """

    name: str
    op: OpKind
    after: tuple[str, ...] = ()
    channels: int | None = None
    size: tuple[int, int] | None = None
    kernel: int | None = None
    stride: int | None = None
    bias: bool | None = None

    def __post_init__(self) -> None:
        if self.op not in get_args(OpKind):
            raise UserError(f"Operator {self.name!r}: there is no operator {self.op!r}, only {', '.join(FIELDS)}.")
        fewest, most = (0, 0) if self.op == "input" else (2, 99) if self.op in _MANY else (1, 1)
        if not fewest <= len(self.after) <= most:
            raise UserError(f"Operator {self.name!r}: {self.op} cannot read {list(self.after)}.")
        for field in ("channels", "size", "kernel", "stride", "bias"):
            value, wanted = getattr(self, field), field in FIELDS[self.op]
            if (value is not None) != wanted:
                raise UserError(f"Operator {self.name!r}: {self.op} {'needs' if wanted else 'has no'} {field}.")
            numbers = value if isinstance(value, tuple) else (value,)
            if wanted and field != "bias" and any(not isinstance(n, int) or n < 1 for n in numbers):
                raise UserError(f"Operator {self.name!r}: {field} must be at least 1, got {value}.")
        if self.op == "conv" and self.kernel is not None and self.kernel % 2 == 0:
            raise UserError(f"Operator {self.name!r}: a kernel has an odd size, got {self.kernel}.")

    def plain(self) -> dict[str, Any]:
        """JSON-able content, without what the operator does not have."""
        content: dict[str, Any] = {"name": self.name, "op": self.op, "after": list(self.after)}
        for field in FIELDS[self.op]:
            value = getattr(self, field)
            content[field] = list(value) if isinstance(value, tuple) else value
        return content


@dataclass(frozen=True)
class Blueprint:
    """Operators in an order in which they can run: the first is the input, the last one gives the answer.

    Shapes are checked along the edges when it is made.
    """

    ops: tuple[Op, ...]

    def __post_init__(self) -> None:
        known: set[str] = set()
        for op in self.ops:
            if (op.op == "input") != (not known):
                raise UserError(f"Operator {op.name!r}: a network has one input, and it comes first.")
            if op.name in known or not known.issuperset(op.after):
                raise UserError(f"Operator {op.name!r} is named twice, or reads one that is not before it.")
            known.add(op.name)
        if len(self.ops) < 2:
            raise UserError("A network has an input and an operator at least.")
        _ = self.shapes

    def plain(self) -> list[dict[str, Any]]:
        """JSON-able content: all that another package needs to build the network."""
        return [op.plain() for op in self.ops]

    @classmethod
    def from_plain(cls, content: Sequence[Mapping[str, Any]]) -> Blueprint:
        """The inverse of `plain`."""
        known = {field.name for field in fields(Op)}
        if any(not op.keys() <= known for op in content):
            raise UserError(f"Operators have {', '.join(sorted(known))} and nothing else.")
        rows: list[dict[str, Any]] = [
            {k: tuple(v) if isinstance(v, list) else v for k, v in op.items()} for op in content
        ]
        return cls(tuple(Op(**row) for row in rows))

    @cached_property
    def key(self) -> bytes:
        """16 bytes that equal networks share."""
        return blake2b(dumps(self.plain(), sort_keys=True).encode(), digest_size=16).digest()

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """What each operator gives for one image, by name."""
        shapes: dict[str, Shape] = {}
        for op in self.ops:
            shapes[op.name] = _output(op, [shapes[name] for name in op.after])
        return shapes

    @property
    def images(self) -> Images:
        """What it looks at; its answer has a channel for each class."""
        first, answer = self.shapes[self.ops[0].name], self.shapes[self.ops[-1].name]
        return Images(first.channels, (first.y, first.x), answer.channels)

    @cached_property
    def parameters(self) -> int:
        """Numbers that training sets: weights, biases, and two for each channel of a normalisation."""
        return sum(_parameters(op, [self.shapes[name] for name in op.after]) for op in self.ops)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return sum(_macs(op, self.shapes[op.name], [self.shapes[name] for name in op.after]) for op in self.ops)

    def workload(self, name: str, description: str = "") -> Workload:
        """The network for the cost model: normalisations and ReLUs are folded into the layers before them."""
        stands_for: dict[str, str] = {}
        items: list[Item] = []
        for op in self.ops:
            after = tuple(stands_for[each] for each in op.after)
            if op.op in _FOLDED:
                stands_for[op.name] = after[0]
                continue
            stands_for[op.name] = op.name
            items.append(_item(op, after, [self.shapes[each] for each in op.after]))
        return Workload(name, tuple(items), description)


def _output(op: Op, inputs: Sequence[Shape]) -> Shape:
    if op.op == "input":
        assert op.channels is not None
        assert op.size is not None
        return Shape(1, op.channels, *op.size)
    first = inputs[0]
    if op.op == "conv":
        assert op.channels is not None
        return Shape(1, op.channels, *(_along(n, op) for n in (first.y, first.x)))
    if op.op == "linear":
        assert op.channels is not None
        if (first.y, first.x) != (1, 1):
            raise UserError(f"{op.name!r} reads a vector, but {op.after[0]!r} gives {first}.")
        return Shape(1, op.channels, 1, 1)
    if op.op == "pool":
        assert op.kernel is not None
        if min(first.y, first.x) < op.kernel:
            raise UserError(
                f"{op.name!r} takes windows of {op.kernel} x {op.kernel}, but what it reads has {first.y} x {first.x} "
                "pixels: the images are too small for so many poolings."
            )
        return Shape(1, first.channels, first.y // op.kernel, first.x // op.kernel)
    if op.op == "upsample":
        assert op.size is not None
        return Shape(1, first.channels, *op.size)
    if op.op == "global_pool":
        return Shape(1, first.channels, 1, 1)
    return _joined(op, inputs)


def _along(pixels: int, op: Op) -> int:
    assert op.kernel is not None
    assert op.stride is not None
    return window_outputs(pixels, op.kernel, op.stride, 1, 2 * (op.kernel // 2))


def _joined(op: Op, inputs: Sequence[Shape]) -> Shape:
    first = inputs[0]
    alike = inputs if op.op != "concat" else [Shape(1, first.channels, shape.y, shape.x) for shape in inputs]
    if any(shape != first for shape in alike):
        given = "; ".join(f"{name!r} gives {shape}" for name, shape in zip(op.after, inputs, strict=True))
        raise UserError(f"{op.op} {op.name!r} needs maps that fit together, but {given}.")
    return Shape(1, sum(shape.channels for shape in inputs), first.y, first.x) if op.op == "concat" else first


def _parameters(op: Op, inputs: Sequence[Shape]) -> int:
    if op.op == "norm":
        return 2 * inputs[0].channels
    if op.channels is None or not inputs:
        return 0
    weights = op.channels * inputs[0].channels * (op.kernel or 1) ** 2
    return weights + (op.channels if op.op == "linear" or op.bias else 0)


def _macs(op: Op, output: Shape, inputs: Sequence[Shape]) -> int:
    if op.op not in ("conv", "linear"):
        return 0
    return output.elements * inputs[0].channels * (op.kernel or 1) ** 2


def _item(op: Op, after: tuple[str, ...], inputs: Sequence[Shape]) -> Item:
    """A layer or node of a workload."""
    if op.op == "input":
        return Node(op.name, "input", channels=op.channels, size=op.size)
    first = inputs[0]
    if op.op == "conv":
        assert op.channels is not None
        assert op.kernel is not None
        assert op.stride is not None
        layer = Layer.conv(
            op.name,
            first.channels,
            op.channels,
            op.kernel,
            in_size=(first.y, first.x),
            stride=op.stride,
            padding=op.kernel // 2,
        )
        return WorkloadLayer(layer, after)
    if op.op == "linear":
        assert op.channels is not None
        return WorkloadLayer(Layer.gemm(op.name, 1, prod((first.channels, first.y, first.x)), op.channels), after)
    if op.op in ("pool", "global_pool"):
        window = (first.y, first.x) if op.kernel is None else (op.kernel, op.kernel)
        return Node(op.name, "pool", after, kernel=window, stride=window)
    if op.op == "upsample":
        return Node(op.name, "resize", after, size=op.size)
    return Node(op.name, "add" if op.op == "add" else "concat", after)
