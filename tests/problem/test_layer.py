"""Laws of a layer's arithmetic: counts of inputs by brute force, and refusals that say what would be right."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.layer import LOOP_DIMS, Bits, Layer, distinct, same_padding

small = st.integers(1, 12)


@given(small, small, small, small)
def test_distinct_counts_what_a_set_counts(stride: int, a: int, dilation: int, b: int) -> None:
    assert distinct(stride, a, dilation, b) == len({stride * i + dilation * j for i in range(a) for j in range(b)})


@given(small, small, st.lists(st.tuples(small, small), min_size=1))
def test_distinct_over_arrays_equals_distinct_one_by_one(
    stride: int, dilation: int, pairs: list[tuple[int, int]]
) -> None:
    a, b = np.array(pairs, dtype=np.int64).T
    assert distinct(stride, a, dilation, b).tolist() == [distinct(stride, i, dilation, j) for i, j in pairs]
    assert distinct(stride, a, dilation, 3).tolist() == [distinct(stride, i, dilation, 3) for i, _ in pairs]
    assert distinct(stride, 3, dilation, b).tolist() == [distinct(stride, 3, dilation, j) for _, j in pairs]


@given(
    size=st.integers(1, 20),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
def test_inputs_are_the_real_pixels_that_some_output_reads(
    size: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int]
) -> None:
    top, bottom = padding
    span = (kernel - 1) * dilation + 1
    if size + top + bottom < span:
        return
    outputs = (size + top + bottom - span) // stride + 1
    rows = {stride * i + dilation * j - top for i in range(outputs) for j in range(kernel)}
    zeros = {row for row in rows if not 0 <= row < size}
    last = (outputs - 1) * stride + span - 1 - top
    if rows == zeros:
        return  # outputs made of padding alone: refused
    if zeros != set(range(-top, 0)) | set(range(size, last + 1)):
        return  # the stride jumps over padding: the documented exception
    layer = Layer.conv(
        "l",
        2,
        3,
        (kernel, 1),
        in_size=(size, 1),
        stride=(stride, 1),
        dilation=(dilation, 1),
        padding=(top, bottom, 0, 0),
    )
    assert layer.size("OY") == outputs
    assert layer.input_extent_max == (len(rows - zeros), 1)
    assert layer.elements("I") == 2 * layer.input_extent_max[0]
    assert layer.input_size[0] == min(size, last + 1)


@given(
    out_size=st.integers(1, 12),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
)
def test_a_layer_given_by_its_output_equals_the_one_given_by_the_input_it_reads(
    out_size: int, kernel: int, stride: int, dilation: int
) -> None:
    by_output = Layer.conv("l", 4, 6, kernel, out_size=out_size, stride=stride, dilation=dilation, groups=2)
    by_input = Layer.conv("l", 4, 6, kernel, in_size=by_output.input_size, stride=stride, dilation=dilation, groups=2)
    assert by_input == by_output


@given(size=st.integers(1, 40), kernel=st.integers(1, 7), stride=st.integers(1, 4), dilation=st.integers(1, 3))
def test_same_padding_gives_one_output_per_stride(size: int, kernel: int, stride: int, dilation: int) -> None:
    before, after = same_padding(size, kernel, stride, dilation)
    assert 0 <= after - before <= 1
    layer = Layer.conv("l", 1, 1, kernel, in_size=size, stride=stride, dilation=dilation, padding="same")
    assert layer.size("OY") == layer.size("OX") == -(-size // stride)


@given(st.tuples(*[st.integers(1, 9)] * 8))
def test_macs_are_the_product_of_all_loops(dims: tuple[int, ...]) -> None:
    layer = Layer("l", "conv", dims)
    assert layer.macs == prod(layer.size(dim) for dim in LOOP_DIMS)
    assert layer.macs == layer.elements("O") * layer.size("C") * layer.size("FY") * layer.size("FX")


@given(rows=small, reduction=small, columns=small, groups=small)
def test_a_gemm_costs_what_the_same_1x1_convolution_of_one_row_costs(
    rows: int, reduction: int, columns: int, groups: int
) -> None:
    gemm = Layer.gemm("g", rows, reduction, columns, groups=groups)
    conv = Layer.conv("c", groups * reduction, groups * columns, 1, in_size=(1, rows), groups=groups)
    assert gemm.dims == conv.dims
    assert [gemm.elements(o) for o in ("W", "I", "O")] == [
        groups * reduction * columns,
        groups * rows * reduction,
        groups * rows * columns,
    ]


def test_a_depthwise_layer_has_a_group_per_channel_and_one_channel_in_each() -> None:
    layer = Layer.depthwise("dw", 32, 3, in_size=112, stride=2, padding=1)
    assert layer.dims == (1, 32, 1, 1, 56, 56, 3, 3)
    assert layer.macs == 32 * 56 * 56 * 9


def test_padding_that_no_output_reads_is_left_out() -> None:
    layer = Layer.conv("conv1", 3, 64, 7, in_size=224, stride=2, padding=3)  # ResNet's first: 229 of 230 rows are read
    assert layer.padding == (3, 2, 3, 2)
    assert layer.input_extent_max == (224, 224)


def test_skipped_pixels_are_no_inputs() -> None:
    layer = Layer.conv("down", 64, 128, 1, in_size=56, stride=2)
    assert layer.input_extent_max == (28, 28)
    assert layer.input_size == (55, 55)


def test_layers_with_equal_shapes_have_equal_keys_whatever_their_names() -> None:
    one, two = Layer.gemm("q", 384, 768, 768), Layer.gemm("k", 384, 768, 768)
    assert one != two
    assert one.shape_key == two.shape_key
    assert Layer.gemm("q", 384, 768, 768, bits=Bits(weight=4)).shape_key != one.shape_key
    assert hash(one.shape_key) == hash(two.shape_key)


@given(st.tuples(*[st.integers(1, 9)] * 8), st.tuples(small, small), st.tuples(*[st.integers(0, 3)] * 4))
def test_a_layer_read_back_from_its_canonical_content_is_the_layer(
    dims: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> None:
    wide = (*dims[:6], dims[6] + 6, dims[7] + 6)
    layer = Layer("l", "conv", wide, stride=stride, padding=padding, partial_bits=24)
    assert Layer.from_canonical(layer.canonical()) == layer


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Layer("l", "conv", (1, 1, 1)), "dims must be 8 whole numbers"),
        (lambda: Layer("l", "conv", (1, 1, 0, 1, 1, 1, 1, 1)), "at least 1"),
        (lambda: Layer("", "conv", (1,) * 8), "name"),
        (lambda: Layer("l", "pool", (1,) * 8), "'conv' or 'gemm', got 'pool'"),  # type: ignore[arg-type]
        (lambda: Layer("l", "gemm", (1, 1, 1, 1, 1, 1, 3, 3)), "OY = FY = FX = 1"),
        (lambda: Layer("l", "conv", (1,) * 8, weight_bits=0), "weight_bits must be a whole number, at least 1, got 0"),
        (lambda: Layer("l", "conv", (1,) * 8, stride=(0, 1)), "stride must be 2 whole numbers"),
        (lambda: Layer.conv("l", 3, 8, 3), "give in_size or out_size"),
        (lambda: Layer.conv("l", 3, 8, 3, in_size=2), "reaches over 3, more than the input of 2"),
        (lambda: Layer.conv("l", 3, 8, 3, in_size=8, out_size=8), "in_size 8 gives out_size 6"),
        (lambda: Layer.conv("l", 3, 8, 3, in_size=8, groups=2), "groups must divide in_channels, got groups 2 and 3"),
        (lambda: Layer.conv("l", 3, 8, 3, in_size=-4), "in_size must be 2 whole numbers, each at least 1"),
        (lambda: Layer.conv("l", 3, 8, 3, in_size=8, padding="valid"), "got 'valid'"),  # type: ignore[arg-type]
        (lambda: Layer.conv("l", 3, 8, 3, in_size=8, padding=(1, 2, 3)), "padding"),  # type: ignore[arg-type]
        (lambda: Layer.conv("l", 3, 8, 3, out_size=1, padding=2), "leaves no input"),
    ],
)
def test_nonsense_is_refused_with_the_field_and_what_would_be_right(wrong, said: str) -> None:
    with pytest.raises(UserError) as refused:
        wrong()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
