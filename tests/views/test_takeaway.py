"""What is taken out of a lab is what lies in it: designs as text, fronts and points as files."""

from __future__ import annotations

import csv
import json
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from store.database import Lab
from store.errors import StoreError
from store.filtering import Column
from tests.tui.labs import made
from workbench.errors import UserError
from workbench.runner import RunSpec, run, start
from workbench.stop import Stop
from workbench.views.export import Listing, write_front, write_points
from workbench.views.filter import parse
from workbench.views.points import names, sort_term
from workbench.views.reproduce import design_text, run_command
from workbench.views.request import chosen_task
from workbench.views.stored import StoredRun


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: Any) -> Path:
    return made(tmp_path / "lab.db", monkeypatch)


def test_yaml_and_json_say_the_same_of_every_design(lab: Path) -> None:
    with Lab.open(lab, readonly=True) as opened:
        row = opened.run(1)
        for point in opened.points(1):
            told = json.loads(design_text(opened, row, point.seq, "json"))
            assert yaml.safe_load(design_text(opened, row, point.seq, "yaml")) == told
            assert told["point"] == point.seq
            assert (told["metrics"] is None) == (point.infeasible is not None) == (told["infeasible"] is not None)
            if told["metrics"]:
                assert told["metrics"]["latency_cycles"] == point.latency_cycles
            assert told["command"] == design_text(opened, row, point.seq, "command")


def test_a_task_that_no_name_leads_to_is_taken_from_its_run(lab: Path) -> None:
    with Lab.open(lab, readonly=True) as opened:
        row = opened.run(1)
        words = shlex.split(design_text(opened, row, 3, "command"))
        assert words == ["dse", "evaluate", "--run", row.uuid[:12], "--point", "3", "--db", str(lab)]
        assert run_command(opened, row) is None


def test_a_bundled_task_is_named_with_every_axis_and_what_differs_from_the_usual(tmp_path: Path) -> None:
    task = chosen_task(
        "tpu_like",
        "alexnet",
        ["conv2", "conv3"],
        objectives=["area_um2", "energy_pj"],
        targets=["energy_pj<=123456789.123"],
        technology="own",
        criterion="energy",
    )
    spec = RunSpec(
        task,
        "anneal",
        {"chains": 2},
        simulator_settings={"factors": 3},
        seed=7,
        batch=2,
        stop=Stop(budget=4, targets_met=False),
        note="a note",
    )
    with Lab.open(tmp_path / "lab.db") as opened:
        row = start(opened, spec)
        for _ in run(opened, row.id):
            pass
        row = opened.run(row.id)
        design = shlex.split(design_text(opened, row, 2, "command"))
        values = task.space.values(task.space.unpack(opened.points(row.id)[2].codes))
        again = run_command(opened, row)
    for axis, value in values.items():
        assert ("--set", f"{axis}={value}") in set(pairwise(design))
    assert again == (
        "dse run --arch tpu_like --workload alexnet --layer conv2 --layer conv3 --search anneal -s chains=2 "
        "--sim factors=3 --objective area_um2 --objective energy_pj --target 'energy_pj<=123456789.123' "
        "--technology own --criterion energy --budget 4 --keep-going --batch 2 --seed 7 --note 'a note'"
    )


def test_a_point_or_a_form_that_is_not_there_is_named(lab: Path) -> None:
    with Lab.open(lab, readonly=True) as opened:
        with pytest.raises(UserError, match=r"Run 1 has no point 60; its points are 0 to 59\."):
            design_text(opened, opened.run(1), 60, "yaml")
        with pytest.raises(UserError, match="no form of a design named 'xml'"):
            design_text(opened, opened.run(1), 0, "xml")


def test_files_hold_the_front_and_the_points_that_were_asked_for(lab: Path, tmp_path: Path) -> None:
    with Lab.open(lab, readonly=True) as opened:
        stored = StoredRun.read(opened, 1)
        for ending in ("csv", "json"):
            assert write_front(stored, tmp_path / f"front.{ending}") == len(stored.front)
            where = parse("feasible and not front", names(stored.task))
            listing = Listing(where, sort_term(stored.task, "energy_pj"), descending=True)
            assert write_points(opened, stored, listing, tmp_path / f"points.{ending}") == opened.count_points(1, where)
    front, points = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("front", "points"))
    assert {member["seq"] for member in front["front"]} == {point.seq for point in stored.front}
    energies = [point["energy_pj"] for point in points]
    assert energies == sorted(energies, reverse=True)
    for name, same in (("front", front["front"]), ("points", points)):
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["seq"]) for row in rows] == [each["seq"] for each in same]
        assert [float(row["energy_pj"]) for row in rows] == [each["energy_pj"] for each in same]
        for row, each in zip(rows, same, strict=True):
            assert {axis: row[axis] for axis in each["design"]} == {a: str(v) for a, v in each["design"].items()}


def test_no_points_are_an_empty_list(lab: Path, tmp_path: Path) -> None:
    with Lab.open(lab, readonly=True) as opened:
        stored = StoredRun.read(opened, 1)
        listing = Listing(parse("seq>1000", names(stored.task)), Column("seq"))
        assert write_points(opened, stored, listing, tmp_path / "none.json") == 0
    assert json.loads((tmp_path / "none.json").read_text()) == []


def test_no_file_is_written_over_and_an_unknown_ending_writes_none(lab: Path, tmp_path: Path) -> None:
    kept = tmp_path / "front.csv"
    kept.write_text("mine")
    with Lab.open(lab, readonly=True) as opened:
        stored = StoredRun.read(opened, 1)
        with pytest.raises(StoreError, match="exists already"):
            write_front(stored, kept)
        with pytest.raises(UserError, match=r"let it end in \.csv or \.json"):
            write_front(stored, tmp_path / "front.xlsx")
    assert kept.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("lab")) == ["front.csv"]
