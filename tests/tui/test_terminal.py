"""The terminal workbench in a real terminal, from end to end: what it shows is read back from tmux."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.database import Lab
from tests.cli.conftest import SCRIPT, environment

TMUX = shutil.which("tmux")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(TMUX is None, reason="tmux is not installed")]


class Terminal:
    """A terminal of 100 x 30 in which the workbench is opened, typed into and read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = str(folder / "tmux")

    def tmux(self, *arguments: str, check: bool = True) -> str:
        changed = environment(self._folder) | {"TERM": "xterm-256color", "SHELL": "/bin/sh", "LANG": "C.UTF-8"}
        changed.pop("TMUX", None)
        command = [TMUX or "tmux", "-u", "-f", "/dev/null", "-S", self._socket, *arguments]
        done = subprocess.run(command, env=changed, capture_output=True, text=True, check=check, timeout=30)
        return done.stdout

    def open(self) -> None:
        self.tmux("new-session", "-d", "-s", "dse", "-x", "100", "-y", "30", "-c", str(self._folder), f"{SCRIPT} ui")
        self.tmux("set", "-g", "set-clipboard", "on")
        self.sees("Runs")

    def close(self) -> None:
        """As when the terminal's window is closed, or the connection is lost: everything in it gets a hang-up."""
        self.tmux("kill-server", check=False)

    def types(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", "dse", *keys)

    def writes(self, text: str) -> None:
        self.tmux("send-keys", "-t", "dse", "-l", "--", text)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", "dse", check=False)

    def clipboard(self) -> str:
        """What was copied, as the terminal was told by OSC 52."""
        return self.tmux("show-buffer", check=False)

    def is_open(self) -> bool:
        return "dse" in self.tmux("list-sessions", check=False)

    def goes_to(self, text: str) -> None:
        """Down the form until it says so of the field."""
        for _ in range(60):
            if text in self.screen():
                return
            self.types("Down")
            time.sleep(0.4)
        raise AssertionError(self.screen())

    def sees(self, *texts: str) -> str:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            shown = self.screen()
            if all(text in shown for text in texts):
                assert "Traceback" not in shown
                return shown
            time.sleep(0.1)
        raise AssertionError(f"{texts} not in\n{self.screen()}")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    try:
        yield made
    finally:
        made.close()
        end_runs(tmp_path / "lab.db")


def end_runs(path: Path) -> None:
    """Nothing that a test has begun goes on behind it."""
    if not path.exists():
        return
    with Lab.open(path) as lab:
        for run in lab.runs("running"):
            os.kill(run.pid or 0, 9)
        for run in lab.runs("queued"):
            lab.ask(run.id, "cancel")


def seen_from_outside(path: Path, run_id: int) -> tuple[str, int]:
    with Lab.open(path, readonly=True) as lab:
        run = lab.run(run_id)
        return lab.live_status(run), run.points


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_run_is_launched_outlives_the_terminal_is_stopped_resumed_and_compared(terminal: Terminal, tmp_path: Path):
    lab = tmp_path / "lab.db"
    terminal.open()
    terminal.sees("There is no lab database")
    terminal.types("2")
    terminal.sees("New run", "$ dse run --arch tpu_like")
    terminal.types("Down", "Down", "C-u")
    terminal.sees("layers: Some of the network's")
    terminal.writes("fc8")
    terminal.sees("--layer fc8")
    terminal.goes_to("budget: Designs to evaluate")
    terminal.writes("1000000")
    terminal.sees("1000000 --detach")
    terminal.types("C-s")
    terminal.sees("Run 1", "running", "/1,000,000 designs", "hypervolume", "dominated")

    terminal.close()
    status, points = seen_from_outside(lab, 1)
    assert status == "running"
    until(lambda: seen_from_outside(lab, 1)[1] > points)

    terminal.open()
    terminal.sees("1 running", "tpu_like")
    terminal.types("p")
    terminal.sees("paused")
    assert seen_from_outside(lab, 1)[0] == "paused"
    terminal.types("r")
    terminal.sees("goes on by itself")
    until(lambda: seen_from_outside(lab, 1)[0] == "running")
    terminal.types("x")
    terminal.sees("Cancel run 1 after the step under way?")
    terminal.types("y")
    until(lambda: seen_from_outside(lab, 1)[0] == "cancelled")

    terminal.types("c")
    terminal.sees("Run 1 again with a fresh seed")
    terminal.writes("--search uniform --budget 40")
    terminal.types("Enter")
    until(lambda: lab_has(lab, 2) and seen_from_outside(lab, 2) == ("done", 40))
    terminal.sees("40/40")
    terminal.types("g")
    terminal.sees("run 2: uniform")
    terminal.types("Space")
    terminal.sees("1 marked", "●2")
    terminal.types("Space")
    terminal.sees("2 marked", "●1")
    terminal.types("C")
    terminal.sees("Runs 1, 2 compared", "hypervolume", "uniform")
    terminal.types("q")
    terminal.sees("2 marked")
    terminal.types("f")
    terminal.sees("Front", "energy", "pe_rows")
    terminal.types("n")
    terminal.sees("● front", "step")
    terminal.types("y")
    terminal.sees("Copy point", "command  the command that evaluates it again")
    terminal.types("Enter")
    until(lambda: terminal.clipboard().startswith("dse evaluate --arch tpu_like --workload alexnet --layer fc8 --set"))
    terminal.types("e")
    terminal.sees("What to write to a file")
    terminal.types("Enter")
    terminal.sees("dse front", "--csv > FILE")
    terminal.types("Enter")
    until(lambda: any(tmp_path.glob("run*-front.csv")))
    terminal.types("q", "q")
    until(lambda: not terminal.is_open())


def lab_has(path: Path, run_id: int) -> bool:
    with Lab.open(path, readonly=True) as lab:
        return len(lab.runs()) >= run_id
