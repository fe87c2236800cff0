"""A plane with two axes on which series are drawn: what scatter plots and curves share. It zooms, pans and redraws.

What is drawn is computed once for a size, a part of the plane and its data, and kept: moving the cursor redraws the
lines it leaves and enters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from workbench.tui.widgets.frame import ABOVE, Axis, Frame, frame
from workbench.tui.widgets.palette import marker as usual_marker
from workbench.tui.widgets.palette import palette
from workbench.tui.widgets.raster import EMPTY, MARKERS, Raster, Series, Span, around, draw
from workbench.views.text import plain

ZOOM: Final = 0.7
"""What a step of zooming leaves to be seen."""


@dataclass(frozen=True, slots=True)
class Key:
    """An entry above the plot that says what a sign and a colour stand for."""

    sign: str
    colour: int
    text: str


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """The plot as it was last computed, and for what."""

    size: Size
    spans: tuple[Span, Span]
    frame: Frame
    raster: Raster


class Plane(Widget, can_focus=True):
    """Series on two axes. `series` come in the order in which they are drawn."""

    DEFAULT_CSS = """
    Plane {
        width: 1fr;
        height: 1fr;
        min-width: 20;
        min-height: 6;
        & > .plane--frame { color: $foreground 60%; }
        & > .plane--cursor { color: $foreground; text-style: bold reverse; }
        & > .plane--hover { color: $foreground; text-style: bold underline; }
        &:focus > .plane--frame { color: $foreground; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"plane--frame", "plane--cursor", "plane--hover"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", show=False, key_display="+"),
        Binding("minus", "zoom(-1)", "Zoom out", show=False, key_display="-"),
        Binding("0", "reset", "Show all", show=False),
        Binding("shift+left,H", "pan(-1, 0)", "Pan left", show=False),
        Binding("shift+right,L", "pan(1, 0)", "Pan right", show=False),
        Binding("shift+up,K", "pan(0, 1)", "Pan up", show=False),
        Binding("shift+down,J", "pan(0, -1)", "Pan down", show=False),
    ]

    def __init__(
        self,
        x: Axis,
        y: Axis,
        *,
        marker: str | None = None,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.x_axis, self.y_axis = x, y
        self.marker = marker or usual_marker()
        self._series: tuple[Series, ...] = ()
        self._keys: tuple[Key, ...] = ()
        self._zoomed: tuple[Span, Span] | None = None
        self._whole: tuple[Span, Span] | None = None
        self._drawn: Drawn | None = None
        self._lines: dict[int, Strip] = {}
        self._dragged: tuple[int, int] | None = None
        self._colours: tuple[Style, ...] = ()

    # What it shows

    def show(self, series: Sequence[Series], keys: Sequence[Key] = ()) -> None:
        """Other data on the same axes; what is zoomed into stays so."""
        self._series, self._keys = tuple(series), tuple(keys)
        self._whole = None
        self._redraw()

    def set_axes(self, x: Axis, y: Axis) -> None:
        """Other axes, or the same on another scale; shows all."""
        self.x_axis, self.y_axis = x, y
        self._whole = self._zoomed = None
        self._redraw()

    @property
    def series(self) -> tuple[Series, ...]:
        return self._series

    @property
    def spans(self) -> tuple[Span, Span]:
        """The part of the plane that is shown."""
        if self._zoomed is not None:
            return self._zoomed
        if self._whole is None:
            x = around([each.x for each in self._series], self.x_axis.log)
            y = around([each.y for each in self._series], self.y_axis.log)
            self._whole = (x, y)
        return self._whole

    @property
    def drawn(self) -> Drawn:
        """The plot at the present size, computed now if it is not yet."""
        spans = self.spans
        if self._drawn is None or self._drawn.size != self.size or self._drawn.spans != spans:
            x, y = spans
            around_it = frame((self.x_axis, x), (self.y_axis, y), self.size.width, self.size.height)
            raster = draw(self._series, x, y, around_it.columns, around_it.rows, MARKERS[self.marker])
            self._drawn = Drawn(self.size, spans, around_it, raster)
            self._lines = {}
        return self._drawn

    def _redraw(self) -> None:
        self._drawn = None
        self.refresh()

    # Moving about

    def action_zoom(self, steps: int) -> None:
        """In or out, about the cursor or the middle."""
        self.zoom(ZOOM**steps, *self.centre())

    def action_reset(self) -> None:
        self._zoomed = None
        self._redraw()

    def action_pan(self, right: int, up: int) -> None:
        x, y = self.spans
        self._zoomed = (x.moved(0.15 * right), y.moved(0.15 * up))
        self._redraw()

    def zoom(self, factor: float, across: float, up: float) -> None:
        """Shows `factor` times as much; the place (0..1, 0..1) stays where it is."""
        x, y = self.spans
        self._zoomed = (x.zoomed(factor, across), y.zoomed(factor, up))
        self._redraw()

    def centre(self) -> tuple[float, float]:
        """About what place to zoom."""
        return 0.5, 0.5

    def cell_at(self, x: int, y: int) -> tuple[int, int] | None:
        """The plot's cell (row, column) under a place in the widget; None beside the plot."""
        around_it = self.drawn.frame
        row, column = y - ABOVE, x - around_it.gutter - 1
        inside = 0 <= row < around_it.rows and 0 <= column < around_it.columns
        return (row, column) if inside else None

    def _place(self, event: events.MouseEvent) -> tuple[float, float] | None:
        cell = self.cell_at(event.x, event.y)
        if cell is None:
            return None
        around_it = self.drawn.frame
        return (cell[1] + 0.5) / around_it.columns, 1 - (cell[0] + 0.5) / around_it.rows

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, ZOOM)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1 / ZOOM)

    def _wheel(self, event: events.MouseEvent, factor: float) -> None:
        place = self._place(event)
        if place is not None:
            event.stop()
            self.zoom(factor, *place)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if self.cell_at(event.x, event.y) is not None:
            self._dragged = (event.x, event.y)
            self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self._dragged = None
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """With the button held the plane follows the mouse."""
        if self._dragged is None or event.button == 0:
            return
        right, down = self._dragged[0] - event.x, self._dragged[1] - event.y
        if right or down:
            around_it, (x, y) = self.drawn.frame, self.spans
            self._zoomed = (x.moved(right / around_it.columns), y.moved(-down / around_it.rows))
            self._dragged = (event.x, event.y)
            self._redraw()

    # Drawing

    def overlay(self) -> dict[tuple[int, int], Style]:
        """Cells (row, column) of the plot that are drawn in a style of their own."""
        return {}

    def redraw_row(self, row: int) -> None:
        """A row of the plot again, because the overlay has changed there."""
        self._lines.pop(row + ABOVE, None)
        self.refresh(Region(0, row + ABOVE, self.size.width, 1))

    def notify_style_update(self) -> None:
        self._lines, self._colours = {}, ()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        drawn = self.drawn
        if y not in self._lines:
            self._lines[y] = self._line(y, drawn).adjust_cell_length(self.size.width, self.rich_style)
        return self._lines[y]

    def _line(self, y: int, drawn: Drawn) -> Strip:
        around_it = drawn.frame
        quiet = self.get_component_rich_style("plane--frame")
        if y < ABOVE:
            return self._head(quiet)
        row = y - ABOVE
        if row < around_it.rows:
            return Strip([Segment(around_it.left[row], quiet), *self._cells(row, drawn.raster)])
        below = {0: around_it.axis, 1: around_it.labels}.get(row - around_it.rows, "")
        return Strip([Segment(below, quiet)])

    def _head(self, quiet: Style) -> Strip:
        """The name of the axis up, and the key as far as there is room for it, at the right."""
        title, styles = self.y_axis.title, self._styles()
        room, entries = self.size.width - cell_len(title) - 2, list[Segment]()
        for key in self._keys:
            text = f" {plain(key.text)}  "
            room -= cell_len(key.sign) + cell_len(text)
            if room < 0:
                break
            entries += [Segment(key.sign, styles[key.colour]), Segment(text, quiet)]
        if room < 0 and not entries:
            return Strip([Segment(title, quiet)])
        gap = self.size.width - cell_len(title) - sum(segment.cell_length for segment in entries)
        return Strip([Segment(title, quiet), Segment(" " * max(gap, 1), quiet), *entries])

    def _styles(self) -> tuple[Style, ...]:
        """A style for each colour, and behind them, for EMPTY, that of the background; kept until the theme changes."""
        if not self._colours:
            ground = self.rich_style
            styles = palette(self.app.console.color_system).styles()
            self._colours = (*(ground + style for style in styles), ground)
        return self._colours

    def _cells(self, row: int, raster: Raster) -> list[Segment]:
        """A row of the plot, neighbours of one style together."""
        text = raster.characters[row].astype("<u4").tobytes().decode("utf-32-le")
        colours, styles = raster.colours[row], self._styles()
        marked = {column: style for (at, column), style in self.overlay().items() if at == row}
        changes = np.flatnonzero(np.diff(colours)) + 1
        edges = sorted({0, len(text), *changes.tolist(), *marked, *(column + 1 for column in marked)})
        return [
            Segment(text[start:end], marked.get(start, styles[EMPTY if colours[start] < 0 else colours[start]]))
            for start, end in pairwise(edges)
        ]
