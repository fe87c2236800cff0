"""Owns ranges: a text of numbers and steps as ascending values, and what is none as one line."""

from __future__ import annotations

import pytest

from workbench.errors import UserError
from workbench.problem.ranges import values_of


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("8:40:16", (8, 24, 40)),
        ("1:4", (1, 2, 3, 4)),
        ("64:600:x3", (64, 192, 576)),
        ("7", (7,)),
        ("9,1:3, 2", (1, 2, 3, 9)),
        ([5, "1:2"], (1, 2, 5)),
    ],
)
def test_ranges(text: str, values: tuple[int, ...]):
    assert values_of(text, "--pes") == values


@pytest.mark.parametrize(
    "text", ["", "a", "3:1", "1:5:0", "1:5:x1", "0:4", "-1", "1:2:3:4", "1:70000", "1.5", "1:", "9" * 30]
)
def test_what_is_no_range_is_one_line(text: str):
    with pytest.raises(UserError, match=r"^--pes: .*\.$"):
        values_of(text, "--pes")


def test_zero_is_a_value_where_it_may_be_one():
    assert values_of("0:64:32", "pes", least=0) == (0, 32, 64)
    with pytest.raises(UserError, match=r"^pes: values must lie in 1\.\.2\^40"):
        values_of("0:64:x2", "pes", least=0)
