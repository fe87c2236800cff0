"""Every search of the table keeps the contract: listing one is what gets it tested here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from json import dumps, loads

import numpy as np
import pytest

from tests.searches.listed import EVERY, NAMES
from tests.toy import LARGE, MIDDLE, SMALL, ToySettings, ToySimulator, toy_task, toy_workload
from workbench.errors import UserError
from workbench.problem.metrics import Infeasible, Metrics, Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem, Search, Source

TASKS: dict[str, Callable[[], Task]] = {
    "front": toy_task,
    "one objective": lambda: toy_task(objectives=("energy_pj",)),
    "targets": lambda: toy_task(targets=("latency_cycles<=4000", "energy_pj<=2e6")),
}
LIGHT: dict[str, dict[str, int]] = {
    "mlp": {"epochs": 3, "width": 32, "pool": 512},
    "transfer": {"epochs": 3, "pool": 512},
    "multitask": {"epochs": 3, "pool": 512},
    "forest": {"candidates": 60},
}
"""Settings that keep a search's contract as the defaults do, in a fraction of the time."""
BATCH: dict[str, int] = {"guided": 2}
"""Designs that a step asks for of a search that thinks long about each; of others, 4."""

every_search = pytest.mark.parametrize(("name", "preset"), EVERY)
every_task = pytest.mark.parametrize("goal", TASKS)
every_transfer = pytest.mark.parametrize("name", [name for name, search in SEARCHES.items() if search.transfers])


def start(name: str, task: Task, seed: int = 0, preset: str | None = None, sources: tuple[Source, ...] = ()) -> Search:
    return SEARCHES[name](Problem(task, sources), search_settings(name, LIGHT.get(name, {}), preset), seed)


@cache
def lab() -> tuple[Source, ...]:
    """What is known of a layer four times as large, on the same axes and on fewer."""
    workload = replace(toy_workload(2), name="other").single("conv2")
    tasks = [replace(toy_task(choices), workload=workload) for choices in (MIDDLE, SMALL)]
    samples = [list(dict.fromkeys(task.space.sample(60, np.random.default_rng(1)))) for task in tasks]
    return tuple(
        Source(f"run {i}", task, tuple(Evaluated(d, o) for d, o in zip(designs, simulate(task, designs), strict=True)))
        for i, (task, designs) in enumerate(zip(tasks, samples, strict=True))
    )


def simulate(task: Task, designs: list[Design]) -> list[Outcome]:
    return ToySimulator(ToySettings()).evaluate(task, designs)


def step(search: Search, limit: int | None = None) -> list[Evaluated]:
    designs = search.ask(BATCH.get(search.name, 4) if limit is None else limit)
    outcomes = simulate(search.problem.arch_task, designs)
    batch = [Evaluated(d, o) for d, o in zip(designs, outcomes, strict=True)]
    search.tell(batch)
    return batch


def nothing_fits(design: Design) -> Infeasible:
    return Infeasible("nothing fits", "buffer", 10.0 + sum(design), 1.0, ())


@every_search
@every_task
def test_asks_inside_the_space_at_most_as_many_as_allowed_and_none_twice(name, preset, goal):
    search = start(name, TASKS[goal](), preset=preset)
    asked: list[Design] = []
    for limit in (1, 2, 7, 3) * 8:
        batch = step(search, limit)
        assert 1 <= len(batch) <= limit
        asked += [evaluated.design for evaluated in batch]
    for design in asked:
        search.space.check(design)
        assert all(type(choice) is int for choice in design)
    assert len(set(asked)) == len(asked)


@every_search
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_a_small_space_is_exhausted_exactly_and_then_nothing_is_asked(name, preset, limit):
    search = start(name, toy_task(SMALL), preset=preset)
    asked: list[Design] = []
    while batch := step(search, limit):
        asked += [evaluated.design for evaluated in batch]
    assert sorted(asked) == [search.space.unrank(rank) for rank in range(search.space.size)]
    assert search.ask(limit) == []
    search.tell([])
    assert search.ask(1) == []


@every_search
def test_a_space_of_one_design_is_that_design(name, preset):
    search = start(name, toy_task({"d1": [4], "buffer_bits": [2**14]}), preset=preset)
    assert [evaluated.design for evaluated in step(search)] == [(0, 0)]
    assert search.ask(4) == []


@every_search
def test_a_space_of_billions_is_searched_without_being_listed(name, preset):
    search = start(name, toy_task(LARGE), preset=preset)
    assert search.space.size > 10**9
    asked = [evaluated.design for _ in range(25) for evaluated in step(search)]
    assert len(set(asked)) == len(asked) >= 25


@every_search
@every_task
def test_equal_seeds_give_equal_runs_and_other_seeds_others(name, preset, goal):
    task = TASKS[goal]()
    first, second, other = (start(name, task, seed, preset) for seed in (5, 5, 6))
    runs = [[step(search) for _ in range(15)] for search in (first, second, other)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@every_search
@every_task
@pytest.mark.parametrize("killed_after", [0, 1, 13])
def test_a_restored_search_equals_the_uninterrupted_one(name, preset, goal, killed_after):
    task = TASKS[goal]()
    going_on = start(name, task, 3, preset)
    history = [evaluated for _ in range(killed_after) for evaluated in step(going_on)]
    kept = dumps(going_on.state(), sort_keys=True, allow_nan=False)

    restored = start(name, task, 3, preset)
    restored.restore(loads(kept), history)

    assert dumps(restored.state(), sort_keys=True) == kept
    for _ in range(12):
        assert step(restored) == step(going_on)
    assert restored.state() == going_on.state()


class Ahead:
    """A search that has up to four designs under way, of which some come back at a time, in an order of its own."""

    def __init__(self, name: str, task: Task, preset: str | None) -> None:
        self.search = start(name, task, 3, preset)
        self.told: list[Evaluated] = []
        self.asked: list[Design] = []
        self._luck = np.random.default_rng(8)

    def step(self) -> list[Evaluated]:
        if (room := 4 - len(self.search.under_way)) > 0:
            self.asked += self.search.ask(room)
        waiting = self.search.under_way
        back = [waiting[i] for i in self._luck.permutation(len(waiting))[: self._luck.integers(1, 3)]]
        outcomes = simulate(self.search.problem.arch_task, back)
        batch = [Evaluated(d, o) for d, o in zip(back, outcomes, strict=True)]
        self.search.tell(batch)
        self.told += batch
        return batch


@pytest.mark.parametrize(("name", "preset"), [each for each in EVERY if SEARCHES[str(each.values[0])].ahead])
@every_task
@pytest.mark.parametrize("killed_after", [1, 11])
def test_one_that_is_asked_ahead_goes_on_with_what_was_under_way(name, preset, goal, killed_after):
    task = TASKS[goal]()
    ahead = Ahead(name, task, preset)
    for _ in range(killed_after):
        ahead.step()
    assert ahead.search.under_way
    kept = dumps(ahead.search.state(), sort_keys=True, allow_nan=False)
    restored = start(name, task, 3, preset)
    restored.restore(loads(kept), ahead.told, ahead.asked)
    assert restored.under_way == ahead.search.under_way
    assert dumps(restored.state(), sort_keys=True) == kept
    for _ in range(8):
        room = 4 - len(restored.under_way)
        asked = restored.ask(room) if room else []
        before = len(ahead.asked)
        batch = ahead.step()
        assert ahead.asked[before:] == asked
        restored.tell(batch)
    assert restored.state() == ahead.search.state()
    assert len(set(ahead.asked)) == len(ahead.asked)


@every_search
def test_it_is_told_only_of_what_it_asked_for_and_once(name, preset):
    search = start(name, toy_task(), preset=preset)
    batch = [Evaluated(design, nothing_fits(design)) for design in search.ask(2)]
    other = next(design for design in map(search.space.unrank, range(9)) if design in search.unseen)
    with pytest.raises(RuntimeError, match="and was told"):
        search.tell([Evaluated(other, nothing_fits(other))])
    search.tell(batch)
    with pytest.raises(RuntimeError, match="and was told"):
        search.tell(batch[:1])


@every_search
def test_asking_for_the_state_changes_nothing(name, preset):
    watched, unwatched = (start(name, toy_task(), 1, preset) for _ in range(2))
    for _ in range(10):
        watched.state()
        assert step(watched) == step(unwatched)


@every_search
@every_task
def test_batches_of_nothing_but_infeasible_designs_are_borne(name, preset, goal):
    search = start(name, TASKS[goal](), preset=preset)
    asked: list[Design] = []
    while len(asked) < 100:
        designs = search.ask(5)
        assert designs
        search.tell([Evaluated(design, nothing_fits(design)) for design in designs])
        asked += designs
        loads(dumps(search.state(), allow_nan=False))
    assert len(set(asked)) == len(asked)
    restored = start(name, TASKS[goal](), preset=preset)
    restored.restore(search.state(), [Evaluated(design, nothing_fits(design)) for design in asked])
    assert step(restored) == step(search)
    assert restored.state() == search.state()


@every_search
@every_task
def test_a_hit_in_the_cache_makes_no_difference_to_what_is_asked(name, preset, goal):
    task = TASKS[goal]()
    fresh, hits = (start(name, task, 2, preset) for _ in range(2))
    for _ in range(15):
        batch = step(fresh)
        assert hits.ask(BATCH.get(name, 4)) == [evaluated.design for evaluated in batch]
        hits.tell([Evaluated(e.design, e.outcome, cached=True) for e in batch])


@every_search
@pytest.mark.parametrize("objective", ["latency_cycles", "energy_pj", "edp_js"])
def test_the_optimum_of_a_30_point_space_is_found(name, preset, objective):
    task = toy_task(SMALL, objectives=(objective,))
    outcomes = simulate(task, [task.space.unrank(rank) for rank in range(task.space.size)])
    best = min(o.get(objective) for o in outcomes if isinstance(o, Metrics))
    assert any(isinstance(o, Infeasible) for o in outcomes)
    search = start(name, task, preset=preset)
    found = [e.outcome.get(objective) for _ in range(30) for e in step(search, 1) if isinstance(e.outcome, Metrics)]
    assert min(found) == best


@every_transfer
def test_with_a_lab_a_run_is_repeatable_and_a_restored_one_equals_it(name):
    task = TASKS["targets"]()
    first, second = (start(name, task, 5, sources=lab()) for _ in range(2))
    history = [evaluated for _ in range(6) for evaluated in step(first)]
    assert [evaluated for _ in range(6) for evaluated in step(second)] == history
    restored = start(name, task, 5, sources=lab())
    restored.restore(loads(dumps(first.state(), allow_nan=False)), history)
    for _ in range(4):
        assert step(restored) == step(first)
    assert restored.state() == first.state()


@every_transfer
def test_with_a_lab_a_small_space_in_which_nothing_fits_is_exhausted_exactly(name):
    search = start(name, toy_task(SMALL), sources=lab())
    asked: list[Design] = []
    while designs := search.ask(7):
        search.tell([Evaluated(design, nothing_fits(design)) for design in designs])
        asked += designs
    assert sorted(asked) == [search.space.unrank(rank) for rank in range(search.space.size)]


@pytest.mark.parametrize("name", [case for case in NAMES if not SEARCHES[str(case.values[0])].transfers])
def test_a_search_that_says_it_does_not_transfer_does_not(name):
    without, given = start(name, toy_task()), start(name, toy_task(), sources=lab())
    for _ in range(10):
        assert step(without) == step(given)


@pytest.mark.parametrize(("name", "preset"), [each for each in EVERY if not SEARCHES[str(each.values[0])].ahead])
def test_any_other_is_told_of_all_that_it_asked_for_before_it_is_asked_again(name, preset):
    search = start(name, toy_task(), preset=preset)
    designs = search.ask(2)
    with pytest.raises(RuntimeError, match="was told"):
        search.tell([Evaluated(designs[0], nothing_fits(designs[0]))])
    with pytest.raises(RuntimeError, match="asked again"):
        search.ask(2)
    with pytest.raises(RuntimeError, match="no state"):
        search.state()


@pytest.mark.parametrize("name", SEARCHES)
def test_it_is_listed_under_its_name_and_every_setting_has_a_default_and_a_description(name):
    search = SEARCHES[name]
    assert search.name == name
    assert search.summary
    for field, info in search.Settings.model_fields.items():
        assert info.description, field
        assert not info.is_required(), field
    search.Settings()


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_setting_or_preset_is_named_in_one_line(name):
    with pytest.raises(UserError, match="unknown key 'nonsense'"):
        search_settings(name, {"nonsense": 1})
    with pytest.raises(UserError, match="There is no preset"):
        search_settings(name, {}, "nonsense")


def test_a_misspelt_search_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'anneal'"):
        search_settings("aneal", {})


def test_the_middle_toy_space_has_what_the_contract_is_about():
    task = toy_task(MIDDLE)
    outcomes = simulate(task, [task.space.unrank(rank) for rank in range(task.space.size)])
    assert 0.1 < sum(isinstance(o, Infeasible) for o in outcomes) / len(outcomes) < 0.5
