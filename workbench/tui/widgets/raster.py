"""Points and lines to characters: arrays in, a grid of cells out. A million points take a few passes of numpy.

A cell holds several dots: 2 x 4 in braille, 2 x 2 in quadrant blocks, one in plain ASCII. Beside its character each
cell knows its colour and which point was drawn there last, so that a mouse can find it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Line = Literal["none", "straight", "steps"]
EMPTY: Final = -1


@dataclass(frozen=True, slots=True)
class Marker:
    """How dots become characters: `bits[row, column]` of a cell's dots, and the character of each sum of bits."""

    bits: NDArray[np.uint8]
    characters: NDArray[np.uint32]

    @property
    def dots(self) -> tuple[int, int]:
        """Dots across and down in a cell."""
        return self.bits.shape[1], self.bits.shape[0]


def _characters(text: str) -> NDArray[np.uint32]:
    return np.array([ord(character) for character in text], dtype=np.uint32)


BRAILLE: Final = Marker(
    np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8),
    np.concatenate([_characters(" "), np.arange(0x2801, 0x2900, dtype=np.uint32)]),
)
QUADRANT: Final = Marker(np.array([[1, 2], [4, 8]], dtype=np.uint8), _characters(" ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"))
ASCII: Final = Marker(np.array([[1]], dtype=np.uint8), _characters(" ."))
MARKERS: Final = {"braille": BRAILLE, "quadrant": QUADRANT, "ascii": ASCII}


@dataclass(frozen=True, slots=True)
class Span:
    """What an axis shows: from `low` to `high`, in powers of ten where it is logarithmic."""

    low: float
    high: float
    log: bool = False

    def place(self, values: Floats) -> Floats:
        """Where values lie: 0 at `low`, 1 at `high`; NaN for what a logarithm does not have."""
        return (self.turned(values) - self.low) / (self.high - self.low)

    def turned(self, values: Floats) -> Floats:
        """Values in the axis' own measure."""
        if not self.log:
            return values
        with np.errstate(divide="ignore", invalid="ignore"):
            turned = np.log10(values)
        turned[~(values > 0)] = np.nan
        return turned

    def zoomed(self, factor: float, centre: float) -> Span:
        """`factor` times as much shown, with what stands at `centre` (0..1) staying where it is."""
        width = self.high - self.low
        middle = self.low + centre * width
        least = max(abs(self.low), abs(self.high), 1e-300) * 1e-9  # what floats still tell apart
        width = max(width * factor, least)
        return Span(middle - centre * width, middle + (1 - centre) * width, self.log)

    def moved(self, share: float) -> Span:
        """Shifted by a share of its width."""
        by = (self.high - self.low) * share
        return Span(self.low + by, self.high + by, self.log)

    @property
    def ends(self) -> tuple[float, float]:
        """The values at both ends."""
        return (10.0**self.low, 10.0**self.high) if self.log else (self.low, self.high)


def around(columns: Sequence[Floats], log: bool, margin: float = 0.04) -> Span:
    """A span that holds all finite values of some columns, with a margin; on a logarithmic axis the positive ones."""
    least, most = np.inf, -np.inf
    for values in columns:
        fit = values[np.isfinite(values) & (values > 0)] if log else values[np.isfinite(values)]
        if fit.size:
            least, most = min(least, float(fit.min())), max(most, float(fit.max()))
    if least > most:
        return Span(0.0, 1.0, log)
    low, high = (float(np.log10(least)), float(np.log10(most))) if log else (least, most)
    edge = margin * (high - low)
    if edge <= abs(high) * 1e-12:  # one value, or as good as one
        edge = 0.05 if log else abs(high) * 0.05 or 0.5
    return Span(low - edge, high + edge, log)


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """Points of one kind. A coordinate that is infinite stands at the far edge; one that is NaN hides its point."""

    name: str
    x: Floats  # (n,)
    y: Floats  # (n,)
    ids: Ints  # (n,): what messages call the points
    colour: int | NDArray[np.uint8] = 0  # of all, or of each point (n,): an index into the palette
    mark: str = ""
    """A sign of its own for the cells that hold a point of the series; empty: dots."""
    line: Line = "none"
    selectable: bool = True


@dataclass(frozen=True, eq=False, slots=True)
class Raster:
    """A drawn plot, by cells; the top row is 0."""

    characters: NDArray[np.uint32]  # (rows, columns)
    colours: NDArray[np.int16]  # (rows, columns): an index into the palette, EMPTY where nothing is
    hits: NDArray[np.int64]  # (rows, columns): the point, counted through all series; EMPTY where there is none

    def nearest(self, row: int, column: int, reach: int = 1) -> int:
        """The point in this cell or, within `reach` cells, in the nearest one; EMPTY if there is none."""
        top, left = max(0, row - reach), max(0, column - reach)
        part = self.hits[top : row + reach + 1, left : column + reach + 1]
        rows, columns = np.nonzero(part != EMPTY)
        if not rows.size:
            return EMPTY
        distance = ((rows + top - row) * 2) ** 2 + (columns + left - column) ** 2  # a cell is twice as high as wide
        best = int(np.argmin(distance))
        return int(part[rows[best], columns[best]])

    def towards(self, row: int, column: int, down: int, right: int) -> int:
        """The point that one comes to next from a cell by an arrow key; EMPTY at the edge."""
        rows, columns = np.nonzero(self.hits != EMPTY)
        ahead = (rows - row) * 2 * down + (columns - column) * right
        aside = np.abs((rows - row) * 2 * right) + np.abs((columns - column) * down)
        there = ahead > 0
        if not there.any():
            return EMPTY
        cost = np.where(there, ahead + 2 * aside, np.iinfo(np.int64).max)
        best = int(np.argmin(cost))
        return int(self.hits[rows[best], columns[best]])


def draw(series: Sequence[Series], x: Span, y: Span, columns: int, rows: int, marker: Marker) -> Raster:
    """All series in order: a later one hides the colour and the marks of those before it."""
    across, down = marker.dots
    width, height = columns * across, rows * down
    bits = np.zeros(rows * columns, dtype=np.uint8)
    marks = np.zeros(rows * columns, dtype=np.uint32)
    colours = np.full(rows * columns, EMPTY, dtype=np.int16)
    hits = np.full(rows * columns, EMPTY, dtype=np.int64)
    first = 0
    for each in series:
        at_x, at_y = x.place(each.x) * width, (1.0 - y.place(each.y)) * height
        if each.line != "none":
            _dots(bits, colours, *_path(at_x, at_y, width, height, each.line), each.colour, columns, marker)
        shown, dot_x, dot_y = _inside(at_x, at_y, width, height)
        cells = _cells(dot_x, dot_y, columns, marker)
        if each.mark:
            marks[cells] = ord(each.mark)
        elif each.line == "none":
            bits |= _gathered(dot_x, dot_y, columns, rows, marker)
            marks[cells] = 0
        if each.mark or each.line == "none":
            colours[cells] = each.colour if isinstance(each.colour, int) else each.colour[shown]
        if each.selectable:
            hits[cells] = np.arange(first, first + len(each.x))[shown]
        first += len(each.x)
    characters = np.where(marks, marks, marker.characters[bits])
    shape = (rows, columns)
    return Raster(characters.reshape(shape), colours.reshape(shape), hits.reshape(shape))


def _inside(
    at_x: Floats, at_y: Floats, width: int, height: int
) -> tuple[NDArray[np.bool_] | slice, NDArray[np.int32], NDArray[np.int32]]:
    """Which points can be seen, and the dots they fall on; those at infinity fall on the edge."""
    if np.isinf(at_x).any():
        at_x = np.where(np.isinf(at_x), width - 0.5, at_x)
    if np.isinf(at_y).any():
        at_y = np.where(np.isinf(at_y), 0.5, at_y)
    shown = (at_x >= 0) & (at_x < width) & (at_y >= 0) & (at_y < height)  # false for NaN
    if shown.all():
        return slice(None), at_x.astype(np.int32), at_y.astype(np.int32)
    return shown, at_x[shown].astype(np.int32), at_y[shown].astype(np.int32)


def _cells(dot_x: NDArray[np.int32], dot_y: NDArray[np.int32], columns: int, marker: Marker) -> NDArray[np.int32]:
    across, down = marker.dots
    return (dot_y // np.int32(down)) * np.int32(columns) + dot_x // np.int32(across)


def _gathered(
    dot_x: NDArray[np.int32], dot_y: NDArray[np.int32], columns: int, rows: int, marker: Marker
) -> NDArray[np.uint8]:
    """The bits of every cell in which there is a dot.  # (n,), (n,) -> (rows * columns,)"""
    across, down = marker.dots
    grid = np.zeros((rows * down, columns * across), dtype=np.bool_)
    grid.reshape(-1)[dot_y * np.int32(columns * across) + dot_x] = True
    table = grid.reshape(rows, down, columns, across)
    bits: NDArray[np.uint8] = np.einsum("rdca,da->rc", table, marker.bits, dtype=np.uint8, casting="unsafe")
    return bits.reshape(-1)


def _dots(
    bits: NDArray[np.uint8],
    colours: NDArray[np.int16],
    dot_x: NDArray[np.int32],
    dot_y: NDArray[np.int32],
    colour: int | NDArray[np.uint8],
    columns: int,
    marker: Marker,
) -> None:
    """Draws the dots of a line."""
    bits |= _gathered(dot_x, dot_y, columns, len(bits) // columns, marker)
    colours[_cells(dot_x, dot_y, columns, marker)] = colour if isinstance(colour, int) else int(colour[0])


def _path(
    at_x: Floats, at_y: Floats, width: int, height: int, line: Line
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The dots of the line through points in order, what lies outside cut off."""
    fit = np.isfinite(at_x) & np.isfinite(at_y)
    at_x, at_y = at_x[fit], at_y[fit]
    if line == "steps" and len(at_x):
        at_x, at_y = np.repeat(at_x, 2)[1:], np.repeat(at_y, 2)[:-1]
    if len(at_x) < 2:
        return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)
    from_x, from_y, by_x, by_y = at_x[:-1], at_y[:-1], np.diff(at_x), np.diff(at_y)
    begin, end = _cut(from_x, by_x, width, *_cut(from_y, by_y, height, np.zeros(len(by_x)), np.ones(len(by_x))))
    seen = begin <= end
    from_x, from_y, by_x, by_y, begin, end = (a[seen] for a in (from_x, from_y, by_x, by_y, begin, end))
    many = np.ceil(np.maximum(np.abs(by_x), np.abs(by_y)) * (end - begin)).astype(np.int64) + 1
    which = np.repeat(np.arange(len(many)), many)
    step = np.arange(len(which)) - np.repeat(np.cumsum(many) - many, many)
    share = begin[which] + (end - begin)[which] * step / np.maximum(many - 1, 1)[which]
    dot_x = np.clip(from_x[which] + by_x[which] * share, 0, width - 1).astype(np.int32)
    dot_y = np.clip(from_y[which] + by_y[which] * share, 0, height - 1).astype(np.int32)
    return dot_x, dot_y


def _cut(start: Floats, by: Floats, size: int, begin: Floats, end: Floats) -> tuple[Floats, Floats]:
    """The part of each segment, from `begin` to `end` (0..1), that lies in 0..size (Liang and Barsky 1984)."""
    still = np.where(by == 0, 1.0, by)
    near, far = (0.0 - start) / still, (size - start) / still
    low, high = np.minimum(near, far), np.maximum(near, far)
    outside = (by == 0) & ((start < 0) | (start > size))
    low = np.where(by == 0, np.where(outside, 2.0, 0.0), low)
    high = np.where(by == 0, np.where(outside, -1.0, 1.0), high)
    return np.maximum(begin, low), np.minimum(end, high)
