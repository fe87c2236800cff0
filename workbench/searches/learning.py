"""Evaluated designs as what networks learn from, and their predictions as how good designs are.

Networks see a design as `Space.encode` has it: ordered axes on a log scale, names one-hot. They predict energy and
latency, and area where the task asks for it; EDP and power follow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from models.base import Points
from workbench import __version__
from workbench.problem.metrics import Metrics, Target
from workbench.problem.space import Design, Space
from workbench.problem.task import Task
from workbench.searches.base import Evaluated

if TYPE_CHECKING:
    from models.transfer import Facts, SourceNetwork, SourceSettings

Floats = NDArray[np.float64]
Qor = Literal["min", "product", "clipped", "mean"]

PREDICTED = ("energy_pj", "latency_cycles")
ENCODING = "Space.encode 1: ordered axes as log2 in 0..1, names one-hot"


def predicted_metrics(task: Task) -> tuple[str, ...]:
    """What a network has to predict for this task: energy first, then latency, as the balanced loss has them."""
    asked = {*task.objectives, *(target.metric for target in task.targets)}
    return (*PREDICTED, "area_um2") if "area_um2" in asked else PREDICTED


def training_points(space: Space, evaluated: Sequence[Evaluated], metrics: Sequence[str]) -> Points | None:
    """X (n, width) and Y (n, metrics) in their units; None where nothing can be built.

    A design that cannot be built is learnt as the worst of each metric among those that can (INFERRED: the paper only
    says that there are validity constraints). So the network learns to keep away from it, on a scale it can fit.
    """
    built = [[o.get(m) for m in metrics] if isinstance(o := e.outcome, Metrics) else None for e in evaluated]
    values = [row for row in built if row is not None]
    if not values:
        return None
    tiny = np.finfo(np.float64).tiny  # a metric may be 0, a logarithm may not be taken of it
    worst = np.max(values, axis=0).tolist()
    Y = np.maximum([worst if row is None else row for row in built], tiny)
    return Points(encoded(space, [e.design for e in evaluated]), Y)


def encoded(space: Space, designs: Sequence[Design] | NDArray[np.int64]) -> Floats:
    """Designs (n, axes) as a network sees them.  # (n, width)"""
    return space.encode(designs)  # type: ignore[arg-type]


def source_network(
    task: Task, points: Sequence[Evaluated], settings: SourceSettings | None = None, seed: int = 0
) -> SourceNetwork:
    """The network of `models.transfer`, trained on what is known of a task. Loads torch.

    Raises:
        ValueError: fewer than two designs, or none that can be built.
    """
    from models.transfer import train_source

    facts = source_facts(task)
    data = training_points(task.space, points, facts.metrics)
    if data is None:
        raise ValueError("none of the designs can be built: there is nothing to learn from them")
    return train_source(data, facts, settings, seed)


def source_facts(task: Task) -> Facts:
    """What a network trained on the task says of itself."""
    from models.transfer import Facts

    axes = [[axis.name, list(axis.choices)] for axis in task.space.axes]
    return Facts(axes, ENCODING, PREDICTED, re.sub(r"\s.*", "", __version__))


def values(task: Task, predicted: Floats, metric: str) -> Floats:
    """A metric (n,) of predictions (n, metrics), as `predicted_metrics` orders them."""
    energy_pj, cycles = predicted[:, 0], predicted[:, 1]
    seconds = cycles / (task.template.file.clock_mhz * 1e6)
    derived: dict[str, Floats] = {"edp_js": energy_pj * 1e-12 * seconds, "power_mw": energy_pj * 1e-9 / seconds}
    names = predicted_metrics(task)
    return predicted[:, names.index(metric)] if metric in names else derived[metric]


def quality_order(task: Task, predicted: Floats, targets: Sequence[Target], qor: Qor) -> NDArray[np.int64]:
    """The places (n,) of predictions (n, metrics), best first, by how well the targets hold.

    With r = bound / value of each target, the readings of the paper's Qor (all INFERRED, it gives no
    formula): `min` the smallest r, ties by the product; `product`; `clipped` the product of min(1, r); `mean`.
    """
    ratios = np.column_stack([t.bound / values(task, predicted, t.metric) for t in targets])  # (n, targets)
    product = np.log(ratios).sum(axis=1)  # of its logarithm: it orders alike, and does not overflow
    by = {
        "min": ratios.min(axis=1),
        "product": product,
        "clipped": np.log(np.minimum(1.0, ratios)).sum(axis=1),
        "mean": ratios.mean(axis=1),
    }[qor]
    return np.lexsort((-product, -by))
