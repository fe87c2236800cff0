"""The words of a filter, each with its place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from workbench.errors import UserError

Kind = Literal["number", "text", "name", "operator", "mark", "word", "end"]

_WHOLE: Final = 80
"""Characters of a filter that an error repeats; of a longer one it shows the part that is meant."""
WORDS: Final = ("and", "or", "not", "in")
_MEANS: Final = {
    "==": "=",
    "<>": "!=",
    "=<": "<=",
    "=>": ">=",
    "&": "and",
    "&&": "and",
    "|": "or",
    "||": "or",
    "!": "not",
}
_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<number>[-+]?(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<text>"[^"]*"|'[^']*')
    | `(?P<quoted>[^`]+)`
    | (?P<name>[^\W\d]\w*)
    | (?P<operator><=|>=|=<|=>|<>|!=|==|<|>|=|~)
    | (?P<joint>&&|\|\||&|\||!)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)


class FilterError(UserError):
    """A filter that cannot be understood, and where: `at` counts characters from 0, `length` of them are meant."""

    def __init__(self, message: str, text: str, at: int, length: int = 1) -> None:
        shown = text if len(text) <= _WHOLE else f"...{text[max(0, at - _WHOLE // 2) : at + _WHOLE // 2]}..."
        super().__init__(f"The filter {shown!r}: {message} (column {at + 1}).")
        self.reason = message
        self.at = at
        self.length = max(1, length)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the filter: `content` is what it means, `at` and `length` where it stands."""

    kind: Kind
    content: str
    at: int
    length: int


def tokens(text: str) -> list[Token]:
    """The words in order, with an end behind them.

    Raises:
        FilterError: a character that begins no word, or a quote that does not end.
    """
    found: list[Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at + len(text[at:]) - len(text[at:].lstrip()))
        found.append(_token(match))
        at = match.end()
    return [*found, Token("end", "", len(text.rstrip()), 1)]


def _token(match: re.Match[str]) -> Token:
    kind = match.lastgroup or ""
    content = match[kind]
    at, length = match.start(kind), len(content)
    if kind == "quoted":
        return Token("name", content, at - 1, length + 2)
    if kind == "text":
        return Token("text", content[1:-1], at, length)
    if kind == "joint" or (kind == "name" and content.lower() in WORDS):
        return Token("word", _MEANS.get(content, content.lower()), at, length)
    if kind == "operator":
        return Token("operator", _MEANS.get(content, content), at, length)
    return Token("number" if kind == "number" else "mark" if kind == "mark" else "name", content, at, length)


def _unreadable(text: str, at: int) -> FilterError:
    character = text[at]
    if character in "\"'`":
        return FilterError(f"the quote {character} is not closed", text, at, len(text) - at)
    if character.isdigit() or character in "+-.":
        word = re.match(r"[-+.\w]+", text[at:])
        length = len(word[0]) if word else 1
        return FilterError(f"{text[at : at + length]!r} is no number", text, at, length)
    return FilterError(f"{character!r} means nothing here", text, at)
