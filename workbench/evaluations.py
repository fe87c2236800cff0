"""Designs evaluated outside a run, through the lab's cache: what is known is not simulated, what is new is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from store.database import Lab
from store.errors import ReadOnlyLabError
from workbench.executor import Batch, evaluate, evaluate_one
from workbench.library import context_rows, evaluation_rows, lookup
from workbench.problem.metrics import Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.simulators.base import Simulator
from workbench.workers import Workers

KEPT_AT_ONCE = 4
"""Designs per worker that are stored together: what a kill may cost, where each takes seconds."""


def evaluate_kept(
    lab: Lab, simulator: Simulator, task: Task, designs: Sequence[Design], workers: Workers
) -> Iterator[Batch]:
    """The designs in order, some at a time, each batch once it is stored.

    Raises:
        SimulatorError: the simulator broke; the batches so far are kept.
        StoreError: the lab cannot be written.
    """
    size = KEPT_AT_ONCE * workers.jobs
    for start in range(0, len(designs), size):
        batch = evaluate(simulator, task, designs[start : start + size], lookup(lab), workers)
        keep(lab, batch)
        yield batch


def evaluate_mapped(
    lab: Lab, simulator: Simulator, tasks: Sequence[Task], design: Design
) -> list[tuple[Outcome, bool]]:
    """One design on tasks that are each simulated as one: outcomes with their mappings, and whether they were known.

    What is new is kept, where the lab can be written.
    """
    found = [evaluate_one(simulator, task, design, lookup(lab)) for task in tasks]
    with suppress(ReadOnlyLabError):
        for _, batch in found:
            keep(lab, batch)
    return [(outcome, not batch.fresh) for outcome, batch in found]


def keep(lab: Lab, batch: Batch) -> None:
    """Stores what was simulated for a batch."""
    if batch.fresh:
        lab.keep(context_rows(batch.contexts), evaluation_rows(batch.fresh))
