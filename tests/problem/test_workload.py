"""Laws of the graph, and the one clear line for everything a workload file can get wrong."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.graph import Node, Shape, WorkloadLayer
from workbench.problem.layer import Bits, Layer
from workbench.problem.workload import Workload, from_canonical, load_workload, to_yaml

HEAD = """\
name: net
layers:
  - {name: a, op: conv, in_channels: 3, out_channels: 8, in_size: 16, kernel: 3, padding: 1}
"""


@pytest.fixture
def read(tmp_path: Path):
    """A function that loads a workload from the text of its file."""

    def load(text: str) -> Workload:
        path = tmp_path / "net.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return load_workload(path)

    return load


bits = st.builds(Bits, st.integers(1, 16), st.integers(1, 16), st.integers(1, 32), st.integers(1, 16))
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))
convs = st.builds(
    lambda g, k, c, out, kernel, stride, dilation, padding, batch, bits: Layer.conv(
        "l",
        g * c,
        g * k,
        (kernel[0] + 4, kernel[1] + 4),
        out_size=out,
        groups=g,
        stride=stride,
        dilation=dilation,
        padding=padding,
        batch=batch,
        bits=bits,
    ),
    *[st.integers(1, 5)] * 3,
    sizes,
    sizes,
    sizes,
    sizes,
    st.tuples(*[st.integers(0, 2)] * 4),
    st.integers(1, 3),
    bits,
)
gemms = st.builds(
    lambda rows, reduction, columns, groups, batch, bits: Layer.gemm(
        "l", rows, reduction, columns, groups=groups, batch=batch, bits=bits
    ),
    *[st.integers(1, 9)] * 5,
    bits,
)


@given(layer=st.one_of(convs, gemms), repeat=st.integers(1, 5))
def test_any_layer_survives_being_written_and_read(
    layer: Layer, repeat: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    workload = Workload("w", (WorkloadLayer(layer, (), repeat),), "what it is: a test", "nowhere")
    path = tmp_path_factory.mktemp("w") / "w.yaml"
    path.write_text(to_yaml(workload), encoding="utf-8")
    assert load_workload(path) == workload
    assert from_canonical(workload.canonical()).canonical() == workload.canonical()


@given(st.lists(gemms, min_size=1, max_size=8))
def test_layers_of_equal_shape_are_one_with_their_counts_added(layers: list[Layer]) -> None:
    items = tuple(
        WorkloadLayer(Layer(f"l{i}", *[getattr(x, f) for f in Layer.__slots__ if f != "name"]), (), i + 1)
        for i, x in enumerate(layers)
    )
    workload = Workload("w", items)
    merged = workload.compute_layers()
    assert [layer.shape_key for layer, _ in merged] == list(dict.fromkeys(x.shape_key for x in layers))
    assert sum(count for _, count in merged) == sum(range(1, len(layers) + 1))
    assert sum(layer.macs * count for layer, count in merged) == workload.macs


def test_an_entry_comes_after_the_one_before_unless_it_says_otherwise(read) -> None:
    workload = read(
        HEAD
        + """\
  - {name: p, op: pool, kernel: 2}
  - {name: b, op: conv, in_channels: 8, out_channels: 8, in_size: 8, kernel: 3, padding: same}
  - {name: side, op: conv, in_channels: 3, out_channels: 8, in_size: 16, kernel: 1, stride: 2, after: []}
  - {name: sum, op: add, after: [b, side]}
"""
    )
    assert {item.name: item.after for item in workload.items} == {
        "a": (),
        "p": ("a",),
        "b": ("p",),
        "side": (),
        "sum": ("b", "side"),
    }
    assert workload.shapes["sum"] == Shape(1, 8, 8, 8)
    assert [node.name for node in workload.nodes] == ["p", "sum"]
    assert [layer.name for layer, _ in workload.compute_layers()] == ["a", "b", "side"]


def test_items_may_be_listed_before_their_producers(read) -> None:
    workload = read(
        """\
        name: net
        layers:
          - {name: late, op: gemm, rows: 4, reduction: 6, columns: 2, after: [early]}
          - {name: early, op: gemm, rows: 4, reduction: 3, columns: 6, after: []}
        """
    )
    assert [item.name for item in workload.order] == ["early", "late"]


def test_bits_of_the_file_hold_for_every_layer_and_those_of_a_layer_before_them(read) -> None:
    workload = read(
        """\
        name: net
        bits: {weight: 4, partial: 24}
        layers:
          - {name: a, op: gemm, rows: 4, reduction: 3, columns: 6}
          - {name: b, op: gemm, rows: 4, reduction: 6, columns: 6, bits: {weight: 2}}
        """
    )
    found = [(x.weight_bits, x.input_bits, x.partial_bits, x.output_bits) for x in map(workload.layer, "ab")]
    assert found == [(4, 8, 24, 8), (2, 8, 24, 8)]


def test_every_kind_of_node_gives_its_shape(read) -> None:
    workload = read(
        HEAD
        + """\
  - {name: relu, op: activation}
  - {name: spread, op: shuffle, factor: 2}
  - {name: cut, op: crop, size: 30}
  - {name: grown, op: resize, size: [60, 20]}
  - {name: pooled, op: pool, kernel: 3, stride: 2, padding: 1}
  - {name: both, op: concat, after: [pooled, pooled]}
  - {name: gate, op: input, channels: 4, size: 1}
  - {name: gated, op: mul, after: [both, gate]}
  - {name: flat, op: reshape, channels: 1200, size: 1}
  - {name: strange, op: other, channels: 7, size: 3}
"""
    )
    shapes = {name: (s.channels, s.y, s.x) for name, s in workload.shapes.items() if s}
    assert shapes == {
        "a": (8, 16, 16),
        "relu": (8, 16, 16),
        "spread": (2, 32, 32),
        "cut": (2, 30, 30),
        "grown": (2, 60, 20),
        "pooled": (2, 30, 10),
        "both": (4, 30, 10),
        "gate": (4, 1, 1),
        "gated": (4, 30, 10),
        "flat": (1200, 1, 1),
        "strange": (7, 3, 3),
    }
    assert from_canonical(workload.canonical()).shapes == workload.shapes


def test_nodes_survive_being_written_and_read(read) -> None:
    workload = read(
        HEAD
        + """\
  - {name: pooled, op: pool, kernel: [3, 2], stride: 2, padding: [0, 1, 0, 0]}
  - {name: flat, op: reshape, channels: 8, size: [4, 2], after: [square]}
  - {name: square, op: resize, size: [4, 2], after: [pooled]}
"""
    )
    assert read(to_yaml(workload)) == workload


def test_a_layer_is_found_in_any_case_and_can_stand_alone(read) -> None:
    workload = read(HEAD)
    assert workload.layer("A") is workload.layers[0].layer
    alone = workload.single("A")
    assert alone.name == "net/a"
    assert alone.compute_layers() == ((workload.layer("a"), 1),)


def test_a_chain_reads_one_layer_after_the_other() -> None:
    workload = Workload.chain("w", [Layer.gemm("a", 4, 3, 6), Layer.gemm("b", 4, 6, 2)])
    assert [item.after for item in workload.items] == [(), ("a",)]


def test_rewording_a_description_changes_no_content() -> None:
    layers = (WorkloadLayer(Layer.gemm("a", 4, 3, 6)),)
    assert Workload("w", layers, "one").canonical() == Workload("w", layers, "another").canonical()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("- {name: b, op: konv}", "no operator named 'konv'. Did you mean 'conv'?"),
        ("- {name: b}", "layers[1] (b): the key 'op' is missing"),
        ("- {name: b, op: pool, kernal: 2}", "unknown key 'kernal'. Did you mean 'kernel'?"),
        ("- {name: b, op: pool, kernel: -2}", "kernel: expected a whole number from 1 up"),
        ("- {name: b, op: pool}", "the key 'kernel' is missing"),
        ("- {name: b, op: pool, kernel: 99}", "'a' gives 8 channels of 16 x 16"),
        ("- {name: b, op: gemm, rows: 0, reduction: 2, columns: 2}", "rows"),
        (
            "- {name: b, op: gemm, rows: 1, reduction: 9, columns: 2}",
            "'b' reads 'a', which gives 8 channels of 16 x 16",
        ),
        (
            "- {name: b, op: conv, in_channels: 9, out_channels: 2, in_size: 16, kernel: 1}",
            "it needs 9 channels of 16 x 16",
        ),
        (
            "- {name: b, op: conv, in_channels: 8, out_channels: 2, in_size: 15, kernel: 1}",
            "it needs 8 channels of 15 x 15",
        ),
        ("- {name: b, op: conv, in_channels: 8, out_channels: 2, kernel: 1}", "give in_size or out_size"),
        ("- {name: A, op: activation}", "the name 'A' is given twice"),
        ("- {name: b, op: activation, after: [c]}", "'b' comes after 'c', which does not exist"),
        ("- {name: b, op: activation, repeat: 0}", "repeat"),
        ("- {name: b, op: activation, after: [b]}", "the edges form a cycle: b -> b"),
        ("- {name: b, op: add}", "add reads at least 2 producers"),
        ("- {name: b, op: shuffle, factor: 3}", "channels divisible by 9"),
        ("- {name: b, op: crop, size: 17}", "at least 17 x 17 to crop"),
        ("- {name: b, op: reshape, channels: 5, size: 1}", "another number of values"),
        (
            "- {name: b, op: activation, repeat: 2}\n  - {name: c, op: activation, repeat: 3}",
            "a repeated block has one count",
        ),
        (
            "- {name: b, op: pool, kernel: 2}\n  - {name: c, op: add, after: [a, b]}",
            "needs equal shapes, but 'a' gives 8 channels of 16 x 16; 'b' gives 8 channels of 8 x 8",
        ),
        (
            "- {name: b, op: pool, kernel: 2}\n  - {name: c, op: concat, after: [a, b]}",
            "maps of equal size",
        ),
    ],
)
def test_a_wrong_entry_is_refused_in_one_line_that_names_the_file(read, entries: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        read(f"{HEAD}  {entries}\n")
    assert said in str(refused.value)
    assert "net.yaml: " in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: net\nlayers: []\n", "layers"),
        ("layers: [{name: a, op: activation}]\n", "the key 'name' is missing"),
        ("name: net\nlayers: [{name: a, op: input, channels: 1, size: 1}]\n", "no layer that computes"),
        ("name: net\nlayers: [3]\n", "layers"),
        ("name: net\nlayers: [{name: 3, op: activation}]\n", "name"),
        ("name: net\nlayers: [{name: a, op: [conv]}]\n", "no operator named"),
    ],
)
def test_a_file_that_describes_no_network_is_refused_in_one_line(read, text: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        read(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_workload_is_answered_with_the_nearest_and_the_known() -> None:
    with pytest.raises(UserError, match=r"no workload named 'alexnt'. Did you mean 'alexnet'\? Known: alexnet, "):
        load_workload("alexnt")


def test_an_unknown_layer_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no layer of alexnet named 'conv9'. Did you mean 'conv"):
        load_workload("alexnet").layer("conv9")


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        load_workload(tmp_path / "none.yaml")


def test_a_convolution_may_leave_the_rows_its_last_stride_skips() -> None:
    down = Layer.conv("down", 8, 8, 1, in_size=56, stride=2)
    Workload("w", (Node("i", "input", channels=8, size=(56, 56)), WorkloadLayer(down, ("i",))))
    with pytest.raises(UserError, match="needs 8 channels of 55 x 55"):
        Workload("w", (Node("i", "input", channels=8, size=(57, 57)), WorkloadLayer(down, ("i",))))


def test_a_product_of_two_activations_checks_both() -> None:
    q, k = WorkloadLayer(Layer.gemm("q", 6, 8, 8)), WorkloadLayer(Layer.gemm("k", 6, 8, 8))
    score = WorkloadLayer(Layer.gemm("score", 6, 4, 6, groups=2), ("q", "k"))
    workload = Workload("w", (q, k, score))
    assert workload.weights == 2 * 8 * 8
    wrong = WorkloadLayer(Layer.gemm("score", 6, 4, 7, groups=2), ("q", "k"))
    with pytest.raises(UserError, match="needs 2 matrices of 4 x 7, 56 values"):
        Workload("w", (q, k, wrong))
