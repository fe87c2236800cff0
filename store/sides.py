"""The tables of both labs of a merge: ours, and those of the other one, which is attached under the name `other`."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, FromClause, MetaData, and_
from sqlalchemy.dialects import postgresql, sqlite

from store.connections import is_server
from store.tables import Base

OURS: Final = Base.metadata.tables
_ELSEWHERE: Final = MetaData()
THEIRS: Final = {
    table.name: table.to_metadata(_ELSEWHERE, schema="other").alias(f"their_{table.name}")
    for table in Base.metadata.sorted_tables
}


def insert(connection: Connection, into: Any) -> Any:
    """An insertion that can be told what to do about a conflict, as each kind of database has its own."""
    return postgresql.insert(into) if is_server(connection) else sqlite.insert(into)


def alike(ours: FromClause, theirs: FromClause, names: tuple[str, ...]) -> ColumnElement[bool]:
    """Whether two rows say the same in some columns."""
    return and_(*(ours.c[name].is_not_distinct_from(theirs.c[name]) for name in names))
