"""Owns the promise that a run on a simulator of seconds can be killed and resumed, and asks it nothing twice."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Dse
from tests.cli.test_run import points, started
from tests.simulators.chosen import ZIGZAG_PYTHON, made

TASK = ("--arch", "tesla_npu_like", "--workload", "alexnet", "--layer", "fc7", "--search", "uniform")


def logging_python(folder: Path) -> Path:
    """An interpreter that has ZigZag and notes every start beside itself."""
    script = folder / "python"
    python = shlex.quote(ZIGZAG_PYTHON or sys.executable)
    script.write_text(f'#!/bin/sh\necho started >> "$0.log"\nexec {python} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


@pytest.mark.slow
def test_a_run_on_zigzag_that_is_killed_and_resumed_ends_as_if_never_killed_and_a_second_asks_nothing(
    dse: Dse, tmp_path: Path
):
    made("zigzag", {"python": ZIGZAG_PYTHON})
    python = logging_python(tmp_path)
    log = Path(f"{python}.log")
    settings = [word for setting in (f"python={python}", "factors=1", "workers=2") for word in ("--sim", setting)]
    run = ("run", *TASK, "--simulator", "zigzag", *settings, "--budget", "20", "--seed", "1")
    process = started(tmp_path, *run)
    time.sleep(0.2)
    process.kill()
    process.communicate()
    assert 0 < len(points(tmp_path / "lab.db")) < 20
    resumed = dse("resume", "1")
    assert resumed.returncode == 0, resumed.stderr
    assert "20/20 designs" in resumed.stderr
    whole = points(tmp_path / "lab.db")
    assert dse(*run, "--db", "whole.db").returncode == 0
    assert points(tmp_path / "whole.db") == whole
    log.unlink()
    again = dse(*run)
    assert again.returncode == 0, again.stderr
    assert "simulated 0  from the lab 20" in again.stderr
    assert not log.exists()
