"""Runs as processes of their own: begun where no terminal can end them, in turn, with a log beside the lab.

There is no daemon. A run that is to go on by itself is a row that waits, and a `dse resume` in a session of its own
that waits with it: it looks once a second whether fewer runs are at work than there are slots, and the longest waiting
one begins. The row names that process, so that whoever kills it leaves a run that is interrupted, not one in a queue.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from json import loads
from pathlib import Path
from typing import Final

from platformdirs import user_data_path

from store.address import Address, Where
from store.database import Lab
from store.errors import FencedOutError
from store.owner import this_process
from store.rows import Run
from store.runs import owner_of
from workbench.errors import UserError
from workbench.problem.tasks import task_of
from workbench.runner import RunSpec
from workbench.stop import Stop

LOOK_SECONDS: Final = 1.0
BEAT_LOOKS: Final = 60
"""So often a process that waits says that it lives, for those who look from another machine."""
TAIL_BYTES: Final = 262_144

_BEGUN: list[subprocess.Popen[bytes]] = []
"""What this process has begun and not seen end: a child that nobody waits for would stay as a zombie."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that goes on by itself."""

    run: Run
    pid: int
    log: Path


def slots_here() -> int:
    """How many runs work at once where nobody says: one for each core."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def log_path(lab: Where, run: Run) -> Path:
    """Where a run that goes on by itself writes what it would have told its terminal.

    Beside a file; of a lab on a server, in the user's data folder of the machine that the run was begun on.
    """
    if isinstance(lab, Address):
        return user_data_path("dse-workbench", appauthor=False) / "postgresql.logs" / f"{run.uuid}.log"
    return lab.with_name(f"{lab.name}.logs") / f"{run.uuid}.log"


def begin(
    lab: Lab,
    run: Run,
    *,
    slots: int | None = None,
    jobs: int | None = None,
    executor: str | None = None,
    batch_seconds: float | None = None,
) -> Begun:
    """Let a run that waits, is new, or was stopped go on by itself, as soon as it is its turn.

    Raises:
        RunError: somebody works on it, or waits for its turn, or it is done.
        UserError: the log or the process cannot be made; the run is then paused.
    """
    waiting = lab.enqueue(run.id)
    log = log_path(lab.path, run)
    asked = {"--jobs": jobs, "--executor": executor, "--batch-seconds": batch_seconds}
    options = [word for name, value in asked.items() if value is not None for word in (name, str(value))]
    try:
        process = _process(lab.path, run.id, log, slots or slots_here(), options)
    except OSError as error:
        lab.ask(run.id, "pause")
        raise UserError(
            f"Run {run.id} cannot go on by itself: {error.filename or log}: {error.strerror}. It is paused."
        ) from None
    lab.hand_over(run.id, process.pid)
    _BEGUN[:] = [each for each in (*_BEGUN, process) if each.poll() is None]
    return Begun(waiting, process.pid, log)


def _process(lab: Where, run_id: int, log: Path, slots: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a session of its own: no hang-up of a terminal reaches it, and no Ctrl-C."""
    command = [sys.executable, "-P", "-m", "workbench.cli", "resume", str(run_id), "--db", full_name(lab)]
    command += ["--slots", str(slots), *options]
    log.parent.mkdir(parents=isinstance(lab, Address), exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **secrets(lab)},
        )


def full_name(lab: Where) -> str:
    """By which a process in any folder finds the lab; without a password, which others could read in its command."""
    return str(lab if isinstance(lab, Address) else lab.absolute())


def secrets(lab: Where) -> dict[str, str]:
    """What a process is told of the lab in its environment."""
    return {"PGPASSWORD": lab.password} if isinstance(lab, Address) and lab.password is not None else {}


def wait_turn(lab: Lab, run_id: int, slots: int, should_stop: Callable[[], bool]) -> Iterator[int]:
    """Until it is the run's turn, which is claimed then; meanwhile yields once a second how many seconds it has been.

    Asked to stop, it pauses the run. One that somebody else waits for keeps its place, and this process waits instead.

    Raises:
        RunError: somebody works on it, or it is done; or it was stopped meanwhile, or another process has begun it.
    """
    row = lab.run(run_id)
    if lab.live_status(row) == "queued":
        lab.wait(run_id)
    elif row.status in ("paused", "cancelled") and owner_of(row) == this_process():
        raise FencedOutError(f"Run {run_id} was {row.status} before it began.")
    else:
        lab.enqueue(run_id)
    for seconds in count():
        if lab.claim_turn(run_id, slots) is not None:
            return
        if should_stop():
            lab.ask(run_id, "pause")
            return
        yield seconds
        if seconds % BEAT_LOOKS == BEAT_LOOKS - 1:
            lab.wait(run_id)
        time.sleep(LOOK_SECONDS)


def tail(log: Path, lines: int) -> tuple[list[str], int]:
    """The last lines of a log, however long it is, and the byte behind them; none where there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read()
            end = file.tell()
    except OSError:
        return [], 0
    return text.decode("utf-8", errors="replace").splitlines()[-lines:] if lines else [], end


def spec_of(run: Run) -> RunSpec:
    """What a stored run was asked to do, to be asked again or with changes; it learns from what the lab knows now."""
    return RunSpec(
        task_of(loads(run.task)),
        run.search,
        loads(run.search_settings),
        None,
        run.simulator,
        loads(run.simulator_settings),
        run.seed,
        run.batch,
        Stop.model_validate(loads(run.stop)),
        run.note,
        asynchronous=run.asynchronous,
    )
