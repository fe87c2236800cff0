"""A fault at a place of a file: what the parser and the rules of a mapping raise."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import UserError


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands; counted from 1."""

    line: int
    column: int


class PlacedError(UserError):
    """A user's fault whose place is known; `within` says in which file."""

    def __init__(self, text: str, place: Place | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.place = place

    def within(self, where: str) -> UserError:
        """The error with file, line and column in front, as compilers print it."""
        at = f"{where}:{self.place.line}:{self.place.column}" if self.place else where
        return UserError(f"{at}: {self.text}.")
