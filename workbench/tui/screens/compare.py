"""The screen that lays runs over each other: fronts, convergence, and what each alone contributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from workbench.tui.asking import AskingScreen
from workbench.tui.cloudplot import axis
from workbench.tui.labfile import LabFile
from workbench.tui.screens.front import FrontScreen
from workbench.tui.screens.takeaway import Export, TakeAway, of_runs
from workbench.tui.widgets.curve import SIGNS, Curve, Trace
from workbench.tui.widgets.frame import Axis
from workbench.tui.widgets.palette import RICH, palette
from workbench.tui.widgets.plane import Key
from workbench.tui.widgets.raster import Line, Series
from workbench.tui.widgets.scatter import Scatter
from workbench.views.bars import percent
from workbench.views.cloud import metric_quantity
from workbench.views.overlay import Overlay, Side, overlay
from workbench.views.quantity import METRIC_WORDS, count
from workbench.views.text import plain

_NUMBERS = 66
"""Columns that the numbers of a run's line take."""
_STRIDE = 2**40
"""A point's id in the plot is its run's place times this, plus its seq."""


class CompareScreen(TakeAway, AskingScreen[Overlay]):
    """Two to six runs."""

    DEFAULT_CSS = """
    CompareScreen {
        & #told { height: 1; color: $foreground 70%; padding: 0 1; }
        & #plots { height: 1fr; }
        & #lines { height: auto; max-height: 12; padding: 0 1; }
        & #lines Static { height: auto; text-wrap: nowrap; }
        &.narrow #curves { display: none; }
        &.narrow.converging #curves { display: block; }
        &.narrow.converging #fronts { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "turn", "Fronts or convergence", id="compare.turn"),
        Binding("v", "evenly", "Log or linear", id="compare.log"),
        TakeAway.EXPORT,
    ]

    def __init__(self, run_ids: Sequence[int]) -> None:
        super().__init__()
        self.run_ids = tuple(run_ids)
        self._data: Overlay | None = None
        self._log = True

    def heading(self) -> str:
        return f"Runs {', '.join(map(str, self.run_ids))} compared"

    def body(self) -> ComposeResult:
        yield Static(id="told", markup=False)
        with Horizontal(id="plots"):
            yield Scatter(Axis(""), Axis(""), id="fronts")
            yield Curve(Axis("designs"), Axis("hypervolume"), id="curves")
        with VerticalScroll(id="lines"):
            yield Static(id="table", markup=False)

    @property
    def data(self) -> Overlay | None:
        """The runs as they were last read."""
        return self._data

    def exports(self) -> Sequence[Export]:
        return of_runs(self.run_ids)

    def load(self, lab: LabFile) -> Overlay:
        return overlay(lab.reading(), self.run_ids)

    def present(self, data: Overlay) -> None:
        first, self._data = self._data is None, data
        if first:
            self._set_axes(data)
            self.query_one("#fronts").focus()
        self._draw(data)

    def _pair(self, data: Overlay) -> tuple[int, int]:
        """The places of the objectives that are plotted; one objective alone is plotted against itself."""
        return 0, min(1, len(data.objectives) - 1)

    def _set_axes(self, data: Overlay) -> None:
        x, y = (axis(metric_quantity(data.objectives[place]), self._log) for place in self._pair(data))
        self.query_one("#fronts", Scatter).set_axes(x, y)

    def _draw(self, data: Overlay) -> None:
        x, y = self._pair(data)
        factors = [metric_quantity(name).factor for name in data.objectives]
        series, keys = list[Series](), list[Key]()
        for place, side in enumerate(data.sides):
            colour, sign = RICH.kind(place + 1), SIGNS[place]
            order = np.argsort(side.front[:, x], kind="stable")
            across, up = side.front[order, x] * factors[x], side.front[order, y] * factors[y]
            ids = side.seqs[order] + place * _STRIDE
            series.append(Series("edge", across, up, ids, colour, line=_line(data), selectable=False))
            series.append(Series(str(side.run.row.id), across, up, ids, colour, mark=sign))
            keys.append(Key(sign, colour, f"run {side.run.row.id}"))
        lines_first = sorted(series, key=lambda each: bool(each.mark))
        self.query_one("#fronts", Scatter).show(lines_first, keys)
        traces = [Trace(f"run {s.run.row.id}", s.designs, s.volumes, line="steps") for s in data.sides]
        self.query_one("#curves", Curve).draw_traces(traces)
        self.query_one("#table", Static).update(self._table(data))
        note = "" if data.same_task else "  ·  the runs have different tasks: their costs may not be comparable"
        shared = ", ".join(METRIC_WORDS[name] for name in data.objectives)
        self.query_one("#told", Static).update(Text(f"over {shared}{note}", no_wrap=True, overflow="ellipsis"))

    def _table(self, data: Overlay) -> Table:
        """A line for each run."""
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        heads = ("", "run", "what", "designs", "front", "own hv", "of all", "target at", "unbeaten", "alone")
        for head in heads:
            right = head not in ("", "what")
            table.add_column(Text(head), justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
        colours = palette(self.app.console.color_system).styles()
        for place, side in enumerate(data.sides):
            sign = Text(SIGNS[place], colours[RICH.kind(place + 1)])
            table.add_row(sign, *(Text(cell) for cell in _cells(side, max(12, self.size.width - _NUMBERS))))
        return table

    def action_turn(self) -> None:
        """On a narrow screen, the one plot or the other."""
        self.toggle_class("converging")

    def action_evenly(self) -> None:
        self._log = not self._log
        if self._data is not None:
            self._set_axes(self._data)
            self._draw(self._data)

    def on_scatter_highlighted(self, message: Scatter.Highlighted) -> None:
        if self._data is not None:
            place, seq = divmod(message.point, _STRIDE)
            self.query_one("#told", Static).update(Text(f"run {self._data.sides[place].run.row.id}, point {seq}"))

    def on_scatter_selected(self, message: Scatter.Selected) -> None:
        if self._data is not None:
            place, seq = divmod(message.point, _STRIDE)
            self.app.push_screen(FrontScreen(self._data.sides[place].run.row.id, seq))


def _line(data: Overlay) -> Line:
    return "steps" if len(data.objectives) == 2 else "none"


def _cells(side: Side, room: int) -> tuple[str, ...]:
    row = side.run.row
    what = plain(f"{row.search} seed {row.seed}, {row.arch} on {row.workload}").replace("\n", "\\n")
    return (
        str(row.id),
        what if len(what) <= room else f"{what[: room - 1]}…",
        count(row.points),
        count(len(side.front)),
        "-" if row.hypervolume is None else f"{row.hypervolume:.4f}",
        percent(side.share),
        "-" if side.to_target is None else count(side.to_target),
        count(side.joint),
        count(side.alone),
    )
