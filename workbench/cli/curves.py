"""Curves for the terminal: what grows over a run, one sign for each curve, so that it reads without colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from workbench.cli.plot import FRAME_STYLE, MIN_HEIGHT, MIN_WIDTH, UNICODE, Glyphs, x_axis
from workbench.views.ticks import Scale

SIGNS = "123456789abcdefghijklmnopqrstuvwxyz"
STYLES = ("bold green", "bold cyan", "bold magenta", "bold yellow", "bold blue", "bold red")

Curve = tuple[str, Callable[[float], float | None]]
"""A name, and its value at a place on the axis across; None where it has none yet."""


def curves(
    given: Sequence[Curve],
    most: float,
    names: tuple[str, str],
    width: int = 80,
    height: int = 18,
    glyphs: Glyphs = UNICODE,
) -> Text:
    """Curves from 0 to `most` as `height` lines of at most `width` columns, and a key below.

    `names` are those of the axes, across and up. Where curves meet, the first one shows.
    """
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    rows = height - 3  # the frame's line, its labels, and the name of the axis
    values = [[value(most * (i + 1) / width) for i in range(width)] for _, value in given]
    y = _scale([value for each in values for value in each if value is not None])
    marks = {_row(y, value, rows): f"{value:.3g}" for value in y.ticks(max(2, rows // 3))}
    gutter = max(map(len, marks.values()), default=0) + 1
    columns = width - gutter - 1
    cells = [[-1] * columns for _ in range(rows)]
    for number, each in reversed(list(enumerate(values))):
        for column in range(columns):
            value = each[min(width - 1, (column + 1) * width // columns - 1)]
            if value is not None:
                cells[_row(y, value, rows)][column] = number
    plot = Text(no_wrap=True, overflow="crop")
    plot.append(f"{names[1]}\n")
    for row, line in enumerate(cells):
        plot.append(marks.get(row, "").rjust(gutter - 1) + " ")
        plot.append(glyphs.tick_y if row in marks else glyphs.up, FRAME_STYLE)
        for number in line:
            plot.append(" " if number < 0 else _sign(number), "" if number < 0 else _style(number))
        plot.append("\n")
    x_axis(plot, Scale(0.0, most, log=False), "", gutter, columns, glyphs)
    plot.append(names[0].rjust(width) + "\n")
    for number, (name, _) in enumerate(given):
        plot.append(_sign(number), _style(number))
        plot.append(f" {name}   ")
    plot.rstrip()
    return plot


def _scale(values: Sequence[float]) -> Scale:
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.04 * (high - low) or 0.5
    return Scale(low - margin, high + margin, log=False)


def _row(scale: Scale, value: float, rows: int) -> int:
    """Top row 0."""
    return min(rows - 1, max(0, int((1 - scale.place(value)) * rows)))


def _sign(number: int) -> str:
    return SIGNS[number % len(SIGNS)]


def _style(number: int) -> str:
    return STYLES[number % len(STYLES)]
