"""Training: a function of network, data, recipe and seed, whatever interrupts it; measured on what it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from models.base import pack, unpack
from models.datasets.base import Dataset, Split
from models.datasets.digits import digits, strokes
from models.recipe import Recipe
from models.trainer import OUTSIDE, Outcome, Trainer, TrainingError, _changed, scored, train
from workbench.problem.family import load_family

SHORT = Recipe(epochs=3, batch=32)


def some(data: Dataset, train_images: int = 130, test_images: int = 40) -> Dataset:
    """The first images of a data set."""
    parts = ((data.train, train_images), (data.test, test_images))
    train, test = (Split(split.images[:n], split.labels[:n]) for split, n in parts)
    return replace(data, train=train, test=test)


Problem = tuple[list[Mapping[str, Any]], Dataset]


@pytest.fixture(scope="module", params=["resnet9_digits", "unet_digits"])
def problem(request: pytest.FixtureRequest) -> Problem:
    """A small network of each kind and something to train it on."""
    family = load_family(request.param)
    data = some(digits() if family.kind == "classification" else strokes())
    values = {**family.smallest(), **({"block1_skips": 1} if "block1_skips" in family.smallest() else {"height": 2})}
    return list(family.blueprint(values).plain()), data


def bare(outcome: Outcome) -> Outcome:
    """Without the time that it took."""
    return replace(outcome, seconds=0.0)


RECIPES = {
    "default": SHORT,
    "sgd": Recipe(epochs=3, batch=32, optimizer="sgd", schedule="constant", learning_rate=0.05),
    "moved": Recipe(epochs=3, batch=32, shift=2, flip=True),
    "patient": Recipe(epochs=8, batch=32, patience=1, schedule="constant"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_stopped_anywhere_ends_with_the_same_bits(problem: Problem, name: str):
    recipe = RECIPES[name]
    whole = Trainer(*problem, recipe, 7)
    states = [whole.state()]
    for _ in whole.steps():
        states.append(whole.state())
    expected, last = bare(whole.outcome()), _arrays(whole.state())
    for number in {0, 1, len(states) // 2, len(states) - 2, len(states) - 1}:
        resumed = Trainer(*problem, recipe, 7, states[number])
        assert _arrays(resumed.state()) == _arrays(states[number])
        assert sum(1 for _ in resumed.steps()) == len(states) - 1 - number
        assert _arrays(resumed.state()) == last
        assert bare(resumed.outcome()) == expected


def _arrays(state: bytes) -> bytes:
    """All of a state but the seconds."""
    arrays, header = unpack(state)
    header["progress"]["seconds"] = 0
    return pack(arrays, header)


def test_cores_and_the_global_generator_change_nothing_and_are_left_as_they_were(problem: Problem):
    found, threads = [], torch.get_num_threads()
    try:
        for cores in (1, 3):
            torch.set_num_threads(cores)
            torch.manual_seed(cores)
            before = torch.get_rng_state()
            found.append(bare(train(*problem, SHORT, 1)))
            assert torch.get_num_threads() == cores
            assert torch.equal(torch.get_rng_state(), before)
    finally:
        torch.set_num_threads(threads)
    assert found[0] == found[1]


def test_another_seed_draws_otherwise_and_a_recipe_is_heeded(problem: Problem):
    curves = [train(*problem, recipe, seed).curve for recipe, seed in ((SHORT, 1), (SHORT, 2), (RECIPES["sgd"], 1))]
    assert len({curve[0] for curve in curves}) == 3


def test_the_test_images_decide_nothing(problem: Problem):
    ops, data = problem
    wrong = replace(data, test=replace(data.test, labels=(data.test.labels + 1) % data.classes))
    first, second = train(ops, data, SHORT, 1), train(ops, wrong, SHORT, 1)
    assert (first.curve, first.validation, first.best_epoch) == (second.curve, second.validation, second.best_epoch)
    assert first.accuracy != second.accuracy


def test_the_weights_of_the_best_epoch_are_tested_and_patience_ends_it(problem: Problem):
    found = train(*problem, RECIPES["patient"], 3)
    scores = [epoch.score for epoch in found.curve]
    assert found.validation == scores[found.best_epoch - 1] == max(scores)
    assert found.epochs == len(scores)
    assert found.stopped == ("patience" if found.epochs - found.best_epoch == 1 else "epochs")
    assert train(*problem, Recipe(epochs=found.best_epoch, batch=32, schedule="constant"), 3).accuracy == found.accuracy


def test_it_learns():
    family = load_family("resnet9_digits")
    found = train(family.blueprint(family.smallest()).plain(), some(digits(), 600, 300), Recipe(epochs=12, batch=32), 0)
    assert found.accuracy > 0.4
    assert found.curve[-1].loss < found.curve[0].loss


def test_what_diverges_ends_with_the_best_before_or_says_why(problem: Problem):
    ops, data = problem
    with pytest.raises(TrainingError, match="diverged within its first epoch: try a learning_rate below 10"):
        train(ops, data, Recipe(epochs=3, batch=2, optimizer="sgd", learning_rate=10, weight_decay=1), 1)
    trainer = Trainer(ops, data, Recipe(epochs=9, batch=32), 1)
    moments = trainer.steps()
    while next(moments).epoch < 1:
        pass
    with torch.no_grad():
        next(trainer._net.parameters()).fill_(torch.nan)
    for _ in moments:
        pass
    found = trainer.outcome()
    assert (found.stopped, found.epochs, found.best_epoch) == ("diverged", 1, 1)


def test_a_state_of_another_training_is_refused(problem: Problem):
    state = Trainer(*problem, SHORT, 1).state()
    family = load_family("resnet9_digits")
    other = family.blueprint(family.nominal()).plain()
    for ops, content in ((other, state), (problem[0], b"nonsense"), (problem[0], pack({}, {"kind": "transfer"}))):
        with pytest.raises(TrainingError, match="The state is none of this training"):
            Trainer(ops, problem[1] if content is not state else some(digits()), SHORT, 1, content)


def test_the_least_that_a_data_set_may_have_is_enough():
    family = load_family("resnet9_digits")
    ops = family.blueprint(family.smallest()).plain()
    assert train(ops, some(digits(), 4, 1), Recipe(epochs=1, validation=0.5), 0).epochs == 1


def test_batches_differ_by_one_at_most_and_none_is_smaller_than_asked_for():
    family = load_family("resnet9_digits")
    trainer = Trainer(family.blueprint(family.smallest()).plain(), some(digits(), 100), Recipe(batch=32), 0)
    sizes = [len(numbers) for numbers, _ in trainer._order()]
    assert sum(sizes) == 85
    assert min(sizes) >= 32
    assert max(sizes) - min(sizes) <= 1
    assert len(np.unique(np.concatenate([numbers for numbers, _ in trainer._order()]))) == 85


@pytest.mark.parametrize(
    ("confusion", "top1", "iou"),
    [
        ([[3, 1], [2, 4]], 7 / 10, (3 / 6 + 4 / 7) / 2),
        ([[5, 0, 0], [0, 5, 0], [0, 0, 0]], 1.0, 1.0),
        ([[0, 4], [0, 0]], 0.0, 0.0),
    ],
)
def test_the_scores_of_counts(confusion, top1: float, iou: float):
    counts = np.array(confusion)
    assert scored(counts, "top1") == pytest.approx(top1)
    assert scored(counts, "mean_iou") == pytest.approx(iou)


def test_images_and_their_pixels_labels_are_moved_and_mirrored_alike():
    images = torch.arange(1, 13, dtype=torch.float32).view(1, 1, 3, 4).repeat(3, 1, 1, 1)
    changes = torch.tensor([[0, 0, 0], [1, -1, 0], [0, 0, 1]])
    moved, labels = _changed(images, images[:, 0].long(), changes, 1)
    assert torch.equal(moved[0], images[0])
    assert moved[1, 0].tolist() == [[0, 5, 6, 7], [0, 9, 10, 11], [0, 0, 0, 0]]
    assert torch.equal(moved[2], images[2].flip(-1))
    outside = labels == OUTSIDE
    assert torch.equal(outside, moved[:, 0] == 0)
    assert torch.equal(labels[~outside], moved[:, 0][~outside].long())
    assert torch.equal(_changed(images, torch.tensor([1, 2, 3]), changes, 1)[1], torch.tensor([1, 2, 3]))


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch": 1}, {"learning_rate": 0}, {"optimizer": "adam"}, {"lr": 1}])
def test_a_recipe_refuses_what_cannot_be(wrong):
    with pytest.raises(ValidationError):
        Recipe(**wrong)
