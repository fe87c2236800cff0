"""What is PostgreSQL's own of a lab: its connections, its statements, its errors, and how its tables come to be.

The statements of the other modules are written for SQLite, and `translated` here; nobody else knows of two kinds but
where the two answer differently. Writers of different runs do not wait for one another: a run's row is locked by who
changes it, and what is looked for before it is made is made in turns (`taking_turns`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from store.address import Address
from store.errors import (
    BadRowError,
    DamagedLabError,
    FullDiskError,
    LabError,
    LockedLabError,
    LoginError,
    LostLabError,
    MissingDriverError,
    MissingLabError,
    NewerLabError,
    NotALabError,
    OlderLabError,
    ReadOnlyLabError,
    StoreError,
    UnreachableLabError,
)

try:
    import psycopg
    from psycopg.pq import TransactionStatus
    from psycopg.types.string import StrDumper
except ImportError as error:
    raise MissingDriverError(
        "A lab on PostgreSQL needs psycopg: pip install 'dse-workbench[postgres]'. A lab in a file needs nothing."
    ) from error

APPLICATION_ID: Final = int.from_bytes(b"DSEW", "big")
COPIED: Final = 200
"""Rows from which on a COPY is quicker than statements."""
_KEEPALIVES: Final = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""Seconds after which a server that has gone without a word is noticed, in place of two hours."""
_READER: Final = (
    "SET default_transaction_isolation = 'repeatable read'",  # one state, however much is written meanwhile
    "SET default_transaction_read_only = on",
)


# Connections


def connect(address: Address, busy_seconds: float) -> psycopg.Connection[Any]:
    """A driver connection, on which transactions begin by our order."""
    secret = {} if address.password is None else {"password": address.password}
    asked: dict[str, Any] = {"connect_timeout": max(2, int(busy_seconds)), **secret, **_KEEPALIVES}
    connection = psycopg.connect(address.uri, autocommit=True, application_name="dse", **asked)
    connection.execute(f"SET lock_timeout = {int(busy_seconds * 1000)}")
    connection.execute("SET client_encoding = 'UTF8'")
    connection.adapters.register_dumper(str, StrDumper)  # as text, which the server then takes for nothing else
    return connection


def writer(address: Address, busy_seconds: float) -> Engine:
    return _engine(address, busy_seconds, ())


def reader(address: Address, busy_seconds: float) -> Engine:
    return _engine(address, busy_seconds, _READER)


def _engine(address: Address, busy_seconds: float, settings: Sequence[str]) -> Engine:
    """An engine of one connection, as for a file; one that has died is made anew before a transaction begins."""

    def open_connection() -> Any:
        connection = connect(address, busy_seconds)
        for setting in settings:
            connection.execute(setting)
        return connection

    engine = create_engine(
        "postgresql+psycopg://",
        creator=open_connection,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=busy_seconds + 5,
        pool_pre_ping=True,
        use_native_hstore=False,
    )
    event.listen(engine, "begin", lambda connection: connection.connection.driver_connection.execute("BEGIN"))
    event.listen(engine, "before_cursor_execute", _translate, retval=True)
    return engine


def _translate(_: Any, __: Any, statement: str, parameters: Any, context: Any, many: bool) -> tuple[str, Any]:
    """Statements that are written by hand; those of SQLAlchemy are right already."""
    if context is not None and context.compiled is not None:
        return statement, parameters
    text = translated(statement)
    return text, parameters if many else _bound(text, parameters)


@cache
def translated(statement: str) -> str:
    """A statement of ours as this server has it: other placeholders, no order of joins, no kinds of BEGIN."""
    text = re.sub(r"\?(\d+)", r"%(p\1)s", statement)
    text = text.replace("?", "%s").replace("CROSS JOIN", "JOIN")
    return "BEGIN" if text == "BEGIN IMMEDIATE" else text


def _bound(text: str, values: Sequence[Any]) -> Any:
    """Values by number where the statement numbers them."""
    return {f"p{number}": value for number, value in enumerate(values, 1)} if "%(p1)s" in text else values


class ServerDriver:
    """The driver's own connection under the names that SQLite's has."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        return self._connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    @property
    def lost(self) -> bool:
        """Whether nothing can be asked of it any more."""
        return bool(self._connection.closed or self._connection.broken)

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Any:
        text = translated(statement)
        return self._connection.execute(text, _bound(text, values) or None)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]], /) -> None:
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(translated(statement), rows)

    def first_of_each(self, statement: str, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
        """The first row for each of many values, where there is one, without a way to the server for each."""
        if not rows:
            return
        with self._connection.cursor() as cursor:
            cursor.executemany(translated(statement), rows, returning=True)
            for result in cursor.results():
                row = result.fetchone()
                if row is not None:
                    yield row

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[Any], conflict: str) -> None:
        """Rows in the columns' order: many of them as a stream."""
        names = ", ".join(columns)
        if len(rows) < COPIED:
            places = ", ".join(["%s"] * len(columns))
            self.executemany(f"INSERT INTO {table} ({names}) VALUES ({places}) {conflict}", rows)  # noqa: S608
        elif not conflict:
            self.copy(table, names, rows)
        else:
            there = f"new_{table}"
            kept = f"CREATE TEMP TABLE IF NOT EXISTS {there} (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
            self._connection.execute(kept)
            self.copy(there, names, rows)
            into = f"INSERT INTO {table} ({names}) SELECT {names} FROM {there} {conflict}"  # noqa: S608
            self._connection.execute(into)
            self._connection.execute(f"TRUNCATE {there}")

    def copy(self, table: str, names: str, rows: Any) -> None:
        """Rows as a stream."""
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as stream:
            for row in rows:
                stream.write_row(row)


def taking_turns(connection: Connection, key: bytes) -> None:
    """Wait for whoever has said the same key, and let others wait until this transaction ends."""
    number = int.from_bytes(blake2b(key, digest_size=8).digest(), "big", signed=True)
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(?)", (number,))


# Its tables


_OURS: Final = "SELECT to_regclass(quote_ident(current_schema()) || '.dse_lab') IS NOT NULL"
_OTHERS: Final = """
    SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name LIMIT 5
"""
_IDENTITY: Final = "SELECT application_id, schema FROM dse_lab"
_SAME_SINCE: Final = 6  # what the schemas after it changed is how a file lies on the disk
_NAMED: Final = """
    CREATE TABLE dse_lab (
        one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one), application_id BIGINT NOT NULL, schema BIGINT NOT NULL
    )
"""


def check_readable(address: Address, busy_seconds: float, known: int) -> None:
    """Raise unless the database holds a lab of the known schema, or one like it, or a newer one."""
    with explained(address), connect(address, busy_seconds) as connection:
        found = _schema(address, connection)
    if found is None:
        raise MissingLabError(f"{address} holds no lab yet: 'dse run' makes one.")
    if found < _SAME_SINCE:
        raise _too_old(address, found, known)


def make_ready(address: Address, busy_seconds: float, known: int) -> None:
    """Leave in the database a lab of the known schema; several processes may do so at once."""
    with explained(address), connect(address, busy_seconds) as connection:
        found = _schema(address, connection)
        if found is not None and _SAME_SINCE <= found < known:
            connection.execute("UPDATE dse_lab SET schema = %s WHERE schema < %s", (known, known))
    if found is None:
        _create(address, busy_seconds, known)
    elif found > known:
        raise NewerLabError(
            f"{address} has schema {found}, this program knows {known}: update the program, or only look at it."
        )
    elif found < _SAME_SINCE:
        raise _too_old(address, found, known)


def _too_old(address: Address, found: int, known: int) -> OlderLabError:
    return OlderLabError(
        f"{address} has the old schema {found}, this program knows {known}: back it up by the program that wrote it "
        "('dse db backup FILE'), and merge that file into an empty database."
    )


def _schema(address: Address, connection: psycopg.Connection[Any]) -> int | None:
    """None where the database is empty."""
    (ours,) = connection.execute(_OURS).fetchone() or (False,)
    if not ours:
        others = [name for (name,) in connection.execute(_OTHERS)]
        if others:
            raise NotALabError(
                f"{address} holds tables of another program ({', '.join(others[:4])}"
                f"{', ...' if len(others) > 4 else ''}), not a lab: give an empty database."
            )
        return None
    row = connection.execute(_IDENTITY).fetchone()
    if row is None or row[0] != APPLICATION_ID:
        raise NotALabError(f"{address} has a table dse_lab that is not a lab's: give an empty database.")
    return int(row[1])


def _create(address: Address, busy_seconds: float, known: int) -> None:
    from store.tables import create_tables

    engine = writer(address, busy_seconds)
    try:
        with explained(address), engine.begin() as connection:
            taking_turns(connection, b"schema")
            driver: Any = connection.connection.driver_connection
            if _schema(address, driver) is None:
                create_tables(connection)
                connection.exec_driver_sql(_NAMED)
                values = (APPLICATION_ID, known)
                connection.exec_driver_sql("INSERT INTO dse_lab (application_id, schema) VALUES (?, ?)", values)
    finally:
        engine.dispose()


# The lab as a whole


def schema(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT schema FROM dse_lab").scalar_one())


def version(connection: Connection) -> str:
    """Of the server."""
    return str(connection.exec_driver_sql("SHOW server_version").scalar_one())


def size(connection: Connection) -> int:
    """Of the database, in bytes."""
    return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def data_version(connection: Connection) -> int:
    """Another number whenever a transaction that writes has begun or ended anywhere on the server."""
    text = str(connection.exec_driver_sql("SELECT CAST(pg_current_snapshot() AS TEXT)").scalar_one())
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def vacuum(writing: Engine, address: Address) -> tuple[int, int]:
    """Let removed rows' space be used again, and count anew what plans rest on; the bytes before and after."""
    from store.tables import Base

    names = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with explained(address):
        with writing.begin() as connection:
            before = size(connection)
        held = writing.raw_connection()
        try:  # it begins and ends transactions of its own
            driver: Any = held.driver_connection
            driver.execute(f"VACUUM (ANALYZE) {names}")
        finally:
            held.close()
        with writing.begin() as connection:
            return before, size(connection)


# Errors


@contextmanager
def explained(address: Address) -> Iterator[None]:
    """Turn the errors of the server and its driver into ours."""
    try:
        yield
    except PoolTimeoutError as error:
        raise LockedLabError(f"{address} is in use by another thread of this process for too long.") from error
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise explain(error.orig, address) from error
        raise
    except psycopg.Error as error:
        raise explain(error, address) from error


def explain(error: psycopg.Error, address: Address) -> StoreError:
    """The error of ours that says what the server's means for the lab there."""
    said = _said(error, address)
    state = error.sqlstate or ""
    for prefix, kind, text in _MEANINGS:
        if state.startswith(prefix):
            return kind(f"{address} {text} ({said}).")
    for part, kind, text in _AT_THE_DOOR if not state else ():
        if part in said:
            return kind(f"{address} {text} ({said}).")
    if not state and isinstance(error, psycopg.OperationalError):
        return LostLabError(
            f"{address}: the connection was lost ({said}). A step under way is stored whole or not at all; what is "
            "stored is safe, and to go on begins behind it."
        )
    if not state and isinstance(error, psycopg.DataError | psycopg.ProgrammingError):  # before it was sent
        return BadRowError(f"{address} refused a row: {said}.")
    return LabError(f"{address}: the server says: {said} ({state or type(error).__name__}).")


def _said(error: psycopg.Error, address: Address) -> str:
    """The error in one line; a URI that it repeats loses its password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0].rstrip(".") if lines else type(error).__name__
    return text.replace(address.password, "***") if address.password else text


_MEANINGS: tuple[tuple[str, type[StoreError], str], ...] = (
    ("08", LostLabError, "has lost the connection; what is stored is safe, and to go on begins behind it"),
    ("57P", LostLabError, "has been shut down or restarted; what is stored is safe, and to go on begins behind it"),
    ("25P03", LostLabError, "has ended a connection that waited too long; what is stored is safe"),
    ("3D", MissingLabError, "is no database of that server: make it (createdb), or give another name"),
    ("28", LoginError, "does not let this user in: check user and password (PGPASSWORD or ~/.pgpass)"),
    ("53300", LockedLabError, "has no connection left for us: try again later"),
    ("53", FullDiskError, "cannot grow: make space on the server and resume; all stored steps are safe"),
    ("58", FullDiskError, "cannot be read or written: check the server's disk; all stored steps are safe"),
    ("25006", ReadOnlyLabError, "can only be read: the server is a standby, or the database is read-only"),
    ("42501", ReadOnlyLabError, "does not let this user do that: ask for the rights on its tables"),
    ("55P03", LockedLabError, "is locked: another process has been writing for too long; try again when it ends"),
    ("57014", LockedLabError, "has given the statement up: it took longer than the server allows"),
    ("40", LockedLabError, "had two writers wait for each other; nothing of this one is stored: try again"),
    ("42P01", DamagedLabError, "is damaged: a table is missing. Restore a backup"),
    ("42703", DamagedLabError, "is damaged: a column is missing. Restore a backup"),
    ("XX", DamagedLabError, "is damaged: restore a backup"),
    ("22", BadRowError, "refused a row"),
    ("23", BadRowError, "refused a row"),
    ("42804", BadRowError, "refused a row"),
)
_AT_THE_DOOR: tuple[tuple[str, type[StoreError], str], ...] = (
    ("system is ", UnreachableLabError, "is being started or shut down: wait until the server is up"),
    ("password", LoginError, "does not let this user in: check user and password (PGPASSWORD or ~/.pgpass)"),
    ("authentication", LoginError, "does not let this user in: check the server's pg_hba.conf, user and password"),
    ("pg_hba.conf", LoginError, "does not let this user in: the server's pg_hba.conf has no entry for it"),
    ("role ", LoginError, "does not know this user"),
    ("database ", MissingLabError, "is no database of that server: make it (createdb), or give another name"),
    ("connection failed", UnreachableLabError, "does not answer: check host and port, and that a server runs there"),
    ("connection timeout", UnreachableLabError, "does not answer: check host and port, and that a server runs there"),
    ("resolve", UnreachableLabError, "does not answer: there is no such host"),
    ("invalid", LabError, "is no URL of a database: write postgresql+psycopg://USER@HOST:PORT/NAME"),
)
