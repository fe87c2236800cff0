"""Owns the promise that a run can be watched, stopped, killed and resumed, and loses nothing by it."""

import csv
import json
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SCRIPT, Dse, environment
from workbench.pareto import non_dominated

TASK = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8", "--sim", "factors=1")
LONG = ("run", *TASK, "--search", "anneal", "--budget", "400", "--seed", "1")


def front(dse: Dse, ref: str, db: str = "lab.db") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dse("front", ref, "--db", db, "--json").stdout)["front"]
    return found


def points(db: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(db)) as lab:
        return lab.execute("SELECT seq, step, codes, latency_cycles, energy_pj FROM point ORDER BY seq").fetchall()


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run in a process of its own, once it has stored a step."""
    process = subprocess.Popen(
        [SCRIPT, *arguments],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if points(folder / "lab.db"):
                return process
        except sqlite3.Error:
            pass  # not made yet
        time.sleep(0.02)
    process.kill()
    raise AssertionError(process.communicate()[1])


def test_a_run_ends_with_its_front_a_plot_and_the_commands_that_go_on(dse: Dse):
    done = dse("run", *TASK, "--search", "anneal", "--budget", "24", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert "front (" in done.stdout
    assert "latency [cycles]" in done.stdout
    for told in ("seed 1", "24/24 designs", "budget spent", "dse front 1", "dse show 1", "dse evaluate --run 1"):
        assert told in done.stderr
    assert "dse" not in done.stdout


def test_every_form_holds_the_same_front_and_no_member_dominates_another(dse: Dse):
    ran = dse("run", *TASK, "--search", "anneal", "--budget", "24", "--seed", "1", "--json")
    members = json.loads(ran.stdout)["front"]
    assert front(dse, "1") == members
    rows = list(csv.DictReader(StringIO(dse("front", "last", "--csv").stdout)))
    assert [int(row["seq"]) for row in rows] == [member["seq"] for member in members]
    assert [float(row["energy_pj"]) for row in rows] == [member["energy_pj"] for member in members]
    assert non_dominated([[m["latency_cycles"], m["energy_pj"]] for m in members]).all()
    for axis, value in members[0]["design"].items():
        assert rows[0][axis] == str(value)


def test_what_a_run_was_asked_for_is_kept_and_shown(dse: Dse):
    asked = ("--target", "energy_pj<=1", "--objective", "edp_js", "--objective", "area_um2", "--note", "[red]mine")
    rules = ("--wall-seconds", "100", "--stalled-steps", "50", "--batch", "3", "-s", "temperature=0.5")
    run = dse(
        "run",
        *TASK,
        "--search",
        "anneal",
        *asked,
        *rules,
        "--technology",
        "own",
        "--criterion",
        "energy",
        "--budget",
        "6",
    )
    assert run.returncode == 0, run.stderr
    told = json.loads(dse("show", "last", "--json").stdout)
    assert told["task"]["objectives"] == ["edp_js", "area_um2"]
    assert told["task"]["targets"] == [{"metric": "energy_pj", "bound": 1.0}]
    assert (told["task"]["technology"], told["task"]["criterion"]) == ("own", "energy")
    assert told["search_settings"]["temperature"] == 0.5
    assert told["simulator_settings"] == {"factors": 1}
    assert (told["stop"]["wall_seconds"], told["stop"]["stalled_steps"], told["stop"]["budget"]) == (100, 50, 6)
    assert (told["status"], told["points"], told["batch"], told["note"]) == ("done", 6, 3, "[red]mine")
    assert f"seed {told['seed']}" in run.stderr
    page = dse("show", "last").stdout
    for text in ("[red]mine", "energy_pj<=1", "edp_js, area_um2", "temperature=0.5", "6 of 6 in 2 steps"):
        assert text in page
    history = list(csv.DictReader(StringIO(dse("show", "last", "--csv").stdout)))
    assert [int(step["points"]) for step in history] == [3, 6]


def test_runs_are_listed_the_latest_first_and_by_their_state(dse: Dse):
    for seed in ("1", "2"):
        dse("run", *TASK, "--search", "anneal", "--budget", "4", "--seed", seed)
    listed = json.loads(dse("runs", "--json").stdout)
    assert [(run["id"], run["seed"], run["status"], run["budget"]) for run in listed] == [
        (2, 2, "done", 4),
        (1, 1, "done", 4),
    ]
    assert [row["id"] for row in csv.DictReader(StringIO(dse("runs", "--csv", "--limit", "1").stdout))] == ["2"]
    assert json.loads(dse("runs", "--status", "failed", "--json").stdout) == []
    assert [line.split()[:2] for line in dse("runs").stdout.splitlines()[2:]] == [["2", "done"], ["1", "done"]]


def test_a_second_run_simulates_nothing_that_the_lab_knows(dse: Dse):
    first, second = (dse("run", *TASK, "--search", "anneal", "--budget", "8", "--seed", "1") for _ in range(2))
    assert first.returncode == second.returncode == 0
    runs = json.loads(dse("runs", "--json").stdout)
    assert [(run["evaluations"], run["hits"]) for run in runs] == [(0, 8), (8, 0)]
    assert "from the lab 8 (100%)" in second.stderr


def test_a_killed_run_goes_on_as_if_it_had_never_stopped(dse: Dse, tmp_path: Path):
    budget = ("--budget", "80", "--seed", "1")
    process = started(tmp_path, "run", *TASK, "--search", "anneal", *budget)
    process.kill()
    process.communicate()
    assert json.loads(dse("runs", "--json").stdout)[0]["status"] in ("interrupted", "done")
    resumed = dse("resume", "1")
    assert resumed.returncode == 0, resumed.stderr
    assert dse("run", *TASK, "--search", "anneal", *budget, "--db", "whole.db").returncode == 0
    assert points(tmp_path / "lab.db") == points(tmp_path / "whole.db")
    assert front(dse, "1") == front(dse, "1", "whole.db")
    again = dse("resume", "1", "--json")
    assert (again.returncode, json.loads(again.stdout)["front"]) == (0, front(dse, "1"))


def test_a_run_that_is_anothers_is_refused_in_one_line_and_has_not_failed(dse: Dse, tmp_path: Path):
    process = started(tmp_path, *LONG, "--budget", "40000")  # longer than another process takes to start
    try:
        busy = dse("resume", "1")
    finally:
        process.kill()
        process.communicate()
    with closing(sqlite3.connect(tmp_path / "lab.db")) as lab, lab:
        lab.execute("UPDATE run SET fingerprint = 'loopnest of old'")
    older = dse("resume", "1")
    for refused, reason in ((busy, f"process {process.pid}"), (older, "'loopnest of old'")):
        assert refused.returncode == 2
        assert reason in refused.stderr
        assert "has failed" not in refused.stderr
    assert json.loads(dse("runs", "--json").stdout)[0]["status"] == "interrupted"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_after_the_batch_in_flight_and_tells_how_to_go_on(name: str, dse: Dse, tmp_path: Path):
    process = started(tmp_path, *LONG)
    process.send_signal(signal.Signals[name])
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "stopping after the batch in flight" in stderr
    assert "dse resume 1" in stderr
    assert "point" in stdout
    (run,) = json.loads(dse("runs", "--json").stdout)
    assert run["status"] == "paused"
    assert 0 < run["points"] < 400
    assert run["points"] % run["batch"] == 0


def test_a_live_display_in_a_terminal_leaves_only_the_result(tmp_path: Path):
    pexpect_free = f"stty cols 80 rows 40; {SCRIPT} run {' '.join(TASK)} --budget 8 --seed 1"
    done = subprocess.run(
        ["script", "-qec", pexpect_free, "/dev/null"],
        cwd=tmp_path,
        env=environment(tmp_path) | {"TERM": "xterm-256color"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert "8/8 designs" in done.stdout or "0/8 designs" in done.stdout
    assert "dse front 1" in done.stdout
    assert "\x1b[?25h" in done.stdout  # the cursor is back


def test_a_commands_default_is_that_of_the_run_itself():
    from typer.main import get_command

    from workbench.cli.app import app
    from workbench.runner import BATCH
    from workbench.stop import Stop

    options = {p.name: getattr(p, "help", "") or "" for p in get_command(app).commands["run"].params}  # type: ignore[attr-defined]
    assert f"[default: {Stop().budget}]" in options["budget"]
    assert f"[default: {Stop().margin}]" in options["margin"]
    assert f"[default: {BATCH}]" in options["batch"]
