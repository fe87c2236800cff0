"""Every command that simulates can be told by whom, and its results do not depend on that."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from store.database import Lab
from workbench.cli import app as program
from workbench.executors import table
from workbench.executors.base import Executor

TASK = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "conv2")
FEW = (*TASK, "--search", "uniform", "--budget", "4", "--seed", "1")
BY_WORKERS = ("--executor", "loky", "--batch-seconds", "60", "--jobs", "2")
COMMANDS = {
    "clone": ("clone", "1", "--seed", "2", "--json"),
    "compare": ("compare", *TASK, "--searches", "uniform,anneal", "--budget", "3", "--seeds", "1", "--json"),
    "fidelity": ("fidelity", *TASK, "--simulators", "loopnest,loopnest", "--sim", "1.factors=2", "-n", "3", "--csv"),
    "front": ("front", "1", "--confirm", "loopnest", "--confirm-sim", "factors=2", "--json"),
}


def test_whatever_takes_jobs_takes_an_executor_and_a_limit() -> None:
    def taking(command: Any, path: str) -> dict[str, set[str]]:
        if commands := getattr(command, "commands", None):
            return {k: v for name, sub in commands.items() for k, v in taking(sub, f"{path} {name}").items()}
        known = {option for parameter in command.params for option in parameter.opts}
        return {path: known} if "--jobs" in known else {}

    found = taking(typer.main.get_command(program.app), "dse")
    assert set(found) >= {f"dse {name}" for name in ("run", "resume", *COMMANDS)}
    assert not [path for path, known in found.items() if not known >= {"--executor", "--batch-seconds"}]


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_what_workers_simulate_is_what_this_process_does(
    name: str, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, int]] = []
    make: Callable[[str, int], Executor] = table.made

    def recorded(executor: str, jobs: int) -> Executor:
        made.append((executor, jobs))
        return make(executor, jobs)

    monkeypatch.setattr(table, "made", recorded)
    told = []
    for lab, how in (("alone.db", ("--executor", "serial")), ("workers.db", BY_WORKERS)):
        db = ("--db", tmp_path / lab)
        assert here("run", *FEW, "--executor", "serial", *db)[0] == 0
        assert made == []
        code, out, err = here(*COMMANDS[name], *how, *db)
        assert code == 0, err
        told.append(out)
    assert made
    assert set(made) == {("loky", 2)}
    assert _steady(told[0]) == _steady(told[1])


def _steady(told: str) -> Any:
    """Without what tells the time, or the run from another."""
    moving = {"uuid", "seconds", "search_seconds", "search_seconds_most", "created", "updated", "db"}

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: of(v) for k, v in value.items() if k not in moving}
        return [of(each) for each in value] if isinstance(value, list) else value

    return of(json.loads(told)) if told.startswith(("{", "[")) else told


def test_nothing_is_begun_where_the_executor_cannot_work(here: Any, tmp_path: Path) -> None:
    assert here("run", *FEW, "--executor", "serial")[0] == 0
    for command in COMMANDS.values():
        code, out, err = here(*command, "--executor", "dask://127.0.0.1:1")
        assert (code, out) == (2, "")
        assert "dask://127.0.0.1:1: nothing answers there" in err
        assert err.count("\n") == 1
    with Lab.open(tmp_path / "lab.db", readonly=True) as lab:
        assert [run.id for run in lab.runs()] == [1]


@pytest.mark.slow
def test_the_workers_of_a_run_are_listed_and_a_run_without_any_says_so(here: Any) -> None:
    assert here("run", *FEW, "--executor", "serial")[0] == 0
    assert here("run", *FEW, "--sim", "factors=2", *BY_WORKERS)[0] == 0
    told = json.loads(here("workers", "2", "--json")[1])
    assert {(row["run"], row["host"], row["executor"]) for row in told} == {(2, socket.gethostname(), "loky")}
    assert sum(row["designs"] for row in told) == 4
    assert all(row["designs_per_second"] == row["designs"] / row["seconds"] > 0 == row["failures"] for row in told)
    code, table, _ = here("workers", "last")
    assert code == 0
    assert all(str(row["pid"]) in table for row in told)
    assert len(here("workers", "last", "--csv")[1].splitlines()) == 1 + len(told)
    assert here("workers", "1", "--json")[1].strip() == "[]"
    assert "Run 1 has had no workers" in here("workers", "1")[1]
    assert "No run at work has told of workers yet" in here("workers")[1]
    assert here("workers", "9")[0] == 2
