"""Which part of its inputs a part of a map is made from: receptive fields, one axis at a time.

Intervals are half open, [start, stop), in rows or columns of real data. Both ends may be arrays over tiles: a
fused schedule asks for all tiles of a map at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.problem.graph import Node, Shape, WorkloadLayer

Ints = NDArray[np.int64]
Axis = Literal["y", "x"]
AXES: tuple[Axis, Axis] = ("y", "x")


@dataclass(frozen=True, slots=True)
class Reads:
    """What intervals of outputs read of one producer, (t,) each: real positions, and padding before and after."""

    start: Ints
    stop: Ints
    before: Ints
    after: Ints


def reads(item: WorkloadLayer | Node, number: int, axis: Axis, start: Ints, stop: Ints, given: Shape) -> Reads:
    """What the outputs [start, stop) of an item read of its producer `number`, which gives a map of this shape.

    A window of F taps reads (out - 1) stride + (F - 1) dilation + 1 positions, those beyond the border as padding.
    What mixes the whole map (a reshape, an operator without a rule, the second matrix of a product) reads all of it.
    """
    size = given.y if axis == "y" else given.x
    if isinstance(item, WorkloadLayer):
        return _layer_reads(item, number, axis, start, stop, given)
    if item.op == "pool":
        assert item.kernel is not None
        assert item.stride is not None
        i = AXES.index(axis)
        return _window(start, stop, item.kernel[i], item.stride[i], 1, item.padding[2 * i], size)
    if item.op in ("add", "mul", "concat", "activation"):
        if size == 1:  # stretched over the others
            return _real(np.zeros_like(start), np.ones_like(stop))
        return _real(start, stop)
    if item.op == "shuffle":
        assert item.factor is not None
        return _real(start // item.factor, -(-stop // item.factor))
    if item.op == "crop":
        assert item.size is not None
        skipped = (size - item.size[AXES.index(axis)]) // 2  # out of the middle, as U-Net's
        return _real(start + skipped, stop + skipped)
    if item.op == "resize":
        assert item.size is not None
        wide = item.size[AXES.index(axis)]
        # One position more on either side than the nearest: what a linear interpolation reads.
        return _real(np.maximum(start * size // wide - 1, 0), np.minimum(-(-stop * size // wide) + 1, size))
    return _whole(start, size)


def _layer_reads(item: WorkloadLayer, number: int, axis: Axis, start: Ints, stop: Ints, given: Shape) -> Reads:
    layer, i = item.layer, AXES.index(axis)
    size = given.y if axis == "y" else given.x
    if number > 0:
        return _whole(start, size)
    if layer.op == "gemm":
        rowwise = (given.channels, given.y, given.x) == (layer.size("G") * layer.size("C"), 1, layer.size("OX"))
        return _real(start, stop) if rowwise else _whole(start, size)
    kernel = layer.size("FY" if axis == "y" else "FX")
    return _window(start, stop, kernel, layer.stride[i], layer.dilation[i], layer.padding[2 * i], size)


def _window(start: Ints, stop: Ints, kernel: int, stride: int, dilation: int, padding: int, size: int) -> Reads:
    first = start * stride - padding
    last = (stop - 1) * stride + (kernel - 1) * dilation + 1 - padding
    # A window that lies in the padding alone still stands on the border's row, which takes the place of one of zeros.
    low, high = np.clip(first, 0, size - 1), np.clip(last, 1, size)
    span = last - first
    before = np.minimum(np.maximum(low - first, 0), span - 1)
    return Reads(low, high, before, np.minimum(np.maximum(last - high, 0), span - 1 - before))


def _real(start: Ints, stop: Ints) -> Reads:
    none = np.zeros_like(start)
    return Reads(start, stop, none, none)


def _whole(start: Ints, size: int) -> Reads:
    return _real(np.zeros_like(start), np.full_like(start, size))
