"""Ctrl-C, which a terminal sends to the run and to all workers: the run pauses after its batch, in silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.executors.conftest import needing
from workbench.executors.table import NEEDS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", [pytest.param(name, marks=needing(name)) for name in sorted(NEEDS)])
def test_ctrl_c_pauses_a_run_after_its_batch(name: str, tmp_path: Path):
    task = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "conv2", "--seed", "3", "--search", "uniform")
    command: list[str | Path] = [Path(sys.executable).with_name("dse"), "run", *task, "--budget", "100000"]
    command += ["--batch", "32", "--executor", name, "--jobs", "2", "--json", "--db", tmp_path / "lab.db"]
    said = tmp_path / "err"
    with said.open("w") as err:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=err, start_new_session=True)
    deadline = time.monotonic() + 120
    while "/100,000 designs" not in said.read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert "paused after" in said.read_text()
    assert "Traceback" not in said.read_text()
