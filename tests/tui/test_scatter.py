"""What is drawn is where it belongs, and what is seen can be found: by cell, by mouse and by key."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from workbench.tui.widgets.bars import Bar, Bars
from workbench.tui.widgets.curve import Curve, Trace
from workbench.tui.widgets.frame import Axis, frame
from workbench.tui.widgets.raster import EMPTY, MARKERS, Series, Span, around, draw
from workbench.tui.widgets.scatter import Scatter

PLACES = st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)), min_size=1, max_size=30)


def points(x: Any, y: Any, **more: Any) -> Series:
    return Series("points", np.asarray(x, dtype=float), np.asarray(y, dtype=float), np.arange(len(x)), **more)


@given(places=PLACES, columns=st.integers(1, 50), rows=st.integers(1, 20), marker=st.sampled_from(sorted(MARKERS)))
def test_every_point_inside_has_a_dot_where_it_belongs_and_can_be_found_there(
    places: list[tuple[float, float]], columns: int, rows: int, marker: str
) -> None:
    x, y = (np.array(each, dtype=float) for each in zip(*places, strict=True))
    raster = draw([points(x, y)], Span(0, 1), Span(0, 1), columns, rows, MARKERS[marker])
    seen = (x < 1) & (1 - y < 1)
    cells = {
        (int((1 - b) * rows * MARKERS[marker].dots[1]) // MARKERS[marker].dots[1],
         int(a * columns * MARKERS[marker].dots[0]) // MARKERS[marker].dots[0])
        for a, b in zip(x[seen], y[seen], strict=True)
    }  # fmt: skip
    assert {(int(r), int(c)) for r, c in zip(*np.nonzero(raster.hits != EMPTY), strict=True)} == cells
    assert {(int(r), int(c)) for r, c in zip(*np.nonzero(raster.characters != ord(" ")), strict=True)} == cells
    assert ((raster.colours != EMPTY) == (raster.hits != EMPTY)).all()


@given(
    low=st.floats(-5, 5), width=st.floats(0.1, 5), factor=st.floats(0.1, 10), centre=st.floats(0, 1), log=st.booleans()
)
def test_what_one_zooms_at_stays_where_it_is(low: float, width: float, factor: float, centre: float, log: bool) -> None:
    span = Span(low, low + width, log)
    zoomed = span.zoomed(factor, centre)
    value = low + centre * width
    assert (value - zoomed.low) / (zoomed.high - zoomed.low) == pytest.approx(centre, abs=1e-6)
    assert zoomed.high - zoomed.low == pytest.approx(width * factor)


@given(values=st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=20), log=st.booleans())
def test_a_span_holds_all_that_can_be_shown(values: list[float], log: bool) -> None:
    column = np.array(values, dtype=float)
    span = around([column], log)
    places = span.place(column)
    fit = np.isfinite(column) & ((column > 0) | (not log))
    assert np.isfinite([span.low, span.high]).all()
    assert span.low < span.high
    assert ((places[fit] >= 0) & (places[fit] <= 1)).all()


def test_what_has_no_value_stands_at_the_edge_and_what_has_none_at_all_is_left_out() -> None:
    hidden = points([0.5, np.nan, 0.25], [np.inf, 0.5, 0.5], mark="x")
    raster = draw([hidden], Span(0, 1), Span(0, 1), 8, 4, MARKERS["braille"])
    assert sorted(zip(*(a.tolist() for a in np.nonzero(raster.hits != EMPTY)), strict=True)) == [(0, 4), (2, 2)]
    assert chr(raster.characters[0, 4]) == "x"


@pytest.mark.parametrize("line", ["straight", "steps"])
@given(places=PLACES, zoom=st.floats(0.2, 4))
def test_a_line_never_leaves_the_plane_and_never_breaks(
    line: Any, places: list[tuple[float, float]], zoom: float
) -> None:
    x, y = (np.array(each, dtype=float) * zoom for each in zip(*sorted(places), strict=True))
    raster = draw([points(x, y, line=line, selectable=False)], Span(0, 1), Span(0, 1), 20, 10, MARKERS["braille"])
    columns = np.flatnonzero((raster.characters != ord(" ")).any(axis=0))
    if zoom <= 1 and len(columns):
        assert (np.diff(columns) == 1).all()
    assert (raster.hits == EMPTY).all()


@given(
    low=st.floats(-1e6, 1e6),
    width=st.floats(1e-3, 1e6),
    log=st.booleans(),
    size=st.tuples(st.integers(4, 200), st.integers(4, 60)),
)
def test_a_frame_is_as_wide_as_the_widget_and_its_ticks_lie_inside(
    low: float, width: float, log: bool, size: tuple[int, int]
) -> None:
    axis = Axis("energy", "J", log)
    span = Span(low / 1e5, low / 1e5 + width / 1e5, True) if log else Span(low, low + width)
    made = frame((axis, span), (axis, span), *size)
    assert len(made.axis) == made.gutter + 1 + made.columns == size[0]
    assert len(made.labels) == size[0]
    assert {len(left) for left in made.left} == {made.gutter + 1}
    assert all(-1e-6 <= place <= 1 + 1e-6 for place, _ in axis.ticks(span, 9))


class Shows(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, int]] = []

    def compose(self) -> ComposeResult:
        yield Scatter(Axis("x"), Axis("y"))

    def on_mount(self) -> None:
        x, y = np.meshgrid(np.arange(5.0), np.arange(3.0))
        grid = Series("grid", x.ravel(), y.ravel(), np.arange(15) + 100)
        self.query_one(Scatter).show([grid])

    def cursor(self) -> int | None:
        return self.query_one(Scatter).highlighted

    def on_scatter_highlighted(self, message: Scatter.Highlighted) -> None:
        self.heard.append(("at", message.point))

    def on_scatter_selected(self, message: Scatter.Selected) -> None:
        self.heard.append(("chosen", message.point))


def test_keys_and_mouse_find_points() -> None:
    async def drive() -> None:
        app = Shows()
        async with app.run_test(size=(64, 20)) as pilot:
            scatter = app.query_one(Scatter)
            scatter.focus()
            await pilot.press("right")
            assert app.cursor() == 107  # from nowhere: the middle one
            await pilot.press("right", "up", "l", "up", "enter", "down", "left")
            await pilot.pause()
            assert [point for _, point in app.heard] == [107, 108, 113, 114, 114, 109, 108]
            row, column = (int(a) for a in np.argwhere(scatter.drawn.raster.hits == 0)[0])
            place = (column + scatter.drawn.frame.gutter + 1, row + 1)
            await pilot.hover(Scatter, offset=(place[0] + 1, place[1]))
            assert app.heard[-1] == ("at", 100)
            await pilot.click(Scatter, offset=place)
            assert app.heard[-1] == ("chosen", 100)
            before = scatter.spans
            await pilot.press("plus", "shift+right")
            assert scatter.spans != before
            await pilot.press("0")
            assert scatter.spans == before
            scatter.show([Series("one", np.ones(1), np.ones(1), np.array([7]))])
            assert app.cursor() is None
            await pilot.resize_terminal(21, 7)
            await pilot.press("right", "enter")
            assert app.heard[-1] == ("chosen", 7)

    asyncio.run(drive())


@pytest.mark.parametrize("second", ["█", "▓"], ids=["colour", "NO_COLOR"])
def test_curves_and_bars_draw_what_they_are_given(second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if second != "█":
        monkeypatch.setenv("NO_COLOR", "1")

    class Both(App[None]):
        def compose(self) -> ComposeResult:
            yield Curve(Axis("designs"), Axis("hypervolume"))
            yield Bars()

    async def drive() -> None:
        app = Both()
        async with app.run_test(size=(60, 24)) as pilot:
            curve, bars = app.query_one(Curve), app.query_one(Bars)
            curve.draw_traces([Trace("[a]", [0, 1, 2], [0, 1, 1]), Trace("b", [], [], line="steps")])
            bars.show("energy", [Bar("[red]", (1.0, 3.0), "4 pJ"), Bar("dram", (0.0, 2.0), "2 pJ")], ["W", "I"])
            await pilot.pause()
            assert "● [a]  ◆ b" in curve.render_line(0).text
            drawn = [bars.render_line(y).text for y in range(bars.size.height)]
            assert drawn[0].startswith(f"energy  █ W  {second} I")
            filled = [sum(line.count(fill) for fill in {"█", second}) for line in drawn[1:]]
            assert filled == [49, 24]  # a bar has the room that label and text leave
            assert [line.split()[0] for line in drawn[1:]] == ["[red]", "dram"]

    asyncio.run(drive())


@pytest.mark.parametrize(
    ("changes", "drawn"),
    [({}, "⠁⣿"), ({"DSE_PLOT": "quadrant"}, "▘█"), ({"TERM": "linux"}, "▘█"), ({"DSE_PLOT": "ascii"}, "..")],
)
def test_a_terminal_without_braille_gets_what_it_has(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], drawn: str
) -> None:
    for name in ("DSE_PLOT", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    characters = MARKERS[Scatter(Axis("x"), Axis("y")).marker].characters
    assert chr(characters[1]) + chr(characters[-1]) == drawn
