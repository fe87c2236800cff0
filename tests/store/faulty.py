"""A disk that can be cut off from power or refuse to write, and the lab's own code on it, through apsw.

The files are real; beside them, `Disk` writes down every write, sync, truncation and deletion. What a power cut would
leave is made from these: what was synced is there, and of what was not, each sector is as any write since then, or
none, has left it. `Driver` stands for `sqlite3.Connection`, so that everything above it is the store as it is.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Final

import apsw

SECTOR: Final = 512
LOGS: Final = ("-wal", "-journal")
_NAMES: Final = count()


@dataclass
class Inode:
    """A file as the disk may have it after a cut: what was synced, and what was written since."""

    synced: bytes = b""
    durable: bool = False  # whether its name is: that comes with its first sync
    since: list[tuple[int, bytes | None]] = field(default_factory=list)  # (offset, data), or (size, None)

    def sync(self) -> None:
        content = bytearray(self.synced)
        for change in self.since:
            _apply(content, *change)
        self.synced, self.durable, self.since = bytes(content), True, []

    def after_cut(self, rng: random.Random, survival: float) -> bytes:
        """Each sector of each write reaches the disk by chance; a truncation does, or not, as a whole."""
        content = bytearray(self.synced)
        for offset, data in self.since:
            if data is None:
                if rng.random() < survival:
                    _apply(content, offset, None)
                continue
            cuts = [0, *range(SECTOR - offset % SECTOR, len(data), SECTOR), len(data)]
            for start, end in pairwise(cuts):
                if rng.random() < survival:
                    _apply(content, offset + start, data[start:end])
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset : offset + len(data)] = data


Event = tuple[str, str, int, bytes | None]
"""What was done (write, truncate, sync, delete or acknowledge), to which file, where, and with what."""


@dataclass
class Disk:
    """Everything that was done to the files of one folder, in order."""

    events: list[Event] = field(default_factory=list)
    refuses: Callable[[int], int | None] = lambda _: None
    """The SQLite error of the n-th write, sync or truncation, if it is to fail."""
    changes: int = 0

    def change(self, what: str, name: str, offset: int, data: bytes | None) -> None:
        """Before it is done."""
        self.changes += 1
        code = self.refuses(self.changes)
        if code is not None:
            raise apsw.exception_for(code)
        self.events.append((what, name, offset, data))

    def acknowledge(self, step: int) -> None:
        """The store has said that this step is safe."""
        self.events.append(("acknowledge", "", step, None))

    def cut(self, moment: int, rng: random.Random, folder: Path) -> int:
        """Leave in the folder what is left when the power fails there; the answer is the last step acknowledged."""
        files: dict[str, Inode] = {}
        gone: dict[str, Inode] = {}
        acknowledged = 0
        for what, name, offset, data in self.events[:moment]:
            if what == "acknowledge":
                acknowledged = offset
            elif what == "delete":
                gone |= {name: files.pop(name)} if name in files else {}  # else it was made, but never written
            elif what == "sync":
                if not files[name].durable and name.endswith(LOGS):  # SQLite then syncs the folder, too
                    gone.clear()
                files[name].sync()
            else:
                files.setdefault(name, Inode()).since.append((offset, data))
        survival = rng.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        for name, inode in gone.items():  # nobody has synced the folder since, so the name may still be there
            if inode.durable and rng.random() < 0.5:
                files.setdefault(name, inode)
        for name, inode in files.items():
            if inode.durable or rng.random() < survival:
                (folder / name).write_bytes(inode.after_cut(rng, survival))
        return acknowledged


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, filename: Any, flags: list[int]) -> None:
        super().__init__("", filename, flags)
        self._disk = disk
        self._name = Path(filename.filename() if isinstance(filename, apsw.URIFilename) else filename).name

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - apsw's name
        self._disk.change("write", self._name, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.change("truncate", self._name, newsize, None)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Noted only: the true disk has no part in this."""
        self._disk.change("sync", self._name, 0, None)


class _Files(apsw.VFS):
    """Its files are the system's own, each of them seen by the disk."""

    def __init__(self, disk: Disk) -> None:
        self.name = f"faulty{next(_NAMES)}"
        super().__init__(self.name, "")
        self._disk = disk

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        return _File(self._disk, name, flags) if name else super().xOpen(name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._disk.events.append(("delete", Path(filename).name, 0, None))


def driver(disk: Disk) -> Callable[[Path, str, float], Driver]:
    """What stands for `store.connections.connect`."""
    files = _Files(disk)

    def connect(path: Path, mode: str, busy_seconds: float) -> Driver:
        flags = {"ro": apsw.SQLITE_OPEN_READONLY, "rw": apsw.SQLITE_OPEN_READWRITE}
        flags["rwc"] = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        with _Translated():
            connection = apsw.Connection(str(path.absolute()), flags=flags[mode], vfs=files.name)
        connection.set_busy_timeout(int(busy_seconds * 1000))
        return Driver(connection, files)

    return connect


class _Translated:
    """apsw's errors as `sqlite3` would raise them."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, at: Any) -> None:
        if isinstance(error, apsw.Error):
            code = getattr(error, "extendedresult", 0)
            name = apsw.mapping_extended_result_codes.get(code) or apsw.mapping_result_codes.get(code & 0xFF, "")
            raised = sqlite3.OperationalError(str(error))
            raised.sqlite_errorcode, raised.sqlite_errorname = code, str(name)
            raise raised from error


class Driver:
    """So much of `sqlite3.Connection`, in autocommit mode, as SQLAlchemy and the store use."""

    isolation_level = None

    def __init__(self, connection: apsw.Connection, files: _Files) -> None:
        self._connection, self._files = connection, files

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def cursor(self) -> Cursor:
        return Cursor(self._connection)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        return self.cursor().execute(statement, parameters)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        return self.cursor().executemany(statement, rows)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, *_: Any, **__: Any) -> None:
        """SQLAlchemy's `regexp`, which no statement here uses."""

    def close(self) -> None:
        """What `sqlite3` does not hear of, it does not raise: the tidying of the log may fail here."""
        with suppress(apsw.Error):
            self._connection.close(True)


class Cursor:
    """So much of `sqlite3.Cursor`."""

    arraysize = 1

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection, self._cursor = connection, connection.cursor()
        self.description: Any = None
        self.rowcount, self.lastrowid = -1, 0

    def _begin(self, cursor: Any, *_: Any) -> bool:
        """Called before the first row, when even an empty result tells its columns."""
        self.description = cursor.get_description() or None
        return True

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        return self._run(lambda: self._cursor.execute(statement, tuple(parameters)))

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        return self._run(lambda: self._cursor.executemany(statement, [tuple(row) for row in rows]))

    def _run(self, work: Callable[[], object]) -> Cursor:
        self.description, before = None, self._connection.total_changes()
        self._cursor.exec_trace = self._begin
        try:
            with _Translated():
                work()
        finally:
            self._cursor.exec_trace = None  # a cycle, which would keep an unfinished statement open
        self.rowcount = -1 if self.description else self._connection.total_changes() - before
        self.lastrowid = self._connection.last_insert_rowid()
        return self

    def fetchone(self) -> Any:
        with _Translated():
            return next(self._cursor, None)

    def fetchmany(self, size: int = 1) -> list[Any]:
        return [row for _, row in zip(range(size), self, strict=False)]

    def fetchall(self) -> list[Any]:
        with _Translated():
            return list(self._cursor)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchone, None)

    def close(self) -> None:
        with _Translated():
            self._cursor.close()
