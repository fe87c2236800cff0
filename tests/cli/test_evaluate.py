"""Owns the promise that a design's cost is laid open: the parts sum to the whole, in every form."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Dse

CONV2 = ("--arch", "eyeriss_like", "--workload", "alexnet", "--layer", "conv2", "--sim", "factors=3")


def test_json_holds_design_metrics_breakdown_and_mapping(dse: Dse):
    found = json.loads(dse("evaluate", *CONV2, "--json").stdout)
    metrics, parts = found["metrics"], found["breakdown"]
    memories = sum(pj for _, _, pj in parts["memory_energy_pj"])
    assert memories + parts["mac_energy_pj"] == pytest.approx(metrics["energy_pj"])
    cycles = ("ideal_cycles", "spatial_stall_cycles", "temporal_stall_cycles", "onload_cycles", "offload_cycles")
    assert sum(parts[name] for name in cycles) == pytest.approx(metrics["latency_cycles"])
    assert found["infeasible"] is None
    (layer,) = found["layers"]
    assert {operand for operand, _ in layer["mapping"]["temporal"]} == {"W", "I", "O"}


def test_the_page_shows_metrics_breakdown_and_the_loop_nest(dse: Dse):
    page = dse("evaluate", *CONV2).stdout
    for word in (
        "latency",
        "energy",
        "area",
        "EDP",
        "power",
        "MACs",
        "weight_rf",
        "dram",
        "array not full",
        "parallel",
    ):
        assert word in page
    assert "100.0 %" in page


def test_a_change_is_marked_beside_the_unmodified_value(dse: Dse):
    page = dse("evaluate", *CONV2, "--set", "input_rf_bits=64").stdout
    (line,) = [line for line in page.splitlines() if line.startswith("input_rf_bits")]
    assert line.split() == ["input_rf_bits", "64", "512"]


def test_a_network_is_the_sum_of_its_layers(dse: Dse):
    layers = ("--layer", "conv2", "--layer", "conv3")
    common = ("evaluate", "--arch", "eyeriss_like", "--workload", "alexnet", *layers, "--sim", "factors=3")
    rows = list(csv.DictReader(StringIO(dse(*common, "--csv").stdout)))
    whole = json.loads(dse(*common, "--json").stdout)["metrics"]
    assert [row["layer"] for row in rows] == ["conv2", "conv3"]
    for metric in ("latency_cycles", "energy_pj"):
        assert sum(float(row[metric]) for row in rows) == pytest.approx(whole[metric])


def test_the_criterion_chooses_the_mapping(dse: Dse):
    def metrics(criterion: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(dse("evaluate", *CONV2, "--criterion", criterion, "--json").stdout)
        return dict(found["metrics"])

    assert metrics("latency")["latency_cycles"] <= metrics("energy")["latency_cycles"]
    assert metrics("energy")["energy_pj"] <= metrics("latency")["energy_pj"]


def test_a_named_lab_is_asked_and_told(dse: Dse, tmp_path: Path):
    fresh = dse("evaluate", *CONV2, "--json", DSE_DB="")
    assert list(tmp_path.iterdir()) == []
    first, second = (dse("evaluate", *CONV2, "--json") for _ in range(2))
    assert first.stdout == second.stdout == fresh.stdout  # the mapping, too
    assert (fresh.stderr, first.stderr) == ("", "0 of 1 known from the lab, 1 simulated\n")
    assert second.stderr == "1 of 1 known from the lab, 0 simulated\n"
    three = ("--layer", "conv3", "--layer", "conv4")
    assert dse("evaluate", *CONV2, *three).stderr.startswith("1 of 3 known")


def test_a_point_of_a_run_is_known(dse: Dse):
    dse("run", *CONV2, "--budget", "4", "--seed", "1")
    done = dse("evaluate", "--run", "1", "--point", "2", "--json")
    assert done.stderr == "1 of 1 known from the lab, 0 simulated\n"
    metrics = json.loads(done.stdout)["metrics"]
    again = dse("evaluate", "--run", "1", "--point", "2", "--set", "input_rf_bits=64")
    assert "input_rf_bits" in again.stdout
    assert metrics["energy_pj"] > 0


def test_a_lab_that_cannot_be_made_is_told_before_anything_is_simulated(dse: Dse):
    done = dse("evaluate", *CONV2, "--db", "nowhere/lab.db")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere" in done.stderr
