"""What predicts for `guided`: several arms, each with its own beliefs, weighed by how well they have predicted.

Each arm takes a base for granted and learns from the run's own points how far the base is off. An arm's weight follows
from the likelihood that it gave to new points before it was told them, older ones counting less: a source that misleads
is soon left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.forest import Forest
from models.gp import GaussianProcess, Hyper
from workbench.searches.guided.designs import Designs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Predicts = Callable[[Designs], tuple[Floats, Floats]]
"""Mean and standard deviation of log2 of latency and energy, each (m, 2)."""

FORGET = 0.9
"""What an older prediction counts, to the power of its age in points."""
DOUBT = 0.6
"""Standard deviation of log2 of a metric that is predicted before any point is known, and of few alike."""
LEAST_DOUBT = 0.01
"""Trees may agree on what none of them knows better."""
FEWEST_TO_SETTLE = 2
"""Points to choose hyper-parameters on."""
REFIT = 1.3
"""The hyper-parameters are chosen anew when there are so many times as many points."""
MOST_SETTLED = 320
SURPRISE = 5.0
"""Standard deviations: a point further off tells no more."""


class Trees:
    """Takes the estimate for granted; what a prior says is an input like others, to be used or not."""

    def __init__(self) -> None:
        self._fitted: tuple[bytes, Forest] | None = None

    def predict(self, known: Designs, measured: Floats, pool: Designs) -> tuple[Floats, Floats]:
        """From points (n, 2); each (m, 2)."""
        key = known.known.tobytes() + measured.tobytes()
        if self._fitted is None or self._fitted[0] != key:
            self._fitted = key, Forest(_all(known), measured - known.estimate)
        mean, deviation = self._fitted[1].predict(_all(pool))
        return pool.estimate + mean, deviation + LEAST_DOUBT


class Corrected:
    """Takes for granted what a prior of the lab says (or, without one, the estimate); a Gaussian process corrects it.

    `scale` (w,) and `groups` are of the inputs: see `GaussianProcess`.
    """

    def __init__(self, prior: int | None, scale: Floats, groups: Ints) -> None:
        self._prior = prior
        self._varying = np.flatnonzero(scale)
        self._scale = scale[self._varying]
        self._groups: Ints = np.unique(groups[self._varying], return_inverse=True)[1]
        self._hyper = Hyper((1.4,) * (int(self._groups.max(initial=0)) + 1), 1e-2)  # until there are points
        self._chosen = 0
        self._fitted: tuple[bytes, GaussianProcess] | None = None

    @property
    def taught(self) -> bool:
        """Whether the lab knows something, so that the base is more than the estimate."""
        return self._prior is not None

    def base(self, of: Designs) -> Floats:
        """(n, 2)."""
        if self._prior is None:
            return of.estimate
        return of.estimate + of.corrections[:, 2 * self._prior : 2 * self._prior + 2]

    def predict(self, known: Designs, measured: Floats, pool: Designs) -> tuple[Floats, Floats]:
        """From points (n, 2); each (m, 2)."""
        key = known.known.tobytes() + measured.tobytes()
        if self._fitted is None or self._fitted[0] != key:
            off = measured - self.base(known)
            self._fitted = key, GaussianProcess(self._inputs(known), off, self._groups, self._hyper, DOUBT)
        mean, deviation = self._fitted[1].predict(self._inputs(pool))
        return self.base(pool) + mean, deviation

    def settle(self, known: Designs, measured: Floats) -> None:
        """Choose the hyper-parameters on the first points, whose number grows by the factor REFIT."""
        n = FEWEST_TO_SETTLE
        while int(n * REFIT) + 1 <= len(known):
            n = int(n * REFIT) + 1
        if n <= len(known) and n != self._chosen and len(self._varying):
            first = known.take(np.arange(n))
            self._chosen, self._fitted = n, None
            self._hyper = GaussianProcess.likeliest(self._inputs(first), measured[:n] - self.base(first), self._groups)

    def _inputs(self, of: Designs) -> Floats:
        return np.asarray(of.inputs[:, self._varying] * self._scale)


def _all(of: Designs) -> Floats:
    return np.hstack([of.inputs, of.corrections])


class Portfolio:
    """The arms; `beliefs` are their shares before any has predicted a point."""

    def __init__(self, arms: Sequence[Trees | Corrected], beliefs: Sequence[float]) -> None:
        self._arms = arms
        self._belief: Floats = np.log(np.array(beliefs) / sum(beliefs))
        self.score: Floats = np.zeros(len(arms))

    @property
    def weights(self) -> Floats:
        """(arms,), 1 in all."""
        score = self._belief + self.score
        weights = np.exp(score - score.max())
        return np.asarray(weights / weights.sum())

    @property
    def best(self) -> int:
        """The arm that counts most."""
        return int(self.weights.argmax())

    def predict(self, arm: int, known: Designs, measured: Floats, pool: Designs) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the metrics' logarithms under one arm, each (m, 2)."""
        if len(known):
            return self._arms[arm].predict(known, measured, pool)
        at = self._arms[arm]
        base = pool.estimate if isinstance(at, Trees) else at.base(pool)
        return base, np.full(base.shape, DOUBT)

    def untold(self, pool: Designs) -> Floats:
        """The metrics' logarithms (m, 2) before any point is known: the mean of what the lab says, or the estimate.

        The mean of several priors errs less than each, and the estimate knows nothing that they have not been told.
        """
        taught = [arm.base(pool) for arm in self._arms if isinstance(arm, Corrected) and arm.taught]
        return np.asarray(np.mean(taught, axis=0)) if taught else pool.estimate

    def mixture(self, known: Designs, measured: Floats, pool: Designs) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the metrics' logarithms under all arms together, each (m, 2)."""
        found = [self.predict(arm, known, measured, pool) for arm in range(len(self._arms))]
        means, deviations = (np.stack(part) for part in zip(*found, strict=True))  # (arms, m, 2)
        weights = self.weights[:, None, None]
        mean = (weights * means).sum(axis=0)
        return mean, np.sqrt((weights * (deviations**2 + (means - mean) ** 2)).sum(axis=0))

    def settle(self, known: Designs, measured: Floats) -> None:
        """Called when points were learnt: MOST_SETTLED of them, the first ones, decide how they are fitted."""
        first = np.arange(min(len(known), MOST_SETTLED))
        for arm in self._arms:
            if isinstance(arm, Corrected):
                arm.settle(known.take(first), measured[first])

    def weigh(self, known: Designs, measured: Floats, told: Designs, outcomes: Floats) -> None:
        """New points (k,) and their logarithms (k, 2), before they are learnt."""
        if not len(known) or not len(told):
            return
        for arm in range(len(self._arms)):
            mean, deviation = self.predict(arm, known, measured, told)
            z = (outcomes - mean) / deviation
            for one in -(0.5 * np.minimum(z**2, SURPRISE**2) + np.log(deviation)).sum(axis=1):
                self.score[arm] = self.score[arm] * FORGET + one
