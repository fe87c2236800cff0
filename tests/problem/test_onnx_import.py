"""An ONNX network becomes the same layers and edges; what cannot be mapped is listed; what is no ONNX is refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.layer import Layer
from workbench.problem.onnx_import import import_onnx
from workbench.problem.workload import Workload, load_workload, to_yaml

onnx = pytest.importorskip("onnx", reason="reading ONNX needs the extra 'onnx'")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

FLOATS = "layers compute in floating point"


class Net:
    """A small ONNX model, operator by operator."""

    def __init__(self, path: Path) -> None:
        self.path = path / "net.onnx"
        self.nodes: list = []
        self.weights: list = []
        self.inputs: list = []

    def input(self, name: str, dims: Sequence[int | str], kind: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, list(dims)))
        return name

    def weight(self, name: str, dims: Sequence[int], kind: int = TensorProto.FLOAT) -> str:
        size = 1
        for n in dims:
            size *= n
        self.weights.append(helper.make_tensor(name, kind, dims, [0] * size))
        return name

    def ints(self, name: str, values: Sequence[int]) -> str:
        self.weights.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], list(values)))
        return name

    def op(self, kind: str, *inputs: str, name: str, outputs: Sequence[str] | None = None, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, list(outputs or [name]), name=name, **attributes))
        return name

    def save(self, *outputs: str, kind: int = TensorProto.FLOAT) -> Path:
        results = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "net", self.inputs, results, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        self.path.write_bytes(model.SerializeToString())
        return self.path

    def load(self, *outputs: str, kind: int = TensorProto.FLOAT) -> tuple[Workload, list[str]]:
        return import_onnx(self.save(*outputs, kind=kind))


@pytest.fixture
def net(tmp_path: Path) -> Net:
    return Net(tmp_path)


def edges(workload: Workload) -> dict[str, tuple[str, ...]]:
    return {item.name: item.after for item in workload.items}


@given(
    size=st.tuples(st.integers(6, 15), st.integers(6, 15)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.one_of(st.tuples(*[st.integers(0, 2)] * 4), st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"])),
    groups=st.sampled_from([1, 2, 4]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_convolution_has_the_outputs_that_onnx_infers(
    tmp_path: Path, size, kernel, stride, dilation, pads, groups: int
) -> None:
    net = Net(tmp_path)
    x, w = net.input("x", (2, 4, *size)), net.weight("w", (8, 4 // groups, *kernel))
    pad = {"auto_pad": pads} if isinstance(pads, str) else {"pads": pads}
    y = net.op("Conv", x, w, name="y", strides=stride, dilations=dilation, group=groups, **pad)
    inferred = onnx.shape_inference.infer_shapes(onnx.load(net.save(y))).graph.output[0].type.tensor_type.shape
    layer = import_onnx(net.path)[0].layer("y")
    b, g, k, c, oy, ox, fy, fx = layer.dims
    assert [b, g * k, oy, ox] == [d.dim_value for d in inferred.dim]
    assert (g, g * c, (fy, fx), layer.stride, layer.dilation) == (groups, 4, kernel, stride, dilation)
    if not isinstance(pads, str):
        assert layer.padding[0] == pads[0]
        assert layer.padding[2] == pads[1]
        assert layer.padding[1] <= pads[2]
        assert layer.padding[3] <= pads[3]


def test_a_small_network_equals_the_one_written_by_hand(net: Net) -> None:
    x = net.input("x", (1, 3, 32, 32))
    t = net.op("Conv", x, net.weight("w1", (16, 3, 3, 3)), name="conv1", strides=[2, 2], pads=[1] * 4)
    relu = net.op("Relu", t, name="relu1")
    t = net.op("Conv", relu, net.weight("w2", (16, 1, 3, 3)), name="dw", group=16, pads=[1] * 4)
    t = net.op("BatchNormalization", t, *[net.weight(f"b{i}", (16,)) for i in range(4)], name="bn")
    t = net.op("Clip", t, name="clip")
    t = net.op("Add", t, relu, name="sum")
    t = net.op("Concat", t, relu, name="cat", axis=1)
    t = net.op("MaxPool", t, name="pool", kernel_shape=[2, 2], strides=[2, 2])
    t = net.op("GlobalAveragePool", t, name="gap")
    t = net.op("Flatten", t, name="flat")
    t = net.op("Dropout", t, name="drop")
    t = net.op("Gemm", t, net.weight("w3", (10, 32)), net.weight("b", (10,)), name="fc", transB=1)
    workload, notes = net.load(net.op("Softmax", t, name="prob"))
    assert edges(workload) == {
        "x": (),
        "conv1": ("x",),
        "dw": ("conv1",),
        "sum": ("dw", "conv1"),
        "cat": ("sum", "conv1"),
        "pool": ("cat",),
        "gap": ("pool",),
        "fc": ("gap",),
    }
    assert [item.layer for item in workload.layers] == [
        Layer.conv("conv1", 3, 16, 3, in_size=32, stride=2, padding=1),
        Layer.depthwise("dw", 16, 3, in_size=16, padding=1),
        Layer.gemm("fc", 1, 32, 10),
    ]
    assert len(notes) == 1
    assert notes[0].startswith(f"3 {FLOATS}")


def test_an_imported_network_survives_being_written_and_read(net: Net, tmp_path: Path) -> None:
    t = net.op("Conv", net.input("x", (1, 3, 9, 9)), net.weight("w", (4, 3, 2, 2)), name="/block/Conv", strides=[2, 2])
    t = net.op("MaxPool", t, name="p", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    workload, _ = net.load(net.op("Det", t, name="odd"))
    (tmp_path / "copy.yaml").write_text(to_yaml(workload), encoding="utf-8")
    assert load_workload(tmp_path / "copy.yaml") == workload


def test_attention_becomes_products_side_by_side_with_two_producers(net: Net) -> None:
    x = net.input("x", (1, 6, 8))
    heads = {}
    for name in "qkv":
        t = net.op("MatMul", x, net.weight(f"w{name}", (8, 8)), name=name)
        t = net.op("Add", t, net.weight(f"b{name}", (8,)), name=f"{name}_bias")
        t = net.op("Reshape", t, net.ints(f"{name}_shape", [1, 6, 2, 4]), name=f"{name}_split")
        heads[name] = net.op("Transpose", t, name=f"{name}_t", perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3])
    t = net.op("MatMul", heads["q"], heads["k"], name="score")
    t = net.op("Softmax", t, name="soft")
    t = net.op("MatMul", t, heads["v"], name="context")
    t = net.op("Transpose", t, name="merge", perm=[0, 2, 1, 3])
    t = net.op("Reshape", t, net.ints("back", [1, 6, 8]), name="merged")
    workload, notes = net.load(net.op("Add", t, x, name="residual"))
    assert len(notes) == 1
    assert workload.layer("q").dims == Layer.gemm("q", 6, 8, 8).dims
    assert workload.layer("score").dims == Layer.gemm("s", 6, 4, 6, groups=2).dims
    assert workload.layer("context").dims == Layer.gemm("c", 6, 6, 4, groups=2).dims
    assert {name: after for name, after in edges(workload).items() if len(after) > 1} == {
        "score": ("q", "k"),
        "context": ("score", "v"),
        "residual": ("context", "x"),
    }
    assert workload.weights == 3 * 8 * 8


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((2, 3, 4), (4, 5), Layer.gemm("y", 6, 4, 5)),
        ((2, 3, 4), (2, 4, 5), Layer.gemm("y", 3, 4, 5, groups=2)),
        ((7, 2, 3, 4), (2, 4, 5), Layer.gemm("y", 3, 4, 5, groups=2, batch=7)),
        ((3, 4), (1, 4, 5), Layer.gemm("y", 3, 4, 5)),
        ((1, 4), (4,), Layer.gemm("y", 1, 4, 1)),
    ],
)
def test_a_product_of_stacks_has_a_group_per_second_matrix(net: Net, a, b, expected: Layer) -> None:
    y = net.op("MatMul", net.input("x", a), net.weight("w", b), name="y")
    workload, _ = net.load(y)
    assert workload.layer("y") == expected


def test_a_constant_times_an_activation_is_the_transposed_product(net: Net) -> None:
    workload, _ = net.load(net.op("MatMul", net.weight("w", (5, 4)), net.input("x", (4, 3)), name="y"))
    assert workload.layer("y") == Layer.gemm("y", 3, 4, 5)


def test_a_transposed_convolution_without_overlap_is_a_1x1_convolution_and_a_shuffle(net: Net) -> None:
    x, w = net.input("x", (1, 8, 5, 5)), net.weight("w", (8, 4, 2, 2))
    workload, notes = net.load(net.op("ConvTranspose", x, w, name="up", strides=[2, 2]))
    assert workload.layer("up") == Layer.conv("up", 8, 16, 1, in_size=5)
    assert edges(workload) == {"x": (), "up": ("x",), "up/shuffle": ("up",)}
    shape = workload.shapes["up/shuffle"]
    assert shape is not None
    assert (shape.channels, shape.y, shape.x) == (4, 10, 10)
    assert len(notes) == 1


def test_a_transposed_convolution_with_overlap_keeps_its_macs_and_says_so(net: Net) -> None:
    x, w = net.input("x", (1, 8, 5, 5)), net.weight("w", (8, 4, 3, 3))
    workload, notes = net.load(net.op("ConvTranspose", x, w, name="up", strides=[2, 2], pads=[1] * 4))
    assert workload.macs == 8 * 4 * 9 * 25
    assert any("up: ConvTranspose: its windows overlap" in note for note in notes)


def test_a_one_dimensional_convolution_lies_along_x(net: Net) -> None:
    x = net.input("x", (1, 4, 20))
    t = net.op("Conv", x, net.weight("w1", (8, 4, 3)), name="a", pads=[1, 1], strides=[2])
    workload, _ = net.load(net.op("MaxPool", t, name="p", kernel_shape=[2], strides=[2]))
    assert workload.layer("a") == Layer.conv("a", 4, 8, (1, 3), in_size=(1, 20), stride=(1, 2), padding=(0, 1))
    assert str(workload.shapes["p"]) == "8 channels of 1 x 5"


def test_gates_stretch_over_the_map(net: Net) -> None:
    t = net.op("Conv", net.input("x", (1, 4, 8, 8)), net.weight("w", (4, 4, 1, 1)), name="a")
    gate = net.op("Sigmoid", net.op("GlobalAveragePool", t, name="gap"), name="sig")
    workload, notes = net.load(net.op("Mul", t, gate, name="gated"))
    assert edges(workload)["gated"] == ("a", "gap")
    assert str(workload.shapes["gated"]) == "4 channels of 8 x 8"
    assert len(notes) == 1


def test_a_map_multiplied_by_its_own_sigmoid_is_an_activation(net: Net) -> None:
    t = net.op("Conv", net.input("x", (1, 4, 8, 8)), net.weight("w", (4, 4, 1, 1)), name="a")
    t = net.op("Mul", t, net.op("Sigmoid", t, name="sig"), name="silu")
    workload, _ = net.load(net.op("Conv", t, net.weight("v", (4, 4, 1, 1)), name="b"))
    assert edges(workload) == {"x": (), "a": ("x",), "b": ("a",)}


def test_an_operator_without_a_rule_is_kept_with_its_edges_and_listed(net: Net) -> None:
    t = net.op("Conv", net.input("x", (1, 4, 8, 8)), net.weight("w", (4, 4, 1, 1)), name="a")
    t = net.op("CumSum", t, net.ints("axis", [2]), name="odd")
    workload, notes = net.load(net.op("Conv", t, net.weight("v", (4, 4, 1, 1)), name="b"))
    assert edges(workload)["odd"] == ("a",)
    assert edges(workload)["b"] == ("odd",)
    assert notes[0].startswith("odd: CumSum: there is no rule for it")


def test_an_operator_that_breaks_the_standard_is_listed(net: Net) -> None:
    x = net.input("x", (1, 4, 8, 8))
    t = net.op("Conv", x, net.weight("w", (4, 4, 1, 1)), name="a")
    net.op("Conv", t, net.weight("v", (4,)), name="flat")
    net.op("AveragePool", t, name="bare")
    _, notes = net.load("a")
    assert [note.split(": ")[:2] for note in notes[:2]] == [["flat", "Conv"], ["bare", "AveragePool"]]


def test_every_listed_operator_is_named_with_its_kind_and_a_reason(net: Net) -> None:
    x = net.input("x", (1, 4, 8, 8))
    t = net.op("Conv", x, net.weight("w", (4, 4, 1, 1)), name="a")
    net.op("ReduceMean", t, name="mean", axes=[1])
    net.op("Concat", t, net.weight("c", (1, 4, 8, 8)), name="cat", axis=1)
    net.op("Concat", t, x, name="rows", axis=2)
    net.op("Split", t, name="split", outputs=["s1", "s2"], axis=1)
    _, notes = net.load("mean", "cat", "rows", "s1", "s2")
    assert [note.split(": ")[:2] for note in notes[:-1]] == [
        ["mean", "ReduceMean"],
        ["cat", "Concat"],
        ["rows", "Concat"],
        ["split", "Split"],
    ]


def test_the_tail_behind_an_operator_of_open_size_is_listed_and_left_out(net: Net) -> None:
    t = net.op("Conv", net.input("x", (1, 1, 8, 8)), net.weight("w", (1, 1, 1, 1)), name="a")
    t = net.op("NonZero", t, name="found")
    workload, notes = net.load(net.op("Cast", t, name="tail", to=TensorProto.FLOAT))
    assert list(edges(workload)) == ["x", "a"]
    assert notes[0].startswith("found: NonZero")
    assert notes[1].startswith("tail: Cast: left out")


def test_integer_tensors_give_the_bits(net: Net) -> None:
    x = net.input("x", (1, 4, 8, 8), TensorProto.UINT8)
    w = net.weight("w", (4, 4, 1, 1), TensorProto.INT8)
    workload, notes = net.load(net.op("ConvInteger", x, w, name="a"), kind=TensorProto.INT32)
    layer = workload.layer("a")
    assert (layer.weight_bits, layer.input_bits, layer.partial_bits, layer.output_bits) == (8, 8, 32, 32)
    assert notes == []


def test_dequantized_integers_give_the_bits(net: Net) -> None:
    scale = net.weight("s", ())
    x = net.op("QuantizeLinear", net.input("x", (3, 8)), scale, net.weight("z", (), TensorProto.INT8), name="q")
    x = net.op("DequantizeLinear", x, scale, name="dq")
    w = net.op("DequantizeLinear", net.weight("w", (5, 8), TensorProto.INT8), scale, name="dqw")
    w = net.op("Transpose", w, name="wt", perm=[1, 0])
    workload, notes = net.load(net.op("MatMul", x, w, name="y"))
    assert workload.layer("y").partial_bits == 32
    assert notes == []


def test_an_open_batch_size_is_one_and_said(net: Net) -> None:
    x = net.input("x", ("N", 4, 8, 8))
    workload, notes = net.load(net.op("Conv", x, net.weight("w", (4, 4, 1, 1)), name="a"))
    assert workload.layer("a").size("B") == 1
    assert notes[0] == "input x: the open batch size 'N' is taken as 1"


def test_weights_listed_among_the_inputs_are_no_inputs(net: Net) -> None:
    x, w = net.input("x", (1, 4, 8, 8)), net.weight("w", (4, 4, 1, 1))
    net.input("w", (4, 4, 1, 1))
    workload, _ = net.load(net.op("Conv", x, w, name="a"))
    assert list(edges(workload)) == ["x", "a"]


def test_weights_may_be_constants_in_the_graph(net: Net) -> None:
    import numpy as np

    value = numpy_helper.from_array(np.zeros((4, 4, 1, 1), dtype=np.float32))
    w = net.op("Constant", name="w", value=value)
    workload, _ = net.load(net.op("Conv", net.input("x", (1, 4, 8, 8)), w, name="a"))
    assert workload.layer("a") == Layer.conv("a", 4, 4, 1, in_size=8)


def test_names_taken_twice_get_a_number(net: Net) -> None:
    x = net.input("x", (1, 4, 8, 8))
    t = net.op("Conv", x, net.weight("w", (4, 4, 1, 1)), name="Conv", outputs=["t"])
    net.nodes.append(helper.make_node("Conv", ["t", "w"], ["u"], name="conv"))
    workload, _ = net.load("u")
    assert t
    assert edges(workload) == {"x": (), "Conv": ("x",), "conv_2": ("Conv",)}


@pytest.mark.parametrize(
    "content", [b"", b"name: net\nlayers: []\n", b"\x00\x01\x02", b"\x89PNG\r\n\x1a\n" + bytes(64)]
)
def test_a_file_that_is_no_onnx_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not an ONNX file"):
        import_onnx(path)


def test_a_missing_file_or_a_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        import_onnx(tmp_path / "none.onnx")
    with pytest.raises(UserError, match="this is a folder"):
        import_onnx(tmp_path)


def test_open_map_sizes_are_one_clear_line(net: Net) -> None:
    y = net.op("Conv", net.input("x", (1, 3, "H", "W")), net.weight("w", (4, 3, 1, 1)), name="a")
    with pytest.raises(UserError, match=r"input 'x' has no static shape: \[1, 3, 'H', 'W'\]") as refused:
        net.load(y)
    assert "\n" not in str(refused.value)


def test_work_behind_an_operator_of_open_size_is_one_clear_line(net: Net) -> None:
    t = net.op("NonZero", net.input("x", (1, 1, 8, 8)), name="found")
    t = net.op("Cast", t, name="cast", to=TensorProto.FLOAT)
    with pytest.raises(UserError, match="tensor 'cast' \\(made by Cast 'cast'\\) has no static shape"):
        net.load(net.op("MatMul", net.weight("w", (2, 4)), t, name="y"))


def test_a_network_without_layers_is_one_clear_line(net: Net) -> None:
    with pytest.raises(UserError, match="no layer that computes"):
        net.load(net.op("Relu", net.input("x", (1, 3)), name="r"))


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"pip install dse-workbench\[onnx\]"):
        import_onnx(tmp_path / "net.onnx")


# The onnx package brings whole networks without their weights. torchvision's counts: VGG-19 19.63 GFLOPS, 143,667,240
# parameters of which 14,696 biases; SqueezeNet 1.1 0.35 GFLOPS, 1,235,496 parameters of which 3,944 biases.
WHOLE = {
    "light_vgg19": (19_632_062_464, 143_667_240 - 14_696),
    "light_squeezenet": (349_151_936, 1_235_496 - 3_944),
}
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


@pytest.mark.skipif(not LIGHT.is_dir(), reason="this onnx package brings no whole networks")
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_network_has_its_published_macs_and_weights(name: str) -> None:
    workload, notes = import_onnx(LIGHT / f"{name}.onnx")
    assert (workload.macs, workload.weights) == WHOLE[name]
    assert len(notes) == 1


@pytest.mark.skipif(not LIGHT.is_dir(), reason="this onnx package brings no whole networks")
def test_resnet50_from_onnx_is_the_bundled_resnet50() -> None:
    imported, _ = import_onnx(LIGHT / "light_resnet50.onnx")
    bundled = load_workload("resnet50")

    def counts(workload: Workload) -> dict[object, int]:
        return {layer.shape_key: count for layer, count in workload.compute_layers()}

    assert counts(imported) == counts(bundled)
    assert [n.op for n in imported.nodes if n.op != "input"] == [n.op for n in bundled.nodes]
