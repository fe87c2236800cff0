"""Owns the promise that runs go on without a terminal, in turn, and are handled from any other."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from store.database import Lab
from store.owner import process_start
from tests.cli.conftest import Dse
from tests.cli.test_run import TASK, points, started
from workbench.background import begin, log_path, spec_of
from workbench.errors import UserError
from workbench.runner import start

ENDLESS = ("run", *TASK, "--search", "anneal", "--budget", "1000000", "--seed")


def states(dse: Dse) -> dict[int, str]:
    return {run["id"]: run["status"] for run in json.loads(dse("runs", "--json").stdout)}


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_runs_go_on_in_turn_without_a_terminal_and_stop_when_asked_from_another(dse: Dse, tmp_path: Path):
    lab = tmp_path / "lab.db"
    made = [json.loads(dse(*ENDLESS, str(seed), "--detach", "--slots", "1", "--json").stdout) for seed in (1, 2)]
    first, second = (each["pid"] for each in made)
    try:
        assert os.getsid(first) == first, "no hang-up of ours reaches it"
        until(lambda: lab.exists() and any(row[1] > 2 for row in points(lab)))
        assert states(dse) == {1: "running", 2: "queued"}
        assert "waits until fewer than 1 run is at work" in dse("log", "2").stdout
        again = dse("resume", "2", "--detach")
        assert (again.returncode, again.stdout) == (2, "")
        assert f"Run 2 waits for its turn already, by process {second}" in again.stderr
        asked = dse("pause", "1", "--json")
        assert json.loads(asked.stdout) == [{"run": 1, "status": "running", "wish": "pause"}]
        assert f"run 1 stops after the step under way, by process {first}" in asked.stderr
        until(lambda: states(dse) == {1: "paused", 2: "running"})
        log = dse("log", "1", "--follow", "--lines", "1000").stdout
        assert "paused after" in log
        assert "dse resume 1" in log
        assert json.loads(dse("cancel", "1", "--json").stdout)[0]["status"] == "cancelled"
        os.kill(second, signal.SIGKILL)
        until(lambda: process_start(second) is None)
        assert states(dse) == {1: "cancelled", 2: "interrupted"}
    finally:
        for pid in (first, second):
            subprocess.run(["kill", "-9", str(pid)], capture_output=True, check=False)


def test_a_run_asked_to_stop_ends_as_on_ctrl_c_and_what_it_found_is_unchanged(dse: Dse, tmp_path: Path):
    process = started(tmp_path, "run", *TASK, "--search", "anneal", "--budget", "100000", "--seed", "1")
    assert dse("cancel", "last").returncode == 0
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "cancelled after" in stderr
    assert states(dse) == {1: "cancelled"}
    (row,) = json.loads(dse("runs", "--json").stdout)
    budget = str(row["points"] + 8)
    done = dse("clone", "1", "--seed", "1", "--budget", budget, "--note", "again", "--json")
    assert done.returncode == 0, done.stderr
    found = points(tmp_path / "lab.db")
    assert found[: 2 * row["points"] : 2] == found[1 : 2 * row["points"] : 2], "the same designs in the same order"
    shown = json.loads(dse("show", "2", "--json").stdout)
    assert (shown["note"], shown["points"], shown["hits"]) == ("again", row["points"] + 8, row["points"])


REFUSED = {
    ("pause", "1"): "Run 1 is done: there is nothing to pause",
    ("resume", "1", "--detach"): "Run 1 is done: there is nothing to go on with",
    ("clone", "1", "--search", "aneal"): "There is no search named 'aneal'",
    ("log", "1"): "was not begun with --detach",
    ("tag", "1", "two words"): "A tag is one word",
    ("run", *TASK, "--search", "anneal", "--detach", "--csv"): "it has no --csv",
    ("run", *TASK, "--search", "anneal", "--detach", "--confirm", "external"): "--confirm shows its result at the end",
}


def test_what_cannot_be_asked_of_a_run_is_one_line(dse: Dse):
    dse("run", *TASK, "--search", "anneal", "--budget", "4", "--seed", "1")
    for arguments, says in REFUSED.items():
        refused = dse(*arguments)
        assert (refused.returncode, refused.stdout) == (2, ""), arguments
        assert says in refused.stderr.splitlines()[-1]
        assert "Traceback" not in refused.stderr
    assert states(dse) == {1: "done"}


def test_tags_are_given_taken_and_told(dse: Dse):
    dse("run", *TASK, "--search", "anneal", "--budget", "4", "--seed", "1")
    assert dse("tag", "1", "keep", "[red]").stdout.split() == ["[red]", "keep"]
    assert json.loads(dse("tag", "1", "keep", "--remove", "--json").stdout) == {"run": 1, "tags": ["[red]"]}


def test_a_run_whose_log_cannot_be_made_is_paused_and_says_so(tmp_path: Path, dse: Dse):
    dse("run", *TASK, "--search", "anneal", "--budget", "4", "--seed", "1")
    with Lab.open(tmp_path / "lab.db") as lab:
        copy = start(lab, spec_of(lab.run(1)))
        log_path(lab.path, copy).parent.write_text("in the way")
        with pytest.raises(UserError, match=r"Run 2 cannot go on by itself: .*It is paused"):
            begin(lab, copy)
        assert lab.run(2).status == "paused"


def test_a_clone_is_asked_what_the_original_was(tmp_path: Path, dse: Dse):
    dse(
        "run",
        *TASK,
        "--search",
        "anneal",
        "--budget",
        "4",
        "--seed",
        "1",
        "-s",
        "temperature=0.5",
        "--target",
        "energy_pj<=1",
    )
    with Lab.open(tmp_path / "lab.db") as lab:
        original = lab.run(1)
        copy = start(lab, spec_of(original))
    same = ("task_key", "task", "search", "search_settings", "simulator_settings", "stop", "seed", "batch", "note")
    assert {name: getattr(copy, name) for name in same} == {name: getattr(original, name) for name in same}
