"""Every kind of task, from what a run stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.errors import UserError
from workbench.problem.cotask import CoTask
from workbench.problem.task import BaseTask, Task


def task_of(content: Mapping[str, Any]) -> BaseTask:
    """A task from its canonical content."""
    return CoTask.from_canonical(content) if "chip" in content else Task.from_canonical(dict(content))


def hardware(task: BaseTask) -> Task:
    """A task of one architecture and one workload.

    Raises:
        UserError: it is of another kind.
    """
    if isinstance(task, Task):
        return task
    raise UserError(
        f"This is for one architecture and workload; {' with '.join(task.names)} is a co-exploration: see 'dse show'."
    )
