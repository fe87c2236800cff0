"""Dominance, fronts, hypervolume and crowding: arrays in, arrays out, every objective minimised.

Everywhere `points` is (n, m): n points, m objectives, finite float64. Among exact duplicates the first one counts:
it may be on the front, its later copies are not. Every result depends on the points only, not on their order
(but for which of several equal points is "the first").
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_BLOCK = 256  # points compared at once against the front when m > 3; keeps the comparison table in cache


def non_dominated(points: ArrayLike) -> Mask:
    """True for each point that no other point dominates or, standing earlier, equals.  # (n, m) -> (n,)"""
    array = _checked(points)
    mask = np.zeros(len(array), dtype=np.bool_)
    order = _lexicographic(array)
    mask[order[_first_seen(array[order])]] = True
    return mask


def fronts(points: ArrayLike) -> Ints:
    """The rank of each point: 0 on the front, 1 on the front of the rest, and so on.  # (n, m) -> (n,)

    Equal points have equal rank (non-dominated sorting, Deb et al. 2002, section III.A).
    """
    array = _checked(points)
    if not len(array):
        return np.zeros(0, dtype=np.int64)
    unique, inverse = np.unique(array, axis=0, return_inverse=True)  # sorted lexicographically
    ranks = _patience(unique[:, 1]) if array.shape[1] == 2 else _peel(unique)
    return ranks[inverse.reshape(-1)]


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """The volume that the points dominate below `reference` (m,); a point not below it in every objective adds none.

    Exact, and the same to the last bit in whatever order the points come. Sums of positive terms for m <= 3;
    beyond that the recursion of While et al. 2012 ("WFG"), slicing one objective off at each level.
    """
    array = _checked(points)
    corner = np.asarray(reference, dtype=np.float64)
    if corner.shape != (array.shape[1],) or not np.isfinite(corner).all():
        raise ValueError(f"reference must be {array.shape[1]} finite numbers, one per objective, not {reference!r}")
    # seen from the reference: every coordinate negative, the corner at the origin
    return _volume(array[(array < corner).all(axis=1)] - corner)


def crowding_distance(points: ArrayLike) -> Floats:
    """How lonely each point is: the normalised side lengths of its neighbours' box, summed.  # (n, m) -> (n,)

    Deb et al. 2002, section III.B. The extreme points of an objective get infinity; an objective in which all
    points are equal tells nothing and adds nothing. Ties in one objective are ordered by the others.
    """
    array = _checked(points)
    distance = np.zeros(len(array))
    if not len(array):
        return distance
    for objective in range(array.shape[1]):
        order = _lexicographic(np.roll(array, -objective, axis=1))
        values = array[order, objective]
        extent = float(values[-1]) - float(values[0])
        if extent > 0:
            distance[order[1:-1]] += (values[2:] - values[:-2]) / extent
            distance[order[[0, -1]]] = np.inf
    if not np.isinf(distance).any():  # all points equal: each is extreme
        distance[:] = np.inf
    return distance


@dataclass(frozen=True, slots=True)
class Change:
    """What one `Front.add` did: the ids that are on the front now and were not, and those that were and are not."""

    entered: Ints  # (e,)
    left: Ints  # (l,)


class Front:
    """The front of all points added so far, each with the id it came with, in the order they came.

    The members depend on the sequence of points alone, not on how it was cut into batches.
    """

    def __init__(self, points: ArrayLike, ids: ArrayLike) -> None:
        """Of members saved earlier (`front.points`, `front.ids`); for a new front see `Front.empty`."""
        array = _checked(points)
        self.points: Floats = array  # (k, m)
        self.ids: Ints = _checked_ids(ids, len(array))  # (k,)
        if not non_dominated(array).all():
            raise ValueError("the members of a front must not dominate or equal each other")

    @classmethod
    def empty(cls, objectives: int) -> Self:
        """A front without members, of points with so many objectives."""
        return cls(np.zeros((0, objectives)), np.zeros(0, dtype=np.int64))

    def add(self, points: ArrayLike, ids: ArrayLike) -> Change:
        """Take in points (n, m) with their ids (n,), and say what changed."""
        batch = _checked(points)
        batch_ids = _checked_ids(ids, len(batch))
        if batch.shape[1] != self.points.shape[1]:
            raise ValueError(f"the front has {self.points.shape[1]} objectives, the points have {batch.shape[1]}")
        some = non_dominated(batch)
        batch, batch_ids = batch[some], batch_ids[some]
        members = len(self)
        points_all = np.concatenate([self.points, batch])
        keep = non_dominated(points_all)
        change = Change(entered=batch_ids[keep[members:]], left=self.ids[~keep[:members]])
        self.points = points_all[keep]
        self.ids = np.concatenate([self.ids, batch_ids])[keep]
        return change

    def hypervolume(self, reference: ArrayLike) -> float:
        return hypervolume(self.points, reference)

    def __len__(self) -> int:
        return len(self.points)


def _checked(points: ArrayLike) -> Floats:
    """A copy, so that a caller who changes his array cannot change ours."""
    array = np.array(points, dtype=np.float64, order="C")
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"points must have the shape (n, m) with m >= 1, not {array.shape}")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(f"points must be finite: point {row} is {array[row].tolist()}; leave infeasible points out")
    return array


def _checked_ids(ids: ArrayLike, count: int) -> Ints:
    array = np.array(ids)
    if array.shape != (count,) or (count and array.dtype.kind not in "iu"):
        raise ValueError(f"ids must be {count} integers, one per point, not {array.dtype} of shape {array.shape}")
    return array.astype(np.int64)


def _lexicographic(points: Floats) -> Ints:
    """The order by first objective, then second, ...; equal points in the order they came.  # (n, m) -> (n,)"""
    return np.lexsort(points.T[::-1]).astype(np.int64)


def _first_seen(points: Floats) -> Mask:
    """`non_dominated` for lexicographically ordered points: none is dominated by a later one.  # (n, m) -> (n,)"""
    objectives = points.shape[1]
    if objectives == 1:
        return np.equal(np.arange(len(points)), 0)
    if objectives == 2:
        best = np.minimum.accumulate(points[:, 1])
        return np.concatenate([np.ones(min(len(points), 1), dtype=np.bool_), points[1:, 1] < best[:-1]])
    if objectives == 3:
        return _first_seen_3(points[:, 1].tolist(), points[:, 2].tolist())
    return _first_seen_any(points)


def _first_seen_3(ys: list[float], zs: list[float]) -> Mask:
    """Sweep along x over the staircase of (y, z) seen so far: stair_y rises, stair_z falls."""
    mask = np.zeros(len(ys), dtype=np.bool_)
    stair_y: list[float] = []
    stair_z: list[float] = []
    for index, (y, z) in enumerate(zip(ys, zs, strict=True)):
        at = bisect_right(stair_y, y)
        if at and stair_z[at - 1] <= z:
            continue
        mask[index] = True
        if at and stair_y[at - 1] == y:
            at -= 1
        end = at
        while end < len(stair_z) and stair_z[end] >= z:
            end += 1
        stair_y[at:end] = [y]
        stair_z[at:end] = [z]
    return mask


def _first_seen_any(points: Floats) -> Mask:
    """Blocks against the front so far, then within themselves: O(n k m) for k members."""
    mask = np.zeros(len(points), dtype=np.bool_)
    found: list[Floats] = []
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        alive = np.arange(len(block))
        for members in found:
            alive = alive[~_covered(block[alive], members)]
        inside = _covers(block[alive], block[alive])  # (a, a): row covers column
        alive = alive[~np.triu(inside, k=1).any(axis=0)]
        mask[start + alive] = True
        if alive.size:
            found.append(block[alive])
            if len(found) > 1 and len(found[-2]) + len(found[-1]) <= 4 * _BLOCK:
                found[-2:] = [np.concatenate(found[-2:])]
    return mask


def _covers(first: Floats, second: Floats) -> Mask:
    """Whether first[i] is nowhere worse than second[j].  # (a, m), (b, m) -> (a, b)"""
    table: Mask = first[:, None, 0] <= second[None, :, 0]
    for objective in range(1, first.shape[1]):
        table &= first[:, None, objective] <= second[None, :, objective]
    return table


def _covered(points: Floats, by: Floats) -> Mask:
    """Whether some point of `by` is nowhere worse than points[i].  # (n, m), (k, m) -> (n,)"""
    return np.asarray(_covers(by, points).any(axis=0), dtype=np.bool_)


def _patience(ys: Floats) -> Ints:
    """Ranks for m = 2, points distinct and in lexicographic order: each joins the first front that ends above it.

    Jensen 2003, section III.B: the last y of the fronts rises with the rank, so the front is found by bisection.
    """
    ranks = np.zeros(len(ys), dtype=np.int64)
    last: list[float] = []
    for index, y in enumerate(ys.tolist()):
        rank = bisect_right(last, y)
        ranks[index] = rank
        last[rank : rank + 1] = [y]
    return ranks


def _peel(points: Floats) -> Ints:
    """Ranks by taking one front away after the other; points distinct and in lexicographic order."""
    ranks = np.zeros(len(points), dtype=np.int64)
    rest = np.arange(len(points))
    rank = 0
    while rest.size:
        front = _first_seen(points[rest])
        ranks[rest[front]] = rank
        rest = rest[~front]
        rank += 1
    return ranks


def _volume(points: Floats) -> float:
    """The volume between the points and the origin, all coordinates negative.  # (n, m) -> scalar"""
    if not len(points):
        return 0.0
    points = points[_lexicographic(points)]
    points = points[_first_seen(points)]
    objectives = points.shape[1]
    if objectives == 1:
        return -float(points[0, 0])
    if objectives == 2:
        heights = np.diff(points[:, 1], prepend=0.0)  # y falls along x: each strip reaches from its y to the one before
        return math.fsum((points[:, 0] * heights).tolist())  # a BLAS dot may round differently from call to call
    if objectives == 3:
        return _volume_3(points)
    return _volume_any(points)


def _volume_3(points: Floats) -> float:
    """Sweep along x: a point adds the new (y, z) area it covers, times its depth in x."""
    stair_y: list[float] = []  # rises
    stair_z: list[float] = []  # falls
    volume = 0.0
    for x, y, z in points.tolist():
        at = bisect_left(stair_y, y)
        top = stair_z[at - 1] if at else 0.0
        area, left, end = 0.0, y, at
        while end < len(stair_y) and stair_z[end] >= z:
            area += (stair_y[end] - left) * (top - z)
            left, top = stair_y[end], stair_z[end]
            end += 1
        area += ((stair_y[end] if end < len(stair_y) else 0.0) - left) * (top - z)
        stair_y[at:end] = [y]
        stair_z[at:end] = [z]
        volume -= x * area
    return volume


def _volume_any(points: Floats) -> float:
    """Each point adds what the points after it do not cover: its box less their part inside it.

    With the points ordered from worst to best in the first objective, that part spans the box's whole depth in it,
    so its volume is a problem with one objective less.
    """
    points = points[::-1]
    volume = 0.0
    for index, point in enumerate(points):
        inside = np.maximum(points[index + 1 :, 1:], point[1:])
        box = float(np.prod(np.abs(point[1:])))
        volume += -float(point[0]) * (box - _volume(inside))
    return volume
