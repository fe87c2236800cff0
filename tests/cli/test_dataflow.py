"""Owns `dse dataflow` and what `--dataflow` adds to searching and evaluating."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Dse

CONV2 = ("--arch", "data_centric", "--workload", "alexnet", "--layer", "conv2")
MAPPING = """\
Constant Lanes 8;
Dataflow {
  SpatialMap(1,1) K; TemporalMap(Lanes,Lanes) C; TemporalMap(1,1) Y'; TemporalMap(1,1) X';
  Cluster(Lanes,P);
  SpatialMap(1,1) C;
}
"""


def test_dataflows_are_listed_and_shown(dse: Dse):
    found = json.loads(dse("dataflow", "list", "--json").stdout)
    assert {row["name"] for row in found} == {"cp", "xp", "yxp", "yrp", "kcp", "ckp", "kyp"}
    assert all(row["sizes"] for row in found)
    page = dse("dataflow", "show", "kcp")
    assert page.returncode == 0
    assert "Cluster(Lanes, P);" in page.stdout
    assert "TileC = 16" in page.stdout


def test_a_sound_file_is_told_and_a_faulty_one_is_a_line_with_its_place(dse: Dse, tmp_path: Path):
    (tmp_path / "own.m").write_text(MAPPING)
    assert json.loads(dse("dataflow", "check", "own.m", "--pes", "64", "--json").stdout)["mapping"]["levels"] == 2
    for change, pes, says in (
        (("SpatialMap(1,1) K", "SpacialMap(1,1) K"), "64", "own.m:3:3: "),
        (("", ""), "4", "own.m:4:3: clusters of 8 PEs do not fit on 4 PEs"),
    ):
        (tmp_path / "own.m").write_text(MAPPING.replace(*change))
        done = dse("dataflow", "check", "own.m", "--pes", pes)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"dse: {says}")
        assert done.stderr.count("\n") == 1


def test_evaluate_tells_reuse_accesses_bandwidth_and_what_limits(dse: Dse):
    page = dse("evaluate", *CONV2, "--dataflow", "kcp")
    assert page.returncode == 0
    for word in ("MACs per value", "shared buffer reads", "utilisation", "limited by", "values per cycle", "NoC"):
        assert word in page.stdout
    found = json.loads(dse("evaluate", *CONV2, "--dataflow", "kcp", "--json").stdout)
    (layer,) = found["dataflow"]
    assert layer["macs"] > 0
    assert 0 < layer["utilisation"] <= 1
    assert sum(layer["bound_by"].values()) == pytest.approx(found["metrics"]["latency_cycles"])


def test_an_unknown_dataflow_is_one_line(dse: Dse):
    done = dse("run", *CONV2, "--dataflow", "none", "--budget", "2")
    assert done.returncode == 2
    assert "no dataflow named 'none'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_search_runs_on_a_dataflow_of_ones_own(dse: Dse, tmp_path: Path):
    (tmp_path / "own.m").write_text(MAPPING)
    done = dse("run", *CONV2, "--dataflow", "own.m", "--budget", "12", "--seed", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["front"]


def test_the_best_of_each_layer_is_never_worse_than_one_for_all(dse: Dse):
    words = ("--arch", "data_centric", "--workload", "alexnet", "--tiles", "1", "--set", "l1_bits=8192")
    found = json.loads(dse("dataflow", "best", *words, "--json").stdout)
    assert found["gain"] >= 1
    assert found["single"] in {"cp", "xp", "yxp", "yrp", "kcp", "ckp", "kyp"}
    assert all(row["second_over_best"] >= 1 for row in found["layers"])
