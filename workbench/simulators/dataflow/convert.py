"""A layer of the workbench as a data-centric one."""

from __future__ import annotations

from workbench.problem.layer import Layer
from workbench.simulators.dataflow.tensors import DataLayer, LayerType


def data_layer(layer: Layer) -> DataLayer:
    """Extents and type: Y and X are the input rows and columns from the first that is read to the last, zeros included.

    A matrix product is a convolution of 1 x 1 with its rows along X, as the workbench has it. A convolution of every
    channel alone is a DSCONV, one with groups an NGCONV, per group K and C. Dilation is kept: the kernel's R and S
    count the values that are read.
    """
    b, g, k, c, oy, ox, fy, fx = layer.dims
    rows = (oy - 1) * layer.stride[0] + (fy - 1) * layer.dilation[0] + 1
    columns = (ox - 1) * layer.stride[1] + (fx - 1) * layer.dilation[1] + 1
    kind: LayerType = "CONV"
    extents = {"N": b, "K": k, "C": c, "R": fy, "S": fx, "Y": rows, "X": columns}
    if g > 1 and k == c == 1:
        kind, extents = "DSCONV", {**extents, "C": g}
    elif g > 1:
        kind, extents = "NGCONV", {"N": b, "G": g, **extents}
    return DataLayer(layer.name, kind, tuple(extents.items()), layer.stride, layer.dilation)
