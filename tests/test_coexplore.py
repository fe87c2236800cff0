"""Runs of co-exploration: nothing is trained outside the specification, nothing twice, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from store.database import Lab
from store.rows import Run
from tests.cotasks import SMALL, cotask
from workbench import coexplore, runner
from workbench.coexplore import NAME, CoEvaluator, chip_settings
from workbench.errors import UserError
from workbench.executor import Batch
from workbench.library import history, lookup
from workbench.problem.bounds import box
from workbench.problem.cotask import CoTask
from workbench.problem.metrics import ERROR_RATE, METRIC_UNITS, Metrics
from workbench.runner import RunSpec, start
from workbench.searches.base import Evaluated
from workbench.stop import Stop

ROOT = Path(__file__).resolve().parents[1]
HARDWARE = ("latency_cycles<=5000", "energy_pj<=2e6")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.open(tmp_path / "lab.db") as opened:
        yield opened


def spec(task: CoTask, budget: int = 8, **changes: Any) -> RunSpec:
    asked = RunSpec(task, "uniform", simulator=NAME, seed=1, batch=1, stop=Stop(budget=budget))
    return replace(asked, **changes)


def worked(lab: Lab, asked: RunSpec) -> Run:
    row = start(lab, asked)
    for _ in runner.run(lab, row.id):
        pass
    return lab.run(row.id)


def points(lab: Lab, row: Run, task: CoTask) -> list[Evaluated]:
    return history(lab, row.id, task.space)


def told(evaluated: list[Evaluated]) -> list[tuple[Any, ...]]:
    """With all that a comparison of metrics leaves out."""
    return [(e.design, e.outcome, e.cached, getattr(e.outcome, "trained", ())) for e in evaluated]


@pytest.fixture(scope="module")
def task() -> CoTask:
    return cotask(*HARDWARE, fixed=SMALL)


def test_only_what_keeps_the_specification_is_trained_and_only_that_can_be_on_the_front(lab: Lab, task: CoTask):
    row = worked(lab, spec(task))
    found = points(lab, row, task)
    built = [e.outcome for e in found if isinstance(e.outcome, Metrics)]
    within = [all(target.met(metrics) for target in task.specification) for metrics in built]
    assert {True, False} == set(within)
    assert [metrics.accuracy is not None for metrics in built] == within
    trained = {key for metrics in built for each in metrics.trained for key in each.keys}
    assert {each.key.hex() for each in lab.accuracies()} == trained
    best = min(metrics.get(ERROR_RATE) for metrics in built if metrics.accuracy is not None)
    members = [found[point.seq].outcome for point in lab.front(row.id)]
    assert {each.get(ERROR_RATE) for each in members if isinstance(each, Metrics)} == {best}
    assert json.loads(row.best or "") == {ERROR_RATE: best}
    assert row.status == "done"


def test_a_specification_that_nothing_keeps_trains_nothing_and_has_no_front(lab: Lab, task: CoTask):
    row = worked(lab, spec(replace(task, targets=cotask("latency_cycles<=1").targets)))
    assert lab.accuracies() == []
    assert lab.front(row.id) == []
    assert (row.points, row.best) == (8, "{}")


def test_a_second_run_trains_no_network_and_simulates_no_layer_again(lab: Lab, task: CoTask, monkeypatch: Any):
    first = worked(lab, spec(task))
    known = lab.accuracies()
    monkeypatch.setattr(coexplore, "training", None)  # calling it would break the run
    second = worked(lab, spec(task))
    assert lab.accuracies() == known
    assert (second.evaluations, second.hits) == (0, 8)
    again = points(lab, second, task)
    assert [e.outcome for e in again] == [e.outcome for e in points(lab, first, task)]


def test_accuracies_are_those_that_a_training_of_the_network_alone_measures(lab: Lab, task: CoTask):
    row = worked(lab, spec(replace(task, seeds=2), budget=4))
    measured = {each.key.hex(): each.accuracy for each in lab.accuracies()}
    solved = [e.outcome for e in points(lab, row, task) if isinstance(e.outcome, Metrics) and e.outcome.trained]
    assert solved
    for metrics in solved:
        means = [sum(measured[key] for key in each.keys) / 2 for each in metrics.trained]
        assert [each.accuracy for each in metrics.trained] == means
        assert metrics.accuracy == task.accuracy(means)


def test_without_an_error_rate_among_what_is_wanted_hardware_alone_is_searched(lab: Lab):
    task = cotask("area_um2<=1.5e6", objectives=("latency_cycles", "energy_pj"), fixed=SMALL)
    row = worked(lab, spec(task, budget=12))
    assert lab.accuracies() == []
    found = points(lab, row, task)
    members = [found[point.seq].outcome for point in lab.front(row.id)]
    assert members
    assert all(isinstance(each, Metrics) and each.area_um2 <= 1.5e6 for each in members)


def test_every_design_lies_in_the_box_of_the_task(lab: Lab, task: CoTask):
    wide = replace(task, objectives=(*METRIC_UNITS, ERROR_RATE))
    limits = box(wide)
    for each in points(lab, worked(lab, spec(task)), task):
        if isinstance(each.outcome, Metrics) and each.outcome.accuracy is not None:
            values = wide.values(each.outcome)
            assert all(low <= v <= high for low, v, high in zip(limits.lower, values, limits.upper, strict=True))


def test_a_run_stopped_within_a_training_goes_on_there_and_equals_the_uninterrupted(
    tmp_path: Path, task: CoTask, monkeypatch: Any
):
    monkeypatch.setattr(coexplore, "LOOK_SECONDS", 0.0)
    looks = iter(range(10**9))
    with Lab.open(tmp_path / "stopped.db") as stopped, Lab.open(tmp_path / "whole.db") as whole:
        row = start(stopped, spec(task))
        sessions = 0
        while stopped.run(row.id).status != "done":
            sessions += 1
            for _ in runner.run(stopped, row.id, lambda: next(looks) % 25 == 24):
                pass
            assert stopped.run(row.id).status in ("paused", "done")
        assert sessions > 2
        other = worked(whole, spec(task))
        assert told(points(stopped, stopped.run(row.id), task)) == told(points(whole, other, task))
        accuracies = [{each.key: each.accuracy for each in lab.accuracies()} for lab in (stopped, whole)]
        assert accuracies[0] == accuracies[1]
        assert stopped.unfinished_trainings() == []


@pytest.mark.slow
def test_a_run_killed_in_its_trainings_loses_none_and_ends_as_the_uninterrupted(tmp_path: Path):
    task = cotask(*HARDWARE, fixed=SMALL, recipe={**cotask().recipe, "epochs": 3, "batch": 8})
    path = tmp_path / "killed.db"
    with Lab.open(path) as killed, Lab.open(tmp_path / "whole.db") as whole:
        row = start(killed, spec(task, budget=6))
        kills = 0
        while kills < 3 and killed.run(row.id).status != "done":
            process = subprocess.Popen(
                [sys.executable, "-m", "workbench.cli", "resume", str(row.id), "--db", str(path)],
                cwd=ROOT,
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            trained = len(killed.accuracies())
            while process.poll() is None and not killed.unfinished_trainings() and len(killed.accuracies()) == trained:
                time.sleep(0.02)
            time.sleep(0.3 * kills)
            before = {each.key for each in killed.accuracies()}
            process.kill()
            process.wait(60)
            kills += 1
            assert before <= {each.key for each in killed.accuracies()}
        for _ in runner.run(killed, row.id):
            pass
        other = worked(whole, spec(task, budget=6))
        assert told(points(killed, killed.run(row.id), task)) == told(points(whole, other, task))
        assert killed.unfinished_trainings() == []


def test_data_that_is_no_longer_what_it_was_ends_the_run_in_one_line(lab: Lab, task: CoTask):
    first, second = task.networks
    changed = replace(task, networks=(replace(first, data_key="00" * 16), second))
    with pytest.raises(UserError, match="Data set 'digits' is not what it was when the run began"):
        worked(lab, spec(changed))
    assert lab.run(1).status == "failed"


def test_a_training_that_leads_nowhere_makes_the_design_one_that_cannot_be_built(lab: Lab, task: CoTask):
    wild = {"learning_rate": 10, "optimizer": "sgd", "weight_decay": 1, "batch": 2, "epochs": 1}
    asked = replace(task, recipe={**task.recipe, **wild}, targets=())
    evaluator = CoEvaluator(lab, asked, chip_settings({}), lookup(lab), 0)
    batch: Batch = evaluator.evaluate([asked.space.unrank(asked.space.size // 3)])
    (evaluated,) = batch.evaluated
    assert not isinstance(evaluated.outcome, Metrics)
    assert evaluated.outcome.resource == "training"
    assert "diverged" in evaluated.outcome.reason


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"search": "guided"}, "needs one architecture and one workload. For a co-exploration: uniform, anneal"),
        ({"simulator": "loopnest"}, "is evaluated by 'chip' alone"),
        ({"simulator_settings": {"mode": "exact"}}, "mode"),
    ],
)
def test_what_does_not_suit_a_co_exploration_is_refused(lab: Lab, task: CoTask, changes, says):
    with pytest.raises(UserError, match=says):
        start(lab, spec(task, **changes))
    assert lab.runs() == []
