"""Stop rules hold whatever the search: each ends a run by itself, and none before its time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.metrics import Infeasible, Metrics, Target
from workbench.problem.yamlfile import build_model
from workbench.stop import Stop

TARGETS = (Target("latency_cycles", 100.0), Target("energy_pj", 1000.0))
NEVER = Stop(budget=10**9)


@given(st.integers(0, 10**6), st.floats(0, 1e9), st.lists(st.floats(0, 1), max_size=30))
def test_without_rules_a_run_goes_on(points, seconds, hypervolumes):
    assert NEVER.reason(points, seconds, False, hypervolumes) is None


@given(st.integers(1, 50), st.integers(0, 100))
def test_the_budget_ends_a_run_at_its_last_design_and_not_before(budget, points):
    assert Stop(budget=budget).reason(points, 0.0, False, []) == ("budget spent" if points >= budget else None)


@pytest.mark.parametrize(("seconds", "reason"), [(9.99, None), (10.0, "time is up")])
def test_time_ends_a_run(seconds, reason):
    assert Stop(wall_seconds=10).reason(1, seconds, False, []) == reason


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12).map(sorted), st.integers(1, 6), st.integers(0, 8))
def test_a_run_stalls_after_exactly_so_many_steps_without_gain(rising, steps, flat):
    rising = [*rising, rising[-1] + 1.0]  # the last gain
    volumes = rising + [rising[-1]] * flat
    stalled = Stop(stalled_steps=steps).reason(1, 0.0, False, volumes) is not None
    assert stalled == (flat >= steps)


def test_a_run_that_finds_nothing_that_fits_stalls_too():
    assert Stop(stalled_steps=3).reason(1, 0.0, False, [0.0] * 3) is None
    assert Stop(stalled_steps=3).reason(1, 0.0, False, [0.0] * 4) == "no gain in hypervolume over 3 steps"


@pytest.mark.parametrize("margin", [0.0, 0.01, 0.2])
def test_targets_are_met_up_to_the_margin_in_every_metric(margin):
    stop = Stop(margin=margin)
    at, over = 1 + margin, 1 + margin + 1e-9
    assert stop.meets_targets(Metrics(100 * at, 1000 * at, 1.0), TARGETS)
    assert not stop.meets_targets(Metrics(100 * over, 1.0, 1.0), TARGETS)
    assert not stop.meets_targets(Metrics(1.0, 1000 * over, 1.0), TARGETS)


def test_the_margin_is_one_percent_where_nobody_says():
    assert Stop().margin == 0.01


def test_nothing_is_met_without_targets_or_by_what_cannot_be_built():
    assert not NEVER.meets_targets(Metrics(1.0, 1.0, 1.0), ())
    assert not NEVER.meets_targets(Infeasible("no", "x", 2.0, 1.0), TARGETS)


def test_met_targets_end_a_run_unless_it_is_to_go_on():
    assert Stop().reason(1, 0.0, True, []) == "targets met"
    assert Stop(targets_met=False).reason(1, 0.0, True, []) is None


@pytest.mark.parametrize(
    "rule", [{"budget": 0}, {"wall_seconds": 0}, {"margin": 1}, {"margin": -0.1}, {"stalled_steps": 0}]
)
def test_a_rule_out_of_its_bounds_is_named(rule):
    with pytest.raises(UserError, match=next(iter(rule))):
        build_model(rule, Stop, "Stop rules")
