"""The worker processes of runs, a line each."""

from __future__ import annotations

import time

from store.database import Lab
from store.rows import Worker
from workbench.cli.options import MOST, Format
from workbench.cli.output import Column, emit, emit_csv, number, stdout
from workbench.views.quantity import age, count, duration
from workbench.views.workers import as_data

LIST = (
    number("run", "run"),
    Column("executor", "executor"),
    Column("host", "host"),
    Column("process", "process", right=True),
    number("designs", "designs", count),
    number("seconds", "simulated for", duration),
    number("designs_per_second", "designs/s", lambda rate: f"{rate:.3g}"),
    number("failures", "lost", count),
    number("updated_ns", "heard of", lambda at: f"{age(time.time() - at / 1e9)} ago"),
)
KEYS = ("run", *Worker._fields, "designs_per_second")


def list_workers(lab: Lab, ref: str | None, form: Format) -> None:
    """Those of a run, or of all that are at work."""
    runs = lab.runs("running", limit=MOST) if ref is None else [lab.run(ref)]
    rows = [row for run in runs for row in as_data(run, lab.workers(run.id))]
    if form == "csv":
        emit_csv(KEYS, rows)
    elif rows or form == "json":
        emit(form, LIST, [{**row, "process": row["pid"] or None} for row in rows], rows)
    elif ref is None:
        stdout().print("No run at work has told of workers yet; 'dse workers RUN' lists those that a run has had.")
    else:
        stdout().print(
            f"Run {runs[0].id} has had no workers: all was simulated in its own process, or is yet to be told."
        )
