"""Owns `dse sweep`: its counts, its front as any run's, and that it goes on after a kill."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from store.database import Lab
from store.errors import StoreError
from tests.cli.conftest import SCRIPT, Dse, environment

LAYER = ("--workload", "vgg16", "--layer", "conv2_1")
MANY = (
    *LAYER,
    "--pes",
    "16,32",
    "--bandwidth",
    "1:4",
    "--tiles",
    "TileK=1:24",
    "--tiles",
    "TileX=1:12",
    "--power-mw",
    "300",
)


def test_a_sweep_is_a_run_with_three_counts(dse: Dse):
    asked = (*LAYER, "--pes", "16,64", "--bandwidth", "1:8", "--mode", "compatible", "--area-mm2", "3")
    done = dse("sweep", *asked, "--json")
    assert done.returncode == 0
    assert "covered" in done.stderr
    found = json.loads(done.stdout)
    assert found["covered"] == 2 * 8 * 8 * 10
    assert found["covered"] > found["valid"] > found["evaluated"] >= len(found["front"]) > 0
    assert json.loads(dse("front", "last", "--json").stdout) == found
    (row,) = json.loads(dse("runs", "--json").stdout)
    assert (row["search"], row["covered"], row["valid"]) == ("sweep", found["covered"], found["valid"])
    page = dse("show", "1").stdout
    assert f"{found['valid']:,} valid" in page
    assert json.loads(dse("show", "1", "--json").stdout)["swept"][0]["covered"] == found["covered"]
    point = found["front"][0]
    again = json.loads(dse("evaluate", "--run", "1", "--point", str(point["seq"]), "--json").stdout)
    assert again["metrics"]["latency_cycles"] == point["latency_cycles"]


def test_a_killed_sweep_goes_on_to_the_same_front(dse: Dse, tmp_path: Path):
    asked = (SCRIPT, "sweep", *MANY, "--no-prune", "--note", "killed")
    process = subprocess.Popen(asked, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.DEVNULL)
    while process.poll() is None and steps(tmp_path / "lab.db") < 1:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (row,) = json.loads(dse("runs", "--json").stdout)
    assert row["status"] == "interrupted"
    assert 0 < row["covered"] < row["budget"]
    resumed = dse("resume", "1", "--json")
    assert resumed.returncode == 0, resumed.stderr
    found, fresh = json.loads(resumed.stdout), json.loads(dse("sweep", *MANY, "--json").stdout)
    assert found["covered"] == fresh["covered"] == row["budget"]
    assert found["valid"] == found["evaluated"] == fresh["valid"] > fresh["evaluated"]
    assert [m["design"] for m in found["front"]] == [m["design"] for m in fresh["front"]]
    assert dse("db", "verify").returncode == 0


def steps(path: Path) -> int:
    try:
        with Lab.open(path, create=False, readonly=True) as lab:
            return lab.run("last").steps
    except StoreError:
        return 0


def test_bad_ranges_are_one_line(dse: Dse, tmp_path: Path):
    (tmp_path / "bad.yaml").write_text("pess: 3\n")
    for arguments, says in (
        ((*LAYER, "--l1", "9:1"), "--l1: '9:1' ends before it begins"),
        ((*LAYER, "--tiles", "TileK"), "--tiles names each size once"),
        (("--config", "bad.yaml"), "bad.yaml: unknown key 'pess'"),
    ):
        done = dse("sweep", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"dse: {says}")
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "lab.db").exists()
