"""One number of PEs of a sweep: which of its designs are valid, counted, and which can be on a front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CELLS_AT_ONCE = 65_536
"""Designs of one L1 that are looked at together: their arrays stay in cache."""


@dataclass(frozen=True)
class Cells:
    """Factors over w bandwidths, n sizes of the L2 and m of the L1; a design's energy, area and power are the sums.

    `latency` (w, n) or (w, 1), `energy` (w, n), (w, 1) or (1, 1), `area` (w, n); `l1_energy` and `l1_area` (m,) do not
    fall with the size, or nothing is pruned (`rises`). The first L1 and the first L2 that hold what the mapping needs
    are `least_l1` and `least_l2` (m or n where none does), `runs` (w,) tells where the mapping gives a result at all.
    Where power is no energy by time, `power` (w, n) and `l1_power` (m,) tell it in mW.
    """

    latency: Floats
    energy: Floats
    area: Floats
    l1_energy: Floats
    l1_area: Floats
    least_l1: int
    least_l2: int
    runs: Bools
    power: Floats | None = None
    l1_power: Floats | None = None

    @property
    def rises(self) -> bool:
        """Whether nothing of a design gets less with a larger L1, as `candidates` and `Part.count` rely on."""
        return not any((np.diff(values) < 0).any() for values in (self.l1_energy, self.l1_area))

    def parts(self) -> Iterator[Part]:
        """The cells with room for the mapping, a few bandwidths at a time."""
        width, sizes = self.area.shape
        some = sizes - self.least_l2
        if some <= 0 or self.least_l1 >= len(self.l1_area) or not self.runs.any():
            return
        step = max(1, CELLS_AT_ONCE // some)
        for first in range(0, width, step):
            rows = np.flatnonzero(self.runs[first : first + step]) + first
            if rows.size:
                yield Part(self, rows)


@dataclass(frozen=True)
class Limits:
    """What a valid design keeps: um2, mW; and cycles in a second."""

    area_um2: float
    power_mw: float
    clock_hz: float


@dataclass(frozen=True)
class Found:
    """Designs by their places on the axes of bandwidth, L1 and L2, with their objectives, (k,) each."""

    noc: Ints
    l1: Ints
    l2: Ints
    latency: Floats
    energy: Floats
    area: Floats

    def __len__(self) -> int:
        return len(self.latency)

    def take(self, which: Bools | Ints) -> Found:
        """Some of them."""
        return Found(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


class Part:
    """Some bandwidths of the cells, flat: c of them, L2 fastest."""

    def __init__(self, cells: Cells, rows: Ints) -> None:
        self._cells = cells
        sizes = slice(cells.least_l2, None)
        shape = len(rows), cells.area.shape[1] - cells.least_l2

        def flat(values: Floats) -> Floats:
            some = values if len(values) == 1 else values[rows]
            some = some if some.shape[1] == 1 else some[:, sizes]
            return np.ascontiguousarray(np.broadcast_to(some, shape)).ravel()

        self.latency, self.energy, self.area = flat(cells.latency), flat(cells.energy), flat(cells.area)
        self.power = None if cells.power is None else flat(cells.power)
        self.noc = np.repeat(rows, shape[1])
        self.l2 = np.tile(np.arange(shape[1]) + cells.least_l2, len(rows))
        self.shared = cells.latency.shape[1] == 1 and cells.energy.shape[1] == 1

    def __len__(self) -> int:
        return len(self.area)

    def valid(self, limits: Limits, l1: int | Ints, at: slice | Bools = slice(None)) -> Bools:
        """Whether designs with an L1, one for all or one each, keep the limits."""
        cells = self._cells
        kept: Bools = self.area[at] + cells.l1_area[l1] <= limits.area_um2
        if self.power is not None and cells.l1_power is not None:
            return kept & (self.power[at] + cells.l1_power[l1] <= limits.power_mw)
        if limits.power_mw == np.inf:
            return kept
        energy = self.energy[at] + cells.l1_energy[l1]
        return kept & (energy * 1e-9 / (self.latency[at] / limits.clock_hz) <= limits.power_mw)

    def count(self, limits: Limits) -> int:
        """Valid designs of every L1, by bisection.

        For given PEs, bandwidth and L2 latency is given; energy, area and power rise with the L1, also as rounded: the
        sum with a larger number is not smaller. So the L1s that keep the limits are the first ones.
        """
        first, end = self._cells.least_l1, len(self._cells.l1_area)
        if self.valid(limits, end - 1).all():
            return (end - first) * len(self)
        low = np.full(len(self), first)  # all below are valid
        high = np.full(len(self), end)  # all from here on are not
        while (low < high).any():
            middle = (low + high) >> 1
            ok = self.valid(limits, np.minimum(middle, end - 1)) & (middle < high)
            low, high = np.where(ok, middle + 1, low), np.where(ok, high, middle)
        return int((low - first).sum())

    def at(self, l1: int, which: Bools) -> Found:
        """The designs of some cells with an L1."""
        cells = self._cells
        some = np.flatnonzero(which)
        return Found(
            self.noc[some],
            np.full(len(some), l1),
            self.l2[some],
            self.latency[some],
            self.energy[some] + cells.l1_energy[l1],
            self.area[some] + cells.l1_area[l1],
        )


def candidates(cells: Cells, part: Part, limits: Limits) -> Found:
    """The valid designs that can be on a front.

    With a larger L1 energy and area rise and latency stays: only the first that holds the need is a candidate, and if
    it keeps no limit none does. The same holds for the L2 where neither latency nor energy depends on it.
    """
    which = part.valid(limits, cells.least_l1)
    if part.shared:
        which &= part.l2 == cells.least_l2
    return part.at(cells.least_l1, which)


def every(cells: Cells, part: Part, limits: Limits) -> Iterator[Found]:
    """All valid designs, one L1 after the other."""
    for l1 in range(cells.least_l1, len(cells.l1_area)):
        yield part.at(l1, part.valid(limits, l1))
