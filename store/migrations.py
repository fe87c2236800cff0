"""The file format: whose file it is, which schema it has, and how an older one is brought up to date.

`application_id` says that a SQLite file is a lab database, `user_version` which schema it has. An older file is
copied first, then migrated by ordered steps in one transaction. A newer one is only read.
"""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from store.connections import connect, explained, migrator, transaction
from store.errors import DamagedLabError, NewerLabError, NotALabError, OlderLabError
from store.versions import STEPS, Step

APPLICATION_ID: Final = int.from_bytes(b"DSEW", "big")
PAGE_BYTES: Final = 8192
"""Of a new file: with twice SQLite's own, a chunk and a run's head take half the pages, each written twice."""


@dataclass(frozen=True)
class Schema:
    """A version of the file format: how to make an empty lab of it, and to reach it from each version before."""

    version: int
    create: Step
    steps: Mapping[int, Step] = field(default_factory=dict)  # steps[n] turns version n into n + 1


def _create(connection: Connection) -> None:
    from store.tables import create_tables  # takes longer to load than the rest of the store

    create_tables(connection)


SCHEMA: Final = Schema(version=7, create=_create, steps=STEPS)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a SQLite file says of itself."""

    application_id: int
    version: int
    tables: tuple[str, ...]
    programs: tuple[str, ...]  # triggers and views

    @property
    def is_blank(self) -> bool:
        return self.application_id == 0 and not self.tables


def identify(connection: sqlite3.Connection) -> Identity:
    """All of one moment: another process may be creating the file."""
    connection.execute("BEGIN")
    found = Identity(
        application_id=connection.execute("PRAGMA application_id").fetchone()[0],
        version=connection.execute("PRAGMA user_version").fetchone()[0],
        tables=_names(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'"),
        programs=_names(connection, "SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'view')"),
    )
    connection.execute("COMMIT")
    return found


def _names(connection: sqlite3.Connection, query: str) -> tuple[str, ...]:
    return tuple(name for (name,) in connection.execute(query))


def check_readable(path: Path, busy_seconds: float, schema: Schema = SCHEMA) -> str:
    """The mode in which to read the lab; raises unless it has this program's schema or a newer one."""
    mode = "ro"
    with explained(path):
        try:
            found = _identify_in(path, mode, busy_seconds)
        except sqlite3.OperationalError as error:
            if not _is_sealed(path, error):
                raise
            mode = "immutable"
            found = _identify_in(path, mode, busy_seconds)
    _refuse_foreign(found, path, schema)
    if found.version < schema.version:
        raise OlderLabError(
            f"{path} has the old schema {found.version}: 'dse db vacuum --db {shlex.quote(str(path))}' brings it to "
            f"{schema.version}, and keeps a copy of the old."
        )
    return mode


def _identify_in(path: Path, mode: str, busy_seconds: float) -> Identity:
    with closing(connect(path, mode, busy_seconds)) as connection:
        return _identify(connection, path)


def _identify(connection: sqlite3.Connection, path: Path) -> Identity:
    """Also refuses a file that ends amid a page, whose rest SQLite would take for zeros; the log may still have it."""
    before = _has_log(path)
    found = identify(connection)
    rest = path.stat().st_size % int(connection.execute("PRAGMA page_size").fetchone()[0])
    if rest and not before and not _has_log(path):
        raise DamagedLabError(f"{path} is damaged: it ends amid a page, as if it were cut off. Restore a backup.")
    return found


def _has_log(path: Path) -> bool:
    wal = path.with_name(f"{path.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


def _is_sealed(path: Path, error: sqlite3.Error) -> bool:
    """Whether SQLite only failed to make its lock file beside a file that nobody is writing, as on a read-only disk."""
    return not _has_log(path) and error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))


def make_ready(path: Path, busy_seconds: float, schema: Schema = SCHEMA) -> None:
    """Leave at `path` a lab of this schema, ready for writing: check it, create it or migrate it.

    Several processes may do so at once: what each finds is checked again once it is its turn to write.
    """
    with explained(path), closing(connect(path, "rwc", busy_seconds)) as connection:
        found = _identify(connection, path)
        if not found.is_blank:
            _refuse_foreign(found, path, schema)
        if found.version > schema.version:
            raise NewerLabError(
                f"{path} has schema {found.version}, this program knows {schema.version}: "
                "update the program, or open the file read-only."
            )
        if not found.is_blank and found.version < schema.version:
            _back_up(connection, path, found.version)
        if found.is_blank:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        _write_ahead(connection, busy_seconds)
    if found.is_blank or found.version < schema.version:
        _advance(path, busy_seconds, schema)


def _refuse_foreign(found: Identity, path: Path, schema: Schema) -> None:
    if found.application_id != APPLICATION_ID:
        tables = ", ".join(found.tables[:4]) + (", ..." if len(found.tables) > 4 else "")
        raise NotALabError(
            f"{path} is a SQLite database of another program (application_id {found.application_id:#x}, "
            f"tables: {tables or 'none'}), not a lab database: give another path."
        )
    if found.programs and found.version <= schema.version:  # what they do, they would do in our name
        raise NotALabError(
            f"{path} holds triggers or views ({', '.join(found.programs[:4])}), as no lab database does: "
            "it has been tampered with, so it is not opened."
        )


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """A copy of the file, compact and in one piece, beside it; never over an earlier copy."""
    number, copy = 1, path.with_name(f"{path.name}.schema{version}.bak")
    while copy.exists():
        number += 1
        copy = path.with_name(f"{path.name}.schema{version}.bak{number}")
    connection.execute("VACUUM INTO ?", (str(copy),))
    return copy


def _write_ahead(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Set WAL mode. SQLite does not wait for its turn here, so we do."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _advance(path: Path, busy_seconds: float, schema: Schema) -> None:
    engine = migrator(path, busy_seconds)
    try:
        with transaction(engine, path) as connection:
            _create_or_migrate(connection, path, schema)
    finally:
        engine.dispose()


def _create_or_migrate(connection: Connection, path: Path, schema: Schema) -> None:
    application_id = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if application_id == 0:
        schema.create(connection)
    elif version >= schema.version:
        return
    else:
        for number in range(version, schema.version):
            if number not in schema.steps:
                raise OlderLabError(f"{path} has schema {version}, from which this program knows no way to migrate.")
            schema.steps[number](connection)
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise DamagedLabError(f"{path} is damaged: a row of {broken[0]} refers to one of {broken[2]} that is missing.")
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {schema.version}")
