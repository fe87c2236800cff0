"""Owns the promise that what the lab knows is listed with its likeness, can be trained on and chosen, and is told."""

import csv
import json
import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.transfer import SourceNetwork
from store.database import Lab
from tests.cli.conftest import Dse
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import load_workload
from workbench.runner import RunSpec, run, start
from workbench.stop import Stop
from workbench.training import TrainSettings

FAST = ("--sim", "factors=1")
LAYER = ("--workload", "alexnet", "--layer", "fc8")
TASK = ("--arch", "tpu_like", *LAYER, *FAST)
OTHER = ("--arch", "eyeriss_like", *LAYER, *FAST)


@pytest.fixture
def lab(dse: Dse, tmp_path: Path) -> Dse:
    """A lab of two runs on different architectures."""
    layer = load_workload("alexnet").single("fc8")
    with Lab.open(tmp_path / "lab.db") as opened:
        for arch in ("tpu_like", "eyeriss_like"):
            settings = {"simulator_settings": {"factors": 1}, "stop": Stop(budget=12), "seed": 1}
            spec = RunSpec(Task(load_template(arch), layer), "uniform", **settings)  # type: ignore[arg-type]
            assert list(run(opened, start(opened, spec).id))
    return dse


def shown(dse: Dse, ref: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(dse("show", ref, "--json").stdout)
    return content


def test_sources_are_listed_by_likeness_with_the_measure(lab: Dse):
    told = json.loads(lab("sources", *OTHER, "--json").stdout)
    assert [(row["name"], row["runs"], row["points"]) for row in told["sources"]] == [
        ("run 2", [2], 12),
        ("run 1", [1], 12),
    ]
    assert told["sources"][0]["similarity"] == 1.0 > told["sources"][1]["similarity"]
    assert told["models"] == []
    page = lab("sources", *OTHER).stdout
    assert told["measure"].split(";")[0] in page
    assert page.index("run 2") < page.index("run 1")
    rows = list(csv.DictReader(StringIO(lab("sources", *OTHER, "--csv").stdout)))
    assert [(row["kind"], row["name"], row["compares"]) for row in rows] == [
        ("source", "run 2", "True"),
        ("source", "run 1", "True"),
    ]
    assert [row["name"] for row in json.loads(lab("sources", "--json").stdout)["sources"]] == ["run 1", "run 2"]


def test_a_network_is_trained_kept_listed_and_given_to_the_run_that_asks(lab: Dse):
    trained = lab("train", "1", "-s", "epochs=3", "-s", "folds=2", "-s", "allocate_epochs=2", "--json")
    assert trained.returncode == 0, trained.stderr
    model = json.loads(trained.stdout)
    assert (model["name"], model["runs"], model["metrics"]) == ("model 1", [1], ["energy_pj", "latency_cycles"])
    assert model["report"]["scores"]["folds"] == 2
    again = lab("train", *TASK, "-s", "epochs=3", "-s", "folds=2", "-s", "allocate_epochs=2")
    assert "source model 1 kept" in again.stderr
    assert "rank correlation" in again.stdout
    listed = json.loads(lab("sources", *OTHER, "--json").stdout)["models"]
    assert [(row["name"], row["key"]) for row in listed] == [("model 1", model["key"])]
    done = lab("run", *OTHER, "--search", "transfer", "--from", "1", "-s", "epochs=1", "--budget", "4", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert "learns from run 1 (12 designs) and source model 1" in done.stderr
    told = shown(lab, "3")
    assert [(source["run"], source["points"]) for source in told["sources"]] == [(1, 12)]
    assert told["models"] == [model["key"]]
    assert "run 1 (12 designs) and source model 1" in lab("show", "3").stdout


@pytest.mark.parametrize(("settings", "part"), [(("keep=0.25",), 0.25), (("keep=0.25", "threshold=0"), 1.0)])
def test_the_essential_weights_are_a_part_or_those_above_a_threshold(lab: Dse, tmp_path: Path, settings, part):
    options = [word for s in ("epochs=1", "folds=0", "allocate_epochs=1", *settings) for word in ("-s", s)]
    row = json.loads(lab("train", "1", *options, "--json").stdout)
    with Lab.open(tmp_path / "lab.db") as opened:
        network = SourceNetwork.from_bytes(opened.model(bytes.fromhex(row["key"]))[1])
    masks = [mask.ravel() for mask in network.essential.values()]
    assert np.concatenate(masks).mean() == pytest.approx(part, abs=1e-4)
    assert row["report"]["threshold"] == network.settings.threshold


def test_what_a_training_is_told_reaches_the_network(lab: Dse, tmp_path: Path):
    told = ("epochs=1", "folds=0", "allocate_epochs=1", "scale=raw", "initial=fan_in", "batch=8")
    row = json.loads(lab("train", "1", *(word for s in told for word in ("-s", s)), "--json").stdout)
    with Lab.open(tmp_path / "lab.db") as opened:
        network = SourceNetwork.from_bytes(opened.model(bytes.fromhex(row["key"]))[1])
    training = network.settings.training
    assert (training.scale, training.initial, training.batch) == ("raw", "fan_in", 8)


def test_the_help_names_every_setting_of_the_training(dse: Dse):
    told = " ".join(dse("train", "--help").stdout.split())
    assert ", ".join(TrainSettings.model_fields) in told


def test_a_run_takes_the_best_of_the_lab_unless_told_to_take_nothing(lab: Dse):
    options = ("--search", "transfer", "-s", "epochs=1", "--budget", "4", "--seed", "1")
    assert "learns from runs 2, 1 (24 designs)" in lab("run", *OTHER, *options).stderr
    assert "learns from nothing" in lab("run", *OTHER, *options, "--from", "none").stderr
    assert [len(shown(lab, ref)["sources"]) for ref in ("3", "4")] == [2, 0]


def test_a_run_whose_source_was_removed_says_so_and_shows_it(lab: Dse, tmp_path: Path):
    options = ("--search", "transfer", "--from", "1", "-s", "epochs=1", "--budget", "4")
    assert lab("run", *OTHER, *options).returncode == 0
    with closing(sqlite3.connect(tmp_path / "lab.db")) as raw, raw:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("UPDATE run SET status = 'paused' WHERE id = 3")
        raw.execute("DELETE FROM run WHERE id = 1")
    assert "(gone) (12 designs)" in lab("show", "3").stdout
    refused = lab("resume", "3")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("dse: Run 3 learns from the run ")


def test_what_cannot_be_learnt_from_is_one_line(lab: Dse):
    for arguments, says in (
        (("run", *TASK, "--search", "uniform", "--from", "1"), "Search 'uniform' learns from no other run"),
        (("run", *TASK, "--search", "transfer", "--from", "auto,1"), "each without the others, got auto, 1"),
        (("run", *TASK, "--search", "transfer", "--from", "1,,2"), "commas between them, got '1,,2'"),
        (("run", *TASK, "--search", "transfer", "--from", "9"), "There is no run '9'"),
        (("train",), "Give the runs to learn from, or --arch and --workload"),
        (("train", "1", "2"), "these runs are of 2: run 1: tpu_like on alexnet/fc8; run 2: eyeriss_like"),
        (("train", "1", "-s", "epoch=3"), "Did you mean 'epochs'"),
        (("train", "--arch", "tpu_like", "--workload", "vgg16"), "no designs of 'tpu_like' on 'vgg16'"),
        (("sources", "--arch", "tpu_like"), "--arch and --workload belong together"),
    ):
        refused = lab(*arguments)
        assert refused.returncode == 2
        last = refused.stderr.splitlines()[-1]
        assert last.startswith("dse: ")
        assert says in last
    assert len(json.loads(lab("runs", "--json").stdout)) == 2


def test_without_a_lab_a_run_that_names_others_makes_none(dse: Dse, tmp_path: Path):
    refused = dse("run", *TASK, "--search", "transfer", "--from", "1")
    assert refused.returncode == 2
    assert not (tmp_path / "lab.db").exists()
