"""Owns `dse fuse`: its report adds up, agrees with `dse evaluate`, and refuses in one line."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Dse

NETWORK = """\
name: small
layers:
  - {name: a, op: conv, in_channels: 3, out_channels: 16, in_size: 32, kernel: 3, padding: 1}
  - {name: b, op: conv, in_channels: 16, out_channels: 16, in_size: 32, kernel: 3, padding: 1}
  - {name: sum, op: add, after: [a, b]}
  - {name: pool, op: pool, kernel: 2}
  - {name: c, op: gemm, rows: 1, reduction: 4096, columns: 10}
"""


@pytest.fixture
def small(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "small.yaml").write_text(NETWORK)
    return "--arch", "tpu_like", "--workload", "small.yaml", "--factors", "3"


def test_groups_sum_to_the_network_and_its_layers_are_those_that_evaluate_tells(dse: Dse, small: tuple[str, ...]):
    found = json.loads(dse("fuse", *small, "--json").stdout)
    evaluated = json.loads(dse("evaluate", *small[:4], "--sim", "factors=3", "--json").stdout)["metrics"]
    for key in ("latency_cycles", "energy_pj"):
        assert found["layer_by_layer"][key] == pytest.approx(evaluated[key], rel=1e-12)
    assert [layer for group in found["groups"] for layer in group["layers"]] == ["a", "b", "c"]
    for key in ("dram_bits", "latency_cycles", "energy_pj", "macs"):
        for which, whole in ((lambda g: g, found["fused"]), (lambda g: g["layer_by_layer"], found["layer_by_layer"])):
            assert sum(which(group)[key] for group in found["groups"]) == pytest.approx(whole[key])
        assert found["change"][key] == pytest.approx(found["fused"][key] / found["layer_by_layer"][key] - 1)
    fused = [group for group in found["groups"] if len(group["items"]) > 1]
    assert fused
    for group in fused:
        for use in group["memory"].values():
            assert sum(bits for kind, bits in use.items() if kind != "size_bits") <= use["size_bits"]


def test_a_smaller_memory_needs_tiles_and_the_page_says_what_it_holds(dse: Dse, small: tuple[str, ...]):
    page = dse("fuse", *small, "--objective", "dram", "--set", "act_sram_bits=2097152")
    assert page.returncode == 0, page.stderr
    for word in ("layer by layer", "DRAM traffic", "act_sram", "fused for the least dram"):
        assert word in page.stdout
    lines = dse("fuse", *small, "--csv").stdout.splitlines()
    assert lines[0].startswith("first,last,layers,items")


def test_a_schedule_is_drawn(dse: Dse, small: tuple[str, ...], tmp_path: Path):
    pytest.importorskip("matplotlib")
    done = dse("fuse", *small, "-o", "groups.svg", "--json")
    assert done.returncode == 0, done.stderr
    drawn = (tmp_path / "groups.svg").read_text(encoding="utf-8")
    for group in json.loads(done.stdout)["groups"]:
        assert group["last"] in drawn
    for word in ("fused: weights", "layer by layer", "DRAM traffic [MiB]"):
        assert word in drawn
    again = dse("fuse", *small, "-o", "groups.svg")
    assert (again.returncode, "groups.svg" in again.stderr) == (2, True), "no file is written over"


def test_a_schedule_is_searched_with_the_hardware(dse: Dse, small: tuple[str, ...]):
    ask = ("run", *small[:4], "--search", "uniform", "--sim", "factors=3", "--budget", "3", "--seed", "1")
    fused, both = (json.loads(dse(*ask, "--schedule", word, "--json").stdout) for word in ("fused", "both"))
    plain = json.loads(dse(*ask, "--schedule", "layer", "--json").stdout)
    rows = {row["id"]: row for row in json.loads(dse("runs", "--json").stdout)}
    assert [rows[run["run"]]["simulator"] for run in (fused, both, plain)] == ["fused", "fused", "loopnest"]
    settings = json.loads(dse("show", "1", "--json").stdout)["simulator_settings"]
    assert (settings["objective"], settings["factors"]) == ("edp", 3)
    assert [member["edp_js"] for member in both["front"]] == [member["edp_js"] for member in fused["front"]]
    best = [min(member["edp_js"] for member in run["front"]) for run in (fused, plain)]
    assert best[0] <= best[1], "the best groups are never worse than none"


def test_a_run_of_both_schedules_shows_its_front_layer_by_layer_wherever_it_is_shown(dse: Dse, small: tuple[str, ...]):
    ask = ("run", *small[:4], "--search", "uniform", "--sim", "factors=3", "--budget", "3", "--seed", "1")
    ran = json.loads(dse(*ask, "--schedule", "both", "--json").stdout)
    assert ran["confirmed_on"] == "loopnest 3 factors=3"
    for member in ran["front"]:
        assert member["confirmed"]["edp_js"] >= member["edp_js"]
    for again in (("front", "1"), ("resume", "1")):
        shown = dse(*again, "--json")
        assert json.loads(shown.stdout) == ran
        assert " 0 simulated" in shown.stderr
    page = dse("front", "1")
    assert "The front on loopnest" in page.stdout
    assert "confirmed" in dse("front", "1", "--csv").stdout
    other = json.loads(dse("front", "1", "--confirm", "loopnest", "--confirm-sim", "factors=2", "--json").stdout)
    assert other["confirmed_on"] == "loopnest 3 factors=2"
    assert json.loads(dse("clone", "1", "--seed", "2", "--json").stdout)["confirmed_on"] == ran["confirmed_on"]


def test_what_cannot_be_is_one_line(dse: Dse, small: tuple[str, ...]):
    for arguments, says in (
        ((*small, "--objective", "drams"), "no objective of fusion named 'drams'"),
        (small[:2], "Give --workload"),
        ((*small, "--set", "act_sram=1"), "no axis named 'act_sram'"),
    ):
        done = dse("fuse", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr
        assert done.stderr.count("\n") == 1
    for arguments, says in (
        (("--schedule", "fuse"), "no schedule named 'fuse'"),
        (("--schedule", "fused", "--simulator", "zigzag"), "--simulator says 'zigzag'"),
        (("--schedule", "layer", "--simulator", "fused"), "leave one of them out"),
        (("--schedule", "both", "--confirm", "loopnest"), "leave --confirm out"),
    ):
        done = dse("run", *small[:4], *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr
