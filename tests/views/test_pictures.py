"""Pictures show what the lab holds, say every name literally, and are written whole or not at all."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from store.database import Lab
from store.errors import StoreError
from tests.tui.labs import made
from workbench.errors import UserError
from workbench.views.filter import parse
from workbench.views.pictures import Look, draw_convergence, draw_front, draw_overlay, write
from workbench.views.points import names
from workbench.views.stored import StoredRun

HOSTILE = "$\\frac{$ <img src=x onerror=alert(1)> \x1b[31m\n\u202eabc"

pytest.importorskip("matplotlib")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "mpl"))
    return made(tmp_path / "lab.db", monkeypatch, runs=2)


def texts(svg: Path) -> str:
    return "\n".join("".join(each.itertext()) for each in ElementTree.parse(svg).iter() if each.tag.endswith("text"))


def test_a_front_counts_its_points_and_is_drawn_the_same_again(lab: Path, tmp_path: Path) -> None:
    with Lab.open(lab, readonly=True) as opened:
        run = StoredRun.read(opened, 1)
        for name in ("one.svg", "again.svg"):
            draw_front(opened, run, Look(), None, tmp_path / name)
        few = parse("seq<20", names(run.task))
        draw_front(opened, run, Look(x="area_um2", linear=True), few, tmp_path / "few.svg")
        first = opened.count_points(1, parse("seq<20 and feasible and not front", names(run.task)))
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
    said = texts(tmp_path / "one.svg")
    assert f"front ({len(run.front)})" in said
    assert f"dominated ({run.row.feasible - len(run.front)})" in said
    assert "latency [cycles]" in said
    said = texts(tmp_path / "few.svg")
    assert f"dominated ({first})" in said
    assert "area [mm2]" in said


def test_names_are_literal(lab: Path, tmp_path: Path) -> None:
    with Lab.open(lab, readonly=True) as opened:
        run = StoredRun.read(opened, 1)
        hostile = replace(run, row=replace(run.row, arch=HOSTILE))
        draw_front(opened, hostile, Look(), None, tmp_path / "a.svg")
    assert "$\\frac{$ <img src=x onerror=alert(1)> \\x1b[31m\\n\\x202eabc" in texts(tmp_path / "a.svg")


@pytest.mark.parametrize("refs", [[1, 2], [1]])
def test_runs_are_drawn_together(lab: Path, tmp_path: Path, refs: list[int]) -> None:
    with Lab.open(lab, readonly=True) as opened:
        draw_convergence(opened, refs, tmp_path / "c.png")
        draw_convergence(opened, refs, tmp_path / "c.svg")
        if len(refs) > 1:
            draw_overlay(opened, refs, Look(), tmp_path / "o.svg")
            for ref in refs:
                assert f"run {ref}  " in texts(tmp_path / "o.svg")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    for ref in refs:
        assert f"run {ref}" in texts(tmp_path / "c.svg")


def test_what_cannot_be_drawn_is_said_and_leaves_nothing(lab: Path, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "mine.svg").write_text("mine")
    with Lab.open(lab, readonly=True) as opened:
        run = StoredRun.read(opened, 1)
        none = parse("seq>1000", names(run.task))
        for refused, why in (
            (lambda: draw_front(opened, run, Look(x="colour"), None, tmp_path / "a.svg"), "quantity to draw"),
            (lambda: draw_front(opened, run, Look(), none, tmp_path / "a.svg"), "nothing to draw"),
            (lambda: draw_front(opened, run, Look(), None, tmp_path / "a.pdf"), r"end in \.svg or \.png"),
            (lambda: draw_overlay(opened, [1, 1], Look(), tmp_path / "a.svg"), "2 to 6 different runs"),
            (lambda: draw_convergence(opened, [1, 1], tmp_path / "a.svg"), "1 to 6 different runs"),
        ):
            with pytest.raises(UserError, match=why):
                refused()
        with pytest.raises(StoreError, match="exists already"):
            draw_front(opened, run, Look(), None, tmp_path / "mine.svg")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r"pip install 'dse-workbench\[plot\]'"):
        write(tmp_path / "a.svg", (1, 1), lambda figure: None)
    assert {path.name for path in tmp_path.glob("*.*") if path.suffix in (".svg", ".png", ".part")} == {"mine.svg"}
    assert (tmp_path / "mine.svg").read_text() == "mine"
