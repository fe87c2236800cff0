"""What can go wrong with a lab database, each as one line that names the file and what would be right.

`StoreError` is the root. Its two branches tell who can put it right: a `LabError` is about the file (the user can),
a `RunError` about a run in it. `BadRowError` alone means that the calling program is wrong.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path


class StoreError(Exception):
    """The root of every error that `store` raises on purpose."""


class LabError(StoreError):
    """The file, or the database on a server, cannot be used as it is."""


class MissingLabError(LabError):
    """There is no such file, or no folder to make it in."""


class NotALabError(LabError):
    """The path leads to something else: a directory, a text, a database of another program."""


class NewerLabError(LabError):
    """A later version of this program has written the file."""


class OlderLabError(LabError):
    """The file has an old schema and is opened so that it cannot be migrated."""


class DamagedLabError(LabError):
    """The file is a lab database, but its bytes are not in order."""


class ReadOnlyLabError(LabError):
    """The file cannot be written: by permission, by the file system, or because it was opened so."""


class LockedLabError(LabError):
    """Another process has held the file for longer than we wait."""


class FullDiskError(LabError):
    """There is no space, or the system refuses to write."""


class NetworkFolderError(LabError):
    """The file would lie on a network file system, where SQLite's write-ahead log corrupts it."""


class MissingDriverError(LabError):
    """What talks to a server is not installed."""


class UnreachableLabError(LabError):
    """No server answers where the lab shall be."""


class LoginError(LabError):
    """The server does not let this user in."""


class LostLabError(LabError):
    """The connection to the server broke off."""


class ConflictError(LabError):
    """Two labs say different things of what should be the same."""


class BackupError(StoreError):
    """A copy of the lab cannot be made where it was wanted."""


class BadExportError(StoreError):
    """A file is not what an export of a lab writes, or a line of it says what cannot be."""


class UnknownContextError(StoreError):
    """No context has this number."""


class RunError(StoreError):
    """Something is wrong with a run."""


class UnknownRunError(RunError):
    """No run, or more than one, answers to this reference."""


class UnknownModelError(StoreError):
    """No source model answers to this key."""


class BusyTrainingError(StoreError):
    """Another live process trains this network."""


class BusyRunError(RunError):
    """Another live process owns the run."""


class FencedOutError(RunError):
    """The run has been taken over, or finished, since this owner claimed it: it must stop."""


class BadRowError(StoreError):
    """The caller passed a row that the schema refuses, or a step that does not follow the last one."""


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """The error of this module that says what SQLite's error means for the file at `path`."""
    name = getattr(error, "sqlite_errorname", "")
    said = str(error)
    for prefix, kind, text in _MEANINGS:
        if name.startswith(prefix):
            return kind(f"{path} {text}" + (f" ({said})." if kind is not BadRowError else f": {said}."))
    if isinstance(error, _TYPE_ERRORS):
        return BadRowError(f"{path} refused a row: {said}.")
    if said.startswith("no such"):
        return DamagedLabError(f"{path} is damaged: {said}. Restore a backup; nothing was written to it.")
    return LabError(f"{path}: SQLite says: {said} ({name or type(error).__name__}).")


_MEANINGS: tuple[tuple[str, type[StoreError], str], ...] = (
    ("SQLITE_NOTADB", NotALabError, "is not a lab database, nor any SQLite file with a sound head: give another path"),
    ("SQLITE_CORRUPT", DamagedLabError, "is damaged: restore a backup; nothing was written to it"),
    ("SQLITE_BUSY", LockedLabError, "is locked: another process has been writing for too long; try again when it ends"),
    ("SQLITE_LOCKED", LockedLabError, "is locked: another process has been writing for too long; try again later"),
    ("SQLITE_READONLY", ReadOnlyLabError, "cannot be written: change its permissions or its folder's, or copy it"),
    ("SQLITE_PERM", ReadOnlyLabError, "cannot be opened: change its permissions or its folder's"),
    ("SQLITE_CANTOPEN", LabError, "cannot be opened: check that it and its folder can be read and written"),
    ("SQLITE_FULL", FullDiskError, "cannot grow: make space on its disk and resume; all stored steps are safe"),
    ("SQLITE_IOERR", FullDiskError, "cannot be read or written: check its disk and resume; all stored steps are safe"),
    ("SQLITE_CONSTRAINT", BadRowError, "refused a row"),
    ("SQLITE_MISMATCH", BadRowError, "refused a row"),
    ("SQLITE_TOOBIG", BadRowError, "refused a row"),
)

# A value of a type that SQLite does not know, or that STRICT refuses: SQLite's own names for these tell little.
_TYPE_ERRORS = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError, sqlite3.DataError)


class NotInTurnError(Exception):
    """A run's head is not where a write begins: whoever caught it looks why, and says it. Never seen by users."""
