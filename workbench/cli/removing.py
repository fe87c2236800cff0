"""Removing runs: what is lost and what depends on it is shown, then asked, then done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from store.database import Lab
from store.removing import Dependents, check_removable
from store.rows import Run
from workbench.cli.options import lab_path
from workbench.cli.output import say
from workbench.cli.stored import there
from workbench.errors import UserError
from workbench.views.quantity import count


def remove_runs(db: Path | None, refs: Sequence[str], yes: bool) -> None:
    """Removes all the runs named, or none of them."""
    with Lab.open(there(lab_path(db)), create=False) as lab:
        named = {run.id: run for run in map(lab.run, refs)}
        for run in named.values():
            check_removable(run)
        for run in named.values():
            _show(lab, run, lab.dependents(run, tuple(named)))
        if not yes and not _confirmed(len(named)):
            say("nothing was removed")
            return
        lab.remove_runs(tuple(named))
        say(f"removed {_runs(named)}; what was simulated for {'it' if len(named) == 1 else 'them'} stays known")


def _show(lab: Lab, run: Run, dependents: Dependents) -> None:
    designs = count(run.points + run.chunk_points)
    say(
        f"run {run.id}  {lab.live_status(run)}  {run.search} for {run.arch} on {run.workload}, {designs} designs in "
        f"{count(run.steps)} steps, front of {count(run.front_size)}"
    )
    if dependents.runs:
        say(f"  {_runs(dependents.runs)} learn{'s' if len(dependents.runs) == 1 else ''} from it")
    if dependents.unfinished:
        say(f"  without it, {_runs(dependents.unfinished)} cannot be resumed")
    if dependents.models:
        numbers = ", ".join(map(str, dependents.models))
        say(f"  source model{'s' if len(dependents.models) > 1 else ''} {numbers} learnt from it, and stay")


def _runs(numbers: Sequence[int] | dict[int, Run]) -> str:
    return f"run{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def _confirmed(runs: int) -> bool:
    """Asks on the terminal.

    Raises:
        UserError: there is none.
    """
    if not sys.stdin.isatty():
        raise UserError("Nobody can be asked here whether to remove: give --yes. Nothing was removed.")
    print(f"Remove {'it' if runs == 1 else 'them'} for good? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
