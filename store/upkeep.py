"""A lab's file as a whole: a copy of it that is safe to keep, and the space that removed rows have left."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from store.address import Address, Where
from store.connections import connect, explained
from store.errors import BackupError
from store.migrations import SCHEMA, check_readable
from store.place import check_place

_ANY: Final = replace(SCHEMA, version=0)  # before a migration is when a backup is wanted


def back_up(lab: Where, copy: Path, busy_seconds: float) -> int:
    """Copy the lab at `lab` to a new file, compact and in one piece, and return its size in bytes.

    Of a lab on a server the copy is a lab in a file, with the same numbers: merged into an empty database it is back.
    Runs go on meanwhile; the copy is the lab as it was at one moment. It appears under its name when it is whole.

    Raises:
        BackupError: there is something at `copy` already, or it cannot be written.
        LabError: there is no lab at `lab`, or it is damaged.
    """
    if isinstance(lab, Address):
        from store import loading

        with new_file(copy) as part:
            loading.copy(lab, part, busy_seconds)
        return copy.stat().st_size
    check_place(lab, create=False, readonly=True)
    mode = check_readable(lab, busy_seconds, _ANY)
    with new_file(copy) as part, explained(lab), closing(connect(lab, mode, busy_seconds)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        _write(connection, part, copy)
    return copy.stat().st_size


@contextmanager
def new_file(copy: Path) -> Iterator[Path]:
    """A path at which to write what shall lie at `copy`: it appears there when the context ends well, or not at all.

    Raises:
        BackupError: there is something at `copy` already, or it cannot be written.
    """
    _check_target(copy)
    part = copy.with_name(f".dse-{os.getpid()}.part")
    try:
        yield part
        _sync(part)
        _publish(part, copy)
        _sync(copy.parent)
    except OSError as error:
        raise BackupError(f"{copy} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            part.unlink()


def _write(connection: sqlite3.Connection, part: Path, copy: Path) -> None:
    try:
        connection.execute("VACUUM INTO ?", (str(part.absolute()),))
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")):
            raise BackupError(f"{copy} cannot be written ({error}): check its disk, or give another place.") from error
        raise


def _check_target(copy: Path) -> None:
    try:
        if _is_taken(copy):
            raise BackupError(f"{copy} exists already: no file is ever written over. Give a new name.")
        if not copy.parent.is_dir():
            raise BackupError(f"{copy.parent} is no folder: make it first, or give another path.")
        if not os.access(copy.parent, os.W_OK):
            raise BackupError(f"{copy} cannot be made: the folder {copy.parent} cannot be written.")
    except OSError as error:  # a name that is too long, say
        raise BackupError(f"{copy} cannot be written: {error.strerror}.") from error


def _is_taken(path: Path) -> bool:
    """By anything, a link to nowhere included."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _publish(part: Path, copy: Path) -> None:
    """Give the copy its name, unless somebody has meanwhile taken it."""
    try:
        os.link(part, copy)
    except FileExistsError:
        raise BackupError(f"{copy} exists already: no file is ever written over. Give a new name.") from None
    except OSError:  # a file system without links
        _check_target(copy)
        part.rename(copy)


def _sync(path: Path) -> None:
    """A backup that a power cut takes away is none."""
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def vacuum(writing: Engine, lab: Path) -> tuple[int, int]:
    """Give the space of removed rows back; returns the file's bytes before and after. Needs as much again meanwhile."""
    with explained(lab), writing.connect() as connection:
        driver: Any = connection.connection.driver_connection  # VACUUM begins and ends a transaction of its own
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = lab.stat().st_size
        driver.execute("VACUUM")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, lab.stat().st_size
