"""The home screen: every run of the lab with its live state, filtered and sorted by the lab, and what to do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from workbench.tui.screens.actions import RunActions
from workbench.tui.screens.base import LabScreen, one_line
from workbench.tui.widgets.pages import Sorting, TableColumn, TableRow
from workbench.tui.widgets.table import PagedTable

if TYPE_CHECKING:
    from store.filtering import Condition
    from store.pages import Place, Window
    from store.rows import Run
    from workbench.tui.labfile import LabFile

COLUMNS: Final = (
    TableColumn("run", "run", 5, right=True),
    TableColumn("status", "state", 11),
    TableColumn("arch", "arch", 10, stretch=True),
    TableColumn("workload", "workload", 11, stretch=True),
    TableColumn("search", "search", 8),
    TableColumn("designs", "designs", 12, right=True),
    TableColumn("hypervolume", "hv", 6, right=True),
    TableColumn("age_s", "age", 6, right=True),
    TableColumn("front", "front", 5, right=True),
    TableColumn("hits", "known", 6, right=True),
    TableColumn("seed", "seed", 10, right=True),
    TableColumn("tags", "tags", 14, stretch=True, sortable=False),
    TableColumn("note", "note", 14, stretch=True),
)
TONES: Final = {
    "running": "good",
    "failed": "bad",
    "interrupted": "bad",
    "paused": "quiet",
    "queued": "quiet",
    "cancelled": "quiet",
}
MARK: Final = "●"


class RunSource:
    """The lab's runs as the table asks for them: a screenful, by key."""

    columns: Sequence[TableColumn] = COLUMNS

    def __init__(self, file: LabFile, where: str, marked: set[int]) -> None:
        self._file, self._where, self._marked = file, where, marked

    def page(self, sorting: Sorting, start: Any, back: bool, inclusive: bool, limit: int) -> list[TableRow]:
        from dataclasses import replace

        lab = self._file.reading()
        window = replace(self._window(sorting, limit), start=start, back=back, inclusive=inclusive)
        return [self._row(place, run) for place, run in lab.run_page(window)]

    def locate(self, key: Any, sorting: Sorting) -> Place | None:
        from dataclasses import replace

        from store.filtering import All, Column, Compare

        window = self._window(sorting, 1)
        this: Condition = Compare(Column("id"), "=", key)
        where = this if window.where is None else All((window.where, this))
        found = self._file.reading().run_page(replace(window, where=where))
        return found[0][0] if found else None

    def count(self) -> int:
        return self._file.reading().count_runs(self._window(Sorting("run"), 1).where)

    def _window(self, sorting: Sorting, limit: int) -> Window:
        from store.pages import Window
        from workbench.views import runlist
        from workbench.views.filter import parse

        where = parse(self._where, runlist.names())
        return Window(where=where, by=runlist.sort_term(sorting.key), descending=sorting.descending, limit=limit)

    def _row(self, place: Place, run: Run) -> TableRow:
        from workbench.views.runs import as_data, in_words

        lab = self._file.reading()
        data = as_data(lab, run)
        words = in_words(data)
        volume = "-" if run.hypervolume is None else f"{run.hypervolume:.4f}"
        status = f"{data['status']}…" if run.wish is not None and data["status"] == "running" else data["status"]
        cells = (
            f"{MARK if run.id in self._marked else ''}{run.id}",
            status,
            *(run.arch, run.workload, run.search, words["designs"], volume, words["age"]),
            *(str(run.front_size), words["hits_share"], str(run.seed), " ".join(lab.tags(run.id)), run.note),
        )
        return TableRow(run.id, place, cells, TONES.get(data["status"], ""))


@dataclass(frozen=True, slots=True)
class Glance:
    """What is said below the table: how many runs there are by state, and what the one under the cursor is."""

    counts: tuple[tuple[str, int], ...]
    total: int
    lines: tuple[str, ...]


class Runs(RunActions, LabScreen[Glance]):
    """The list of runs."""

    CSS = """
    Runs #filter { height: 1; border: none; display: none; }
    Runs #filter.shown { display: block; }
    Runs Static { text-wrap: nowrap; text-overflow: ellipsis; }
    Runs #glance { height: 3; color: $foreground 80%; background: $surface; padding: 0 1; }
    Runs #glance.problem { text-wrap: wrap; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="runs.open"),
        Binding("n", "app.go('launch')", "New", id="runs.new"),
        Binding("slash", "filter", "Filter", id="runs.filter", key_display="/"),
        Binding("space", "mark", "Mark", id="runs.mark"),
        Binding("C", "compare", "Compare", id="runs.compare"),
        *RunActions.RUN_BINDINGS,
        Binding("escape", "clear", "Clear filter and marks", id="runs.clear", show=False),
        Binding("q", "app.quit", "Quit", id="app.quit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._marked: set[int] = set()
        self._where = ""

    def heading(self) -> str:
        return "Runs"

    def body(self) -> ComposeResult:
        yield Input(id="filter", placeholder="status=running and hypervolume>0.5 and tag=mine", compact=True)
        empty = "No runs here. n makes a new one."
        yield PagedTable(self._source(), Sorting("run", descending=True), empty=empty, id="table")
        yield Static(id="glance")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(PagedTable).focus()

    def _source(self) -> RunSource:
        return RunSource(self.lab, self._where, self._marked)

    @property
    def run_id(self) -> int | None:
        """The run under the cursor."""
        key: int | None = self.query_one(PagedTable).cursor_key
        return key

    # What lies below the table

    def load(self, lab: LabFile) -> Glance:
        from store.filtering import Column, Compare
        from workbench.views.runs import glance

        opened, at = lab.reading(), self.run_id
        counts = [
            (status, opened.count_runs(Compare(Column("status"), "=", status)))
            for status in ("running", "queued", "interrupted", "failed")
        ]
        lines = () if at is None else glance(opened, at)
        return Glance(tuple(counts), opened.count_runs(), lines)

    def present(self, data: Glance) -> None:
        parts = [f"{data.total:,} runs", *(f"{n:,} {status}" for status, n in data.counts if n)]
        if self._marked:
            parts.append(f"{len(self._marked)} marked")
        if self._where:
            parts.append(f"filter: {self._where}")
        text = Text("  ".join(map(one_line, parts)), no_wrap=True, overflow="ellipsis")
        for line in data.lines:
            text.append(f"\n{one_line(line)}")
        self.query_one("#glance", Static).update(text)

    def lab_changed(self, problem: str | None) -> None:
        super().lab_changed(problem)
        glance = self.query_one("#glance", Static)
        glance.set_class(problem is not None, "problem")  # whole: the command that helps comes last
        if problem is None:
            self.query_one(PagedTable).refresh_rows()
        else:
            glance.update(Text(one_line(problem)))

    def on_paged_table_highlighted(self) -> None:
        self.reload()

    def on_paged_table_failed(self, event: PagedTable.Failed) -> None:
        self.say(event.reason, bad=True)

    # Filter and marks

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("shown")
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._use_filter(event.value.strip()):
            event.input.set_class(bool(self._where), "shown")
            self.query_one(PagedTable).focus()

    def _use_filter(self, where: str) -> bool:
        from workbench.errors import UserError
        from workbench.views import runlist
        from workbench.views.filter import parse

        try:
            parse(where, runlist.names())
        except UserError as error:
            self.say(str(error), bad=True)
            return False
        self._where = where
        self.query_one(PagedTable).use(self._source())
        self.reload()
        return True

    def action_clear(self) -> None:
        self._marked.clear()
        field = self.query_one("#filter", Input)
        field.value = ""
        field.remove_class("shown")
        self.query_one(PagedTable).focus()
        self._use_filter("")

    def action_mark(self) -> None:
        if self.run_id is not None:
            self._marked ^= {self.run_id}
            table = self.query_one(PagedTable)
            table.action_move(1)
            table.refresh_rows()
            self.reload()

    def action_compare(self) -> None:
        chosen = sorted(self._marked)
        if not 2 <= len(chosen) <= 6:
            self.say("Mark 2 to 6 runs with the space bar, then compare them.", bad=True)
            return
        self.compare(chosen)

    def action_open(self) -> None:
        if self.run_id is not None:
            self.open_run(self.run_id)

    def on_paged_table_selected(self, event: PagedTable.Selected) -> None:
        self.open_run(event.key)

    def removed(self) -> None:
        """What was removed is no longer marked."""
        self._marked.clear()
        self.query_one(PagedTable).refresh_rows()
