"""The prior: the same answer in any company, from equal seeds, and a skill that noise does not have."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.prior import Prior, PriorSettings

SETTINGS = PriorSettings(networks=3, width=32, steps=250, batch=64)


def tasks(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of three tasks that share a response and have an offset each."""
    rng = np.random.default_rng(seed)
    x, task = rng.normal(size=(n, 6)) * [1, 1, 1, 100, 1e-3, 0], rng.integers(3, size=n)
    return x, np.column_stack([np.sin(x[:, 0]) + x[:, 1], x[:, 1] * x[:, 2]]) + task[:, None], task


@pytest.fixture(scope="module")
def prior() -> Prior:
    return Prior(*tasks(), 0, SETTINGS)


def test_a_row_gets_the_same_bits_in_any_company(prior):
    x = tasks(1000, 1)[0]
    together = prior.mean(x)
    assert together.shape == (1000, 2)
    alone = np.vstack([prior.mean(row[None, :]) for row in x[:200]])
    assert alone.tobytes() == together[:200].tobytes()
    order = np.random.default_rng(2).permutation(len(x))
    assert prior.mean(x[order]).tobytes() == together[order].tobytes()
    for rows in (slice(0, 2), slice(5, 22), slice(100, 611), slice(0, None, 3)):
        assert prior.mean(x[rows]).tobytes() == together[rows].tobytes()
        assert prior.mean(np.asfortranarray(x[rows])).tobytes() == together[rows].tobytes()


def test_equal_seeds_give_equal_bits_on_any_number_of_threads_and_other_seeds_others(prior):
    x, before, state = tasks(50, 1)[0], torch.get_num_threads(), torch.get_rng_state()
    answers = []
    try:
        for seed, threads in ((0, 2), (1, 1)):
            torch.set_num_threads(threads)
            answers.append(Prior(*tasks(), seed, SETTINGS).mean(x).tobytes())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert answers[0] == prior.mean(x).tobytes() != answers[1]
    assert torch.equal(torch.get_rng_state(), state)


def test_its_skill_is_what_it_explains_beyond_each_task_s_mean(prior):
    assert np.all(prior.skill > 0.5)
    assert np.all(prior.skill <= 1)
    x, _, task = tasks()
    noise = np.random.default_rng(3).normal(size=(len(x), 2)) + 10 * task[:, None]
    assert np.all(Prior(x, noise, task, 0, SETTINGS).skill < 0.1)


def test_inputs_that_are_further_out_than_any_seen_say_no_more(prior):
    x = tasks(20, 4)[0]
    far, farther = x.copy(), x.copy()
    far[:, 3], farther[:, 3] = 1e6, 1e12
    assert np.array_equal(prior.mean(far), prior.mean(farther))
    assert np.isfinite(prior.mean(far)).all()


def test_where_nothing_is_held_out_there_is_no_skill_and_a_mean_all_the_same():
    x, y, task = tasks(40)
    prior = Prior(x, y, task, 0, PriorSettings(networks=2, width=8, steps=5, held_out=0.0))
    assert prior.skill.tolist() == [0.0, 0.0]
    assert np.isfinite(prior.mean(x)).all()
