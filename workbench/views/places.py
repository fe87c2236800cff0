"""Where a user wants a file."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import UserError


def place(name: str | Path) -> Path:
    """A path as it was typed, `~` taken as a home folder.

    Raises:
        UserError: nobody has that home.
    """
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UserError(f"{name}: there is no such home folder; write ./~ for a file of that name.") from None
