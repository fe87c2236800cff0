"""One run, live: its points with the front, hypervolume and bests over the run, its log, and how long it will take."""

from __future__ import annotations

from time import monotonic
from typing import ClassVar, Final

import numpy as np
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.widget import Widget
from textual.widgets import Static

from workbench.tui.cloudplot import Shown, axis, plotted
from workbench.tui.labfile import LabFile
from workbench.tui.screens.actions import RunActions
from workbench.tui.screens.base import LabScreen, one_line
from workbench.tui.widgets.curve import Curve, Trace
from workbench.tui.widgets.frame import Axis
from workbench.tui.widgets.scatter import Scatter
from workbench.views.watching import Watched, first_look, look
from workbench.views.workers import in_words

PLOT_SECONDS: Final = 0.95
"""Plots are drawn anew no oftener: over a slow line they are what takes long."""
WORKERS, FEW_WORKERS = 6, 2
"""Lines of single workers, on a wide screen and on others."""


class Tail(Widget):
    """The last lines of a text, as many as there is room for."""

    _lines: tuple[str, ...] = ()

    def show(self, lines: tuple[str, ...]) -> None:
        self._lines = lines
        self.refresh()

    def render(self) -> Text:
        room = max(1, self.size.height)
        return Text("\n".join(map(one_line, self._lines[-room:])), no_wrap=True, overflow="ellipsis")


class RunScreen(RunActions, LabScreen[Watched]):
    """A run under one's eyes; it goes on whether this screen is open or not."""

    CSS = """
    RunScreen Static, RunScreen Tail { text-wrap: nowrap; text-overflow: ellipsis; }
    RunScreen #facts { height: 4; padding: 0 1; }
    RunScreen Grid { grid-size: 2; grid-columns: 3fr 2fr; grid-rows: 1fr; height: 1fr; }
    RunScreen #curves { height: 1fr; width: 1fr; layout: vertical; }
    RunScreen #workers { height: auto; padding: 0 1; background: $surface; color: $foreground 70%; }
    RunScreen #log { height: 6; padding: 0 1; background: $surface; color: $foreground 70%; }
    RunScreen.narrow #bests { display: none; }
    RunScreen.narrow.show-bests #bests { display: block; }
    RunScreen.narrow.show-bests #volume { display: none; }
    RunScreen.narrow #log { height: 4; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *RunActions.RUN_BINDINGS,
        RunActions.COPY_UNSAID,
        Binding("b", "bests", "Bests", id="run.bests", show=False),
        Binding("enter", "front", "Front", id="run.open-front", show=False),
    ]

    def __init__(self, run_id: int) -> None:
        super().__init__()
        self._run_id = run_id
        self._seen: Watched | None = None
        self._drawn, self._drawn_at = -1, 0.0

    def heading(self) -> str:
        return f"Run {self._run_id}"

    @property
    def run_id(self) -> int:
        return self._run_id

    def body(self) -> ComposeResult:
        yield Static(id="facts")
        with Grid():
            yield Scatter(Axis(""), Axis(""), id="points")
            with Grid(id="curves"):
                yield Curve(Axis("designs"), Axis("hypervolume"), id="volume")
                yield Curve(Axis("designs"), Axis("least so far"), id="bests")
        yield Static(id="workers")
        yield Tail(id="log")

    def load(self, lab: LabFile) -> Watched:
        opened = lab.reading()
        if self._seen is not None and opened.run(self._run_id).uuid == self._seen.row.uuid:
            return look(opened, self._seen)
        return first_look(opened, self._run_id)

    def present(self, data: Watched) -> None:
        new = self._seen is None or self._seen.row.uuid != data.row.uuid
        self._seen = data
        text = Text("\n".join(map(one_line, data.lines())), no_wrap=True, overflow="ellipsis")
        self.query_one("#facts", Static).update(text)
        self.query_one(Tail).show(data.log)
        self._show_workers(data)
        if new:
            self._set_axes(data)
        due = monotonic() - self._drawn_at > PLOT_SECONDS or data.status != "running"
        if new or (due and data.row.points != self._drawn):
            self._drawn, self._drawn_at = data.row.points, monotonic()
            self._draw(data)

    def _show_workers(self, data: Watched) -> None:
        lines = in_words(data.workers, WORKERS if self.has_class("wide") else FEW_WORKERS)
        workers = self.query_one("#workers", Static)
        workers.display = bool(lines)
        workers.update(Text("\n".join(map(one_line, lines)), no_wrap=True, overflow="ellipsis"))

    def _set_axes(self, data: Watched) -> None:
        x, y = data.pair
        self.query_one(Scatter).set_axes(axis(x, True), axis(y, True))

    def _draw(self, data: Watched) -> None:
        x, y = data.pair
        cloud = data.cloud
        shown = Shown(x.key, y.key, infeasible=False)
        self.query_one(Scatter).show(*plotted(cloud, shown, np.ones(len(cloud.points), dtype=np.bool_)))
        curves = data.curves
        self.query_one("#volume", Curve).draw_traces(
            [Trace("hypervolume", curves.points, curves.hypervolume, line="steps")]
        )
        self._draw_bests(data)

    def _draw_bests(self, data: Watched) -> None:
        """Each objective as a part of its first value, so that all fit on one axis."""
        curves, traces = data.curves, []
        for column, objective in enumerate(data.objectives):
            values = curves.bests[:, column]
            known = np.flatnonzero(np.isfinite(values) & (values > 0))
            if len(known):
                part = values[known] / values[known[0]] * 100
                traces.append(Trace(objective.name, curves.points[known], part, line="steps"))
        bests = self.query_one("#bests", Curve)
        bests.set_axes(Axis("designs"), Axis("best so far, % of the first"))
        bests.draw_traces(traces)

    def design(self) -> tuple[int, int] | None:
        seq = self.query_one(Scatter).highlighted
        return None if seq is None else (self._run_id, seq)

    def action_bests(self) -> None:
        self.toggle_class("show-bests")

    def on_scatter_selected(self, event: Scatter.Selected) -> None:
        event.stop()
        from workbench.tui.screens.front import FrontScreen

        self.app.push_screen(FrontScreen(self._run_id, event.point))

    def removed(self) -> None:
        self.workbench.action_leave()
