"""Whether a lab is sound: bytes, references, digests, JSON, and the run heads that repeat what rows say.

SQLite keeps no checksums, so its own check sees only what breaks the file's structure. The rest is compared with what
is stored twice: blobs with their digests, heads with the rows that they sum up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, ForeignKeyConstraint, Table, and_, exists, func, select
from sqlalchemy.exc import DBAPIError

from store import accuracies, chunks
from store.connections import is_server
from store.errors import BadRowError, DamagedLabError
from store.names import ACCURACY
from store.rows import check_json
from store.steps import digest
from store.tables import Base

MOST: Final = 100
"""Problems that one check tells: a file with more of them needs a backup, not a longer list."""
FILE: Final = "the file"

JSON_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "context": ("layer",),
    "evaluation": ("infeasible",),
    "evaluation_detail": ("detail",),
    "run": ("best", "task", "search_settings", "simulator_settings", "stop"),
    "point": ("infeasible",),
    "point_detail": ("detail",),
    "history": ("best",),
    "source_model": ("axes", "metrics", "lineage", "report", "task"),
    "accuracy": ("design", "recipe", "report", "network"),
    "training": ("design",),
}
_HEADS: Final = """
    SELECT r.id, r.steps, r.points, r.feasible, r.front_size,
        (SELECT count(*) FROM point AS p WHERE p.run_id = r.id) AS n,
        (SELECT count(*) FROM point AS p WHERE p.run_id = r.id AND p.infeasible IS NULL) AS built,
        (SELECT count(*) FROM point AS p WHERE p.run_id = r.id AND NOT (p.seq BETWEEN 0 AND r.points - 1)) AS strays,
        (SELECT count(*) FROM history AS h WHERE h.run_id = r.id) AS told,
        (SELECT count(*) FROM front AS f WHERE f.run_id = r.id) AS members,
        (SELECT c.step FROM checkpoint AS c WHERE c.run_id = r.id) AS saved
    FROM run AS r ORDER BY r.id
"""
_LAST: Final = """
    SELECT r.id FROM run AS r JOIN history AS h ON h.run_id = r.id AND h.step = r.steps
    WHERE NOT (r.points = h.points AND r.evaluations = h.evaluations AND r.hits = h.hits AND r.feasible = h.feasible
        AND r.front_size = h.front_size
        AND coalesce(r.hypervolume = h.hypervolume, r.hypervolume IS NULL AND h.hypervolume IS NULL)
        AND coalesce(r.best = h.best, r.best IS NULL))
    LIMIT ?
"""
_STEPS: Final = """
    SELECT run_id, step FROM (
        SELECT *, lag(step, 1, 0) OVER earlier AS last_step, lag(points, 1, 0) OVER earlier AS first,
            lag(feasible, 1, 0) OVER earlier AS built, lag(evaluations, 1, 0) OVER earlier AS simulated,
            lag(hits, 1, 0) OVER earlier AS known
        FROM history WINDOW earlier AS (PARTITION BY run_id ORDER BY step)
    ) AS h
    WHERE step <> last_step + 1 OR evaluations < simulated OR hits < known OR seconds < 0
        OR points - first <> (SELECT count(*) FROM point AS p
            WHERE p.run_id = h.run_id AND p.seq >= h.first AND p.seq < h.points AND p.step = h.step)
        OR feasible - built <> (SELECT count(*) FROM point AS p
            WHERE p.run_id = h.run_id AND p.seq >= h.first AND p.seq < h.points AND p.infeasible IS NULL)
    LIMIT ?
"""
_IMPOSSIBLE_MEMBERS: Final = """
    SELECT f.run_id, f.seq FROM front AS f JOIN point AS p ON p.run_id = f.run_id AND p.seq = f.seq
    WHERE p.infeasible IS NOT NULL LIMIT ?
"""
_CODES: Final = """
    SELECT p.run_id, p.seq FROM point AS p JOIN point AS first ON first.run_id = p.run_id AND first.seq = 0
    WHERE length(p.codes) <> length(first.codes) LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was stored."""

    table: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.table}{' ' if self.key else ''}{self.key}: {self.what}"


def problems(connection: Connection) -> Iterator[Problem]:
    """All that is wrong, the file's structure first; none where the lab is sound.

    A check that a damaged file stops is itself a problem, and the others go on.
    """
    for check in CHECKS:
        try:
            yield from check(connection)
        except (DBAPIError, UnicodeDecodeError) as error:
            said = error.orig if isinstance(error, DBAPIError) else error
            yield Problem(FILE, "", f"{check.__name__.strip('_')} cannot be checked: {said}")


def _structure(connection: Connection) -> Iterator[Problem]:
    if is_server(connection):
        return  # a server looks after its files by itself
    connection.exec_driver_sql("PRAGMA cell_size_check = ON")
    for (line,) in connection.exec_driver_sql(f"PRAGMA integrity_check({MOST})"):
        if line != "ok":
            yield Problem(FILE, "", " ".join(line.split()))


def _references(connection: Connection) -> Iterator[Problem]:
    everywhere = is_server(connection)  # one statement for all there is not
    asked = () if everywhere else connection.exec_driver_sql("PRAGMA foreign_key_check")
    broken = {(row[0], row[2]) for row in asked}
    for table in Base.metadata.sorted_tables:
        for constraint in table.foreign_key_constraints:
            parent = constraint.referred_table
            if everywhere or (table.name, parent.name) in broken:
                yield from _orphans(connection, table, parent, constraint)


def _orphans(
    connection: Connection, table: Table, parent: Table, constraint: ForeignKeyConstraint
) -> Iterator[Problem]:
    there = exists().where(and_(*(each.parent == each.column for each in constraint.elements)))
    for row in connection.execute(select(*table.primary_key).where(~there).limit(MOST)):
        yield Problem(table.name, _key(table, row), f"refers to a row of {parent.name} that is missing")


def _digests(connection: Connection) -> Iterator[Problem]:
    for run_id in _ids(connection, "SELECT run_id FROM checkpoint ORDER BY run_id"):
        query = "SELECT state, digest FROM checkpoint WHERE run_id = ?"
        state, expected = connection.exec_driver_sql(query, (run_id,)).one()
        if digest(state) != expected:
            yield Problem("checkpoint", f"run_id {run_id}", "its bytes are not those that were stored")
    for number in _ids(connection, "SELECT id FROM source_model ORDER BY id"):
        query = "SELECT content, key, size FROM source_model WHERE id = ?"
        content, key, size = connection.exec_driver_sql(query, (number,)).one()
        if digest(content) != key or len(content) != size:
            yield Problem("source_model", f"id {number}", "its bytes are not those that were stored")
    yield from _accuracies(connection)


def _accuracies(connection: Connection) -> Iterator[Problem]:
    table = ACCURACY
    for row in connection.execution_options(yield_per=MOST).execute(select(table)).mappings():
        if accuracies.row_digest(row) != row["digest"]:
            yield Problem("accuracy", f"key {row['key'].hex()}", "it does not say what was stored")
    for (key,) in connection.exec_driver_sql("SELECT key FROM training ORDER BY key").all():
        query = "SELECT state, digest FROM training WHERE key = ?"
        state, expected = connection.exec_driver_sql(query, (key,)).one()
        if digest(state) != expected:
            yield Problem("training", f"key {key.hex()}", "its bytes are not those that were stored")


def _chunks(connection: Connection) -> Iterator[Problem]:
    for run_id in _ids(connection, "SELECT id FROM run WHERE chunk_points > 0 OR id IN (SELECT run_id FROM chunk)"):
        number, first = 0, 0
        for head in chunks.heads(connection, run_id, -1, None):
            query = "SELECT content FROM chunk WHERE run_id = ? AND number = ?"
            content = connection.exec_driver_sql(query, (run_id, head.number)).scalar_one()
            try:
                chunks.check(run_id, head, content)
            except DamagedLabError:
                yield _chunk(run_id, head.number, "its bytes are not those that were stored")
            if (head.number, head.first) != (number, first):
                yield _chunk(run_id, head.number, "does not follow the chunk before")
            number, first = head.number + 1, head.first + head.points
        stored = connection.exec_driver_sql("SELECT chunk_points FROM run WHERE id = ?", (run_id,)).scalar_one()
        if stored != first:
            yield Problem("run", f"id {run_id}", f"its head says {stored} designs in chunks, there are {first}")


def _chunk(run_id: int, number: int, what: str) -> Problem:
    return Problem("chunk", f"run_id {run_id}, number {number}", what)


def _ids(connection: Connection, query: str) -> list[int]:
    """Read to the end first: blobs are then read one at a time, never all at once."""
    return [number for (number,) in connection.exec_driver_sql(query)]


def _json(connection: Connection) -> Iterator[Problem]:
    for name, columns in JSON_COLUMNS.items():
        table = Base.metadata.tables[name]
        for column in columns:
            text = table.c[column]
            if is_server(connection):  # not every one knows JSON when it sees it
                yield from _no_json(connection, table, text)
                continue
            wrong = select(*table.primary_key).where(text.is_not(None), func.json_valid(text) == 0)
            for row in connection.execute(wrong.limit(MOST)):
                yield Problem(name, _key(table, row), f"{column} is no JSON")


def _no_json(connection: Connection, table: Table, text: Column[Any]) -> Iterator[Problem]:
    for *key, content in connection.execute(select(*table.primary_key, text).where(text.is_not(None))):
        try:
            check_json(text.name, content)
        except BadRowError:
            yield Problem(table.name, _key(table, key), f"{text.name} is no JSON")


def _heads(connection: Connection) -> Iterator[Problem]:
    for row in connection.exec_driver_sql(_HEADS).mappings():
        for stored, found, what in (
            (row["points"], row["n"], "points"),
            (row["feasible"], row["built"], "feasible points"),
            (row["steps"], row["told"], "steps of history"),
            (row["front_size"], row["members"], "front members"),
        ):
            if stored != found:
                yield Problem("run", f"id {row['id']}", f"its head says {stored} {what}, there are {found}")
        if row["strays"]:
            yield Problem("run", f"id {row['id']}", f"{row['strays']} of its points are numbered beyond its last")
        if (row["saved"] or 0) != row["steps"]:
            found = "none" if row["saved"] is None else f"of step {row['saved']}"
            yield Problem("run", f"id {row['id']}", f"its checkpoint is {found}, its head is at step {row['steps']}")


def _history(connection: Connection) -> Iterator[Problem]:
    for (number,) in connection.exec_driver_sql(_LAST, (MOST,)):
        yield Problem("run", f"id {number}", "its head is not what its last step of history says")
    for run_id, step in connection.exec_driver_sql(_STEPS, (MOST,)):
        yield Problem("history", f"run_id {run_id}, step {step}", "does not follow the step before, or not its points")


def _points(connection: Connection) -> Iterator[Problem]:
    for run_id, seq in connection.exec_driver_sql(_IMPOSSIBLE_MEMBERS, (MOST,)):
        yield Problem("front", f"run_id {run_id}, seq {seq}", "a design that cannot be built is on the front")
    for run_id, seq in connection.exec_driver_sql(_CODES, (MOST,)):
        yield Problem("point", f"run_id {run_id}, seq {seq}", "its codes are not as long as those of the first point")


def _key(table: Table, values: Sequence[object]) -> str:
    """`run_id 3, seq 17`, bytes in hexadecimal."""
    parts = zip(table.primary_key, values, strict=True)
    return ", ".join(f"{column.name} {_shown(value)}" for column, value in parts)


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


CHECKS: Final[tuple[Callable[[Connection], Iterator[Problem]], ...]] = (
    _structure,
    _references,
    _digests,
    _chunks,
    _json,
    _heads,
    _history,
    _points,
)
