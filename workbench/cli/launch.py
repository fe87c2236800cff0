"""A run at work under the eyes of a user: watched while it goes, stopped by signals, summed up at its end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from shlex import quote

from store.address import Where
from store.database import Lab
from store.errors import RunError, StoreError
from store.rows import Run
from workbench import background
from workbench.cli.codes import INTERRUPTED, OK
from workbench.cli.confirm import (
    Confirmation,
    beside,
    beside_of,
    confirm,
    confirming_simulator,
    print_confirmation,
)
from workbench.cli.frontview import SHORT, print_front, print_plot, show_front, spread
from workbench.cli.options import Format, command, lab_path, make_folder
from workbench.cli.output import emit_json, say, stdout
from workbench.cli.progress import watch
from workbench.cli.signals import StopRequest, stop_requests
from workbench.cli.stored import there
from workbench.coexplore import NAME as CHIP
from workbench.errors import UserError
from workbench.executors.table import check
from workbench.knowledge import names_runs
from workbench.runner import RunSpec, Step, run, simulating, start
from workbench.searches import SEARCHES
from workbench.simulators.base import Simulator
from workbench.sweep import running
from workbench.sweep.plan import Plan
from workbench.sweep.summary import NAME as SWEEP
from workbench.sweep.summary import counts_of
from workbench.views.export import sorted_members
from workbench.views.pace import Reading
from workbench.views.quantity import count, duration
from workbench.views.request import Changes
from workbench.views.runs import learns_from, with_settings
from workbench.views.stored import StoredRun
from workbench.views.sweep import reading_of
from workbench.workers import Workers


@dataclass(frozen=True, slots=True)
class Handling:
    """How a run is worked on and shown, which is no part of the run; `confirm` is a simulator with its settings."""

    jobs: int | None
    db: Where | None
    form: Format
    confirm: str | None = None
    confirm_settings: Sequence[str] = ()
    detach: bool = False
    slots: int | None = None
    executor: str | None = None
    batch_seconds: float | None = None

    def __post_init__(self) -> None:
        chosen_workers(self.jobs, self.executor, self.batch_seconds)
        if self.detach and self.confirm is not None:
            raise UserError("--confirm shows its result at the end of a run: without --detach, or 'dse front' later.")
        if self.detach and self.form == "csv":
            raise UserError("--detach prints which run goes on by itself, as text or with --json; it has no --csv.")

    def workers(self) -> Workers:
        """Those that simulate, none of them started yet."""
        return Workers(self.jobs, self.executor, self.batch_seconds)

    def refuse_workers(self, row: Run, search: str) -> None:
        """Refuse --executor and --batch-seconds where no worker evaluates what a search does with a run's task."""
        if (self.executor or self.batch_seconds) and (search == SWEEP or row.simulator == CHIP):
            kind = "a sweep" if search == SWEEP else "a co-exploration"
            raise UserError(
                f"Run {row.id} is {kind}, evaluated in one process: leave out --executor and --batch-seconds."
            )

    def confirming(self, fingerprint: str) -> Simulator | None:
        """The second simulator of a run on the first one."""
        return confirming_simulator(self.confirm, self.confirm_settings, fingerprint)

    def confirm_flags(self) -> str:
        """As they were typed."""
        settings = (f" --confirm-sim {quote(text)}" for text in self.confirm_settings)
        return f"--confirm {quote(self.confirm or '')}{''.join(settings)}"


def chosen_workers(jobs: int | None, executor: str | None, batch_seconds: float | None) -> Workers:
    """Those that are asked for, none of them started yet.

    Raises:
        UserError: an unknown executor, one that is not installed or does not answer, or numbers that it cannot have.
    """
    workers = Workers(jobs, executor, batch_seconds)
    if executor is not None:
        check(executor, jobs)
    return workers


def begin(spec: RunSpec, how: Handling) -> int:
    """A new run, worked on until it is over or stopped. Nothing is written before all is checked."""
    confirming = how.confirming(simulating(spec).fingerprint)
    confirming = confirming or beside(spec.simulator, spec.simulator_settings)
    path = ready_lab_path(how.db)
    with Lab.open(path, create=not names_runs(spec.sources)) as lab:
        row = start(lab, spec)
        say(f"run {row.id}: {title(row)}, into {path}")
        if SEARCHES[spec.search].transfers:
            say(f"learns from {learns_from(lab, row.id) or 'nothing: the lab has no source for it, or none is wanted'}")
        return _detached(lab, row, how) if how.detach else _work(lab, row, how, confirming)


def begin_sweep(plan: Plan, note: str, how: Handling) -> int:
    """A new sweep, worked on until it is over or stopped."""
    path = ready_lab_path(how.db)
    with Lab.open(path) as lab:
        row = lab.create_run(running.asked(plan, note))
        say(f"run {row.id}: {title(row)}, {count(plan.covered)} designs, into {path}")
        return _detached(lab, row, how) if how.detach else _work(lab, row, how, None)


def clone(ref: str, changes: Changes, how: Handling) -> int:
    """A new run of a stored run's task, by another search or seed."""
    with Lab.open(there(lab_path(how.db)), create=False) as lab:
        original = lab.run(ref)
        if original.search == SWEEP and changes.search is None:
            raise UserError(f"Run {original.id} is a sweep, which has no seed: give --search, or begin a 'dse sweep'.")
        how.refuse_workers(original, changes.search or original.search)
        row = start(lab, changes.applied(original))
        say(f"run {row.id}: {title(row)}, as run {original.id}")
        return _detached(lab, row, how) if how.detach else _work(lab, row, how, beside_of(row))


def ready_lab_path(db: Where | None) -> Where:
    """Where a lab is or can be made."""
    path = lab_path(db)
    make_folder(path, db)
    return path


def go_on(ref: str, how: Handling) -> int:
    """A stored run, from its last step on."""
    with Lab.open(there(lab_path(how.db)), create=False) as lab:
        row = lab.run(ref)
        how.refuse_workers(row, row.search)
        if row.status == "done" and not how.detach:
            say(f"run {row.id} is done already; this is what it found")
            _print_result(lab, row.id, how.form, _confirmed(lab, row, how, beside_of(row)))
            return OK
        say(f"run {row.id}: {title(row)}, from {_place(lab, row)} on")
        return _detached(lab, row, how) if how.detach else _work(lab, row, how, beside_of(row))


def _place(lab: Lab, row: Run) -> str:
    """Where a stored run goes on."""
    return f"design {count(counts_of(lab, row.id).covered if row.search == SWEEP else row.points)}"


def _detached(lab: Lab, row: Run, how: Handling) -> int:
    """Begins it elsewhere; its number is the data."""
    begun = background.begin(
        lab, row, slots=how.slots, jobs=how.jobs, executor=how.executor, batch_seconds=how.batch_seconds
    )
    say(f"goes on by itself as process {begun.pid}, as soon as it is its turn")
    if how.form == "json":
        emit_json({"run": row.id, "uuid": row.uuid, "pid": begun.pid, "log": str(begun.log)})
    else:
        print(row.id)
    say(f"what it says:     {command(f'dse log {row.id}', how.db)}")
    say(f"to stop it:       {command(f'dse pause {row.id}', how.db)}")
    return OK


def _has_turn(lab: Lab, row: Run, slots: int, stop: StopRequest) -> bool:
    """Waits for it; False if it was asked to stop instead."""
    for seconds in background.wait_turn(lab, row.id, slots, lambda: bool(stop)):
        if seconds == 0:
            say(f"waits until fewer than {slots} run{'s are' if slots > 1 else ' is'} at work in this lab")
    return not stop


def title(row: Run) -> str:
    """What a run is, in one line."""
    if row.search == SWEEP:
        return f"sweep of {row.arch} on {row.workload}, {with_settings(row.simulator, row.simulator_settings)}"
    return f"{row.arch} on {row.workload}, {row.search}, seed {row.seed}"


def _work(lab: Lab, row: Run, how: Handling, confirming: Simulator | None) -> int:
    """Runs the steps; whatever ends them, the last line tells how to go on."""
    last: Shown | None = None
    seconds = 0.0
    resume = command(f"dse resume {row.id}", how.db)
    with ExitStack() as exits:
        stop = exits.enter_context(stop_requests())
        if how.slots is not None and not _has_turn(lab, row, how.slots, stop):
            say(f"paused before its turn. To go on: {resume}")
            return INTERRUPTED
        workers = exits.enter_context(how.workers())
        display = exits.enter_context(watch(_at_start(lab, row), stop, how.form != "table"))
        try:
            for last in _steps(lab, row, stop, workers):
                seconds += last.seconds
                display.show(last.reading)
        except KeyboardInterrupt:
            exits.close()
            say(f"stopped at once; all stored steps are safe. To go on: {resume}")
            return INTERRUPTED
        except (UserError, RunError):
            raise  # the run was not worked on: it is another's, or another version's
        except StoreError:
            exits.callback(say, f"run {row.id} was interrupted; its stored steps are safe. To go on: {resume}")
            raise
        except Exception:
            exits.callback(say, f"run {row.id} has failed; its stored steps are safe. To try again: {resume}")
            raise
    return _end(lab, row, last, seconds, how, confirming)


def _end(
    lab: Lab,
    row: Run,
    last: Shown | None,
    seconds: float,
    how: Handling,
    confirming: Simulator | None,
) -> int:
    status = lab.run(row.id).status  # another process may have asked it to stop
    paused = status in ("paused", "cancelled")
    points = last.reading.points if last else _at_start(lab, row).points
    if paused:
        say(f"{status} after {count(points)} designs")
    else:
        reason = last.stopped if last and last.stopped else "nothing was left to do"
        said = f"; {last.reading.counts}" if last and last.reading.counts else ""
        say(f"done, {reason}: {count(points)} designs, {duration(seconds)} of work in this session{said}")
    _print_result(lab, row.id, how.form, None if paused else _confirmed(lab, row, how, confirming))
    _say_what_next(row, how, paused)
    return INTERRUPTED if paused else OK


def _confirmed(lab: Lab, row: Run, how: Handling, simulator: Simulator | None) -> Confirmation | None:
    """A run's front on a second simulator, if there is one."""
    if simulator is None:
        return None
    with how.workers() as workers:
        return confirm(lab, StoredRun.read(lab, row.id), simulator, workers)


def _say_what_next(row: Run, how: Handling, paused: bool) -> None:
    confirmed = f" {how.confirm_flags()}" if how.confirm else ""
    say()
    if paused:
        say(f"to go on:         {command(f'dse resume {row.id}', how.db)}")
    say(f"the whole front:  {command(f'dse front {row.id}{confirmed}', how.db)}")
    say(f"the run:          {command(f'dse show {row.id}', how.db)}")
    shows = f"dse show {row.id}" if row.simulator == CHIP else f"dse evaluate --run {row.id}"
    say(f"one design:       {command(f'{shows} --point N', how.db)}")


def _print_result(lab: Lab, run_id: int, form: Format, confirmation: Confirmation | None) -> None:
    """The front: whole as data, the gist of it for people."""
    stored = StoredRun.read(lab, run_id)
    if form != "table":
        show_front(lab, stored, form, confirmation=confirmation)
        return
    console = stdout()
    print_front(console, stored, SHORT)
    if confirmation is not None:
        members = sorted_members(stored)
        print_confirmation(console, stored, members, confirmation, spread(members, SHORT))
    print_plot(console, lab, stored)


@dataclass(frozen=True, slots=True)
class Shown:
    """A step that is stored: how far the run is, the step's seconds, and why it was the last one."""

    reading: Reading
    seconds: float
    stopped: str | None


def _steps(lab: Lab, row: Run, stop: StopRequest, workers: Workers) -> Iterator[Shown]:
    """The steps of a run, a search or a sweep."""
    if row.search == SWEEP:
        for swept in running.run(lab, row.id, lambda: bool(stop)):
            shown = reading_of(lab.run(row.id), swept.counts)
            yield Shown(shown, swept.seconds, "all covered" if swept.over else None)
        return
    for step in run(lab, row.id, lambda: bool(stop), workers):
        yield Shown(_reading(row, step), step.seconds, step.stopped)


def _at_start(lab: Lab, row: Run) -> Reading:
    """What the lab knows, before the first step of this session."""
    if row.search == SWEEP:
        return reading_of(row, counts_of(lab, row.id))
    return Reading(
        points=row.points,
        budget=json.loads(row.stop)["budget"],
        simulated=row.evaluations,
        hits=row.hits,
        feasible=row.feasible,
        front_size=row.front_size,
        hypervolume=row.hypervolume,
        best=json.loads(row.best) if row.best else {},
    )


def _reading(row: Run, step: Step) -> Reading:
    return Reading(
        points=step.points,
        budget=json.loads(row.stop)["budget"],
        simulated=step.evaluations,
        hits=step.hits,
        feasible=step.feasible,
        front_size=step.front_size,
        hypervolume=step.hypervolume,
        best=dict(step.best),
    )
