"""Removing runs, and what depends on them: who learns from a run, and which source models were trained on it.

What depends on a run stays and says that its source is gone. Evaluations belong to no run: they stay known.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete

from store.owner import this_process
from store.rows import Run
from store.runs import by_id, check_idle


@dataclass(frozen=True, slots=True)
class Dependents:
    """What was learnt from a run, by number."""

    runs: tuple[int, ...]  # that learn from it, and stay
    unfinished: tuple[int, ...]  # of these, those that cannot go on without it
    models: tuple[int, ...]  # trained on it


def dependents(connection: Connection, run: Run, leaving: Sequence[int] = ()) -> Dependents:
    """What depends on a run, but for the runs that leave with it."""
    query = """
        SELECT r.id, r.status FROM run_source AS s JOIN run AS r ON r.id = s.run_id
        WHERE s.source_uuid = ? ORDER BY r.id
    """
    learners = [row for row in connection.exec_driver_sql(query, (run.uuid,)) if row[0] not in leaving]
    lineages = connection.exec_driver_sql("SELECT id, lineage FROM source_model ORDER BY id")
    return Dependents(
        runs=tuple(number for number, _ in learners),
        unfinished=tuple(number for number, status in learners if status != "done"),
        models=tuple(number for number, lineage in lineages if run.uuid in _uuids(lineage)),
    )


def _uuids(lineage: str) -> set[str]:
    return {part["uuid"] for part in json.loads(lineage)}


def check_removable(run: Run) -> None:
    """Refuse a run that somebody works on."""
    check_idle(run, this_process())


def remove(connection: Connection, numbers: Sequence[int]) -> None:
    """Remove runs with all that they own; all of them or, where one is being worked on, none."""
    from store.tables import Base  # takes longer to load than a command that only asks to run

    for number in numbers:
        check_removable(by_id(connection, number, to_change=True))
    for number in numbers:
        for table in reversed(Base.metadata.sorted_tables):  # faster than a cascade, which goes row by row
            if "run_id" in table.c:
                connection.execute(delete(table).where(table.c.run_id == number))
        run = Base.metadata.tables["run"]
        connection.execute(delete(run).where(run.c.id == number))
