"""The tables of both labs of a merge: ours, and those of the other one, which is attached under the name `other`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, FromClause, MetaData, and_

from store.tables import Base

OURS: Final = Base.metadata.tables
_ELSEWHERE: Final = MetaData()
THEIRS: Final = {
    table.name: table.to_metadata(_ELSEWHERE, schema="other").alias(f"their_{table.name}")
    for table in Base.metadata.sorted_tables
}


def alike(ours: FromClause, theirs: FromClause, names: tuple[str, ...]) -> ColumnElement[bool]:
    """Whether two rows say the same in some columns."""
    return and_(*(ours.c[name].is_not_distinct_from(theirs.c[name]) for name in names))
