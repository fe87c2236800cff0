"""Owns `dse chips` and `dse chip`: the page, the data and the chart agree, and what cannot be is one line."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from tests.cli.conftest import Dse
from workbench.cli import app as program
from workbench.problem.chip import ChipTemplate, load_chip

Said = Callable[..., tuple[int, str, str]]

DIGITS = """\
name: digits
layers:
  - {name: stem, op: conv, in_channels: 1, out_channels: 8, in_size: 8, kernel: 3, padding: 1}
  - {name: wide, op: conv, in_channels: 8, out_channels: 16, in_size: 8, kernel: 3, padding: 1}
  - {name: pool, op: pool, kernel: 2}
  - {name: fc, op: gemm, rows: 1, reduction: 256, columns: 10}
"""


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs `dse` in this process: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dse", *arguments])
        capsys.readouterr()
        code = program._outcome()
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "digits.yaml").write_text(DIGITS)
    (tmp_path / "masks.yaml").write_text(DIGITS.replace("digits", "masks").replace("columns: 10", "columns: 64"))
    return "pocket", "--workload", "digits.yaml", "--workload", "masks.yaml"


def test_a_template_is_shown_and_its_json_brings_it_back(said: Said):
    _, page, _ = said("chips", "nasaic")
    for word in ("4,096 PEs in steps of 32", "64 bytes per cycle", "dla: kcp with TileC=64", "32 to 4096 by 32"):
        assert word in page
    found = json.loads(said("chips", "nasaic", "--json")[1])
    assert ChipTemplate.from_content(found["content"]).content() == load_chip("nasaic").content()
    assert found["designs"] == load_chip("nasaic").space.size


def test_the_page_the_data_and_the_chart_agree(dse: Dse, said: Said, two: tuple[str, ...]):
    found = json.loads(said("chip", *two, "--set", "pes_3=64", "--json")[1])
    metrics, parts, layers = found["metrics"], found["sub_accelerators"], found["layers"]
    assert [part["name"] for part in parts] == ["first", "second", "third"]
    assert sum(part["area_um2"] for part in parts) == pytest.approx(metrics["area_um2"])
    assert sum(part["energy_pj"] for part in parts) == pytest.approx(metrics["energy_pj"])
    assert sum(layer["energy_pj"] for layer in layers) == pytest.approx(metrics["energy_pj"])
    assert max(layer["end_cycles"] for layer in layers) == metrics["latency_cycles"]
    assert [(layer["network"], layer["number"]) for layer in layers] == [
        (network, number) for network in ("digits", "masks") for number in (1, 2, 3)
    ]
    done = dse("chip", *two, "--set", "pes_3=64", "--layers", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    page = done.stdout
    lines = page.splitlines()
    for part in parts:
        (row,) = [line for line in lines if line.startswith(f"{part['name']} {part['flow']} ")]
        assert len(row) == 80
        assert any(c.isalpha() for c in row.split(maxsplit=2)[2]) == (part["busy_cycles"] > 0)
    assert "A digits, 3 layers" in page
    assert "of 256 PEs they ask for 128 + 128 + 64: granted in proportion" in page
    rows = list(csv.DictReader(StringIO(said("chip", *two, "--set", "pes_3=64", "--csv")[1])))
    assert [row["layer"] for row in rows] == [layer["layer"] for layer in layers]


def test_a_target_on_the_latency_bounds_the_schedule_and_every_target_is_told(said: Said, two: tuple[str, ...]):
    fast = json.loads(said("chip", *two, "--aim", "latency", "--json")[1])["metrics"]
    limit = f"latency_cycles<={1.3 * fast['latency_cycles']}"
    found = json.loads(said("chip", *two, "--target", limit, "--target", "area_um2<=1", "--json")[1])
    assert found["aim"] == "energy"
    assert found["metrics"]["energy_pj"] <= fast["energy_pj"]
    assert [target["met"] for target in found["targets"]] == [True, False]
    _, late, _ = said("chip", *two, "--target", "latency_cycles<=10")
    assert "no schedule is shorter than the limit" in late
    assert "above the limit of 10 cycles" in late


@pytest.mark.parametrize("mode", ["compatible", "legacy"])
def test_the_other_modes_cost_otherwise(said: Said, two: tuple[str, ...], mode: str):
    ours, theirs = (json.loads(said("chip", *two, *flags, "--json")[1]) for flags in ((), ("--mode", mode)))
    assert theirs["mode"] == mode
    assert ours["metrics"]["area_um2"] != theirs["metrics"]["area_um2"]


def test_a_chip_that_cannot_run_a_layer_says_what_would_help(said: Said, two: tuple[str, ...], tmp_path: Path):
    large = DIGITS.replace("in_size: 8, kernel: 3, padding: 1", "in_size: 32, kernel: 25, padding: same")
    (tmp_path / "masks.yaml").write_text(large.replace("reduction: 256", "reduction: 4096"))
    code, page, _ = said("chip", *two)
    assert code == 0
    assert "It cannot be built: layer stem of digits fits no sub-accelerator" in page
    assert "Axes that would help: dataflow_1" in page
    found = json.loads(said("chip", *two, "--json")[1])
    assert found["metrics"] is None
    assert found["infeasible"]["demand"] > found["infeasible"]["bound"]


def test_what_cannot_be_is_one_line(said: Said, two: tuple[str, ...]):
    for arguments, says in (
        (("pocket",), "Give --workload"),
        (("poket", *two[1:]), "There is no chip named 'poket'. Did you mean 'pocket'?"),
        ((*two, "--aim", "speed"), "There is no aim of a schedule named 'speed'"),
        ((*two, "--mode", "new"), "There is no mode of costing a chip named 'new'"),
        ((*two, "--set", "pes_1=12"), "Axis 'pes_1' has no choice '12'"),
        ((*two, "--target", "latency_cycles<=1", "--target", "latency_cycles<=2"), "A metric has two targets"),
    ):
        code, out, line = said("chip", *arguments)
        assert (code, out) == (2, "")
        assert says in line
        assert line.count("\n") == 1
