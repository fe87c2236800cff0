"""What every screen looks like, as text, on a small terminal and on a large one; written anew where it is asked for.

`DSE_WRITE_SNAPSHOTS=1 pytest tests/tui/test_screens.py` writes the files, to be looked at before they are kept.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.labs import made, settled, workbench
from tests.tui.test_flows import drive, on_screen, shown, until
from workbench.views import form, runs, sweep, watching

SNAPSHOTS = Path(__file__).with_name("snapshots")
SIZES = ((80, 24), (200, 60))
THEN_NS = 1_800_000_000 * 10**9
SCREENS: dict[str, tuple[Sequence[str], str]] = {
    "runs": ((), "run 3: anneal"),
    "run": (("enter",), "60/60 designs"),
    "run-of-workers": (("down", "enter"), "3 workers of dask on 2 hosts"),
    "front": (("f",), "energy"),
    "importance": (("i",), "%"),
    "compare": (("space", "space", "C"), "unbeaten"),
    "launch": (("2",), "$ dse run"),
    "knowledge": (("3",), "runs 1, 2, 3"),
    "sweeps": (("4",), "No sweep here"),
    "database": (("5", "s"), "of which "),
    "help": (("question_mark",), "type to search"),
    "delete": (("d",), "Delete it for good?"),
    "choice": (("2", "ctrl+o"), "a part of it"),
}
"""The keys that lead to a screen, and a text that says it is there."""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab that looks the same whenever it is made."""
    monkeypatch.chdir(tmp_path)
    path = made(Path("lab.db"), monkeypatch, runs=3, designs=60)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE run SET updated_ns = ?, created_ns = ?, uuid = printf('%032x', id)", (THEN_NS, THEN_NS))
        raw.execute("UPDATE history SET seconds = 0.5, search_seconds = 0.25")
        raw.execute("INSERT INTO tag VALUES (1, 'keep')")
        heard_ns = THEN_NS + 7195 * 10**9
        for at, worker in enumerate((("?", 0), ("far", 11), ("far", 12), ("near", 4711))):
            done = (30 + at, 1.5 * at, 0) if at else (0, 0.0, 2)
            raw.execute("INSERT INTO worker VALUES (2, ?, ?, 'dask', ?, ?, ?, ?)", (*worker, *done, heard_ns - at))
    monkeypatch.setattr(form, "bundled_archs", lambda: ["tpu_like"])
    for module in (runs, sweep, watching):
        monkeypatch.setattr(module.time, "time", lambda: THEN_NS / 1e9 + 7200)
    return path


def stable(text: str) -> str:
    """Without what differs from one making of the lab, or one machine, to the next: sizes, and how wide they are."""
    text = re.sub(r" +[\d.]+ [KM]?i?B\b", "  ###", text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_looks_as_it_did(lab: Path, size: tuple[int, int]) -> None:
    """All in one session, each from the list of runs on."""
    app = workbench(lab)
    seen: dict[str, str] = {}

    async def flow(pilot: Pilot[None]) -> None:
        for name, (keys, sign) in SCREENS.items():
            for key in keys:
                await pilot.press(key)
                await settled(pilot)
            await until(pilot, partial(on_screen, app, sign))
            await settled(pilot)
            app.clear_notifications()
            await pilot.pause(0.1)
            seen[name] = stable(shown(app))
            while len(app.screen_stack) > 2:
                app.pop_screen()
            await pilot.press("escape", "g")
            await settled(pilot)

    drive(app, flow, size)
    places = {name: SNAPSHOTS / f"{name}-{size[0]}x{size[1]}.txt" for name in SCREENS}
    if os.environ.get("DSE_WRITE_SNAPSHOTS"):
        SNAPSHOTS.mkdir(exist_ok=True)
        for name, place in places.items():
            place.write_text(seen[name], encoding="utf-8")
    for name, place in places.items():
        assert seen[name] == place.read_text(encoding="utf-8"), name
