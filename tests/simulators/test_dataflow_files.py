"""Owns the files of the data-centric simulator: what is read, what is refused and where; writing loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.layer import Layer
from workbench.simulators.dataflow.convert import data_layer
from workbench.simulators.dataflow.faults import PlacedError
from workbench.simulators.dataflow.files import Block, File, Network
from workbench.simulators.dataflow.hardware import Hardware, hardware_text, parse_hardware
from workbench.simulators.dataflow.mapping import Cluster, Directive, Extent, Mapping, check
from workbench.simulators.dataflow.parse import parse, parse_mapping, read
from workbench.simulators.dataflow.table import parse_table
from workbench.simulators.dataflow.tensors import DataLayer
from workbench.simulators.dataflow.write import written

MODEL = """\
// a network of one layer
Constant Tile 4;
Network small {
    Layer first {
        Type: CONV
        Stride { X: 2, Y: 2 }
        Dimensions { K: 8, C: 3, R: 3, S: 3, Y': 5, X: 11 }
        Dataflow {
            SpatialMap(1,1) K; TemporalMap(Tile,Tile) C; TemporalMap(Sz(R),Sz(R)) R; TemporalMap(3,3) S;
            Cluster(2, P);
            SpatialMap(1,1) C
        }
    }
}
"""


def test_a_model_is_read_whatever_separates_its_words():
    first = parse(MODEL)
    assert first == parse(MODEL.replace(": ", "->").replace(", ", " ").replace(";", " "))
    layer = first.networks[0].blocks[0].layer
    assert layer.sizes == {"K": 8, "C": 3, "R": 3, "S": 3, "Y": 11, "X": 11}
    assert (layer.stride, layer.outputs("Y"), layer.macs) == ((2, 2), 5, 8 * 3 * 9 * 25)
    mapping = first.networks[0].blocks[0].mapping
    assert mapping is not None
    assert mapping.resolved(layer, {"Tile": 4}).levels[0][1].size == 4


@pytest.mark.parametrize(
    ("change", "line", "column", "says"),
    [
        (("Network small", "Netwrk small"), 3, 1, "Did you mean 'Network'"),
        (("Dimensions {", "Dimension {"), 7, 9, "Did you mean 'Dimensions'"),
        (("Type: CONV", "Type: FC"), 5, 15, "cannot be mapped"),
        (("Type: CONV", ""), 7, 9, "Type stands before"),
        (("X: 11 }", "X: 11"), 8, 9, "dimension"),
        (("K: 8", "Q: 8"), 7, 22, "no dimension named 'Q'"),
        (("K: 8", "K: 0"), 7, 25, "1.."),
        (("K: 8", "K: -8"), 7, 25, "at least 1, got -8"),
        (("K: 8", "K: many"), 7, 25, "whole number"),
        (("K: 8", "K: 8, Y: 11"), 7, 20, "both Y and Y'"),
        (("C: 3", "K: 3"), 7, 28, "gives K twice"),
        (("S: 3", "S: 30"), 7, 20, "reaches over"),
        (("SpatialMap(1,1) K", "SpacialMap(1,1) K"), 9, 13, "Did you mean 'SpatialMap'"),
        (("SpatialMap(1,1) K", "SpatialMap(0,1) K"), 9, 24, "1.."),
        (("TemporalMap(3,3) S", "TemporalMap(2,2) S"), 9, 86, "takes it whole"),
        (("TemporalMap(3,3) S", "TemporalMap(3,1) S"), 9, 86, "offset must equal"),
        (("SpatialMap(1,1) K", "TemporalMap(1,1) K"), 9, 13, "no SpatialMap"),
        (("Cluster(2, P)", "Cluster(2, Q)"), 10, 24, "kind P or L"),
    ],
)
def test_a_fault_is_one_line_with_its_place(change: tuple[str, str], line: int, column: int, says: str):
    assert change[0] in MODEL
    with pytest.raises(UserError) as caught:
        parse(MODEL.replace(*change), "model.m")
    message = str(caught.value)
    assert message.startswith(f"model.m:{line}:{column}: ")
    assert says in message
    assert "\n" not in message


def test_a_brace_that_is_never_closed_is_told_with_the_one_that_opens():
    text = MODEL.removesuffix("}\n")
    with pytest.raises(UserError, match=r"^model.m:13:6: the { of Network small at line 3, column 15 is never"):
        parse(text, "model.m")


@pytest.mark.parametrize(
    "text", ["", "// nothing\n", "Dataflow { }", "Dataflow { Cluster(4, P); }", "Network none { }"]
)
def test_what_covers_nothing_is_refused(text: str):
    with pytest.raises(UserError, match=r"^m:\d+:\d+: |^m: the mapping has no directive"):
        parse(text, "m")


def test_clusters_beyond_the_pes_are_refused_with_their_place():
    mapping = parse_mapping("SpatialMap(1,1) K;\nCluster(8,P); SpatialMap(1,1) C;\nCluster(4,P); SpatialMap(1,1) X;")
    check(mapping, pes=32)
    with pytest.raises(PlacedError, match="clusters of 32 PEs do not fit on 31 PEs") as caught:
        check(mapping, pes=31)
    assert str(caught.value.within("a.m")).startswith("a.m:3:1: ")


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "none.m")


def test_a_table_of_layers_is_read_and_refused_by_line():
    (network,) = parse_table("K,C,Y,X,R,S,T\n8,3,9,9,3,3,1\n1,8,9,9,3,3,2\n4,5,6,1,1,1,3\n").networks
    assert [b.layer.type for b in network.blocks] == ["CONV", "DSCONV", "GEMM"]
    assert [b.layer.macs for b in network.blocks] == [8 * 3 * 49 * 9, 8 * 49 * 9, 120]
    for line, place in (("8,3,9,9,3,3,7", "2:13"), ("8,0,9,9,3,3,1", "2:3"), ("8,3", "2:1"), ("8,3,2,9,3,3,1", "2:1")):
        with pytest.raises(UserError, match=rf"^m.csv:{place}: "):
            parse_table(f"K,C,Y,X,R,S,T\n{line}\n", "m.csv")
    with pytest.raises(UserError, match=r"^m.csv:1:1: the first line must be K,C"):
        parse_table("8,3,9,9,3,3,1", "m.csv")


def test_a_hardware_file_is_read_and_refused_by_line():
    hardware = parse_hardware("num_pes: 64\nnoc_bw_cstr: 16\nNoC_NumHops: 2\n")
    assert (hardware.pes, hardware.noc, hardware.latency, hardware.l1) == (64, 16, 2, 2**31 - 1)
    assert parse_hardware(hardware_text(hardware)) == hardware == Hardware(64, noc=16, latency=2)
    with pytest.raises(UserError, match=r"^hw:2:1: There is no hardware key named 'l1_size'"):
        parse_hardware("num_pes: 64\nl1_size: 4\n", "hw")
    with pytest.raises(UserError, match=r"^hw:1:10: num_pes must"):
        parse_hardware("num_pes: 0", "hw")


sizes = st.one_of(st.integers(1, 99), st.sampled_from(["Tile", "Lanes"]), st.builds(Extent, st.sampled_from("KCYX")))


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    """Any mapping that keeps the rules."""
    levels = []
    for _ in range(draw(st.integers(1, 3))):
        dims = draw(st.permutations(["K", "C", "Y", "X"]))
        directives = [Directive(i == 0, dim, draw(sizes), draw(sizes)) for i, dim in enumerate(dims)]
        levels.append(tuple(draw(st.permutations([*directives, Directive(False, "R", Extent("R"), Extent("R"))]))))
    return Mapping(tuple(levels), tuple(Cluster(draw(st.integers(1, 9))) for _ in levels[1:]))


@settings(max_examples=40, deadline=None)
@given(mappings(), st.integers(1, 3), st.booleans())
def test_what_is_written_is_read_back_equal(mapping: Mapping, stride: int, own: bool):
    layer = DataLayer("one", "CONV", (("K", 4), ("C", 3), ("R", 1), ("S", 1), ("Y", 9), ("X", 9)), (stride, 1))
    constants = (("Tile", 3), ("Lanes", 2))
    blocks = (Block(layer), Block(layer, mapping.resolved(layer, dict(constants))))
    file = File(constants, (Network("net", blocks),), None if own else mapping)
    assert parse(written(file)) == file


@pytest.mark.parametrize(
    "layer",
    [
        Layer.conv("strided", 3, 8, 3, out_size=7, stride=2, padding=1),
        Layer.conv("dilated", 4, 4, 3, in_size=12, dilation=2),
        Layer.conv("grouped", 8, 16, 3, in_size=9, groups=4, padding=1),
        Layer.depthwise("depthwise", 16, 3, in_size=9, padding=1),
        Layer.gemm("product", 10, 20, 30, batch=2),
    ],
)
def test_a_layer_keeps_its_macs_and_outputs(layer: Layer):
    found = data_layer(layer)
    assert found.macs == layer.macs
    assert (found.outputs("Y"), found.outputs("X")) == (layer.size("OY"), layer.size("OX"))
