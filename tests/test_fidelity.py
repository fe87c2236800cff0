"""Fidelity: laws of agreement on made-up numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.fidelity import Feasibility, agreement, feasibility, front_overlap

positive = st.floats(1e-3, 1e12)
columns = st.lists(positive, min_size=2, max_size=30).map(np.array)
tables = st.integers(1, 3).flatmap(
    lambda m: st.lists(st.lists(positive, min_size=m, max_size=m), min_size=1, max_size=25).map(np.array)
)


@given(columns)
def test_a_simulator_agrees_with_itself(values: np.ndarray):
    found = agreement(values, values)
    assert (found.median_error, found.p95_error) == (0, 0)
    if np.ptp(values) > 0:
        assert found.spearman == pytest.approx(1)
        assert found.kendall == pytest.approx(1)
    else:
        assert found.spearman is found.kendall is None


@given(columns)
def test_a_scale_changes_the_error_and_not_the_ranks(values: np.ndarray):
    found = agreement(2 * values, values)
    assert found.median_error == pytest.approx(1)
    assert found.p95_error == pytest.approx(1)
    if np.ptp(values) > 0:
        assert found.spearman == pytest.approx(1)


def test_errors_are_those_of_the_second():
    found = agreement([1, 2, 3, 8], [2, 2, 4, 4])
    assert found.median_error == pytest.approx((0.25 + 0.5) / 2)
    assert found.p95_error == pytest.approx(np.percentile([0.5, 0, 0.25, 1], 95))


def test_a_reversed_order_is_a_correlation_of_minus_one():
    found = agreement([1, 2, 3], [30, 20, 10])
    assert found.spearman == pytest.approx(-1)
    assert found.kendall == pytest.approx(-1)


def test_one_design_has_an_error_and_no_rank():
    found = agreement([3], [4])
    assert found.spearman is found.kendall is None
    assert found.median_error == found.p95_error == 0.25


def test_feasibility_counts_the_four_cases():
    found = feasibility([True, True, False, False, True], [True, False, True, False, True])
    assert found == Feasibility(both=2, first_only=1, second_only=1, neither=1)
    assert found.agreement == pytest.approx(3 / 5)


@given(tables)
def test_a_front_loses_nothing_to_itself(values: np.ndarray):
    found = front_overlap(values, values)
    assert found.shared == 1
    assert found.common == found.first.sum()
    assert found.first_on_second == found.second_on_first == 1


@given(tables, st.integers(0, 1000))
def test_no_choice_of_members_is_worth_more_than_the_front(values: np.ndarray, seed: int):
    other = np.random.default_rng(seed).permutation(values)
    there, back = front_overlap(values, other), front_overlap(other, values)
    assert 0 <= there.first_on_second <= 1 + 1e-9
    assert 0 <= there.second_on_first <= 1 + 1e-9
    assert (there.first_on_second, there.shared) == (back.second_on_first, back.shared)


@given(tables)
def test_a_simulator_that_is_off_by_a_power_finds_the_same_front(values: np.ndarray):
    found = front_overlap(np.sqrt(values), values)
    if len(np.unique(np.sqrt(values), axis=0)) == len(np.unique(values, axis=0)):
        assert found.first_on_second == pytest.approx(1)


def test_a_front_of_other_designs_is_worth_less():
    first = [[1, 4], [2, 3], [4, 1], [8, 8]]
    second = [[8, 8], [2, 3], [4, 1], [1, 4]]
    found = front_overlap(first, second)
    assert found.common == 2
    assert found.shared == pytest.approx(2 / 4)
    assert 0 < found.first_on_second < 1


def test_what_cannot_be_compared_is_refused():
    for first, second in (([1.0], [1.0, 2.0]), ([], []), ([1.0], [0.0]), ([np.nan], [1.0])):
        with pytest.raises(ValueError, match=r"needed|positive"):
            agreement(first, second)
    with pytest.raises(ValueError, match="same designs"):
        feasibility([True], [])
