"""ONNX networks as workloads: each operator by its rule; what has none is kept as a node and listed."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import UserError
from workbench.problem.onnx_builder import Builder
from workbench.problem.onnx_model import Op, map_shape, read_onnx
from workbench.problem.onnx_rules import COMPUTING, KEEPING, RULES
from workbench.problem.workload import Workload


def import_onnx(path: str | Path) -> tuple[Workload, list[str]]:
    """The network in an ONNX file, and a line for each thing that it does not say the whole truth about.

    An operator without a rule stays in the graph as a node of its shape, so its edges hold; its work is not counted,
    and a line names it. Integer tensors give the precisions; floating point takes the usual 8 / 8 / 16 / 8 bits.

    Raises:
        UserError: the file is missing, no ONNX, without static shapes or without a layer, or the extra is missing.
    """
    model = read_onnx(Path(path))
    builder = Builder(model, notes=list(model.notes))
    for tensor in model.inputs:
        shape = map_shape(model.dims(tensor))
        builder.give(tensor, builder.stated("input", tensor, (), shape), shape)
    for op in model.ops:
        _map(builder, op)
    if builder.floats:
        builder.notes.append(
            f"{builder.floats} layers compute in floating point: taken as 8-bit operands and 16-bit partial sums"
        )
    items = tuple(builder.items)
    try:
        workload = Workload(Path(path).stem, items, f"Imported from {Path(path).name}.", Path(path).name)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return workload, builder.notes


def _map(builder: Builder, op: Op) -> None:
    if op.kind in ("Shape", "Size"):
        return  # depends on shapes alone, which are static
    after_lost = [tensor for tensor in op.inputs if tensor in builder.lost]
    if after_lost:
        if op.kind in COMPUTING:
            builder.model.dims(after_lost[0])  # raises: the work of this operator cannot be known
        builder.notes.append(f"{op.name}: {op.kind}: left out, for its input {after_lost[0]!r} has no static shape")
        builder.lost.update(op.outputs)
        return
    if not builder.activations(op):
        _constant(builder, op)
        return
    rule = RULES.get(op.kind)
    if rule is None:
        builder.unmapped(op, "there is no rule for it; it stays as a node, and what it computes is not counted")
        return
    try:
        rule(builder, op)
    except UserError as error:
        builder.unmapped(op, f"{error} It stays as a node, and what it computes is not counted")
    except (IndexError, KeyError, TypeError, ValueError):
        builder.unmapped(op, "its inputs or attributes are not those of the standard; it stays as a node")


def _constant(builder: Builder, op: Op) -> None:
    """Weights made from constants: what was dequantized, and then perhaps transposed, keeps its width."""
    width = builder.constant_bits.get(op.inputs[0]) if op.kind in KEEPING and op.inputs else None
    if op.kind == "DequantizeLinear":
        width = builder.model.bits(op.inputs[0])
    if width is not None:
        builder.constant_bits[op.outputs[0]] = width
