"""Sweeps: how much of each grid is covered, and the front of that, as it grows."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.tui.cloudplot import axis
from workbench.tui.labfile import LabFile
from workbench.tui.screens.actions import RunActions
from workbench.tui.screens.base import LabScreen, one_line
from workbench.tui.screens.runs import RunSource
from workbench.tui.widgets.frame import Axis
from workbench.tui.widgets.pages import Sorting
from workbench.tui.widgets.palette import FRONT
from workbench.tui.widgets.raster import Series
from workbench.tui.widgets.scatter import Scatter
from workbench.tui.widgets.table import PagedTable
from workbench.views.sweep import Swept, look

ONLY: Final = "search=sweep"
"""The filter that leaves sweeps of all runs."""


class Sweeps(RunActions, LabScreen[Swept | None]):
    """The list of sweeps, and below it the front of the one under the cursor."""

    CSS = """
    Sweeps PagedTable { height: 1fr; max-height: 10; }
    Sweeps #far { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Sweeps Scatter { height: 2fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *RunActions.RUN_BINDINGS,
        Binding("enter", "focus_plot", "To the plot", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._seen: Swept | None = None

    def heading(self) -> str:
        return "Sweeps"

    def body(self) -> ComposeResult:
        empty = "No sweep here: 'dse sweep' covers every design of a grid."
        yield PagedTable(RunSource(self.lab, ONLY, set()), Sorting("run", descending=True), empty=empty)
        yield Static(id="far")
        yield Scatter(Axis(""), Axis(""))

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(PagedTable).focus()

    @property
    def run_id(self) -> int | None:
        key: int | None = self.query_one(PagedTable).cursor_key
        return key

    def lab_changed(self, problem: str | None) -> None:
        super().lab_changed(problem)
        if problem is None:
            self.query_one(PagedTable).refresh_rows()

    def on_paged_table_highlighted(self) -> None:
        self.reload()

    def load(self, lab: LabFile) -> Swept | None:
        if self.run_id is None:
            return None
        return look(lab.reading(), self.run_id, self._seen)

    def present(self, data: Swept | None) -> None:
        new = data is not None and (self._seen is None or self._seen.row.id != data.row.id)
        self._seen = data
        if data is None:
            return
        plot, (x, y) = self.query_one(Scatter), data.pair
        if new:
            plot.set_axes(axis(x, True), axis(y, True))
        points = data.points
        plot.show([Series("front", points[:, 0], points[:, 1], data.ids, FRONT, mark="●")])
        self.query_one("#far", Static).update(Text(one_line(data.line())))

    def action_focus_plot(self) -> None:
        self.query_one(Scatter).focus()

    def removed(self) -> None:
        self._seen = None
        self.query_one(PagedTable).refresh_rows()
