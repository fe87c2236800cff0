"""Owns what holds for the whole program: quick help, the promise of light imports, documented exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import workbench
from tests.cli.conftest import Dse
from workbench.errors import SimulatorError

HEAVY = ("torch", "textual", "sklearn", "sqlmodel", "sqlalchemy", "numpy", "pydantic", "rich", "yaml")


def test_the_program_itself_loads_nothing_heavy(tmp_path: Path):
    code = f"import sys, workbench.cli.app; print(*sorted(set({HEAVY!r}) & sys.modules.keys()))"
    path = str(Path(workbench.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


def test_without_a_command_the_help_is_shown(dse: Dse):
    bare, asked = dse(), dse("--help")
    assert bare.returncode == asked.returncode == 0
    assert bare.stdout.strip() == asked.stdout.strip()
    for word in ("run", "resume", "runs", "show", "front", "evaluate", "archs", "workloads", "searches", "simulators"):
        assert f"  {word} " in asked.stdout
    assert "import" in asked.stdout
    for code in ("0 done", "1 broken", "2 what", "130 interrupted"):
        assert code in " ".join(asked.stdout.split())


def test_the_version_is_printed(dse: Dse):
    assert dse("--version").stdout == f"dse {workbench.__version__}\n"


def test_a_broken_simulator_is_exit_code_1_and_the_run_can_be_tried_again(tmp_path: Path, capsys, monkeypatch):
    from workbench.cli import app
    from workbench.simulators import SIMULATORS

    def evaluate(self, task, designs):
        raise SimulatorError("loopnest: it broke\nin two lines")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SIMULATORS["loopnest"], "evaluate", evaluate)
    task = ["--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8"]
    monkeypatch.setattr(sys, "argv", ["dse", "run", *task, "--db", "lab.db"])
    assert app._outcome() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "dse: loopnest: it broke in two lines" in said.err.splitlines()
    assert "dse resume 1 --db lab.db" in said.err
