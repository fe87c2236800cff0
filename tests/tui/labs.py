"""A lab with runs small enough to make in a moment, with an exact trade-off and designs that do not fit."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from store.database import Lab
from tests.toy import MIDDLE, ToySimulator, toy_task
from workbench.runner import RunSpec, run, start
from workbench.simulators import SIMULATORS
from workbench.stop import Stop
from workbench.tui.app import Workbench
from workbench.tui.widgets.table import PagedTable


def made(path: Path, monkeypatch: Any, runs: int = 1, designs: int = 60) -> Path:
    """A lab with runs of the toy simulator, seeds from 1 on."""
    monkeypatch.setitem(SIMULATORS, "toy", ToySimulator)
    with Lab.open(path) as lab:
        for seed in range(1, runs + 1):
            task = toy_task(MIDDLE, targets=("energy_pj<=1",))
            search = ("uniform", "anneal")[seed % 2]
            row = start(
                lab, RunSpec(task, search, simulator="toy", seed=seed, stop=Stop(budget=designs), sources=("none",))
            )
            for _ in run(lab, row.id):
                pass
    return path


def workbench(path: Path) -> Workbench:
    return Workbench(path, config_file=path.with_name("ui.toml"))


async def settled(pilot: Pilot[None]) -> None:
    """Until the screen and its tables have what they asked for."""
    for _ in range(400):
        await pilot.pause()
        screen: Any = pilot.app.screen
        tables = screen.query(PagedTable)
        if not getattr(screen, "is_waiting", False) and not any(t._busy or t._waiting for t in tables):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the screen still waits for the lab")
