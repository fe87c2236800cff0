"""The screen of what decides a metric: the cursor goes through the axes, and what it shows is of that axis."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.tui.labs import made, settled, workbench
from workbench.tui.screens.importance import ImportanceScreen
from workbench.tui.widgets.bars import Bars
from workbench.tui.widgets.scatter import Scatter


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
def test_weights_and_the_metric_along_an_axis(tmp_path: Path, monkeypatch: Any, size: tuple[int, int]) -> None:
    path = made(tmp_path / "lab.db", monkeypatch)

    async def drive() -> None:
        app = workbench(path)
        async with app.run_test(size=size) as pilot:
            screen = ImportanceScreen(1)
            await app.push_screen(screen)
            await settled(pilot)
            assert screen.data is not None
            order = [weight.axis for weight in screen.data.importance.weights]
            assert screen.query_one(Scatter).x_axis.name == order[0]
            await pilot.press("down", "j")
            assert screen.query_one(Scatter).x_axis.name == order[2]
            assert f"▸{order[2]}" in screen.query_one(Bars).render().plain
            await pilot.press("m", *"area", "enter")
            await settled(pilot)
            assert screen.data.importance.metric == "area_um2"
            assert screen.query_one(Scatter).y_axis.unit == "mm2"

    asyncio.run(drive())
