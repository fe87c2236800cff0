"""How a process talks to the lab database: one connection that writes, another that can only read.

What is said of SQLite here is for a lab in a file; `server` has the same for one on a PostgreSQL server, and is loaded
for no other.

SQLAlchemy leaves it to the driver when a transaction begins, which loses updates. Here every transaction begins by
our order: BEGIN IMMEDIATE for the writer, who so waits his turn before he reads; BEGIN for the reader, who sees one
state of the database however much is written meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from store.address import Address, Where
from store.errors import DamagedLabError, LockedLabError, explain

_COMMON: Final = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",  # a lab may come from a stranger
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",  # KiB
)
_WRITER: Final = (
    "PRAGMA synchronous = FULL",  # NORMAL loses acknowledged steps in a power cut
    "PRAGMA wal_autocheckpoint = 4000",  # pages
    "PRAGMA journal_size_limit = 67108864",
)
_READER: Final = ("PRAGMA query_only = ON",)


def connect(path: Path, mode: str, busy_seconds: float) -> sqlite3.Connection:
    """A driver connection. `mode` is rwc, rw or ro, as in SQLite's URIs, or "immutable": ro, and nobody can write."""
    query = "mode=ro&immutable=1" if mode == "immutable" else f"mode={mode}"
    uri = f"{path.absolute().as_uri()}?{query}"
    return sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)


def writer(path: Path, busy_seconds: float) -> Engine:
    return _engine(path, "rw", busy_seconds, (*_COMMON, *_WRITER), "BEGIN IMMEDIATE")


def migrator(path: Path, busy_seconds: float) -> Engine:
    """A writer for migrations: rebuilding a table must not cascade to the rows that refer to it."""
    return _engine(path, "rw", busy_seconds, (*_COMMON, *_WRITER, "PRAGMA foreign_keys = OFF"), "BEGIN IMMEDIATE")


def reader(path: Path, mode: str, busy_seconds: float) -> Engine:
    return _engine(path, mode, busy_seconds, (*_COMMON, *_READER), "BEGIN")


def _engine(path: Path, mode: str, busy_seconds: float, pragmas: tuple[str, ...], begin: str) -> Engine:
    """An engine of one connection: threads take turns on it."""

    def open_connection() -> sqlite3.Connection:
        connection = connect(path, mode, busy_seconds)
        for pragma in pragmas:
            connection.execute(pragma)
        return connection

    creator: Callable[[], Any] = open_connection
    engine = create_engine(
        "sqlite://", creator=creator, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=busy_seconds + 5
    )
    event.listen(engine, "begin", lambda connection: connection.connection.driver_connection.execute(begin))
    return engine


class Driver(Protocol):
    """What steps and chunks are stored by: SQLite's own connection, or the like of it."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Any: ...

    def executemany(self, statement: str, rows: Any, /) -> Any: ...


def _driver(held: Any) -> Driver:
    connection = held.driver_connection
    if type(connection).__module__.partition(".")[0] != "psycopg":  # nor is it loaded where nobody needs it
        return connection  # type: ignore[no-any-return]
    from store.server import ServerDriver

    return ServerDriver(connection)


def is_server(connection: Connection) -> bool:
    """Whether it leads to a PostgreSQL server."""
    return connection.dialect.name == "postgresql"


def taking_turns(connection: Connection, key: bytes) -> None:
    """Wait for whoever looks for the same thing in order to make it. A file has one writer at a time anyway."""
    if is_server(connection):
        from store.server import taking_turns

        taking_turns(connection, key)


@contextmanager
def explained(path: Where) -> Iterator[None]:
    """Turn the errors of the database and SQLAlchemy into ours."""
    if isinstance(path, Address):
        from store.server import explained

        with explained(path):
            yield
        return
    try:
        yield
    except PoolTimeoutError as error:
        raise LockedLabError(f"{path} is in use by another thread of this process for too long.") from error
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise explain(error.orig, path) from error
        raise
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except UnicodeDecodeError as error:  # SQLite repeats damaged text in what it says of it
        raise DamagedLabError(f"{path} is damaged: it holds text that is none. Restore a backup.") from error


class Writing:
    """A transaction of the writer on the driver's own connection: SQLAlchemy's takes as long to make as a small step.

    It holds the writer until it is committed or taken back.
    """

    def __init__(self, engine: Engine) -> None:
        self._held = engine.raw_connection()
        self.driver = _driver(self._held)
        try:
            self.driver.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._held.close()
            raise

    def commit(self) -> None:
        """All of it; what cannot be committed is taken back."""
        try:
            self.driver.execute("COMMIT")
        finally:
            self.take_back()

    def take_back(self) -> None:
        """Nothing of it, unless it is committed; another one may write."""
        try:
            if self.driver.in_transaction:
                self.driver.execute("ROLLBACK")
        finally:
            if getattr(self.driver, "lost", False):
                self._held.invalidate()
            self._held.close()


@contextmanager
def looking(engine: Engine, path: Where) -> Iterator[Driver]:
    """A transaction of the reader on the driver's own connection, for what a search asks at every step."""
    with explained(path):
        held = engine.raw_connection()
        try:
            driver = _driver(held)
            driver.execute("BEGIN")
            yield driver
        finally:
            held.close()  # which ends it


class Committing:
    """A transaction whose rows are written, on its way to the disk in another thread."""

    def __init__(self, writing: Writing, path: Where, threads: Executor) -> None:
        self._path = path
        self._done = threads.submit(writing.commit)

    def wait(self) -> None:
        """Return when it is safe; an error says that nothing of it is stored."""
        with explained(self._path):
            self._done.result()


def driver_of(connection: Connection) -> Driver:
    """The driver itself takes rows as they come; its errors are its own, which `explained` turns into ours."""
    return _driver(connection.connection)


@contextmanager
def transaction(engine: Engine, path: Where) -> Iterator[Connection]:
    """One transaction, all or nothing."""
    with explained(path), engine.begin() as connection:
        yield connection
