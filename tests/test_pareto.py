"""Laws of workbench.pareto, against brute force on small sets with many ties and duplicates."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from workbench.pareto import Front, crowding_distance, fronts, hypervolume, non_dominated

Floats = NDArray[np.float64]


@st.composite
def point_sets(draw: st.DrawFn, most: int = 12, objectives: int = 5, levels: int = 4) -> Floats:
    """Points on a coarse grid, so that ties and duplicates are common; or anywhere, so that they are not."""
    m = draw(st.integers(1, objectives))
    n = draw(st.integers(0, most))
    coarse = st.integers(0, levels).map(float)
    fine = st.floats(-1e6, 1e6, allow_subnormal=False)
    value = draw(st.sampled_from([coarse, fine]))
    rows = draw(st.lists(st.lists(value, min_size=m, max_size=m), min_size=n, max_size=n))
    return np.array(rows, dtype=np.float64).reshape(n, m)


def dominates(a: Floats, b: Floats) -> bool:
    return bool((a <= b).all() and (a < b).any())


def brute_mask(points: Floats) -> list[bool]:
    return [
        not any(dominates(q, p) for q in points) and not any((q == p).all() for q in points[:i])
        for i, p in enumerate(points)
    ]


def brute_volume(points: Floats, reference: Floats) -> float:
    """Inclusion-exclusion over all subsets."""
    inside = points[(points < reference).all(axis=1)]
    total = 0.0
    for size in range(1, len(inside) + 1):
        for subset in itertools.combinations(inside, size):
            total += (-1) ** (size + 1) * float(np.prod(reference - np.max(subset, axis=0)))
    return total


@given(point_sets())
def test_non_dominated_agrees_with_comparing_every_pair(points: Floats) -> None:
    assert non_dominated(points).tolist() == brute_mask(points)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_non_dominated_agrees_with_comparing_every_pair_across_blocks(seed: int, m: int) -> None:
    points = np.random.default_rng(seed).integers(0, 9, (600, m)).astype(np.float64)
    table = (points[:, None] <= points[None]).all(axis=2)  # (n, n): row covers column
    covered = (table & ~table.T).any(axis=0) | np.triu(table & table.T, k=1).any(axis=0)
    assert (non_dominated(points) == ~covered).all()


def test_the_first_of_equal_points_is_kept() -> None:
    points = [[2.0, 1.0], [1.0, 2.0], [2.0, 1.0], [1.0, 2.0]]
    assert non_dominated(points).tolist() == [True, True, False, False]


@given(point_sets())
def test_the_set_of_front_points_and_the_volume_do_not_depend_on_order(points: Floats) -> None:
    order = np.random.default_rng(len(points)).permutation(len(points))
    shuffled = points[order]
    assert sorted(map(tuple, points[non_dominated(points)])) == sorted(map(tuple, shuffled[non_dominated(shuffled)]))
    reference = np.full(points.shape[1], 3.0)
    assert hypervolume(points, reference) == hypervolume(shuffled, reference)
    assert fronts(points)[order].tolist() == fronts(shuffled).tolist()


@given(point_sets(most=8))
def test_hypervolume_agrees_with_inclusion_and_exclusion(points: Floats) -> None:
    reference = np.full(points.shape[1], 4.0)
    small = np.where(np.abs(points) > 10, points / 1e5, points)
    assert hypervolume(small, reference) == pytest.approx(brute_volume(small, reference), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5])
def test_hypervolume_agrees_with_counting_random_samples(m: int) -> None:
    rng = np.random.default_rng(m)
    points = rng.random((12, m))
    samples = rng.random((100_000, m))
    covered = np.zeros(len(samples), dtype=np.bool_)
    for point in points:
        covered |= (point <= samples).all(axis=1)
    assert hypervolume(points, np.ones(m)) == pytest.approx(covered.mean(), abs=0.01)


@given(point_sets())
def test_a_point_more_never_shrinks_the_volume_and_a_dominated_one_leaves_it(points: Floats) -> None:
    reference = np.full(points.shape[1], 3.0)
    whole = hypervolume(points, reference)
    assert hypervolume(points[:-1], reference) <= whole * (1 + 1e-12) + 1e-9
    assert hypervolume(points[non_dominated(points)], reference) == whole


@given(point_sets())
def test_ranks_peel_one_front_after_the_other(points: Floats) -> None:
    ranks = fronts(points)
    for i, p in enumerate(points):
        above = [int(ranks[j]) for j, q in enumerate(points) if dominates(q, p)]
        assert ranks[i] == max(above, default=-1) + 1


@given(point_sets(most=20), st.integers(1, 7))
def test_a_front_does_not_depend_on_how_its_points_were_batched(points: Floats, size: int) -> None:
    whole, parts = Front.empty(points.shape[1]), Front.empty(points.shape[1])
    whole.add(points, np.arange(len(points)))
    members: set[int] = set()
    for start in range(0, len(points), size):
        ids = np.arange(start, min(start + size, len(points)))
        change = parts.add(points[ids], ids)
        assert members.isdisjoint(change.entered.tolist())
        assert members.issuperset(change.left.tolist())
        members = (members | set(change.entered.tolist())) - set(change.left.tolist())
        parts = Front(parts.points, parts.ids)  # as if saved and read back
    assert parts.ids.tolist() == whole.ids.tolist() == np.flatnonzero(non_dominated(points)).tolist()
    assert parts.points.tobytes() == whole.points.tobytes()
    assert members == set(whole.ids.tolist())


def test_a_front_refuses_members_that_dominate_each_other() -> None:
    with pytest.raises(ValueError, match="dominate"):
        Front([[1.0, 1.0], [2.0, 2.0]], [0, 1])
    with pytest.raises(ValueError, match="2 objectives"):
        Front.empty(2).add([[1.0, 2.0, 3.0]], [0])


def test_crowding_is_the_neighbours_box_and_the_ends_are_infinite() -> None:
    points = [[0.0, 10.0], [1.0, 6.0], [4.0, 4.0], [10.0, 0.0]]
    assert crowding_distance(points).tolist() == [np.inf, 0.4 + 0.6, 0.9 + 0.6, np.inf]
    assert crowding_distance([[1.0, 1.0], [1.0, 1.0]]).tolist() == [np.inf, np.inf]
    assert crowding_distance(np.zeros((0, 2))).shape == (0,)


@given(point_sets())
def test_crowding_is_not_negative_and_the_best_of_each_objective_is_infinite(points: Floats) -> None:
    distance = crowding_distance(points)
    assert (distance >= 0).all()
    for values in points.T:
        if len(points):
            assert np.isinf(distance[values == values.min()]).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_finite_are_refused(bad: float) -> None:
    points = [[1.0, 2.0], [bad, 1.0]]
    for function in (non_dominated, fronts, crowding_distance):
        with pytest.raises(ValueError, match="point 1"):
            function(points)
    with pytest.raises(ValueError, match="point 1"):
        hypervolume(points, [3.0, 3.0])
    with pytest.raises(ValueError, match="reference"):
        hypervolume([[1.0, 2.0]], [3.0, bad])


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2), (3, 0)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        non_dominated(np.zeros(shape))


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("all_on_front", [False, True])
def test_a_hundred_thousand_points_take_no_time(m: int, all_on_front: bool) -> None:
    points = np.random.default_rng(0).random((100_000, m))
    if all_on_front:
        points /= points.sum(axis=1, keepdims=True)
    start = time.process_time()
    non_dominated(points)
    assert time.process_time() - start < 2.0
