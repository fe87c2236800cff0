"""Runs laid over each other on the screen: a key for each, a line for each, and from a member to its run's front."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Static

from tests.tui.labs import made, settled, workbench
from workbench.tui.screens.compare import CompareScreen
from workbench.tui.screens.front import FrontScreen
from workbench.tui.widgets.curve import Curve
from workbench.tui.widgets.scatter import Scatter


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
def test_fronts_curves_and_lines_of_all_runs(tmp_path: Path, monkeypatch: Any, size: tuple[int, int]) -> None:
    path = made(tmp_path / "lab.db", monkeypatch, runs=3, designs=24)

    async def drive() -> None:
        app = workbench(path)
        async with app.run_test(size=size) as pilot:
            screen = CompareScreen((1, 2, 3))
            await app.push_screen(screen)
            await settled(pilot)
            assert screen.data is not None
            fronts = screen.query_one("#fronts", Scatter)
            assert sum(len(s.ids) for s in fronts.series if s.selectable) == sum(
                len(s.front) for s in screen.data.sides
            )
            await pilot.press("w")
            await pilot.pause()
            assert "run 1" in screen.query_one("#curves", Curve).render_line(0).text
            await pilot.press("w", "v")
            assert not fronts.x_axis.log
            told = screen.query_one("#table", Static)
            shown = [told.render_line(y).text for y in range(told.size.height)]
            assert [line.split()[1] for line in shown[1:4]] == ["1", "2", "3"]
            await pilot.press("right", "enter")
            await settled(pilot)
            assert isinstance(app.screen, FrontScreen)
            assert app.screen.seq is not None

    asyncio.run(drive())
