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

from workbench.errors import StoppingError
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome, given_up, total
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.workload import Workload
from workbench.searches.base import Evaluated
from workbench.simulators.base import Simulator
from workbench.workers import Piece, Workers

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
class Part:
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


def evaluate(
    simulator: Simulator, task: Task, designs: Sequence[Design], lookup: Lookup, workers: Workers | None = None
) -> Batch:
    """What the designs come to; neither their order matters, nor who shares the batch, nor the workers (None: here).

    A design counts as cached when nothing had to be simulated for it: also if an earlier one of the batch has the same
    architecture. A layer that does not fit decides, so the later ones are not simulated for that design. What was given
    up (see `blame`) is an outcome of the batch, and no simulation that is kept.

    Raises:
        SimulatorError: the simulator broke.
    """
    keys = [task.arch(design).key for design in designs]
    first = dict(zip(reversed(keys), reversed(designs), strict=True))
    different = list(dict.fromkeys(keys))
    parts = taken_apart(simulator, task)
    known, missing = _known(parts, different, lookup)
    pieces = [
        Piece(part.task, tuple(first[key] for key in absent)) for part, absent in zip(parts, missing, strict=True)
    ]
    simulated = (workers or Workers()).simulate(simulator, pieces)
    key_of = {design: key for key, design in first.items()}
    made = [{key_of[design]: outcome for design, outcome in new.items()} for new in simulated]
    return _batch(parts, designs, keys, known, made)


def _batch(
    parts: Sequence[Part],
    designs: Sequence[Design],
    keys: Sequence[bytes],
    known: Sequence[Mapping[bytes, Outcome]],
    made: Sequence[Mapping[bytes, Outcome]],
) -> Batch:
    """The designs, by the keys of their architectures, from what was known of each part and what was simulated."""
    found = [{**k, **m} for k, m in zip(known, made, strict=True)]
    outcomes = {key: _whole(parts, [outcomes.get(key) for outcomes in found]) for key in dict.fromkeys(keys)}
    uncounted = {key for new in made for key in new}
    kept = [{key: outcome for key, outcome in new.items() if not given_up(outcome)} for new in made]
    fresh = [Evaluation(part.context.key, *each) for part, new in zip(parts, kept, strict=True) for each in new.items()]
    evaluated: list[Evaluated] = []
    for design, key in zip(designs, keys, strict=True):
        evaluated.append(Evaluated(design, outcomes[key], cached=key not in uncounted))
        uncounted.discard(key)
    contexts = tuple(part.context for part, new in zip(parts, kept, strict=True) if new)
    return Batch(tuple(evaluated), contexts, tuple(fresh))


@dataclass(frozen=True)
class DesignEvaluator:
    """Evaluates the designs of one architecture on one workload; each takes too short a time to be interrupted."""

    simulator: Simulator
    task: Task
    lookup: Lookup
    workers: Workers | None

    def evaluate(self, designs: Sequence[Design], stopping: Callable[[], bool]) -> Batch:
        """What they come to, and what was simulated for it."""
        return evaluate(self.simulator, self.task, designs, self.lookup, self.workers)


@dataclass
class _Open:
    """An architecture that is under way, and the designs that come to it, in the order in which they were added."""

    designs: list[Design]
    known: list[Mapping[bytes, Outcome]]
    missing: list[int]


class StreamEvaluator:
    """Evaluates designs that are added one by one; each comes back by itself, in whatever order."""

    def __init__(self, simulator: Simulator, task: Task, lookup: Lookup, workers: Workers | None) -> None:
        self._task, self._lookup = task, lookup
        self._parts = taken_apart(simulator, task)
        self._stream = (workers or Workers()).stream(simulator, [part.task for part in self._parts])
        self._open: dict[bytes, _Open] = {}

    def add(self, designs: Sequence[Design]) -> None:
        """More designs, to be evaluated beside those under way."""
        for design in designs:
            key = self._task.arch(design).key
            if key in self._open:
                self._open[key].designs.append(design)
                continue
            known, missing = _known(self._parts, [key], self._lookup)
            self._open[key] = _Open([design], known, [i for i, keys in enumerate(missing) if keys])
            self._stream.add(design, self._open[key].missing)

    def evaluate(self, designs: Sequence[Design], stopping: Callable[[], bool]) -> Batch:
        """Adds designs, and gives those of all that have come back; waits until there are some.

        Raises:
            SimulatorError: the simulator broke.
            StoppingError: the run shall stop, and nothing has come back yet.
        """
        self.add(designs)
        while True:
            found = {key: back for key, each in self._open.items() if (back := self._back(each)) is not None}
            if found or not self._open:
                break
            if stopping():
                raise StoppingError
            self._stream.advance()
        done = {key: self._open.pop(key) for key in found}
        ended = [(design, key) for key, each in done.items() for design in each.designs]
        places = range(len(self._parts))
        known = [{key: o for each in done.values() for key, o in each.known[place].items()} for place in places]
        made = [{key: back[place] for key, back in found.items() if place in back} for place in places]
        return _batch(self._parts, [design for design, _ in ended], [key for _, key in ended], known, made)

    def _back(self, each: _Open) -> dict[int, Outcome] | None:
        return self._stream.take(each.designs[0], each.missing)


def evaluate_one(simulator: Simulator, task: Task, design: Design, lookup: Lookup) -> tuple[Outcome, Batch]:
    """One design on a task that is simulated as one: its outcome with the mapping, which a sum over layers lacks."""
    (part,) = taken_apart(simulator, task)
    key = task.arch(design).key
    known = lookup(part.context.key, [key])
    batch = evaluate(simulator, task, [design], lambda *_: known)
    return known[key] if key in known else batch.fresh[0].outcome, batch


def _known(
    parts: Sequence[Part], keys: Sequence[bytes], lookup: Lookup
) -> tuple[list[Mapping[bytes, Outcome]], list[list[bytes]]]:
    """For each part what is known, and what is missing; an architecture that is known to fail needs no later part."""
    known: list[Mapping[bytes, Outcome]] = []
    missing: list[list[bytes]] = []
    for part in parts:
        found = lookup(part.context.key, keys) if keys else {}
        known.append(found)
        missing.append([key for key in keys if key not in found])
        keys = [key for key in keys if not isinstance(found.get(key), Infeasible)]
    return known, missing


def _whole(parts: Sequence[Part], outcomes: Sequence[Outcome | None]) -> Outcome:
    """The sum over the parts, or why the first one that fails does; there need be none from there on."""
    built: list[tuple[Metrics, int]] = []
    for part, outcome in zip(parts, outcomes, strict=True):
        if isinstance(outcome, Infeasible):
            return replace(outcome, reason=f"{part.layer}: {outcome.reason}") if part.layer else outcome
        if outcome is None:
            raise ValueError(f"nothing is known of the part {part.layer}")
        built.append((outcome, part.count))
    return replace(total(built), mapping=None)  # a mapping belongs to one evaluation, where it is kept


def taken_apart(simulator: Simulator, task: Task) -> list[Part]:
    """What is simulated apart: each different layer, or the workload as a whole."""
    if not simulator.per_layer:
        return [Part(task, 1, context(simulator, task, None), None)]
    layers = task.workload.compute_layers()
    return [
        Part(
            replace(task, workload=Workload.chain(layer.name, [layer])),
            count,
            context(simulator, task, [layer]),
            layer.name if len(layers) > 1 else None,
        )
        for layer, count in layers
    ]
