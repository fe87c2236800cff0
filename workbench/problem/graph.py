"""The operators of a network: layers that cost MACs, nodes that cost none, and the shapes that flow between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from workbench.errors import UserError, unknown_name
from workbench.problem.layer import Layer, window_outputs

NodeOp = Literal[
    "input", "pool", "add", "mul", "concat", "activation", "reshape", "crop", "resize", "shuffle", "other"
]  # fmt: skip
NODE_OPS: tuple[NodeOp, ...] = get_args(NodeOp)

FIELDS: Mapping[NodeOp, tuple[str, ...]] = {  # what a node of each kind must give, beside its name
    "input": ("channels", "size"),
    "pool": ("kernel", "stride"),
    "add": (),
    "mul": (),
    "concat": (),
    "activation": (),
    "reshape": ("channels", "size"),
    "crop": ("size",),
    "resize": ("size",),
    "shuffle": ("factor",),
    "other": ("channels", "size"),
}
OPTIONAL: Mapping[NodeOp, tuple[str, ...]] = {
    "input": ("batch",),
    "reshape": ("batch",),
    "other": ("batch",),
    "pool": ("padding",),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a feature map; that of a matrix is its columns as channels and its rows on x."""

    batch: int
    channels: int
    y: int
    x: int

    @property
    def elements(self) -> int:
        """How many values the map holds."""
        return self.batch * self.channels * self.y * self.x

    def __str__(self) -> str:
        batch = f"{self.batch} x " if self.batch > 1 else ""
        return f"{batch}{self.channels} channels of {self.y} x {self.x}"


@dataclass(frozen=True, slots=True)
class WorkloadLayer:
    """A layer in its network.

    `after` names the producers: the first gives the input activations, a second one the other matrix of a product
    of two activations (attention). Without any, the layer reads the network's input. `repeat` layers stand in a row
    for one: neighbours with an equal repeat form a block that runs so many times, one after the other.
    """

    layer: Layer
    after: tuple[str, ...] = ()
    repeat: int = 1

    def __post_init__(self) -> None:
        _check_repeat(self.name, self.repeat)
        if len(self.after) > 2:
            raise UserError(
                f"Layer {self.name!r}: a layer reads one producer, or two for a product of activations, got "
                f"{list(self.after)}. Put an add or a concat before it."
            )

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    def canonical(self) -> dict[str, Any]:
        """The layer and its edges as JSON-able content."""
        return {"layer": self.layer.canonical(), "after": list(self.after), "repeat": self.repeat}

    @property
    def output(self) -> Shape:
        """The shape of what the layer gives."""
        layer = self.layer
        return Shape(layer.size("B"), layer.size("G") * layer.size("K"), layer.size("OY"), layer.size("OX"))

    def check_inputs(self, inputs: Sequence[Shape | None]) -> None:
        """Refuses producers whose shapes are known and do not suit."""
        for name, shape, operand in zip(self.after, inputs, ("I", "W"), strict=False):
            if shape is None:
                continue
            if operand == "W" or self.layer.op == "gemm":
                wanted, fits = f"{self._matrix(operand)}", shape.elements == self._values(operand)
            else:
                wanted, fits = self._map(shape)
            if not fits:
                raise UserError(f"{self.name!r} reads {name!r}, which gives {shape}; it needs {wanted}.")

    def _values(self, operand: str) -> int:
        return self.layer.elements("W" if operand == "W" else "I")

    def _matrix(self, operand: str) -> str:
        layer = self.layer
        rows, columns = ("C", "K") if operand == "W" else ("OX", "C")
        if operand == "W" and layer.op == "conv":
            return f"{self._values(operand)} weights"
        batch = layer.size("G") * (1 if operand == "W" else layer.size("B"))
        many = f"{batch} matrices" if batch > 1 else "a matrix"
        return f"{many} of {layer.size(rows)} x {layer.size(columns)}, {self._values(operand)} values"

    def _map(self, shape: Shape) -> tuple[str, bool]:
        """What map the convolution needs, and whether this one does: rows that the last stride skips may follow."""
        layer = self.layer
        channels = layer.size("G") * layer.size("C")
        (y, x), (_, bottom, _, right) = layer.input_size, layer.padding
        spare_y = 0 if bottom else layer.stride[0] - 1
        spare_x = 0 if right else layer.stride[1] - 1
        fits = (
            (shape.batch, shape.channels) == (layer.size("B"), channels)
            and y <= shape.y <= y + spare_y
            and x <= shape.x <= x + spare_x
        )
        return str(Shape(layer.size("B"), channels, y, x)), fits


@dataclass(frozen=True, slots=True)
class Node:
    """An operator that costs no MACs, kept for the edges: fused schedules follow them.

    `channels`, `size` and `batch` state the output's shape where it does not follow from the producers. A `shuffle`
    by `factor` f spreads f * f channels over f x f pixels; `add` and `mul` stretch a dimension of 1; `concat` joins
    channels; `activation` stands for whatever keeps the shape; `other` for what the workbench has no rule for.
    """

    name: str
    op: NodeOp
    after: tuple[str, ...] = ()
    repeat: int = 1
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    factor: int | None = None
    channels: int | None = None
    size: tuple[int, int] | None = None
    batch: int = 1

    def __post_init__(self) -> None:
        if self.op not in NODE_OPS:
            raise unknown_name("operator", self.op, NODE_OPS)
        if not self.name or self.name != self.name.strip() or "\n" in self.name:
            raise UserError(f"A node's name is a word without spaces at its ends, got {self.name!r}.")
        _check_repeat(self.name, self.repeat)
        for field in fields(self):
            given = getattr(self, field.name)
            if field.name in FIELDS[self.op] and given is None:
                raise UserError(f"Node {self.name!r}: a node of kind {self.op!r} needs {field.name}.")
            numbers = given if isinstance(given, tuple) else (given,)
            least = 0 if field.name == "padding" else 1
            if any(isinstance(n, int) and n < least for n in numbers):
                raise UserError(f"Node {self.name!r}: {field.name} must be at least {least}, got {given}.")
        fewest, most = {
            "input": (0, 0),
            "add": (2, None),
            "mul": (2, None),
            "concat": (2, None),
            "other": (0, None),
        }.get(self.op, (0, 1))
        if len(self.after) < fewest or (most is not None and len(self.after) > most):
            wanted = f"at least {fewest}" if most is None else f"at most {most}"
            raise UserError(f"Node {self.name!r}: {self.op} reads {wanted} producers, got {list(self.after)}.")

    def canonical(self) -> dict[str, Any]:
        """The node and its edges as JSON-able content, without what is not given."""
        content = {"node": self.op, "name": self.name, "after": list(self.after), "repeat": self.repeat}
        for key in (*FIELDS[self.op], *OPTIONAL.get(self.op, ())):
            value = getattr(self, key)
            content[key] = list(value) if isinstance(value, tuple) else value
        return content

    def output(self, inputs: Sequence[Shape | None]) -> Shape | None:
        """The shape of what the node gives; None where a producer's shape is not known.

        Raises:
            UserError: the producers' shapes do not suit the node.
        """
        if self.op in ("input", "other", "reshape"):
            assert self.channels is not None
            assert self.size is not None
            stated = Shape(self.batch, self.channels, *self.size)
            if self.op == "reshape" and inputs and inputs[0] is not None and inputs[0].elements != stated.elements:
                raise self._refused(inputs[0], f"{stated}, which holds another number of values")
            return stated
        known = [shape for shape in inputs if shape is not None]
        if not known or len(known) < len(inputs):
            return None
        if self.op in ("add", "mul"):
            return self._joined(known)
        if self.op == "concat":
            return self._concatenated(known)
        return self._of_one(known[0])

    def _of_one(self, shape: Shape) -> Shape:
        if self.op == "pool":
            return self._pooled(shape)
        if self.op == "shuffle":
            assert self.factor is not None
            if shape.channels % self.factor**2:
                raise self._refused(shape, f"channels divisible by {self.factor**2}")
            return Shape(shape.batch, shape.channels // self.factor**2, shape.y * self.factor, shape.x * self.factor)
        if self.op in ("crop", "resize"):
            assert self.size is not None
            if self.op == "crop" and (self.size[0] > shape.y or self.size[1] > shape.x):
                raise self._refused(shape, f"at least {self.size[0]} x {self.size[1]} to crop")
            return Shape(shape.batch, shape.channels, *self.size)
        return shape

    def _pooled(self, shape: Shape) -> Shape:
        assert self.kernel is not None
        assert self.stride is not None
        top, bottom, left, right = self.padding
        y = window_outputs(shape.y, self.kernel[0], self.stride[0], 1, top + bottom)
        x = window_outputs(shape.x, self.kernel[1], self.stride[1], 1, left + right)
        if y < 1 or x < 1:
            raise self._refused(shape, f"at least {self.kernel[0]} x {self.kernel[1]} with the padding")
        return Shape(shape.batch, shape.channels, y, x)

    def _joined(self, shapes: Sequence[Shape]) -> Shape:
        sizes = [tuple(getattr(s, f.name) for f in fields(Shape)) for s in shapes]
        widest = tuple(map(max, *sizes))
        if any(n not in (1, most) for size in sizes for n, most in zip(size, widest, strict=True)):
            raise self._refused(shapes, "equal shapes")
        return Shape(*widest)

    def _concatenated(self, shapes: Sequence[Shape]) -> Shape:
        first = shapes[0]
        if any((s.batch, s.y, s.x) != (first.batch, first.y, first.x) for s in shapes):
            raise self._refused(shapes, "maps of equal size")
        return Shape(first.batch, sum(s.channels for s in shapes), first.y, first.x)

    def _refused(self, shapes: Shape | Sequence[Shape], wanted: str) -> UserError:
        read = (shapes,) if isinstance(shapes, Shape) else shapes
        given = "; ".join(f"{name!r} gives {shape}" for name, shape in zip(self.after, read, strict=False))
        return UserError(f"{self.op} {self.name!r} needs {wanted}, but {given}.")


Item = WorkloadLayer | Node


def item_from_canonical(content: Mapping[str, Any]) -> Item:
    """The layer or node that `canonical` wrote."""
    if "layer" in content:
        return WorkloadLayer(Layer.from_canonical(content["layer"]), tuple(content["after"]), content["repeat"])
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items() if k != "node"}
    return Node(op=content["node"], **given)


def _check_repeat(name: str, repeat: int) -> None:
    if repeat < 1:
        raise UserError(f"{name!r}: repeat must be at least 1, got {repeat}.")
