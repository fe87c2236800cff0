"""The Gaussian process: it goes through its points, knows what it does not know, and tells inputs that matter."""

from __future__ import annotations

import numpy as np
import pytest

from models.gp import GaussianProcess


def waves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two outputs of the first two inputs; the third does not matter."""
    x = np.random.default_rng(seed).random((n, 3)) * 2
    return x, np.column_stack([np.sin(2 * x[:, 0]) + x[:, 1], x[:, 0] * x[:, 1]])


GROUPS = np.array([0, 1, 2])


def fitted(x: np.ndarray, y: np.ndarray) -> GaussianProcess:
    return GaussianProcess(x, y, GROUPS, GaussianProcess.likeliest(x, y, GROUPS))


def test_it_goes_through_its_points_and_is_sure_there():
    x, y = waves(40, 0)
    mean, deviation = fitted(x, y).predict(x)
    assert mean == pytest.approx(y, abs=0.02)
    far = fitted(x, y).predict(x + 20)[1]
    assert np.all(far.min(axis=0) > 5 * deviation.max(axis=0))


def test_an_input_that_does_not_matter_gets_a_long_length():
    x, y = waves(60, 1)
    lengths = GaussianProcess.likeliest(x, y, GROUPS).lengths
    assert lengths[2] > 2 * lengths[0]


def test_ninety_per_cent_of_what_is_held_out_lies_in_the_interval_of_ninety_per_cent():
    inside = []
    for seed in range(12):
        x, y = waves(30, seed)
        mean, deviation = fitted(x, y).predict(held := waves(200, 100 + seed)[0])
        truth = np.column_stack([np.sin(2 * held[:, 0]) + held[:, 1], held[:, 0] * held[:, 1]])
        inside.append(np.abs(truth - mean) <= 1.645 * deviation)
    assert 0.82 <= np.mean(inside) <= 0.99
