"""Searches compared: ordinary runs that are never repeated, the same knowledge for each, and quartiles of what came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from math import inf
from pathlib import Path
from typing import Any

import pytest

from store.database import Lab
from tests.toy import SMALL, ToySimulator, toy_content, toy_task
from tests.toy_search import Learner
from workbench.compare import Comparison, Contender, Entry, Quartiles, entries, outcome, summary, work
from workbench.errors import UserError
from workbench.knowledge import Knowledge, given
from workbench.problem.template import Template
from workbench.runner import RunSpec, run, start
from workbench.searches import SEARCHES
from workbench.simulators import SIMULATORS
from workbench.stop import Stop


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIMULATORS, "toy", ToySimulator)
    monkeypatch.setitem(SEARCHES, "learner", Learner)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.open(tmp_path / "lab.db") as opened:
        yield opened


def contenders(*labels: str) -> tuple[Contender, ...]:
    return tuple(Contender(label, label.split(":")[0], label.partition(":")[2] or None) for label in labels)


def comparison(*labels: str, seeds: int = 2, budget: int = 12, **changes: Any) -> Comparison:
    made = Comparison((toy_task(),), contenders(*labels), tuple(range(seeds)), Stop(budget=budget), "toy")
    return replace(made, **changes)


def finish(lab: Lab, wanted: Comparison) -> list[Entry]:
    list(work(lab, entries(lab, wanted)))
    found = entries(lab, wanted)
    assert all(entry.done for entry in found)
    return found


def points(lab: Lab, found: Sequence[Entry]) -> list[list[bytes]]:
    return [[point.codes for point in lab.points(entry.row.id)] for entry in found if entry.row]


def other_arch() -> RunSpec:
    template = Template.from_content({**toy_content(SMALL), "name": "other"})
    return RunSpec(replace(toy_task(), template=template), "uniform", simulator="toy", stop=Stop(budget=12))


def done(lab: Lab, spec: RunSpec) -> str:
    row = start(lab, spec)
    assert list(run(lab, row.id))
    return lab.run(row.id).uuid


def test_every_search_has_a_run_for_each_task_and_seed_and_none_is_made_twice(lab):
    wanted = comparison("uniform", "anneal", "anneal:paper")
    assert [entry.row for entry in entries(lab, wanted)] == [None] * 6
    found = finish(lab, wanted)
    assert [(e.spec.seed, e.contender.label, e.row.points) for e in found if e.row] == [
        (seed, label, 12) for seed in (0, 1) for label in ("uniform", "anneal", "anneal:paper")
    ]
    assert len(lab.runs()) == 6
    assert list(work(lab, entries(lab, wanted))) == []
    more = finish(lab, comparison("anneal", "uniform", "genetic", seeds=3))
    assert len(lab.runs()) == 6 + 3 + 2
    assert {e.row.id for e in more if e.row} >= {e.row.id for e in found if e.row and e.contender.preset is None}


def test_an_ordinary_run_that_was_asked_for_the_same_is_taken_and_others_are_not(lab):
    same = RunSpec(toy_task(), "uniform", simulator="toy", seed=1, stop=Stop(budget=12), note="mine")
    done(lab, same)
    for other in (
        replace(same, batch=3),
        replace(same, seed=5),
        replace(same, stop=Stop(budget=13)),
        replace(same, simulator_settings={"delay_s": 0.001}),
        replace(same, task=toy_task(objectives=("energy_pj",))),
    ):
        done(lab, other)
    assert [entry.row.id if entry.row else None for entry in entries(lab, comparison("uniform"))] == [None, 1]


def test_stopped_after_every_step_it_ends_with_the_same_runs(tmp_path):
    wanted = comparison("uniform", "genetic", seeds=2)
    with Lab.open(tmp_path / "one.db") as whole, Lab.open(tmp_path / "many.db") as parts:
        expected = points(whole, finish(whole, wanted))
        while not all(entry.done for entry in entries(parts, wanted)):
            list(islice(work(parts, entries(parts, wanted)), 1))
        assert points(parts, entries(parts, wanted)) == expected
        assert len(parts.runs()) == len(whole.runs()) == 4


def test_asked_to_stop_it_leaves_the_rest_for_another_time(lab):
    stops = iter((False, False, True, True))
    list(work(lab, entries(lab, comparison("uniform")), lambda: next(stops)))
    assert [(row.status, row.points) for row in lab.runs()] == [("paused", 4)]


def test_no_search_learns_from_the_tasks_that_are_compared(lab):
    other = done(lab, other_arch())
    done(lab, RunSpec(toy_task(objectives=("energy_pj",)), "uniform", simulator="toy", stop=Stop(budget=12)))
    found = finish(lab, comparison("uniform", "learner"))
    known = {entry.contender.label: entry.knowledge for entry in found}
    assert known == {"uniform": Knowledge(), "learner": Knowledge(sources=((other, 12),))}  # type: ignore[arg-type]
    assert all(entry.row and given(lab, entry.row.id) == entry.knowledge for entry in found)


def test_what_the_lab_has_learnt_since_makes_other_runs_of_those_that_learn(lab):
    before = finish(lab, comparison("uniform", "learner", seeds=1))
    done(lab, other_arch())
    now = entries(lab, comparison("uniform", "learner", seeds=1))
    assert [entry.row is not None for entry in now] == [True, False]
    ignorant = entries(lab, comparison("uniform", "learner", seeds=1, sources=("none",)))
    assert [entry.row for entry in ignorant] == [entry.row for entry in before]


def test_runs_that_are_named_are_given_to_those_that_learn(lab):
    uuid = done(lab, other_arch())
    found = entries(lab, comparison("uniform", "learner", seeds=1, sources=("1",)))
    assert [entry.knowledge.sources for entry in found] == [(), ((uuid, 12),)]
    with pytest.raises(UserError, match="'uniform' learns from no other run"):
        entries(lab, comparison("uniform", sources=("1",)))


def test_what_does_not_exist_is_refused_before_anything_is_stored(lab):
    for wrong, message in (
        (comparison("uniform", "aneal"), "Did you mean 'anneal'"),
        (comparison("anneal:papers"), "Did you mean 'paper'"),
        (comparison("uniform", simulator="toi"), "Did you mean 'toy'"),
        (comparison("learner", sources=("auto", "1")), "each without the others"),
    ):
        with pytest.raises(UserError, match=message):
            entries(lab, wrong)
    with pytest.raises(UserError, match="named twice"):
        comparison("uniform", "uniform")
    with pytest.raises(UserError, match="at least one"):
        comparison("uniform", seeds=0)
    assert lab.runs() == []


def test_designs_to_the_targets_are_counted_to_the_first_that_meets_them(lab):
    task = toy_task(targets=("energy_pj<=5e6",))
    for entry in finish(lab, comparison("uniform", tasks=(task,), seeds=4, budget=60)):
        assert entry.row is not None
        of = outcome(lab, entry.row)
        met = [p.energy_pj is not None and p.energy_pj <= 5e6 * 1.01 for p in lab.points(entry.row.id)]
        assert of.to_target == (met.index(True) + 1 if any(met) else None)
        assert of.met_by(60) == any(met)
        assert not of.met_by((of.to_target or 61) - 1)
        assert of.volume_at(0) == 0.0
        assert of.volume_at(10**9) == lab.run(entry.row.id).hypervolume
        assert len(of.search_seconds) == len(of.volumes) == entry.row.steps
        assert all(0 < each < 10 for each in of.search_seconds)


def test_quartiles_count_a_failure_as_beyond_all():
    assert Quartiles.of([3.0]) == Quartiles(3.0, 3.0, 3.0)
    assert Quartiles.of([4.0, 1.0, 2.0, 3.0, 5.0]) == Quartiles(2.0, 3.0, 4.0)
    assert Quartiles.of([1.0, 2.0, 3.0, 4.0]) == Quartiles(1.75, 2.5, 3.25)
    assert Quartiles.of([inf, 1.0, 2.0, 3.0, inf]) == Quartiles(2.0, 3.0, None)
    assert Quartiles.of([1.0, inf]) == Quartiles(None, None, None)


def test_a_summary_tells_of_all_runs(lab):
    task = toy_task(targets=("energy_pj<=1",))
    found = finish(lab, comparison("uniform", tasks=(task,), seeds=3))
    of = summary([outcome(lab, e.row) for e in found if e.row], 12, targets=True)
    assert (of.runs, of.met, of.to_target) == (3, 0, Quartiles(None, None, None))
    medians = [volume.median for volume in of.volumes if volume.median is not None]
    assert len(medians) == 3
    assert medians == sorted(medians)
    assert of.search_seconds is not None
    assert of.search_seconds_most is not None
    assert 0 < of.search_seconds <= of.search_seconds_most
