"""What predicts for `guided`, and where it looks: an arm that misleads is left alone; neighbours differ in one axis."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.toy import LARGE, MIDDLE, SMALL, toy_task
from workbench.searches.guided.arms import DOUBT, FORGET, Corrected, Portfolio, Trees
from workbench.searches.guided.candidates import ALL_CHOICES, one_other
from workbench.searches.guided.designs import Designs

WIDTH = 4
BELIEFS = (0.2, 0.2, 0.3, 0.3)
HONEST, MISLEADING = 2, 3
"""Arms: trees, the estimate, a prior that is right but for little, and one that is not."""


def known(n: int, seed: int, lie: str) -> tuple[Designs, np.ndarray]:
    """Designs, and their metrics' logarithms (n, 2): the estimate is off by what depends on the inputs."""
    rng = np.random.default_rng(seed)
    inputs, estimate = rng.random((n, WIDTH)), 20 + 3 * rng.random((n, 2))
    off = np.column_stack([np.sin(9 * inputs[:, 0]) + inputs[:, 1], np.cos(9 * inputs[:, 2]) - inputs[:, 1]])
    honest = off + 0.02 * rng.standard_normal((n, 2))
    misleading = {"contrary": -2 * off, "noise": 2 * rng.standard_normal((n, 2))}[lie]
    rows = np.column_stack([inputs, estimate, honest, misleading, np.ones(n)])
    return Designs([(i,) for i in range(n)], rows, WIDTH), estimate + off


def portfolio() -> Portfolio:
    scale, groups = np.full(WIDTH, 2.0), np.arange(WIDTH)
    return Portfolio([Trees(), *(Corrected(prior, scale, groups) for prior in (None, 0, 1))], BELIEFS)


def told(points: Portfolio, of: Designs, outcomes: np.ndarray, n: int) -> None:
    """The first n points one by one, as a search tells them."""
    for i in range(n):
        before, new = np.arange(i), np.arange(i, i + 1)
        points.weigh(of.take(before), outcomes[before], of.take(new), outcomes[new])
        points.settle(of.take(np.arange(i + 1)), outcomes[: i + 1])
        assert points.weights.sum() == pytest.approx(1)
        assert np.all(points.weights >= 0)


@pytest.mark.parametrize("lie", ["contrary", "noise"])
@pytest.mark.parametrize("seed", range(3))
def test_an_arm_that_misleads_loses_its_weight_and_one_that_is_right_gains(lie, seed):
    of, outcomes = known(15, seed, lie)
    arms = portfolio()
    assert arms.weights == pytest.approx(BELIEFS)
    told(arms, of, outcomes, 15)
    assert arms.weights[MISLEADING] < 0.01
    assert arms.best == HONEST
    assert arms.weights[HONEST] > 0.6


def test_before_there_is_a_point_arms_say_their_base_and_doubt_it_and_keep_their_shares():
    of, outcomes = known(8, 0, "noise")
    pool, _ = known(30, 1, "noise")
    arms, none, nothing = portfolio(), of.take(np.arange(0)), np.zeros((30, 2))
    for arm, correction in enumerate((nothing, nothing, pool.corrections[:, :2], pool.corrections[:, 2:])):
        mean, deviation = arms.predict(arm, none, outcomes[:0], pool)
        assert np.array_equal(mean, pool.estimate + correction)
        assert np.array_equal(deviation, np.full((30, 2), DOUBT))
    arms.weigh(none, outcomes[:0], of, outcomes)
    assert arms.weights == pytest.approx(BELIEFS)


def test_the_first_guess_is_the_mean_of_what_the_lab_says_or_the_estimate_where_it_says_nothing():
    pool, _ = known(30, 1, "noise")
    corrections = (pool.corrections[:, :2] + pool.corrections[:, 2:]) / 2
    assert portfolio().untold(pool) == pytest.approx(pool.estimate + corrections)
    scale, groups = np.ones(WIDTH), np.zeros(WIDTH, np.int64)
    alone = Portfolio([Trees(), Corrected(None, scale, groups)], (0.5, 0.5))
    assert np.array_equal(alone.untold(pool), pool.estimate)


def test_a_batch_without_points_changes_no_weight():
    of, outcomes = known(8, 0, "noise")
    arms = portfolio()
    told(arms, of, outcomes, 6)
    before = arms.score.copy()
    arms.weigh(of, outcomes, of.take(np.arange(0)), outcomes[:0])
    assert np.array_equal(arms.score, before)


def test_with_its_score_restored_it_weighs_and_predicts_the_same():
    of, outcomes = known(20, 2, "contrary")
    pool, _ = known(30, 3, "contrary")
    going_on, restored = portfolio(), portfolio()
    told(going_on, of, outcomes, 12)
    restored.score = np.array(going_on.score.tolist())
    restored.settle(of.take(np.arange(12)), outcomes[:12])
    for arms in (going_on, restored):
        arms.weigh(of.take(np.arange(12)), outcomes[:12], of.take(np.arange(12, 20)), outcomes[12:])
        arms.settle(of, outcomes)
    assert np.array_equal(restored.weights, going_on.weights)
    for arm in range(len(BELIEFS)):
        for one, other in zip(*(arms.predict(arm, of, outcomes, pool) for arms in (going_on, restored)), strict=True):
            assert np.array_equal(one, other)


def test_what_an_arm_said_of_earlier_points_counts_the_less_the_more_are_told():
    of, outcomes = known(24, 4, "noise")
    first, later = np.arange(12), np.arange(12, 24)
    said, unsaid = portfolio(), portfolio()
    said.score = np.array([8.0, 4.0, 2.0, -8.0])
    left = []
    for i in later:
        for arms in (said, unsaid):
            arms.weigh(of.take(first), outcomes[first], of.take(np.array([i])), outcomes[[i]])
        left.append(said.score - unsaid.score)
    for earlier, now in pairwise(left):
        assert now == pytest.approx(earlier * FORGET)
    assert np.all(np.abs(left[-1]) < 0.3 * np.abs([8.0, 4.0, 2.0, -8.0]))


@pytest.mark.parametrize("choices", [SMALL, MIDDLE, LARGE], ids=["small", "middle", "large"])
def test_one_other_differs_in_one_axis_and_goes_both_ways(choices):
    space = toy_task(choices).space
    for design in space.sample(5, np.random.default_rng(0)):
        others = one_other(space, design)
        assert len(set(others)) == len(others)
        for other in others:
            space.check(other)
            assert sum(a != b for a, b in zip(design, other, strict=True)) == 1
            assert design in one_other(space, other)


def test_of_a_short_axis_all_choices_are_offered_and_of_a_long_one_few_and_the_next():
    space = toy_task(LARGE).space
    for design in space.sample(20, np.random.default_rng(1)):
        others = one_other(space, design)
        for i, count in enumerate(space.shape):
            offered = {other[i] for other in others if other[i] != design[i]}
            if count <= ALL_CHOICES:
                assert offered == set(range(count)) - {design[i]}
            else:
                assert len(offered) <= 2 * count.bit_length()
                assert offered >= {c for c in (design[i] - 1, design[i] + 1) if 0 <= c < count}
