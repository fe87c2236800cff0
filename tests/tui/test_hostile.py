"""Names that a terminal or a markup reader would act on are shown as they are, beside the plots, too."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.tui.labs import made, settled, workbench
from workbench.tui.screens.compare import CompareScreen
from workbench.tui.screens.front import FrontScreen

NAME = "[red]\x1b[31m‮evil\n👩‍🔬" + "日" * 2000


def test_hostile_names_are_literal_everywhere(tmp_path: Path, monkeypatch: Any) -> None:
    path = made(tmp_path / "lab.db", monkeypatch, runs=2, designs=24)
    with closing(sqlite3.connect(path)) as lab, lab:
        lab.execute("UPDATE run SET arch = ?, workload = ?, search = ?", (NAME, NAME, NAME))

    async def drive() -> None:
        app = workbench(path)
        async with app.run_test(size=(120, 40)) as pilot:
            for screen in (FrontScreen(1), CompareScreen((1, 2))):
                await app.push_screen(screen)
                await settled(pilot)
                shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
                assert "\x1b" not in shown
                assert "‮" not in shown
                assert "[red]\\x1b[31m\\x202eevil" in shown
                await pilot.press("escape")

    asyncio.run(drive())
