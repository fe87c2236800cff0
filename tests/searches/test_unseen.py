"""Unseen: draws and removals together give every design of a space once, fairly."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.problem.space import Axis, Space
from workbench.searches.unseen import Unseen, below

SPACE = Space((Axis("a", (1, 2, 3)), Axis("b", ("x", "y")), Axis("c", (1, 2, 4, 8))))


@given(st.lists(st.one_of(st.none(), st.integers(0, SPACE.size - 1)), max_size=40), st.integers(0, 99))
def test_draws_and_removals_in_any_order_keep_count_of_what_is_left(moves, seed):
    unseen, left, rng = Unseen(SPACE), set(range(SPACE.size)), np.random.default_rng(seed)
    for rank in moves:
        if rank is None and left:
            left.remove(SPACE.rank(unseen.draw(rng)))
        elif rank in left:
            unseen.take(SPACE.unrank(rank))
            left.remove(rank)
        assert unseen.left == len(left)
        assert {r for r in range(SPACE.size) if SPACE.unrank(r) in unseen} == left


def test_a_design_taken_twice_is_an_error():
    unseen = Unseen(SPACE)
    unseen.take((0, 0, 0))
    with pytest.raises(ValueError, match="taken before"):
        unseen.take((0, 0, 0))


def test_a_copy_that_takes_the_same_designs_in_order_draws_the_same_afterwards():
    first, rng = Unseen(SPACE), np.random.default_rng(4)
    taken = [first.draw(rng) for _ in range(10)]
    second = Unseen(SPACE)
    for design in taken:
        second.take(design)
    same = [np.random.default_rng(9) for _ in range(2)]
    assert [first.draw(same[0]) for _ in range(14)] == [second.draw(same[1]) for _ in range(14)]


def test_every_order_is_drawn_equally_often():
    space = Space((Axis("a", (1, 2, 3)),))
    rng = np.random.default_rng(0)
    orders: Counter[tuple[int, ...]] = Counter()
    for _ in range(6000):
        unseen = Unseen(space)
        orders[tuple(unseen.draw(rng)[0] for _ in range(3))] += 1
    assert set(orders) == set(permutations(range(3)))
    assert all(abs(count - 1000) < 150 for count in orders.values())  # five standard deviations


def test_a_space_beyond_64_bits_can_be_drawn_from():
    space = Space(tuple(Axis(f"a{i}", tuple(range(256))) for i in range(12)))
    rng = np.random.default_rng(0)
    assert space.size > 2**64
    unseen = Unseen(space)
    assert len({unseen.draw(rng) for _ in range(100)}) == 100
    assert len([rank for _ in range(200) if (rank := below(2**64 + 1, rng)) >= 2**63]) > 60
