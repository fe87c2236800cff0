"""`dse coexplore`: launched, shown with its chip and schedule, held in part, and refused in one line."""

from __future__ import annotations

import csv
import json
import shlex
from io import StringIO
from pathlib import Path

import pytest

NETWORKS = ("--network", "resnet9_digits", "--network", "seg=unet_digits::2")
SMALL = [
    word
    for each in (
        *("resnet9_stem_filters=2", "resnet9_block1_filters=4", "resnet9_block1_skips=0", "resnet9_block2_skips=0"),
        *("resnet9_block3_skips=0", "seg_level1_filters=2", "seg_level2_filters=4"),
    )
    for word in ("--fix", each)
]
SHORT = ("--recipe", "epochs=1", "--budget", "6", "--seed", "1")
LIMITS = ("--target", "latency_cycles<=20000", "--target", "area_um2<=2e6")


def test_a_run_is_launched_listed_shown_and_taken_along(here):
    code, out, err = here("coexplore", *NETWORKS, *LIMITS, *SMALL, *SHORT)
    assert code == 0, err
    assert "error rate" in out
    assert "dse show 1 --point N" in err
    code, _, err = here("clone", "1", "--batch-seconds", "9")
    assert (code, err.count("\n")) == (2, 1)
    assert "Run 1 is a co-exploration, evaluated in one process: leave out --executor and --batch-seconds." in err
    (listed,) = json.loads(here("runs", "--json")[1])
    assert (listed["arch"], listed["workload"]) == ("pocket", "resnet9_digits+unet_digits")
    assert (listed["simulator"], listed["search"], listed["points"]) == ("chip", "forest", 6)

    _, shown, _ = here("show", "1")
    for word in (
        "network seg      of unet_digits on digits_strokes, weight 0.667",
        "specification    latency_cycles<=20000, area_um2<=2e+06",
        "within the limit of 20.00 kcycles",
        "measured",
        "numbered as they are listed",
    ):
        assert word in shown
    design = json.loads(here("show", "1", "--json")[1])["design"]
    assert [network["label"] for network in design["networks"]] == ["resnet9", "seg"]
    worth = [network["accuracy"] for network in design["networks"]]
    assert design["metrics"]["error_rate"] == pytest.approx(1 - (worth[0] + 2 * worth[1]) / 3)
    ends = [layer["end_cycles"] for layer in design["schedule"]]
    assert max(ends) == design["metrics"]["latency_cycles"]

    (member,) = csv.DictReader(StringIO(here("front", "1", "--csv")[1]))
    assert float(member["error_rate"]) == design["metrics"]["error_rate"]
    assert member["seg_level1_filters"] == "2"
    rows = json.loads(here("points", "1", "--json", "--where", "accuracy>0 and latency_cycles<=20000")[1])
    assert all(row["error_rate"] == pytest.approx(1 - row["accuracy"]) for row in rows)
    assert json.loads(here("design", "1", str(member["seq"]), "--json")[1])["metrics"] == design["metrics"]
    command = shlex.split(design["command"])
    assert command[:2] == ["dse", "show"]
    assert f"point {member['seq']}" in here(*command[1:])[1]


def test_chip_and_networks_are_held_as_in_a_file_or_a_run(here):
    assert here("coexplore", *NETWORKS, *SMALL, *SHORT, "--chip-of", "nominal", "--objective", "error_rate")[0] == 0
    task = json.loads(here("show", "1", "--json")[1])["task"]
    assert (task["fixed"]["pes_1"], task["fixed"]["resnet9_stem_filters"]) == (128, 2)
    best = json.loads(here("show", "1", "--json")[1])["design"]["design"]

    alone = ("coexplore", *NETWORKS, "--networks-of", "1", "--objective", "latency_cycles", "--objective", "area_um2")
    code, _, err = here(*alone, *SHORT, "--search", "uniform")
    assert code == 0, err
    fixed = json.loads(here("show", "2", "--json")[1])["task"]["fixed"]
    assert fixed == {axis: value for axis, value in best.items() if axis.startswith(("resnet9_", "seg_"))}
    assert json.loads(here("show", "2", "--json")[1])["design"]["metrics"].keys().isdisjoint({"error_rate"})

    assert here("coexplore", *NETWORKS, *SHORT, "--chip-of", "2.3", "--networks-of", "smallest")[0] == 0
    fixed = json.loads(here("show", "3", "--json")[1])["task"]["fixed"]
    assert fixed["resnet9_stem_filters"] == 2
    point = json.loads(here("design", "2", "3", "--json")[1])["design"]
    assert {axis: fixed[axis] for axis in point if axis.startswith("pes_")}.items() <= point.items()


def test_what_does_not_exist_or_fit_is_one_line_and_makes_no_lab(here, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    one = ("--network", "resnet9_digits")
    for arguments, says in (
        ((), "Give --network"),
        (("--network", "resnet9_digit"), "Did you mean 'resnet9_digits'"),
        (("--network", "resnet9_digits:digit"), "Did you mean 'digits'"),
        (("--network", "unet_digits:digits"), "for segmentation, data set 'digits' for classification"),
        (("--network", "resnet9_digits:digits:-1"), "with a positive weight"),
        (("--network", "resnet_deep:digits"), "too small for so many poolings"),
        (("--network", "resnet9:cifar10"), "cifar10 is not bundled: give the path of"),
        (("--network", "resnet9:cifar10", "--data-path", "cifar10=empty"), "empty"),
        (("--network", "resnet9:cifar10", "--data-path", "cifar10=none"), "there is no such folder"),
        (("--network", "a=resnet9_digits", "--network", "a=resnet9_digits"), "labels of their own"),
        ((*one, "--target", "accuracy>=1.5"), "asks for more than can be"),
        ((*one, "--target", "energy<=3"), "no metric named 'energy'"),
        ((*one, "--chip", "nasaik"), "Did you mean 'nasaic'"),
        ((*one, "--fix", "pes_1=9"), "has no choice '9'"),
        ((*one, "--fix", "pes=8"), "no axis named 'pes'"),
        ((*one, "--chip-of", "best"), "There is no lab database"),
        ((*one, "--networks-of", "7"), "There is no lab database"),
        ((*one, "--search", "guided"), "For a co-exploration: uniform"),
        ((*one, "--mode", "exact"), "mode"),
        ((*one, "--recipe", "epoch=3"), "Did you mean 'epochs'"),
        ((*one, "--objective", "accuracy"), "no metric named 'accuracy'"),
    ):
        code, out, err = here("coexplore", *arguments)
        assert (code, out) == (2, ""), (arguments, err)
        assert says in err, (arguments, err)
        assert err.count("\n") == 1
    assert not (tmp_path / "lab.db").exists()


def test_what_is_about_one_architecture_says_so_of_a_co_exploration(here):
    here("coexplore", "--network", "unet_digits", "--networks-of", "smallest", *SHORT, "--objective", "area_um2")
    for arguments, says in (
        (("evaluate", "--run", "1", "--point", "0"), "is a co-exploration: see 'dse show'"),
        (("sources", "--task", "1"), "is a co-exploration"),
        (("front", "1", "--confirm", "zigzag"), ""),
        (("show", "1", "--point", "99"), "has no point 99"),
    ):
        code, _, err = here(*arguments)
        assert code == 2, arguments
        assert says in err
        assert err.count("\n") == 1
    for command in (("runs",), ("points", "1"), ("front", "1"), ("db", "verify"), ("db", "stats")):
        code, _, err = here(*command)
        assert code == 0, (command, err)
