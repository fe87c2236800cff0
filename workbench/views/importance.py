"""How much each axis decides a metric, as a run's points tell, and what the metric is along one axis.

A forest is fitted to the designs that could be built; an axis weighs as much as the forest loses where that axis is
shuffled among designs it has not seen (permutation importance: Breiman 2001, section 10). Half of the square error that
this adds is the axis' total effect, the part of the variance that is its own or shared with others (Jansen 1999): the
weights of axes that act together may add up to more than one. Shuffling an axis that says nothing costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.forest import Forest
from workbench.errors import UserError
from workbench.problem.space import Choice, Space
from workbench.views.cloud import Cloud

LEAST: Final = 12
"""Points from which a forest tells anything."""
MOST_POINTS: Final = 1500
"""Points that are looked at, drawn from all: more change little and take long."""
FOLDS: Final = 3
SHUFFLES: Final = 5
SEED: Final = 0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weight:
    """An axis' total effect: the part of the variance of a metric's logarithm that it decides, alone or with others."""

    axis: str
    share: float


@dataclass(frozen=True, slots=True)
class Importance:
    """Of all axes for a metric, the weightiest first."""

    metric: str
    points: int
    explained: float
    """The part of the variance that the forest explains on designs it has not seen; near 0 the weights say little."""
    weights: tuple[Weight, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """The points with one choice of an axis. A metric is None where none of them could be built."""

    choice: Choice
    designs: int
    feasible: int
    least: float | None
    median: float | None


def importance(cloud: Cloud, metric: str) -> Importance:
    """The weights of all axes.

    Raises:
        UserError: too few designs could be built, or there is no such metric.
    """
    values = cloud.values(metric)
    fit = np.flatnonzero(np.isfinite(values) & (values > 0))
    if len(fit) < LEAST:
        raise UserError(f"Run {cloud.run_id} has {len(fit)} designs with {metric}: the weights of axes need {LEAST}.")
    rng = np.random.default_rng(SEED)
    chosen = rng.permutation(fit)[:MOST_POINTS]
    space = cloud.task.space
    x = space.encode([tuple(design) for design in cloud.choices[chosen].tolist()])
    y = np.log(values[chosen])[:, None]
    variance = float(y.var())
    columns, lost, error = _columns(space), np.zeros(len(space.axes)), 0.0
    for fold in range(FOLDS):
        held = np.arange(len(chosen)) % FOLDS == fold
        forest = Forest(x[~held], y[~held])
        missed = _missed(forest, x[held], y[held])
        error += missed / FOLDS
        for axis, places in enumerate(columns):
            lost[axis] += _without(forest, x[held], y[held], places, rng) / FOLDS - missed / FOLDS
    shares = np.maximum(lost, 0.0) / (2 * variance) if variance > 0 else lost * 0.0
    order = np.argsort(-shares, kind="stable")
    weights = tuple(Weight(space.axes[i].name, float(shares[i])) for i in order)
    return Importance(metric, len(chosen), max(0.0, 1 - error / variance) if variance > 0 else 0.0, weights)


def _columns(space: Space) -> list[slice]:
    """Where each axis stands among the encoded columns."""
    widths = [1 if axis.ordered else len(axis.choices) for axis in space.axes]
    ends = np.cumsum(widths).tolist()
    return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]


def _missed(forest: Forest, x: Floats, y: Floats) -> float:
    mean, _ = forest.predict(x)
    return float(((mean - y) ** 2).mean())


def _without(forest: Forest, x: Floats, y: Floats, places: slice, rng: np.random.Generator) -> float:
    """The error where an axis is shuffled, the mean of some shufflings."""
    errors = []
    for _ in range(SHUFFLES):
        shuffled = x.copy()
        shuffled[:, places] = x[rng.permutation(len(x)), places]
        errors.append(_missed(forest, shuffled, y))
    return float(np.mean(errors))


def slices(cloud: Cloud, axis: str, metric: str) -> tuple[Slice, ...]:
    """The metric along an axis, a slice for each choice; in the metric's own unit of plots."""
    place = next((i for i, each in enumerate(cloud.task.space.axes) if each.name == axis), None)
    if place is None:
        known = ", ".join(each.name for each in cloud.task.space.axes)
        raise UserError(f"There is no axis named {axis!r}. Known: {known}.")
    values, choices = cloud.values(metric), cloud.choices
    found = []
    for code, choice in enumerate(cloud.task.space.axes[place].choices):
        here = choices[:, place] == code if len(choices) else np.zeros(0, dtype=np.bool_)
        built = values[here & np.isfinite(values)]
        least, median = (float(built.min()), float(np.median(built))) if built.size else (None, None)
        found.append(Slice(choice, int(here.sum()), int(built.size), least, median))
    return tuple(found)
