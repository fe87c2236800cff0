"""Lists a screenful at a time, sorted and filtered by the database: a page begins at a key, never at an offset.

The order is total: equal values stand by number, and rows that have no value of the kind come last either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, literal, or_, select, true

from store.filtering import POINTS, Column, Condition, Subject, Term, one_of, runs_subject
from store.names import POINT, RUN
from store.owner import this_process
from store.rows import Point, Run
from store.runs import live_status

_RUN_FIELDS: Final = tuple(RUN.c[field.name] for field in fields(Run))
_POINT_FIELDS: Final = tuple(
    POINT.c[name]
    for name in ("seq", "step", "codes", "latency_cycles", "energy_pj", "area_um2", "accuracy", "infeasible", "cached")
)


class Place(NamedTuple):
    """Where a row stands in a list: the value that the list is sorted by, and the row's number."""

    value: Any  # as SQLite gives it: a number, text, bytes or None
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a list: `limit` rows behind `start` in the order asked for, or before it; without a start, the ends."""

    where: Condition | None = None
    by: Term
    descending: bool = False
    start: Place | None = None
    back: bool = False
    """The rows before `start`; they are given in the list's order all the same."""
    inclusive: bool = False
    """With the row at `start` itself."""
    limit: int = 50


def points(connection: Connection, run_id: int, window: Window) -> list[tuple[Place, Point]]:
    """A page of a run's points, without their detail."""
    places = _places(connection, POINTS, POINT.c.seq, window, POINT.c.run_id == run_id)
    query = select(*_POINT_FIELDS).where(
        POINT.c.run_id == run_id, one_of(POINT.c.seq, [place.number for place in places])
    )
    found = {row[0]: Point._make((*row[:8], bool(row[8]), None)) for row in connection.execute(query)}
    return [(place, found[place.number]) for place in places]


def count_points(connection: Connection, run_id: int, where: Condition | None) -> int:
    query = select(func.count()).select_from(POINT).where(POINT.c.run_id == run_id, POINTS.where(where))
    return int(connection.execute(query).scalar_one())


def runs(connection: Connection, window: Window) -> list[tuple[Place, Run]]:
    """A page of the lab's runs; conditions on their status mean the live one."""
    places = _places(connection, runs_subject(_gone(connection)), RUN.c.id, window, true())
    query = select(*_RUN_FIELDS).where(one_of(RUN.c.id, [place.number for place in places]))
    found = {run.id: run for run in (Run(*row) for row in connection.execute(query))}
    return [(place, found[place.number]) for place in places]


def count_runs(connection: Connection, where: Condition | None) -> int:
    query = select(func.count()).select_from(RUN).where(runs_subject(_gone(connection)).where(where))
    return int(connection.execute(query).scalar_one())


def _gone(connection: Connection) -> list[int]:
    """Runs that wait or work, as they are stored, but whose owner died without a word."""
    here = this_process()
    owned = select(*_RUN_FIELDS).where(RUN.c.status.in_(("running", "queued")))
    runs = (Run(*row) for row in connection.execute(owned))
    return [run.id for run in runs if live_status(run, here) == "interrupted"]


def _places(
    connection: Connection, subject: Subject, number: ColumnElement[int], window: Window, of: ColumnElement[bool]
) -> list[Place]:
    """Found without reading whole rows, which a sort would drag along."""
    by_number = window.by == Column(str(number.key))
    value: ColumnElement[Any] = number if by_number else subject.expression(window.by)
    query = select(value, number).where(of, subject.where(window.where)).limit(window.limit)
    falling = window.descending != window.back  # the direction in which the query itself goes
    keys: Sequence[ColumnElement[Any]] = (number,) if by_number else (value, number)
    if window.start is not None:
        query = query.where(
            _beyond(value, number, window.start, falling, window)
            if not by_number
            else _past(number, window.start.number, falling, window.inclusive)
        )
    order = [key.desc() if falling else key.asc() for key in keys]
    if not by_number:
        order.insert(0, value.is_(None).desc() if window.back else value.is_(None).asc())
    rows = [Place(*row) for row in connection.execute(query.order_by(*order))]
    return rows[::-1] if window.back else rows


def _beyond(
    value: ColumnElement[Any], number: ColumnElement[int], start: Place, falling: bool, window: Window
) -> ColumnElement[bool]:
    """The rows that come after `start` as the query goes."""
    later = _past(number, start.number, falling, window.inclusive)
    if start.value is None:
        rest = and_(value.is_(None), later)
        return or_(rest, value.is_not(None)) if window.back else rest
    bound = literal(start.value)
    here = or_(value < bound if falling else value > bound, and_(value == bound, later))
    return here if window.back else or_(here, value.is_(None))


def _past(number: ColumnElement[int], start: int, falling: bool, inclusive: bool) -> ColumnElement[bool]:
    if inclusive:
        return number <= start if falling else number >= start
    return number < start if falling else number > start
