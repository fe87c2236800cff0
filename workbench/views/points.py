"""A run's points as a list: what can be filtered and sorted by, a page of them, and each as a row of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json import loads
from typing import Any, Final

from store.database import Lab
from store.filtering import Code, Column, Compare, Complement, Condition, Member, Missing, Not, OnFront, Product, Term
from store.pages import Place, Window
from store.rows import Point, Run
from workbench.errors import UserError, unknown_name
from workbench.problem.metrics import ERROR_RATE, METRIC_UNITS, Metrics
from workbench.problem.space import Axis, Choice
from workbench.problem.task import BaseTask
from workbench.views.filter import Choices, Fact, Meaning, Names, Number, Words

FACTS: Final[Mapping[str, Condition]] = {
    "feasible": Missing(Column("infeasible")),
    "infeasible": Not(Missing(Column("infeasible"))),
    "front": OnFront(),
    "known": Compare(Column("cached"), "=", 1),
}
"""What holds of a point or does not: it can be built, it is on the front, it was known from the lab."""


@dataclass(frozen=True, slots=True)
class PointRow:
    """A point with its place in the list: its metrics if it can be built, or the reason why not."""

    place: Place
    seq: int
    step: int
    design: Mapping[str, Choice]
    metrics: Mapping[str, float]  # empty where it cannot be built
    accuracy: float | None
    known: bool
    reason: str | None
    resource: str | None

    def flat(self) -> dict[str, Any]:
        """All of it by name; None where it has no such value. An axis gives way to a column of the same name."""
        metrics = {name: self.metrics.get(name) for name in dict.fromkeys((*METRIC_UNITS, *self.metrics))}
        head = {"seq": self.seq, "step": self.step, **metrics, "accuracy": self.accuracy, "known": self.known}
        return {**self.design, **head, "reason": self.reason, "resource": self.resource}


def metric_term(name: str, clock_mhz: float) -> Term:
    """A metric as the lab can compute it from what it stores; see `Metrics`."""
    seconds = 1 / (clock_mhz * 1e6)
    if name == "edp_js":
        return Product(1e-12 * seconds, "energy_pj", "latency_cycles")
    if name == "power_mw":
        return Product(1e-9 / seconds, "energy_pj", "latency_cycles", over=True)
    return Complement("accuracy") if name == ERROR_RATE else Column(name)


def sorts(task: BaseTask) -> dict[str, Term]:
    """What a run's points can be sorted by: their place, metrics, axes. A metric goes before an axis of its name."""
    return {axis.name: Code(*place) for axis, place in _axes(task)} | _everywhere(task)


def _axes(task: BaseTask) -> list[tuple[Axis, tuple[int, int]]]:
    """Each axis, and where its choice lies in a stored design."""
    return list(zip(task.space.axes, task.space.places, strict=True))


def _everywhere(task: BaseTask) -> dict[str, Term]:
    """What the points of every run have."""
    metrics = {name: metric_term(name, task.clock_mhz) for name in (*task.metrics, "accuracy")}
    return {"seq": Column("seq"), "step": Column("step"), **metrics}


def names(task: BaseTask) -> Names:
    """What a filter on a run's points can speak of."""
    axes: dict[str, Meaning] = {axis.name: Choices(Code(*place), axis) for axis, place in _axes(task)}
    numbers: dict[str, Meaning] = {name: Number(term) for name, term in _everywhere(task).items()}
    facts: dict[str, Meaning] = {name: Fact(condition) for name, condition in FACTS.items()}
    reasons: dict[str, Meaning] = {key: Words(Member("infeasible", key)) for key in ("reason", "resource")}
    return axes | numbers | facts | reasons


def sort_term(task: BaseTask, name: str) -> Term:
    """What to sort by.

    Raises:
        UserError: points have no such value.
    """
    known = sorts(task)
    if name not in known:
        raise unknown_name("column to sort by", name, known)
    return known[name]


def page(lab: Lab, run_id: int, task: BaseTask, window: Window) -> list[PointRow]:
    """A page of a run's points."""
    return [row(task, place, point) for place, point in lab.point_page(run_id, window)]


def the_point(lab: Lab, run: Run, seq: int) -> Point:
    """A point of a run.

    Raises:
        UserError: the run has no such point.
    """
    found = lab.points(run.id, after_seq=seq - 1, limit=1, with_detail=False)
    if not found or found[0].seq != seq:
        there = f"its points are 0 to {run.points - 1}" if run.points else "it has none yet"
        raise UserError(f"Run {run.id} has no point {seq}; {there}.")
    return found[0]


def row(task: BaseTask, place: Place, point: Point) -> PointRow:
    """A stored point as a row of values."""
    why = loads(point.infeasible) if point.infeasible is not None else {}
    return PointRow(
        place=place,
        seq=point.seq,
        step=point.step,
        design=task.space.values(task.space.unpack(point.codes)),
        metrics=_metrics(task, point),
        accuracy=point.accuracy,
        known=point.cached,
        reason=why.get("reason"),
        resource=why.get("resource"),
    )


def _metrics(task: BaseTask, point: Point) -> dict[str, float]:
    if point.latency_cycles is None or point.energy_pj is None or point.area_um2 is None:
        return {}
    built = Metrics(point.latency_cycles, point.energy_pj, point.area_um2, point.accuracy, task.clock_mhz)
    return built.known(task.metrics)


def columns(task: BaseTask) -> Sequence[str]:
    """The names of a row's values, in the order in which they are written."""
    head = ("seq", "step", *task.metrics, "accuracy", "known", "reason", "resource")
    return (*head, *(axis.name for axis in task.space.axes if axis.name not in head))
