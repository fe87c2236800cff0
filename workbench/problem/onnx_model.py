"""An ONNX file as plain operators: static shapes, integer widths and attributes, without its protocol buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UserError
from workbench.problem.graph import Shape

if TYPE_CHECKING:
    from onnx import ModelProto, TypeProto, ValueInfoProto

INTEGER_BITS = {
    "INT4": 4,
    "UINT4": 4,
    "INT8": 8,
    "UINT8": 8,
    "INT16": 16,
    "UINT16": 16,
    "INT32": 32,
    "UINT32": 32,
    "INT64": 64,
    "UINT64": 64,
}


@dataclass(frozen=True)
class Op:
    """One operator: `inputs` and `outputs` are names of tensors, "" for one left out."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def ints(self, key: str, default: Sequence[int]) -> tuple[int, ...]:
        """A list attribute."""
        return tuple(int(n) for n in self.attributes.get(key, default))

    def text(self, key: str, default: str) -> str:
        """A string attribute."""
        value = self.attributes.get(key, default)
        return value.decode() if isinstance(value, bytes) else str(value)


@dataclass(frozen=True)
class OnnxModel:
    """A network's operators in order, and what is known of its tensors."""

    path: Path
    inputs: tuple[str, ...]
    ops: tuple[Op, ...]
    tensors: Mapping[str, tuple[tuple[int, ...] | None, int | None]]  # static dimensions, bits of an integer type
    constants: Mapping[str, tuple[int, ...]]  # the values of small integer constants, such as axes
    notes: tuple[str, ...]

    def known_dims(self, tensor: str) -> tuple[int, ...] | None:
        """The static dimensions of a tensor; None where shape inference does not find them."""
        return self.tensors.get(tensor, (None, None))[0]

    def dims(self, tensor: str) -> tuple[int, ...]:
        """The static dimensions of a tensor.

        Raises:
            UserError: shape inference does not find them.
        """
        dims = self.known_dims(tensor)
        if dims is None:
            maker = next((f" (made by {op.kind} {op.name!r})" for op in self.ops if tensor in op.outputs), "")
            raise UserError(
                f"{self.path}: tensor {tensor!r}{maker} has no static shape. Fix the sizes of the network's inputs, "
                "for instance with onnx.tools.update_model_dims, and import again."
            )
        return dims

    def bits(self, tensor: str) -> int | None:
        """The width of a tensor of integers; None for floating point."""
        return self.tensors.get(tensor, (None, None))[1]


def map_shape(dims: Sequence[int]) -> Shape:
    """The map or matrix that dimensions stand for: N x C x H x W, or ... x rows x columns."""
    if len(dims) >= 4:
        return Shape(dims[0], dims[1], prod(dims[2:-1]), dims[-1])
    if not dims:
        return Shape(1, 1, 1, 1)
    return Shape(1, dims[-1], 1, prod(dims[:-1]))


def read_onnx(path: Path) -> OnnxModel:
    """The operators and shapes in a file.

    Raises:
        UserError: the extra is not installed, or the file is missing, no ONNX or has inputs without static shapes.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
        from onnx.inliner import inline_local_functions
        from onnx.shape_inference import InferenceError, infer_shapes
    except ModuleNotFoundError:
        raise UserError("Reading ONNX needs the extra 'onnx': pip install dse-workbench[onnx]") from None
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file.") from None
    except IsADirectoryError:
        raise UserError(f"{path}: this is a folder, not an ONNX file.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from None
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError:
        model = onnx.ModelProto()
    if not model.graph.node:
        raise UserError(f"{path}: this is not an ONNX file, or its graph is empty.")
    notes = _fix_batch(model, path)
    try:
        model = infer_shapes(inline_local_functions(model) if model.functions else model, data_prop=True)
    except (InferenceError, RuntimeError, ValueError) as error:
        raise UserError(f"{path}: the shapes do not fit together: {' '.join(str(error).split())[:200]}") from None
    return _plain(path, model, notes)


def _inputs(model: ModelProto) -> list[ValueInfoProto]:
    """The inputs that a caller gives; older files list the weights among them."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def _fix_batch(model: ModelProto, path: Path) -> tuple[str, ...]:
    """Sets an open batch size to 1, in place, and forgets shapes that were written for the open one."""
    notes = []
    for value in _inputs(model):
        dims = value.type.tensor_type.shape.dim
        if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
            raise UserError(f"{path}: the input {value.name!r} has no static shape: it is no tensor or has no rank.")
        shown = [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dims]
        if len(dims) and not dims[0].dim_value > 0:
            notes.append(f"input {value.name}: the open batch size {shown[0]!r} is taken as 1")
            dims[0].dim_value = 1
        if any(d.dim_value < 1 for d in dims):
            raise UserError(
                f"{path}: the input {value.name!r} has no static shape: {shown}. Fix its sizes, for instance with "
                "onnx.tools.update_model_dims, and import again."
            )
    if notes:
        del model.graph.value_info[:]
        for value in model.graph.output:
            value.type.tensor_type.ClearField("shape")
    return tuple(notes)


def _plain(path: Path, model: ModelProto, notes: tuple[str, ...]) -> OnnxModel:
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    tensors: dict[str, tuple[tuple[int, ...] | None, int | None]] = {}
    constants: dict[str, tuple[int, ...]] = {}
    for value in (*graph.value_info, *graph.input, *graph.output):
        tensors[value.name] = _tensor(value.type)
    literals = [(tensor.name, tensor) for tensor in graph.initializer]
    literals += [
        (n.output[0], a.t) for n in graph.node if n.op_type == "Constant" for a in n.attribute if a.name == "value"
    ]
    for name, tensor in literals:
        tensors[name] = tuple(tensor.dims), INTEGER_BITS.get(TensorProto.DataType.Name(tensor.data_type))
        if tensor.data_type == TensorProto.INT64 and prod(tensor.dims) <= 16:
            constants[name] = tuple(int(n) for n in numpy_helper.to_array(tensor).ravel())
    ops = []
    for index, node in enumerate(graph.node):
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        made = next((name for name in node.output if name), f"{index}")
        name = (node.name or made).strip().replace("\n", " ") or f"{node.op_type}_{index}"
        ops.append(Op(name, node.op_type, tuple(node.input), tuple(node.output), attributes))
    return OnnxModel(path, tuple(value.name for value in _inputs(model)), tuple(ops), tensors, constants, notes)


def _tensor(kind: TypeProto) -> tuple[tuple[int, ...] | None, int | None]:
    from onnx import TensorProto

    tensor = kind.tensor_type
    bits = INTEGER_BITS.get(TensorProto.DataType.Name(tensor.elem_type))
    static = tensor.HasField("shape") and all(d.HasField("dim_value") and d.dim_value > 0 for d in tensor.shape.dim)
    return (tuple(d.dim_value for d in tensor.shape.dim) if static else None), bits
