"""A scatter plot for the terminal: braille dots for the dominated, a disc for each front member, axes with ticks.

It reads without colour, too: the front has a mark of its own. Where the terminal has no Unicode it is plain ASCII.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from workbench.views.quantity import BASE_UNITS, METRIC_WORDS, PARTS
from workbench.views.ticks import Scale, labels

Floats = NDArray[np.float64]

BRAILLE_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # (row, column) of a cell's dots
MIN_WIDTH, MIN_HEIGHT = 40, 8
FRONT_STYLE, CLOUD_STYLE, FRAME_STYLE = "bold green", "dim", "dim"


@dataclass(frozen=True, slots=True)
class Names:
    """What a plot calls things, where that is not the metrics and the front."""

    across: str
    up: str
    marked: str
    others: str


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What the plot is drawn with."""

    front: str
    corner: str
    across: str
    up: str
    tick_x: str
    tick_y: str
    braille: bool


UNICODE = Glyphs("●", "└", "─", "│", "┬", "┤", braille=True)
ASCII = Glyphs("o", "+", "-", "|", "+", "+", braille=False)


def scatter(
    points: Floats,
    front: NDArray[np.bool_],
    metrics: tuple[str, str],
    width: int = 80,
    height: int = 18,
    glyphs: Glyphs = UNICODE,
    names: Names | None = None,
) -> Text:
    """Points (n, 2), of which `front` (n,) marks the members, as `height` lines of at most `width` columns, and a key.

    Both axes are logarithmic where all values are positive; axes carry the metrics' units, with SI prefixes.
    """
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    if names is None:
        across, up = (METRIC_WORDS.get(name, name) for name in metrics)
        names = Names(across, up, "front", "dominated")
    scaled, units = _in_base_units(points, metrics)
    x, y = (Scale.around(float(column.min()), float(column.max())) for column in scaled.T)
    rows = height - 3  # the frame's line, its labels, and the key
    ticks = _y_marks(y, units[1], rows)
    gutter = max(len(text) for text in ticks.values()) + 1
    columns = width - gutter - 1
    cells = _cells(_positions(scaled, x, y), front, columns, rows, glyphs)
    plot = Text(no_wrap=True, overflow="crop")
    plot.append(f"{names.up} [{units[1]}]\n".rjust(gutter))
    for row in range(rows):
        plot.append(ticks.get(row, "").rjust(gutter - 1) + " ")
        plot.append(glyphs.tick_y if row in ticks else glyphs.up, FRAME_STYLE)
        plot.append_text(cells[row])
        plot.append("\n")
    x_axis(plot, x, units[0], gutter, columns, glyphs)
    plot.append(" " * (gutter + 1))
    key = Text.assemble(
        (glyphs.front, FRONT_STYLE),
        f" {names.marked} ({int(front.sum())})   ",
        ("⣿" if glyphs.braille else ".", CLOUD_STYLE),
        f" {names.others} ({int((~front).sum())})",
    )
    plot.append_text(key)
    name = f"{names.across} [{units[0]}]"
    room = columns - key.cell_len
    plot.append(name.rjust(room) if room > len(name) else "\n" + name.rjust(width))
    return plot


def _in_base_units(points: Floats, metrics: tuple[str, str]) -> tuple[Floats, tuple[str, str]]:
    """Values in the units that take SI prefixes, and those units."""
    known = [
        (("mm2", 1e-6) if name == "area_um2" else ("%", 100.0) if name in PARTS else BASE_UNITS.get(name, ("", 1.0)))
        for name in metrics
    ]
    return points * np.array([factor for _, factor in known]), (known[0][0], known[1][0])


def _positions(points: Floats, x: Scale, y: Scale) -> Floats:
    """Points as fractions of the plot's width and height, the origin at the lower left.  # (n, 2) -> (n, 2)"""
    columns = []
    for values, scale in ((points[:, 0], x), (points[:, 1], y)):
        low, high = scale.low, scale.high
        if scale.log:
            values, low, high = np.log10(values), np.log10(low), np.log10(high)
        columns.append((values - low) / (high - low))
    return np.column_stack(columns)


def _cells(places: Floats, front: NDArray[np.bool_], columns: int, rows: int, glyphs: Glyphs) -> list[Text]:
    """The inside of the plot, line by line: a cell with a front member shows it, any other its dots."""
    dots = np.zeros((rows * 4, columns * 2), dtype=np.bool_)
    across, down = _grid(places, columns * 2, rows * 4)
    dots[down[~front], across[~front]] = True
    blocks = dots.reshape(rows, 4, columns, 2)
    members = np.zeros((rows, columns), dtype=np.bool_)
    members[down[front] // 4, across[front] // 2] = True
    if glyphs.braille:
        codes = np.einsum("rycx,yx->rc", blocks, BRAILLE_BITS)
        cloud = [[chr(0x2800 + code) if code else " " for code in line] for line in codes.tolist()]
    else:
        counts = blocks.sum(axis=(1, 3))
        cloud = [[" " if n == 0 else "." if n < 3 else ":" for n in line] for line in counts.tolist()]
    return [_line(cloud[row], members[row].tolist(), glyphs.front) for row in range(rows)]


def _line(cloud: list[str], members: list[bool], mark: str) -> Text:
    """One line of cells, neighbours of one style in one span."""
    line = Text()
    for is_member, cells in groupby(range(len(cloud)), key=members.__getitem__):
        run = list(cells)
        line.append(
            mark * len(run) if is_member else "".join(cloud[c] for c in run), FRONT_STYLE if is_member else CLOUD_STYLE
        )
    line.rstrip()
    return line


def _grid(places: Floats, width: int, height: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    across = np.clip((places[:, 0] * width).astype(np.int64), 0, width - 1)
    down = np.clip(((1 - places[:, 1]) * height).astype(np.int64), 0, height - 1)
    return across, down


def _y_marks(scale: Scale, unit: str, rows: int) -> dict[int, str]:
    """Row -> tick label, top row 0."""
    values = scale.ticks(max(2, rows // 3))
    texts = _bare(labels(values, unit), unit)
    return {
        min(rows - 1, max(0, int((1 - scale.place(value)) * rows))): text
        for value, text in zip(values, texts, strict=True)
    } or {0: ""}


def _bare(texts: list[str], unit: str) -> list[str]:
    """The unit stands at the axis; a tick shows number and prefix."""
    return [text.removesuffix(unit).rstrip() for text in texts]


def x_axis(plot: Text, scale: Scale, unit: str, gutter: int, columns: int, glyphs: Glyphs) -> None:
    """The frame's bottom with its ticks, and their labels where they do not touch."""
    values = scale.ticks(max(2, columns // 11))
    frame, below = [glyphs.across] * columns, [" "] * (columns + gutter + 1)
    free = 0
    for value, text in zip(values, _bare(labels(values, unit), unit), strict=True):
        column = min(columns - 1, int(scale.place(value) * columns))
        start = min(max(gutter + 1 + column - len(text) // 2, free), len(below) - len(text))
        if start < free:
            continue
        frame[column] = glyphs.tick_x
        below[start : start + len(text)] = text
        free = start + len(text) + 1
    plot.append(" " * gutter + glyphs.corner + "".join(frame) + "\n", FRAME_STYLE)
    plot.append("".join(below).rstrip() + "\n")
