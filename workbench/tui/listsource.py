"""A short list for a table: rows that are all there already, sorted by what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.tui.widgets.pages import Sorting, TableColumn, TableRow


class ListSource:
    """Rows as mappings, by key of the column; `words` says how a value is shown."""

    def __init__(
        self,
        columns: Sequence[TableColumn],
        rows: Sequence[Mapping[str, Any]],
        words: Mapping[str, Callable[[Any], str]],
    ) -> None:
        self.columns = columns
        self._rows, self._words = rows, words

    def page(self, sorting: Sorting, start: Any, back: bool, inclusive: bool, limit: int) -> list[TableRow]:
        rows = self._sorted(sorting)
        if start is None:
            return rows[-limit:] if back else rows[:limit]
        if back:
            end = start + inclusive
            return rows[max(0, end - limit) : end]
        begin = start + (not inclusive)
        return rows[begin : begin + limit]

    def locate(self, key: Any, sorting: Sorting) -> Any:
        return next((row.place for row in self._sorted(sorting) if row.key == key), None)

    def count(self) -> int:
        return len(self._rows)

    def _sorted(self, sorting: Sorting) -> list[TableRow]:
        """In the order of the list where it is sorted by its place, `#`; what has no value comes last."""
        numbered = list(enumerate(self._rows))
        if sorting.key != "#":
            known = [pair for pair in numbered if pair[1].get(sorting.key) is not None]
            known.sort(key=lambda pair: pair[1][sorting.key], reverse=sorting.descending)
            numbered = known + [pair for pair in numbered if pair[1].get(sorting.key) is None]
        elif sorting.descending:
            numbered.reverse()
        return [TableRow(number, place, self._cells(row)) for place, (number, row) in enumerate(numbered)]

    def _cells(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(self._cell(column.key, row.get(column.key)) for column in self.columns)

    def _cell(self, key: str, value: Any) -> str:
        return "-" if value is None else self._words.get(key, str)(value)
