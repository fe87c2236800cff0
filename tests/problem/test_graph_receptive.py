"""Owns the receptive fields: what an interval of outputs reads, against the windows written out."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.problem.graph import Node, Shape, WorkloadLayer
from workbench.problem.layer import Layer, window_outputs
from workbench.problem.receptive import AXES, Reads, reads


def read(item: WorkloadLayer | Node, axis: str, start: int, stop: int, given_map: Shape) -> Reads:
    return reads(item, 0, axis, np.array([start]), np.array([stop]), given_map)  # type: ignore[arg-type]


@given(st.data())
def test_a_window_reads_what_its_taps_touch_and_pads_the_rest(data: st.DataObject):
    kernel, stride, dilation = (data.draw(st.integers(1, 4)) for _ in range(3))
    padding, size = data.draw(st.integers(0, kernel - 1)), data.draw(st.integers(14, 24))
    outputs = window_outputs(size, kernel, stride, dilation, 2 * padding)
    start = data.draw(st.integers(0, outputs - 1))
    stop = data.draw(st.integers(start + 1, outputs))
    conv = Layer.conv("c", 3, 4, kernel, in_size=size, stride=stride, dilation=dilation, padding=padding)
    taps = [o * stride + f * dilation - padding for o in range(start, stop) for f in range(kernel)]
    real = [tap for tap in taps if 0 <= tap < size]
    for axis in AXES:
        found = read(WorkloadLayer(conv), axis, start, stop, Shape(1, 3, size, size))
        assert (found.start[0], found.stop[0]) == (max(0, min(taps)), min(size, max(taps) + 1))
        assert found.start[0] <= min(real) <= max(real) < found.stop[0]
        if dilation == 1:
            assert found.before[0] == max(0, -min(taps))
            assert found.after[0] == max(0, max(taps) + 1 - size)


def test_operators_without_macs_read_what_they_say():
    wide = Shape(1, 8, 12, 12)
    for node, reads_first, reads_last in (
        (Node("p", "pool", ("a",), kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)), (0, 4), (7, 12)),
        (Node("a", "add", ("a", "b")), (0, 2), (10, 12)),
        (Node("c", "concat", ("a", "b")), (0, 2), (10, 12)),
        (Node("r", "activation", ("a",)), (0, 2), (10, 12)),
        (Node("s", "shuffle", ("a",), factor=2), (0, 1), (11, 12)),
        (Node("k", "crop", ("a",), size=(8, 8)), (2, 4), (8, 10)),
        (Node("z", "resize", ("a",), size=(24, 24)), (0, 2), (10, 12)),
        (Node("f", "reshape", ("a",), channels=1152, size=(1, 1)), (0, 12), (0, 12)),
    ):
        size = node.output([wide] * len(node.after))
        assert size is not None
        first = read(node, "y", 0, min(2, size.y), wide)
        last = read(node, "y", max(0, size.y - 2), size.y, wide)
        assert (first.start[0], first.stop[0]) == reads_first, node.op
        assert (last.start[0], last.stop[0]) == reads_last, node.op


def test_a_stretched_map_and_the_input_of_a_product_are_read_whole_where_they_must_be():
    one = Shape(1, 8, 1, 1)
    assert read(Node("m", "mul", ("a", "b")), "x", 5, 9, one).stop[0] == 1
    flat = WorkloadLayer(Layer.gemm("fc", 1, 8 * 49, 10))
    assert read(flat, "y", 0, 1, Shape(1, 8, 7, 7)).stop[0] == 7
    rows = WorkloadLayer(Layer.gemm("q", 20, 8, 10))
    found = read(rows, "x", 5, 9, Shape(1, 8, 1, 20))
    assert (found.start[0], found.stop[0]) == (5, 9)
