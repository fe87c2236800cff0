"""The lab as a whole, worked on and shown: what a merge brought, what is wrong, what lies where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from store import merging, upkeep
from store.database import BUSY_SECONDS, Lab
from store.errors import DamagedLabError
from store.merging import Merged
from store.statistics import ContextSize, RunsOf, Statistics
from store.verifying import FILE, Problem
from workbench.cli.options import lab_path
from workbench.cli.output import Column, Row, emit_json, listed, name, number, say, stdout, table, words
from workbench.cli.stored import open_to_look, there
from workbench.errors import UserError
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


def merge_labs(other: Path, db: Path | None, as_json: bool) -> None:
    """Merges, and tells what that has brought."""
    path = lab_path(db)
    with merging.opened(other, BUSY_SECONDS) as source:
        if db is None:
            path.parent.mkdir(parents=True, exist_ok=True)
        with Lab.open(path) as lab:
            merged = lab.merge(source)
    if as_json:
        emit_json(asdict(merged))
    else:
        show_merged("merged", other, path, merged)


def show_merged(word: str, other: Path, path: Path, merged: Merged) -> None:
    """What `other` has brought the lab at `path`."""
    stdout().print(listed([(word, str(other)), ("into", str(path)), *_brought(merged)]))
    if merged.differing:
        say(
            f"warning: {count(merged.differing)} evaluations differ from this lab's, though simulator and settings "
            "are the same; those here stay."
        )


def _brought(merged: Merged) -> list[tuple[str, str]]:
    runs = f"{count(merged.runs)} new, {count(merged.continued)} gone on with, {count(merged.known)} known"
    return [
        ("runs", f"{runs}; {count(merged.points)} designs more"),
        ("evaluations", f"{count(merged.evaluations)} new, in {count(merged.contexts)} new contexts"),
        ("source models", f"{count(merged.models)} new"),
    ]


def back_up_lab(copy: Path, db: Path | None, as_json: bool) -> None:
    """Copies the lab's file."""
    path = there(lab_path(db))
    size = upkeep.back_up(path, copy, BUSY_SECONDS)
    if as_json:
        emit_json({"file": str(copy), "bytes": size})
    else:
        say(f"{path} is backed up in {copy} ({bits(size * 8)})")


def verify_lab(db: Path | None, as_json: bool) -> bool:
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


def show_statistics(db: Path | None, as_json: bool) -> None:
    """The lab in numbers."""
    path = there(lab_path(db))
    with open_to_look(db) as lab:
        found = lab.statistics()
    rows = [_simulator(*key, contexts, runs) for key, contexts, runs in _by_simulator(found)]
    if as_json:
        contexts = [{**asdict(each), "layer": json.loads(each.layer)} for each in found.contexts]
        tables = [asdict(each) for each in found.tables]
        sizes = {"schema": found.schema, "bytes": found.size, "free_bytes": found.free}
        emit_json({"file": str(path), **sizes, "tables": tables, "simulators": rows, "contexts": contexts})
        return
    _print(found, rows, path)


def _print(found: Statistics, rows: Sequence[Row], path: Path) -> None:
    console = stdout()
    size = f"{bits(found.size * 8)}, of which {bits(found.free * 8)} hold nothing"
    console.print(listed([("lab", str(path)), ("schema", str(found.schema)), ("size", size)]))
    console.print()
    console.print(table(TABLES, [asdict(each) for each in found.tables]))
    if rows:
        console.print()
        console.print(words("By simulator", "bold"))
        console.print(table(SIMULATORS, rows))


Group = tuple[tuple[str, str], list[ContextSize], list[RunsOf]]


def _by_simulator(found: Statistics) -> list[Group]:
    """Contexts and runs by simulator with its version and settings, in the order of the alphabet."""

    def key(each: ContextSize | RunsOf) -> tuple[str, str]:
        return each.simulator, each.fingerprint

    contexts = {k: list(group) for k, group in groupby(sorted(found.contexts, key=key), key)}
    runs = {k: list(group) for k, group in groupby(sorted(found.runs, key=key), key)}
    return [(k, contexts.get(k, []), runs.get(k, [])) for k in sorted(contexts.keys() | runs.keys())]


def _simulator(
    simulator: str, fingerprint: str, contexts: Sequence[ContextSize], runs: Sequence[RunsOf]
) -> dict[str, Any]:
    hits, simulated = sum(each.hits for each in runs), sum(each.evaluations for each in runs)
    return {
        "simulator": simulator,
        "fingerprint": fingerprint,
        "contexts": len(contexts),
        "evaluations": sum(each.evaluations for each in contexts),
        "infeasible": sum(each.infeasible for each in contexts),
        "runs": sum(each.runs for each in runs),
        "points": sum(each.points for each in runs),
        "hits": hits,
        "simulated": simulated,
        "hit_rate": hits / (hits + simulated) if hits + simulated else None,
    }


def vacuum_lab(db: Path | None, as_json: bool) -> None:
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
