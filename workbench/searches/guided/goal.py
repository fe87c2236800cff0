"""How much better a design may turn out, from what is predicted of it: what `guided` asks for the most of.

Everything is in base-2 logarithms: a difference is a ratio, and one unit is a factor of two.
"""

from __future__ import annotations

from math import log2

import numpy as np
from numpy.typing import NDArray

from workbench.pareto import non_dominated
from workbench.problem.metrics import Metrics
from workbench.problem.task import Task
from workbench.searches.cost import is_front

Floats = NDArray[np.float64]

LEAST = 1e-9
"""What a metric counts at least: where nothing has a price, energy is 0."""
SAMPLES = 32
"""Drawn from each prediction: enough to rank, as all candidates share them."""


class Goal:
    """What a task wants, of metrics known or predicted.

    Predictions are of log2 latency in cycles and log2 energy in pJ; the area is known.
    """

    def __init__(self, task: Task, rng: np.random.Generator) -> None:
        self._task = task
        self._clock_hz = task.template.file.clock_mhz * 1e6
        self._normal = rng.standard_normal((SAMPLES, 2))
        self.front = is_front(task)

    def of(self, metrics: Metrics) -> Floats:
        """(k,): what is to be small: the worst missed target, or the objectives."""
        latency, energy = log2(max(metrics.latency_cycles, LEAST)), log2(max(metrics.energy_pj, LEAST))
        area = _log_area(np.array([metrics.area_um2]))
        found: Floats = self._values(np.array([[latency]]), np.array([[energy]]), area)[0, 0]
        return found

    def gain(self, mean: Floats, deviation: Floats, area_um2: Floats, known: Floats, weights: Floats) -> Floats:
        """(m,): the expected improvement on what is known (n, k) of candidates.

        `mean` and `deviation` (m, 2). For a front of two objectives the dominated area gained; for one of more, the
        improvement of their weighted worst, by `weights` (k,).
        """
        latency = mean[:, 0] + self._normal[:, 0, None] * deviation[:, 0]  # (samples, m)
        energy = mean[:, 1] + self._normal[:, 1, None] * deviation[:, 1]
        values = self._values(latency, energy, _log_area(area_um2))  # (samples, m, k)
        if not len(known):
            found: Floats = -self._scalar(values, values.reshape(-1, values.shape[2]), weights).mean(axis=0)
            return found
        if self.front and values.shape[2] == 2:
            return _hypervolume_gain(values, known)
        if self.front:
            best = self._scalar(known, known, weights).min()
            return np.asarray(np.maximum(best - self._scalar(values, known, weights), 0.0).mean(axis=0))
        return np.asarray(np.maximum(known.min() - values[..., 0], 0.0).mean(axis=0))

    def _scalar(self, values: Floats, known: Floats, weights: Floats) -> Floats:
        """(..., k) -> (...): one number: of a front, the weighted worst objective on the scale of what is known."""
        if values.shape[-1] == 1:
            found: Floats = values[..., 0]
            return found
        low, span = known.min(axis=0), np.maximum(np.ptp(known, axis=0), 1e-9)
        scaled = (values - low) / span * weights
        return np.asarray(scaled.max(axis=-1) + 0.05 * scaled.sum(axis=-1))

    def _values(self, latency: Floats, energy: Floats, area: Floats) -> Floats:
        """(samples, m) -> (samples, m, k)."""
        of: dict[str, Floats] = {
            "latency_cycles": latency,
            "energy_pj": energy,
            "area_um2": np.broadcast_to(area, latency.shape),
            "edp_js": latency + energy - log2(self._clock_hz) + log2(1e-12),
            "power_mw": energy - latency + log2(self._clock_hz) + log2(1e-9),
        }
        if self._task.targets:
            missed = [of[t.metric] - log2(t.bound) for t in self._task.targets]
            worst: Floats = np.max(missed, axis=0)
            return worst[..., None]
        return np.stack([of[name] for name in self._task.objectives], axis=-1)


def _log_area(area_um2: Floats) -> Floats:
    """Base 2; an architecture that says nothing of its area counts as nearly none."""
    return np.asarray(np.log2(np.maximum(area_um2, LEAST)))


def _hypervolume_gain(values: Floats, known: Floats) -> Floats:
    """(samples, m, 2) and (n, 2) -> (m,): the mean area that each would add to what the known ones dominate.

    The reference point lies half the front's extent, and at least a factor of two, beyond its worst.
    """
    front = known[non_dominated(known)]
    front = front[np.argsort(front[:, 0])]
    reference = front.max(axis=0) + np.maximum(1.0, 0.5 * np.ptp(front, axis=0))
    left = np.concatenate([[-np.inf], front[:, 0]])  # between two members, the first one's height is dominated
    right = np.concatenate([front[:, 0], reference[:1]])
    height = np.concatenate([reference[1:], front[:, 1]])
    total = np.zeros(values.shape[1])
    for sample in values:
        width = np.minimum(right, reference[0]) - np.maximum(left, sample[:, 0, None])  # (m, segments)
        total += (np.maximum(width, 0.0) * np.maximum(height - sample[:, 1, None], 0.0)).sum(axis=1)
    return total / len(values)
