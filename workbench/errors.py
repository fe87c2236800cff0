"""The tree of errors: what a user can cause, and what is broken."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class WorkbenchError(Exception):
    """The root of every error the workbench raises on purpose."""


class UserError(WorkbenchError):
    """Something a user can put right: one clear line, shown without a traceback, exit code 2."""


class SimulatorError(WorkbenchError):
    """A simulator broke: it crashed, timed out or answered nonsense. A design that does not fit is no such error."""


class StoppingError(Exception):
    """A run was asked to stop while a step was under way: it is made again when the run goes on."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None if none is near."""
    by_folded = {k.casefold(): k for k in known}
    near = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not in a table: names it, the nearest and all that there is."""
    names = sorted(known)
    near = nearest(name, names)
    hint = f" Did you mean {near!r}?" if near else ""
    return UserError(f"There is no {kind} named {name!r}.{hint} Known: {', '.join(names) if names else 'none'}.")
