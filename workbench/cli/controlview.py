"""Runs at work elsewhere: asked to stop, read along, tagged."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from store.address import Where
from store.database import Lab
from store.errors import BadRowError
from store.rows import Run, Wish
from store.tags import check_word
from workbench.background import log_path, tail
from workbench.cli.options import lab_path
from workbench.cli.output import emit_json, say, stdout
from workbench.cli.stored import open_to_look, there
from workbench.errors import UserError
from workbench.views.text import plain

LOOK_SECONDS = 0.25


def ask(db: Where | None, refs: Sequence[str], wish: Wish, as_json: bool) -> None:
    """All of the runs, or those before the first that cannot be stopped."""
    told = []
    with Lab.open(there(lab_path(db)), create=False) as lab:
        for run in [lab.run(ref) for ref in refs]:
            status = lab.ask(run.id, wish)
            told.append({"run": run.id, "status": status, "wish": wish if status == "running" else None})
            if status == "running":
                say(f"run {run.id} stops after the step under way, by process {run.pid} on {run.host}")
            else:
                say(f"run {run.id} is {status}")
    if as_json:
        emit_json(told)


def show_log(db: Where | None, ref: str, lines: int, follow: bool, as_json: bool) -> None:
    """The end of a run's log, and what comes behind it."""
    if follow and as_json:
        raise UserError("--json prints a log as it is now: leave out --follow.")
    with open_to_look(db) as lab:
        run = lab.run(ref)
        log = log_path(lab.path, run)
        if not log.exists():
            raise UserError(
                f"Run {run.id} has no log at {log}, as it was not begun with --detach; 'dse show {run.id}' tells of it."
            )
        last, end = tail(log, lines)
        if as_json:
            emit_json({"run": run.id, "file": str(log), "lines": last})
            return
        for line in last:
            print(plain(line), flush=True)
        for line in _more(lab, run, log, end) if follow else ():
            print(plain(line), flush=True)


def _more(lab: Lab, run: Run, log: Path, at: int) -> Iterator[str]:
    """Whole lines from a place on, until the run neither works nor waits and its process has said all it has to say."""
    with log.open("rb") as file:
        file.seek(at)
        rest = b""
        while True:
            now = lab.run(run.id)
            goes_on = lab.live_status(now) in ("running", "queued") or lab.lingers(now)
            *whole, rest = (rest + file.read()).split(b"\n")
            yield from (line.decode("utf-8", errors="replace") for line in whole)
            if not goes_on:
                return
            time.sleep(LOOK_SECONDS)


def set_tags(db: Where | None, ref: str, words: Sequence[str], remove: bool, as_json: bool) -> None:
    """Prints the words that the run has then."""
    for word in words:
        _check(word)
    with Lab.open(there(lab_path(db)), create=False) as lab:
        run = lab.run(ref)
        for word in words:
            if not remove:
                lab.tag(run.id, word)
            elif not lab.untag(run.id, word):
                say(f"run {run.id} has no tag {word!r}")
        tags = lab.tags(run.id)
    if as_json:
        emit_json({"run": run.id, "tags": tags})
    else:
        stdout().print(" ".join(tags) or f"Run {run.id} has no tags.")


def _check(word: str) -> None:
    try:
        check_word(word)
    except BadRowError as error:
        raise UserError(str(error)) from None
