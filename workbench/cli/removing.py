"""Removing runs: what is lost and what depends on it is shown, then asked, then done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from store.address import Where
from store.database import Lab
from store.removing import check_removable
from workbench.cli.options import lab_path
from workbench.cli.output import emit_json, say
from workbench.cli.stored import there
from workbench.errors import UserError
from workbench.views.runs import removal, runs_in_words


def remove_runs(db: Where | None, refs: Sequence[str], yes: bool, as_json: bool) -> None:
    """Removes all the runs named, or none of them."""
    removed = _remove(db, refs, yes)
    if as_json:
        emit_json({"removed": removed})


def _remove(db: Where | None, refs: Sequence[str], yes: bool) -> list[dict[str, Any]]:
    with Lab.open(there(lab_path(db)), create=False) as lab:
        named = {run.id: run for run in map(lab.run, refs)}
        for run in named.values():
            check_removable(run)
        for run in named.values():
            for line in removal(lab, run, lab.dependents(run, tuple(named))):
                say(line)
        if not yes and not _confirmed(len(named)):
            say("nothing was removed")
            return []
        lab.remove_runs(tuple(named))
        say(f"removed {runs_in_words(named)}; what was simulated for {'it' if len(named) == 1 else 'them'} stays known")
        return [{"run": run.id, "uuid": run.uuid} for run in named.values()]


def _confirmed(runs: int) -> bool:
    """Asks on the terminal.

    Raises:
        UserError: there is none.
    """
    if not sys.stdin.isatty():
        raise UserError("Nobody can be asked here whether to remove: give --yes. Nothing was removed.")
    print(f"Remove {'it' if runs == 1 else 'them'} for good? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
