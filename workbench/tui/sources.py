"""Lists of the lab as tables ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from store.filtering import All, Among, Column, Condition
from store.pages import Window
from workbench.problem.task import BaseTask
from workbench.tui.labfile import LabFile
from workbench.tui.widgets.pages import Sorting, TableColumn, TableRow
from workbench.views.points import PointRow, page, sort_term
from workbench.views.quantity import METRIC_WORDS, metric


@dataclass(frozen=True)
class PointSource:
    """A run's points for which a condition holds; `front` are the seqs of those to be marked."""

    lab: LabFile
    run_id: int
    task: BaseTask
    where: Condition | None
    front: frozenset[int]

    @cached_property
    def columns(self) -> Sequence[TableColumn]:
        others = [name for name in self.task.metrics if name not in self.task.objectives]
        metrics = [TableColumn(name, METRIC_WORDS[name], 13, right=True) for name in (*self.task.objectives, *others)]
        axes = [
            TableColumn(axis.name, axis.name, max(len(axis.name), *(len(str(c)) for c in axis.choices)), axis.ordered)
            for axis in self.task.space.axes
            if axis.name not in self.task.metrics
        ]
        return [
            TableColumn("seq", "point", 7, right=True),
            TableColumn("front", "", 1, sortable=False),
            *metrics,
            TableColumn("step", "step", 6, right=True),
            *axes,
        ]

    def page(self, sorting: Sorting, start: Any, back: bool, inclusive: bool, limit: int) -> list[TableRow]:
        window = Window(
            where=self.where,
            by=sort_term(self.task, sorting.key),
            descending=sorting.descending,
            start=start,
            back=back,
            inclusive=inclusive,
            limit=limit,
        )
        return [self._row(row) for row in page(self.lab.reading(), self.run_id, self.task, window)]

    def locate(self, key: Any, sorting: Sorting) -> Any:
        this = Among(Column("seq"), (key,))
        where = this if self.where is None else All((this, self.where))
        window = Window(where=where, by=sort_term(self.task, sorting.key), limit=1)
        found = page(self.lab.reading(), self.run_id, self.task, window)
        return found[0].place if found else None

    def count(self) -> int:
        return self.lab.reading().count_points(self.run_id, self.where)

    def _row(self, row: PointRow) -> TableRow:
        values = row.flat()
        on_front = row.seq in self.front
        shown = {
            **{name: str(value) for name, value in values.items()},
            **{name: metric(name, row.metrics.get(name)) for name in self.task.metrics},
            "front": "●" if on_front else " " if row.metrics else "×",
        }
        tone = "good" if on_front else "" if row.metrics else "quiet"
        return TableRow(row.seq, row.place, tuple(shown[column.key] for column in self.columns), tone)
