"""One layer: the loop nest of a convolution or matrix product, its operand sizes and precisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import gcd, prod
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UserError

Operand = Literal["W", "I", "O"]  # weights, input activations, output activations
LOOP_DIMS = ("B", "G", "K", "C", "OY", "OX", "FY", "FX")
OPERANDS: tuple[Operand, ...] = ("W", "I", "O")

Ints = NDArray[np.int64]
Pair = int | tuple[int, int]  # one number for both, or (y, x)
Padding = int | tuple[int, int] | tuple[int, int, int, int] | Literal["same"]


@overload
def distinct(stride: int, a: int, dilation: int, b: int) -> int: ...
@overload
def distinct(stride: int, a: Ints, dilation: int, b: int | Ints) -> Ints: ...
@overload
def distinct(stride: int, a: int, dilation: int, b: Ints) -> Ints: ...
def distinct(stride: int, a: int | Ints, dilation: int, b: int | Ints) -> int | Ints:
    """How many different numbers `stride * i + dilation * j` there are for 0 <= i < a and 0 <= j < b.

    The input rows that `a` output rows and `b` kernel rows touch. With s = stride / g, d = dilation / g and
    g = gcd(stride, dilation), two pairs (i, j) give one number exactly when they differ by a multiple of (d, -s).
    A rectangle is convex, so the pairs of one number are consecutive steps of a chain, and each chain has one last
    pair: one whose successor (i + d, j - s) lies outside. The pairs whose successor lies inside are
    (a - d)(b - s), each factor counted as 0 where negative. So the count is exact for every stride and dilation.
    (The usual form, with only b - s clamped, is too high where b > s and a < d: a dilated kernel on few rows.)
    """
    common = gcd(stride, dilation)
    step, reach = stride // common, dilation // common
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        found: Ints = np.asarray(a * b - np.maximum(a - reach, 0) * np.maximum(b - step, 0))
        return found
    return a * b - max(a - reach, 0) * max(b - step, 0)


@dataclass(frozen=True, slots=True)
class Bits:
    """Bits per value: of a weight, an input activation, a partial sum and a finished output activation."""

    weight: int = 8
    input: int = 8
    partial: int = 16
    output: int = 8


BITS = Bits()


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution or matrix product as eight loops, in numbers per group.

    Loops, in the order of `LOOP_DIMS`: batch B, groups G, output channels per group K, input channels per group C,
    output rows OY and columns OX, kernel rows FY and columns FX. A depthwise convolution has G channels and C = 1.
    A matrix product has its rows on OX, its reduction on C and its columns on K, with all other loops 1 (G for equal
    products side by side): spatial-mapping templates unroll OX, K and C, so rows on B or OY would leave them idle.

    Padding counts the rows and columns of zeros that are really read; `Layer.conv` leaves out what no output touches.
    Input activations are the distinct real pixels that are read: padding and skipped pixels are no data. (Where the
    stride jumps over some rows of the padding, the count is low by those rows; no usual network does that.)
    """

    name: str
    op: Literal["conv", "gemm"]
    dims: tuple[int, ...]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    weight_bits: int = 8
    input_bits: int = 8
    partial_bits: int = 16
    output_bits: int = 8

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip() or "\n" in self.name:
            raise UserError(f"A layer's name is a word without spaces at its ends, got {self.name!r}.")
        if self.op not in ("conv", "gemm"):
            raise UserError(f"Layer {self.name!r}: op is 'conv' or 'gemm', got {self.op!r}.")
        _check_ints(self.name, "dims", self.dims, len(LOOP_DIMS), 1)
        _check_ints(self.name, "stride", self.stride, 2, 1)
        _check_ints(self.name, "dilation", self.dilation, 2, 1)
        _check_ints(self.name, "padding", self.padding, 4, 0)
        for field in ("weight_bits", "input_bits", "partial_bits", "output_bits"):
            _check_ints(self.name, field, (getattr(self, field),), 1, 1)
        if self.op == "gemm":
            loops = {dim: self.size(dim) for dim in ("OY", "FY", "FX") if self.size(dim) != 1}
            if loops or self.stride != (1, 1) or self.dilation != (1, 1) or any(self.padding):
                raise UserError(
                    f"Layer {self.name!r}: a gemm has OY = FY = FX = 1 and no stride, dilation or padding, "
                    f"got {loops or 'stride, dilation or padding'}."
                )
        if min(self._span("y") - sum(self.padding[:2]), self._span("x") - sum(self.padding[2:])) < 1:
            raise UserError(
                f"Layer {self.name!r}: padding {list(self.padding)} leaves no input of the {self._span('y')} x "
                f"{self._span('x')} that the outputs span."
            )

    @classmethod
    def conv(
        cls,
        name: str,
        in_channels: int,
        out_channels: int,
        kernel: Pair,
        *,
        in_size: Pair | None = None,
        out_size: Pair | None = None,
        groups: int = 1,
        stride: Pair = 1,
        dilation: Pair = 1,
        padding: Padding = 0,
        batch: int = 1,
        bits: Bits = BITS,
    ) -> Layer:
        """A convolution in its usual terms: total channels, and the size of the input map, the output map or both.

        Raises:
            UserError: no size is given, the two do not belong together, or groups do not divide the channels.
        """
        for label, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            _check_ints(name, label, (channels,), 1, 1)
            _check_ints(name, "groups", (groups,), 1, 1)
            if channels % groups:
                raise UserError(f"Layer {name!r}: groups must divide {label}, got groups {groups} and {channels}.")
        kernels, strides = _pair(name, "kernel", kernel), _pair(name, "stride", stride)
        dilations = _pair(name, "dilation", dilation)
        ins = None if in_size is None else _pair(name, "in_size", in_size)
        outs = None if out_size is None else _pair(name, "out_size", out_size)
        pads = _padding(name, padding)
        out, read = [], []
        for i in (0, 1):
            given = pads[i] if pads is not None else None
            rows_in, rows_out = ins[i] if ins else None, outs[i] if outs else None
            rows, used = _axis(name, "yx"[i], kernels[i], strides[i], dilations[i], given, rows_in, rows_out)
            out.append(rows)
            read.append(used)
        dims = (batch, groups, out_channels // groups, in_channels // groups, out[0], out[1], *kernels)
        padded = (*read[0], *read[1])
        return cls(name, "conv", dims, strides, dilations, padded, bits.weight, bits.input, bits.partial, bits.output)

    @classmethod
    def depthwise(
        cls,
        name: str,
        channels: int,
        kernel: Pair,
        *,
        in_size: Pair | None = None,
        out_size: Pair | None = None,
        stride: Pair = 1,
        dilation: Pair = 1,
        padding: Padding = 0,
        batch: int = 1,
        bits: Bits = BITS,
    ) -> Layer:
        """A convolution of every channel with a kernel of its own."""
        return cls.conv(
            name,
            channels,
            channels,
            kernel,
            in_size=in_size,
            out_size=out_size,
            groups=channels,
            stride=stride,
            dilation=dilation,
            padding=padding,
            batch=batch,
            bits=bits,
        )

    @classmethod
    def gemm(
        cls,
        name: str,
        rows: int,
        reduction: int,
        columns: int,
        *,
        groups: int = 1,
        batch: int = 1,
        bits: Bits = BITS,
    ) -> Layer:
        """Products of (rows x reduction) activations by (reduction x columns) matrices: one matrix for each group."""
        dims = (batch, groups, columns, reduction, 1, rows, 1, 1)
        return cls(
            name,
            "gemm",
            dims,
            weight_bits=bits.weight,
            input_bits=bits.input,
            partial_bits=bits.partial,
            output_bits=bits.output,
        )

    def size(self, dim: str) -> int:
        """The number of iterations of one loop, by its name in `LOOP_DIMS`."""
        return self.dims[LOOP_DIMS.index(dim)]

    def _span(self, axis: Literal["y", "x"]) -> int:
        """Rows (or columns) from the first that some output reads to the last, padding included."""
        i, out, kernel = (0, "OY", "FY") if axis == "y" else (1, "OX", "FX")
        return (self.size(out) - 1) * self.stride[i] + (self.size(kernel) - 1) * self.dilation[i] + 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those with a zero of the padding included, as every published count has them."""
        return prod(self.dims)

    @property
    def input_size(self) -> tuple[int, int]:
        """Rows and columns of the real input from the first that is read to the last, those skipped included."""
        top, bottom, left, right = self.padding
        return self._span("y") - top - bottom, self._span("x") - left - right

    @property
    def input_extent_max(self) -> tuple[int, int]:
        """Rows and columns of the real input that are read: `input_size` without those that the stride skips."""
        touched_y = distinct(self.stride[0], self.size("OY"), self.dilation[0], self.size("FY"))
        touched_x = distinct(self.stride[1], self.size("OX"), self.dilation[1], self.size("FX"))
        top, bottom, left, right = self.padding
        return max(1, touched_y - top - bottom), max(1, touched_x - left - right)

    def elements(self, operand: Operand) -> int:
        """The number of different values of an operand: weights, real input pixels that are read, outputs."""
        b, g, k, c, oy, ox, fy, fx = self.dims
        if operand == "W":
            return g * k * c * fy * fx
        if operand == "I":
            return b * g * c * prod(self.input_extent_max)
        return b * g * k * oy * ox

    @property
    def shape_key(self) -> tuple[str | int | tuple[int, ...], ...]:
        """All that decides the layer's cost: equal keys, equal cost, whatever the names."""
        return tuple(getattr(self, field.name) for field in fields(self) if field.name != "name")

    def canonical(self) -> dict[str, Any]:
        """The layer as JSON-able content: every field, tuples as lists."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in content.items()}

    @classmethod
    def from_canonical(cls, content: Mapping[str, Any]) -> Layer:
        """The layer that `canonical` wrote."""
        fields_of: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
        return cls(**fields_of)


def _check_ints(name: str, field: str, values: object, count: int, least: int) -> None:
    """Refuses anything but a tuple of `count` whole numbers from `least` up."""
    wanted = f"a whole number, at least {least}" if count == 1 else f"{count} whole numbers, each at least {least}"
    fits = isinstance(values, tuple) and len(values) == count
    if not fits or any(not isinstance(v, int) or isinstance(v, bool) or v < least for v in values):  # type: ignore[attr-defined]
        shown = values[0] if isinstance(values, tuple) and count == 1 == len(values) else values
        raise UserError(f"Layer {name!r}: {field} must be {wanted}, got {shown!r}.")


def _pair(name: str, field: str, value: Pair) -> tuple[int, int]:
    both = (value, value) if isinstance(value, int) else tuple(value)
    _check_ints(name, field, both, 2, 1)
    return both[0], both[1]


def _padding(name: str, value: Padding) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Padding as ((top, bottom), (left, right)); None for "same", which needs the map size."""
    if value == "same":
        return None
    if isinstance(value, str):
        raise UserError(
            f"Layer {name!r}: padding is a number, [y, x], [top, bottom, left, right] or 'same', got {value!r}."
        )
    numbers = (value,) if isinstance(value, int) else tuple(value)
    wide = {1: numbers * 4, 2: (numbers[0], numbers[0], numbers[-1], numbers[-1])}.get(len(numbers), numbers)
    _check_ints(name, "padding", wide, 4, 0)
    return (wide[0], wide[1]), (wide[2], wide[3])


def window_outputs(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    """How many windows fit along a padded axis: 0 or less where not even one does."""
    return (size + padding - (kernel - 1) * dilation - 1) // stride + 1


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """The padding that gives ceil(size / stride) outputs, an odd one at the end (ONNX SAME_UPPER, TensorFlow SAME)."""
    total = max(0, (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, total - total // 2


def _axis(
    name: str,
    axis: str,
    kernel: int,
    stride: int,
    dilation: int,
    padding: tuple[int, int] | None,
    size: int | None,
    outputs: int | None,
) -> tuple[int, tuple[int, int]]:
    """Output size along one axis, and the padding before and after it that is really read."""
    if size is None and outputs is None:
        raise UserError(f"Layer {name!r}: give in_size or out_size.")
    if padding is None:
        padding = same_padding(size if size is not None else (outputs or 1) * stride, kernel, stride, dilation)
    if size is not None:
        fitting = window_outputs(size, kernel, stride, dilation, sum(padding))
        if fitting < 1:
            raise UserError(
                f"Layer {name!r}: along {axis} the kernel reaches over {(kernel - 1) * dilation + 1}, more than the "
                f"input of {size} with padding {padding[0]} + {padding[1]}."
            )
        if outputs is not None and outputs != fitting:
            raise UserError(
                f"Layer {name!r}: along {axis} in_size {size} gives out_size {fitting} (kernel {kernel}, stride "
                f"{stride}, dilation {dilation}, padding {padding[0]} + {padding[1]}), got {outputs}."
            )
        outputs = fitting
    assert outputs is not None
    span = (outputs - 1) * stride + (kernel - 1) * dilation + 1
    if size is None:
        return outputs, padding
    return outputs, (padding[0], min(padding[1], max(0, span - padding[0] - size)))
