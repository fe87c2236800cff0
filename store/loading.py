"""Records of a file made into a lab of their own, which can then be merged: all of it is examined before any is taken.

So what a file may bring is exactly what another lab may, by the same rules, in one transaction, and twice is as once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Table

from store import chunks
from store.accuracies import row_digest
from store.address import Address, Where
from store.connections import connect, explained, transaction
from store.dumping import Record, everything, records
from store.errors import BadExportError, BadRowError, DamagedLabError, NewerLabError
from store.lines import Numbered
from store.merging import Source, examined
from store.migrations import SCHEMA, make_ready
from store.rows import METRICS, ChunkHead, check_json
from store.steps import digest
from store.tables import Base
from store.verifying import JSON_COLUMNS

_ROW_ERRORS: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


@contextmanager
def loaded(path: Path, records: Iterable[Numbered], busy_seconds: float) -> Iterator[Source]:
    """The records of the file at `path` as a lab that has been found fit to be merged; it ends with the context.

    Raises:
        BadExportError: a line says what no lab may hold, or not the same as another one.
        DamagedLabError: the rows do not fit together.
    """
    with TemporaryDirectory(prefix="dse-import-") as folder:
        file = Path(folder) / "import.db"
        _fill(file, records, path, busy_seconds)
        yield examined(Source(path, file, "ro"), busy_seconds)


@contextmanager
def fetched(address: Address, busy_seconds: float) -> Iterator[Source]:
    """The lab on a server as one in a file that has been found fit to be merged; it ends with the context."""
    with TemporaryDirectory(prefix="dse-fetch-") as folder:
        file = Path(folder) / "copy.db"
        copy(address, file, busy_seconds)
        yield examined(Source(address, file, "ro"), busy_seconds)


def copy(address: Address, file: Path, busy_seconds: float) -> None:
    """The lab on a server as it is at one moment, into a new file."""
    from store import server

    server.check_readable(address, busy_seconds, SCHEMA.version)
    engine = server.reader(address, busy_seconds)
    try:
        with transaction(engine, address) as connection:
            found = server.schema(connection)
            if found > SCHEMA.version:
                raise NewerLabError(
                    f"{address} has schema {found}, this program knows {SCHEMA.version}: update the program to copy it."
                )
            _fill(file, enumerate(records(connection, everything()), 1), address, busy_seconds)
    finally:
        engine.dispose()


def _fill(file: Path, records: Iterable[Numbered], path: Where, busy_seconds: float) -> None:
    """A lab of its own from records, whose numbers it keeps."""
    make_ready(file, busy_seconds)
    with explained(file), closing(connect(file, "rw", busy_seconds)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")  # the line that refers to nothing is then told
        connection.execute("PRAGMA synchronous = OFF")  # nobody misses this file after a power cut
        connection.execute("BEGIN")
        _store(connection, records, path)
        connection.execute("COMMIT")


def _store(connection: sqlite3.Connection, records: Iterable[Numbered], path: Where) -> None:
    statements = {name: _Statements(table) for name, table in Base.metadata.tables.items()}
    for number, record in records:
        try:
            _check(record)
            added = connection.execute(statements[record.table].insert, record.values).rowcount
        except (BadRowError, DamagedLabError) as error:
            raise BadExportError(f"{path}, line {number}: {error}") from error
        except _ROW_ERRORS as error:
            raise BadExportError(f"{path}, line {number}: no {record.table} may be so: {error}.") from error
        if not added and not _is_there(connection, statements[record.table], record):
            raise BadExportError(
                f"{path}, line {number}: it does not say of its {record.table} what a line before says: one is wrong."
            )


class _Statements:
    """How rows of a table are put in, and found again."""

    def __init__(self, table: Table) -> None:
        names, key = table.columns.keys(), [column.name for column in table.primary_key]
        self.key = [names.index(name) for name in key]
        columns, places = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
        here = " AND ".join(f'"{name}" = ?' for name in key)
        self.insert = f'INSERT INTO "{table.name}" ({columns}) VALUES ({places}) ON CONFLICT DO NOTHING'  # noqa: S608
        self.find = f'SELECT {columns} FROM "{table.name}" WHERE {here}'  # noqa: S608


def _is_there(connection: sqlite3.Connection, statements: _Statements, record: Record) -> bool:
    found = connection.execute(statements.find, [record.values[place] for place in statements.key]).fetchone()
    return bool(found == record.values)


def _check(record: Record) -> None:
    """Refuse what the tables themselves let pass: text that is no JSON, bytes that are not those of their digest."""
    row = dict(zip(Base.metadata.tables[record.table].columns.keys(), record.values, strict=True))
    for column in JSON_COLUMNS.get(record.table, ()):
        check_json(column, row[column])
    check = _BYTES.get(record.table)
    if check is not None and not check(row):
        raise DamagedLabError(f"the bytes of its {record.table} are not those that were stored.")


def _chunk(row: Mapping[str, Any]) -> bool:
    place = (row["number"], row["first"], row["points"], row["feasible"])
    zones = tuple((row[f"{metric}_least"], row[f"{metric}_most"]) for metric in METRICS)
    head = ChunkHead(*place, zones, row["digest"], len(row["content"]))
    return chunks.chunk_digest(head[:4], head.zones, row["content"]) == head.digest


_BYTES: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = {
    "checkpoint": lambda row: digest(row["state"]) == row["digest"],
    "source_model": lambda row: digest(row["content"]) == row["key"] and len(row["content"]) == row["size"],
    "chunk": _chunk,
    "training": lambda row: digest(row["state"]) == row["digest"],
    "accuracy": lambda row: row_digest(row) == row["digest"],
}
