"""What the screens let one take along is what the commands they name give."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from store.database import Lab
from tests.tui.labs import made, settled, workbench
from tests.tui.test_flows import drive, notes, on_screen, until
from workbench.tui.screens.compare import CompareScreen
from workbench.tui.screens.dialogs import Line
from workbench.tui.screens.front import FrontScreen
from workbench.tui.screens.run import RunScreen
from workbench.tui.widgets.scatter import Scatter
from workbench.views.filter import parse
from workbench.views.points import names
from workbench.views.reproduce import design_text
from workbench.views.stored import StoredRun

pytest.importorskip("matplotlib")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    return made(tmp_path / "lab.db", monkeypatch, runs=2)


async def exported(pilot: Pilot[None], kind: str, file: str) -> None:
    """Picks one kind and types a name for its file."""
    await pilot.press("e")
    await until(pilot, lambda: on_screen(pilot.app, "What to write"))
    pilot.app.screen.query_one(Input).value = kind
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, Line))
    pilot.app.screen.query_one(Input).value = file
    await pilot.press("enter")


def test_a_design_is_copied_as_the_command_line_prints_it(lab: Path) -> None:
    app = workbench(lab)
    with Lab.open(lab, readonly=True) as opened:
        meant = {form: design_text(opened, opened.run(1), 17, form) for form in ("command", "yaml", "json")}

    def said(text: str) -> bool:
        return text in notes(app)

    async def flow(pilot: Pilot[None]) -> None:
        screens = {"command": RunScreen(1), "yaml": FrontScreen(1, seq=17), "json": None}
        for form, screen in screens.items():
            if screen is not None:
                await app.push_screen(screen)
                await settled(pilot)
            app.screen.query_one(Scatter).highlighted = 17
            await pilot.press("y")
            await until(pilot, lambda: on_screen(app, "Copy point 17 of run 1"))
            app.screen.query_one(Input).value = form
            await pilot.press("enter")
            await until(pilot, partial(said, f"dse design 1 17 --as {form}"))
            assert app.clipboard == meant[form]

    drive(app, flow)


def test_the_front_screen_exports_what_it_shows_and_never_over_a_file(lab: Path, tmp_path: Path) -> None:
    app = workbench(lab)
    (tmp_path / "mine.csv").write_text("mine")
    with Lab.open(lab, readonly=True) as opened:
        run = StoredRun.read(opened, 1)
        shown = parse("seq<40 and feasible", names(run.task))
        meant = opened.count_points(1, shown)

    async def flow(pilot: Pilot[None]) -> None:
        screen = FrontScreen(1)
        await app.push_screen(screen)
        await settled(pilot)
        await pilot.press("slash")
        screen.query_one("#filter", Input).value = "seq<40"
        await pilot.press("enter")
        await settled(pilot)
        await exported(pilot, "points", "points.json")
        await until(pilot, lambda: "dse points 1 --where '(seq<40) and feasible'" in notes(app))
        await exported(pilot, "front", "front.csv")
        await until(pilot, lambda: "dse front 1 --csv > front.csv" in notes(app))
        await exported(pilot, "picture", "plot.svg")
        await until(pilot, lambda: "-o plot.svg" in notes(app))
        await exported(pilot, "front", "mine.csv")
        await until(pilot, lambda: "mine.csv exists already" in notes(app))
        await exported(pilot, "front", "~nobody-here/front.csv")
        await until(pilot, lambda: "no such home" in notes(app))

    drive(app, flow, (120, 40))
    assert len(json.loads((tmp_path / "points.json").read_text())) == meant
    with (tmp_path / "front.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(run.front)
    assert (tmp_path / "plot.svg").read_text().startswith("<?xml")
    assert (tmp_path / "mine.csv").read_text() == "mine"


def test_runs_and_compared_runs_are_exported(lab: Path, tmp_path: Path) -> None:
    app = workbench(lab)

    async def flow(pilot: Pilot[None]) -> None:
        await exported(pilot, "convergence", "c.svg")
        await until(pilot, lambda: "dse plot 2 --of convergence -o c.svg" in notes(app))
        await app.push_screen(CompareScreen((1, 2)))
        await settled(pilot)
        await exported(pilot, "fronts", "f.svg")
        await until(pilot, lambda: "dse plot 1 2 -o f.svg" in notes(app))
        await exported(pilot, "table", "t.json")
        await until(pilot, lambda: "dse runs overlay 1 2 --json > t.json" in notes(app))

    drive(app, flow)
    assert {"c.svg", "f.svg"} <= {path.name for path in tmp_path.iterdir()}
    assert [run["run"] for run in json.loads((tmp_path / "t.json").read_text())["runs"]] == [1, 2]
