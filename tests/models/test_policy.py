"""A policy draws what its numbers say, follows from its seed and what it was taught, and learns what is rewarded."""

from __future__ import annotations

import numpy as np
import pytest

from models.policy import Policy

COUNTS = (3, 1, 5, 2)
CONTEXT = np.zeros((400, 2))
UNIFORMS = np.random.default_rng(0).random((400, len(COUNTS)))


def policy(seed: int = 1, learning_rate: float = 1e-2) -> Policy:
    return Policy(COUNTS, 2, learning_rate, seed)


def test_every_choice_is_an_option_and_all_of_them_occur():
    drawn = policy().draw(CONTEXT, UNIFORMS)
    assert [set(column) for column in drawn.T.tolist()] == [set(range(count)) for count in COUNTS]


@pytest.mark.parametrize(("uniform", "end"), [(0.0, 0), (np.nextafter(1.0, 0.0), -1)])
def test_the_ends_of_the_unit_interval_are_the_first_and_the_last_option(uniform, end):
    (drawn,) = policy().draw(CONTEXT[:1], np.full((1, len(COUNTS)), uniform)).tolist()
    assert drawn == [range(count)[end] for count in COUNTS]


def test_equal_seeds_make_equal_policies_and_others_do_not():
    first, second, other = (policy(seed).draw(CONTEXT, UNIFORMS) for seed in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()


def test_a_row_is_drawn_alike_whatever_stands_beside_it_in_the_batch():
    whole = policy().draw(CONTEXT, UNIFORMS)
    assert (policy().draw(CONTEXT[:7], UNIFORMS[:7]) == whole[:7]).all()


def test_what_earns_more_than_the_rest_becomes_likelier_and_what_earns_less_rarer():
    learner = policy()
    good, bad = [2, 0, 4, 1], [0, 0, 1, 0]
    before = learner.draw(CONTEXT, UNIFORMS)
    for _ in range(20):
        learner.learn(CONTEXT[:2], np.array([good, bad]), np.array([[1.0] * 4, [-1.0] * 4]))
    after = learner.draw(CONTEXT, UNIFORMS)
    assert (after == good).all(axis=1).mean() > 0.5 > (before == good).all(axis=1).mean()
    assert (after == bad).all(axis=1).mean() <= (before == bad).all(axis=1).mean()


def test_heat_evens_out_what_was_learnt():
    learner = policy()
    for _ in range(20):
        learner.learn(CONTEXT[:1], np.array([[2, 0, 4, 1]]), np.ones((1, 4)))
    cold, warm, hot = ((learner.draw(CONTEXT, UNIFORMS, t)[:, 2] == 4).mean() for t in (1.0, 4.0, 1e6))
    assert cold > warm > hot
    assert hot == pytest.approx(1 / 5, abs=0.08)


def test_the_context_can_decide():
    learner = policy()
    contexts = np.array([[-1.0, 0.0], [1.0, 0.0]])
    for _ in range(60):
        learner.learn(contexts, np.array([[0, 0, 0, 0], [2, 0, 4, 1]]), np.ones((2, 4)))
    assert learner.draw(contexts, np.full((2, 4), 0.5)).tolist() == [[0, 0, 0, 0], [2, 0, 4, 1]]
