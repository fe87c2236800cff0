"""A Gaussian process for tens to hundreds of points: Matern 5/2, a length for each group of inputs, found by climbing.

Small, exact and without an optimiser, so that a fit is a function of the points alone and takes milliseconds
(Rasmussen and Williams 2006, chapters 2 and 5). All outputs share the kernel and have a scale each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotri, dtrtrs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LENGTHS = (0.35, 0.7, 1.4, 2.8, 5.6)
"""Of a group of inputs, in units of the typical distance of two points in it."""
STEPS = (0.5, 2.0, 4.0)
"""By what a length is multiplied to see whether the points become likelier."""
LONGEST = 6.0
"""Points that lie close together say little of how far they reach."""
PASSES = 2
NOISES = (1e-5, 1e-3, 3e-2)
"""Variance of what no input explains, as a part of the signal's."""
OFFSET = 4.0
"""Variance of an unknown constant, as a part of the signal's: the mean that is handed in may be off as a whole."""
CAUTION = 4.0
"""So many points are assumed that lie `typical` off, beside those that are seen: a few alike say little of others."""


@dataclass(frozen=True)
class Hyper:
    """The length scale of each group of inputs, and the noise as a part of the signal's variance."""

    lengths: tuple[float, ...]
    noise: float


def _matern(first: Floats, second: Floats) -> Floats:
    """(n, w) and (m, w), in units of the lengths -> (n, m): the correlation of points."""
    squared = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
    far = np.sqrt(5 * np.maximum(squared, 0.0))
    found: Floats = (1 + far + far**2 / 3) * np.exp(-far)
    return found


class GaussianProcess:
    """Fitted to points: `x` (n, w), each group scaled so that typical distances are near 1; `y` (n, o).

    `groups` (w,) numbers the group of each input; `typical` is how far outputs are off 0 before any is known.
    """

    def __init__(self, x: Floats, y: Floats, groups: Ints, hyper: Hyper, typical: float = 1.0) -> None:
        self._inverse_length = 1 / np.array(hyper.lengths)[groups]
        self._x = x * self._inverse_length
        n = len(y)
        covariance = _matern(self._x, self._x) + OFFSET
        covariance[np.diag_indices(n)] += hyper.noise
        self._noise = hyper.noise
        self._factor: Floats = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
        lower, _ = dpotri(self._factor, lower=1)
        inverse = np.tril(lower) + np.tril(lower, -1).T
        self._weights: Floats = inverse @ y
        fitted = np.maximum((y * self._weights).sum(axis=0) / n, 1e-12)  # (o,): the likeliest variance of the signal
        left_out = (self._weights**2 / np.diag(inverse)[:, None]) / fitted  # squared, standardised (R&W 5.12)
        self._variance = (fitted * left_out.sum(axis=0) + CAUTION * typical**2) / (n + CAUTION)

    @staticmethod
    def likeliest(x: Floats, y: Floats, groups: Ints) -> Hyper:
        """Hyper-parameters under which the points are likely: the best common length, then group by group."""
        count = int(groups.max()) + 1
        tried: dict[Hyper, float] = {}

        def better(hypers: list[Hyper]) -> Hyper:
            for hyper in hypers:
                if hyper not in tried:
                    tried[hyper] = _likelihood(x, y, groups, hyper)
            return max(hypers, key=lambda hyper: tried[hyper])

        best = better([Hyper((length,) * count, noise) for length in LENGTHS for noise in NOISES])
        for _ in range(PASSES):
            before = best
            for group in range(count):
                best = better([best, *(replace(best, lengths=_scaled(best.lengths, group, by)) for by in STEPS)])
            best = better([best, *(replace(best, noise=noise) for noise in NOISES)])
            if best == before:
                break
        return best

    def mean(self, x: Floats) -> Floats:
        """(m, w) -> (m, o)."""
        found: Floats = (_matern(x * self._inverse_length, self._x) + OFFSET) @ self._weights
        return found

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of what would be observed, each (m, o).

        The deviation is scaled by how large the errors on points left out really are.
        """
        cross = _matern(x * self._inverse_length, self._x) + OFFSET
        explained, _ = dtrtrs(self._factor, cross.T, lower=1)
        left = np.maximum(1 + OFFSET - (explained**2).sum(axis=0), 0.0) + self._noise
        return cross @ self._weights, np.sqrt(left[:, None] * self._variance)


def _scaled(lengths: tuple[float, ...], group: int, by: float) -> tuple[float, ...]:
    return (*lengths[:group], min(lengths[group] * by, LONGEST), *lengths[group + 1 :])


def _likelihood(x: Floats, y: Floats, groups: Ints, hyper: Hyper) -> float:
    """Logarithm of how likely the points are, up to a constant; each output's variance is the likeliest."""
    n = len(y)
    scaled = x / np.array(hyper.lengths)[groups]
    covariance = _matern(scaled, scaled) + OFFSET
    covariance[np.diag_indices(n)] += hyper.noise
    factor = np.linalg.cholesky(covariance)
    white, _ = dtrtrs(factor, y, lower=1)
    variance = np.maximum((white**2).sum(axis=0) / n, 1e-12)
    return float(-0.5 * n * np.log(variance).sum() - y.shape[1] * np.log(np.diag(factor)).sum())
