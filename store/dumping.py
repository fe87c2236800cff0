"""What lies in a lab as records, row by row, those that others refer to first; and which of them are wanted.

A record keeps the numbers that runs and contexts have in this lab: whoever takes records over gives them new ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from store.merging import OF_RUN
from store.tables import Base

Wanted = Mapping[str, Sequence[ColumnElement[bool]]]
"""For each table the rows that are wanted: those that any of the clauses names; no two clauses name the same."""
RestsOn = Mapping[bytes, Collection[bytes]]
"""Keys of evaluations by the key of their context."""

_TABLES: Final = Base.metadata.tables
_KEYS_AT_ONCE: Final = 500
_ROWS_AT_ONCE: Final = 500


class Record(NamedTuple):
    """A row of a table, its values in the order of the columns."""

    table: str
    values: tuple[Any, ...]


def everything() -> Wanted:
    return {name: [true()] for name in _TABLES}


def of_contexts(keys: Collection[bytes]) -> Wanted:
    """Some contexts with all that is known in them."""
    context = _TABLES["context"]
    numbers = select(context.c.id).where(context.c.key.in_(keys))
    return {
        "context": [context.c.key.in_(keys)],
        **{name: [_TABLES[name].c.context_id.in_(numbers)] for name in ("evaluation", "evaluation_detail")},
    }


def of_runs(numbers: Collection[int], rests_on: RestsOn) -> Wanted:
    """Some runs with all that they own, the evaluations that their designs rest on, and the networks given to them."""
    context, given = _TABLES["context"], _TABLES["run_model"]
    models = select(given.c.model_key).where(given.c.run_id.in_(numbers))
    return {
        "context": [context.c.key.in_(list(rests_on))],
        **{name: _evaluations(name, rests_on) for name in ("evaluation", "evaluation_detail")},
        "run": [_TABLES["run"].c.id.in_(numbers)],
        **{name: [_TABLES[name].c.run_id.in_(numbers)] for name in OF_RUN},
        "source_model": [_TABLES["source_model"].c.key.in_(models)],
    }


def _evaluations(name: str, rests_on: RestsOn) -> list[ColumnElement[bool]]:
    table, context, clauses = _TABLES[name], _TABLES["context"], list[ColumnElement[bool]]()
    for key, archs in rests_on.items():
        number = select(context.c.id).where(context.c.key == key).scalar_subquery()
        ordered = sorted(set(archs))
        for start in range(0, len(ordered), _KEYS_AT_ONCE):
            some = table.c.key.in_(ordered[start : start + _KEYS_AT_ONCE])
            clauses.append(and_(table.c.context_id == number, some))
    return clauses


def counted(connection: Connection, wanted: Wanted) -> dict[str, int]:
    """How many records there are of each table, but for tables without."""
    counts = dict[str, int]()
    for name, clauses in wanted.items():
        queries = (select(func.count()).select_from(_TABLES[name]).where(clause) for clause in clauses)
        counts[name] = sum(connection.execute(query).scalar_one() for query in queries)
    return {name: count for name, count in counts.items() if count}


def records(connection: Connection, wanted: Wanted) -> Iterator[Record]:
    """The rows that are wanted, in an order in which they can be stored again."""
    for table in Base.metadata.sorted_tables:
        for clause in wanted.get(table.name, ()):
            query = select(table).where(clause).order_by(*table.primary_key)
            for rows in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query).partitions():
                yield from (Record(table.name, tuple(row)) for row in rows)
