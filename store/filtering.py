"""Conditions on rows and the order of a list, as values; compiled to SQL in which every value is a bound parameter.

A caller names columns, axes and metrics by `Term`s and never writes SQL; what is not in the tables below is refused.
Logic is two-valued: where a row has no such value no comparison holds, so `Not` selects exactly the other rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json import dumps
from math import isfinite
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Integer, TableClause, and_, case, exists, func, literal, not_, or_, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from store.errors import BadRowError
from store.names import FLOAT, FRONT, INTEGER, POINT, RUN, TAG, TEXT

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Scalar = int | float | str | bytes

POINT_COLUMNS: Final = ("seq", "step", "latency_cycles", "energy_pj", "area_um2", "accuracy", "cached", "infeasible")
RUN_COLUMNS: Final = (
    *("id", "status", "arch", "workload", "search", "simulator", "seed", "batch", "created_ns", "updated_ns", "steps"),
    *(
        "points",
        "evaluations",
        "hits",
        "feasible",
        "front_size",
        "hypervolume",
        "note",
        "error",
        "host",
        "chunk_points",
    ),
)


# What a row has


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table."""

    name: str


@dataclass(frozen=True, slots=True)
class Product:
    """A number that follows from columns: `factor` * the first, times or over the second."""

    factor: float
    first: str
    second: str
    over: bool = False


@dataclass(frozen=True, slots=True)
class Complement:
    """What is missing to 1 in a column."""

    column: str


@dataclass(frozen=True, slots=True)
class Elapsed:
    """The time from a column's to another, both in nanoseconds since 1970, in units of so many nanoseconds."""

    column: str
    until_ns: int
    unit_ns: float


@dataclass(frozen=True, slots=True)
class Code:
    """The choice of an axis: from which byte of the codes on, counted from 0, and how many bytes."""

    start: int
    width: int = 1


@dataclass(frozen=True, slots=True)
class Member:
    """A member of what a column holds as JSON: a run's `best` by metric, a point's `infeasible` by what it tells."""

    column: Literal["best", "infeasible"]
    key: str


Term = Column | Product | Complement | Elapsed | Code | Member


# What is asked of it


@dataclass(frozen=True, slots=True)
class Compare:
    term: Term
    operator: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class Contains:
    """A part of a text, whatever its case (of ASCII letters)."""

    term: Term
    part: str


@dataclass(frozen=True, slots=True)
class Among:
    term: Term
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """That the row has no such value."""

    term: Term


@dataclass(frozen=True, slots=True)
class OnFront:
    """That a point is a member of its run's front."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """That a run has a word."""

    word: str


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of them."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


Condition = Compare | Contains | Among | Missing | OnFront | Tagged | All | Some | Not


@dataclass(frozen=True, slots=True)
class Subject:
    """A table as conditions see it: its columns by name, and those of them that are something else than stored."""

    table: TableClause
    columns: Sequence[str]
    instead: Mapping[str, ColumnElement[str]]

    def column(self, name: str) -> ColumnElement[Any]:
        if name not in self.columns:
            raise BadRowError(f"{self.table.name} has no column {name!r} to look for; there are {list(self.columns)}.")
        return self.instead[name] if name in self.instead else self.table.c[name]

    def expression(self, term: Term) -> ColumnElement[Any]:
        """The term in SQL; NULL where the row has no such value."""
        if isinstance(term, Column):
            return self.column(term.name)
        if isinstance(term, Product):
            first, second = literal(term.factor) * self.column(term.first), self.column(term.second)
            return first / func.nullif(second, 0.0) if term.over else first * second
        if isinstance(term, Complement):
            return literal(1.0) - self.column(term.column)
        if isinstance(term, Elapsed):
            return (literal(term.until_ns) - self.column(term.column)) / literal(term.unit_ns)
        if isinstance(term, Code) and self.table is POINT:
            return func.substr(POINT.c.codes, literal(term.start + 1, Integer), literal(term.width, Integer))
        if isinstance(term, Member) and term.column in self.table.c:
            return _Member(self.table.c[term.column], term.key)
        raise BadRowError(f"{self.table.name} has no {term}.")

    def where(self, condition: Condition | None) -> ColumnElement[bool]:
        """The condition in SQL."""
        match condition:
            case None:
                return true()
            case All(parts):
                return and_(true(), *map(self.where, parts))
            case Some(parts):
                return or_(*map(self.where, parts)) if parts else not_(true())
            case Not(part):
                return not_(self.where(part))
            case Missing(term):
                return self.expression(term).is_(None)
            case OnFront() if self.table is POINT:
                return exists().where(FRONT.c.run_id == POINT.c.run_id, FRONT.c.seq == POINT.c.seq)
            case Tagged(word) if self.table is RUN:
                return exists().where(TAG.c.run_id == RUN.c.id, TAG.c.word == word)
            case Compare() | Contains() | Among():
                return self._holds(condition).is_(true())
        raise BadRowError(f"{self.table.name} knows no condition {condition}.")

    def _holds(self, condition: Compare | Contains | Among) -> ColumnElement[bool]:
        """NULL where the row has no such value."""
        value = self.expression(condition.term)
        if isinstance(condition, Contains):
            return _Found(value, literal(condition.part)) > 0
        if isinstance(condition, Among):
            return value.in_([literal(_storable(each)) for each in condition.values])
        bound = literal(_storable(condition.value))
        by_operator: dict[Operator, ColumnElement[bool]] = {
            "=": value == bound,
            "!=": value != bound,
            "<": value < bound,
            "<=": value <= bound,
            ">": value > bound,
            ">=": value >= bound,
        }
        return by_operator[condition.operator]


def _storable(value: Scalar) -> Scalar:
    """SQLite takes neither NaN nor whole numbers beyond 64 bits."""
    if isinstance(value, float) and not isfinite(value):
        raise BadRowError(f"a filter compares with finite numbers, not with {value}.")
    return float(value) if isinstance(value, int) and abs(value) >= 2**63 else value


POINTS: Final = Subject(POINT, POINT_COLUMNS, {})


def runs_subject(gone: Sequence[int]) -> Subject:
    """Runs with their live status: `gone` are stored as running, and their owners are dead."""
    if not gone:
        return Subject(RUN, RUN_COLUMNS, {})
    status = case((one_of(RUN.c.id, gone), literal("interrupted")), else_=RUN.c.status)
    return Subject(RUN, RUN_COLUMNS, {"status": status})


def one_of(column: ColumnElement[int], numbers: Sequence[int]) -> ColumnElement[bool]:
    """That a column is one of many numbers: bound as one value, because SQLite binds so many and no more."""
    return _Listed(column, literal(dumps(list(numbers))))


# What the two kinds of databases have other words for


class _Member(FunctionElement[Any]):
    """A member of a column's JSON: on a server, of which a metric is a number, and all else text."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], key: str) -> None:
        self.number = column.name == "best"
        self.type = FLOAT if self.number else TEXT
        super().__init__(column, literal(key), literal(f"$.{dumps(key)}"))


@compiles(_Member)
def _extract(member: _Member, compiler: SQLCompiler, **kw: Any) -> str:
    column, _, path = member.clauses
    return f"json_extract({compiler.process(column, **kw)}, {compiler.process(path, **kw)})"


@compiles(_Member, "postgresql")
def _arrow(member: _Member, compiler: SQLCompiler, **kw: Any) -> str:
    column, key, _ = member.clauses
    text = f"(CAST({compiler.process(column, **kw)} AS JSON) ->> {compiler.process(key, **kw)})"
    return f"CAST({text} AS DOUBLE PRECISION)" if member.number else f'({text} COLLATE "C")'


class _Found(FunctionElement[int]):
    """Where a text has a part, counted from 1, whatever the case of its ASCII letters; 0 where it has not."""

    inherit_cache = True
    type = INTEGER


@compiles(_Found)
def _instr(found: _Found, compiler: SQLCompiler, **kw: Any) -> str:
    text, part = (compiler.process(each, **kw) for each in found.clauses)
    return f"instr(lower({text}), lower({part}))"


@compiles(_Found, "postgresql")
def _strpos(found: _Found, compiler: SQLCompiler, **kw: Any) -> str:
    text, part = (f'lower(CAST({compiler.process(each, **kw)} AS TEXT) COLLATE "C")' for each in found.clauses)
    return f"strpos({text}, {part})"


class _Listed(FunctionElement[Any]):
    """That a number is one of a list, given as JSON; without a type, or SQLite would be asked whether it is true."""

    inherit_cache = True


@compiles(_Listed)
def _each(listed: _Listed, compiler: SQLCompiler, **kw: Any) -> str:
    number, numbers = (compiler.process(each, **kw) for each in listed.clauses)
    return f"{number} IN (SELECT value FROM json_each({numbers}))"  # noqa: S608


@compiles(_Listed, "postgresql")
def _any(listed: _Listed, compiler: SQLCompiler, **kw: Any) -> str:
    number, numbers = (compiler.process(each, **kw) for each in listed.clauses)
    return f"{number} = ANY (CAST(translate({numbers}, '[]', '{{}}') AS BIGINT[]))"
