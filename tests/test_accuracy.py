"""Accuracies are measured by training, once in a lab; killed or stopped, nothing is lost; predictions stay such."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from json import loads
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from models.datasets.base import Dataset, Split
from models.datasets.digits import digits, strokes
from models.recipe import Recipe
from models.trainer import train
from store.accuracies import NewAccuracy, Subject
from store.database import Lab
from store.rows import Accuracy
from workbench.accuracy import measuring
from workbench.accuracy.candidate import TRAINER, Candidate, images_of, load_data
from workbench.accuracy.measuring import measure, remembered, training
from workbench.accuracy.predicting import LEAST, Predictor
from workbench.errors import UserError
from workbench.library import canonical
from workbench.problem.family import load_family

ROOT = Path(__file__).resolve().parents[1]
SHORT = Recipe(epochs=2, batch=32)
RESNET, UNET = load_family("resnet9_digits"), load_family("unet_digits")


def few(data: Dataset) -> Dataset:
    """Its first images."""
    parts = ((data.train, 80), (data.test, 40))
    train_split, test_split = (Split(split.images[:n], split.labels[:n]) for split, n in parts)
    return replace(data, train=train_split, test=test_split)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return few(digits())


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.open(tmp_path / "lab.db") as opened:
        yield opened


def small(on: Dataset, **changes: Any) -> Candidate:
    return replace(Candidate(RESNET, RESNET.smallest(), on, SHORT, 3), **changes)


def told(row: Accuracy) -> tuple[object, ...]:
    """What a row says but for the time that it took."""
    return row._replace(seconds=0.0, created_ns=0, digest=b"")


def row_of(lab: Lab, candidate: Candidate) -> Accuracy:
    return lab.accuracies_of([candidate.key])[candidate.key]


def test_what_is_measured_is_what_the_trainer_finds_and_is_kept_with_all_that_it_depends_on(lab: Lab, data: Dataset):
    candidate = small(data)
    assert remembered(lab, [candidate]) == [None]
    found = measure(lab, candidate)
    outcome = train(candidate.blueprint.plain(), data, SHORT, 3)
    assert (found.accuracy, found.validation, found.epochs) == (outcome.accuracy, outcome.validation, outcome.epochs)
    assert (found.metric, found.parameters, found.macs) == ("top1", 648, 9296)
    row = row_of(lab, candidate)
    assert (row.family, row.data, row.seed, row.trainer) == ("resnet9_digits", "digits", 3, TRAINER)
    assert (row.family_key, row.data_key) == (RESNET.key, data.digest)
    assert loads(row.recipe) == SHORT.model_dump()
    assert loads(row.design) == RESNET.smallest()
    assert loads(row.network) == candidate.blueprint.plain()
    assert [epoch["score"] for epoch in loads(row.report)["curve"]] == [epoch.score for epoch in outcome.curve]
    assert lab.unfinished_trainings() == []
    assert lab.problems() == []


def test_what_was_measured_is_never_trained_again(lab: Lab, data: Dataset, monkeypatch: pytest.MonkeyPatch):
    found = measure(lab, small(data))
    monkeypatch.setattr("models.trainer.Trainer", None)
    assert measure(lab, small(data)) == found
    assert remembered(lab, [small(data), small(data, seed=4), small(data)]) == [found, None, found]


def test_a_key_is_that_of_network_data_recipe_and_seed_and_of_nothing_else(data: Dataset, tmp_path: Path):
    candidate = small(data)
    for change in (
        {"values": {**RESNET.smallest(), "block1_skips": 1}},
        {"data": replace(data, test=data.train)},
        {"recipe": Recipe(epochs=3, batch=32)},
        {"seed": 4},
    ):
        assert small(data, **change).key != candidate.key
    assert small(replace(data, name="renamed")).key == candidate.key
    other = tmp_path / "other.yaml"
    other.write_text(
        "name: other\nimages: {channels: 1, size: 8, classes: 10}\n"
        "network: {builder: resnet, stem: {filters: 2}, blocks: [{filters: 4, pool: 2}, {filters: 4, pool: 2}, "
        "{filters: 8}]}\naxes: {stem: {sets: stem.filters, choices: [2, 4]}}\n"
    )
    family = load_family(str(other))
    assert family.key != RESNET.key
    assert Candidate(family, family.nominal(), data, SHORT, 3).key == candidate.key, "the same network"


def test_a_design_whose_axis_does_not_matter_is_the_network_that_was_trained(lab: Lab):
    data = few(strokes())
    first = Candidate(UNET, {**UNET.smallest(), "level3_filters": 64}, data, SHORT)
    second = Candidate(UNET, {**UNET.smallest(), "level2_filters": 32}, data, SHORT)
    found = measure(lab, first)
    assert remembered(lab, [second]) == [found]
    assert found.metric == "mean_iou"
    assert loads(row_of(lab, second).design) == UNET.smallest()


def test_a_training_that_is_stopped_is_gone_on_with_and_ends_with_the_same_bits(
    lab: Lab, data: Dataset, tmp_path: Path
):
    candidate = small(data)
    batches = 0
    for stop_after in (1, 2, 1):
        moments = training(lab, candidate)
        for _ in range(stop_after):
            last = next(moments)
        moments.close()
        batches += stop_after
        (unfinished,) = lab.unfinished_trainings()
        assert (unfinished.epochs, unfinished.batches, unfinished.live) == (last.epoch, last.batch, False)
        assert last.epoch * last.batches + last.batch == batches
    left = list(training(lab, candidate))
    with Lab.open(tmp_path / "whole.db") as whole:
        assert len(list(training(whole, candidate))) == batches + len(left)
        assert told(row_of(lab, candidate)) == told(row_of(whole, candidate))
    assert list(training(lab, candidate)) == []


def test_what_breaks_within_a_batch_leaves_the_state_before_it(lab: Lab, data: Dataset, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(measuring, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(measuring, "KEEP_PART", 1e9)
    moments = training(lab, small(data))
    next(moments)
    with monkeypatch.context() as broken:
        broken.setattr("models.trainer.functional.cross_entropy", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            next(moments)
    (unfinished,) = lab.unfinished_trainings()
    assert (unfinished.epochs, unfinished.batches, unfinished.live) == (0, 1, False)
    with Lab.open(tmp_path / "whole.db") as whole:
        measure(whole, small(data))
        measure(lab, small(data))
        assert told(row_of(lab, small(data))) == told(row_of(whole, small(data)))


KILLED = """
import sys
from store.database import Lab
from tests.test_accuracy import RESNET, SHORT, Candidate, digits, few, measuring, training
measuring.KEEP_SECONDS = 0.0
measuring.KEEP_PART = 1e9
with Lab.open(sys.argv[1]) as lab:
    for moment in training(lab, Candidate(RESNET, RESNET.smallest(), few(digits()), SHORT, 3)):
        print(moment.epoch, moment.batch, flush=True)
        if moment.epoch == 1:
            sys.stdin.read()
"""


@pytest.mark.slow
def test_a_killed_training_loses_nothing_and_another_process_waits_for_it(lab: Lab, data: Dataset, tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(lab.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        assert [process.stdout.readline().split() for _ in range(2)] == [["0", "1"], ["1", "0"]]
        said: list[str] = []
        waiting = threading.Thread(target=lambda: measure(lab, small(data), said.append))
        waiting.start()
        while not said:
            time.sleep(0.01)
        assert f"Process {process.pid} on" in said[0]
        assert "trains this network of 'resnet9_digits' already" in said[0]
        assert waiting.is_alive()
    finally:
        process.kill()
        process.communicate()
    waiting.join(30)
    assert not waiting.is_alive()
    with Lab.open(tmp_path / "whole.db") as whole:
        measure(whole, small(data))
        assert told(row_of(lab, small(data))) == told(row_of(whole, small(data)))
    assert lab.unfinished_trainings() == []


def test_an_accuracy_that_comes_from_elsewhere_ends_the_training(lab: Lab, data: Dataset, monkeypatch):
    monkeypatch.setattr(measuring, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(measuring, "KEEP_PART", 1e9)
    moments = training(lab, small(data))
    next(moments)
    kept = lab.keep_accuracy(some_row(small(data)))
    assert list(moments) == []
    assert row_of(lab, small(data)) == kept


def some_row(candidate: Candidate, accuracy: float = 0.5) -> NewAccuracy:
    return NewAccuracy(
        key=candidate.key,
        family=candidate.family.name,
        family_key=candidate.family.key,
        design=candidate.design,
        data=candidate.data.name,
        data_key=candidate.data.digest,
        recipe=canonical(candidate.recipe.model_dump()),
        seed=candidate.seed,
        trainer=TRAINER,
        metric="top1",
        accuracy=accuracy,
        validation=accuracy,
        parameters=1,
        macs=1,
        epochs=1,
        best_epoch=1,
        seconds=1.0,
        code_version="1",
        report="{}",
        network="[]",
    )


def test_a_training_that_diverges_at_once_is_told_and_leaves_nothing(lab: Lab, data: Dataset):
    wild = Recipe(epochs=3, batch=2, optimizer="sgd", learning_rate=10, weight_decay=1)
    with pytest.raises(UserError, match="resnet9_digits on digits: The training diverged within its first epoch"):
        measure(lab, small(data, recipe=wild))
    assert (lab.accuracies(), lab.unfinished_trainings()) == ([], [])


def test_a_state_that_is_none_is_told_and_the_next_time_it_begins_anew(lab: Lab, data: Dataset):
    candidate = small(data)
    claim = lab.claim_training(Subject(candidate.key, "resnet9_digits", "{}", "digits"))
    assert claim is not None
    lab.keep_training(claim, 1, 0, b"nonsense")
    with pytest.raises(UserError, match="The state is none of this training"):
        measure(lab, candidate)
    assert measure(lab, candidate).epochs == 2


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda d: Candidate(UNET, UNET.smallest(), d),
            "for segmentation, data set 'digits' for classification: choose",
        ),
        (lambda d: small(d, recipe=Recipe(shift=8)), "shift=8 moves images of 8 x 8 out of sight; at most 7"),
        (lambda d: small(d, seed=-1), "a whole number from 0 to"),
        (lambda d: small(d, values={**RESNET.smallest(), "stem_filters": 3}), "no choice 3"),
        (lambda d: Candidate(load_family("resnet_deep"), load_family("resnet_deep").smallest(), d), "windows of 2 x 2"),
        (lambda d: load_data("digit"), "no data set named 'digit'. Did you mean 'digits'"),
        (lambda d: load_data("cifar10"), "cifar10 is not bundled: give the path"),
    ],
)
def test_what_cannot_be_trained_is_told_before_anything_is_stored(data: Dataset, make, says: str):
    with pytest.raises(UserError, match=says):
        make(data)


# Predictions


def worth(design: tuple[int, ...]) -> float:
    """A made-up accuracy that rises with the filters and falls a little with the skips."""
    weights = np.array([0.05, 0.06, -0.02, 0.04, -0.01, 0.03, 0.01])
    return float(0.4 + weights @ design)


def stored(lab: Lab, data: Dataset, designs: list[tuple[int, ...]]) -> None:
    for design in designs:
        candidate = Candidate(RESNET, RESNET.space.values(design), data, SHORT)
        lab.keep_accuracy(some_row(candidate, worth(design)))


def drawn(n: int, seed: int) -> list[tuple[int, ...]]:
    return list(dict.fromkeys(RESNET.space.sample(n, np.random.default_rng(seed))))


def test_predictions_rank_what_was_not_measured_and_say_on_what_they_rest(lab: Lab, data: Dataset):
    known, new = drawn(60, 1), drawn(200, 2)
    stored(lab, data, known)
    predictor = Predictor.of_lab(lab, RESNET, data, SHORT)
    predicted = predictor.predict(new)
    assert predicted is not None
    assert {each.measured for each in predicted} == {len(known)} == {predictor.measured}
    assert spearmanr([each.mean for each in predicted], [worth(design) for design in new]).statistic > 0.8
    assert predicted == Predictor.of_lab(lab, RESNET, data, SHORT).predict(new)
    assert len(lab.accuracies()) == len(known), "a prediction never enters the lab"


def test_worth_training_is_what_promises_most_and_is_new(lab: Lab, data: Dataset):
    known, new = drawn(60, 1), drawn(200, 2)
    stored(lab, data, known)
    predictor = Predictor.of_lab(lab, RESNET, data, SHORT)
    chosen = predictor.worth_training([*known, *new, *new], 10)
    assert len(set(chosen)) == len(chosen) == 10
    assert set(chosen) <= set(new) - set(known)
    assert np.mean([worth(design) for design in chosen]) > np.quantile([worth(design) for design in new], 0.85)
    assert predictor.worth_training(known, 5) == []


def test_where_little_is_known_what_lies_far_apart_is_trained_first(lab: Lab, data: Dataset):
    assert Predictor.of_lab(lab, RESNET, data, SHORT).predict(drawn(3, 1)) is None
    assert Predictor.of_lab(lab, RESNET, data, SHORT).predict([]) == []
    pool = drawn(100, 3)
    stored(lab, data, pool[: LEAST - 1])
    predictor = Predictor.of_lab(lab, RESNET, data, SHORT)
    assert predictor.predict(pool) is None
    chosen = predictor.worth_training(pool, 8)
    assert len(set(chosen)) == 8
    assert not set(chosen) & set(pool[: LEAST - 1])

    def apart(designs: list[tuple[int, ...]]) -> float:
        places = RESNET.space.encode(designs)
        distances = np.abs(places[:, None] - places).sum(axis=2) + 99 * np.eye(len(places))
        return float(distances.min())

    assert apart(chosen) > apart(pool[20:28])
    assert len(predictor.worth_training(pool, 1000)) == len(pool) - (LEAST - 1)


def test_a_prediction_rests_on_the_same_family_data_and_recipe_and_on_the_mean_of_seeds(lab: Lab, data: Dataset):
    design = RESNET.design(RESNET.smallest())
    base = Candidate(RESNET, RESNET.smallest(), data, SHORT)
    for candidate, accuracy in ((base, 0.4), (replace(base, seed=1), 0.6), (replace(base, recipe=Recipe()), 0.9)):
        lab.keep_accuracy(some_row(candidate, accuracy))
    predictor = Predictor.of_lab(lab, RESNET, data, SHORT)
    assert predictor.measured == 1
    stored(lab, data, drawn(LEAST, 5))
    predicted = Predictor.of_lab(lab, RESNET, data, SHORT).predict([design])
    assert predicted is not None
    assert predicted[0].mean == pytest.approx(0.5)


def test_a_network_is_told_from_its_data_set_what_images_are_like(data: Dataset):
    assert str(images_of(data)) == "1 x 8 x 8, 10 classes"
