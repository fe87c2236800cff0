"""Runs laid over each other, shown: a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from store.database import Lab
from workbench.cli.options import Format
from workbench.cli.output import Column, emit, emit_json, number, say
from workbench.views.bars import percent
from workbench.views.overlay import as_data, overlay
from workbench.views.quantity import count

LINES: Final = (
    number("run", "run"),
    Column("search", "search", whole=True),
    Column("arch", "arch"),
    Column("workload", "workload"),
    number("seed", "seed"),
    number("designs", "designs", count),
    number("front", "front", count),
    number("hypervolume", "own hv", lambda value: f"{value:.4f}"),
    number("share", "of all", percent),
    number("to_target", "target at", count),
    number("joint", "unbeaten", count),
    number("alone", "alone", count),
)


def show_overlay(lab: Lab, refs: Sequence[str], form: Format) -> None:
    """The runs in the form asked for."""
    found = overlay(lab, refs)
    rows = [as_data(side) for side in found.sides]
    if form == "json":
        emit_json({"objectives": list(found.objectives), "same_task": found.same_task, "runs": rows})
        return
    emit(form, LINES, rows)
    if form == "table" and not found.same_task:
        say("note: the runs have different tasks: their costs may not be comparable")
