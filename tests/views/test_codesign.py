"""A co-exploration is shown by all that shows a run, and what was not trained is nowhere given an error rate."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from store.database import Lab
from tests.cotasks import SMALL, cotask
from tests.tui.labs import settled, workbench
from workbench.coexplore import NAME
from workbench.problem.cotask import CoTask
from workbench.problem.metrics import ERROR_RATE
from workbench.runner import RunSpec, run, start
from workbench.stop import Stop
from workbench.tui.detailpane import DetailPane
from workbench.tui.screens.front import FrontScreen
from workbench.tui.screens.run import RunScreen
from workbench.tui.widgets.table import PagedTable
from workbench.views import codesign, detail
from workbench.views.cloud import Cloud, first_pair
from workbench.views.pictures import Look, draw_front
from workbench.views.report import write_report
from workbench.views.reproduce import run_command
from workbench.views.stored import StoredRun

OBJECTIVES = {"one objective": (ERROR_RATE,), "front": (ERROR_RATE, "latency_cycles", "area_um2")}


@pytest.fixture(scope="module", params=OBJECTIVES)
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab with one run, of which some designs miss the specification."""
    found = tmp_path_factory.mktemp("co") / "lab.db"
    task = cotask("latency_cycles<=5000", "energy_pj<=2e6", fixed=SMALL, objectives=OBJECTIVES[request.param])
    with Lab.open(found) as lab:
        row = start(lab, RunSpec(task, "uniform", simulator=NAME, seed=1, batch=1, stop=Stop(budget=10)))
        for _ in run(lab, row.id):
            pass
    return found


def test_what_was_not_trained_has_no_error_rate_in_any_list(path: Path):
    with Lab.open(path) as lab:
        stored = StoredRun.read(lab, 1)
        cloud = Cloud.read(lab, 1, stored.task)
        trained = {point.seq for point in lab.points(1) if point.accuracy is not None}
    assert 0 < len(trained) < 10
    shown = {int(seq) for seq, value in zip(cloud.points.seq, cloud.values(ERROR_RATE), strict=True) if value == value}
    assert shown == trained
    assert set(cloud.front.tolist()) <= trained
    accuracy = cloud.values("accuracy")
    assert all((accuracy + cloud.values(ERROR_RATE))[sorted(trained)].round(9) == 100)


def test_a_design_in_full_tells_its_networks_and_the_schedule_that_its_metrics_come_from(path: Path):
    with Lab.open(path) as lab:
        stored = StoredRun.read(lab, 1)
        assert isinstance(stored.task, CoTask)
        for seq in range(10):
            found = detail.read(lab, stored.row, Cloud.read(lab, 1, stored.task), seq)
            assert found.lines
            assert all(("not trained" in line) == (found.row.accuracy is None) for line in found.lines[:2])
            design = stored.task.space.unpack(lab.points(1)[seq].codes)
            cost = codesign.chip_of(lab, stored.row, stored.task, design)
            assert cost is not None
            content = codesign.payload(stored.task, design, found.outcome, cost)
            ends = [layer["end_cycles"] for layer in content["schedule"]]
            assert max(ends) == found.row.metrics["latency_cycles"]


def test_its_command_asks_for_the_same_task(path: Path):
    with Lab.open(path) as lab:
        command = run_command(lab, lab.run(1))
    assert command is not None
    assert command.startswith("dse coexplore --chip pocket --network resnet9=resnet9_digits:digits:1.0")
    assert "--recipe epochs=1" in command


def test_pictures_and_reports_are_made_of_it(path: Path, tmp_path: Path):
    with Lab.open(path) as lab:
        stored = StoredRun.read(lab, 1)
        draw_front(lab, stored, Look(), None, tmp_path / "front.svg")
        write_report(lab, stored, tmp_path / "report.html")
    assert "error rate" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "front.svg").stat().st_size > 1000


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
def test_the_screens_show_it_and_the_detail_of_every_point(path: Path, size: tuple[int, int]):
    async def drive() -> None:
        app = workbench(path)
        async with app.run_test(size=size) as pilot:
            await app.push_screen(RunScreen(1))
            await settled(pilot)
            screen = FrontScreen(1)
            await app.push_screen(screen)
            await settled(pilot)
            assert screen.shown is not None
            assert screen.data is not None
            assert (screen.shown.x, screen.shown.y) == first_pair(screen.data.cloud.task)
            screen.query_one(PagedTable).focus()
            seen = set()
            for _ in range(10):
                await pilot.press("down")
                await settled(pilot)
                found = screen.query_one(DetailPane).detail
                assert found is not None
                seen.add(found.row.seq)
            assert len(seen) > 3

    asyncio.run(drive())


def test_the_run_as_data_is_json(path: Path):
    with Lab.open(path) as lab:
        assert "chip" in json.loads(lab.run(1).task)
