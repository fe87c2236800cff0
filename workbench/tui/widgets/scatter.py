"""A scatter plot of any number of points: hover and arrow keys find them, Enter and a click choose one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from workbench.tui.widgets.plane import Drawn, Key, Plane
from workbench.tui.widgets.raster import EMPTY, Series


class Scatter(Plane):
    """Points on a plane. The highlighted one is where the cursor is; it stays so when data come in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(0, -1)", "Point to the left", show=False),
        Binding("right,l", "step(0, 1)", "Point to the right", show=False),
        Binding("up,k", "step(-1, 0)", "Point above", show=False),
        Binding("down,j", "step(1, 0)", "Point below", show=False),
        Binding("enter", "select", "Choose", show=False),
    ]

    @dataclass
    class Highlighted(Message):
        """The cursor has come to a point, by mouse or key."""

        scatter: Scatter
        point: int

        @property
        def control(self) -> Scatter:
            return self.scatter

    @dataclass
    class Selected(Message):
        """A point was chosen by Enter or a click."""

        scatter: Scatter
        point: int

        @property
        def control(self) -> Scatter:
            return self.scatter

    highlighted: int | None = None
    """The point under the cursor, by its id."""
    _pressed: tuple[int, int] | None = None
    _cursor: tuple[Drawn, int | None, tuple[int, int] | None] | None = None

    def show(self, series: Sequence[Series], keys: Sequence[Key] = ()) -> None:
        super().show(series, keys)
        if self.highlighted is not None and self._find(self.highlighted) is None:
            self.highlighted = None

    def highlight(self, point: int | None, *, tell: bool = False) -> None:
        """Puts the cursor on a point, by its id; `tell` posts a message as a key would."""
        if point == self.highlighted:
            return
        before, self.highlighted = self._cursor_cell(), point
        for cell in (before, self._cursor_cell()):
            if cell is not None:
                self.redraw_row(cell[0])
        if tell and point is not None:
            self.post_message(self.Highlighted(self, point))

    def action_step(self, down: int, right: int) -> None:
        """To the next point in a direction; from nowhere, to the one in the middle."""
        raster, cell = self.drawn.raster, self._cursor_cell()
        if cell is None:
            rows, columns = raster.hits.shape
            found = raster.nearest(rows // 2, columns // 2, reach=max(rows, columns))
        else:
            found = raster.towards(*cell, down, right)
        if found != EMPTY:
            self.highlight(self._point(found), tell=True)

    def action_select(self) -> None:
        if self.highlighted is not None:
            self.post_message(self.Selected(self, self.highlighted))

    def centre(self) -> tuple[float, float]:
        cell = self._cursor_cell()
        if cell is None:
            return 0.5, 0.5
        frame = self.drawn.frame
        return (cell[1] + 0.5) / frame.columns, 1 - (cell[0] + 0.5) / frame.rows

    # The mouse

    def on_mouse_move(self, event: events.MouseMove) -> None:
        super().on_mouse_move(event)
        if event.button == 0 and (point := self._under(event)) is not None:
            self.highlight(point, tell=True)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        super().on_mouse_down(event)
        self._pressed = (event.x, event.y)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A click chooses; the end of a drag does not."""
        super().on_mouse_up(event)
        still, self._pressed = self._pressed == (event.x, event.y), None
        if still and (point := self._under(event)) is not None:
            self.highlight(point, tell=True)
            self.post_message(self.Selected(self, point))

    def _under(self, event: events.MouseEvent) -> int | None:
        cell = self.cell_at(event.x, event.y)
        if cell is None:
            return None
        found = self.drawn.raster.nearest(*cell)
        return None if found == EMPTY else self._point(found)

    # Where points are

    def _point(self, number: int) -> int:
        """The id of a point, counted through all series."""
        for each in self._series:
            if number < len(each.ids):
                return int(each.ids[number])
            number -= len(each.ids)
        raise IndexError(number)

    def _find(self, point: int) -> tuple[float, float] | None:
        """The coordinates of the point with an id."""
        for each in reversed(self._series):
            if each.selectable and (places := np.flatnonzero(each.ids == point)).size:
                return float(each.x[places[0]]), float(each.y[places[0]])
        return None

    def _cursor_cell(self) -> tuple[int, int] | None:
        """The cell of the highlighted point, if it is seen; looked for once for each drawing."""
        drawn = self.drawn
        if self._cursor is None or self._cursor[0] is not drawn or self._cursor[1] != self.highlighted:
            self._cursor = (drawn, self.highlighted, self._cell_of_highlighted())
        return self._cursor[2]

    def _cell_of_highlighted(self) -> tuple[int, int] | None:
        at = None if self.highlighted is None else self._find(self.highlighted)
        if at is None:
            return None
        frame, (x, y) = self.drawn.frame, self.spans
        across, up = (float(span.place(np.array([value]))[0]) for span, value in zip((x, y), at, strict=True))
        column = frame.columns - 1 if np.isinf(across) else across * frame.columns
        row = 0 if np.isinf(up) else (1 - up) * frame.rows
        inside = 0 <= column < frame.columns and 0 <= row < frame.rows
        return (int(row), int(column)) if inside else None

    def overlay(self) -> dict[tuple[int, int], Style]:
        cell = self._cursor_cell()
        return {} if cell is None else {cell: self.get_component_rich_style("plane--cursor")}
