"""A list in memory that answers as a page source does, and counts what it was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.tui.widgets.pages import Sorting, TableColumn, TableRow


@dataclass
class Listed:
    """Numbers in order; `texts` are the second cells."""

    numbers: list[int]
    texts: dict[int, str] = field(default_factory=dict)
    most_asked: int = 0
    columns: Sequence[TableColumn] = (
        TableColumn("number", "number", 8, right=True),
        TableColumn("text", "text", 10, stretch=True, sortable=False),
    )

    def page(self, sorting: Sorting, start: Any, back: bool, inclusive: bool, limit: int) -> list[TableRow]:
        self.most_asked = max(self.most_asked, limit)
        order = sorted(self.numbers, reverse=sorting.descending)
        if start is not None:
            after = (lambda n: n > start) if back == sorting.descending else (lambda n: n < start)
            order = [n for n in order if after(n) or (inclusive and n == start)]
        chosen = order[max(0, len(order) - limit) :] if back else order[:limit]
        return [TableRow(n, n, (str(n), self.texts.get(n, ""))) for n in chosen]

    def locate(self, key: Any, sorting: Sorting) -> Any:
        return key if key in self.numbers else None

    def count(self) -> int:
        return len(self.numbers)
