"""Designs of a task through worker processes: a request for each design and layer, and their outcomes added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.errors import SimulatorError
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome, total
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.simulators.external.process import Pool
from workbench.simulators.external.protocol import Answer, EvaluationError
from workbench.simulators.loopnest.simulator import with_levers

Ask = Callable[[Arch, Layer], Mapping[str, Any]]
Read = Callable[[Answer, Arch, Layer], Outcome]


def evaluate(pool: Pool, name: str, task: Task, designs: Sequence[Design], ask: Ask, read: Read) -> list[Outcome]:
    """One outcome per design: the sum over the workload's layers, or the first layer's reason that it cannot be.

    Raises:
        SimulatorError: an evaluation failed; the message names simulator, design and layer.
    """
    archs = [task.arch(design) for design in designs]
    parts: list[list[tuple[Metrics, int]]] = [[] for _ in designs]
    failed: dict[int, Infeasible] = {}
    for layer, count in task.workload.compute_layers():
        pending = [i for i in range(len(designs)) if i not in failed]

        def label(n: int, pending: list[int] = pending, layer: Layer = layer) -> str:
            values = ", ".join(f"{k}={v}" for k, v in task.space.values(designs[pending[n]]).items())
            return f"{name}: {task.template.name} with {values} on layer {layer.name}"

        answers = pool.map([ask(archs[i], layer) for i in pending], label)
        for n, (i, answer) in enumerate(zip(pending, answers, strict=True)):
            try:
                outcome = read(answer, archs[i], layer)
            except EvaluationError as error:
                raise SimulatorError(f"{label(n)}: {error}") from None
            if isinstance(outcome, Metrics):
                parts[i].append((outcome, count))
            else:
                failed[i] = with_levers(task, outcome)
    return [failed[i] if i in failed else total(parts[i]) for i in range(len(designs))]
