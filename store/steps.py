"""Storing one step of a run: all of it or nothing, in the caller's transaction.

Everything goes in by the driver's own tuples, many times faster than by objects. No clock and no process id enters
points, front or checkpoint: those of a resumed run equal those of an uninterrupted one, byte for byte.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import itemgetter
from typing import Final, NoReturn

from sqlalchemy import Connection

from store import chunks
from store.connections import Committing, Driver
from store.encoding import Encoded
from store.errors import BadRowError, NotInTurnError
from store.inserting import Into
from store.rows import OUTCOME, Context, Evaluation, Point, Progress, Wish, check_json
from store.runs import by_id, fenced_out

_ADVANCE: Final = """
    UPDATE run SET steps = ?, points = ?, evaluations = ?, hits = ?, feasible = ?, front_size = ?, hypervolume = ?,
        best = ?, heartbeat_ns = ?, updated_ns = ?
    WHERE id = ? AND epoch = ? AND status = 'running' AND steps = ? AND points = ? RETURNING wish
"""
_KNOWN: Final = "ON CONFLICT (context_id, key) DO NOTHING"
_CONTEXT: Final = Into("context", ("key", "simulator", "fingerprint", "layer"), "ON CONFLICT (key) DO NOTHING")
_EVALUATION: Final = Into("evaluation", ("context_id", "key", *OUTCOME), _KNOWN)
_EVALUATION_DETAIL: Final = Into("evaluation_detail", ("context_id", "key", "detail"), _KNOWN)
_POINT: Final = Into("point", ("run_id", "seq", "step", "codes", *OUTCOME, "cached"))
_POINT_DETAIL: Final = Into("point_detail", ("run_id", "seq", "detail"))
_FRONT: Final = Into("front", ("run_id", "seq"))
_HISTORY: Final = Into("history", ("run_id", *Progress._fields))
_CHECKPOINT: Final = Into(
    "checkpoint",
    ("run_id", "step", "state", "digest"),
    "ON CONFLICT (run_id) DO UPDATE SET step = excluded.step, state = excluded.state, digest = excluded.digest",
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a step leaves: its points or chunks, and the whole front (by seq) and the search's state after it."""

    history: Progress
    points: Sequence[Point]
    front: Iterable[int]
    checkpoint: bytes
    contexts: Sequence[Context] = ()
    evaluations: Sequence[Evaluation] = ()
    chunks: Sequence[Encoded] = ()


class BeingStored:
    """A step that is written, and not safe yet; and what is asked of the run's owner."""

    def __init__(self, committing: Committing, wish: Wish | None) -> None:
        self._committing, self.wish = committing, wish

    def wait(self) -> None:
        """Return when it is safe; an error says that nothing of it is stored."""
        self._committing.wait()


def store(driver: Driver, run_id: int, epoch: int, step: Content) -> Wish | None:
    """Write a whole step, and tell what is asked of the run's owner.

    Raises:
        NotInTurnError: whoever asks does not own the run, or the step does not follow.
    """
    wish = _advance(driver, run_id, epoch, step.history, len(step.points))
    add_evaluations(driver, step.contexts, step.evaluations)
    add_points(driver, run_id, step.points, step.history)
    if step.chunks:
        chunks.add(driver, run_id, epoch, step.chunks)
    set_front(driver, run_id, step.front)
    add_history(driver, run_id, step.history)
    set_checkpoint(driver, run_id, step.history.step, step.checkpoint)
    return wish


def _advance(driver: Driver, run_id: int, epoch: int, history: Progress, added: int) -> Wish | None:
    """Move the run's head on by one step, and tell what is asked of its owner."""
    now_ns = time.time_ns()
    head = (*history[:8], now_ns, now_ns)
    expected = (run_id, epoch, history.step - 1, history.points - added)
    rows = driver.execute(_ADVANCE, (*head, *expected)).fetchall()  # to the end, or it cannot commit
    if not rows:
        raise NotInTurnError
    wish: Wish | None = rows[0][0]
    return wish


def refuse(connection: Connection, run_id: int, epoch: int, step: Content) -> NoReturn:
    """Say why a step is not in turn.

    Raises:
        FencedOutError: whoever asks does not own the run.
        BadRowError: the step does not follow.
    """
    history, added = step.history, len(step.points)
    run = by_id(connection, run_id)
    if run.epoch != epoch or run.status != "running":
        raise fenced_out(connection, run_id, epoch)
    raise BadRowError(
        f"Run {run_id} has {run.steps} steps and {run.points} points; "
        f"{added} points in step {history.step}, to make {history.points}, do not follow."
    )


def add_points(driver: Driver, run_id: int, points: Sequence[Point], history: Progress) -> None:
    first = history.points - len(points)
    for index, point in enumerate(points):
        if point.seq != first + index or point.step != history.step:
            raise BadRowError(
                f"Point {index} of step {history.step} of run {run_id} must have seq {first + index} "
                f"and step {history.step}, not {point.seq} and {point.step}."
            )
    _check_texts(points)
    _POINT.insert(driver, [(run_id, *point[:8], int(point.cached)) for point in points])
    _POINT_DETAIL.insert(driver, [(run_id, p.seq, p.detail) for p in points if p.detail is not None])


def add_evaluations(driver: Driver, contexts: Sequence[Context], evaluations: Sequence[Evaluation]) -> None:
    """Into the cache. What is there already stays: simulators are deterministic, so it says the same."""
    for context in contexts:
        check_json("layer", context.layer)
    _check_texts(evaluations)
    _CONTEXT.insert(driver, sorted(contexts))  # in one order, or two writers may wait for each other
    ids = {key: _context_id(driver, key) for key in {row.context for row in evaluations}}
    ordered = sorted(evaluations, key=itemgetter(1))  # for the tree's sake
    if len(ids) > 1:
        ordered.sort(key=itemgetter(0))
    _EVALUATION.insert(driver, [(ids[row.context], *row[1:7]) for row in ordered])
    detailed = [(ids[row.context], row.key, row.detail) for row in ordered if row.detail is not None]
    _EVALUATION_DETAIL.insert(driver, detailed)


def _check_texts(rows: Sequence[Point] | Sequence[Evaluation]) -> None:
    """JSON by the letter; a reason that many rows share is looked at once."""
    for text in {row.infeasible for row in rows}:
        check_json("infeasible", text)
    for text in {row.detail for row in rows}:
        check_json("detail", text)


def set_front(driver: Driver, run_id: int, front: Iterable[int]) -> None:
    """Make exactly these points (by seq) the run's front, touching only what changes."""
    now = {int(seq) for seq in front}
    before = {seq for (seq,) in driver.execute("SELECT seq FROM front WHERE run_id = ?", (run_id,))}
    driver.executemany(
        "DELETE FROM front WHERE run_id = ? AND seq = ?", [(run_id, seq) for seq in sorted(before - now)]
    )
    _FRONT.insert(driver, [(run_id, seq) for seq in sorted(now - before)])


def add_history(driver: Driver, run_id: int, history: Progress) -> None:
    check_json("best", history.best)
    check_json("asked", history.asked)
    _HISTORY.insert(driver, [(run_id, *history)])


def set_checkpoint(driver: Driver, run_id: int, step: int, state: bytes) -> None:
    _CHECKPOINT.insert(driver, [(run_id, step, state, digest(state))])


def digest(state: bytes) -> bytes:
    """SQLite keeps no checksums of its own."""
    return blake2b(state, digest_size=16).digest()


def _context_id(driver: Driver, key: bytes) -> int:
    row = driver.execute("SELECT id FROM context WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise BadRowError(f"An evaluation refers to the context {key.hex()}, which neither the lab nor the step has.")
    return int(row[0])
