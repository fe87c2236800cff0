"""The front's screen has one cursor, shows of the lab what was asked, and says what a filter lacks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.widgets import Input, Static

from store.database import Lab
from tests.tui.labs import made, settled, workbench
from workbench.tui.detailpane import DetailPane
from workbench.tui.screens.front import FrontScreen
from workbench.tui.widgets.scatter import Scatter
from workbench.tui.widgets.table import PagedTable
from workbench.views.cloud import Cloud
from workbench.views.detail import distance
from workbench.views.points import names, page
from workbench.views.stored import StoredRun


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
def test_one_cursor_for_plot_table_and_detail(tmp_path: Path, monkeypatch: Any, size: tuple[int, int]) -> None:
    path = made(tmp_path / "[red]lab.db", monkeypatch)

    async def drive() -> None:
        app = workbench(path)
        async with app.run_test(size=size) as pilot:
            screen = FrontScreen(1)
            await app.push_screen(screen)
            await settled(pilot)
            scatter, table = screen.query_one(Scatter), screen.query_one(PagedTable)
            pane = screen.query_one(DetailPane)
            assert screen.data is not None
            members = screen.data.cloud.front.tolist()

            def cursors() -> set[int | None]:
                shown = None if pane.detail is None else pane.detail.row.seq
                return {screen.seq, scatter.highlighted, table.cursor_key, shown}

            assert len(cursors()) == 1
            assert screen.seq in members
            for keys in (["right", "up"], ["n"], ["N"]):
                await pilot.press(*keys)
                await settled(pilot)
                assert cursors() == {screen.seq}
            table.focus()
            await pilot.press("down", "down")
            await settled(pilot)
            assert cursors() == {screen.seq}
            await pilot.press("enter")
            await settled(pilot)
            assert pane.detail is not None
            number, near = next((i, n.row.seq) for i, n in enumerate(pane.detail.neighbours, 1) if n.row.metrics)
            pane.focus()
            await pilot.press(str(number))
            await settled(pilot)
            assert cursors() == {near}

    asyncio.run(drive())


def test_a_filter_holds_for_plot_and_table_and_a_wrong_one_says_where(tmp_path: Path, monkeypatch: Any) -> None:
    path = made(tmp_path / "lab.db", monkeypatch)

    async def drive() -> None:
        app = workbench(path)
        async with app.run_test(size=(100, 30)) as pilot:
            screen = FrontScreen(1)
            await app.push_screen(screen)
            await settled(pilot)
            table, scatter = screen.query_one(PagedTable), screen.query_one(Scatter)
            assert screen.data is not None
            feasible = int(screen.data.cloud.points.feasible.sum())
            assert 0 < feasible < 60
            assert table.total == feasible
            await pilot.press("i")
            await settled(pilot)
            assert table.total == 60
            await pilot.press("slash", *"d1>=8 adn")
            wrong = screen.query_one("#wrong", Static)
            assert "column 7: 'and', 'or' or the end is missing before 'adn'" in str(wrong.render())
            screen.query_one("#filter", Input).value = "d1>=8"
            await pilot.press("enter")
            await settled(pilot)
            matching = int(screen.data.matching.sum())
            assert 0 < matching < 60
            assert table.total == matching
            assert sum(len(each.ids) for each in scatter.series if each.selectable) == matching
            await pilot.press("i", "d")
            await settled(pilot)
            assert {each.name for each in scatter.series if each.selectable} == {"front"}
            await pilot.press("escape")
            await settled(pilot)
            assert screen.filter_text == ""
            assert screen.data.matching.all()
            for key in ("x", "c"):
                await pilot.press(key, *"d1", "enter")
                await settled(pilot)
            assert screen.shown is not None
            assert (screen.shown.x, screen.shown.colour, scatter.x_axis.name) == ("d1", "d1", "d1")
            await pilot.press("X")
            await settled(pilot)
            assert not scatter.x_axis.log

    asyncio.run(drive())


def test_a_cloud_has_the_metrics_that_a_page_of_points_has(tmp_path: Path, monkeypatch: Any) -> None:
    with Lab.open(made(tmp_path / "lab.db", monkeypatch)) as lab:
        from store.filtering import Column
        from store.pages import Window

        run = StoredRun.read(lab, 1)
        cloud = Cloud.read(lab, 1, run.task)
        rows = page(lab, 1, run.task, Window(by=Column("seq"), limit=100))
        for name in ("latency_cycles", "energy_pj", "area_um2", "edp_js", "power_mw"):
            factor = cloud.quantities[name].factor
            expected = [row.metrics.get(name, np.nan) for row in rows]
            assert cloud.values(name) / factor == pytest.approx(expected, nan_ok=True)
        assert cloud.values("d1").tolist() == [row.design["d1"] for row in rows]
        first, second = run.task.objectives
        best = cloud.best_over(first, second, cloud.points.feasible)
        assert sorted(cloud.front) == cloud.points.seq[best].tolist()
        assert cloud.grown(lab) is cloud
        assert set(cloud.quantities) <= set(names(run.task))
        space = run.task.space
        for design in (space.unpack(bytes(codes)) for codes in cloud.points.codes[:5]):
            near = np.array(space.neighbours(design), dtype=np.int64)
            assert (distance(space, near, np.array(design)) == 1).all()
