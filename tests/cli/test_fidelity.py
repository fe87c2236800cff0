"""Owns the promise that two simulators can be compared, and a front confirmed, and that neither is asked twice."""

import csv
import json
from io import StringIO

import pytest

from tests.cli.conftest import Dse

LAYER = ("--arch", "tesla_npu_like", "--workload", "alexnet", "--layer", "conv5")
PAIR = ("fidelity", "--simulators", "loopnest,loopnest", "--sim", "1.factors=2", "--sim", "2.factors=4", *LAYER)
RUN = ("run", *LAYER, "--sim", "factors=2", "--budget", "16", "--seed", "1", "--search", "uniform")
CONFIRM = ("--confirm", "loopnest", "--confirm-sim", "factors=4")


def test_a_comparison_says_how_far_two_simulators_agree(dse: Dse):
    done = dse(*PAIR, "-n", "12", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["designs"] == len(found["points"]) == 12
    assert sum(found["feasibility"][key] for key in ("both", "first_only", "second_only", "neither")) == 12
    assert [side["fingerprint"].partition("factors")[2] for side in found["simulators"]] == ["=2", "=4"]
    assert all(side["simulated"] == 12 and side["seconds_each"] > 0 for side in found["simulators"])
    assert found["time_ratio"] > 0
    for metric in ("latency_cycles", "energy_pj"):
        values = found["metrics"][metric]
        assert 0.5 < values["spearman"] <= 1
        assert 0 <= values["median_error"] <= values["p95_error"] < 2
    assert 0 <= found["fronts"]["shared"] <= 1
    assert 0.5 < found["fronts"]["first_on_second"] <= 1


def test_the_page_has_a_table_and_a_plot_of_each_metric(dse: Dse):
    done = dse(*PAIR, "-n", "8")
    for text in ("loopnest (1) against loopnest (2)", "Spearman", "Kendall", "worth to the other", "time ratio"):
        assert text in done.stdout
    assert done.stdout.count("front on loopnest (2)") == 2
    assert "latency on loopnest (1) [cycles]" in done.stdout
    assert "energy on loopnest (2) [J]" in done.stdout
    assert "front on" not in dse(*PAIR, "-n", "8", "--no-plot").stdout


def test_a_second_comparison_simulates_nothing_and_says_the_same(dse: Dse):
    first, second = (dse(*PAIR, "-n", "8", "--csv") for _ in range(2))
    assert first.stdout == second.stdout
    rows = list(csv.DictReader(StringIO(first.stdout)))
    assert len(rows) == 8
    assert all(float(row["energy_pj_1"]) > 0 for row in rows if not row["infeasible_1"])
    assert first.stderr.count("8 simulated") == 2
    assert second.stderr.count("0 simulated in 0 s, 8 known from the lab") == 2
    assert json.loads(dse(*PAIR, "-n", "8", "--json").stdout)["time_ratio"] is None


def test_more_designs_begin_with_the_same_ones_or_all_are_taken(dse: Dse):
    few, other = (dse(*PAIR, "-n", "4", "--seed", seed, "--csv").stdout for seed in ("0", "1"))
    assert few != other
    assert dse(*PAIR, "-n", "4", "--csv").stdout == few


def test_jobs_change_no_result(dse: Dse):
    network = ("--arch", "tpu_like", "--workload", "alexnet", "--budget", "8", "--seed", "3", "--sim", "factors=3")
    found = []
    for jobs in ("1", "2"):
        done = dse("run", *network, "--jobs", jobs, "--db", f"{jobs}.db", "--json")
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout)["front"])
    assert found[0] == found[1]


def test_a_front_is_confirmed_once_and_shown_again(dse: Dse):
    ran = dse(*RUN, *CONFIRM)
    assert ran.returncode == 0, ran.stderr
    assert "The front on loopnest" in ran.stdout
    assert "median difference: latency" in ran.stdout
    assert "dse front 1 --confirm loopnest --confirm-sim factors=4" in ran.stderr
    again = dse("front", "1", *CONFIRM)
    assert " 0 simulated" in again.stderr
    members = json.loads(dse("front", "1", *CONFIRM, "--json").stdout)
    assert members["confirmed_on"].endswith("factors=4")
    rows = list(csv.DictReader(StringIO(dse("front", "1", *CONFIRM, "--csv").stdout)))
    assert len(rows) == len(members["front"]) > 0
    for row, member in zip(rows, members["front"], strict=True):
        second = member["confirmed"]
        assert float(row["confirmed_energy_pj"]) == second["energy_pj"]
        assert second["difference"]["energy_pj"] == pytest.approx(second["energy_pj"] / member["energy_pj"] - 1)
        design = [f"{axis}={value}" for axis, value in member["design"].items()]
        changes = [word for change in design for word in ("--set", change)]
        alone = json.loads(dse("evaluate", *LAYER, "--sim", "factors=4", *changes, "--json").stdout)
        assert alone["metrics"]["energy_pj"] == second["energy_pj"]
    assert any(member["confirmed"]["on_front"] for member in members["front"])
    assert "confirmed" not in dse("front", "1", "--json").stdout


def test_a_confirmed_front_as_data_is_printed_by_the_run_itself(dse: Dse):
    ran = json.loads(dse(*RUN, *CONFIRM, "--json").stdout)
    assert ran == json.loads(dse("front", "1", *CONFIRM, "--json").stdout)
