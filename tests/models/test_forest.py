"""The forest: exact at its points, in doubt between them, and a function of the points alone."""

from __future__ import annotations

import numpy as np
import pytest

from models.forest import Forest


def steps(n: int, seed: int, outputs: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """A rugged response to five inputs."""
    x = np.random.default_rng(seed).random((n, 5))
    return x, np.column_stack([np.floor(4 * x[:, i]) + x[:, i + 1] * x[:, 4] for i in range(outputs)])


@pytest.mark.parametrize("n", [2, 3, 40, 200])
@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_it_repeats_different_points_and_is_sure_there(n, outputs):
    x, y = steps(n, 0, outputs)
    mean, deviation = Forest(x, y).predict(x)
    assert mean.shape == deviation.shape == (n, outputs)
    assert mean == pytest.approx(y, abs=1e-12)
    assert deviation == pytest.approx(0.0, abs=1e-12)


def test_between_its_points_it_doubts_and_stays_within_what_it_has_seen():
    x, y = steps(60, 1)
    mean, deviation = Forest(x, y).predict((x[1:] + x[:-1]) / 2)
    assert np.all(deviation > 0)
    assert np.all(mean >= y.min(axis=0))
    assert np.all(mean <= y.max(axis=0))


def test_of_equal_inputs_it_says_the_mean_of_their_outputs():
    x = np.repeat([[0.0, 1.0], [1.0, 0.0]], 2, axis=0)
    y = np.array([[1.0], [3.0], [10.0], [20.0]])
    mean, deviation = Forest(x, y).predict(x[::2])
    assert mean == pytest.approx(np.array([[2.0], [15.0]]))
    assert deviation == pytest.approx(0.0, abs=1e-12)


def test_it_is_a_function_of_the_points_alone():
    x, y = steps(50, 2)
    pool = steps(300, 3)[0]
    first = Forest(x, y)
    first.predict(pool)
    for fitted in (first, Forest(x.copy(order="F"), y.copy())):
        for mean, again in zip(first.predict(pool), fitted.predict(pool), strict=True):
            assert np.array_equal(mean, again)


def test_it_predicts_the_same_in_any_company():
    x, y = steps(50, 4)
    pool = steps(130, 5)[0]
    forest = Forest(x, y)
    together = forest.predict(pool)
    for rows in (slice(0, 1), slice(7, 20), slice(None, None, -1)):
        for part, whole in zip(forest.predict(pool[rows]), together, strict=True):
            assert np.array_equal(part, whole[rows])


def test_it_says_more_of_points_held_out_than_their_mean_does():
    x, y = steps(150, 6)
    held, truth = steps(200, 7)
    mean, _ = Forest(x, y).predict(held)
    assert np.all(((mean - truth) ** 2).mean(axis=0) < 0.4 * truth.var(axis=0))
