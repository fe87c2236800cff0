"""The lab as a whole, worked on and shown: what a merge brought, what is wrong, what lies where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from store import merging, upkeep
from store.address import Where
from store.database import BUSY_SECONDS, Lab
from store.errors import DamagedLabError
from store.merging import Merged
from store.statistics import Statistics
from store.verifying import FILE, Problem
from workbench.cli.options import lab_path, make_folder
from workbench.cli.output import Column, Row, emit_json, listed, name, number, say, stdout, table, words
from workbench.cli.stored import open_to_look, there
from workbench.errors import UserError
from workbench.views.lab import brought, by_simulator
from workbench.views.quantity import bits, count

TABLES = (
    name("name", "table"),
    number("rows", "rows", count),
    number("size", "content", lambda size: bits(size * 8)),
)
SIMULATORS = (
    name("simulator", "simulator"),
    Column("fingerprint", "version and settings"),
    number("contexts", "contexts", count),
    number("evaluations", "evaluations", count),
    number("infeasible", "cannot be built", count),
    number("runs", "runs", count),
    number("points", "designs", count),
    number("hit_rate", "known", lambda share: f"{share:.1%}"),
)


def merge_labs(other: Where, db: Where | None, as_json: bool) -> None:
    """Merges, and tells what that has brought."""
    path = lab_path(db)
    with merging.opened(other, BUSY_SECONDS) as source:
        make_folder(path, db)
        with Lab.open(path) as lab:
            merged = lab.merge(source)
    if as_json:
        emit_json(asdict(merged))
    else:
        show_merged("merged", other, path, merged)


def show_merged(word: str, other: Where, path: Where, merged: Merged) -> None:
    """What `other` has brought the lab at `path`."""
    stdout().print(listed([(word, str(other)), ("into", str(path)), *brought(merged)]))
    if merged.differing:
        say(
            f"warning: {count(merged.differing)} evaluations or accuracies differ from this lab's, though simulator "
            "and settings, or recipe and data, are the same; those here stay."
        )


def back_up_lab(copy: Path, db: Where | None, as_json: bool) -> None:
    """Copies the lab's file."""
    path = there(lab_path(db))
    size = upkeep.back_up(path, copy, BUSY_SECONDS)
    if as_json:
        emit_json({"file": str(copy), "bytes": size})
    else:
        say(f"{path} is backed up in {copy} ({bits(size * 8)})")


def verify_lab(db: Where | None, as_json: bool) -> bool:
    """Whether the lab is sound; tells what is not."""
    try:
        with open_to_look(db) as lab:
            found = lab.problems()
    except DamagedLabError as error:
        found = [Problem(FILE, "", str(error))]
    if as_json:
        emit_json({"sound": not found, "problems": [asdict(problem) for problem in found]})
    elif found:
        console = stdout()
        console.print(
            table((name("table", "table"), Column("key", "key"), Column("what", "what is wrong")), _rows(found))
        )
        say(
            f"{count(len(found))} problem{'' if len(found) == 1 else 's'}: restore a backup, or leave out what is named"
        )
    else:
        stdout().print("The lab is sound.")
    return not found


def _rows(problems: Sequence[Problem]) -> list[Row]:
    return [{**asdict(problem), "key": problem.key or None} for problem in problems]


def show_statistics(db: Where | None, as_json: bool) -> None:
    """The lab in numbers."""
    path = there(lab_path(db))
    with open_to_look(db) as lab:
        found = lab.statistics()
    rows = by_simulator(found)
    if as_json:
        contexts = [{**asdict(each), "layer": json.loads(each.layer)} for each in found.contexts]
        tables = [asdict(each) for each in found.tables]
        sizes = {"schema": found.schema, "bytes": found.size, "free_bytes": found.free}
        emit_json({"file": str(path), **sizes, "tables": tables, "simulators": rows, "contexts": contexts})
        return
    _print(found, rows, path)


def _print(found: Statistics, rows: Sequence[Row], path: Where) -> None:
    console = stdout()
    size = f"{bits(found.size * 8)}, of which {bits(found.free * 8)} hold nothing"
    console.print(listed([("lab", str(path)), ("schema", str(found.schema)), ("size", size)]))
    console.print()
    console.print(table(TABLES, [asdict(each) for each in found.tables]))
    if rows:
        console.print()
        console.print(words("By simulator", "bold"))
        console.print(table(SIMULATORS, rows))


def vacuum_lab(db: Where | None, as_json: bool) -> None:
    """Rewrites the lab's file without its gaps."""
    path = there(lab_path(db))
    with Lab.open(path, create=False) as lab:
        live = [str(run.id) for run in lab.runs("running")]
        if live:
            raise UserError(
                f"Run{'s' if len(live) > 1 else ''} {', '.join(live)} would have to wait for it: vacuum when no run "
                "is at work."
            )
        before, after = lab.vacuum()
    if as_json:
        emit_json({"file": str(path), "bytes_before": before, "bytes": after})
    else:
        say(f"{path}: {bits(before * 8)} before, {bits(after * 8)} now")
