"""What the lab teaches about a task before its first point: priors trained on the points of other tasks.

A source is believed only where the physics is seen in it: where a rough estimate of the latency says nothing about the
latencies it reports, or the contrary of them, they are of something else, and learning from them misleads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log2

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from models.prior import Prior, PriorSettings
from workbench.problem.features import features
from workbench.problem.metrics import Metrics
from workbench.problem.task import Task
from workbench.searches.base import Source

Floats = NDArray[np.float64]

MOST_POINTS = 10_000
"""Of all sources together; more would not make the priors much better, and the first ask slow."""
FEWEST_POINTS = 40
LEAST_CORRELATION = 0.2
LEAST_SKILL = 0.1


@dataclass(frozen=True)
class _Lesson:
    """The feasible points of a source: features (n, f), axes (n, w), and log2 of measured over estimated (n, 2)."""

    task: Task
    features: Floats
    axes: Floats
    off: Floats


@dataclass(frozen=True)
class LabPrior:
    """A correction to the estimate of a task; `with_axes` when it was trained on this architecture's own axes too."""

    prior: Prior
    with_axes: bool

    def mean(self, of: Floats, axes: Floats) -> Floats:
        """(n, f) and (n, w) -> (n, 2)."""
        return self.prior.mean(np.hstack([of, axes]) if self.with_axes else of)


def believed(sources: Sequence[Source]) -> list[Source]:
    """The sources in which the physics is seen."""
    return [source for source in sources if _lesson(source, MOST_POINTS) is not None]


def priors(task: Task, sources: Sequence[Source], seed: int) -> list[LabPrior]:
    """One trained on all sources, and one on those of the same axes alone; none that has learnt nothing.

    `sources` are those that are believed.
    """
    if not sources:
        return []
    found = [_lesson(source, MOST_POINTS // len(sources)) for source in sources]
    lessons = [lesson for lesson in found if lesson is not None]
    here = [lesson for lesson in lessons if lesson.task.space == task.space]
    trained = [_trained(lessons, seed, with_axes=False), _trained(here, seed, with_axes=True)]
    return [prior for prior in trained if prior is not None]


def _trained(lessons: Sequence[_Lesson], seed: int, *, with_axes: bool) -> LabPrior | None:
    if sum(len(lesson.off) for lesson in lessons) < FEWEST_POINTS:
        return None
    inputs = [np.hstack([lesson.features, lesson.axes]) if with_axes else lesson.features for lesson in lessons]
    number = np.repeat(np.arange(len(lessons)), [len(lesson.off) for lesson in lessons])
    prior = Prior(np.vstack(inputs), np.vstack([lesson.off for lesson in lessons]), number, seed, PriorSettings())
    return LabPrior(prior, with_axes) if prior.skill.min() > LEAST_SKILL else None


@lru_cache(maxsize=64)
def _lesson(source: Source, most: int) -> _Lesson | None:
    """The points of a source, thinned out evenly to at most `most`; none where they contradict the estimate."""
    points = [(e.design, e.outcome) for e in source.points if isinstance(e.outcome, Metrics)]
    points = points[:: max(1, -(-len(points) // most))]
    if len(points) < 2:
        return None
    designs = [design for design, _ in points]
    found = features(source.arch_task, designs)
    measured = np.array([[log2(m.latency_cycles), log2(m.energy_pj)] for _, m in points])
    if len(points) >= FEWEST_POINTS:
        agreement = spearmanr(found.estimate[:, 0], measured[:, 0]).statistic
        if not agreement >= LEAST_CORRELATION:
            return None
    return _Lesson(source.arch_task, found.values, source.arch_task.space.encode(designs), measured - found.estimate)
