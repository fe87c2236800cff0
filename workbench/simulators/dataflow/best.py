"""The best dataflow of each layer on given hardware, against the best single one for the whole network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from workbench.errors import UserError
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Metrics, total
from workbench.simulators.dataflow.catalogue import Dataflow
from workbench.simulators.dataflow.simulator import DataflowSettings, DataflowSimulator

SIZES = (1, 4, 16, 64)
CHUNK = 256


@dataclass(frozen=True, slots=True)
class Choice:
    """A dataflow with its sizes on a layer."""

    dataflow: str
    sizes: tuple[tuple[str, int], ...]
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Answer:
    """Of each layer (with how often it occurs) the best choice of every dataflow that can run it, best first.

    `single` is the best dataflow that runs every layer, None where there is none; `alone` and `adaptive` are the
    network's metrics with it, and with each layer's best.
    """

    layers: tuple[tuple[Layer, int, tuple[Choice, ...]], ...]
    single: str | None
    alone: Metrics | None
    adaptive: Metrics


def best_of(
    simulators: Sequence[DataflowSimulator],
    arch: Arch,
    layers: Sequence[tuple[Layer, int]],
    objective: str,
    tried: int,
) -> Answer:
    """The answer for an objective; `tried` values of each free size beside the dataflow's own.

    Raises:
        UserError: no dataflow can run some layer.
    """
    found = []
    for layer, count in layers:
        choices = [_best(simulator, arch, layer, objective, tried) for simulator in simulators]
        ranked = sorted((c for c in choices if c is not None), key=lambda c: c.metrics.get(objective))
        if not ranked:
            raise UserError(
                f"No dataflow can run layer {layer.name!r} on {arch.name}: its tiles need more room, or its clusters "
                "more PEs, than there are."
            )
        found.append((layer, count, tuple(ranked)))
    singles: list[tuple[float, str, Metrics]] = []
    for simulator in simulators:
        name = simulator.dataflow.name
        own = [[c for c in choices if c.dataflow == name] for _, _, choices in found]
        if all(own):
            parts = [(choice[0].metrics, count) for choice, (_, count, _) in zip(own, found, strict=True)]
            singles.append((total(parts).get(objective), name, total(parts)))
    adaptive = total([(choices[0].metrics, count) for _, count, choices in found])
    one = min(singles, default=None, key=lambda single: single[:2])
    return Answer(tuple(found), one and one[1], one and one[2], adaptive)


def simulators_of(names: Sequence[str], mode: str) -> list[DataflowSimulator]:
    """A simulator for each dataflow."""
    return [DataflowSimulator(DataflowSettings.model_validate({"dataflow": name, "mode": mode})) for name in names]


def _best(simulator: DataflowSimulator, arch: Arch, layer: Layer, objective: str, tried: int) -> Choice | None:
    """The best sizes of a dataflow on a layer; None where none fits."""
    candidates = _sizes(simulator.dataflow, tried)
    found: Choice | None = None
    for start in range(0, len(candidates), CHUNK):
        chunk = candidates[start : start + CHUNK]
        archs = [replace(arch, dataflow=sizes) for sizes in chunk]
        for sizes, (group, at) in zip(chunk, simulator.costed(layer, archs), strict=True):
            outcome = group.outcome(at)
            better = isinstance(outcome, Metrics) and (
                found is None or outcome.get(objective) < found.metrics.get(objective)
            )
            if better and isinstance(outcome, Metrics):
                found = Choice(simulator.dataflow.name, sizes, outcome)
    return found


def _sizes(dataflow: Dataflow, tried: int) -> list[tuple[tuple[str, int], ...]]:
    """Every combination of a few values of each free size, the dataflow's own first."""
    free = [name for name, _ in dataflow.free]
    several = [sorted({own, *SIZES[:tried]}, key=lambda size: (size != own, size)) for _, own in dataflow.free]
    return [tuple(zip(free, sizes, strict=True)) for sizes in product(*several)]
