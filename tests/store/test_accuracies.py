"""Accuracies: kept once for all, found by their keys; a training is one process's, and another goes on with it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pytest

from store.accuracies import Claim, NewAccuracy, Subject, row_digest
from store.database import Lab
from store.errors import BadRowError, BusyTrainingError, DamagedLabError, FencedOutError
from store.rows import Accuracy, UnfinishedTraining
from store.tables import Base
from tests.store.conftest import ROOT, file_of

KEY = b"a key of 16 byte"


def new_accuracy(key: bytes = KEY) -> NewAccuracy:
    return NewAccuracy(
        key=key,
        family="toynet",
        family_key=b"family of 16 byt",
        design='{"filters": 4}',
        data="toys",
        data_key=b"data of 16 bytes",
        recipe='{"epochs": 3}',
        seed=7,
        trainer="trainer 1",
        metric="top1",
        accuracy=0.1 + 0.2,
        validation=1,
        parameters=10,
        macs=100,
        epochs=3,
        best_epoch=2,
        seconds=1.5,
        code_version="0.1.0",
        report='{"stopped": "epochs"}',
        network='[{"op": "input"}]',
    )


def subject(key: bytes = KEY) -> Subject:
    return Subject(key, "toynet", '{"filters": 4}', "toys")


def claimed(lab: Lab, key: bytes = KEY) -> Claim:
    claim = lab.claim_training(subject(key))
    assert claim is not None
    return claim


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(statement)


def test_the_values_have_the_columns_of_their_tables() -> None:
    columns = {name: [column.name for column in table.columns] for name, table in Base.metadata.tables.items()}
    assert columns["accuracy"] == list(Accuracy._fields)
    assert {field.name for field in fields(NewAccuracy)} == set(columns["accuracy"]) - {"created_ns", "digest"}
    assert {field.name for field in fields(Subject)} < set(columns["training"])
    assert set(UnfinishedTraining._fields) - {"live"} < set(columns["training"])


def test_an_accuracy_is_kept_once_and_found_by_its_key(lab: Lab) -> None:
    kept = lab.keep_accuracy(new_accuracy())
    assert lab.keep_accuracy(replace(new_accuracy(), accuracy=0.9)) == kept
    assert (kept.accuracy, kept.validation, kept.seed) == (0.1 + 0.2, 1.0, 7)
    assert kept.digest == row_digest(kept._asdict())
    other = lab.keep_accuracy(
        replace(new_accuracy(b"another 16 bytes"), family="other", family_key=b"other 16 byte fa")
    )
    assert lab.accuracies_of([KEY, b"nobody's 16 byte"]) == {KEY: kept}
    assert lab.accuracies() == [kept, other]
    assert lab.accuracies("toynet") == lab.accuracies(family_key=kept.family_key) == [kept]
    assert lab.accuracies(data="toys", data_key=b"data of 16 bytes") == [kept, other]
    assert lab.accuracies(data="none") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"accuracy": 1.1},
        {"accuracy": float("nan")},
        {"best_epoch": 4},
        {"macs": 0},
        {"key": b"short"},
        {"seconds": -1.0},
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, wrong: dict[str, object]) -> None:
    with pytest.raises(BadRowError):
        lab.keep_accuracy(replace(new_accuracy(), **wrong))  # type: ignore[arg-type]
    assert lab.accuracies() == []


def test_what_is_said_in_json_is_json() -> None:
    for field in ("design", "recipe", "report", "network"):
        with pytest.raises(BadRowError, match=f"{field} must be JSON text"):
            replace(new_accuracy(), **{field: "{"})  # type: ignore[arg-type]
    with pytest.raises(BadRowError, match="design must be JSON text"):
        replace(subject(), design="-")


def test_a_training_is_gone_on_with_from_its_last_state_and_forgotten_when_it_ends(lab: Lab) -> None:
    claim = claimed(lab)
    assert claim.state == b""
    lab.keep_training(claim, 1, 5, b"first")
    lab.keep_training(claim, 2, 0, b"second")
    (unfinished,) = lab.unfinished_trainings()
    assert (unfinished.key, unfinished.epochs, unfinished.batches, unfinished.live) == (KEY, 2, 0, True)
    lab.release_training(claim)
    assert [training.live for training in lab.unfinished_trainings()] == [False]
    again = claimed(lab)
    assert (again.state, again.number) == (b"second", claim.number + 1)
    lab.keep_accuracy(new_accuracy())
    assert lab.unfinished_trainings() == []
    assert lab.claim_training(subject()) is None
    with pytest.raises(FencedOutError, match="has been finished elsewhere"):
        lab.keep_training(again, 3, 0, b"third")
    lab.release_training(again)


def test_a_training_without_a_state_leaves_nothing_and_one_that_leads_nowhere_is_forgotten(lab: Lab) -> None:
    lab.release_training(claimed(lab))
    assert lab.unfinished_trainings() == []
    claim = claimed(lab)
    lab.keep_training(claim, 1, 0, b"state")
    lab.forget_training(claim)
    assert lab.unfinished_trainings() == []


CLAIM = """
import sys, time
from store.database import Lab
from tests.store.test_accuracies import claimed
with Lab.open(sys.argv[1]) as lab:
    lab.keep_training(claimed(lab), 1, 2, b"theirs")
    print("claimed", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def owner(lab: Lab) -> Callable[[], subprocess.Popen[str]]:
    """Another process that has claimed the training."""

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(lab.path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        return process

    return start


def test_a_live_process_keeps_its_training_and_a_dead_ones_is_taken_over(lab: Lab, owner) -> None:
    process = owner()
    try:
        with pytest.raises(BusyTrainingError, match=f"Process {process.pid} on .* trains this network of 'toynet'"):
            claimed(lab)
        assert [training.live for training in lab.unfinished_trainings()] == [True]
    finally:
        process.kill()
        process.communicate()
    assert [training.live for training in lab.unfinished_trainings()] == [False]
    assert claimed(lab).state == b"theirs"


def test_an_owner_that_was_taken_for_dead_is_fenced_out(lab: Lab) -> None:
    first = claimed(lab)
    lab.keep_training(first, 1, 0, b"state")
    second = claimed(lab)
    with pytest.raises(FencedOutError, match="taken over by another process"):
        lab.keep_training(first, 2, 0, b"late")
    lab.release_training(first)
    lab.forget_training(first)
    lab.keep_training(second, 2, 0, b"state")


def test_a_damaged_state_is_not_handed_out(lab: Lab) -> None:
    claim = claimed(lab)
    lab.keep_training(claim, 1, 0, b"state")
    change(file_of(lab), "UPDATE training SET state = x'00'")
    with pytest.raises(DamagedLabError, match="An unfinished training of 'toynet' is damaged"):
        claimed(lab)


def test_accuracies_belong_to_no_run_and_stay(lab: Lab) -> None:
    from tests.store.toy_run import new_run

    run = lab.create_run(new_run())
    lab.ask(run.id, "cancel")
    kept = lab.keep_accuracy(new_accuracy())
    lab.remove_runs([run.id])
    assert lab.accuracies() == [kept]
    counted = {table.name: table.rows for table in lab.statistics().tables}
    assert (counted["accuracy"], counted["training"]) == (1, 0)
