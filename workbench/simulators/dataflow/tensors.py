"""What a layer is to a data-centric mapping: its type, its extents, and which extents index which tensor."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

from workbench.errors import UserError

LayerType = Literal["CONV", "DSCONV", "NGCONV", "TRCONV", "GEMM"]
LAYER_TYPES: tuple[LayerType, ...] = ("CONV", "DSCONV", "NGCONV", "TRCONV", "GEMM")
DIMS = ("N", "G", "K", "C", "R", "S", "Y", "X")
GEMM_DIMS = ("M", "N", "K")
OUTPUT_NAMES = {"Y'": "Y", "X'": "X"}
"""The output extents, and the input extents that stand for them."""

WINDOWS = {"Y": "R", "X": "S"}
"""An input extent, and the kernel extent that slides over it."""

IN, WT, OUT = 0, 1, 2
TENSORS = ("in", "wt", "out")

_COUPLED: dict[str, tuple[str, str, str]] = {
    "CONV": ("NCYX", "KCRS", "NKYX"),
    "DSCONV": ("NCYX", "CRS", "NCYX"),
    "NGCONV": ("NGCYX", "GKCRS", "NGCKYX"),
    "TRCONV": ("NCYX", "KCRS", "NKYX"),
    "GEMM": ("MK", "KN", "MN"),
}
"""Input, weight and output of each type; the outputs' Y and X are those that the window leaves."""


@dataclass(frozen=True, slots=True)
class DataLayer:
    """A layer in the terms of a mapping: extents by name (Y and X of the padded input), strides, dilations along Y, X.

    An extent that a layer does not give (N or G) is not there for the analysis either.
    """

    name: str
    type: LayerType
    extents: tuple[tuple[str, int], ...]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        if self.type not in LAYER_TYPES:
            raise UserError(f"Layer {self.name!r}: the type is one of {', '.join(LAYER_TYPES)}, got {self.type!r}.")
        known = dims_of(self.type)
        found = dict(self.extents)
        optional = {"CONV": "NG", "DSCONV": "NGK", "NGCONV": "NG", "TRCONV": "NG", "GEMM": ""}[self.type]
        for dim in known:
            if dim not in found and dim not in optional:
                raise UserError(f"Layer {self.name!r}: it lacks dimension {dim}; a {self.type} has {_shown(known)}.")
        for dim, extent in self.extents:
            if dim not in known:
                raise UserError(f"Layer {self.name!r}: a {self.type} has no dimension {dim!r}; it has {_shown(known)}.")
            if extent < 1:
                raise UserError(f"Layer {self.name!r}: dimension {dim} must be at least 1, got {extent}.")
        if min(*self.stride, *self.dilation) < 1:
            steps = [*self.stride, *self.dilation]
            raise UserError(f"Layer {self.name!r}: strides and dilations must be at least 1, got {steps}.")
        for along, window in WINDOWS.items():
            if along in found and found[along] < self.span(window):
                raise UserError(
                    f"Layer {self.name!r}: the kernel's {window} = {found[window]} reaches over more than "
                    f"{along} = {found[along]}."
                )

    @property
    def sizes(self) -> dict[str, int]:
        """Extent by name."""
        return dict(self.extents)

    def outputs(self, dim: str) -> int:
        """The number of outputs along Y or X."""
        i = "YX".index(dim)
        return (self.sizes[dim] - self.span(WINDOWS[dim])) // self.stride[i] + 1

    def span(self, window: str) -> int:
        """Input rows or columns from the first that the kernel's R or S reads to the last."""
        return (self.sizes[window] - 1) * self.dilation["RS".index(window)] + 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates that the layer really has."""
        sizes = self.sizes
        return prod(self.outputs(dim) if dim in WINDOWS else size for dim, size in sizes.items())

    def coupled(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """The extents that index the input, the weight and the output."""
        return coupled(self.type, frozenset(self.sizes))


def dims_of(kind: str) -> tuple[str, ...]:
    """The extents that a layer type may give."""
    return GEMM_DIMS if kind == "GEMM" else DIMS


def coupled(kind: str, given: frozenset[str]) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The extents, of those given, that index the input, the weight and the output of a layer type."""
    first, second, third = (frozenset(names) & given for names in _COUPLED[kind])
    return first, second, third


def _shown(names: tuple[str, ...]) -> str:
    return ", ".join(names)
