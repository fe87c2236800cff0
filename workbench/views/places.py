"""Where a user wants a file."""

from __future__ import annotations

from pathlib import Path

from store.address import Address, Where, where
from workbench.errors import UserError


def lab_place(name: str | Where) -> Where:
    """Where a user wants a lab, or has one: a file, or a database by its URL.

    Raises:
        UserError: nobody has that home.
    """
    found = where(name)
    return found if isinstance(found, Address) else place(found)


def place(name: str | Path) -> Path:
    """A path as it was typed, `~` taken as a home folder.

    Raises:
        UserError: nobody has that home.
    """
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UserError(f"{name}: there is no such home folder; write ./~ for a file of that name.") from None
