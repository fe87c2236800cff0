"""A table that holds no more than a screenful: it asks a source for rows by key, in a thread, and shows what comes.

One question is under way at a time; keys that are pressed meanwhile add up to the next one. A cell is text that is
shown literally: neither markup nor control characters in it do anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from store.errors import StoreError
from workbench.errors import UserError
from workbench.tui.widgets import pages
from workbench.tui.widgets.pages import PageSource, Screenful, Sorting, TableColumn
from workbench.views.text import plain

HEAD: Final = 1
_LONGEST: Final = 400
"""Characters of a cell that are looked at: more never fit."""

Job = Callable[[Screenful, int], Screenful | None]
"""(what is shown, rows there is room for) -> what to show; None: as it is."""


def literal(text: str, width: int) -> str:
    """A text in exactly so many cells, on one line, whatever it holds; an ellipsis where it is cut."""
    shown = plain(text[:_LONGEST]).replace("\n", "\\n")
    if cell_len(shown) <= width:
        return set_cell_size(shown, width)
    return set_cell_size(shown, max(0, width - 1)) + "…" if width > 0 else ""


class PagedTable(Widget, can_focus=True):
    """Rows of a `PageSource`."""

    DEFAULT_CSS = """
    PagedTable {
        width: 1fr;
        height: 1fr;
        min-height: 3;
        & > .table--head { color: $foreground 70%; text-style: bold; }
        & > .table--sorted { color: $accent; text-style: bold; }
        & > .table--cursor { background: $foreground 20%; color: $foreground; text-style: underline; }
        & > .table--good { color: $success; }
        & > .table--bad { color: $error; }
        & > .table--quiet { color: $foreground 50%; }
        & > .table--told { color: $foreground 60%; }
        &:focus > .table--cursor { background: $accent; color: $background; text-style: bold; }
        &:ansi > .table--cursor, &:ansi:focus > .table--cursor {
            background: ansi_cyan; color: ansi_black; text-style: bold;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *("table--head", "table--sorted", "table--cursor", "table--good", "table--bad", "table--quiet", "table--told")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "leaf(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "leaf(1)", "Page down", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
        Binding("left,h", "aside(-1)", "Columns to the left", show=False),
        Binding("right,l", "aside(1)", "Columns to the right", show=False),
        Binding("s", "sort(1)", "Sort by the next column", show=False),
        Binding("S", "reverse", "Reverse the order", show=False),
        Binding("enter", "select", "Open", show=False),
    ]

    @dataclass
    class Highlighted(Message):
        """The cursor is on another row; None where there is none."""

        table: PagedTable
        key: Any

        @property
        def control(self) -> PagedTable:
            return self.table

    @dataclass
    class Selected(Message):
        """A row was chosen, by Enter or a second click."""

        table: PagedTable
        key: Any

        @property
        def control(self) -> PagedTable:
            return self.table

    @dataclass
    class Counted(Message):
        """How many rows the list has."""

        table: PagedTable
        total: int

    @dataclass
    class Failed(Message):
        """The source could not answer."""

        table: PagedTable
        reason: str

    @dataclass
    class _Arrived(Message):
        serial: int
        shown: Screenful | None
        total: int | None
        failure: str | None

    def __init__(
        self,
        source: PageSource,
        sorting: Sorting,
        *,
        empty: str = "There is nothing here.",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._source = source
        self.sorting = sorting
        self.empty = empty
        self.shown = Screenful((), 0)
        self.total: int | None = None
        self._serial = 0
        self._busy = False
        self._waiting: dict[str, tuple[Job, bool]] = {}  # by kind, the newest of each; in the order they came
        self._begin: Any = None
        self._steps = 0
        self._told: Any = None
        self._skipped = 0
        self._failure: str | None = None

    # What others ask of it

    @property
    def cursor_key(self) -> Any:
        """The key of the row under the cursor; None where there is none."""
        return self.shown.rows[self.shown.cursor].key if self.shown.rows else None

    def use(self, source: PageSource, sorting: Sorting | None = None) -> None:
        """Another list; the cursor stays on its row, if that is in it too."""
        self._serial += 1  # what is still under way is about the other list
        self._busy, self._steps = False, 0
        self._waiting.clear()
        self._source, self.sorting = source, sorting or self.sorting
        self.total = None
        key, order = self._begin if self._begin is not None else self.cursor_key, self.sorting

        def job(shown: Screenful, height: int) -> Screenful:
            found = None if key is None else pages.around(source, order, key, height // 2, height)
            return found or pages.first(source, order, height)

        self._ask("use", job, count=True)

    def go_on_with(self, source: PageSource) -> None:
        """The same list from another source, which may tell its rows differently."""
        self._source = source
        self.refresh_rows()

    def refresh_rows(self) -> None:
        """The same rows as they are now; the cursor stays on its row."""
        source, sorting = self._source, self.sorting
        self._ask("again", lambda shown, height: pages.again(source, sorting, shown, height), count=True)

    def go_to(self, key: Any) -> None:
        """Puts the cursor on a row, if the list has it."""
        if not self.is_mounted:
            self._begin = key
        if key == self.cursor_key or not self.is_mounted:
            return
        at = next((i for i, row in enumerate(self.shown.rows) if row.key == key), None)
        if at is not None and not self._busy:
            self._show(Screenful(self.shown.rows, at))
            return
        source, sorting = self._source, self.sorting
        self._ask("go", lambda shown, height: pages.around(source, sorting, key, height // 2, height))

    def sort_by(self, sorting: Sorting) -> None:
        """In another order; the cursor stays on its row."""
        self.sorting = sorting
        self.refresh_rows()
        self.refresh()

    # Asking the source

    @property
    def room(self) -> int:
        """Rows that fit."""
        return max(1, self.size.height - HEAD)

    def _ask(self, kind: str, job: Job, *, count: bool = False) -> None:
        """Has the job done in a thread, or after the one that is under way; of a kind the newest is enough."""
        if self._busy:
            self._waiting[kind] = (job, count)
            return
        self._busy = True
        self._serial += 1
        work = partial(self._work, self._serial, job, self.shown, self.room, self._source if count else None)
        self.run_worker(work, thread=True, group="pages", exit_on_error=False)

    def _work(self, serial: int, job: Job, shown: Screenful, room: int, counted: PageSource | None) -> None:
        """In the thread: nothing of the widget is touched, what is found comes back as a message."""
        try:
            found = job(shown, room)
            total = None if counted is None else counted.count()
            self.post_message(self._Arrived(serial, found, total, None))
        except (StoreError, UserError) as error:
            self.post_message(self._Arrived(serial, None, None, str(error)))

    def on_paged_table__arrived(self, message: _Arrived) -> None:
        message.stop()
        if message.serial != self._serial:
            return
        self._busy = False
        if message.failure is not None:
            self._failure = message.failure
            self.post_message(self.Failed(self, message.failure))
            self.refresh()
        else:
            self._failure = None
        if message.total is not None:
            self.total = message.total
            self.post_message(self.Counted(self, message.total))
        if message.shown is not None:
            self._show(message.shown)
        if self._waiting:
            kind = next(iter(self._waiting))
            job, count = self._waiting.pop(kind)
            self._ask(kind, job, count=count)
        elif self._steps:
            steps, self._steps = self._steps, 0
            self._step(steps)

    def _show(self, shown: Screenful) -> None:
        first = max(0, shown.cursor - self.room + 1)  # of more rows than fit, those that hold the cursor
        self.shown = Screenful(shown.rows[first : first + self.room], shown.cursor - first)
        if self.cursor_key != self._told:
            self._told = self.cursor_key
            self.post_message(self.Highlighted(self, self._told))
        self.refresh()

    # Moving about

    def on_mount(self) -> None:
        self.use(self._source)
        self._begin = None

    def on_resize(self) -> None:
        self.refresh_rows()

    def action_move(self, by: int) -> None:
        if self._busy:
            self._steps += by
            return
        self._step(by)

    def _step(self, by: int) -> None:
        target = self.shown.cursor + by
        if 0 <= target < len(self.shown.rows):
            self._show(Screenful(self.shown.rows, target))
            return
        source, sorting = self._source, self.sorting
        self._ask("move", lambda shown, height: pages.moved(source, sorting, shown, by, height))

    def action_leaf(self, by: int) -> None:
        self.action_move(by * max(1, self.room - 1))

    def action_first(self) -> None:
        source, sorting = self._source, self.sorting
        self._ask("move", lambda shown, height: pages.first(source, sorting, height))

    def action_last(self) -> None:
        source, sorting = self._source, self.sorting
        self._ask("move", lambda shown, height: pages.last(source, sorting, height))

    def action_aside(self, by: int) -> None:
        """The first column stays; the others move."""
        most = max(0, len(self._source.columns) - 2)
        self._skipped = max(0, min(most, self._skipped + by))
        self.refresh()

    def action_sort(self, by: int) -> None:
        keys = [column.key for column in self._source.columns if column.sortable]
        if keys:
            at = keys.index(self.sorting.key) if self.sorting.key in keys else -by
            self.sort_by(Sorting(keys[(at + by) % len(keys)], self.sorting.descending))

    def action_reverse(self) -> None:
        self.sort_by(replace(self.sorting, descending=not self.sorting.descending))

    def action_select(self) -> None:
        if self.shown.rows:
            self.post_message(self.Selected(self, self.cursor_key))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-3)

    def on_click(self, event: events.Click) -> None:
        if event.y < HEAD:
            self._click_head(event.x)
            return
        row = event.y - HEAD
        if row >= len(self.shown.rows):
            return
        again = row == self.shown.cursor
        self._show(Screenful(self.shown.rows, row))
        if again:
            self.action_select()

    def _click_head(self, x: int) -> None:
        left = 0
        for column, width in self._layout():
            if left <= x < left + width + 1 and column.sortable:
                turned = column.key == self.sorting.key and not self.sorting.descending
                self.sort_by(Sorting(column.key, turned))
                return
            left += width + 1

    # Drawing

    def _layout(self) -> list[tuple[TableColumn, int]]:
        """The columns that fit, each with its width; what is left goes to those that stretch."""
        columns = list(self._source.columns)
        columns = [*columns[:1], *columns[1 + self._skipped :]]
        chosen, left = list[TableColumn](), self.size.width
        for column in columns:
            if chosen and left < column.width:
                break
            chosen.append(column)
            left -= column.width + 1
        stretching = [column for column in chosen if column.stretch]
        share, rest = divmod(max(0, left + 1), len(stretching)) if stretching else (0, 0)
        more = {column.key: share + (i < rest) for i, column in enumerate(stretching)}
        return [(column, min(self.size.width, column.width) + more.get(column.key, 0)) for column in chosen]

    def render_line(self, y: int) -> Strip:
        ground = self.rich_style
        if y < HEAD:
            strip = self._head(ground)
        elif y - HEAD < len(self.shown.rows):
            strip = self._row(y - HEAD, ground)
        elif y == HEAD and not self.shown.rows:
            told = self._failure or (self.empty if self.total is not None else "")
            strip = Strip([Segment(literal(told, self.size.width), self.get_component_rich_style("table--told"))])
        else:
            strip = Strip.blank(self.size.width, ground)
        return strip.adjust_cell_length(self.size.width, ground)

    def _head(self, ground: Style) -> Strip:
        head, marked = self.get_component_rich_style("table--head"), self.get_component_rich_style("table--sorted")
        segments = list[Segment]()
        for column, width in self._layout():
            is_sorted = column.key == self.sorting.key
            arrow = ("▼" if self.sorting.descending else "▲") if is_sorted else ""
            text = literal(f"{arrow}{column.header}" if column.right else f"{column.header}{arrow}", width).rstrip()
            segments += [Segment(_aligned(text, column, width), marked if is_sorted else head), Segment(" ", ground)]
        return Strip(segments)

    def _row(self, number: int, ground: Style) -> Strip:
        row = self.shown.rows[number]
        style = ground
        if row.tone:
            style = self.get_component_rich_style(f"table--{row.tone}")
        if number == self.shown.cursor:
            style = self.get_component_rich_style("table--cursor")
        by_key = dict(zip((column.key for column in self._source.columns), row.cells, strict=True))
        text = " ".join(_cell(by_key[column.key], column, width) for column, width in self._layout())
        return Strip([Segment(set_cell_size(text, self.size.width), style)])


def _cell(text: str, column: TableColumn, width: int) -> str:
    fit = literal(text, width)
    return _aligned(fit.rstrip(), column, width) if column.right else fit


def _aligned(text: str, column: TableColumn, width: int) -> str:
    gap = " " * max(0, width - cell_len(text))
    return gap + text if column.right else text + gap
