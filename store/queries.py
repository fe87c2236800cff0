"""Reading what runs left: short queries, read to the end, pages by key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from store.connections import Driver
from store.errors import DamagedLabError, UnknownContextError
from store.rows import ALL, Checkpoint, Context, Evaluation, Point, Progress
from store.steps import digest

_EVALUATION: Final = """
    SELECT e.key, e.latency_cycles, e.energy_pj, e.area_um2, e.accuracy, e.infeasible, d.detail
    FROM evaluation AS e LEFT JOIN evaluation_detail AS d ON d.context_id = e.context_id AND d.key = e.key
    WHERE e.context_id = ? AND e.key = ?
"""
_EVALUATIONS: Final = """
    SELECT e.key, e.latency_cycles, e.energy_pj, e.area_um2, e.accuracy, e.infeasible, d.detail
    FROM evaluation AS e LEFT JOIN evaluation_detail AS d ON d.context_id = e.context_id AND d.key = e.key
    WHERE e.context_id = ? AND e.key > ? ORDER BY e.key LIMIT ?
"""
_CONTEXT_ID: Final = "SELECT id FROM context WHERE key = ?"
_POINTS: Final = """
    SELECT seq, step, codes, latency_cycles, energy_pj, area_um2, accuracy, infeasible, cached, NULL
    FROM point WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?
"""
_POINTS_IN_FULL: Final = """
    SELECT p.seq, p.step, p.codes, p.latency_cycles, p.energy_pj, p.area_um2, p.accuracy, p.infeasible, p.cached,
        d.detail
    FROM point AS p LEFT JOIN point_detail AS d ON d.run_id = p.run_id AND d.seq = p.seq
    WHERE p.run_id = ? AND p.seq > ? ORDER BY p.seq LIMIT ?
"""
_FRONT: Final = """
    SELECT p.seq, p.step, p.codes, p.latency_cycles, p.energy_pj, p.area_um2, p.accuracy, p.infeasible, p.cached,
        d.detail
    FROM front AS f CROSS JOIN point AS p ON p.run_id = f.run_id AND p.seq = f.seq
        LEFT JOIN point_detail AS d ON d.run_id = p.run_id AND d.seq = p.seq
    WHERE f.run_id = ? ORDER BY f.seq
"""
_HISTORY: Final = """
    SELECT step, points, evaluations, hits, feasible, front_size, hypervolume, best, seconds, search_seconds,
        asked
    FROM history WHERE run_id = ? AND step > ? ORDER BY step LIMIT ?
"""


def lookup(driver: Driver, context: bytes, keys: Iterable[bytes]) -> dict[bytes, Evaluation]:
    """What the cache knows of these keys."""
    number = driver.execute(_CONTEXT_ID, (context,)).fetchone()
    wanted = sorted(set(keys)) if number is not None else []
    return {row[0]: Evaluation(context, *row) for row in _each(driver, [(*number, key) for key in wanted])}


def _each(driver: Driver, wanted: Sequence[tuple[int, bytes]]) -> Iterator[tuple[Any, ...]]:
    """What is known of these, one by one."""
    server: Any = driver
    if hasattr(server, "first_of_each"):
        yield from server.first_of_each(_EVALUATION, wanted)
        return
    for values in wanted:
        row = driver.execute(_EVALUATION, values).fetchone()
        if row is not None:
            yield row


def contexts(connection: Connection, numbers: Collection[int] | None) -> list[Context]:
    rows = connection.exec_driver_sql("SELECT id, key, simulator, fingerprint, layer FROM context ORDER BY id")
    known = {row[0]: Context(*row[1:]) for row in rows}
    for number in numbers or ():
        if number not in known:
            there = f"there are 1 to {max(known)}" if known else "there is none yet"
            raise UnknownContextError(f"There is no context {number} in this lab: {there}.")
    return [context for number, context in known.items() if numbers is None or number in numbers]


def evaluations(connection: Connection, context: bytes, after_key: bytes, limit: int) -> list[Evaluation]:
    """All that the cache knows in a context, ordered by key, from above `after_key`."""
    number = connection.exec_driver_sql(_CONTEXT_ID, (context,)).scalar()
    rows = connection.exec_driver_sql(_EVALUATIONS, (number, after_key, limit))
    return [Evaluation(context, *row) for row in rows]


def points(connection: Connection, run_id: int, after_seq: int, limit: int | None, with_detail: bool) -> list[Point]:
    query = _POINTS_IN_FULL if with_detail else _POINTS
    rows = connection.exec_driver_sql(query, (run_id, after_seq, ALL if limit is None else limit))
    return [_point(tuple(row)) for row in rows]


def front(connection: Connection, run_id: int) -> list[Point]:
    return [_point(tuple(row)) for row in connection.exec_driver_sql(_FRONT, (run_id,))]


def _point(row: tuple[object, ...]) -> Point:
    return Point._make((*row[:8], bool(row[8]), row[9]))


def history(connection: Connection, run_id: int, after_step: int, limit: int | None) -> list[Progress]:
    rows = connection.exec_driver_sql(_HISTORY, (run_id, after_step, ALL if limit is None else limit))
    return [Progress(*row) for row in rows]


def checkpoint(connection: Connection, run_id: int) -> Checkpoint | None:
    query = "SELECT step, state, digest FROM checkpoint WHERE run_id = ?"
    row = connection.exec_driver_sql(query, (run_id,)).first()
    if row is None:
        return None
    if digest(row[1]) != row[2]:
        raise DamagedLabError(f"The checkpoint of run {run_id} is damaged: restore a backup of the lab database.")
    return Checkpoint(row[0], row[1])
