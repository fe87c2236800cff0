"""What lies in the lab, counted: rows and bytes by table, what was simulated, and how often the cache answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, LargeBinary, Table, Text, case, cast, func, literal, select

from store.connections import is_server
from store.tables import Base

_CONTEXTS: Final = """
    SELECT c.id, c.simulator, c.fingerprint, c.layer, count(e.key), count(e.infeasible)
    FROM context AS c LEFT JOIN evaluation AS e ON e.context_id = c.id GROUP BY c.id ORDER BY c.id
"""
_RUNS: Final = """
    SELECT simulator, fingerprint, count(*), CAST(sum(points) AS BIGINT), CAST(sum(evaluations) AS BIGINT),
        CAST(sum(hits) AS BIGINT)
    FROM run GROUP BY simulator, fingerprint ORDER BY simulator, fingerprint
"""


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table: its rows, and the bytes of what they hold, numbers at eight each; the file has some overhead on top."""

    name: str
    rows: int
    size: int


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
    schema, size, free = _place(connection)
    return Statistics(
        schema=schema,
        size=size,
        free=free,
        tables=tuple(_size(connection, table) for table in Base.metadata.sorted_tables),
        contexts=tuple(ContextSize(*row) for row in connection.exec_driver_sql(_CONTEXTS)),
        runs=tuple(RunsOf(*row) for row in connection.exec_driver_sql(_RUNS)),
    )


def _place(connection: Connection) -> tuple[int, int, int]:
    """Schema, bytes, and how many of them hold nothing, which a server does not tell."""
    if is_server(connection):
        from store import server

        return server.schema(connection), server.size(connection), 0
    page_size, pages, free = (_pragma(connection, name) for name in ("page_size", "page_count", "freelist_count"))
    return _pragma(connection, "user_version"), page_size * pages, page_size * free


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _size(connection: Connection, table: Table) -> TableSize:
    count = _octets if is_server(connection) else _bytes
    held = sum((count(column) for column in table.columns), literal(0))
    rows, size = connection.execute(select(func.count(), func.coalesce(func.sum(held), 0)).select_from(table)).one()
    return TableSize(table.name, rows, int(size))


def _octets(column: Column[Any]) -> ColumnElement[int]:
    if isinstance(column.type, LargeBinary | Text):
        return func.coalesce(func.octet_length(column), 0)
    return case((column.is_(None), 0), else_=8)


def _bytes(column: Column[Any]) -> ColumnElement[int]:
    """SQLite tells a blob's length without reading it, and a text's only in characters."""
    if isinstance(column.type, LargeBinary):
        return func.length(column)
    if isinstance(column.type, Text):
        return func.coalesce(func.length(cast(column, LargeBinary)), 0)
    return case((column.is_(None), 0), else_=8)
