"""The frame of a plot: its axes with ticks at round values, their labels, and what is left for the plot itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from workbench.tui.widgets.raster import Span
from workbench.views.quantity import si
from workbench.views.text import plain
from workbench.views.ticks import Scale, labels

CORNER, ACROSS, UP, TICK_X, TICK_Y = "└", "─", "│", "┬", "┤"
BELOW: Final = 2
"""Lines below the plot: the axis and its labels."""
ABOVE: Final = 1
"""The line above the plot: the name of the axis up, and the key."""
_WIDEST: Final = 14


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows. Values of a `categories` axis are places in it."""

    name: str
    unit: str = ""
    log: bool = False
    categories: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return plain(f"{self.name} [{self.unit}]" if self.unit else self.name).replace("\n", "\\n")

    def ticks(self, span: Span, most: int) -> list[tuple[float, str]]:
        """(place 0..1, label) of some round values."""
        if self.categories:
            return self._named(span, most)
        low, high = span.ends
        if not (0 < high - low < float("inf")) or (span.log and low <= 0):
            return []
        scale = Scale(low, high, span.log)
        values = scale.ticks(max(2, most))
        texts = [text.removesuffix(self.unit).rstrip() for text in labels(values, self.unit)]
        if not self.unit and all(value == 0 or 1e-3 <= abs(value) < 1e5 for value in values):
            texts = [f"{value:.10g}" for value in values]
        return [(scale.place(value), text) for value, text in zip(values, texts, strict=True)]

    def _named(self, span: Span, most: int) -> list[tuple[float, str]]:
        low, high = span.ends
        places = [i for i in range(len(self.categories)) if low <= i <= high]
        every = max(1, -(-len(places) // max(most, 1)))
        return [((i - low) / (high - low), _short(self.categories[i])) for i in places[::every]]

    def shown(self, value: float) -> str:
        """A value of this axis in words."""
        if self.categories:
            return _short(self.categories[round(value)]) if 0 <= round(value) < len(self.categories) else ""
        return si(value, self.unit)


def _short(text: str) -> str:
    shown = plain(text).replace("\n", "\\n")
    return shown if len(shown) <= _WIDEST else f"{shown[: _WIDEST - 1]}…"


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything around a plot of `columns` x `rows` cells, as lines of text as wide as the widget."""

    gutter: int
    columns: int
    rows: int
    left: tuple[str, ...]
    """For each row of the plot what stands left of it, the axis' line included."""
    axis: str
    labels: str


def frame(x: tuple[Axis, Span], y: tuple[Axis, Span], width: int, height: int) -> Frame:
    """The frame for a widget of this size; without labels where there is no room for them."""
    rows = max(1, height - ABOVE - BELOW)
    marks = {
        min(rows - 1, max(0, int((1 - place) * rows))): text for place, text in y[0].ticks(y[1], max(2, rows // 3))
    }
    gutter = max((cell_len(text) for text in marks.values()), default=0) + 1
    if gutter > width // 3:
        marks, gutter = {}, 0
    columns = max(1, width - gutter - 1)
    left = tuple(f"{_right(marks.get(row, ''), gutter)}{TICK_Y if row in marks else UP}" for row in range(rows))
    ticks = x[0].ticks(x[1], max(2, columns // 11))
    axis, below = _across(ticks, x[0].title, gutter, columns)
    return Frame(gutter, columns, rows, left, axis, below)


def _right(text: str, gutter: int) -> str:
    """A label that ends one cell before the axis."""
    return " " * (gutter - 1 - cell_len(text)) + text + " " if gutter else ""


def _put(cells: list[str], start: int, text: str) -> None:
    """Writes a text over cells; a wide character takes two of them, a combining one none."""
    at = start
    for character in text:
        wide = cell_len(character)
        if wide == 0:
            cells[max(start, at - 1)] += character
            continue
        cells[at : at + wide] = [character, *[""] * (wide - 1)]
        at += wide


def _across(ticks: Sequence[tuple[float, str]], title: str, gutter: int, columns: int) -> tuple[str, str]:
    """The axis with its ticks, and the line with their labels and, at its end, the axis' name."""
    line, below = [ACROSS] * columns, [" "] * (gutter + 1 + columns)
    end = len(below)
    if cell_len(title) + 2 <= columns:
        _put(below, end - cell_len(title), title)
        end -= cell_len(title) + 1
    free = 0
    for place, text in ticks:
        column = min(columns - 1, max(0, int(place * columns)))
        wide = cell_len(text)
        start = max(free, gutter + 1 + column - wide // 2)
        line[column] = TICK_X
        if start + wide > end or start > gutter + 1 + column:
            continue
        _put(below, start, text)
        free = start + wide + 1
    return " " * gutter + CORNER + "".join(line), "".join(below)
