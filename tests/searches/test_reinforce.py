"""The policy gradient learns what is rewarded, from nothing but its seed and the designs it was told."""

from __future__ import annotations

from json import dumps
from statistics import median

import numpy as np
import pytest

from tests.searches.running import SEEDS, best, run
from tests.toy import toy_task
from workbench.problem.metrics import Infeasible, Metrics, Target
from workbench.problem.task import Task
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem
from workbench.searches.reinforce import Reinforce, ReinforceSettings, layer_dims

FAST = ReinforceSettings(learning_rate=3e-3)


def search(task: Task, settings: ReinforceSettings | None = None) -> Reinforce:
    return Reinforce(Problem(task), settings or ReinforceSettings(), seed=0)


def test_one_objective_is_lower_than_by_chance():
    task = toy_task(objectives=("edp_js",))
    learnt = median(best(task, run("reinforce", task, 150, s, 8, learning_rate=3e-3)) for s in range(4))
    assert learnt < median(best(task, run("uniform", task, 150, s)) for s in SEEDS)


def test_the_rewarded_choice_becomes_the_usual_one():
    task = toy_task(objectives=("energy_pj",))
    learner = search(task, FAST)
    shares = []
    for _ in range(40):
        asked = learner.ask(8)
        learner.tell([Evaluated(d, Metrics(1.0, 2.0 if d[2] == 7 else 4.0, 1.0)) for d in asked])
        shares.append(np.mean([d[2] == 7 for d in asked]))
    assert np.mean(shares[:5]) < 0.4
    assert np.mean(shares[-5:]) > 0.8


def test_designs_that_cannot_be_built_are_unlearnt():
    learner = search(toy_task(), FAST)
    refused = []
    for _ in range(30):
        asked = learner.ask(8)
        learner.tell(
            [
                Evaluated(d, Infeasible("no", "buffer", 2.0, 1.0) if d[0] < 3 else Metrics(1.0 + d[1], 1.0 + d[2], 1.0))
                for d in asked
            ]
        )
        refused.append(np.mean([d[0] < 3 for d in asked]))
    assert np.mean(refused[-5:]) < np.mean(refused[:5]) - 0.2


@pytest.mark.parametrize("goal", ["front", "targets"])
def test_what_it_learns_does_not_depend_on_how_the_history_came_in_batches(goal):
    task = toy_task(targets=("energy_pj<=2e6",) if goal == "targets" else ())
    history = run("uniform", task, 50, 1)
    state = search(task).state()
    learners = [search(task) for _ in range(2)]
    learners[0].restore(state, history)
    learners[1].restore(state, history[:17])
    learners[1]._tell(history[17:])
    for evaluated in history[17:]:
        learners[1].unseen.take(evaluated.design)
    assert learners[0].ask(20) == learners[1].ask(20)


def test_its_checkpoint_holds_no_weights():
    learner = search(toy_task())
    small = len(dumps(learner.state()))
    for _ in range(10):
        learner.tell([Evaluated(d, Metrics(1.0, 1.0 + d[0], 1.0)) for d in learner.ask(8)])
    assert len(dumps(learner.state())) < small + 50


def test_for_a_front_the_designs_of_one_update_share_their_weights():
    learner = search(toy_task(), ReinforceSettings(episodes=4))
    weights = [learner._weights(place) for place in range(16)]
    assert weights[:12] == [(0.5, 0.5)] * 4 + [(1.0, 0.0)] * 4 + [(0.0, 1.0)] * 4
    assert len(set(weights[12:])) == 1
    assert sum(weights[12]) == pytest.approx(1)


def test_meeting_the_targets_is_rewarded_beyond_coming_near():
    task = Task(toy_task().template, toy_task().workload, targets=(Target("energy_pj", 100.0),))
    learner = search(task)
    far, near, met = (learner._reward(0, Metrics(1.0, energy_pj, 1.0)) for energy_pj in (400.0, 100.01, 100.0))
    assert far == 0
    assert met - near > 0.99


def test_layers_are_described_relative_to_the_largest():
    assert layer_dims(toy_task()) == [1.0] * 7
    dims = layer_dims(toy_task(layers=3))
    assert all(0 < value <= 1 for value in dims)
    assert dims[0] < 1 == dims[2]


def test_it_is_made_without_touching_the_global_generator_of_torch():
    import torch

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    learner = SEARCHES["reinforce"](Problem(toy_task()), search_settings("reinforce", {}), 0)
    learner.ask(4)
    assert torch.rand(1) == expected
