"""Designs of a task through worker processes: a request for each design and layer, and their outcomes added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from workbench.errors import SimulatorError
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome, total
from workbench.problem.space import Design
from workbench.problem.task import Criterion, Task
from workbench.simulators.external.process import Pool
from workbench.simulators.external.protocol import Answer, EvaluationError
from workbench.simulators.loopnest.simulator import with_levers

Label = Callable[[int], str]
"""How errors name an architecture, by its position."""


class LayerSimulator(Protocol):
    """Costs one layer on many architectures."""

    def evaluate_layer(
        self, archs: Sequence[Arch], layer: Layer, criterion: Criterion, label: Label
    ) -> list[Outcome]: ...


def evaluate(simulator: LayerSimulator, task: Task, designs: Sequence[Design]) -> list[Outcome]:
    """One outcome per design: the sum over the workload's layers, or the first layer's reason that it cannot be.

    Raises:
        SimulatorError: an evaluation failed; the message names design and layer.
    """
    archs = [task.arch(design) for design in designs]
    parts: list[list[tuple[Metrics, int]]] = [[] for _ in designs]
    failed: dict[int, Infeasible] = {}
    for layer, count in task.workload.compute_layers():
        pending = [i for i in range(len(designs)) if i not in failed]

        def label(n: int, pending: list[int] = pending, layer: Layer = layer) -> str:
            values = ", ".join(f"{k}={v}" for k, v in task.space.values(designs[pending[n]]).items())
            return f"{task.template.name} with {values} on layer {layer.name}"

        outcomes = simulator.evaluate_layer([archs[i] for i in pending], layer, task.criterion, label)
        for i, outcome in zip(pending, outcomes, strict=True):
            if isinstance(outcome, Metrics):
                parts[i].append((outcome, count))
            else:
                failed[i] = with_levers(task, outcome)
    return [failed[i] if i in failed else total(parts[i]) for i in range(len(designs))]


def asked(
    pool: Pool,
    requests: Sequence[Mapping[str, Any]],
    read: Callable[[Answer, int], Outcome],
    label: Label,
) -> list[Outcome]:
    """What the pool answers to the requests, read one by one.

    Raises:
        SimulatorError: a request failed, by its label.
    """
    outcomes: list[Outcome] = []
    for i, answer in enumerate(pool.map(requests, label)):
        try:
            outcomes.append(read(answer, i))
        except EvaluationError as error:
            raise SimulatorError(f"{label(i)}: {error}") from None
    return outcomes
