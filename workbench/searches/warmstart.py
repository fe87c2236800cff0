"""What to try first without any model: the best designs of earlier tasks, translated to this one's space.

An axis of the same name takes the nearest choice (numbers by their ratio, names by the letter). The other axes follow
the physics: they are set, one at a time and the best first, so that the design's features on this workload come as near
as they can to those of the original on this workload. Nearness is the mean difference in octaves.

What a translated design will cost is what `features` estimates for it here, times how far the original was from its own
estimate. The designs are ordered by that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import exp2, log2

import numpy as np
from numpy.typing import NDArray

from workbench.problem.features import NAMES, features
from workbench.problem.metrics import Metrics
from workbench.problem.space import Axis, Choice, Design, Space
from workbench.problem.task import Task
from workbench.searches.base import Problem, Source
from workbench.searches.cost import is_front, relative_cost

Floats = NDArray[np.float64]

SOURCES_MOST = 8
"""Sources that are looked at, the first ones: the library puts the most alike there."""
PER_SOURCE = 16
"""Of each so many designs are translated."""
ROUNDS_MOST = 20
"""Changes of one axis until a translation is left as it is."""

_HARDWARE = [i for i, name in enumerate(NAMES) if not name.startswith(("size of ", "elements of "))]
"""The features that a design decides."""


def translated(problem: Problem, n: int) -> list[Design]:
    """At most `n` different designs of the problem's space, the most promising first; none where nothing is known."""
    found: dict[Design, tuple[float, ...]] = {}
    for source in problem.sources[:SOURCES_MOST]:
        for design, metrics in _best(problem.arch_task, source):
            there = translate(source.arch_task, problem.arch_task, design)
            if there not in found:
                found[there] = _costs(
                    problem.arch_task, _expected(source.arch_task, problem.arch_task, design, metrics, there)
                )
    return [design for design, _ in zip(_in_turn(found), range(n), strict=False)]


def translate(source: Task, target: Task, design: Design) -> Design:
    """The design of the target's space that is most like a design of the source's."""
    start, free = _by_name(source.space, target.space, design)
    if not free:
        return start
    wanted = features(replace(source, workload=target.workload), [design]).values[0, _HARDWARE]
    best, least = start, np.inf
    for _ in range(ROUNDS_MOST):
        around = [_with(best, i, choice) for i in free for choice in range(target.space.shape[i])]
        distances = np.abs(features(target, around).values[:, _HARDWARE] - wanted).mean(axis=1)  # (around,)
        if distances.min() >= least:
            break
        best, least = around[int(distances.argmin())], float(distances.min())
    return best


def _by_name(source: Space, target: Space, design: Design) -> tuple[Design, list[int]]:
    """The design with every axis that is known by name set, and the places of the axes that are not."""
    values = source.values(design)
    chosen: list[int] = []
    free: list[int] = []
    for i, axis in enumerate(target.axes):
        choice = _nearest(axis, values[axis.name]) if axis.name in values else None
        if choice is None:
            free.append(i)
        chosen.append(len(axis.choices) // 2 if choice is None else choice)
    return tuple(chosen), free


def _nearest(axis: Axis, value: Choice) -> int | None:
    """The choice most like a value; None where a name is not among them."""
    if isinstance(value, str) or not axis.ordered:
        return axis.choices.index(value) if value in axis.choices else None
    numbers = np.array(axis.choices, dtype=np.float64)
    if numbers[0] > 0 and value > 0:
        return int(np.abs(np.log2(numbers) - log2(value)).argmin())
    return int(np.abs(numbers - value).argmin())


def _with(design: Design, place: int, choice: int) -> Design:
    return (*design[:place], choice, *design[place + 1 :])


def _best(task: Task, source: Source) -> list[tuple[Design, Metrics]]:
    """What a source has to offer a task: the best by all that is wanted, and by each metric alone, in turn."""
    built = {e.design: e.outcome for e in source.points if isinstance(e.outcome, Metrics)}
    wanted = [target.metric for target in task.targets] or list(task.objectives)
    logs = {d: tuple(np.log([max(m.get(name), 1e-300) for name in wanted]).tolist()) for d, m in built.items()}
    costs = {design: (sum(values), *values) for design, values in logs.items()}
    return [(design, built[design]) for design, _ in zip(_in_turn(costs), range(PER_SOURCE), strict=False)]


def _expected(source: Task, target: Task, original: Design, metrics: Metrics, there: Design) -> Metrics:
    """The metrics of a translated design, as far as they can be told."""
    here, known = features(target, [there]), features(source, [original])
    measured = np.log2([max(metrics.latency_cycles, 1e-300), max(metrics.energy_pj, 1e-300)])
    latency, energy = here.estimate[0] + measured - known.estimate[0]
    return Metrics(exp2(latency), exp2(energy), float(here.area_um2[0]), clock_mhz=target.template.file.clock_mhz)


def _costs(task: Task, metrics: Metrics) -> tuple[float, ...]:
    """For a front the cost by equal weights and by each objective alone; for a goal the one there is."""
    count = len(task.objectives)
    equal = relative_cost(task, metrics, (1 / count,) * count)
    if not is_front(task):
        return (equal,)
    return (equal, *(relative_cost(task, metrics, [float(i == j) for j in range(count)]) for i in range(count)))


def _in_turn(costs: dict[Design, tuple[float, ...]]) -> Iterator[Design]:
    """All designs once: the least by the first cost, by the second ..., then the next by the first, and so on."""
    width = max(map(len, costs.values()), default=0)
    orders: Sequence[list[Design]] = [sorted(costs, key=lambda d: costs[d][i]) for i in range(width)]
    return iter(dict.fromkeys(design for row in zip(*orders, strict=True) for design in row))
