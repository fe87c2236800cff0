"""One layer on several designs of one topology, with one set of loops left to time: the arrays all steps share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from workbench.problem.arch import OPERANDS, Arch
from workbench.problem.layer import LOOP_DIMS, Layer, distinct
from workbench.simulators.loopnest.orders import IRRELEVANT, RELEVANT, Floats, Orders
from workbench.simulators.loopnest.spatial import Spatial

SLIDES = (("OY", "FY"), ("OX", "FX"))


def topology(arch: Arch) -> tuple[object, ...]:
    """What must be equal for designs to share arrays: everything but sizes, widths and costs."""
    return (
        tuple(dim for dim, _ in arch.array),
        arch.systolic,
        tuple((m.name, m.operands, m.shared_over, tuple(p.kind for p in m.ports)) for m in arch.memories),
    )


@dataclass(frozen=True)
class Level:
    """One operand's place in the hierarchy: the memory, and the array dimensions it is the first to serve."""

    memory: int
    serves: tuple[str, ...]


class NestCase:
    """Designs (d) x loop orders (r) of one layer; every array here is (d,), (d, 1, 1) or (d, r, n + 1)."""

    def __init__(self, layer: Layer, archs: Sequence[Arch], spatials: Sequence[Spatial], orders: Orders) -> None:
        self.layer = layer
        self.archs = archs
        self.spatials = spatials
        self.orders = orders
        first = archs[0]
        self.memories = first.memories
        self.levels: dict[str, tuple[Level, ...]] = {}
        for operand in OPERANDS:
            served: set[str] = set()
            levels: list[Level] = []
            for index in first.levels(operand):
                new = tuple(dim for dim in first.memories[index].shared_over if dim not in served)
                served.update(new)
                levels.append(Level(index, new))
            self.levels[operand] = tuple(levels)
        self.bits = {"W": layer.weight_bits, "I": layer.input_bits, "O": layer.partial_bits}
        self.input_extent = dict(zip(("OY", "OX"), layer.input_extent_max, strict=True))

    @cached_property
    def capacity(self) -> Floats:
        """(d, memories), in bits."""
        return np.array([[m.size_bits for m in arch.memories] for arch in self.archs], dtype=np.float64)

    @cached_property
    def read_pj(self) -> Floats:
        """(d, memories), pJ per access of a full word."""
        return np.array([[m.read_energy_pj for m in arch.memories] for arch in self.archs])

    @cached_property
    def write_pj(self) -> Floats:
        """(d, memories), pJ per access of a full word."""
        return np.array([[m.write_energy_pj for m in arch.memories] for arch in self.archs])

    def port_width(self, memory: int, port: int) -> Floats:
        """(d, 1): bits per cycle."""
        return np.array([[a.memories[memory].ports[port].bits_per_cycle] for a in self.archs], dtype=np.float64)

    def port_step(self, memory: int, port: int) -> Floats:
        """(d, 1): the smallest part of a word that is moved."""
        return np.array([[a.memories[memory].ports[port].min_bits_per_cycle] for a in self.archs], dtype=np.float64)

    def spatial(self, operand: str, level: int, loop: str, *, whole: bool) -> Floats:
        """(d,): units of a loop along the array dimensions that a level of an operand is the first to serve."""
        serves = self.levels[operand][level].serves
        return np.array(
            [
                prod(
                    units
                    for dim, loops in (s.whole if whole else s.mean)
                    if dim in serves
                    for name, units in loops
                    if name == loop
                )
                for s in self.spatials
            ],
            dtype=np.float64,
        )

    @cached_property
    def _below(self) -> dict[tuple[str, int, str, bool], Floats]:
        """(d,): units of a loop at and below a level."""
        table: dict[tuple[str, int, str, bool], Floats] = {}
        for operand in OPERANDS:
            for whole in (False, True):
                for loop in LOOP_DIMS:
                    units = np.ones(len(self.archs))
                    for level in range(len(self.levels[operand])):
                        units = units * self.spatial(operand, level, loop, whole=whole)
                        table[operand, level, loop, whole] = units
        return table

    @cached_property
    def divides(self) -> bool:
        """Whether every unrolling divides its loop, so that averages are whole."""
        return all(s.mean == s.whole for s in self.spatials)

    def elements(self, operand: str, level: int, *, whole: bool) -> Floats:
        """(d, r, n + 1): elements one instance of a level holds when the loops below a position are kept there."""
        whole = whole or self.divides
        key = (operand, level, whole)
        if key not in self._elements:
            sizes = self.orders.sizes
            covered = {
                loop: sizes.get(loop, 1.0) * self._below[operand, level, loop, whole][:, None, None]
                for loop in LOOP_DIMS
            }
            shape = (len(self.archs), *self.orders.steps.shape)
            self._elements[key] = np.broadcast_to(self._volume(operand, covered), shape)
        return self._elements[key]

    @cached_property
    def _elements(self) -> dict[tuple[str, int, bool], Floats]:
        return {}

    def _volume(self, operand: str, covered: Mapping[str, Floats]) -> Floats:
        """Elements of an operand within loop extents (any common shape)."""
        volume: Floats = np.ones(1)
        for loop in LOOP_DIMS:
            if loop in RELEVANT[operand]:
                volume = volume * covered[loop]
        if operand == "I":
            for (outer, kernel), stride, dilation in zip(SLIDES, self.layer.stride, self.layer.dilation, strict=True):
                # Pixels come whole: an average of 3.25 rows touches what 3 rows touch.
                rows = np.floor(covered[outer] + 1e-6).astype(np.int64)
                taps = np.floor(covered[kernel] + 1e-6).astype(np.int64)
                volume = volume * np.minimum(distinct(stride, rows, dilation, taps), self.input_extent[outer])
        return volume

    def multicast(self, operand: str, level: int, *, whole: bool) -> Floats:
        """(d, 1): how many different elements a level hands to (or gets from) the units below at once.

        The rest of the units it serves get the same element, or add into the same sum.
        """
        here = {loop: self._below[operand, level, loop, whole] for loop in LOOP_DIMS}
        below = (
            {loop: self._below[operand, level - 1, loop, whole] for loop in LOOP_DIMS}
            if level
            else {loop: np.ones(len(self.archs)) for loop in LOOP_DIMS}
        )
        ratio = np.broadcast_to(self._volume(operand, here) / self._volume(operand, below), (len(self.archs),))
        rounded: Floats = np.round(ratio)[:, None]
        return rounded

    def units(self, operand: str, level: int) -> Floats:
        """(d, 1): instances of a level at work."""
        above = np.ones(len(self.archs))
        for other in range(level + 1, len(self.levels[operand])):
            for loop in LOOP_DIMS:
                above = above * self.spatial(operand, other, loop, whole=False)
        rounded: Floats = np.round(np.round(above, 3))[:, None]
        return rounded

    def reduced_above(self, level: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """(d, 1): whether array dimensions outside a level of the output add into the same sums."""
        found = np.zeros(len(self.archs), dtype=bool)
        for other in range(level + 1, len(self.levels["O"])):
            for loop in IRRELEVANT["O"]:
                found |= self.spatial("O", other, loop, whole=False) > 1
        return found[:, None]

    @cached_property
    def drain_cycles(self) -> Floats:
        """(d, 1): along a systolic dimension the last results leave one unit per cycle."""
        systolic = self.archs[0].systolic
        return np.array(
            [[sum(max(units - 1, 0) for dim, units in s.asked if dim in systolic)] for s in self.spatials],
            dtype=np.float64,
        )
