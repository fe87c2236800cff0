"""A report is one page that fetches nothing, runs nothing but its own two scripts, and says what the lab holds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from store.database import Lab
from store.errors import StoreError
from tests.toy import MIDDLE, ToySimulator, toy_task
from tests.tui.labs import made
from workbench.errors import UserError
from workbench.runner import RunSpec, start
from workbench.simulators import SIMULATORS
from workbench.stop import Stop
from workbench.views.report import write_report
from workbench.views.report.content import Content, gathered
from workbench.views.report.page import plotly_script, rendered
from workbench.views.stored import StoredRun

HOSTILE = "</script><img src=x onerror=alert(1)> <!--<script> &lt; \x1b[31m \u2028 '\" $x$ %{y} \u202e"
PLOTLY = 'var Plotly = {}; "</script>"'
BROWSER = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)


class Page(HTMLParser):
    """What a browser makes of the page before any script runs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data

    @property
    def data(self) -> Any:
        return json.loads(self.texts["script"][1])


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: Any) -> Iterator[Lab]:
    with Lab.open(made(tmp_path / "lab.db", monkeypatch), readonly=True) as opened:
        yield opened


def reported(lab: Lab, run: int = 1) -> Content:
    return gathered(lab, StoredRun.read(lab, run))


def test_the_page_holds_every_design_that_can_be_built_and_the_front_in_full(lab: Lab) -> None:
    run, found = StoredRun.read(lab, 1), reported(lab)
    data = Page(rendered(found, PLOTLY)).data
    assert data == json.loads(json.dumps(found.plots))
    built = [point for point in lab.points(1) if point.infeasible is None]
    assert data["seq"] == [point.seq for point in built]
    assert [seq for seq, member in zip(data["seq"], data["front"], strict=True) if member] == sorted(
        point.seq for point in run.front
    )
    codes = [axis["codes"] for axis in data["axes"]]
    assert [bytes(code) for code in zip(*codes, strict=True)] == [point.codes for point in built]
    latency = next(each for each in data["metrics"] if each["key"] == "latency_cycles")
    assert latency["values"] == pytest.approx([point.latency_cycles for point in built], rel=1e-6)
    for member in data["members"]:
        energy = next(p.energy_pj for p in built if p.seq == member["seq"]) or 0.0
        assert sum(part["energy_j"] for part in member["energy"]) == pytest.approx(energy * 1e-12, rel=1e-5)
    assert data["curves"]["designs"][-1] == run.row.points


def test_nothing_is_fetched_and_nothing_else_runs(lab: Lab) -> None:
    read = Page(rendered(reported(lab), PLOTLY))
    policy = next(a["content"] for tag, a in read.tags if tag == "meta" and "http-equiv" in a) or ""
    scripts = [text for text, (_, a) in zip(read.texts["script"], _of(read, "script"), strict=True) if "type" not in a]
    assert len(scripts) == 2
    for script in scripts:
        assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    assert not [a for _, a in read.tags if {"src", "href", "action"} & a.keys() or any(k.startswith("on") for k in a)]
    assert "showSendToCloud: false" in scripts[1]


def _of(read: Page, tag: str) -> list[tuple[str, dict[str, str | None]]]:
    return [each for each in read.tags if each[0] == tag]


def hostile(lab: Lab) -> Content:
    """The report, were every text of the lab a hostile one."""
    found = reported(lab)

    def spoilt(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: spoilt(each, k) for k, each in value.items()}
        if isinstance(value, list):
            return [spoilt(each, key) for each in value]
        return value + HOSTILE if isinstance(value, str) and key not in ("metric", "objectives", "key") else value

    facts = [("label" + HOSTILE, "text" + HOSTILE)]
    return replace(
        found,
        title=found.title + HOSTILE,
        facts=facts,
        columns=[HOSTILE],
        members=[[HOSTILE]],
        provenance=facts,
        commands=facts,
        task=HOSTILE,
        plots=spoilt(found.plots),
    )


def test_hostile_names_are_text_wherever_they_stand(lab: Lab) -> None:
    usual, read = Page(rendered(reported(lab), PLOTLY)), Page(rendered(hostile(lab), PLOTLY))
    assert {tag for tag, _ in read.tags} <= {tag for tag, _ in usual.tags}
    assert len(_of(read, "script")) == len(_of(usual, "script")) == 3
    literal = HOSTILE.replace("\x1b", "\\x1b").replace("\u2028", "\\x2028").replace("\u202e", "\\x202e")
    for tag in ("title", "h1", "dt", "th", "td", "pre", "code"):
        assert all(text.endswith(literal) for text in read.texts[tag]), tag
    assert read.data["members"][0]["command"].endswith(literal)


def test_many_points_are_thinned_but_for_the_front(lab: Lab, monkeypatch: Any) -> None:
    monkeypatch.setattr("workbench.views.report.content.MOST_POINTS", 10)
    run, data = StoredRun.read(lab, 1), reported(lab).plots
    assert len(run.front) < 10 < data["feasible_in_all"]
    assert sum(data["front"]) == len(run.front)
    assert len(data["seq"]) == len(run.front) + 10


def test_a_run_without_any_step_has_a_report(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(SIMULATORS, "toy", ToySimulator)
    with Lab.open(tmp_path / "lab.db") as lab:
        start(lab, RunSpec(toy_task(MIDDLE), "uniform", simulator="toy", stop=Stop(budget=3), sources=("none",)))
        data = Page(rendered(reported(lab), PLOTLY)).data
    assert data["seq"] == data["members"] == data["curves"]["designs"] == []


def test_a_report_is_a_new_html_file_and_says_what_it_needs(lab: Lab, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "mine.html").write_text("mine")
    run = StoredRun.read(lab, 1)
    monkeypatch.setattr("workbench.views.report.plotly_script", lambda: PLOTLY)
    with pytest.raises(UserError, match=r"let .*run\.pdf end in \.html"):
        write_report(lab, run, tmp_path / "run.pdf")
    with pytest.raises(StoreError, match="exists already"):
        write_report(lab, run, tmp_path / "mine.html")
    write_report(lab, run, tmp_path / "run.html")
    assert (tmp_path / "run.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(UserError, match=r"pip install 'dse-workbench\[report\]'"):
        plotly_script()


@pytest.mark.skipif(BROWSER is None, reason="there is no browser")
def test_a_browser_draws_it_without_an_error_and_without_a_tag_from_a_name(lab: Lab, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    (tmp_path / "run.html").write_text(rendered(hostile(lab), plotly_script()), encoding="utf-8")
    options = ["--no-sandbox", "--headless", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    options += ["--enable-logging=stderr", "--virtual-time-budget=5000", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [str(BROWSER), *options, "--dump-dom", (tmp_path / "run.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "GL Driver" not in line]
    assert said == []
    assert re.search(r'class="[^"]*js-plotly-plot', done.stdout)
    drawn = re.sub(r"<script.*?</script>", "", done.stdout, flags=re.DOTALL)
    assert "<img" not in drawn
    assert "WebGL is not supported" not in drawn
    assert 'id="detail"><h3>' in done.stdout
