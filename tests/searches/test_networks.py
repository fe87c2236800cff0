"""Searches that follow a network find what they look for, transfer what they are given, and load torch late."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from models.mlp import Training
from models.transfer import SourceNetwork, SourceSettings
from tests.toy import LARGE, MIDDLE, ToySettings, ToySimulator, toy_task, toy_workload
from workbench.errors import UserError
from workbench.problem.metrics import Infeasible, Metrics
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem, Search, Source, SourceModel
from workbench.searches.learning import (
    PREDICTED,
    predicted_metrics,
    quality_order,
    source_network,
    training_points,
    values,
)

NETWORKS = ("mlp", "transfer", "multitask")
TRANSFERRING = ("transfer", "multitask")
QUICK = {"epochs": 10, "pool": 1024}
SIMULATOR = ToySimulator(ToySettings())


def evaluated(task: Task, designs: list[Design]) -> tuple[Evaluated, ...]:
    return tuple(Evaluated(d, o) for d, o in zip(designs, SIMULATOR.evaluate(task, designs), strict=True))


def other_task() -> Task:
    """The same template on a layer four times as large."""
    return replace(toy_task(), workload=replace(toy_workload(2), name="other").single("conv2"))


@cache
def a_source(task_of: str = "same axes") -> Source:
    task = other_task() if task_of == "same axes" else toy_task({**MIDDLE, "d1": [1, 4, 16]})
    designs = list(dict.fromkeys(task.space.sample(80, np.random.default_rng(1))))
    return Source("run 1", task, evaluated(task, designs))


@cache
def a_model(task_of: str = "same axes") -> SourceModel:
    source = a_source(task_of)
    settings = SourceSettings(training=Training(epochs=60), folds=0, allocate_epochs=20)
    task = source.arch_task
    return SourceModel("model 1", task, source_network(task, source.points, settings).to_bytes())


def start(name: str, problem: Problem, seed: int = 0, **settings: object) -> Search:
    return SEARCHES[name](problem, search_settings(name, {**QUICK, **settings}), seed)


def go(search: Search, steps: int, limit: int = 4) -> list[Evaluated]:
    history: list[Evaluated] = []
    for _ in range(steps):
        batch = evaluated(search.problem.arch_task, search.ask(limit))
        search.tell(batch)
        history += batch
    return history


def best(history: list[Evaluated], metric: str) -> float:
    return min(e.outcome.get(metric) for e in history if isinstance(e.outcome, Metrics))


def test_listing_the_searches_loads_no_torch():
    code = "import sys, workbench.searches, workbench.cli; print('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.stdout.split() == ["False"]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_finds_better_designs_than_chance(name):
    task = toy_task(LARGE, objectives=("edp_js",))
    found = [best(go(start(name, Problem(task), seed, epochs=40), 15), "edp_js") for seed in range(3)]
    chance = [
        best(go(SEARCHES["uniform"](Problem(task), search_settings("uniform", {}), s), 15), "edp_js") for s in range(3)
    ]
    assert np.median(found) < 0.8 * np.median(chance)


def test_whether_a_search_transfers_is_what_it_says():
    assert [SEARCHES[name].transfers for name in NETWORKS] == [False, True, True]


@pytest.mark.parametrize("name", TRANSFERRING)
@pytest.mark.parametrize("given", ["models", "sources", "both"])
def test_what_the_lab_knows_changes_what_is_asked_and_a_resumed_run_equals_the_uninterrupted_one(name, given):
    sources = (a_source(),) if given != "models" else ()
    models = (a_model(),) if given != "sources" else ()
    problem = Problem(toy_task(), sources, models)
    going_on = start(name, problem, 3)
    history = go(going_on, 5)
    restored = start(name, problem, 3)
    restored.restore(going_on.state(), history)
    assert go(restored, 3) == go(going_on, 3)
    assert history != go(start(name, Problem(toy_task()), 3), 5)


def test_with_nothing_to_transfer_it_is_the_network_of_the_same_size_from_random_weights():
    task = toy_task()
    transfer = go(start("transfer", Problem(task), 4), 6)
    again = go(start("transfer", Problem(task, (Source("empty", other_task(), ()),)), 4), 6)
    assert transfer == again


def test_exploration_starts_from_the_estimate_of_a_source_of_the_same_axes():
    task = toy_task(objectives=("edp_js",))
    costs = [o.edp_js for d in range(task.space.size) if isinstance(o := outcome(task, d), Metrics)]
    estimated = go(start("transfer", Problem(task, models=(a_model(),))), 1, 8)
    drawn = go(start("transfer", Problem(task, models=(a_model(),)), start="random"), 1, 8)
    assert best(estimated, "edp_js") <= np.quantile(costs, 0.02)
    assert estimated != drawn


def outcome(task: Task, rank: int) -> Metrics | Infeasible:
    return SIMULATOR.evaluate(task, [task.space.unrank(rank)])[0]


def test_a_source_of_other_axes_gives_layers_but_no_estimate():
    task = toy_task()
    model = a_model("other axes")
    with_model = start("transfer", Problem(task, models=(model,)), 5)
    without = start("transfer", Problem(task), 5)
    assert with_model.ask(8) == without.ask(8)


def test_essential_weights_keep_their_bits_through_a_search():
    search = start("transfer", Problem(toy_task(), models=(a_model(),)))
    go(search, 6)
    regressor = search._learner._regressor  # type: ignore[attr-defined]
    for name, layer in SourceNetwork.from_bytes(a_model().content).transferred.items():
        weight = regressor.network.parts()[f"{name}.weight"].numpy()
        assert weight[layer.essential].tobytes() == layer.weight[layer.essential].tobytes()


@pytest.mark.parametrize("name", TRANSFERRING)
def test_a_source_model_that_cannot_be_read_is_named(name):
    with pytest.raises(UserError, match="'model 7' cannot be read"):
        start(name, Problem(toy_task(), models=(SourceModel("model 7", toy_task(), b"nonsense"),)))


def test_scenarios_use_other_tasks_or_do_not():
    known, model = a_source(), a_model()
    asked = {}
    for scenario in ("repeat", "merge", "multi"):
        problem = Problem(toy_task(), (known,), (model,))
        asked[scenario] = [e.design for e in go(start("multitask", problem, scenario=scenario), 6)]
    assert asked["repeat"] == [
        e.design for e in go(start("multitask", Problem(toy_task(), models=(model,)), scenario="repeat"), 6)
    ]
    assert asked["merge"] != asked["repeat"] != asked["multi"] != asked["merge"]


@pytest.mark.parametrize("qor", ["min", "product", "clipped", "mean"])
@pytest.mark.parametrize("front", ["weights", "non_dominated"])
@pytest.mark.parametrize("scale", ["log", "raw"])
def test_every_reading_of_the_paper_searches(qor, front, scale):
    for task in (toy_task(), toy_task(targets=("latency_cycles<=4000", "energy_pj<=2e6"))):
        history = go(start("transfer", Problem(task), epochs=2, qor=qor, front=front, scale=scale, initial="fan_in"), 4)
        assert len({e.design for e in history}) == 16


def test_area_is_predicted_where_it_is_wanted_and_edp_and_power_follow():
    assert predicted_metrics(toy_task()) == PREDICTED
    task = toy_task(objectives=("area_um2", "power_mw"))
    assert predicted_metrics(task) == (*PREDICTED, "area_um2")
    metrics = [o for rank in range(0, 3600, 97) if isinstance(o := outcome(task, rank), Metrics)]
    table = np.array([[m.energy_pj, m.latency_cycles, m.area_um2] for m in metrics])
    for name in ("energy_pj", "latency_cycles", "area_um2", "edp_js", "power_mw"):
        assert values(task, table, name) == pytest.approx([m.get(name) for m in metrics])
    assert len(go(start("mlp", Problem(task), width=16), 4)) == 16


def test_the_least_ratio_ranks_what_meets_both_targets_before_what_trades_one_away():
    task = toy_task(targets=("energy_pj<=100", "latency_cycles<=10"))
    predicted = np.array([[50.0, 11.0], [99.0, 9.9], [1.0, 20.0], [100.0, 9.0]])  # energy, latency
    assert quality_order(task, predicted, task.targets, "min").tolist() == [1, 3, 0, 2]
    assert quality_order(task, predicted, task.targets, "product").tolist()[0] == 2
    assert quality_order(task, predicted, task.targets, "clipped").tolist()[:2] == [3, 1]


def test_what_cannot_be_built_is_learnt_as_the_worst_and_nothing_from_nothing():
    task = toy_task()
    points = evaluated(task, [task.space.unrank(rank) for rank in range(0, 3600, 60)])
    data = training_points(task.space, points, PREDICTED)
    assert data is not None
    built = np.array([isinstance(e.outcome, Metrics) for e in points])
    assert 0 < built.sum() < len(points)
    assert (data.Y[~built] == data.Y[built].max(axis=0)).all()
    assert training_points(task.space, [e for e, ok in zip(points, built, strict=True) if not ok], PREDICTED) is None
    with pytest.raises(ValueError, match="none of the designs"):
        source_network(task, [e for e, ok in zip(points, built, strict=True) if not ok])


def test_the_state_stays_small_and_does_not_grow_with_equal_batches():
    search = start("mlp", Problem(toy_task()), width=8, epochs=1)
    go(search, 5)
    first = len(str(search.state()["search"]))
    go(search, 20)
    assert len(str(search.state()["search"])) <= first + 2
