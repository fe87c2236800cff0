"""A table shows a part of its list that follows the cursor, holds no more of it, and shows every text literally."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from store.errors import MissingLabError
from tests.tui.listed import Listed
from workbench.tui.widgets import pages
from workbench.tui.widgets.pages import Screenful, Sorting, TableRow
from workbench.tui.widgets.table import PagedTable, literal

MOVES = st.lists(st.one_of(st.integers(-30, 30), st.sampled_from(["first", "last", "again"])), max_size=12)


@given(many=st.integers(0, 60), height=st.integers(1, 12), descending=st.booleans(), moves=MOVES)
def test_the_screen_is_a_part_of_the_list_that_holds_the_cursor(
    many: int, height: int, descending: bool, moves: list[Any]
) -> None:
    order = sorted(range(0, many * 3, 3), reverse=descending)
    source, sorting = Listed(order), Sorting("number", descending)
    shown, at = pages.first(source, sorting, height), 0
    for move in moves:
        if move == "first":
            shown, at = pages.first(source, sorting, height), 0
        elif move == "last":
            shown, at = pages.last(source, sorting, height), many - 1
        elif move == "again":
            shown = pages.again(source, sorting, shown, height)
        else:
            shown, at = pages.moved(source, sorting, shown, move, height), at + move
        at = max(0, min(at, many - 1))
        keys = [row.key for row in shown.rows]
        assert len(keys) == min(height, many)
        if keys:
            first = order.index(keys[0])
            assert keys == order[first : first + height]
            assert keys[shown.cursor] == order[at]


@given(
    before=st.sets(st.integers(0, 40), min_size=1),
    after=st.sets(st.integers(0, 40)),
    height=st.integers(1, 9),
    steps=st.integers(0, 40),
)
def test_the_cursor_stays_on_its_row_while_the_list_changes(
    before: set[int], after: set[int], height: int, steps: int
) -> None:
    sorting = Sorting("number")
    old, new = Listed(sorted(before)), Listed(sorted(after))
    shown = pages.moved(old, sorting, pages.first(old, sorting, height), steps, height)
    key = shown.rows[shown.cursor].key
    fresh = pages.again(new, sorting, shown, height)
    assert len(fresh.rows) == min(height, len(after))
    if key in after:
        assert fresh.rows[fresh.cursor].key == key
    assert fresh.cursor < max(1, len(fresh.rows))


HOSTILE = [
    "[red]x[/]",
    "\x1b[31mred\x1b[0m",
    "a\nb\tc",
    "‮gnp.exe",
    "日本語" * 40,
    "e\u0301" * 9,
    "👩‍🔬👍🏽",
    "x" * 10_000,
    "",
]


def test_every_text_is_shown_literally_in_exactly_its_room() -> None:
    from rich.cells import cell_len

    for text in HOSTILE:
        for width in (0, 1, 2, 7, 40):
            shown = literal(text, width)
            assert cell_len(shown) == width
            assert all(c.isprintable() for c in shown), repr(shown)
    assert literal("[red]x", 8) == "[red]x  "
    assert literal("\x1b[31m", 10) == "\\x1b[31m  "


class Shows(App[None]):
    def __init__(self, source: Any) -> None:
        super().__init__()
        self.source = source
        self.heard: list[Any] = []

    def compose(self) -> ComposeResult:
        yield PagedTable(self.source, Sorting("number"))

    def on_paged_table_selected(self, message: PagedTable.Selected) -> None:
        self.heard.append(message.key)

    def on_paged_table_failed(self, message: PagedTable.Failed) -> None:
        self.heard.append(message.reason)


async def settled(pilot: Pilot[None]) -> None:
    """Until every page that was asked for has come."""
    table = pilot.app.query_one(PagedTable)
    for _ in range(200):
        await pilot.pause()
        if not (table._busy or table._steps):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the table still waits for its source")


def lines(app: App[None]) -> list[str]:
    table = app.query_one(PagedTable)
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


def test_keys_and_mouse_move_choose_and_sort() -> None:
    async def drive() -> None:
        source = Listed(list(range(10_000)), {3: "[bold]\x1b[2J\n"})
        app = Shows(source)
        async with app.run_test(size=(40, 12)) as pilot:
            await settled(pilot)
            table = app.query_one(PagedTable)
            table.focus()
            assert lines(app)[4].endswith("3 [bold]\\x1b[2J\\n")
            await pilot.press("down", "down", "j", "enter")
            await settled(pilot)
            await pilot.press("pagedown", "pagedown", *["down"] * 5)
            await settled(pilot)
            assert table.cursor_key == 3 + 10 + 10 + 5
            await pilot.press("end", "enter")
            await settled(pilot)
            assert table.cursor_key == 9_999
            await pilot.press("S")
            await settled(pilot)
            assert table.cursor_key == 9_999
            assert lines(app)[0].strip().startswith("▼number")
            await pilot.press("g")
            await settled(pilot)
            assert [row.key for row in table.shown.rows] == list(range(9_999, 9_988, -1))
            await pilot.click(PagedTable, offset=(5, 4))
            await pilot.click(PagedTable, offset=(5, 4))
            await pilot.click(PagedTable, offset=(5, 0))
            await settled(pilot)
            assert (table.sorting, table.cursor_key) == (Sorting("number"), 9_996)
            await pilot.resize_terminal(30, 6)
            await settled(pilot)
            assert (len(table.shown.rows), table.cursor_key) == (5, 9_996)
            assert app.heard == [3, 9_999, 9_996]
            assert source.most_asked <= 12

    asyncio.run(drive())


class Vanished(Listed):
    def page(self, *asked: Any) -> list[TableRow]:
        raise MissingLabError("There is no lab at [red]here.")


def test_a_source_that_fails_is_a_line_and_a_message() -> None:
    async def drive() -> None:
        app = Shows(Vanished([1]))
        async with app.run_test(size=(60, 8)) as pilot:
            await settled(pilot)
            assert lines(app)[1] == "There is no lab at [red]here."
            assert app.heard[0] == "There is no lab at [red]here."
            assert app.query_one(PagedTable).shown == Screenful((), 0)

    asyncio.run(drive())
