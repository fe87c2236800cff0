"""What lies in the lab, counted: rows and bytes by table, what was simulated, and how often the cache answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError

from store.tables import Base

# An index counts to its table.
_BYTES: Final = """
    SELECT s.tbl_name, sum(d.pgsize) FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name
    WHERE d.aggregate GROUP BY s.tbl_name
"""
_CONTEXTS: Final = """
    SELECT c.id, c.simulator, c.fingerprint, c.layer, count(e.key), count(e.infeasible)
    FROM context AS c LEFT JOIN evaluation AS e ON e.context_id = c.id GROUP BY c.id ORDER BY c.id
"""
_RUNS: Final = """
    SELECT simulator, fingerprint, count(*), sum(points), sum(evaluations), sum(hits)
    FROM run GROUP BY simulator, fingerprint ORDER BY simulator, fingerprint
"""


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table: its rows, and its bytes with its indices; None where this SQLite cannot tell."""

    name: str
    rows: int
    size: int | None


@dataclass(frozen=True, slots=True)
class ContextSize:
    """What the cache holds in a context."""

    id: int
    simulator: str
    fingerprint: str
    layer: str  # JSON
    evaluations: int
    infeasible: int


@dataclass(frozen=True, slots=True)
class RunsOf:
    """All runs by one version and settings of a simulator, summed up."""

    simulator: str
    fingerprint: str
    runs: int
    points: int
    evaluations: int  # simulations done
    hits: int  # simulations saved by the cache


@dataclass(frozen=True, slots=True)
class Statistics:
    """The lab in numbers, all of one moment."""

    schema: int
    size: int  # of the file, bytes
    free: int  # bytes of it that hold nothing
    tables: tuple[TableSize, ...]
    contexts: tuple[ContextSize, ...]
    runs: tuple[RunsOf, ...]


def statistics(connection: Connection) -> Statistics:
    """Counts everything, so it reads everything once."""
    page_size, pages, free = (_pragma(connection, name) for name in ("page_size", "page_count", "freelist_count"))
    sizes = _sizes(connection)
    return Statistics(
        schema=_pragma(connection, "user_version"),
        size=page_size * pages,
        free=page_size * free,
        tables=tuple(
            TableSize(t.name, connection.execute(select(func.count()).select_from(t)).scalar_one(), sizes.get(t.name))
            for t in Base.metadata.sorted_tables
        ),
        contexts=tuple(ContextSize(*row) for row in connection.exec_driver_sql(_CONTEXTS)),
        runs=tuple(RunsOf(*row) for row in connection.exec_driver_sql(_RUNS)),
    )


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _sizes(connection: Connection) -> dict[str, int]:
    try:
        return {name: size for name, size in connection.exec_driver_sql(_BYTES)}  # noqa: C416 - rows are no pairs to mypy
    except OperationalError as error:
        if "dbstat" not in str(error.orig):
            raise
        return {}  # this SQLite is built without
