"""Owns the laws of assignment and schedule: valid, never below a bound, exact where that is said, near it elsewhere."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.assignment import cases, exact_energies, gaps
from tests.scheduling.checks import assert_valid, best_of_all, some_jobs
from workbench.errors import UserError
from workbench.scheduling.bounds import least_value, prices_of, weights_of
from workbench.scheduling.heuristic import good_schedule
from workbench.scheduling.insertion import insertions, moved, order_of
from workbench.scheduling.jobs import AIMS, Aim, Goal, Jobs, scheduled
from workbench.scheduling.labels import searched
from workbench.scheduling.solving import solved

aims = st.sampled_from(AIMS)
limits = st.floats(0.8, 2.5)


def exact(jobs: Jobs, goal: Goal) -> float:
    """The least value, proven by labels alone; infinite where the limit cannot be met."""
    found = searched(jobs, goal)
    assert found.proven
    return inf if found.schedule is None else goal.value(found.schedule.makespan, found.schedule.energy)


@settings(max_examples=40)
@given(some_jobs(most=5), aims, limits)
def test_labels_find_what_trying_every_schedule_finds(jobs: Jobs, aim: Aim, factor: float):
    fastest = best_of_all(jobs, Goal("latency"))
    assert fastest is not None
    for goal in (Goal(aim), Goal(aim, factor * fastest)):
        best = best_of_all(jobs, goal)
        assert exact(jobs, goal) == pytest.approx(inf if best is None else best, rel=1e-11)


@given(some_jobs(), aims, limits, st.sampled_from([0, 256, 4096]))
def test_every_answer_is_a_valid_schedule_that_no_bound_exceeds(jobs: Jobs, aim: Aim, factor: float, labels: int):
    goal = Goal(aim, factor * solved(jobs, Goal("latency"), 0).schedule.makespan)
    solution = solved(jobs, goal, labels)
    schedule = solution.schedule
    assert_valid(jobs, schedule)
    shortest = jobs.cycles.min(axis=1)
    assert schedule.makespan >= jobs.tails(shortest).max() * (1 - 1e-12)
    assert schedule.makespan >= shortest.sum() / jobs.machines * (1 - 1e-12)
    load = np.bincount(schedule.machine, jobs.cycles_of(np.array(schedule.machine)), jobs.machines)
    assert schedule.makespan >= load.max() * (1 - 1e-12)
    assert solution.met == goal.met(schedule.makespan)
    if solution.met:
        assert goal.value(schedule.makespan, schedule.energy) >= solution.bound * (1 - 1e-11)
    assert solved(jobs, goal, labels) == solution


@settings(max_examples=25)
@given(some_jobs(most=8), aims, limits)
def test_the_exact_answer_is_never_worse_and_what_is_called_proven_equals_it(jobs: Jobs, aim: Aim, factor: float):
    fastest = exact(jobs, Goal("latency"))
    goal = Goal(aim, factor * fastest)
    best = exact(jobs, goal)
    for labels in (0, 64, 4096, None):
        solution = solved(jobs, goal, labels)
        value = goal.value(solution.schedule.makespan, solution.schedule.energy)
        if solution.met:
            assert value >= best * (1 - 1e-11)
        if solution.proven and best < inf:
            assert value == pytest.approx(best, rel=1e-11)
        if solution.proven or labels is None:
            assert solution.met == (best < inf)
            assert solution.proven
        if best == inf and labels is None:
            assert solution.schedule.makespan == pytest.approx(fastest)


@settings(max_examples=40)
@given(some_jobs(most=8), limits, st.floats(1, 1.5))
def test_more_time_never_costs_more_energy(jobs: Jobs, factor: float, more: float):
    limit = factor * exact(jobs, Goal("latency"))
    assert exact(jobs, Goal("energy", more * limit)) <= exact(jobs, Goal("energy", limit)) * (1 + 1e-11)


@settings(max_examples=40)
@given(some_jobs(most=8), aims, limits)
def test_bounds_are_below_the_exact_value(jobs: Jobs, aim: Aim, factor: float):
    goal = Goal(aim, factor * exact(jobs, Goal("latency")))
    assert least_value(jobs, goal, prices_of(jobs, goal.limit), weights_of(jobs)) <= exact(jobs, goal) * (1 + 1e-11)


@given(some_jobs())
def test_one_machine_takes_the_sum_of_all_jobs(jobs: Jobs):
    cycles = np.where(jobs.possible, jobs.cycles, 1.0)[:, :1]
    alone = Jobs(cycles, np.ones_like(cycles), jobs.before)
    solution = solved(alone, Goal("latency"))
    assert solution.schedule.makespan == pytest.approx(cycles.sum())
    assert solution.proven


def test_without_a_limit_every_job_runs_where_it_costs_least():
    for case in cases(10):
        solution = solved(case.jobs, Goal("energy"))
        assert solution.proven
        assert solution.schedule.energy == pytest.approx(case.jobs.energy.min(axis=1).sum())


@settings(max_examples=30)
@given(some_jobs(most=7))
def test_the_shortest_schedule_has_least_energy_among_the_shortest(jobs: Jobs):
    solution = solved(jobs, Goal("latency"), None)
    assert solution.schedule.makespan == pytest.approx(exact(jobs, Goal("latency")))
    at_that = Goal("energy", solution.schedule.makespan)
    assert solution.schedule.energy == pytest.approx(exact(jobs, at_that), rel=1e-9)


@given(some_jobs(), st.integers(0, 2**32 - 1))
def test_a_job_put_in_elsewhere_has_the_makespan_that_was_foretold(jobs: Jobs, seed: int):
    rng = np.random.default_rng(seed)
    start = good_schedule(jobs, Goal("edp"))
    order = order_of(start)
    assert scheduled(jobs, start.machine, order.tolist()) == start
    found = insertions(jobs, start, order)
    possible = np.argwhere(np.isfinite(found.makespan))
    for job, machine, place in possible[rng.integers(0, len(possible), 20)].tolist():
        machines = [*start.machine]
        machines[job] = machine
        schedule = scheduled(jobs, machines, moved(order.tolist(), job, place))
        assert_valid(jobs, schedule)
        assert schedule.makespan == pytest.approx(found.makespan[job, machine, place])
        assert schedule.energy == pytest.approx(found.energy[job, machine])


@pytest.mark.slow
def test_the_heuristic_is_within_five_percent_of_the_exact_energy_on_100_random_cases():
    some = list(cases())
    exactly = exact_energies(some)
    assert len(some) == len(exactly) == 100
    found = gaps(some, exactly, 4096)
    assert found.failed == 0
    assert -1e-11 <= min(found.energy) <= max(found.energy) <= 0.05
    assert np.mean(found.energy) < 0.005


def test_more_jobs_than_labels_can_name_are_left_at_the_descent():
    jobs = Jobs(np.ones((70, 2)), np.ones((70, 2)), tuple((j - 2,) if j > 1 else () for j in range(70)))
    solution = solved(jobs, Goal("latency"))
    assert_valid(jobs, solution.schedule)
    assert solution.schedule.makespan == 35


def test_many_jobs_that_wait_for_nothing_are_spread_evenly():
    jobs = Jobs(np.ones((300, 3)), np.ones((300, 3)), ((),) * 300)
    solution = solved(jobs, Goal("latency", 150))
    assert_valid(jobs, solution.schedule)
    assert (solution.schedule.makespan, solution.met) == (100, True)
    assert 99 < solution.bound <= 100


def test_what_is_no_problem_is_refused():
    one = np.ones((2, 1))
    for cycles, energy, before in (
        (one, np.ones((1, 1)), ((), ())),
        (one, one, ((), (1,))),
        (np.array([[1.0], [np.inf]]), one, ((), ())),
        (-one, one, ((), ())),
    ):
        with pytest.raises(ValueError, match=r"jobs? |cycles and energy"):
            Jobs(cycles, energy, before)
    with pytest.raises(UserError, match="no aim of a schedule named 'engery'"):
        Goal("engery")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="above 0 cycles"):
        Goal("energy", 0)
