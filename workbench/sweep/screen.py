"""The front of latency, energy and area among more points than memory holds: look-ups tell that most are off it.

Two tables have the least area of any point known so far with less latency and energy. The first is by classes of both:
the leading bits of a float32, so many to an octave and in the order of the numbers, which cost nothing to find; it
speaks of points in strictly lower classes. What it leaves open is looked up in the second, by places among the values
that occur on the front, or among some of them. What both leave open meets the exact front, some thousands at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.pareto import Front

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Places = NDArray[np.int64] | NDArray[np.int32]

SHIFT = 18
"""Of 23 bits of mantissa 5 stay: 32 classes to an octave."""
CLASSES_MOST = 2048
PLACES_MOST = 1024
PENDING = 16_384
SEEDS = 1024


class Screen:
    """A front that takes points by the million; ids as in `pareto.Front`."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._waiting: list[tuple[Floats, Ints]] = []
        self._count = 0
        self._rough: _Rough | None = None
        self._fine: _Fine | None = None
        self._learn()

    def open(self, latency: Floats, energy: Floats, area: Floats) -> Ints:
        """The places of those points that may be on the front; all others are dominated.  # (n,) each -> (k,)"""
        if self._rough is None and len(latency) > SEEDS:
            some = slice(None, None, len(latency) // SEEDS)
            self._rough = _Rough(latency[some], energy[some], area[some])
        if self._rough is None:
            return np.arange(len(latency))
        found = np.flatnonzero(area < self._rough.least(latency, energy))
        if self._fine is not None and len(found):
            found = found[area[found] < self._fine.least(latency[found], energy[found])]
        return found

    def add(self, points: Floats, ids: Ints) -> None:
        """Points (n, 3) that are open, with their ids (n,)."""
        if len(ids):
            self._waiting.append((points, ids))
            self._count += len(ids)
        if self._count >= max(PENDING, len(self._front)):  # each takes as long as the front is
            self.front()

    def front(self) -> Front:
        """The exact front of all that was added."""
        if self._waiting:
            points = np.concatenate([some for some, _ in self._waiting])
            ids = np.concatenate([some for _, some in self._waiting])
            self._waiting, self._count = [], 0
            self._front.add(points, ids)
            self._learn()
        return self._front

    def _learn(self) -> None:
        if len(self._front):
            latency, energy, area = self._front.points.T
            self._rough, self._fine = _Rough(latency, energy, area), _Fine(latency, energy, area)


class _Rough:
    """By classes: of all points in strictly lower ones, which therefore have less of both."""

    def __init__(self, latency: Floats, energy: Floats, area: Floats) -> None:
        x, y = _classes(latency), _classes(energy)
        self._x0, self._y0 = int(x.min()), int(y.min())
        # The last class also stands for all above it: points in it are not looked up by any.
        self._rows = min(int(x.max()) - self._x0 + 2, CLASSES_MOST)
        self._columns = min(int(y.max()) - self._y0 + 2, CLASSES_MOST)
        x, y = np.minimum(x - self._x0, self._rows - 1), np.minimum(y - self._y0, self._columns - 1)
        self._table = _accumulated(x, y, area, self._rows, self._columns)

    def least(self, latency: Floats, energy: Floats) -> Floats:
        """(n,), (n,) -> (n,)"""
        at = np.clip(_classes(latency) - np.int32(self._x0), 0, self._rows - 1)
        at *= np.int32(self._columns)
        at += np.clip(_classes(energy) - np.int32(self._y0), 0, self._columns - 1)
        found: Floats = self._table.take(at)
        return found


class _Fine:
    """By places among values: of all points that have no more of either.

    Of more values than `PLACES_MOST` some are taken; a point counts from the next one on.
    """

    def __init__(self, latency: Floats, energy: Floats, area: Floats) -> None:
        self._xs, self._ys = _thinned(latency), _thinned(energy)
        x, y = np.searchsorted(self._xs, latency), np.searchsorted(self._ys, energy)
        self._table = _accumulated(x, y, area, len(self._xs) + 1, len(self._ys) + 1)

    def least(self, latency: Floats, energy: Floats) -> Floats:
        """(n,), (n,) -> (n,)"""
        at = np.searchsorted(self._xs, latency, side="right") * (len(self._ys) + 1)
        at += np.searchsorted(self._ys, energy, side="right")
        found: Floats = self._table.take(at)
        return found


def _accumulated(x: Places, y: Places, area: Floats, rows: int, columns: int) -> Floats:
    """For each place the least area of the points at lower ones in both, flat."""
    least = np.full((rows + 1, columns + 1), np.inf)
    np.minimum.at(least, (x + 1, y + 1), area)
    np.minimum.accumulate(least, axis=0, out=least)
    np.minimum.accumulate(least, axis=1, out=least)
    return np.ascontiguousarray(least[:-1, :-1]).ravel()


def _classes(values: Floats) -> NDArray[np.int32]:
    """Positive numbers to classes.  # (n,) -> (n,)"""
    found: NDArray[np.int32] = values.astype(np.float32).view(np.int32) >> SHIFT
    return found


def _thinned(values: Floats) -> Floats:
    """The different values, ascending; at most `PLACES_MOST` of them, evenly."""
    found = np.unique(values)
    if len(found) <= PLACES_MOST:
        return found
    return found[np.linspace(0, len(found) - 1, PLACES_MOST).astype(np.int64)]
