"""What each ONNX operator is in a workload: a layer, a node, or its input given on; one table of rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from workbench.errors import UserError
from workbench.problem.graph import Node, NodeOp, Shape
from workbench.problem.layer import Layer, same_padding
from workbench.problem.onnx_builder import Builder
from workbench.problem.onnx_model import Op, map_shape

Rule = Callable[[Builder, Op], None]
Four = tuple[int, int, int, int]


def _window(
    builder: Builder, op: Op, tensor: str, kernel: tuple[int, ...]
) -> tuple[Shape, Sequence[tuple[int, int]], Four]:
    """The map that slides under a window, its (kernel, stride, dilation) pairs as (y, x), and the padding."""
    dims = builder.model.dims(tensor)
    if len(dims) not in (3, 4):
        raise UserError(f"its input has {len(dims)} dimensions; maps have one or two beside batch and channels.")
    flat = len(dims) == 3
    shape = Shape(dims[0], dims[1], 1 if flat else dims[2], dims[-1])
    axes = len(dims) - 2
    pairs = [kernel, op.ints("strides", (1,) * axes), op.ints("dilations", (1,) * axes)]
    wide = [(1, pair[0]) if flat else (pair[0], pair[1]) for pair in pairs]
    mode = op.text("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        sizes = (shape.y, shape.x)
        both = [same_padding(sizes[i], wide[0][i], wide[1][i], wide[2][i]) for i in (0, 1)]
        both = both if mode == "SAME_UPPER" else [(after, before) for before, after in both]
        return shape, wide, (*both[0], *both[1])
    pads = op.ints("pads", (0,) * 2 * axes) if mode == "NOTSET" else (0,) * 2 * axes
    return shape, wide, (0, 0, pads[0], pads[1]) if flat else (pads[0], pads[2], pads[1], pads[3])


def _conv(x: int, w: int) -> Rule:
    """A convolution with its activations and weights at these inputs."""

    def rule(builder: Builder, op: Op) -> None:
        data, weights = op.inputs[x], op.inputs[w]
        if data not in builder.given:
            raise UserError("its input is a constant.")
        out_channels, per_group, *kernel = builder.model.dims(weights)
        shape, (window, stride, dilation), padding = _window(builder, op, data, tuple(kernel))
        layer = Layer.conv(
            builder.free_name(op.name),
            shape.channels,
            out_channels,
            window,
            in_size=(shape.y, shape.x),
            groups=shape.channels // per_group,
            stride=stride,
            dilation=dilation,
            padding=padding,
            batch=shape.batch,
            bits=builder.bits(data, weights, op.outputs[0]),
        )
        builder.layer(op, layer, [t for t in (data, weights) if t in builder.given], shape)

    return rule


def _conv_transpose(builder: Builder, op: Op) -> None:
    """A 1 x 1 convolution that makes a whole window per input pixel, and a shuffle that lays the windows out.

    The products are exactly those of the transposed convolution. Where windows overlap or are cut, they are added
    up or cut afterwards: a node that states the shape stands for that.
    """
    data, weights = op.inputs[0], op.inputs[1]
    _, per_group, *kernel = builder.model.dims(weights)
    shape, (window, stride, _), _ = _window(builder, op, data, tuple(kernel))
    groups = int(op.attributes.get("group", 1))
    layer = Layer.conv(
        builder.free_name(op.name),
        shape.channels,
        per_group * groups * prod(window),
        1,
        in_size=(shape.y, shape.x),
        groups=groups,
        batch=shape.batch,
        bits=builder.bits(data, weights, op.outputs[0]),
    )
    builder.layer(op, layer, [t for t in (data, weights) if t in builder.given], shape)
    dims = builder.model.dims(op.outputs[0])
    target = Shape(dims[0], dims[1], 1 if len(dims) == 3 else dims[2], dims[-1])
    tiled = Shape(shape.batch, per_group * groups, shape.y * window[0], shape.x * window[1])
    if window == stride and target == tiled:
        if window[0] == window[1]:
            node = Node(builder.free_name(f"{op.name}/shuffle"), "shuffle", (layer.name,), factor=window[0])
            builder.give(op.outputs[0], node, target)
        else:
            builder.give(op.outputs[0], builder.stated("reshape", f"{op.name}/shuffle", [layer.name], target), target)
        return
    builder.notes.append(f"{op.name}: ConvTranspose: its windows overlap or are cut; adding them up is not counted")
    builder.give(op.outputs[0], builder.stated("other", f"{op.name}/overlap", [layer.name], target), target)


def _gemm(builder: Builder, op: Op) -> None:
    a, b = op.inputs[0], op.inputs[1]
    a_dims, b_dims = builder.model.dims(a), builder.model.dims(b)
    a_dims = a_dims[::-1] if op.attributes.get("transA", 0) else a_dims
    b_dims = b_dims[::-1] if op.attributes.get("transB", 0) else b_dims
    _product(builder, op, (a, a_dims), (b, b_dims))


def _matmul(a: int, b: int) -> Rule:
    """A product of matrices, or of stacks of them, at these inputs."""

    def rule(builder: Builder, op: Op) -> None:
        left, right = op.inputs[a], op.inputs[b]
        left_dims, right_dims = builder.model.dims(left), builder.model.dims(right)
        left_dims = (1, *left_dims) if len(left_dims) == 1 else left_dims
        right_dims = (*right_dims, 1) if len(right_dims) == 1 else right_dims
        _product(builder, op, (left, left_dims), (right, right_dims))

    return rule


def _product(builder: Builder, op: Op, a: tuple[str, tuple[int, ...]], b: tuple[str, tuple[int, ...]]) -> None:
    """(..., rows, reduction) by (..., reduction, columns); the second factor is the one held as weights.

    A stack of second matrices makes groups; leading dimensions that only the first factor has are more rows (one
    second matrix) or the batch.
    """
    (a_name, a_dims), (b_name, b_dims) = a, b
    if a_name not in builder.given:  # constant by activation: the same products, transposed
        a_name, b_name = b_name, a_name
        a_dims, b_dims = (*b_dims[:-2], b_dims[-1], b_dims[-2]), (*a_dims[:-2], a_dims[-1], a_dims[-2])
    rank = max(len(a_dims), len(b_dims)) - 2
    a_stack = (1,) * (rank + 2 - len(a_dims)) + a_dims[:-2]
    b_stack = (1,) * (rank + 2 - len(b_dims)) + b_dims[:-2]
    stack = tuple(map(max, a_stack, b_stack)) if rank else ()
    rows, reduction, columns = a_dims[-2], a_dims[-1], b_dims[-1]
    lead = next((i for i, n in enumerate(b_stack) if n != 1), rank)
    batch, groups = prod(stack[:lead]), prod(stack[lead:])
    if groups == 1:
        rows, batch = rows * batch, 1
    layer = Layer.gemm(
        builder.free_name(op.name),
        rows,
        reduction,
        columns,
        groups=groups,
        batch=batch,
        bits=builder.bits(a_name, b_name, op.outputs[0]),
    )
    builder.layer(op, layer, [t for t in (a_name, b_name) if t in builder.given])


def _pool(builder: Builder, op: Op) -> None:
    data = op.inputs[0]
    whole = op.kind.startswith("Global")
    dims = builder.model.dims(data)
    kernel = dims[2:] if whole else op.ints("kernel_shape", ())
    shape, (window, stride, dilation), padding = _window(builder, op, data, kernel)
    if dilation != (1, 1):
        raise UserError("a pooling with dilation.")
    out = builder.model.dims(op.outputs[0])
    outputs = (1 if len(out) == 3 else out[2], out[-1])
    spare = [  # what ceil_mode adds behind the padding
        max(0, (outputs[i] - 1) * stride[i] + window[i] - (shape.y, shape.x)[i] - sum(padding[2 * i : 2 * i + 2]))
        for i in (0, 1)
    ]
    padding = (padding[0], padding[1] + spare[0], padding[2], padding[3] + spare[1])
    source = builder.feed(op, data, shape)
    node = Node(builder.free_name(op.name), "pool", (source,), kernel=window, stride=stride, padding=padding)
    builder.give(op.outputs[0], node, Shape(shape.batch, shape.channels, *outputs))


def _mean(builder: Builder, op: Op) -> None:
    """A mean over rows and columns is a pooling of the whole map; any other has no rule."""
    dims = builder.model.dims(op.inputs[0])
    axes = op.ints("axes", builder.model.constants.get(op.inputs[1], ()) if len(op.inputs) > 1 else ())
    if len(dims) != 4 or sorted(axis % 4 for axis in axes) != [2, 3]:
        raise UserError("a mean over something else than the rows and columns of a map.")
    shape = map_shape(dims)
    source, size = builder.feed(op, op.inputs[0], shape), (shape.y, shape.x)
    node = Node(builder.free_name(op.name), "pool", (source,), kernel=size, stride=size)
    builder.give(op.outputs[0], node, Shape(shape.batch, shape.channels, 1, 1))


def _keep(builder: Builder, op: Op) -> None:
    """Gives its input on, value by value."""
    dims = builder.model.dims(op.outputs[0])
    source = builder.given.get(op.inputs[0])
    if source is None or prod(dims) != source.shape.elements:
        raise UserError("it does not give as many values as it reads.")
    builder.pass_on(op, op.inputs[0])


def _join(kind: NodeOp) -> Rule:
    """Two or more maps, value by value; a constant or the same map twice makes it an activation."""

    def rule(builder: Builder, op: Op) -> None:
        read = builder.activations(op)
        out = builder.model.dims(op.outputs[0])
        sources = [builder.given[tensor] for tensor in read]
        if len({source.item for source in sources}) == 1:
            if sources[0].shape.elements != prod(out):
                raise UserError("it stretches its input by a constant.")
            builder.pass_on(op, read[0])
            return
        target = sources[0].shape
        if any(source.shape != target for source in sources):
            target = map_shape(out)
        after = []
        for tensor, source in zip(read, sources, strict=True):
            own = builder.model.dims(tensor)
            view = target if source.shape == target else map_shape((1,) * (len(out) - len(own)) + own)
            if any(n not in (1, most) for n, most in zip(_sizes(view), _sizes(target), strict=True)):
                raise UserError(f"it stretches {view} to {target}.")
            after.append(builder.feed(op, tensor, view))
        node = Node(builder.free_name(op.name), kind, tuple(after))
        builder.give(op.outputs[0], node, target)

    return rule


def _sizes(shape: Shape) -> tuple[int, int, int, int]:
    return shape.batch, shape.channels, shape.y, shape.x


def _concat(builder: Builder, op: Op) -> None:
    out = builder.model.dims(op.outputs[0])
    axis = int(op.attributes.get("axis", 0)) % len(out)
    read = builder.activations(op)
    if len(read) < len(op.inputs):
        raise UserError("a concatenation with a constant.")
    if len(read) == 1:
        builder.pass_on(op, read[0])
        return
    if axis != (1 if len(out) >= 4 else len(out) - 1):
        raise UserError(f"a concatenation along axis {axis}, which is not that of the channels.")
    after = [builder.feed(op, tensor, map_shape(builder.model.dims(tensor))) for tensor in read]
    builder.give(op.outputs[0], Node(builder.free_name(op.name), "concat", tuple(after)), map_shape(out))


def _resized(kind: NodeOp) -> Rule:
    """A map that keeps its channels and gets another size."""

    def rule(builder: Builder, op: Op) -> None:
        dims, out = builder.model.dims(op.inputs[0]), builder.model.dims(op.outputs[0])
        if len(dims) != 4 or dims[:2] != out[:2]:
            raise UserError("it changes more than the rows and columns of a map.")
        if dims == out:
            builder.pass_on(op, op.inputs[0])
            return
        source = builder.feed(op, op.inputs[0], map_shape(dims))
        node = Node(builder.free_name(op.name), kind, (source,), size=(out[2], out[3]))
        builder.give(op.outputs[0], node, map_shape(out))

    return rule


def _depth_to_space(builder: Builder, op: Op) -> None:
    source = builder.feed(op, op.inputs[0], map_shape(builder.model.dims(op.inputs[0])))
    node = Node(builder.free_name(op.name), "shuffle", (source,), factor=int(op.attributes["blocksize"]))
    builder.give(op.outputs[0], node, map_shape(builder.model.dims(op.outputs[0])))


KEEPING = frozenset(  # one value out per value in: no MACs, no window
    {
        "Abs", "BatchNormalization", "Cast", "Ceil", "Celu", "Clip", "DequantizeLinear", "Dropout",
        "DynamicQuantizeLinear", "Elu", "Erf", "Exp", "Flatten", "Floor", "Gelu", "GroupNormalization", "HardSigmoid",
        "HardSwish", "Hardmax", "Identity", "InstanceNormalization", "LRN", "LayerNormalization", "LeakyRelu", "Log",
        "LogSoftmax", "LpNormalization", "MeanVarianceNormalization", "Mish", "Neg", "Not", "PRelu", "QuantizeLinear",
        "RMSNormalization", "Reciprocal", "Relu", "Reshape", "Round", "Selu", "Sigmoid", "Sign", "Softmax",
        "Softplus", "Softsign", "Sqrt", "Squeeze", "Swish", "Tanh", "ThresholdedRelu", "Transpose", "Unsqueeze",
    }
)  # fmt: skip

COMPUTING = frozenset(
    {"Conv", "ConvInteger", "QLinearConv", "ConvTranspose", "Gemm", "MatMul", "MatMulInteger", "QLinearMatMul"}
)

RULES: Mapping[str, Rule] = {
    "Conv": _conv(0, 1),
    "ConvInteger": _conv(0, 1),
    "QLinearConv": _conv(0, 3),
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul(0, 1),
    "MatMulInteger": _matmul(0, 1),
    "QLinearMatMul": _matmul(0, 3),
    "MaxPool": _pool,
    "AveragePool": _pool,
    "LpPool": _pool,
    "GlobalMaxPool": _pool,
    "GlobalAveragePool": _pool,
    "GlobalLpPool": _pool,
    "ReduceMean": _mean,
    "Concat": _concat,
    "Resize": _resized("resize"),
    "Upsample": _resized("resize"),
    "Slice": _resized("crop"),
    "DepthToSpace": _depth_to_space,
    **dict.fromkeys(("Add", "Sub", "Sum", "Max", "Min", "Mean", "And", "Or", "Where", "Equal"), _join("add")),
    **dict.fromkeys(("Mul", "Div", "Pow"), _join("mul")),
    **dict.fromkeys(KEEPING, _keep),
}
