"""What the terminal workbench can do has its command, each with JSON; the shell completes their values."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from store.database import Lab
from tests.cli.conftest import Dse
from tests.tui.labs import made
from workbench.background import log_path
from workbench.cli import app as program
from workbench.cli import completion

Told = Callable[..., Any]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSE_DB", str(tmp_path / "lab.db"))
    return made(tmp_path / "lab.db", monkeypatch, runs=2)


@pytest.fixture
def told(lab: Path, monkeypatch: Any, capsys: Any) -> Told:
    """What a command prints as JSON; or, where it is refused, the line that says why."""

    def run(*arguments: str | int) -> Any:
        monkeypatch.setattr(sys, "argv", ["dse", *map(str, arguments)])
        capsys.readouterr()
        code = program._outcome()
        said = capsys.readouterr()
        if code:
            assert code == 2
            assert said.out == ""
            return said.err
        return json.loads(said.out)

    return run


def test_every_command_prints_json() -> None:
    def without(command: Any, path: str) -> list[str]:
        if commands := getattr(command, "commands", None):
            return [each for name, sub in commands.items() for each in without(sub, f"{path} {name}")]
        known = {option for parameter in command.params for option in parameter.opts}
        return [] if "--json" in known else [path]

    assert without(typer.main.get_command(program.app), "dse") == ["dse ui", "dse tui"]


def test_a_design_its_neighbours_and_its_command(told: Told) -> None:
    design = told("design", 1, 5, "--json", "--neighbours", 3)
    assert design["point"] == 5
    for near in design["neighbours"]:
        other = told("design", 1, near["point"], "--as", "json")
        assert near["metrics"] == other["metrics"]
        assert {**design["design"], **near["changes"]} == other["design"]
    assert [len(near["changes"]) > 0 for near in design["neighbours"]] == [True] * 3
    assert "--json is short for --as json" in told("design", 1, 5, "--json", "--as", "yaml")
    assert "no point 60" in told("design", 1, 60, "--json")
    assert "A command has no neighbours" in told("design", 1, 5, "--as", "command", "--neighbours", 2)


def test_plots_and_reports_tell_what_they_wrote(told: Told, tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("workbench.views.report.plotly_script", lambda: "")
    for arguments in (("plot", 1, 2, "-o", "a.svg"), ("report", 1, "-o", "a.html")):
        written = told(*arguments, "--json")
        assert written["bytes"] == (tmp_path / written["file"]).stat().st_size
        assert "exists already" in told(*arguments, "--json")
    assert "no plot named 'fronts'" in told("plot", 1, "-o", "b.svg", "--of", "fronts")
    assert "are for fronts" in told("plot", 1, "-o", "b.svg", "--of", "convergence", "-x", "seq")
    assert "give one run" in told("plot", 1, 2, "-o", "b.svg", "--where", "feasible")
    assert not (tmp_path / "b.svg").exists()


def test_logs_removals_and_what_a_task_may_learn_from(told: Told, lab: Path) -> None:
    with Lab.open(lab, readonly=True) as opened:
        runs = opened.runs()
    log = log_path(lab, runs[0])
    log.parent.mkdir()
    log.write_text("one\ntwo\n")
    assert told("log", runs[0].id, "--json", "-n", 1) == {"run": runs[0].id, "file": str(log), "lines": ["two"]}
    assert "leave out --follow" in told("log", runs[0].id, "--json", "--follow")
    assert told("sources", "--task", 1, "--json")["sources"][0]["similarity"] == 1
    assert "leave out --arch" in told("sources", "--task", 1, "--arch", "tpu_like", "--workload", "alexnet")
    assert told("transfers", "--json") == []
    assert len(told("points", 1, "--all", "--json")) == 60
    assert told("runs", "rm", 1, "--yes", "--json") == {"removed": [{"run": 1, "uuid": runs[-1].uuid}]}
    assert "give -o FILE" in told("import", "model.onnx", "--json")


def test_runs_are_offered_by_number_alone(lab: Path, monkeypatch: Any) -> None:
    context = typer.Context(typer.main.get_command(program.app))
    assert completion.runs(context, "") == ["2", "1", "last"]
    assert completion.runs(context, "l") == ["last"]
    monkeypatch.setenv("DSE_DB", str(lab.with_name("none.db")))
    assert completion.runs(context, "") == []


def test_the_shell_is_told_commands_and_names(dse: Dse) -> None:
    done = dse(_DSE_COMPLETE="complete_bash", COMP_WORDS="dse run --arch tp", COMP_CWORD="3")
    assert done.stdout.split() == ["tpu_like"]
    assert dse(_DSE_COMPLETE="complete_bash", COMP_WORDS="dse desi", COMP_CWORD="1").stdout.split() == ["design"]
