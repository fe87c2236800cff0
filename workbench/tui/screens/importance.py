"""The screen of what decides a metric: the weights of the axes, and the metric along one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from workbench.problem.metrics import METRIC_UNITS
from workbench.tui.asking import AskingScreen
from workbench.tui.cloudplot import axis as plot_axis
from workbench.tui.labfile import LabFile
from workbench.tui.screens.dialogs import Choice
from workbench.tui.screens.front import FrontScreen
from workbench.tui.widgets.bars import Bar, Bars
from workbench.tui.widgets.frame import Axis
from workbench.tui.widgets.palette import CLOUD, FRONT
from workbench.tui.widgets.plane import Key
from workbench.tui.widgets.raster import Series
from workbench.tui.widgets.scatter import Scatter
from workbench.views.bars import percent
from workbench.views.cloud import Cloud
from workbench.views.importance import Importance, importance, slices
from workbench.views.quantity import METRIC_WORDS, count
from workbench.views.stored import StoredRun

_MEDIAN = 4
"""The colour of medians, by its number in the palette."""


@dataclass(frozen=True, eq=False, slots=True)
class ImportanceData:
    """A run's points, and what the axes decide of a metric."""

    cloud: Cloud
    importance: Importance


class ImportanceScreen(AskingScreen[ImportanceData]):
    """The axes of a run's space, the weightiest first; the cursor chooses one to look along."""

    DEFAULT_CSS = """
    ImportanceScreen {
        & #told { height: 1; color: $foreground 70%; padding: 0 1; }
        & #weights { width: 2fr; padding: 0 1; }
        & Scatter { width: 3fr; }
        &.narrow #both { layout: vertical; }
        &.narrow #weights { width: 1fr; height: 8; }
        &.narrow Scatter { width: 1fr; height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "choose(1)", "Next axis", id="importance.next", priority=True),
        Binding("up,k", "choose(-1)", "Previous axis", id="importance.previous", show=False, priority=True),
        Binding("m", "metric", "Metric", id="importance.metric"),
        Binding("v", "evenly", "Log or linear", id="importance.log"),
    ]

    def __init__(self, run_id: int) -> None:
        super().__init__()
        self.run_id = run_id
        self._metric: str | None = None
        self._chosen = 0
        self._log = True
        self._data: ImportanceData | None = None

    def heading(self) -> str:
        return f"What decides, in run {self.run_id}"

    def body(self) -> ComposeResult:
        yield Static("The weights of the axes are being worked out ...", id="told", markup=False)
        with Horizontal(id="both"):
            with VerticalScroll(id="weights"):
                yield Bars()
            yield Scatter(Axis(""), Axis(""))

    @property
    def data(self) -> ImportanceData | None:
        """The weights as they were last worked out."""
        return self._data

    def load(self, lab: LabFile) -> ImportanceData:
        """Works the weights out again only where points have come, or another metric is asked for."""
        opened, before = lab.reading(), self._data
        run = StoredRun.read(opened, self.run_id)
        cloud = before.cloud.grown(opened) if before else Cloud.read(opened, self.run_id, run.task)
        metric = self._metric or run.task.objectives[0]
        if before is not None and cloud is before.cloud and before.importance.metric == metric:
            return before
        return ImportanceData(cloud, importance(cloud, metric))

    def present(self, data: ImportanceData) -> None:
        if data is self._data:
            return
        self._data = data
        found = data.importance
        self.query_one("#told", Static).update(
            Text(
                f"{METRIC_WORDS[found.metric]} of {count(found.points)} designs; a forest explains "
                f"{percent(found.explained)} of its variance on designs it has not seen",
                no_wrap=True,
                overflow="ellipsis",
            )
        )
        self._draw()

    def _draw(self) -> None:
        if self._data is None:
            return
        found = self._data.importance
        self._chosen = min(self._chosen, len(found.weights) - 1)
        bars = [
            Bar(f"{'▸' if place == self._chosen else ' '}{weight.axis}", (weight.share,), percent(weight.share))
            for place, weight in enumerate(found.weights)
        ]
        self.query_one(Bars).show("decided by the axis, alone or with others", bars)
        self.query_one("#weights").scroll_to(y=max(0, self._chosen - 3), animate=False)
        self._draw_slice(self._data, found.weights[self._chosen].axis)

    def _draw_slice(self, data: ImportanceData, name: str) -> None:
        """All points over the axis' choices, and the least and the median of each choice."""
        cloud, metric = data.cloud, data.importance.metric
        x, y = cloud.quantities[name], cloud.quantities[metric]
        scatter = self.query_one(Scatter)
        scatter.set_axes(plot_axis(x, True), plot_axis(y, self._log))
        cut = [each for each in slices(cloud, name, metric) if each.least is not None]
        places = [x.categories.index(str(s.choice)) if x.categories else float(s.choice) for s in cut]
        across = np.array(places, dtype=np.float64)
        ids = np.arange(len(cut))
        least = np.array([each.least for each in cut], dtype=np.float64)
        median = np.array([each.median for each in cut], dtype=np.float64)
        points = cloud.points
        built = points.feasible
        scatter.show(
            [
                Series("all", cloud.values(name)[built], cloud.values(metric)[built], points.seq[built], CLOUD),
                Series("line", across, median, ids, _MEDIAN, line="straight", selectable=False),
                Series("line", across, least, ids, FRONT, line="straight", selectable=False),
                Series("median", across, median, ids, _MEDIAN, mark="◆", selectable=False),
                Series("least", across, least, ids, FRONT, mark="●", selectable=False),
            ],
            [
                Key("●", FRONT, "least"),
                Key("◆", _MEDIAN, "median"),
                Key("⣿", CLOUD, f"{count(int(built.sum()))} designs"),
            ],
        )

    def action_choose(self, by: int) -> None:
        if self._data is not None:
            self._chosen = (self._chosen + by) % len(self._data.importance.weights)
            self._draw()

    def action_evenly(self) -> None:
        self._log = not self._log
        self._draw()

    def action_metric(self) -> None:
        self.app.push_screen(Choice("The metric", [(key, METRIC_WORDS[key]) for key in METRIC_UNITS]), self._asked)

    def _asked(self, metric: str | None) -> None:
        if metric is not None:
            self._metric = metric
            self.reload()

    def on_scatter_selected(self, message: Scatter.Selected) -> None:
        self.app.push_screen(FrontScreen(self.run_id, message.point))
