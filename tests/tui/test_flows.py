"""What a user does in the terminal workbench, and what may happen meanwhile: a message, never a traceback."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

import workbench as workbench_package
from store.database import Lab
from store.migrations import SCHEMA
from tests.tui.labs import made, settled, workbench
from workbench import background
from workbench.runner import start
from workbench.tui.app import Workbench
from workbench.tui.config import Config
from workbench.tui.screens.base import Heading
from workbench.tui.screens.help import Help
from workbench.tui.screens.launch import Entry, Launch
from workbench.tui.screens.run import RunScreen
from workbench.tui.screens.runs import Runs
from workbench.tui.widgets.table import PagedTable

HOSTILE = (
    *("[red]bold[/red]", "\x1b[31mred\x1b]0;title\x07", "مرحبا بالعالم", "🧪👩\u200d🔬"),
    *("two\nlines", "x" * 10_000, "[@click=app.quit]"),
)
Flow = Callable[[Pilot[None]], Coroutine[Any, Any, None]]


def drive(app: Workbench, flow: Flow, size: tuple[int, int] = (80, 24)) -> None:
    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await settled(pilot)
            await flow(pilot)

    asyncio.run(run())


def shown(app: Any) -> str:
    """What the terminal shows, as text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def on_screen(app: Any, text: str) -> bool:
    return text in shown(app)


async def until(pilot: Pilot[None], condition: Callable[[], Any]) -> None:
    for _ in range(600):
        await pilot.pause()
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(shown(pilot.app))


def notes(app: Any) -> str:
    return " | ".join(note.message for note in app._notifications)


def test_runs_are_listed_filtered_marked_and_opened(tmp_path: Path, monkeypatch) -> None:
    app = workbench(made(tmp_path / "lab.db", monkeypatch, runs=4))

    async def flow(pilot: Pilot[None]) -> None:
        table = app.screen.query_one(PagedTable)
        assert [row.key for row in table.shown.rows] == [4, 3, 2, 1]
        await pilot.press("slash", *"search", "equals_sign", *"anneal", "enter")
        await settled(pilot)
        assert [row.key for row in table.shown.rows] == [3, 1]
        await pilot.press("slash", *"serch", "equals_sign", "1", "enter")
        await until(pilot, lambda: "search" in notes(app))
        assert [row.key for row in table.shown.rows] == [3, 1]
        field = app.screen.query_one("#filter", Input)
        assert field.has_focus, "it is there to be put right"
        await pilot.press("escape")
        await settled(pilot)
        assert len(table.shown.rows) == 4
        await pilot.press("space", "space", "s")
        await settled(pilot)
        assert sum("●" in row.cells[0] for row in table.shown.rows) == 2
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await until(pilot, lambda: "60/60 designs" in shown(app))
        await pilot.press("escape")
        assert isinstance(app.screen, Runs)

    drive(app, flow)


def test_a_run_is_asked_to_stop_tagged_and_deleted_after_a_question(tmp_path: Path, monkeypatch) -> None:
    path = made(tmp_path / "lab.db", monkeypatch, runs=2)
    app = workbench(path)

    async def flow(pilot: Pilot[None]) -> None:
        await pilot.press("p")
        await until(pilot, lambda: "Run 2 is done: there is nothing to pause" in notes(app))
        await pilot.press("t", *"keep", "enter")
        await until(pilot, lambda: "Run 2: keep" in notes(app))
        await pilot.press("d")
        await until(pilot, lambda: "Delete it for good?" in shown(app))
        assert "dse runs rm 2" in shown(app)
        await pilot.press("enter")
        await settled(pilot)
        assert len(app.screen.query_one(PagedTable).shown.rows) == 2, "Enter alone says no"
        await pilot.press("d")
        await until(pilot, lambda: "Delete it for good?" in shown(app))
        await pilot.press("y")
        await until(pilot, lambda: [r.key for r in app.screen.query_one(PagedTable).shown.rows] == [1])

    drive(app, flow)
    with Lab.open(path, readonly=True) as lab:
        assert [run.id for run in lab.runs()] == [1]


def test_a_form_is_checked_as_it_is_typed_and_begins_the_run_that_it_shows(tmp_path: Path, monkeypatch) -> None:
    begun: list[int] = []

    def begin(lab: Lab, run: Any, **handling: Any) -> None:
        begun.append(run.id)
        assert handling == {"slots": 3, "jobs": None, "executor": "serial", "batch_seconds": None}

    monkeypatch.setattr(background, "begin", begin)
    app = workbench(tmp_path / "new.db")

    async def flow(pilot: Pilot[None]) -> None:
        assert "There is no lab database" in shown(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Launch))
        entries = {entry.field.name: entry for entry in app.screen.query(Entry)}
        said = app.screen.query_one("#verdict", Static)
        await until(pilot, lambda: "$ dse run --arch tpu_like" in str(said.content))
        entries["budget"].value = "many"
        await until(pilot, lambda: "budget must be a whole number, got 'many'" in str(said.content))
        await pilot.press("ctrl+s")
        assert "budget must be" in notes(app)
        entries["budget"].value = "12"
        entries["targets"].value = "energy_pj<=2e9"
        entries["search"].value = "uniform"
        entries["seed"].value = "7"
        entries["slots"].value = "3"
        entries["executor"].value = "serail"
        await until(pilot, lambda: "Did you mean 'serial'?" in str(said.content))
        entries["executor"].value = ""
        entries["executor"].focus()
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "worker processes of this machine, where they pay" in shown(app))
        await pilot.press(*"serial", "enter")
        wanted = "--search uniform --target 'energy_pj<=2e9' --budget 12 --seed 7 --slots 3 --executor serial --detach"
        await until(pilot, lambda: wanted in str(said.content))
        entries["batch_seconds"].value = "5"
        await until(pilot, lambda: "--batch-seconds needs workers" in str(said.content))
        entries["batch_seconds"].value = ""
        await until(pilot, lambda: wanted in str(said.content))
        assert not app.screen.query("#settings-search Entry"), "this search has nothing to set"
        entries["search"].value = "genetic"
        await until(pilot, lambda: bool(app.screen.query("#settings-search Entry")))
        entries["layers"].focus()
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "conv3" in shown(app))
        await pilot.press(*"conv3", "enter")
        await until(pilot, lambda: entries["layers"].value == "conv2, conv3")
        await until(pilot, lambda: "--layer conv3" in str(said.content))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await until(pilot, lambda: "genetic for tpu_like on alexnet/conv2+conv3, seed 7" in shown(app))

    drive(app, flow, (120, 40))
    assert begun == [1]
    with Lab.open(tmp_path / "new.db", readonly=True) as lab:
        run = lab.run(1)
        assert (run.search, run.seed, json.loads(run.stop)["budget"]) == ("genetic", 7, 12)


def test_hostile_names_show_literally_everywhere(tmp_path: Path, monkeypatch) -> None:
    path = made(tmp_path / "lab.db", monkeypatch, runs=1, designs=20)
    with closing(sqlite3.connect(path)) as raw, raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(run)") if row[1] not in ("id", "uuid")]
        listed = ", ".join(columns)
        for number, text in enumerate(HOSTILE, 2):
            raw.execute(
                f"INSERT INTO run (uuid, {listed}) SELECT printf('%032x', ?), {listed} FROM run WHERE id = 1",  # noqa: S608
                (number,),
            )
            changes = (text, text, text, text, f"no: {text}", number)
            raw.execute("UPDATE run SET arch=?, workload=?, search=?, note=?, error=? WHERE id=?", changes)
    app = workbench(path)

    async def flow(pilot: Pilot[None]) -> None:
        for number, text in enumerate(HOSTILE, 2):
            app.screen.query_one(PagedTable).go_to(number)
            await settled(pilot)
            await until(pilot, partial(on_screen, app, f"run {number}:"))
            said = shown(app)
            assert "\x1b" not in said
            if text.startswith("["):
                assert f"{text} on {text}" in said
            if number % 3 == 0:
                await pilot.press("enter")
                await until(pilot, lambda: "no: " in shown(app) and isinstance(app.screen, RunScreen))
                await pilot.press("escape")
        await pilot.press("3")
        await settled(pilot)
        await pilot.press("escape")
        with Lab.open(path) as lab:
            lab.tag(1, "[red]")
        app.screen.query_one(PagedTable).go_to(1)
        await until(pilot, lambda: "#[red]" in shown(app))

    drive(app, flow, (160, 30))


def test_a_lab_that_vanishes_comes_back_or_is_replaced_is_a_message_and_then_shown(tmp_path: Path, monkeypatch) -> None:
    path = made(tmp_path / "lab.db", monkeypatch, runs=2, designs=20)
    other = made(tmp_path / "other.db", monkeypatch, runs=1, designs=20)
    app = workbench(path)

    async def flow(pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        await until(pilot, lambda: "20/20 designs" in shown(app))
        path.rename(tmp_path / "away.db")
        await until(pilot, lambda: "There is no lab database" in str(app.screen.query_one(Heading).content))
        await pilot.press("p", "escape", "j", "slash", "escape")
        other.rename(path)
        await until(pilot, lambda: [r.key for r in app.screen.query_one(PagedTable).shown.rows] == [1])
        await until(pilot, lambda: "There is no" not in str(app.screen.query_one(Heading).content))
        path.unlink()
        path.write_bytes(b"not a database, but long enough to look like a file of one" * 20)
        await until(pilot, lambda: "is not a lab database" in str(app.screen.query_one(Heading).content))

    drive(app, flow)


def test_an_old_lab_says_whole_how_it_is_brought_up_to_date_and_is_shown_when_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ("long" * 12) / "lab.db"
    path.parent.mkdir()
    made(path, monkeypatch, runs=1, designs=4)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 6")
    app = workbench(path)

    async def flow(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "keeps a copy of the old." in " ".join(shown(app).split()))
        with closing(sqlite3.connect(path)) as raw:
            raw.execute(f"PRAGMA user_version = {SCHEMA.version}")
        await until(pilot, lambda: "1 runs" in shown(app))

    drive(app, flow)


def test_a_run_that_fails_or_is_removed_while_it_is_watched_is_a_message(tmp_path: Path, monkeypatch) -> None:
    path = made(tmp_path / "lab.db", monkeypatch, runs=1, designs=20)
    with Lab.open(path) as lab:
        copy = start(lab, background.spec_of(lab.run(1)))
        epoch = lab.claim(copy.id)
    app = workbench(path)

    async def flow(pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        await until(pilot, lambda: "running  anneal" in shown(app))
        with Lab.open(path) as lab:
            lab.finish(copy.id, epoch, "failed", "it broke [bold]here[/bold]")
        await until(pilot, lambda: "it broke [bold]here[/bold]" in shown(app))
        with Lab.open(path) as lab:
            lab.remove_runs((copy.id,))
        await until(pilot, lambda: "There is no run '2'" in str(app.screen.query_one(Heading).content))
        await pilot.press("escape")
        await settled(pilot)
        assert [r.key for r in app.screen.query_one(PagedTable).shown.rows] == [1]

    drive(app, flow)


def test_a_storm_of_resizes_is_survived_on_every_main_screen(tmp_path: Path, monkeypatch) -> None:
    app = workbench(made(tmp_path / "lab.db", monkeypatch, runs=2, designs=20))

    async def flow(pilot: Pilot[None]) -> None:
        for key in ("1", "enter", "3", "4", "5"):
            await pilot.press(key)
            for size in ((200, 60), (1, 1), (300, 3), (80, 24)):
                await pilot.resize_terminal(*size)
            await settled(pilot)

    drive(app, flow)


def test_keys_are_given_other_ones_and_the_help_finds_them(tmp_path: Path, monkeypatch) -> None:
    path = made(tmp_path / "lab.db", monkeypatch)
    config = tmp_path / "ui.yaml"
    config.write_text("keys: {run.tag: 'f9'}\ntheme: nord\n")
    app = Workbench(path, config_file=config)

    async def flow(pilot: Pilot[None]) -> None:
        assert app.theme == "nord"
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Help))
        await pilot.press(*"run.tag")
        await settled(pilot)
        assert "f9" in shown(app)
        assert "Read again" not in shown(app), "only what matches is listed"
        assert str(config) in shown(app).replace("\n", "")
        await pilot.press("escape", "f9")
        await until(pilot, lambda: "Words for run 1" in shown(app))
        await pilot.press("escape")
        app.theme = "gruvbox"
        await pilot.pause()

    drive(app, flow, (160, 40))
    assert Config.read(config) == Config("gruvbox", True, {"run.tag": "f9"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("theme: [", "cannot be read"),
        ("- a", "must hold theme, mouse and keys"),
        ("colour: red", "has no setting 'colour'"),
        ("mouse: maybe", "mouse must be true or false"),
        ("keys: {run.pause: 3}", "keys must give each action its keys"),
    ],
)
def test_a_configuration_that_is_none_is_said_in_one_line_and_left_alone(tmp_path: Path, text: str, says: str) -> None:
    config = tmp_path / "ui.yaml"
    config.write_text(text)
    app = Workbench(tmp_path / "lab.db", config_file=config)
    assert says in str(app._misread)
    assert config.read_text() == text


def test_the_palette_finds_what_the_screen_can_do(tmp_path: Path, monkeypatch) -> None:
    app = workbench(made(tmp_path / "lab.db", monkeypatch))

    async def flow(pilot: Pilot[None]) -> None:
        found = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Pause", "Resume", "Clone", "Delete", "Filter", "Knowledge", "Database", "Theme", "Quit"} <= found
        await pilot.press("ctrl+p", *"Knowledge")
        await pilot.pause(0.3)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "Knowledge" in str(app.screen.query(Heading).first().content))

    drive(app, flow)


def test_the_lab_is_counted_checked_copied_and_merged_in_threads(tmp_path: Path, monkeypatch) -> None:
    path = made(tmp_path / "lab.db", monkeypatch, runs=2, designs=20)
    made(tmp_path / "other.db", monkeypatch, runs=1, designs=20)
    app = workbench(path)

    async def flow(pilot: Pilot[None]) -> None:
        await pilot.press("5", "s")
        await until(pilot, lambda: "evaluations in 1 contexts" in shown(app))
        await pilot.press("v")
        await until(pilot, lambda: "The lab is sound." in shown(app))
        for key, name, says in (("b", "copy.db", "is backed up in"), ("m", "other.db", "runs: 1 new")):
            await pilot.press(key)
            await until(pilot, lambda: len(app.screen_stack) == 4)
            app.screen.query_one(Input).value = str(tmp_path / name)
            await pilot.press("enter")
            await until(pilot, partial(on_screen, app, says))
        await pilot.press("b")
        app.screen.query_one(Input).value = str(tmp_path / "copy.db")
        await pilot.press("enter")
        await until(pilot, lambda: "exists already" in notes(app))

    drive(app, flow, (160, 40))
    assert (tmp_path / "copy.db").exists()


def test_the_first_screen_waits_for_no_heavy_library(tmp_path: Path) -> None:
    heavy = ("torch", "sklearn", "scipy", "numpy", "sqlmodel", "sqlalchemy", "pydantic")
    code = f"import sys, workbench.tui.app; print(*sorted(set({heavy!r}) & sys.modules.keys()))"
    path = str(Path(workbench_package.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
