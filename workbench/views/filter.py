"""The language of filters, `pe_rows>=16 and energy_pj<2e9`, read into a condition that the lab understands.

    filter      term "or" term ...            term      factor "and" factor ...
    factor      "not" factor | "(" filter ")" | comparison | a fact, such as feasible
    comparison  name = != < <= > >= ~ value | low <= name < high | name in (value, value)

A value is a number, a quoted text or, where names are asked for, a bare word. `~` finds a part of a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, cast

from store.filtering import All, Among, Code, Compare, Condition, Contains, Not, Operator, Some, Tagged, Term
from workbench.errors import nearest
from workbench.problem.space import Axis, Choice
from workbench.views.tokens import FilterError, Token, tokens

MOST_PARTS: Final = 200
"""Comparisons in one filter: SQLite takes expressions of up to a thousand."""
DEEPEST: Final = 50
_TURNED: Final[Mapping[str, str]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


# What a name may stand for


@dataclass(frozen=True, slots=True)
class Number:
    term: Term


@dataclass(frozen=True, slots=True)
class Words:
    """A text; `known` are all that there can be, where that is known."""

    term: Term
    known: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """An axis: the design's choice on it, by its value."""

    code: Code
    axis: Axis


@dataclass(frozen=True, slots=True)
class Fact:
    """What holds or does not."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Tag:
    """The words that a run has."""


Meaning = Number | Words | Choices | Fact | Tag
Names = Mapping[str, Meaning]


def parse(text: str, names: Names) -> Condition | None:
    """The condition that a filter says; None for an empty one.

    Raises:
        FilterError: it cannot be understood; the error says where.
    """
    reader = _Reader(text, names)
    return reader.whole() if text.strip() else None


class _Reader:
    """Reads one filter from left to right."""

    def __init__(self, text: str, names: Names) -> None:
        self._text = text
        self._names = names
        self._tokens = tokens(text)
        self._place = 0
        self._parts = 0

    def whole(self) -> Condition:
        condition = self._some(0)
        if self._now.kind != "end":
            raise self._error(f"'and', 'or' or the end is missing before {self._now.content!r}", self._now)
        return condition

    @property
    def _now(self) -> Token:
        return self._tokens[self._place]

    def _next(self) -> Token:
        token = self._now
        self._place += token.kind != "end"
        return token

    def _take(self, kind: str, content: str) -> bool:
        """Goes on behind the word, if it is there."""
        there = self._now.kind == kind and self._now.content == content
        self._place += there
        return there

    def _error(self, message: str, token: Token) -> FilterError:
        return FilterError(message, self._text, token.at, token.length)

    def _some(self, depth: int) -> Condition:
        parts = [self._all(depth)]
        while self._take("word", "or"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _all(self, depth: int) -> Condition:
        parts = [self._factor(depth)]
        while self._take("word", "and"):
            parts.append(self._factor(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _factor(self, depth: int) -> Condition:
        if depth > DEEPEST:
            raise self._error(f"parentheses and 'not' go deeper than {DEEPEST}", self._now)
        if self._take("word", "not"):
            return Not(self._factor(depth + 1))
        opening = self._now
        if self._take("mark", "("):
            condition = self._some(depth + 1)
            if not self._take("mark", ")"):
                raise self._error("this parenthesis is not closed", opening)
            return condition
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise self._error(f"more than {MOST_PARTS} comparisons", self._now)
        return self._comparison()

    def _comparison(self) -> Condition:
        token = self._next()
        if token.kind in ("number", "text"):
            return self._value_first(token)
        if token.kind != "name":
            raise self._error(f"a comparison is missing{_before(token)}", token)
        meaning = self._meaning(token)
        if isinstance(meaning, Fact):
            return meaning.condition
        if self._take("word", "in"):
            return self._one_of(token, meaning)
        if self._now.kind != "operator":
            raise self._error(
                f"{token.content!r} needs a comparison, such as {_example(token.content, meaning)}", token
            )
        operator = self._next()
        return self._compare(token, meaning, operator, operator.content, self._value(meaning))

    def _value_first(self, value: Token) -> Condition:
        """`2e9 > energy_pj`, or between two: `1e9 <= energy_pj < 2e9`."""
        operator = self._next()
        if operator.kind != "operator" or operator.content not in _TURNED:
            raise self._error(f"a comparison is missing behind {value.content!r}", operator)
        name = self._next()
        if name.kind != "name":
            raise self._error(f"a name is missing{_before(name)}", name)
        meaning = self._meaning(name)
        first = self._compare(name, meaning, operator, _TURNED[operator.content], value)
        if self._now.kind != "operator":
            return first
        second = self._next()
        return All((first, self._compare(name, meaning, second, second.content, self._value(meaning))))

    def _meaning(self, token: Token) -> Meaning:
        if token.content in self._names:
            return self._names[token.content]
        near = nearest(token.content, self._names)
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(self._names)}"
        raise self._error(f"there is no {token.content!r}; {hint}", token)

    def _value(self, meaning: Meaning) -> Token:
        token = self._next()
        named = isinstance(meaning, Words | Tag) or (isinstance(meaning, Choices) and not meaning.axis.ordered)
        if token.kind in ("number", "text") or (token.kind == "name" and named):
            return token
        if token.kind == "name" and token.content in self._names:
            raise self._error("two names cannot be compared; one side must be a value", token)
        raise self._error(f"a {'text' if named else 'number'} is missing{_before(token)}", token)

    def _one_of(self, name: Token, meaning: Meaning) -> Condition:
        if not self._take("mark", "("):
            raise self._error("'in' needs values in parentheses, such as in (1, 2)", self._now)
        equals = Token("operator", "=", name.at, name.length)
        parts = [self._compare(name, meaning, equals, "=", self._value(meaning))]
        while self._take("mark", ","):
            parts.append(self._compare(name, meaning, equals, "=", self._value(meaning)))
            self._parts += 1
        if not self._take("mark", ")") or self._parts > MOST_PARTS:
            raise self._error("a comma or the closing parenthesis is missing", self._now)
        return Some(tuple(parts))

    def _compare(self, name: Token, meaning: Meaning, at: Token, operator: str, value: Token) -> Condition:
        """The comparison of a name with a value, `operator` between them in this order."""
        match meaning:
            case Number(term):
                return Compare(term, self._ordering(at, operator), self._number(name, value))
            case Words(term, known):
                self._known(name, value, known if operator != "~" else None)
                return _of_text(term, self._equality(at, operator, name), value.content)
            case Tag():
                wanted = self._equality(at, operator, name)
                if wanted == "~":
                    raise self._error("a tag is compared by = or !=", at)
                return Tagged(value.content) if wanted == "=" else Not(Tagged(value.content))
            case Choices(code, axis):
                chosen = self._chosen(axis, at, operator, name, value)
                return Among(code, tuple(choice.to_bytes(code.width, "big") for choice in chosen))
            case Fact():
                raise self._error(f"{name.content!r} holds or not; it is compared with nothing", at)

    def _ordering(self, at: Token, operator: str) -> Operator:
        if operator == "~":
            raise self._error("~ finds a part of a text, not of a number", at)
        return cast("Operator", operator)

    def _equality(self, at: Token, operator: str, name: Token) -> str:
        if operator not in ("=", "!=", "~"):
            raise self._error(f"{name.content!r} is a text, compared by =, != or ~ (has a part)", at)
        return operator

    def _number(self, name: Token, value: Token) -> float:
        if value.kind != "number":
            raise self._error(f"{name.content!r} is compared with numbers", value)
        number = float(value.content)
        if not isfinite(number):
            raise self._error("a number must be below 1.8e308", value)
        return number

    def _known(self, name: Token, value: Token, known: Sequence[str] | None) -> None:
        """Refuses a text that there cannot be."""
        if known is None or value.content in known:
            return
        near = nearest(value.content, known)
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(known)}"
        raise self._error(f"{name.content!r} is never {value.content!r}; {hint}", value)

    def _chosen(self, axis: Axis, at: Token, operator: str, name: Token, value: Token) -> list[int]:
        """The choices of an axis for which the comparison holds."""
        if not axis.ordered:
            wanted = self._equality(at, operator, name)
            self._known(name, value, [str(choice) for choice in axis.choices] if wanted != "~" else None)
            return [i for i, choice in enumerate(axis.choices) if _text_holds(str(choice), wanted, value.content)]
        ordering, bound = self._ordering(at, operator), self._number(name, value)
        if ordering in ("=", "!=") and bound not in axis.choices:
            choices = ", ".join(f"{choice}" for choice in axis.choices)
            raise self._error(f"{name.content!r} is never {value.content}; there are {choices}", value)
        return [i for i, choice in enumerate(axis.choices) if _holds(choice, ordering, bound)]


def _before(token: Token) -> str:
    return " at the end" if token.kind == "end" else f" before {token.content!r}"


def _example(name: str, meaning: Meaning) -> str:
    if isinstance(meaning, Choices) and not meaning.axis.ordered:
        return f'{name}="{meaning.axis.choices[0]}"'
    if isinstance(meaning, Choices):
        return f"{name}>={meaning.axis.choices[0]}"
    return f"{name}<2e9" if isinstance(meaning, Number) else f'{name}="..."'


def _of_text(term: Term, operator: str, text: str) -> Condition:
    if operator == "~":
        return Contains(term, text)
    return Compare(term, "=" if operator == "=" else "!=", text)


def _text_holds(choice: str, operator: str, text: str) -> bool:
    if operator == "~":
        return text.lower() in choice.lower()
    return (choice == text) == (operator == "=")


def _holds(choice: Choice, operator: Operator, bound: float) -> bool:
    number = float(choice)
    by_operator: dict[Operator, bool] = {
        "=": number == bound,
        "!=": number != bound,
        "<": number < bound,
        "<=": number <= bound,
        ">": number > bound,
        ">=": number >= bound,
    }
    return by_operator[operator]
