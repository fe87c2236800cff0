"""Owns the promise that a comparison tells what it found in every form, goes on where it stopped, repeats nothing."""

import csv
import json
from io import StringIO

from tests.cli.conftest import Dse
from workbench.cli.curves import curves
from workbench.cli.plot import ASCII

TASK = ("--arch", "eyeriss_like", "--workload", "alexnet", "--layer", "conv5", "--sim", "factors=1")
COMPARE = ("compare", "--searches", "uniform,anneal", "--seeds", "2", "--budget", "8", *TASK)


def test_every_form_tells_the_same_and_nothing_is_run_twice(dse: Dse):
    page = dse(*COMPARE)
    assert page.returncode == 0, page.stderr
    assert "4 runs, 0 of them known" in page.stderr
    assert "4/4  eyeriss_like on alexnet/conv5, anneal, seed 1: 8 designs, budget spent" in page.stderr
    for told in ("hypervolume at 25%", "hypervolume at 100%", "search/step", "1 uniform   2 anneal"):
        assert told in page.stdout
    again = dse(*COMPARE, "--json")
    assert "4 runs, 4 of them known" in again.stderr
    told = json.loads(again.stdout)
    assert [(row["search"], row["runs"], row["designs_to_target"]) for row in told["results"]] == [
        ("uniform", 2, None),
        ("anneal", 2, None),
    ]
    for row in told["results"]:
        assert f"{row['hypervolume']['100%']['median']:.3f}" in page.stdout
        assert 0 < row["search_seconds"] <= row["search_seconds_most"]
    rows = list(csv.DictReader(StringIO(dse(*COMPARE, "--csv").stdout)))
    assert [(row["search"], row["seed"], row["run"], row["points"]) for row in rows] == [
        ("uniform", "0", "1", "8"),
        ("anneal", "0", "2", "8"),
        ("uniform", "1", "3", "8"),
        ("anneal", "1", "4", "8"),
    ]
    assert [float(row["hypervolume_100"]) for row in rows] == [run["hypervolume_100"] for run in told["runs"]]
    assert len(json.loads(dse("runs", "--json").stdout)) == 4


def test_targets_are_counted_and_several_tasks_are_summed_up(dse: Dse):
    tasks = ("--arch", "tpu_like", "--layer", "conv4", "--target", "energy_pj<=1", "--seeds", "1", "--budget", "4")
    done = dse("compare", "--searches", "uniform,anneal:paper", *TASK, *tasks, "-s", "anneal:paper.steps=5")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("anneal:paper") == 4 + 1 + 1  # two layers on two architectures, all tasks, the key
    assert ">4" in done.stdout
    assert "to >4" not in done.stdout
    assert "all tasks" in done.stdout
    assert "0%" in done.stdout
    shown = json.loads(dse("show", "last", "--json").stdout)
    assert (shown["search_settings"]["steps"], shown["search_settings"]["cost"]) == (5, "edp_js")


def test_what_cannot_be_compared_is_one_line(dse: Dse, tmp_path):
    for changes, says in (
        (("--searches", "uniform,,anneal"), "--searches takes names with commas"),
        (("--searches", "uniform,aneal"), "Did you mean 'anneal'"),
        (("--searches", "uniform,uniform"), "named twice"),
        (("-s", "steps=3"), "-s takes SEARCH.NAME=VALUE here, as in 'uniform.steps=3'"),
        (("-s", "aneal.steps=3"), "no search in this comparison named 'aneal'. Did you mean 'anneal'"),
        (("--from", "1"), "'uniform' learns from no other run"),
    ):
        refused = dse(*COMPARE, *changes)
        assert refused.returncode == 2
        assert refused.stderr.startswith("dse: ")
        assert says in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "lab.db").exists()


def test_curves_rise_where_their_values_do_and_begin_where_they_have_some():
    plot = curves(
        [("up", lambda x: x), ("late", lambda x: None if x < 50 else 25.0)], 100.0, ("designs", "share"), 60, 12, ASCII
    )
    lines = plot.plain.splitlines()
    assert lines[0] == "share"
    inside = [line.split("|", 1)[-1].split("+", 1)[-1] for line in lines[1:10]]
    rising = [line.index("1") for line in inside if "1" in line]
    assert rising == sorted(rising, reverse=True)
    flat = [line for line in inside if "2" in line]
    assert len(flat) == 1
    assert flat[0].index("2") >= len(flat[0]) // 3
    assert lines[-1] == "1 up   2 late"
