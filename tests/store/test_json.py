"""Details are written as JSON quickly, say what they are told, and hold no number that is none."""

from __future__ import annotations

import json
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.rows import Json, check_json

NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
CONTENT = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(CONTENT)
def test_what_is_written_quickly_reads_as_what_is_written_with_care(content):
    assert json.loads(Json.bulky(content)) == json.loads(Json.of(content)) == content
    check_json("detail", str(Json.bulky(content)))


@given(st.dictionaries(st.text(), st.integers(), max_size=6))
def test_equal_content_gives_equal_text_whatever_its_order(content):
    turned = dict(reversed(content.items()))
    assert Json.bulky(turned) == Json.bulky(content)


@pytest.mark.parametrize("bad", [nan, inf, -inf, np.float64("nan")])
def test_a_number_that_is_none_is_refused_wherever_it_is(bad):
    for content in (bad, [1.0, bad], {"a": {"b": (1, bad)}}, {"a": None, "b": bad}):
        with pytest.raises(ValueError, match=r"JSON has no|not JSON compliant"):
            Json.bulky(content)


def test_numbers_of_numpy_are_written_as_what_they_are():
    assert json.loads(Json.bulky({"a": np.float64(0.1), "b": (np.float64(2), None)})) == {"a": 0.1, "b": [2.0, None]}
