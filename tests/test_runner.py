"""Runs: stored step by step, killed at any moment, resumed as if nothing had happened."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from store.address import Where
from store.connections import Writing
from store.database import Lab
from store.errors import BusyRunError, StoreError
from tests.searches.listed import NAMES
from tests.toy import SMALL, ToySimulator, toy_task
from workbench.errors import SimulatorError, UserError
from workbench.library import history
from workbench.pareto import non_dominated
from workbench.problem.metrics import Metrics
from workbench.problem.task import Task
from workbench.runner import RunSpec, Step, run, start
from workbench.searches import SEARCHES
from workbench.simulators import SIMULATORS
from workbench.stop import Stop

ROOT = Path(__file__).resolve().parents[1]
KILLS = 2
"""Of each search; `benchmarks/crash.py` has more."""


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIMULATORS, "toy", ToySimulator)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.open(tmp_path / "lab.db") as opened:
        yield opened


def spec(search: str = "anneal", budget: int = 30, **changes: Any) -> RunSpec:
    made = RunSpec(toy_task(), search, simulator="toy", seed=7, stop=Stop(budget=budget))
    return replace(made, **changes)


def kept(lab: Lab, run_id: int) -> tuple[object, ...]:
    """All of a run that must not depend on how often it was killed."""
    checkpoint = lab.checkpoint(run_id)
    row = lab.run(run_id)
    head = (row.status, row.steps, row.points, row.evaluations, row.hits, row.feasible, row.hypervolume, row.best)
    steps = [progress._replace(seconds=0.0, search_seconds=0.0) for progress in lab.history(run_id)]
    return checkpoint, lab.points(run_id), [p.seq for p in lab.front(run_id)], steps, head


@pytest.mark.parametrize("search", NAMES)
def test_a_run_is_stored_step_by_step_as_it_is_shown(lab, search):
    row = start(lab, spec(search))
    assert row.status == "queued"
    seen: list[Step] = []
    for step in run(lab, row.id):
        stored = lab.run(row.id)
        assert (stored.steps, stored.points, stored.hits) == (step.step, step.points, step.hits)
        assert stored.hypervolume == step.hypervolume
        assert len(lab.front(row.id)) == step.front_size
        seen.append(step)
    told = [evaluated for step in seen for evaluated in step.evaluated]
    assert history(lab, row.id, toy_task().space) == told
    assert len(told) == seen[-1].points == 30
    assert [step.stopped for step in seen] == [None] * (len(seen) - 1) + ["budget spent"]
    assert lab.run(row.id).status == "done"


@pytest.mark.parametrize("search", NAMES)
def test_front_bests_and_counts_are_those_of_the_points(lab, search):
    row = start(lab, spec(search))
    last = list(run(lab, row.id))[-1]
    told = history(lab, row.id, toy_task().space)
    built = [(i, e.outcome) for i, e in enumerate(told) if isinstance(e.outcome, Metrics)]
    values = [toy_task().values(metrics) for _, metrics in built]
    on_front = [seq for (seq, _), member in zip(built, non_dominated(values), strict=True) if member]
    assert [point.seq for point in lab.front(row.id)] == on_front
    assert last.feasible == len(built)
    assert last.evaluations + last.hits == last.points
    assert tuple(last.best.values()) == tuple(min(column) for column in zip(*values, strict=True))
    assert 0 < last.hypervolume < 1


@pytest.mark.parametrize("search", NAMES)
def test_hypervolume_never_falls(lab, search):
    row = start(lab, spec(search))
    volumes = [step.hypervolume for step in run(lab, row.id)]
    assert volumes == sorted(volumes)


@pytest.mark.parametrize("search", NAMES)
def test_stopping_after_every_step_changes_nothing(tmp_path, search):
    with Lab.open(tmp_path / "one.db") as whole, Lab.open(tmp_path / "many.db") as parts:
        assert list(run(whole, start(whole, spec(search)).id))
        row = start(parts, spec(search))
        statuses = []
        while parts.run(row.id).status != "done":
            stops = iter((False, True))
            assert len(list(run(parts, row.id, should_stop=lambda stops=stops: next(stops)))) == 1  # type: ignore[misc]
            statuses.append(parts.run(row.id).status)
        assert set(statuses) == {"paused", "done"}
        assert len(statuses) == parts.run(row.id).steps
        assert kept(parts, row.id) == kept(whole, 1)


def test_closing_the_generator_pauses_the_run(lab):
    row = start(lab, spec())
    working = run(lab, row.id)
    next(working)
    assert lab.run(row.id).status == "running"
    working.close()
    assert lab.run(row.id).status == "paused"
    assert [step.step for step in run(lab, row.id)] == list(range(2, 9))


def test_a_run_asked_to_stop_at_once_does_nothing_and_a_done_run_yields_nothing(lab):
    row = start(lab, spec())
    assert list(run(lab, row.id, should_stop=lambda: True)) == []
    assert lab.run(row.id).status == "paused"
    assert list(run(lab, row.id))
    assert list(run(lab, row.id)) == []
    assert lab.run(row.id).status == "done"


@pytest.mark.parametrize("search", NAMES)
def test_the_same_run_again_simulates_nothing(lab, tmp_path, search):
    log = tmp_path / "log"
    settings = {"log": str(log)}
    logged = spec(search, simulator_settings=settings, task=toy_task(layers=2), sources=("none",))  # not of the first
    first = list(run(lab, start(lab, logged).id))
    lines = log.read_text().splitlines()
    second = list(run(lab, start(lab, logged).id))
    assert log.read_text().splitlines() == lines
    assert len(set(lines)) == len(lines)
    assert second[-1].hits == second[-1].points == 30
    assert second[-1].evaluations == 0
    same = [[(e.design, e.outcome) for step in steps for e in step.evaluated] for steps in (first, second)]
    assert same[0] == same[1]


def test_uniform_finds_the_same_in_batches_of_any_size(lab):
    runs = [start(lab, spec("uniform", batch=batch)) for batch in (1, 7, 64)]
    designs = []
    for row in runs:
        assert list(run(lab, row.id))
        designs.append([(point.codes, point.latency_cycles) for point in lab.points(row.id)])
    assert designs[0] == designs[1] == designs[2]


def test_a_space_smaller_than_the_budget_is_exhausted(lab):
    row = start(lab, spec(task=toy_task(SMALL), budget=300, batch=7))
    steps = list(run(lab, row.id))
    assert steps[-1].points == 30
    assert steps[-1].stopped == "space exhausted"


def test_targets_met_within_the_margin_end_the_run_unless_told_otherwise(lab):
    bound = 5e6
    task = toy_task(targets=(f"energy_pj<={bound}",))
    met = list(run(lab, start(lab, spec(task=task, budget=300)).id))[-1]
    assert met.stopped == "targets met"
    assert met.best_quality is not None
    assert met.best_quality >= 1 / 1.01
    on = list(run(lab, start(lab, spec(task=task, stop=Stop(budget=60, targets_met=False))).id))[-1]
    assert on.stopped == "budget spent"
    assert on.best_quality is not None
    assert on.best_quality >= met.best_quality


def test_time_and_standstill_end_a_run(lab):
    late = list(run(lab, start(lab, spec(stop=Stop(wall_seconds=1e-9))).id))
    assert [step.stopped for step in late] == ["time is up"]
    still = list(run(lab, start(lab, spec(stop=Stop(budget=3000, stalled_steps=5))).id))
    assert still[-1].stopped == "no gain in hypervolume over 5 steps"
    assert still[-1].hypervolume == still[-6].hypervolume > still[-7].hypervolume


def test_a_broken_simulator_fails_the_run_with_its_message_and_a_mended_one_goes_on(lab, monkeypatch):
    row = start(lab, spec())
    working = run(lab, row.id)
    shown = [next(working)]

    def breaks(*_: object) -> None:
        raise SimulatorError("toy: out of licences")

    with monkeypatch.context() as broken:
        broken.setattr(ToySimulator, "evaluate", breaks)
        with pytest.raises(SimulatorError, match="licences"):
            shown.extend(working)  # up to where it breaks
    assert shown[-1].points == lab.run(row.id).points, "all that is stored was shown"
    assert (lab.run(row.id).status, lab.run(row.id).error) == ("failed", "toy: out of licences")
    assert list(run(lab, row.id))[-1].points == 30
    assert (lab.run(row.id).status, lab.run(row.id).error) == ("done", None)


def test_a_run_of_another_simulator_version_is_not_gone_on_with(lab, monkeypatch):
    row = start(lab, spec())
    monkeypatch.setattr(ToySimulator, "fingerprint", "toy 2")
    with pytest.raises(UserError, match="'toy 1', and this is 'toy 2'"):
        next(run(lab, row.id))
    assert lab.run(row.id).status == "queued"


def test_what_cannot_run_is_refused_before_anything_is_stored(lab):
    refused: list[tuple[dict[str, Any], str]] = [
        ({"search": "aneal"}, "Did you mean 'anneal'"),
        ({"simulator": "toi"}, "Did you mean 'toy'"),
        ({"search_settings": {"steps": 0}}, "steps"),
        ({"simulator_settings": {"delay": 1}}, "unknown key 'delay'"),
        ({"preset": "papers"}, "Did you mean 'paper'"),
    ]
    for wrong, message in refused:
        with pytest.raises(UserError, match=message):
            start(lab, spec(**wrong))
    for batch in (0, 2**31):
        with pytest.raises(UserError, match="from 1 to"):
            spec(batch=batch)
    with pytest.raises(UserError, match="from 0 to"):
        spec(seed=-1)
    assert lab.runs() == []


def test_a_run_keeps_its_task_with_the_order_of_its_axes(lab):
    row = start(lab, spec())
    kept_task = Task.from_canonical(json.loads(row.task))
    assert kept_task.space == toy_task().space
    assert kept_task.key == row.task_key == toy_task().key


def test_a_run_keeps_its_settings_whole(lab):
    row = start(lab, spec(preset="paper", search_settings={"steps": "80"}))
    settings = json.loads(row.search_settings)
    assert settings["cost"] == "edp_js"
    assert settings["steps"] == 80
    assert settings.keys() == SEARCHES["anneal"].Settings.model_fields.keys()


def test_a_run_says_that_it_lives_while_a_step_takes_long(lab, monkeypatch):
    """Seen from another host, its owner would be taken for dead after a while."""
    monkeypatch.setattr("workbench.runner.BEAT_SECONDS", 0.02)
    row = start(lab, spec(simulator_settings={"delay_s": 0.5}))
    steps = run(lab, row.id)
    next(steps)
    told = lab.run(row.id)
    assert told.heartbeat_ns is not None
    worker = threading.Thread(target=next, args=(steps,))
    worker.start()
    sleep(0.25)
    later = lab.run(row.id)
    worker.join()
    steps.close()
    assert later.steps == told.steps == 1
    assert later.heartbeat_ns is not None
    assert later.heartbeat_ns > told.heartbeat_ns


def work(path: Where, run_id: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.toy_worker", str(path), str(run_id)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


def test_a_run_that_another_process_works_on_is_left_to_it(lab):
    row = start(lab, spec(simulator_settings={"delay_s": 60.0}))
    process = work(lab.path, row.id)
    try:
        while lab.run(row.id).status == "queued":
            sleep(0.01)
        with pytest.raises(BusyRunError):
            next(run(lab, row.id))
    finally:
        process.kill()
        process.communicate()
    assert lab.live_status(lab.run(row.id)) == "interrupted"


@pytest.mark.slow
@pytest.mark.parametrize("search", NAMES)
def test_killed_at_random_moments_and_resumed_it_equals_the_uninterrupted_run(tmp_path, search):
    wanted = spec(search, budget=80, simulator_settings={"delay_s": 0.004})
    with Lab.open(tmp_path / "whole.db") as whole:
        assert list(run(whole, start(whole, wanted).id))
        expected = kept(whole, 1)
    moments = random.Random(3)
    with Lab.open(tmp_path / "killed.db") as lab:
        row = start(lab, wanted)
        kills = 0
        while lab.run(row.id).status != "done":
            process = work(lab.path, row.id)
            if kills < KILLS:
                sleep(moments.uniform(0.0, 0.15))
                process.kill()
                kills += 1
            process.communicate()
            told = history(lab, row.id, toy_task().space)
            assert len(told) == lab.run(row.id).points
        assert kills == KILLS
        assert kept(lab, row.id) == expected


def test_a_slow_disk_changes_nothing(tmp_path, monkeypatch):
    """What the step under way found is known to the next one before it can be read."""
    commit = Writing.commit

    def late(writing: Writing) -> None:
        sleep(0.02)
        commit(writing)

    with Lab.open(tmp_path / "quick.db") as quick, Lab.open(tmp_path / "slow.db") as slow:
        wanted = list(run(quick, start(quick, spec()).id))
        monkeypatch.setattr(Writing, "commit", late)
        shown = []
        for step in run(slow, start(slow, spec()).id):
            assert slow.run(1).points == step.points, "it is shown when it is stored"
            shown.append(step)
        assert [(step.points, step.hits) for step in shown] == [(step.points, step.hits) for step in wanted]
        assert kept(slow, 1) == kept(quick, 1)
        assert slow.run(1).hits == quick.run(1).hits


def test_errors_of_the_lab_are_not_taken_for_errors_of_the_simulator(lab, monkeypatch):
    row = start(lab, spec())

    def full(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Lab, "begin_step", full)
        with pytest.raises(StoreError, match="full"):
            next(run(lab, row.id))
    assert lab.run(row.id).status == "interrupted"
    assert list(run(lab, row.id))[-1].points == 30
