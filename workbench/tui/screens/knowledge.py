"""What the lab knows: sources, source models, how like a chosen task they are, and what was transferred where."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static, TabbedContent, TabPane

from workbench.tui.labfile import LabFile
from workbench.tui.listsource import ListSource
from workbench.tui.screens.base import LabScreen, one_line
from workbench.tui.screens.dialogs import Line
from workbench.tui.widgets.pages import Sorting, TableColumn
from workbench.tui.widgets.table import PagedTable
from workbench.views.knowledge import Known, known
from workbench.views.quantity import count

LIKENESS: Final = (
    TableColumn("similarity", "likeness", 8, right=True),
    TableColumn("axes", "axes", 5, right=True),
    TableColumn("octaves", "octaves", 7, right=True),
    TableColumn("compares", "compares", 8),
)
SOURCES: Final = (
    TableColumn("name", "source", 12, stretch=True),
    TableColumn("arch", "arch", 12, stretch=True),
    TableColumn("workload", "workload", 14, stretch=True),
    TableColumn("points", "designs", 9, right=True),
    *LIKENESS,
)
MODELS: Final = (
    TableColumn("name", "model", 9),
    TableColumn("arch", "arch", 11, stretch=True),
    TableColumn("workload", "workload", 13, stretch=True),
    TableColumn("points", "designs", 9, right=True),
    TableColumn("rank_correlation", "held-out rank", 13, sortable=False),
    *LIKENESS,
)
WORDS: Final = {
    "points": count,
    "similarity": lambda value: f"{value:.3f}",
    "axes": lambda value: f"{value:.0%}",
    "octaves": lambda value: f"{value:.2f}",
    "compares": lambda value: "yes" if value else "no",
    "rank_correlation": lambda pair: ", ".join(f"{each:.2f}" for each in pair),
}
NOTHING: Final = ListSource(SOURCES, (), {})


class KnowledgeScreen(LabScreen[Known]):
    """Four lists, read when one comes here and again when one asks: to compare all of a large lab takes long."""

    CSS = """
    KnowledgeScreen TabbedContent { height: 1fr; }
    KnowledgeScreen #task { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    KnowledgeScreen TabPane { padding: 0 1; }
    KnowledgeScreen .lines { text-wrap: nowrap; text-overflow: ellipsis; width: auto; min-width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "task", "Compare with a run's task", id="knowledge.task"),
        Binding("ctrl+l", "reload", "Read again", id="app.reload"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._ref: str | None = None

    def heading(self) -> str:
        return "Knowledge"

    def body(self) -> ComposeResult:
        yield Static(Text("reading ..."), id="task")
        with TabbedContent():
            with TabPane("Sources", id="sources"):
                yield PagedTable(NOTHING, Sorting("#"), empty="No run has found anything yet.", id="source-table")
            with TabPane("Models", id="models"):
                yield PagedTable(
                    ListSource(MODELS, (), {}), Sorting("#"), empty="'dse train' makes one.", id="model-table"
                )
            with TabPane("Transfers", id="transfers"), VerticalScroll():
                yield Static(id="transfer-lines", classes="lines")
            with TabPane("Contexts", id="contexts"), VerticalScroll():
                yield Static(id="context-lines", classes="lines")

    def lab_changed(self, problem: str | None) -> None:
        if problem != self._problem:
            self._problem = problem
            self.tell()

    def load(self, lab: LabFile) -> Known:
        return known(lab.reading(), self._ref)

    def present(self, data: Known) -> None:
        told = "t compares all with the task of a run" if data.task is None else f"likeness to the task of {data.task}"
        self.query_one("#task", Static).update(Text(one_line(told)))
        by = Sorting("#")
        self.query_one("#source-table", PagedTable).use(ListSource(SOURCES, data.sources, WORDS), by)
        self.query_one("#model-table", PagedTable).use(ListSource(MODELS, data.models, WORDS), by)
        self._lines("#transfer-lines", data.transfers, "No run has learnt from another yet.")
        self._lines("#context-lines", data.contexts, "Nothing has been simulated yet.")

    def _lines(self, place: str, lines: tuple[str, ...], empty: str) -> None:
        self.query_one(place, Static).update(Text("\n".join(map(one_line, lines)) or empty))

    def action_task(self) -> None:
        self.app.push_screen(Line("A run, by number, uuid or 'last'; nothing for no comparison"), self._use)

    def _use(self, ref: Any) -> None:
        if ref is not None:
            self._ref = ref.strip() or None
            self.reload()
