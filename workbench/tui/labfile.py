"""The lab as the UI holds it: a connection that can only read, made anew where the file has become another one.

Its methods are for threads. What a user asks to be written is written through a connection of its own, for a moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

from store.address import Address, Where
from store.errors import MissingLabError

if TYPE_CHECKING:  # the database libraries take longer to load than the first screen to paint
    from store.database import Lab

READ_SECONDS: Final = 2.0
WRITE_SECONDS: Final = 10.0

Version = tuple[tuple[int, int], int]
"""Which file it is, and how often others have written to it."""


class LabFile:
    """A lab database by its path. It may be missing, come, go and be replaced while the UI is open."""

    def __init__(self, path: Where) -> None:
        self.path = path
        self._lock = Lock()
        self._lab: Lab | None = None
        self._file: tuple[int, int] | None = None

    def reading(self) -> Lab:
        """The lab, opened to read.

        Raises:
            LabError: it is not there, or cannot be used as it is.
        """
        from store.database import Lab

        with self._lock:
            file = self._identity()
            if self._lab is not None and file != self._file:
                self._lab.close()
                self._lab = None
            if self._lab is None:
                self._lab = Lab.open(self.path, create=False, readonly=True, busy_seconds=READ_SECONDS)
                self._file = file
            return self._lab

    @property
    def may_exist(self) -> bool:
        """Whether it is worth to open it: of a server only the answer tells."""
        return isinstance(self.path, Address) or self.path.exists()

    def _identity(self) -> tuple[int, int]:
        if isinstance(self.path, Address):
            return 0, 0  # no other database takes its place under the same connection
        try:
            found = self.path.stat()
        except OSError:
            raise MissingLabError(f"There is no lab database at {self.path}: the first run makes it.") from None
        return found.st_dev, found.st_ino

    def version(self) -> Version:
        """Changes whenever somebody has written to the lab, or put another in its place."""
        lab = self.reading()
        return self._file or (0, 0), lab.data_version()

    @contextmanager
    def looking(self) -> Iterator[Lab]:
        """The lab on a read-only connection of its own, for what takes long."""
        from store.database import Lab

        with Lab.open(self.path, create=False, readonly=True, busy_seconds=READ_SECONDS) as lab:
            yield lab

    @contextmanager
    def writing(self, *, create: bool = False) -> Iterator[Lab]:
        """The lab, opened to write."""
        from store.database import Lab

        with Lab.open(self.path, create=create, busy_seconds=WRITE_SECONDS) as lab:
            yield lab

    def close(self) -> None:
        with self._lock:
            if self._lab is not None:
                self._lab.close()
                self._lab = None
