"""A Ray whose daemon dies: the run stops in one line and is resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from store.database import Lab
from tests.executors.conftest import needing

pytestmark = [pytest.mark.slow, needing("ray")]


def raylet_of(pid: int) -> int:
    """Ray's daemon that this process has begun."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:
            continue  # gone meanwhile
        if lines["Name"].strip() == "raylet" and int(lines["PPid"]) == pid:
            return int(status.parent.name)
    raise AssertionError("there is no raylet")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs a process table to look at")
def test_a_run_stops_in_one_line_when_ray_dies_and_goes_on_without_it(tmp_path: Path):
    dse = Path(sys.executable).with_name("dse")
    db = ("--db", tmp_path / "lab.db")
    task = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "conv2", "--seed", "3")
    search = ("--search", "uniform", "--budget", "100000", "--batch", "32")
    with (tmp_path / "err").open("w") as err:
        command: list[str | Path] = [dse, "run", *task, *search, "--executor", "ray", "--jobs", "1", "--json", *db]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, stdin=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + 120
    while "/100,000 designs" not in (tmp_path / "err").read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(raylet_of(process.pid), signal.SIGKILL)
    stdout, _ = process.communicate(timeout=60)
    said = (tmp_path / "err").read_text()
    assert process.returncode == 1, said
    assert stdout == ""
    assert "dse: Ray is gone: " in said
    assert "Traceback" not in said
    with Lab.open(tmp_path / "lab.db") as lab:
        row = lab.run(1)
        assert row.status == "failed"
        assert row.points >= 32
        assert len(lab.points(1)) == row.points
    resumed = subprocess.run(
        [dse, "resume", "1", "--detach", "--executor", "serial", *db], capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    with Lab.open(tmp_path / "lab.db") as lab:
        deadline = time.monotonic() + 60
        while lab.run(1).points == row.points and time.monotonic() < deadline:
            time.sleep(0.1)
        assert lab.run(1).points > row.points
    assert subprocess.run([dse, "cancel", "1", *db], capture_output=True, check=False).returncode == 0
