"""How far two simulators agree on the same designs: ranks, errors, fronts. Arrays in, values out.

Everywhere the second of two arrays is the reference. All values are of metrics to minimise, finite and positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.pareto import hypervolume, non_dominated

MARGIN = 0.1
"""How far beyond the worst value the hypervolume's reference lies, in parts of the range, so that extremes count."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """On one metric. A rank correlation is None where either simulator makes no difference between the designs."""

    spearman: float | None
    kendall: float | None
    median_error: float
    """Of |first - second| / second."""
    p95_error: float


@dataclass(frozen=True, slots=True)
class Feasibility:
    """Which designs can be built, by either simulator."""

    both: int
    first_only: int
    second_only: int
    neither: int

    @property
    def agreement(self) -> float:
        """The share of designs on which the two say the same."""
        return (self.both + self.neither) / (self.both + self.neither + self.first_only + self.second_only)


@dataclass(frozen=True, slots=True)
class FrontOverlap:
    """The front that each simulator would choose from the same designs."""

    first: NDArray[np.bool_]  # (n,)
    second: NDArray[np.bool_]  # (n,)
    common: int
    shared: float
    """Members in common, of all members of either front."""
    first_on_second: float
    """Hypervolume of the first's front at the second's costs, of that of the second's own front: 1 loses nothing."""
    second_on_first: float


def agreement(first: ArrayLike, second: ArrayLike) -> Agreement:
    """How far two simulators agree on a metric of designs that both can build.  # (n,), (n,)"""
    from scipy.stats import kendalltau, spearmanr

    ours, reference = _pair(first, second, 1)
    error = np.abs(ours - reference) / reference
    ranked = len(ours) > 1 and bool(np.ptp(ours) > 0) and bool(np.ptp(reference) > 0)
    return Agreement(
        spearman=float(spearmanr(ours, reference).statistic) if ranked else None,
        kendall=float(kendalltau(ours, reference).statistic) if ranked else None,
        median_error=float(np.median(error)),
        p95_error=float(np.percentile(error, 95)),
    )


def feasibility(first: ArrayLike, second: ArrayLike) -> Feasibility:
    """Which of the designs can be built, as masks.  # (n,), (n,)"""
    ours, reference = np.asarray(first, dtype=np.bool_), np.asarray(second, dtype=np.bool_)
    if ours.shape != reference.shape or ours.ndim != 1 or not len(ours):
        raise ValueError(f"two masks of the same designs are needed, not {ours.shape} and {reference.shape}")
    return Feasibility(
        both=int((ours & reference).sum()),
        first_only=int((ours & ~reference).sum()),
        second_only=int((~ours & reference).sum()),
        neither=int((~ours & ~reference).sum()),
    )


def front_overlap(first: ArrayLike, second: ArrayLike) -> FrontOverlap:
    """What each simulator's front is worth to the other, over designs that both can build.  # (n, m), (n, m)

    A front here has every design that no other one dominates; of designs that cost the same, all. Hypervolumes are of
    the box from the least to `MARGIN` beyond the most of each objective, on log scales.
    """
    ours, reference = _pair(first, second, 2)
    one, other = _front(ours), _front(reference)
    common = int((one & other).sum())
    return FrontOverlap(
        first=one,
        second=other,
        common=common,
        shared=common / int((one | other).sum()),
        first_on_second=_worth(reference, one, other),
        second_on_first=_worth(ours, other, one),
    )


def _front(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Members, later ones that equal an earlier one too: which of them comes first says nothing here.  # (n, m)"""
    distinct, inverse = np.unique(values, axis=0, return_inverse=True)
    return np.asarray(non_dominated(distinct)[inverse.reshape(-1)], dtype=np.bool_)


def _worth(values: NDArray[np.float64], chosen: NDArray[np.bool_], best: NDArray[np.bool_]) -> float:
    """The hypervolume of the chosen designs as a part of that of the best.  # (n, m), (n,), (n,)"""
    logs = np.log(values)
    low, spread = logs.min(axis=0), np.ptp(logs, axis=0)
    scaled = (logs - low) / np.where(spread > 0, spread, 1.0)
    reference = np.full(values.shape[1], 1 + MARGIN)
    return hypervolume(scaled[chosen], reference) / hypervolume(scaled[best], reference)


def _pair(first: ArrayLike, second: ArrayLike, dimensions: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two arrays of the same shape, of positive numbers."""
    ours, reference = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if ours.shape != reference.shape or ours.ndim != dimensions or not len(ours):
        raise ValueError(
            f"two arrays of {dimensions} dimensions over the same designs are needed, "
            f"not {ours.shape} and {reference.shape}"
        )
    for values in (ours, reference):
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise ValueError("all values must be finite and positive: leave designs out that cannot be built")
    return ours, reference
