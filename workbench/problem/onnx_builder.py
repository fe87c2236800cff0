"""The graph that an ONNX import builds up: which item gives each tensor, and in which shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.problem.graph import Item, Node, NodeOp, Shape, WorkloadLayer
from workbench.problem.layer import BITS, Bits, Layer
from workbench.problem.onnx_model import OnnxModel, Op, map_shape


@dataclass(frozen=True)
class Given:
    """What gives a tensor: an item by its name, and the shape it gives."""

    item: str
    shape: Shape
    bits: int | None  # None: floating point


@dataclass
class Builder:
    """Items found so far. A tensor that is in no entry of `given` is a constant."""

    model: OnnxModel
    items: list[Item] = field(default_factory=list)
    given: dict[str, Given] = field(default_factory=dict)
    constant_bits: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    floats: int = 0
    lost: set[str] = field(default_factory=set)  # tensors of unknown shape behind an unmapped operator
    _names: set[str] = field(default_factory=set)

    def activations(self, op: Op) -> list[str]:
        """The inputs of an operator that are no constants."""
        return [tensor for tensor in op.inputs if tensor in self.given]

    def free_name(self, wanted: str) -> str:
        """The name, with a number behind it where it is taken."""
        name, number = wanted, 1
        while name.casefold() in self._names:
            number += 1
            name = f"{wanted}_{number}"
        return name

    def add(self, item: Item) -> None:
        """Adds an item whose tensor has no name of its own."""
        self._names.add(item.name.casefold())
        self.items.append(item)

    def give(self, tensor: str, item: Item, shape: Shape) -> None:
        """Adds an item that gives a tensor."""
        self.add(item)
        self.given[tensor] = Given(item.name, shape, self.model.bits(tensor))

    def pass_on(self, op: Op, tensor: str) -> None:
        """The operator's output is its input: it costs no MACs and moves no pixel to another channel or place."""
        source = self.given[tensor]
        bits = self.model.bits(op.outputs[0])
        bits = source.bits if bits is None and op.kind != "Cast" else bits
        self.given[op.outputs[0]] = Given(source.item, source.shape, bits)

    def layer(self, op: Op, layer: Layer, tensors: Sequence[str], wanted: Shape | None = None) -> None:
        """Adds a layer that reads tensors: the first as a map of the wanted shape, or any of as many values."""
        after = [self.feed(op, tensors[0], wanted, layer.elements("I"))]
        after += [self.feed(op, tensor, None, layer.elements("W")) for tensor in tensors[1:]]
        item = WorkloadLayer(layer, tuple(after))
        self.give(op.outputs[0], item, item.output)

    def feed(self, op: Op, tensor: str, wanted: Shape | None, elements: int | None = None) -> str:
        """The item that gives a tensor in the wanted shape (or with so many values); adds a reshape where needed."""
        source = self.given[tensor]
        if source.shape == wanted or (wanted is None and source.shape.elements == elements):
            return source.item
        target = wanted or Shape(1, elements or 1, 1, 1)
        kind: NodeOp = "reshape" if target.elements == source.shape.elements else "other"
        if kind == "other":
            self.notes.append(f"{op.name}: {op.kind}: its input of {source.shape} is read as {target}")
        node = self.stated(kind, f"{op.name}/{kind}", [source.item], target)
        self.add(node)
        return node.name

    def unmapped(self, op: Op, why: str) -> None:
        """Keeps an operator as a node of its shape, and lists it."""
        self.notes.append(f"{op.name}: {op.kind}: {why}")
        after = list(dict.fromkeys(self.given[tensor].item for tensor in self.activations(op)))
        for tensor in filter(None, op.outputs):
            dims = self.model.known_dims(tensor)
            if dims is None:
                self.lost.add(tensor)
                continue
            shape = map_shape(dims)
            self.give(tensor, self.stated("other", op.name, after, shape), shape)

    def stated(self, kind: NodeOp, name: str, after: Sequence[str], shape: Shape) -> Node:
        """A node that states its shape, under a free name."""
        size = shape.y, shape.x
        return Node(self.free_name(name), kind, tuple(after), channels=shape.channels, size=size, batch=shape.batch)

    def bits(self, inputs: str, weights: str, output: str) -> Bits:
        """The precisions of a layer, from its tensors where they are integers."""
        found = [self._width(inputs), self._width(weights), self.model.bits(output)]
        if None in found[:2]:
            self.floats += 1
        partial = BITS.partial if None in found[:2] else 32  # ONNX integer operators accumulate in int32
        return Bits(found[1] or BITS.weight, found[0] or BITS.input, partial, found[2] or BITS.output)

    def _width(self, tensor: str) -> int | None:
        if tensor in self.given:
            return self.given[tensor].bits
        return self.constant_bits.get(tensor, self.model.bits(tensor))
