"""The screen of a run's front: a plot of all its points beside their table and one of them in full.

The cursor is one: wherever it moves, plot, table and detail follow. A filter holds for plot and table alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from store.filtering import All, Condition, OnFront
from workbench.tui.asking import AskingScreen
from workbench.tui.cloudplot import PLAIN, Shown, axis, plotted
from workbench.tui.detailpane import DetailPane
from workbench.tui.labfile import LabFile
from workbench.tui.screens.dialogs import Choice
from workbench.tui.screens.takeaway import Export, TakeAway, Wanted, of_run
from workbench.tui.sources import PointSource
from workbench.tui.widgets.frame import Axis
from workbench.tui.widgets.pages import Sorting
from workbench.tui.widgets.plane import Key
from workbench.tui.widgets.raster import Series
from workbench.tui.widgets.scatter import Scatter
from workbench.tui.widgets.table import PagedTable
from workbench.views import detail
from workbench.views.cloud import Cloud, Mask, first_pair
from workbench.views.detail import PointDetail
from workbench.views.filter import parse
from workbench.views.points import FACTS, names
from workbench.views.quantity import count
from workbench.views.stored import StoredRun
from workbench.views.text import plain
from workbench.views.tokens import FilterError


@dataclass(frozen=True, eq=False, slots=True)
class FrontData:
    """A run and its points as they were read, and which of them the filter leaves."""

    run: StoredRun
    cloud: Cloud
    matching: Mask


class FrontScreen(TakeAway, AskingScreen[FrontData]):
    """Points of a run to look at, filter and choose."""

    DEFAULT_CSS = """
    FrontScreen {
        & #told { height: 1; color: $foreground 70%; padding: 0 1; }
        & #filter { height: 1; border: none; padding: 0 1; display: none; }
        & #wrong { height: 1; color: $error; padding: 0 1; display: none; }
        &.filtering #filter { display: block; }
        &.filtering #wrong { display: block; }
        & #panes { height: 1fr; }
        & #left { width: 3fr; }
        & Scatter { height: 3fr; }
        & PagedTable { height: 2fr; margin: 0 1; }
        & DetailPane { width: 2fr; border-left: solid $foreground 30%; }
        & DetailPane:focus { border-left: solid $accent; }
        &.narrow DetailPane { display: none; border-left: none; }
        &.narrow.detailed #left { display: none; }
        &.narrow.detailed DetailPane { display: block; width: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="front.leave", show=False),
        Binding("slash", "filter", "Filter", id="front.filter", key_display="/"),
        Binding("x", "pick('x')", "X axis", id="front.x"),
        Binding("v", "pick('y')", "Y axis", id="front.y"),
        Binding("X", "log('x_log')", "Log across", id="front.xlog", show=False),
        Binding("V", "log('y_log')", "Log up", id="front.ylog", show=False),
        Binding("c", "pick('colour')", "Colour", id="front.colour"),
        Binding("d", "toggle_shown('dominated')", "Dominated", id="front.dominated"),
        Binding("i", "toggle_shown('infeasible')", "Infeasible", id="front.infeasible"),
        Binding("n", "member(1)", "Next member", id="front.next"),
        Binding("N", "member(-1)", "Previous member", id="front.previous", show=False),
        Binding("w", "detail", "Detail", id="front.detail"),
        TakeAway.COPY,
        TakeAway.EXPORT,
        Binding("tab", "app.focus_next", "Next pane", show=False),
    ]

    def __init__(self, run_id: int, seq: int | None = None) -> None:
        """With the cursor on a point, if one is named; else on the front."""
        super().__init__()
        self.run_id = run_id
        self._begin = seq
        self.shown: Shown | None = None
        self.filter_text = ""
        self._where: Condition | None = None
        self._data: FrontData | None = None
        self._seq: int | None = None

    def heading(self) -> str:
        return f"Front of run {self.run_id}"

    def body(self) -> ComposeResult:
        yield Static(id="told", markup=False)
        yield Input(placeholder="pe_rows>=16 and energy_pj<2e9", id="filter", compact=True, select_on_focus=False)
        yield Static(id="wrong", markup=False)
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield Scatter(Axis(""), Axis(""))
            yield DetailPane()

    # What others ask of it

    @property
    def seq(self) -> int | None:
        """The point under the cursor."""
        return self._seq

    @property
    def data(self) -> FrontData | None:
        """The run and its points as they were last read."""
        return self._data

    # What is taken along

    def design(self) -> tuple[int, int] | None:
        return None if self._seq is None else (self.run_id, self._seq)

    def exports(self) -> Sequence[Export]:
        """What the plot shows: its axes, and the points that the filter and what is hidden leave."""
        if self.shown is None:
            return of_run(self.run_id)
        hidden = [] if self.shown.infeasible else ["feasible"]
        hidden += [] if self.shown.dominated else ["front"]
        parts = [*([f"({self.filter_text})"] if self.filter_text else []), *hidden]
        linear = not (self.shown.x_log or self.shown.y_log)
        sorting = self.query_one(PagedTable).sorting
        sort = f"{'-' if sorting.descending else ''}{sorting.key}"
        return of_run(self.run_id, Wanted(" and ".join(parts), sort, self.shown.x, self.shown.y, linear))

    # Reading

    def load(self, lab: LabFile) -> FrontData:
        """All of the run's points at first, then those that came since; and which of them match."""
        opened, before, where = lab.reading(), self._data, self._where
        run = StoredRun.read(opened, self.run_id)
        same = before is not None and before.run.row.uuid == run.row.uuid
        cloud = before.cloud.grown(opened) if before and same else Cloud.read(opened, self.run_id, run.task)
        return FrontData(run, cloud, cloud.matching(opened, where))

    def present(self, data: FrontData) -> None:
        before, self._data = self._data, data
        if self.shown is None:
            self.shown = Shown(*first_pair(data.cloud.task))
        if before is None:
            self._add_table()
        elif before.cloud is data.cloud and np.array_equal(before.matching, data.matching):
            return
        self._plot()
        table = self.query(PagedTable)
        if before is not None and table:
            table.first().go_on_with(self._source())
        if self._seq is None and self._begin is not None:
            self.look_at(self._begin)
        elif self._seq is None and len(data.cloud.front):
            self.action_member(1)

    def _add_table(self) -> None:
        assert self.shown is not None
        table = PagedTable(self._source(), Sorting(self.shown.x), empty="No point for which the filter holds.")
        self.query_one("#left").mount(table)
        self.query_one(Scatter).focus()

    def _source(self) -> PointSource:
        assert self._data is not None
        front = frozenset(self._data.cloud.front.tolist())
        return PointSource(self.lab, self.run_id, self._data.cloud.task, self._listed(), front)

    def _listed(self) -> Condition | None:
        """What the table lists: what the plot shows."""
        parts = [] if self._where is None else [self._where]
        if self.shown is not None and not self.shown.infeasible:
            parts.append(FACTS["feasible"])
        if self.shown is not None and not self.shown.dominated:
            parts.append(OnFront())
        return All(tuple(parts)) if parts else None

    # The plot

    def _plot(self) -> None:
        """Works out what is plotted, in a thread: of many points that takes longer than a key may."""
        if self._data is None or self.shown is None:
            return
        cloud, shown, matching = self._data.cloud, self.shown, self._data.matching
        self.ask("plot", lambda: plotted(cloud, shown, matching), lambda found: self._plotted(cloud, shown, *found))
        self._tell()

    def _plotted(self, cloud: Cloud, shown: Shown, series: list[Series], keys: list[Key]) -> None:
        scatter = self.query_one(Scatter)
        axes = axis(cloud.quantities[shown.x], shown.x_log), axis(cloud.quantities[shown.y], shown.y_log)
        if axes != (scatter.x_axis, scatter.y_axis):
            scatter.set_axes(*axes)
        scatter.show(series, keys)

    def _tell(self) -> None:
        """What is looked at, in a line."""
        if self._data is None or self.shown is None:
            return
        row, points = self._data.run.row, self._data.cloud.points
        refused = len(points) - int(points.feasible.sum())
        parts = [
            f"{row.arch} on {row.workload}, {row.search}, {self._data.run.status}",
            f"{count(len(points))} designs, {count(refused)} infeasible",
        ]
        if self._where is not None:
            parts.insert(0, f"{count(int(self._data.matching.sum()))} match {self.filter_text}")
        text = Text(plain("  ·  ".join(parts)).replace("\n", "\\n"), no_wrap=True, overflow="ellipsis")
        self.query_one("#told", Static).update(text)

    def action_pick(self, what: str) -> None:
        """Chooses an axis of the plot, or what its colours tell."""
        if self._data is None or self.shown is None:
            return
        quantities = self._data.cloud.quantities.values()
        known = [(each.key, f"[{each.unit}]" if each.unit else "") for each in quantities]
        titles = {"x": "What goes across", "y": "What goes up", "colour": "What the colours tell"}
        if what == "colour":
            known.insert(0, (PLAIN, "front and dominated alone"))
        self.app.push_screen(Choice(titles[what], known), lambda key: self._picked(what, key))

    def _picked(self, what: str, key: str | None) -> None:
        if key is None or self.shown is None:
            return
        changed = {"x": replace(self.shown, x=key), "y": replace(self.shown, y=key)}
        self.shown = changed.get(what, replace(self.shown, colour=key))
        self._plot()

    def action_log(self, which: str) -> None:
        """Logarithmic, or linear again."""
        if self.shown is None:
            return
        turned = {
            "x_log": replace(self.shown, x_log=not self.shown.x_log),
            "y_log": replace(self.shown, y_log=not self.shown.y_log),
        }
        self.shown = turned[which]
        self._plot()

    def action_toggle_shown(self, which: str) -> None:
        """Shows the dominated, or what cannot be built, or hides it."""
        if self.shown is None:
            return
        turned = {
            "dominated": replace(self.shown, dominated=not self.shown.dominated),
            "infeasible": replace(self.shown, infeasible=not self.shown.infeasible),
        }
        self.shown = turned[which]
        self._plot()
        self.query_one(PagedTable).use(self._source())

    # The cursor

    def look_at(self, seq: int) -> None:
        """Puts the one cursor on a point."""
        if seq == self._seq or self._data is None:
            return
        self._seq = seq
        self.query_one(Scatter).highlight(seq)
        table = self.query(PagedTable)
        if table:
            table.first().go_to(seq)
        run, cloud, lab = self._data.run.row, self._data.cloud, self.lab
        self.ask("detail", lambda: detail.read(lab.reading(), run, cloud, seq), self._detailed)

    def _detailed(self, found: PointDetail) -> None:
        if self._data is not None:
            self.query_one(DetailPane).show(self._data.cloud.task, found)

    def on_scatter_highlighted(self, message: Scatter.Highlighted) -> None:
        self.look_at(message.point)

    def on_scatter_selected(self, message: Scatter.Selected) -> None:
        self.look_at(message.point)
        self._open_detail()

    def on_paged_table_highlighted(self, message: PagedTable.Highlighted) -> None:
        if message.key is not None and message.table.has_focus:
            self.look_at(message.key)

    def on_paged_table_selected(self, message: PagedTable.Selected) -> None:
        self.look_at(message.key)
        self._open_detail()

    def on_detail_pane_wanted(self, message: DetailPane.Wanted) -> None:
        self.look_at(message.seq)

    def action_member(self, by: int) -> None:
        """To the next member of the front along the axis across."""
        if self._data is None or self.shown is None or not len(self._data.cloud.front):
            return
        cloud = self._data.cloud
        places = np.flatnonzero(cloud.on_front)
        members = cloud.points.seq[places[np.argsort(cloud.values(self.shown.x)[places], kind="stable")]].tolist()
        at = members.index(self._seq) + by if self._seq in members else 0
        self.look_at(int(members[at % len(members)]))

    def _open_detail(self) -> None:
        """Where there is no room for it beside the plot, the detail takes its place."""
        self.add_class("detailed")
        if self.has_class("narrow"):
            self.query_one(DetailPane).focus()

    def action_detail(self) -> None:
        if self.has_class("detailed"):
            self.remove_class("detailed")
            self.query_one(Scatter).focus()
        else:
            self._open_detail()
            self.query_one(DetailPane).focus()

    # The filter

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        self.add_class("filtering")
        field.value = self.filter_text
        field.focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        self._check(message.value)

    def _check(self, text: str) -> tuple[bool, Condition | None]:
        """Whether a filter can be understood; if not, why is said below it."""
        wrong = self.query_one("#wrong", Static)
        try:
            condition = parse(text, names(self._data.cloud.task)) if self._data is not None else None
        except FilterError as error:
            wrong.update(Text(plain(f"column {error.at + 1}: {error.reason}"), no_wrap=True, overflow="ellipsis"))
            return False, None
        wrong.update("")
        return True, condition

    def on_input_submitted(self, message: Input.Submitted) -> None:
        understood, condition = self._check(message.value)
        if understood:
            self._close_filter()
            self._filter(message.value.strip(), condition)

    def _filter(self, text: str, condition: Condition | None) -> None:
        self.filter_text, self._where = text, condition
        if self._data is not None:
            self.query_one(PagedTable).use(self._source())
        self.reload()

    def _close_filter(self) -> None:
        self.remove_class("filtering")
        self.query_one(Scatter).focus()

    def action_leave(self) -> None:
        """Out of what is open: the line of the filter, the detail on a narrow screen, the filter, the screen."""
        if self.has_class("filtering"):
            self._close_filter()
        elif self.has_class("narrow") and self.has_class("detailed"):
            self.action_detail()
        elif self._where is not None:
            self._filter("", None)
        else:
            self.workbench.action_leave()
