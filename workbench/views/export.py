"""Fronts and points as files for other programs: CSV by RFC 4180, strict JSON. Full numbers, every axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from store.database import Lab
from store.filtering import Condition, Term
from store.pages import Window
from store.upkeep import new_file
from workbench.errors import UserError
from workbench.problem.metrics import ERROR_RATE, METRIC_UNITS
from workbench.views.points import PointRow, columns, page
from workbench.views.sheets import json_text, write_csv
from workbench.views.stored import StoredRun

AT_ONCE: Final = 10_000
"""Points that are read together."""
SHEETS: Final = (".csv", ".json")
"""The endings of a file that holds rows."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which of a run's points, and in what order."""

    where: Condition | None
    by: Term
    descending: bool = False
    limit: int | None = None


def point_rows(lab: Lab, run: StoredRun, listing: Listing) -> Iterator[PointRow]:
    """Page after page, so that a long list needs little memory."""
    start, left = None, listing.limit
    while left is None or left > 0:
        limit = AT_ONCE if left is None else min(left, AT_ONCE)
        window = Window(where=listing.where, by=listing.by, descending=listing.descending, start=start, limit=limit)
        found = page(lab, run.row.id, run.task, window)
        yield from found
        if len(found) < limit:
            return
        start, left = found[-1].place, None if left is None else left - len(found)


def point_data(row: PointRow) -> dict[str, Any]:
    """A point as data."""
    infeasible = None if row.metrics else {"reason": row.reason, "resource": row.resource}
    metrics = {name: row.metrics.get(name) for name in dict.fromkeys((*METRIC_UNITS, *row.metrics))}
    head = {"seq": row.seq, "step": row.step, "known": row.known, **metrics, "accuracy": row.accuracy}
    return {**head, "infeasible": infeasible, "design": dict(row.design)}


def sorted_members(run: StoredRun) -> list[dict[str, Any]]:
    """The members of a front along the first objective."""
    members = [run.member(point) for point in run.front]
    return sorted(members, key=lambda member: tuple(member[o] for o in run.task.objectives))


def front_columns(run: StoredRun) -> tuple[str, ...]:
    """The names of a member's values, in the order in which they are written."""
    return ("seq", "step", *run.task.metrics, *(axis.name for axis in run.task.space.axes))


def front_head(run: StoredRun) -> dict[str, Any]:
    """Whose front it is."""
    return {"run": run.row.id, "uuid": run.row.uuid, "simulator": run.row.fingerprint}


def front_wanted(run: StoredRun) -> dict[str, Any]:
    """What it is the front of."""
    return {"objectives": list(run.task.objectives), "targets": [str(target) for target in run.task.targets]}


def member_data(member: Mapping[str, Any]) -> dict[str, Any]:
    """A member as data: its axes apart."""
    keys = ("seq", "step", *METRIC_UNITS, *([ERROR_RATE] if ERROR_RATE in member else []))
    return {**{k: member[k] for k in keys}, "design": {k: v for k, v in member.items() if k not in keys}}


# Into files


def write_rows(file: Path, keys: Sequence[str], rows: Sequence[Mapping[str, Any]], payload: Any) -> None:
    """Rows into a new file; as JSON it holds the payload, which says the same.

    Raises:
        UserError: nothing says in which form.
        StoreError: there is something at the file's place already, or it cannot be written.
    """
    form = sheet_form(file)
    with new_file(file) as part, part.open("w", encoding="utf-8", newline="") as out:
        if form == "csv":
            write_csv(out, keys, rows)
        else:
            out.write(json_text(payload) + "\n")


def write_front(run: StoredRun, file: Path) -> int:
    """The members of a run's front into a new file, as `write_rows` does; how many there are."""
    members = sorted_members(run)
    payload = {**front_head(run), **front_wanted(run), "front": [member_data(member) for member in members]}
    write_rows(file, front_columns(run), members, payload)
    return len(members)


def write_points(lab: Lab, run: StoredRun, listing: Listing, file: Path) -> int:
    """Points of a run into a new file, as `write_rows` does, but however many there are; how many that is."""
    form, told = sheet_form(file), _Counted(point_rows(lab, run, listing))
    with new_file(file) as part, part.open("w", encoding="utf-8", newline="") as out:
        if form == "csv":
            write_csv(out, columns(run.task), (row.flat() for row in told))
        else:
            out.write("[")
            for row in told:
                out.write("\n" if told.count == 1 else ",\n")
                out.write(json_text(point_data(row), indent=None))
            out.write("\n]\n")
    return told.count


class _Counted:
    """Rows as they come, and how many have come."""

    def __init__(self, rows: Iterator[PointRow]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[PointRow]:
        for row in self._rows:
            self.count += 1
            yield row


def sheet_form(file: Path) -> str:
    """`csv` or `json`, by the ending.

    Raises:
        UserError: another ending, or none.
    """
    if file.suffix.lower() not in SHEETS:
        raise UserError(f"Nothing says in which form {file} shall be: let it end in {' or '.join(SHEETS)}.")
    return file.suffix.lower().removeprefix(".")
