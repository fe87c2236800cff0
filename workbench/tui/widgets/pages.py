"""Where a table's rows come from: a source that is asked for a screenful by key, and never for more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its key (by which a source sorts), its header, and how wide it is; `stretch` ones take what is left."""

    key: str
    header: str
    width: int
    right: bool = False
    stretch: bool = False
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: what it is called, where it stands in the list, and its cells as they are to be read."""

    key: Any
    place: Any
    cells: tuple[str, ...]
    tone: str = ""
    """How it is said: "good", "bad", "quiet" or nothing."""


@dataclass(frozen=True, slots=True)
class Sorting:
    """By which column, and which way."""

    key: str
    descending: bool = False


class PageSource(Protocol):
    """Rows of a list that may be long. It is asked from a thread of its own, one question at a time."""

    @property
    def columns(self) -> Sequence[TableColumn]: ...

    def page(self, sorting: Sorting, start: Any, back: bool, inclusive: bool, limit: int) -> list[TableRow]:
        """Up to `limit` rows after `start` (before it: `back`; with it: `inclusive`), in order; None: from the end."""
        ...

    def locate(self, key: Any, sorting: Sorting) -> Any:
        """Where a row stands now; None if it is no longer in the list."""
        ...

    def count(self) -> int:
        """How many rows there are."""
        ...


@dataclass(frozen=True, slots=True)
class Screenful:
    """What a table shows: rows, and on which of them the cursor is."""

    rows: tuple[TableRow, ...]
    cursor: int


def first(source: PageSource, sorting: Sorting, height: int) -> Screenful:
    return Screenful(tuple(source.page(sorting, None, False, False, height)), 0)


def last(source: PageSource, sorting: Sorting, height: int) -> Screenful:
    rows = tuple(source.page(sorting, None, True, False, height))
    return Screenful(rows, max(0, len(rows) - 1))


def moved(source: PageSource, sorting: Sorting, shown: Screenful, by: int, height: int) -> Screenful:
    """The cursor `by` rows further down, or up; the screen follows it."""
    target = shown.cursor + by
    if not shown.rows or 0 <= target < len(shown.rows):
        return Screenful(shown.rows, max(0, min(target, len(shown.rows) - 1)))
    if target >= len(shown.rows):
        more = source.page(sorting, shown.rows[-1].place, False, False, target - len(shown.rows) + 1)
        rows = (*shown.rows, *more)[-height:]
        return Screenful(rows, len(rows) - 1)
    rows = (*source.page(sorting, shown.rows[0].place, True, False, -target), *shown.rows)[:height]
    return Screenful(rows, 0)


def around(source: PageSource, sorting: Sorting, key: Any, above: int, height: int) -> Screenful | None:
    """The row of this key with `above` rows above it, as far as there are; None if it is gone."""
    place = source.locate(key, sorting)
    if place is None:
        return None
    before = source.page(sorting, place, True, False, above) if above > 0 else []
    after = source.page(sorting, place, False, True, height - len(before))
    if len(after) < height - len(before):
        before = source.page(sorting, place, True, False, height - len(after))
    rows = (*before, *after)
    cursor = next((i for i, row in enumerate(rows) if row.key == key), 0)
    return Screenful(rows, cursor)


def again(source: PageSource, sorting: Sorting, shown: Screenful, height: int) -> Screenful:
    """The same part of the list as it is now, the cursor on its row wherever that has gone."""
    if not shown.rows:
        return first(source, sorting, height)
    at = shown.rows[shown.cursor]
    found = around(source, sorting, at.key, min(shown.cursor, height - 1), height)
    if found is not None:
        return found
    rows = tuple(source.page(sorting, shown.rows[0].place, False, True, height))
    if len(rows) < height:
        rows = (*source.page(sorting, shown.rows[0].place, True, False, height - len(rows)), *rows)
    return Screenful(rows, max(0, min(shown.cursor, len(rows) - 1)))
