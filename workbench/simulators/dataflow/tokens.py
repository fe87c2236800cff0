"""Text into tokens, each with its place. Blank , - > ( ) : ; separate; braces stand for themselves; // ends a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.simulators.dataflow.faults import Place, PlacedError

_TOKEN = re.compile(r"//.*|[{}]|-\d+|[^\s,\->():;{}]+")
_NEGATIVE = re.compile(r"-\d+")


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number or brace."""

    text: str
    place: Place


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text.

    The separators include the minus sign, so that `K->64` and `K-64` are `K 64`; only where nothing stands before it
    is it a sign, and then the number is refused: nothing here can be negative.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        for match in _TOKEN.finditer(line):
            word, column = match[0], match.start() + 1
            if word.startswith("//"):
                break
            place = Place(number, column)
            if _NEGATIVE.fullmatch(word):
                if column == 1 or not (line[column - 2].isalnum() or line[column - 2] in "'_"):
                    raise PlacedError(f"numbers here are at least 1, got {word}", place)
                word = word[1:]
            yield Token(word, place)


class Reader:
    """Tokens one after the other, with the braces that are open."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._at = 0
        lines = text.splitlines() or [""]
        self._end = Place(len(lines), len(lines[-1]) + 1)

    @property
    def place(self) -> Place:
        """Of the next token, or of the end."""
        return self._tokens[self._at].place if self._at < len(self._tokens) else self._end

    def peek(self) -> str | None:
        """The next token's text; None at the end."""
        return self._tokens[self._at].text if self._at < len(self._tokens) else None

    def next(self, wanted: str) -> Token:
        """The next token; `wanted` says what is expected, for the error at the end of the text."""
        if self._at == len(self._tokens):
            raise PlacedError(f"the text ends where {wanted} is expected", self._end)
        self._at += 1
        return self._tokens[self._at - 1]

    def open(self, after: str) -> Token:
        """The brace that opens a block."""
        token = self.next(f"a {{ after {after}")
        if token.text != "{":
            raise PlacedError(f"a {{ is expected after {after}, got {token.text!r}", token.place)
        return token

    def within(self, brace: Token, of: str) -> bool:
        """Whether a block goes on; its closing brace is taken."""
        if self.peek() is None:
            where = f"line {brace.place.line}, column {brace.place.column}"
            raise PlacedError(f"the {{ of {of} at {where} is never closed", self._end)
        if self.peek() != "}":
            return True
        self._at += 1
        return False
