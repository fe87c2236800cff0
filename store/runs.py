"""Runs: making one, finding one, listing them, and who may write to it.

A run is owned by the process that claimed it last. Every claim raises the run's epoch, and every write of its owner
names the epoch it was given, so an owner that was taken for dead and comes back cannot write.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

from sqlalchemy import Connection, Executable, insert, select, update

from store.errors import BadRowError, BusyRunError, FencedOutError, UnknownRunError
from store.names import RUN, TAG
from store.owner import Owner, is_alive, this_process
from store.rows import Run, Status, check_json

_COLUMNS: Final = tuple(RUN.c[field.name] for field in fields(Run))
_ENDS: Final[tuple[Status, ...]] = ("paused", "done", "interrupted", "failed", "cancelled")
_STORED_AS: Final[Mapping[Status, tuple[Status, ...]]] = {"interrupted": ("running", "queued", "interrupted")}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What a run is asked to do, as it is stored for good. JSON as text."""

    task: str  # JSON
    task_key: bytes
    arch: str
    workload: str
    search: str
    search_settings: str  # JSON
    simulator: str
    simulator_settings: str  # JSON
    fingerprint: str
    seed: int
    batch: int
    stop: str  # JSON
    note: str = ""
    asynchronous: bool = False

    def __post_init__(self) -> None:
        for field in ("task", "search_settings", "simulator_settings", "stop"):
            check_json(field, getattr(self, field))
        if not -(2**63) <= self.seed < 2**63:
            raise BadRowError(f"seed must fit in 64 bits, {self.seed} does not.")


def create(connection: Connection, new: NewRun) -> Run:
    now_ns = time.time_ns()
    values: dict[str, object] = {field.name: getattr(new, field.name) for field in fields(NewRun)}
    values["asynchronous"] = int(new.asynchronous)
    values |= dict.fromkeys(("steps", "points", "evaluations", "hits", "feasible", "front_size", "epoch"), 0)
    values |= {"uuid": uuid.uuid4().hex, "status": "queued", "created_ns": now_ns, "updated_ns": now_ns}
    values |= {"heartbeat_ns": now_ns, **asdict(this_process())}  # who dies before it begins leaves nothing queued
    return by_id(connection, connection.execute(insert(RUN).values(values).returning(RUN.c.id)).scalar_one())


def by_id(connection: Connection, run_id: int, *, to_change: bool = False) -> Run:
    """The run; `to_change` keeps others from changing it until the transaction ends, where they could meanwhile."""
    query = select(*_COLUMNS).where(RUN.c.id == run_id)
    runs = _fetch(connection, query.with_for_update() if to_change else query)
    if not runs:
        raise UnknownRunError(_unknown(connection, str(run_id)))
    return runs[0]


def find(connection: Connection, ref: int | str) -> Run:
    """By number, by uuid or the beginning of one (4 digits at least), or "last"."""
    text = str(ref).strip()
    if text == "last":
        runs = _fetch(connection, select(*_COLUMNS).order_by(RUN.c.id.desc()).limit(1))
        if not runs:
            raise UnknownRunError("There is no last run: this lab has none yet.")
        return runs[0]
    if re.fullmatch(r"[0-9]{1,18}", text):
        runs = _fetch(connection, select(*_COLUMNS).where(RUN.c.id == int(text)))
        if runs:
            return runs[0]
    prefix = text.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{4,32}", prefix):
        raise UnknownRunError(_unknown(connection, text))
    above = prefix + "g"  # greater than every uuid that begins so
    matching = select(*_COLUMNS).where(RUN.c.uuid >= prefix, RUN.c.uuid < above)
    runs = _fetch(connection, matching.order_by(RUN.c.id.desc()).limit(6))
    if len(runs) > 1:
        some = ", ".join(f"{run.id} ({run.uuid[: len(prefix) + 4]})" for run in runs[:5])
        raise UnknownRunError(f"Several runs begin with {text!r}: {some}{', ...' if len(runs) > 5 else ''}. Say more.")
    if not runs:
        raise UnknownRunError(_unknown(connection, text))
    return runs[0]


def _unknown(connection: Connection, ref: str) -> str:
    latest = _fetch(connection, select(*_COLUMNS).order_by(RUN.c.id.desc()).limit(5))
    if not latest:
        return f"There is no run {ref!r}: this lab has none yet."
    known = ", ".join(f"{run.id} ({run.uuid[:8]}, {run.arch} {run.workload} {run.search})" for run in latest)
    return f"There is no run {ref!r}. Latest: {known}. A number, the beginning of a uuid or 'last' names a run."


def page(
    connection: Connection,
    *,
    status: Status | None,
    task_key: bytes | None,
    tag: str | None,
    limit: int,
    before_id: int | None,
) -> list[Run]:
    """The latest runs first, from below `before_id`. `status` is the live one (see `live_status`)."""
    here, found = this_process(), list[Run]()
    query = select(*_COLUMNS).order_by(RUN.c.id.desc()).limit(limit)
    if task_key is not None:
        query = query.where(RUN.c.task_key == task_key)
    if tag is not None:
        query = query.where(RUN.c.id.in_(select(TAG.c.run_id).where(TAG.c.word == tag)))
    if status is not None:  # one that is stored as running or queued may have been interrupted
        query = query.where(RUN.c.status.in_(_STORED_AS.get(status, (status,))))
    while len(found) < limit:
        runs = _fetch(connection, query if before_id is None else query.where(RUN.c.id < before_id))
        found += [run for run in runs if status is None or live_status(run, here) == status]
        if len(runs) < limit:
            break
        before_id = runs[-1].id
    return found[:limit]


def live_status(run: Run, here: Owner) -> Status:
    """The stored status, but "interrupted" for a run whose owner died without a word, at work or before its turn."""
    return "interrupted" if run.status in ("running", "queued") and not _owner_lives(run, here) else run.status


def _owner_lives(run: Run, here: Owner) -> bool:
    owner = owner_of(run)
    return owner is not None and is_alive(owner, (time.time_ns() - (run.heartbeat_ns or 0)) / 1e9, here)


def lingers(run: Run, here: Owner) -> bool:
    """Whether the process that worked on the run last is still there, on this very host: it may have more to say."""
    owner = owner_of(run)
    return owner is not None and owner.host == here.host and is_alive(owner, float("inf"), here)


def owner_of(run: Run) -> Owner | None:
    """Who works on it or waits for its turn, or did so last."""
    if run.pid is None:
        return None
    return Owner(run.host or "", run.boot_id or "", run.pid_namespace or "", run.pid, run.process_start)


def claim(connection: Connection, run_id: int) -> int:
    """Make this process the run's owner; its epoch is the answer. A live owner elsewhere keeps it.

    One that waits for its turn elsewhere loses it: it begins here and now. What was asked of an owner that has gone is
    forgotten.
    """
    run, here = by_id(connection, run_id, to_change=True), this_process()
    own = run.status == "running" and owner_of(run) == here
    if not own:
        check_idle(run, here)
    now_ns = time.time_ns()
    state = {"status": "running", "epoch": run.epoch + 1, "heartbeat_ns": now_ns, "updated_ns": now_ns, "error": None}
    wish = run.wish if own else None
    connection.execute(update(RUN).where(RUN.c.id == run_id).values({**state, **asdict(here), "wish": wish}))
    return run.epoch + 1


def check_idle(run: Run, here: Owner) -> None:
    """Refuse a run that somebody works on."""
    if live_status(run, here) == "running":
        raise BusyRunError(
            f"Run {run.id} is being worked on by process {run.pid} on {run.host}: "
            f"'dse pause {run.id}' stops it after its step, or wait."
        )


def beat(connection: Connection, run_id: int, epoch: int) -> None:
    """Say that the owner lives, where a step takes long."""
    _write_as_owner(connection, run_id, epoch, {"heartbeat_ns": time.time_ns()})


def finish(connection: Connection, run_id: int, epoch: int, status: Status, error: str | None) -> None:
    if status not in _ENDS:
        raise BadRowError(f"A run ends as one of {', '.join(_ENDS)}, not as {status!r}.")
    now_ns = time.time_ns()
    values = {"status": status, "error": error, "heartbeat_ns": now_ns, "updated_ns": now_ns, "wish": None}
    _write_as_owner(connection, run_id, epoch, values)


def _write_as_owner(connection: Connection, run_id: int, epoch: int, values: Mapping[str, object]) -> None:
    owned = (RUN.c.id == run_id) & (RUN.c.epoch == epoch) & (RUN.c.status == "running")
    if connection.execute(update(RUN).where(owned).values(values)).rowcount != 1:
        raise fenced_out(connection, run_id, epoch)


def fenced_out(connection: Connection, run_id: int, epoch: int) -> FencedOutError:
    run = by_id(connection, run_id)
    if run.epoch != epoch:
        return FencedOutError(
            f"Run {run_id} was taken over by process {run.pid} on {run.host} (epoch {run.epoch}, ours was {epoch}): "
            "this process stops; nothing of the step was stored."
        )
    return FencedOutError(f"Run {run_id} is {run.status}: claim it before writing to it.")


def live(connection: Connection, status: Status) -> list[Run]:
    """All that are so now, in no order; for those that are few: running or queued."""
    here = this_process()
    found = _fetch(connection, select(*_COLUMNS).where(RUN.c.status == status))
    return [run for run in found if live_status(run, here) == status]


def _fetch(connection: Connection, query: Executable) -> list[Run]:
    return [Run(*(*row[:-1], bool(row[-1]))) for row in connection.execute(query)]
