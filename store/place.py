"""Where a lab database may lie: refuses a path that cannot hold one, before SQLite sees it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from store.errors import (
    DamagedLabError,
    LabError,
    MissingLabError,
    NetworkFolderError,
    NotALabError,
    ReadOnlyLabError,
)

MAGIC: Final = b"SQLite format 3\x00"
SMALLEST: Final = 512  # bytes; SQLite takes what is shorter for a new file, and overwrites it

# Their shared memory is not shared between machines, and WAL needs it (https://sqlite.org/wal.html, "Overview").
NETWORK_TYPES: Final = frozenset(
    {"afs", "beegfs", "ceph", "cifs", "coda", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "glusterfs"}
    | {"gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs", "panfs", "pvfs2", "smb3", "smbfs"}
)


def check_place(path: Path, *, create: bool, readonly: bool, mounts: str | None = None) -> None:
    """Raise the fitting `LabError` unless a lab database lies at `path`, or may be created there.

    `mounts` stands for the text of /proc/mounts. An empty file counts as one to be created: another process may be
    creating it at this moment.
    """
    try:
        _check_file(path, create=create, readonly=readonly)
    except OSError as error:
        raise LabError(f"{path} cannot be opened: {error.strerror}.") from error
    if not readonly:
        kind = file_system(path, _mounts() if mounts is None else mounts)
        if kind in NETWORK_TYPES:
            raise NetworkFolderError(
                f"{path} lies on a network file system ({kind}), where several writers would corrupt it. "
                "Put the lab database on a local disk."
            )


def _check_file(path: Path, *, create: bool, readonly: bool) -> None:
    if path.is_dir():
        raise NotALabError(f"{path} is a directory: give a file, for example {path / 'lab.db'}.")
    if not path.parent.is_dir():
        raise MissingLabError(f"{path.parent} is no folder: make it first, or give another path for the lab database.")
    if path.exists():
        _check_content(path, blank_is_new=create and not readonly)
    elif readonly or not create:
        raise MissingLabError(f"{path} does not exist: a run makes it, or give the path of a lab database.")
    elif not os.access(path.parent, os.W_OK):
        raise ReadOnlyLabError(f"{path} cannot be made: the folder {path.parent} cannot be written.")
    for place in () if readonly or not path.exists() else (path, path.parent):
        if not os.access(place, os.W_OK):
            raise ReadOnlyLabError(f"{path} cannot be written: {place} is read-only. Change that, or open a copy.")


def _check_content(path: Path, *, blank_is_new: bool) -> None:
    """Opens no file that may be a lab in use: to close it again would drop every lock that this process holds on it
    (https://sqlite.org/howtocorrupt.html, 2.2), and the next process to leave the lab would take its log for its own.
    """
    if not path.is_file():
        raise NotALabError(f"{path} is no ordinary file: give the path of a lab database.")
    size = path.stat().st_size
    if size == 0 and not blank_is_new:
        raise NotALabError(f"{path} is empty, so it is not a lab database: delete it, or give another path.")
    if not 0 < size < SMALLEST:
        return  # SQLite itself tells what is no database
    if path.read_bytes().startswith(MAGIC):
        raise DamagedLabError(f"{path} is damaged: only its first bytes are left. Restore a backup.")
    raise NotALabError(f"{path} is not a lab database, nor any SQLite file: give another path.")


def file_system(path: Path, mounts: str) -> str | None:
    """The type of the file system on which `path` lies, by the text of /proc/mounts; None if that does not tell."""
    resolved = path.resolve()
    best, kind = -1, None
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))  # \040 is a space
        if resolved.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind


def _mounts() -> str:
    """Empty where there is no /proc/mounts, as on macOS: then nothing is refused."""
    try:
        return Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
