"""Owns the promise that the plot shows what there is: every front member, axes that read right, in any terminal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.cli.plot import ASCII, UNICODE, Glyphs, scatter
from workbench.pareto import non_dominated
from workbench.views.quantity import si
from workbench.views.ticks import Scale, labels

positive = st.floats(1e-3, 1e15, allow_nan=False)
clouds = st.lists(st.tuples(positive, positive), min_size=1, max_size=60).map(lambda rows: np.array(rows, dtype=float))
METRICS = ("latency_cycles", "energy_pj")


@given(clouds, st.integers(20, 200), st.integers(5, 50), st.sampled_from([ASCII, UNICODE]))
def test_a_plot_keeps_to_its_size_and_shows_the_front(points: np.ndarray, width: int, height: int, glyphs: Glyphs):
    front = non_dominated(points)
    text = scatter(points, front, METRICS, width, height, glyphs).plain
    lines = text.split("\n")
    frame = next(row for row, line in enumerate(lines) if glyphs.corner in line and glyphs.across * 9 in line)
    assert frame == max(height, 8) - 2
    assert all(len(line) <= max(width, 40) for line in lines[1:])
    assert 1 <= "".join(lines[1:frame]).count(glyphs.front) <= front.sum()
    assert f"front ({front.sum()})" in text
    if glyphs is ASCII:
        assert text.replace("µ", "u").isascii()


def test_a_better_point_lies_further_left_and_further_down():
    points = np.array([[1e6, 1e9], [1e7, 1e8]])
    lines = scatter(points, np.array([True, True]), METRICS, 60, 12).plain.split("\n")
    (first, second) = [(row, line.index("●")) for row, line in enumerate(lines[:-1]) if "●" in line]
    assert first[1] < second[1]


def test_a_dominated_dot_stands_where_it_belongs():
    points = np.array([[1.0, 1.0], [10.0, 10.0], [100.0, 100.0]])
    lines = scatter(points, np.array([True, False, False]), METRICS, 60, 20).plain.split("\n")
    dots = [(row, column) for row, line in enumerate(lines[:-1]) for column, c in enumerate(line) if "⠀" < c <= "⣿"]
    assert len(dots) == 2
    (high, right), (low, left) = dots
    assert high < low
    assert left < right
    front_row, front_column = next((r, line.index("●")) for r, line in enumerate(lines) if "●" in line)
    assert abs((front_row - low) - (low - high)) <= 1  # equal ratios, equal distances
    assert abs((left - front_column) - (right - left)) <= 1


@given(positive, st.floats(1.0, 1e9), st.integers(2, 12))
def test_ticks_are_few_ascending_and_within_the_scale(low: float, ratio: float, most: int):
    scale = Scale.around(low, low * ratio)
    ticks = scale.ticks(most)
    assert len(ticks) <= most
    assert ticks == sorted(set(ticks))
    assert all(scale.low <= tick <= scale.high * (1 + 1e-9) for tick in ticks)
    assert all(-1e-9 <= scale.place(tick) <= 1 + 1e-9 for tick in ticks)
    assert len(set(labels(ticks, "J"))) == len(ticks)


def test_values_of_zero_make_a_linear_axis():
    points = np.array([[0.0, 5.0], [4.0, 0.0]])
    text = scatter(points, np.array([True, True]), METRICS, 60, 12).plain
    assert text.count("●") == 3  # both members and the key


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "J", "0 J"),
        (999.96, "J", "1.000 kJ"),
        (1.2345e6, "", "1.234 M"),
        (2.1e-3, "J", "2.100 mJ"),
        (-4.2e-7, "s", "-420.0 ns"),
        (1e-21, "J", "1.000e-21 J"),
        (3e22, "", "3.000e+22"),
    ],
)
def test_si_prefixes_keep_the_digits_asked_for(value: float, unit: str, text: str):
    assert si(value, unit) == text


@given(st.floats(1e-15, 1e17, allow_nan=False), st.integers(1, 6))
def test_an_si_number_reads_back_as_itself_within_its_digits(value: float, digits: int):
    from workbench.views.quantity import PREFIXES

    number, _, prefix = si(value, "", digits).partition(" ")
    factor = 10.0 ** {p: e for e, p in PREFIXES.items()}[prefix]
    assert float(number) * factor == pytest.approx(value, rel=0.51 * 10.0 ** (1 - digits))
