"""A sweep in the terminal workbench: in the list, its counts and front, and as any run that is watched."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path

import pytest
from textual.pilot import Pilot

from store.database import Lab
from tests.sweep.small import plan
from tests.tui.labs import settled, workbench
from tests.tui.test_flows import drive, on_screen, until
from workbench.sweep import plan as plans
from workbench.sweep import running


def test_sweeps_are_shown_with_their_counts_and_their_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "PES_AT_ONCE", 2)
    monkeypatch.setattr(running, "STEP_BLOCKS", 2)
    path = tmp_path / "lab.db"
    with Lab.open(path) as lab:
        run_id = lab.create_run(running.asked(plan())).id
        assert len(list(islice(running.run(lab, run_id), 1))) == 1
    app = workbench(path)

    async def flow(pilot: Pilot[None]) -> None:
        await pilot.press("4")
        await settled(pilot)
        await until(pilot, partial(on_screen, app, "of 750 designs (66.7%)"))
        with Lab.open(path) as lab:
            list(running.run(lab, run_id))
        await until(pilot, partial(on_screen, app, "of 750 designs (100.0%)"))
        await until(pilot, partial(on_screen, app, "750/750"))
        await pilot.press("escape", "g")
        await settled(pilot)
        await pilot.press("enter")
        await until(pilot, partial(on_screen, app, "750/750 designs"))
        await until(pilot, partial(on_screen, app, "750 covered"))

    drive(app, flow, (160, 40))
