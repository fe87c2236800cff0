"""What others ask of a run: to stop after its step, and to wait for its turn beside other runs.

To stop is a wish in the run's row, which its owner is told of with every step it stores. To wait is to be queued with
an owner: a process that looks from time to time whether the run's turn has come, and without which the run counts as
interrupted. So there is no daemon, and whatever dies leaves nothing behind that waits for ever.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import Final

from sqlalchemy import Connection, update

from store.connections import taking_turns
from store.errors import BusyRunError, FencedOutError, RunError
from store.names import RUN
from store.owner import process_start, this_process
from store.rows import Run, Status, Wish
from store.runs import by_id, check_idle, live, live_status, owner_of

_STOPPED: Final[dict[Wish, Status]] = {"pause": "paused", "cancel": "cancelled"}


def ask(connection: Connection, run_id: int, wish: Wish) -> Status:
    """The status after it: `running` where the owner is yet to stop."""
    run = by_id(connection, run_id, to_change=True)
    status = live_status(run, this_process())
    if status == "running":
        _set(connection, run_id, {"wish": wish})
        return "running"
    stopped = _STOPPED[wish]
    if status != "queued" and (wish == "pause" or status in ("done", "cancelled")):
        raise RunError(f"Run {run.id} is {status}: there is nothing to {wish}.")
    _set(connection, run_id, {"status": stopped, "wish": None, "updated_ns": time.time_ns()})
    return stopped


def enqueue(connection: Connection, run_id: int) -> Run:
    run, here = by_id(connection, run_id, to_change=True), this_process()
    check_idle(run, here)
    if run.status == "done":
        raise RunError(f"Run {run.id} is done: there is nothing to go on with.")
    if live_status(run, here) == "queued" and owner_of(run) != here:
        raise BusyRunError(f"Run {run.id} waits for its turn already, by process {run.pid} on {run.host}.")
    now_ns = time.time_ns()
    state = {"status": "queued", "epoch": run.epoch + 1, "heartbeat_ns": now_ns, "updated_ns": now_ns, "error": None}
    _set(connection, run_id, {**state, **asdict(here), "wish": None})
    return by_id(connection, run_id)


def hand_over(connection: Connection, run_id: int, pid: int) -> None:
    """Of a run that was stopped meanwhile as well: so its process knows that it is not to begin it again."""
    here = this_process()
    waiting = (RUN.c.id == run_id) & (RUN.c.status != "running") & (RUN.c.pid == here.pid)
    heir = asdict(replace(here, pid=pid, process_start=process_start(pid)))
    connection.execute(update(RUN).where(waiting).values({**heir, "heartbeat_ns": time.time_ns()}))


def wait(connection: Connection, run_id: int) -> None:
    """In the place of whoever waited for it before, who is told when he looks again."""
    _check_waiting(by_id(connection, run_id, to_change=True))
    _set(connection, run_id, {**asdict(this_process()), "heartbeat_ns": time.time_ns()})


def is_due(connection: Connection, run_id: int, slots: int) -> bool:
    """Whether fewer than `slots` runs are at work, and none has waited for longer that still does."""
    run = by_id(connection, run_id)
    _check_waiting(run)
    if owner_of(run) != this_process():
        raise FencedOutError(f"Run {run.id} is waited for by process {run.pid} on {run.host} now, not by this one.")
    since = (run.updated_ns, run.id)
    earlier = [other for other in live(connection, "queued") if (other.updated_ns, other.id) < since]
    return not earlier and len(live(connection, "running")) < slots


def claim_turn(connection: Connection, run_id: int, slots: int) -> int | None:
    taking_turns(connection, b"turn")  # or two would count the others at work before either says that it is
    by_id(connection, run_id, to_change=True)
    if not is_due(connection, run_id, slots):
        return None  # another one was quicker
    run, now_ns = by_id(connection, run_id), time.time_ns()
    state = {"status": "running", "epoch": run.epoch + 1, "heartbeat_ns": now_ns, "updated_ns": now_ns}
    _set(connection, run_id, {**state, **asdict(this_process())})
    return run.epoch + 1


def _check_waiting(run: Run) -> None:
    if run.status != "queued":
        raise FencedOutError(f"Run {run.id} is {run.status}: it no longer waits for its turn.")


def _set(connection: Connection, run_id: int, values: dict[str, object]) -> None:
    connection.execute(update(RUN).where(RUN.c.id == run_id).values(values))
