"""All of a run's points as arrays of what a plot can show: metrics in units that read well, axes, steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from store.columns import PointColumns
from store.database import Lab
from store.filtering import Condition
from workbench.errors import unknown_name
from workbench.pareto import non_dominated
from workbench.problem.metrics import ERROR_RATE, METRIC_UNITS
from workbench.problem.task import BaseTask
from workbench.views.quantity import BASE_UNITS, METRIC_WORDS, PARTS

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something of a point that a plot can have as an axis or a colour."""

    key: str
    name: str
    unit: str = ""
    factor: float = 1.0
    """What turns the stored value into the unit."""
    positive: bool = True
    """Whether a logarithmic axis makes sense."""
    categories: tuple[str, ...] = ()
    """Of an axis whose choices are names; its values are their places."""


def quantities(task: BaseTask) -> dict[str, Quantity]:
    """What the points of a task have, by key: metrics (the objectives first), axes, step and seq."""
    metrics = dict.fromkeys([*task.objectives, *task.metrics])
    found = {key: metric_quantity(key) for key in metrics}
    if ERROR_RATE in metrics:
        found["accuracy"] = metric_quantity("accuracy")
    for axis in task.space.axes:
        if axis.name not in found:
            names = () if axis.ordered else tuple(map(str, axis.choices))
            positive = axis.ordered and float(axis.choices[0]) > 0
            found[axis.name] = Quantity(axis.name, axis.name, positive=positive, categories=names)
    counters = {key: Quantity(key, key, positive=False) for key in ("step", "seq")}
    return found | {key: each for key, each in counters.items() if key not in found}


def metric_quantity(key: str) -> Quantity:
    """A metric as a plot shows it."""
    unit, factor = ("%", 100.0) if key in PARTS else ("mm2", 1e-6) if key == "area_um2" else BASE_UNITS[key]
    return Quantity(key, METRIC_WORDS[key], unit, factor)


def first_pair(task: BaseTask) -> tuple[str, str]:
    """What a plot of a run's points shows across and up where nothing is said: the first objectives.

    One alone is shown over a metric of the specification, if there is one, else over latency or energy.
    """
    if len(task.objectives) > 1:
        return task.objectives[0], task.objectives[1]
    only = task.objectives[0]
    limits = [target.metric for target in task.targets] if task.constrained else []
    other = next(name for name in (*limits, "latency_cycles", "energy_pj") if name != only)
    return (other, only) if task.constrained else (only, other)


@dataclass(frozen=True)
class Cloud:
    """The points of a run as they were when they were read."""

    run_id: int
    task: BaseTask
    points: PointColumns
    front: NDArray[np.int64]  # (f,): seqs

    @classmethod
    def read(cls, lab: Lab, run_id: int, task: BaseTask) -> Cloud:
        """All of them."""
        return cls(run_id, task, lab.point_columns(run_id), _front(lab, run_id))

    def grown(self, lab: Lab) -> Cloud:
        """With what has come since; itself, if nothing has."""
        last = int(self.points.seq[-1]) if len(self.points) else -1
        more = lab.point_columns(self.run_id, last)
        if not len(more):
            return self
        return replace(self, points=self.points.extended(more), front=_front(lab, self.run_id))

    @cached_property
    def quantities(self) -> Mapping[str, Quantity]:
        return quantities(self.task)

    @cached_property
    def on_front(self) -> Mask:
        """(n,)"""
        return np.isin(self.points.seq, self.front)

    @cached_property
    def choices(self) -> NDArray[np.int64]:
        """One choice per axis, as that choice's index.  # (n, axes)"""
        return self.task.space.unpack_all(self.points.codes)

    def values(self, key: str) -> Floats:
        """A quantity of every point, in its unit; NaN where there is none.  # (n,)

        Raises:
            UserError: there is no such quantity.
        """
        if key not in self.quantities:
            raise unknown_name("quantity", key, self.quantities)
        known = self._known
        if key not in known:
            known[key] = self._values(key)
        return known[key]

    @cached_property
    def _known(self) -> dict[str, Floats]:
        return {}

    def _values(self, key: str) -> Floats:
        if key in METRIC_UNITS or key in PARTS:
            return self._metric(key) * self.quantities[key].factor
        if key in ("step", "seq"):
            return np.asarray(getattr(self.points, key), dtype=np.float64)
        index, axis = next((i, axis) for i, axis in enumerate(self.task.space.axes) if axis.name == key)
        table = np.array([float(c) for c in axis.choices] if axis.ordered else range(len(axis.choices)), dtype=float)
        return table[self.choices[:, index]] if len(self.points) else np.zeros(0)

    def _metric(self, key: str) -> Floats:
        """As `Metrics` has it."""
        points = self.points
        seconds = points.latency_cycles / (self.task.clock_mhz * 1e6)
        if key == "edp_js":
            return points.energy_pj * 1e-12 * seconds
        if key == "power_mw":
            with np.errstate(divide="ignore", invalid="ignore"):
                power = points.energy_pj * 1e-9 / seconds
            return np.where(points.latency_cycles == 0, 0.0, power)
        if key == ERROR_RATE:
            return 1.0 - points.accuracy
        values: Floats = getattr(points, key)
        return values

    def matching(self, lab: Lab, where: Condition | None) -> Mask:
        """Which points meet a condition, as the lab sees it.  # (n,)"""
        if where is None:
            return np.ones(len(self.points), dtype=np.bool_)
        return np.isin(self.points.seq, lab.matching(self.run_id, where))

    def best_over(self, x: str, y: str, among: Mask) -> Mask:
        """Those that no other one beats in both quantities, where less is better.  # (n,)"""
        values = np.column_stack([self.values(x), self.values(y)])
        fit = among & np.isfinite(values).all(axis=1)
        best = np.zeros(len(values), dtype=np.bool_)
        best[np.flatnonzero(fit)[non_dominated(values[fit])]] = True
        return best


def _front(lab: Lab, run_id: int) -> NDArray[np.int64]:
    return np.array([point.seq for point in lab.front(run_id)], dtype=np.int64)
