"""Evaluating a batch of designs: what the lab knows is looked up, the rest is simulated once, layers are added up.

A simulation is named by two keys: the context (simulator, layer, criterion: everything beside the architecture that
decides the outcome) and the concrete architecture. Two designs, tasks or templates that come to the same keys share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from json import dumps
from typing import Any

from workbench.errors import SimulatorError
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome, total
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.workload import Workload
from workbench.searches.base import Evaluated
from workbench.simulators.base import Simulator

Lookup = Callable[[bytes, Sequence[bytes]], Mapping[bytes, Outcome]]
"""(context key, architecture keys) -> what is known of them."""


@dataclass(frozen=True)
class Context:
    """What a simulation depends on beside the concrete architecture, and the key that equal contexts share."""

    simulator: str
    fingerprint: str
    facts: Mapping[str, Any]
    key: bytes = field(init=False)

    def __post_init__(self) -> None:
        content = dumps([self.fingerprint, self.facts], sort_keys=True).encode()
        object.__setattr__(self, "key", blake2b(content, digest_size=16).digest())


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A simulation that was made now, to be kept."""

    context: bytes
    arch: bytes
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch of designs came to, in order, and what was simulated for it."""

    evaluated: tuple[Evaluated, ...]
    contexts: tuple[Context, ...]
    fresh: tuple[Evaluation, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A task to simulate, how often its outcome counts, and the layer it stands for, if it is one of several."""

    task: Task
    count: int
    context: Context
    layer: str | None


def context(simulator: Simulator, task: Task, layers: Iterable[Layer] | None) -> Context:
    """The context of a task; `layers` are named by their shapes, None means the workload as a graph.

    The axes' names are part of it, because an infeasible outcome names those that would help.
    """
    facts: dict[str, Any] = {
        "criterion": task.criterion,
        "axes": {name: axis.sets for name, axis in task.template.file.axes.items()},
    }
    if layers is None:
        facts["workload"] = task.workload.canonical()
    else:
        facts["layers"] = [{k: v for k, v in layer.canonical().items() if k != "name"} for layer in layers]
    return Context(simulator.name, simulator.fingerprint, facts)


def evaluate(simulator: Simulator, task: Task, designs: Sequence[Design], lookup: Lookup) -> Batch:
    """What the designs come to; neither their order nor who shares the batch matters.

    A design counts as cached when nothing had to be simulated for it: also if an earlier one of the batch has the same
    architecture. A layer that does not fit decides, so the later ones are not simulated for that design.

    Raises:
        SimulatorError: the simulator broke.
    """
    keys = [task.arch(design).key for design in designs]
    first = dict(zip(reversed(keys), reversed(designs), strict=True))
    parts: dict[bytes, list[tuple[Metrics, int]]] = {key: [] for key in dict.fromkeys(keys)}
    failed: dict[bytes, Infeasible] = {}
    contexts: list[Context] = []
    fresh: list[Evaluation] = []
    for part in _parts(simulator, task):
        pending = [key for key in parts if key not in failed]
        known = lookup(part.context.key, pending) if pending else {}
        missing = [key for key in pending if key not in known]
        made = dict(zip(missing, _simulate(simulator, part.task, [first[key] for key in missing]), strict=True))
        if made:
            contexts.append(part.context)
            fresh += [Evaluation(part.context.key, key, outcome) for key, outcome in made.items()]
        for key in pending:
            outcome = known[key] if key in known else made[key]
            if isinstance(outcome, Infeasible):
                failed[key] = replace(outcome, reason=f"{part.layer}: {outcome.reason}") if part.layer else outcome
            else:
                parts[key].append((outcome, part.count))
    outcomes = {key: failed[key] if key in failed else _sum(parts[key]) for key in parts}
    simulated = {evaluation.arch for evaluation in fresh}
    evaluated: list[Evaluated] = []
    for design, key in zip(designs, keys, strict=True):
        evaluated.append(Evaluated(design, outcomes[key], cached=key not in simulated))
        simulated.discard(key)
    return Batch(tuple(evaluated), tuple(contexts), tuple(fresh))


def _parts(simulator: Simulator, task: Task) -> list[_Part]:
    """What is simulated apart: each different layer, or the workload as a whole."""
    if not simulator.per_layer:
        return [_Part(task, 1, context(simulator, task, None), None)]
    layers = task.workload.compute_layers()
    return [
        _Part(
            replace(task, workload=Workload.chain(layer.name, [layer])),
            count,
            context(simulator, task, [layer]),
            layer.name if len(layers) > 1 else None,
        )
        for layer, count in layers
    ]


def _simulate(simulator: Simulator, task: Task, designs: Sequence[Design]) -> list[Outcome]:
    if not designs:
        return []
    outcomes = simulator.evaluate(task, designs)
    if len(outcomes) != len(designs):
        raise SimulatorError(f"{simulator.name} gave {len(outcomes)} outcomes for {len(designs)} designs.")
    return outcomes


def _sum(parts: Sequence[tuple[Metrics, int]]) -> Metrics:
    """The whole, without the mapping: that belongs to one evaluation, where it is kept."""
    return replace(total(parts), mapping=None)
