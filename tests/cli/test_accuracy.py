"""Owns the promise that a network is trained once, said to be what it is, and goes on where it was stopped."""

import csv
import json
import signal
import subprocess
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from models.recipe import Recipe
from store.database import Lab
from tests.cli.conftest import SCRIPT, Dse, environment

SMALLEST = ("--set", "height=1", "--set", "level1_filters=2")
SHORT = ("--recipe", "epochs=2")


def test_a_network_is_trained_once_and_remembered_in_every_form(here):
    code, out, _ = here("accuracy", "unet_digits", *SMALLEST, *SHORT, "--json")
    first = json.loads(out)
    assert code == 0
    assert (first["family"], first["data"], first["metric"]) == ("unet_digits", "digits_strokes", "mean_iou")
    assert (first["epochs"], first["parameters"], first["macs"]) == (2, 68, 3712)
    assert (first["remembered"], first["recipe"]["epochs"], first["seed"]) == (False, 2, 0)
    _, out, _ = here("accuracy", "unet_digits", *SMALLEST, *SHORT, "--set", "level2_filters=32", "--csv")
    (row,) = csv.DictReader(StringIO(out))
    assert (row["remembered"], float(row["accuracy"]), row["key"]) == ("True", first["accuracy"], first["key"])
    _, shown, _ = here("accuracy", "unet_digits", *SMALLEST, *SHORT)
    for word in (
        f"{100 * first['accuracy']:.2f} %",
        "mean IoU on 719 test images",
        "remembered",
        "3,712 for one image",
    ):
        assert word in shown


def test_the_list_is_of_the_lab_by_family_and_data_the_best_first(here, tmp_path: Path):
    assert "no lab database" in here("accuracies")[2]
    Lab.open(tmp_path / "lab.db").close()
    assert "No such network was trained" in here("accuracies")[1]
    for filters in (2, 4):
        here("accuracy", "unet_digits", "--set", "height=1", "--set", f"level1_filters={filters}", *SHORT)
    here("accuracy", "resnet9_digits", "--set", "stem_filters=2", "--recipe", "epochs=1", "--seed", "5")
    rows = json.loads(here("accuracies", "--json")[1])
    assert [row["family"] for row in rows] == ["resnet9_digits", "unet_digits", "unet_digits"]
    assert rows[1]["accuracy"] >= rows[2]["accuracy"]
    assert json.loads(here("accuracies", "--family", "unet_digits", "--json")[1]) == rows[1:]
    assert json.loads(here("accuracies", "--data", "digits", "--json")[1]) == rows[:1]
    listed = list(csv.DictReader(StringIO(here("accuracies", "--csv")[1])))
    assert [row["key"] for row in listed] == [row["key"] for row in rows]
    _, out, err = here("accuracies", "--limit", "1")
    assert "top-1" in out
    assert "mean IoU" not in out
    assert "2 more; --limit shows them" in err


def test_what_is_worth_training_is_proposed_and_said_to_be_predicted_and_trains_nothing(here, tmp_path: Path):
    here("accuracy", "unet_digits", *SMALLEST, *SHORT)
    code, out, err = here("accuracy", "unet_digits", *SHORT, "--propose", "3")
    assert code == 0
    assert "predicted" in out
    assert "1 measured are too few to predict from" in err
    for filters in (4, 8, 16):
        here("accuracy", "unet_digits", "--set", "height=1", "--set", f"level1_filters={filters}", *SHORT)
    rows = json.loads(here("accuracy", "unet_digits", *SHORT, "--propose", "3", "--json")[1])
    assert [row["measured"] for row in rows] == [4, 4, 4]
    hopes = [row["predicted"] + row["deviation"] for row in rows]
    assert hopes == sorted(hopes, reverse=True)
    with Lab.open(tmp_path / "lab.db") as lab:
        known = [json.loads(each.design) for each in lab.accuracies()]
    assert len(known) == 4
    assert not any(row["design"] in known for row in rows)


def test_the_help_names_every_setting_of_a_recipe_with_its_default(dse: Dse):
    told = " ".join(dse("accuracy", "--help").stdout.split())
    for name, field in Recipe.model_fields.items():
        assert f"{name}={'no' if field.default is False else field.default}" in told


def test_what_cannot_be_trained_is_one_line_and_makes_no_lab(here, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    for arguments, says in (
        (("unet_digit",), "no family named 'unet_digit'. Did you mean 'unet_digits'"),
        (("unet_digits", "--data", "digits"), "for segmentation, data set 'digits' for classification"),
        (("unet_digits", "--data", "digit"), "Did you mean 'digits'"),
        (("unet_digits", "--data-path", "empty"), "digits_strokes comes with the workbench and has no path"),
        (("unet_digits", "--data", "image_masks", "--data-path", "empty"), "empty is empty; image_masks needs"),
        (("resnet9", "--data", "cifar10", "--data-path", "none"), "none: there is no such folder; cifar10 needs"),
        (("resnet_deep", "--data", "stl10"), "stl10 is not bundled: give the path of"),
        (("resnet_deep",), "images are too small for so many poolings"),
        (("unet_digits", "--set", "heigh=1"), "no axis named 'heigh'. Did you mean 'height'"),
        (("unet_digits", "--set", "height=4"), "has no choice '4'. Choices: 1, 2, 3"),
        (("unet_digits", "--recipe", "epoch=3"), "unknown key 'epoch'. Did you mean 'epochs'"),
        (("unet_digits", "--recipe", "epochs=0"), "epochs: input should be greater than or equal to 1"),
        (("unet_digits", "--json", "--csv"), "exclude each other"),
    ):
        code, out, err = here("accuracy", *arguments)
        assert (code, out) == (2, "")
        assert says in err
        assert err.count("\n") == 1
    assert not (tmp_path / "lab.db").exists()


def test_a_training_that_diverges_is_one_line(here, tmp_path: Path):
    wild = ("learning_rate=10", "optimizer=sgd", "weight_decay=1", "batch=2", "epochs=1")
    settings = [word for each in wild for word in ("--recipe", each)]
    code, _, err = here("accuracy", "resnet9_digits", "--set", "stem_filters=2", *settings)
    assert code == 2
    assert "diverged within its first epoch: try a learning_rate below 10" in err
    with Lab.open(tmp_path / "lab.db") as lab:
        assert (lab.accuracies(), lab.unfinished_trainings()) == ([], [])


@pytest.mark.slow
def test_a_training_stopped_and_killed_goes_on_and_is_as_if_it_never_stopped(here, tmp_path: Path):
    settings = [word for each in ("epochs=15", "patience=15", "batch=16") for word in ("--recipe", each)]
    axes = [word for each in ("stem_filters=2", "block1_filters=4", "block3_filters=8") for word in ("--set", each)]
    asked = ("accuracy", "resnet9_digits", *axes, *settings)
    with Lab.open(tmp_path / "lab.db") as lab:
        stopped = start(*asked, folder=tmp_path)
        until(lambda: lab.unfinished_trainings())
        time.sleep(0.5)
        stopped.send_signal(signal.SIGINT)
        said = stopped.communicate(timeout=60)[1]
        assert stopped.returncode == 130
        assert "the same command goes on there" in said
        (after_stop,) = lab.unfinished_trainings()
        assert not after_stop.live
        killed = start(*asked, folder=tmp_path)
        until(lambda: done(lab) > (after_stop.epochs, after_stop.batches))
        killed.kill()
        killed.communicate(timeout=60)
        after_kill = done(lab)
        assert "was interrupted after" in here("accuracies")[2]
        found = [json.loads(here(*asked, "--json", "--db", db)[1]) for db in ("lab.db", "whole.db")]
        assert (found[0]["epochs"], 0) > after_kill > (after_stop.epochs, after_stop.batches)
        assert lab.unfinished_trainings() == []
    for row in found:
        del row["seconds"], row["created_ns"]
    assert found[0] == found[1]


def start(*arguments: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [SCRIPT, *arguments], cwd=folder, env=environment(folder), stderr=subprocess.PIPE, text=True
    )


def until(holds: Callable[[], object]) -> None:
    while not holds():
        time.sleep(0.05)


def done(lab: Lab) -> tuple[int, int]:
    """How far the training is that has not ended."""
    (training,) = lab.unfinished_trainings()
    return training.epochs, training.batches
