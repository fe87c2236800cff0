"""The terminal UI: how long a plot, a page of a long list and `dse --help` take, beside textual-plot.

Medians of wall time. The plot is of a log-normal cloud with its front, set anew and drawn in full on 160 x 48 cells.
The lab of the lists has runs and points by the thousands; they are asked for as a table asks, a screenful by key. The
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from textual.app import App, ComposeResult
from textual.geometry import Region

from benchmarks import terminal
from benchmarks.store import points, step
from store.connections import transaction, writer
from store.database import BUSY_SECONDS, Lab
from store.filtering import All, Among, Code, Column, Compare, Product
from store.pages import Window
from store.runs import NewRun
from workbench.pareto import non_dominated
from workbench.tui.widgets.frame import Axis
from workbench.tui.widgets.raster import Series
from workbench.tui.widgets.scatter import Scatter

SIZE = (160, 48)
REPEATS = 9
OF_EACH = 1_000
"""Points of each run in the lab of the lists; one run has two hundred times as many."""

BESIDE = """
import asyncio, sys, time
import numpy as np
from statistics import median
from textual.app import App
from textual.geometry import Region
from textual_hires_canvas import HiResMode
from textual_plot import PlotWidget

class Shows(App):
    def compose(self):
        yield PlotWidget()

async def drive(count):
    app, rng, taken = Shows(), np.random.default_rng(1), []
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        plot = app.query_one(PlotWidget)
        for _ in range(3):
            x, y = rng.normal(6, 0.5, count), rng.normal(-6, 0.5, count)
            begin = time.perf_counter()
            plot.clear()
            plot.scatter(x, y, hires_mode=HiResMode.BRAILLE)
            plot._needs_rerender = True
            plot.render()
            canvas = plot.query_one("#plot")
            canvas.render_lines(Region(0, 0, *canvas.size))
            taken.append(1e3 * (time.perf_counter() - begin))
    print(median(taken))

asyncio.run(drive(int(sys.argv[1])))
"""


def cloud(count: int, rng: np.random.Generator) -> list[Series]:
    """Points as a run leaves them, and their front."""
    x = 10 ** rng.normal(6, 0.5, count)
    y = 10 ** rng.normal(-6, 0.5, count) / np.sqrt(x) * 1e3
    best = non_dominated(np.column_stack([x, y]))
    order = np.flatnonzero(best)[np.argsort(x[best])]
    ids = np.arange(count)
    return [
        Series("dominated", x[~best], y[~best], ids[~best], 0),
        Series("edge", x[order], y[order], ids[order], 1, line="steps", selectable=False),
        Series("front", x[order], y[order], ids[order], 1, mark="●"),
    ]


class Shows(App[None]):
    def compose(self) -> ComposeResult:
        yield Scatter(Axis("latency", "cycles", log=True), Axis("energy", "J", log=True))


async def scatter_ms(count: int) -> float:
    """New data set and drawn, both axes logarithmic."""
    app, rng, taken = Shows(), np.random.default_rng(1), list[float]()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        scatter = app.query_one(Scatter)
        for _ in range(REPEATS):
            series = cloud(count, rng)
            begin = time.perf_counter()
            scatter.show(series)
            scatter.render_lines(Region(0, 0, *scatter.size))
            taken.append(1e3 * (time.perf_counter() - begin))
    return median(taken)


def beside_ms(python: str, count: int) -> float | None:
    """textual-plot's time for such a plot on linear axes, which are all it has; None where it is not there."""
    done = subprocess.run([python, "-c", BESIDE, str(count)], capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else None


def scatters(python: str) -> dict[str, float]:
    """The scatter plot at both sizes."""
    found = {}
    for key, count in (("scatter_10k_ms", 10_000), ("scatter_1m_ms", 1_000_000)):
        found[key] = round(asyncio.run(scatter_ms(count)), 1)
        other = beside_ms(python, count)
        told = "not there: pip install textual-plot, or say where by --beside" if other is None else f"{other:.1f} ms"
        print(f"scatter plot of {count:,} points: {found[key]} ms; textual-plot's, on linear axes: {told}", flush=True)
    return found


def help_ms() -> float:
    """`dse --help`, as a process of its own."""
    dse, taken = Path(sys.executable).with_name("dse"), list[float]()
    for _ in range(REPEATS):
        begin = time.perf_counter()
        subprocess.run([dse, "--help"], check=True, capture_output=True)
        taken.append(1e3 * (time.perf_counter() - begin))
    print(f"dse --help: {median(taken):.0f} ms")
    return round(median(taken), 1)


def large_lab(path: Path, many_runs: int, many_points: int) -> int:
    """A lab of real runs' size, each with points and one with many more; that one's number."""
    task = json.dumps({"as long as": "that of a network", "layers": list(range(700))})
    new = NewRun(
        task=task,
        task_key=b"benchmark",
        arch="eyeriss_like",
        workload="alexnet",
        search="uniform",
        search_settings="{}",
        simulator="loopnest",
        simulator_settings="{}",
        fingerprint="none 1",
        seed=1,
        batch=4,
        stop='{"budget": 1000}',
    )
    batch = [tuple(point) for point in points(0, 1, 200 * OF_EACH, 0)]
    insert = "INSERT INTO point VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    with Lab.open(path) as lab:
        ids = [lab.create_run(new).id for _ in range(many_runs)]
        engine = writer(path, BUSY_SECONDS)
        each = min(OF_EACH, max(1, many_points // many_runs))
        for first in range(0, many_runs, 100):
            with transaction(engine, path) as connection:
                for run_id in ids[first : first + 100]:
                    begin = 200 * (run_id % 900)
                    rows = [(run_id, seq, *row[1:9]) for seq, row in enumerate(batch[begin : begin + each])]
                    connection.exec_driver_sql(insert, rows)
                best = '{"energy_pj": 5.0e9, "latency_cycles": 1.0e7}'
                done = (
                    "UPDATE run SET status = 'done', points = ?, feasible = points, best = ? WHERE id BETWEEN ? AND ?"
                )
                connection.exec_driver_sql(done, (each, best, ids[first], ids[min(first + 99, many_runs - 1)]))
        engine.dispose()
        run_id = lab.create_run(new).id
        history = step(1, len(batch), len(batch), 0)
        long = points(0, 1, 200 * OF_EACH, 1)
        lab.commit_step(run_id, lab.claim(run_id), history=history, points=long, front=(), checkpoint=b"{}")
    return run_id


def lists(folder: Path, many_runs: int, many_points: int) -> dict[str, float]:
    """The longest wait for a page of a list, and what each takes."""
    path = folder / "large.db"
    long = large_lab(path, many_runs, many_points)
    energy, latency = Column("energy_pj"), Column("latency_cycles")
    edp = Product(1e-12, "energy_pj", "latency_cycles")
    some = All((Among(Code(0), (b"\x03", b"\x04")), Compare(energy, "<", 4e9)))
    with Lab.open(path, readonly=True) as lab:
        middle = lab.point_page(long, Window(by=energy, limit=5000))[-1][0]
        half = lab.run_page(Window(by=Column("id"), limit=many_runs // 2))[-1][0]
        looks: dict[str, Callable[[], Any]] = {
            "runs": lambda: lab.run_page(Window(by=Column("id"), descending=True)),
            "runs from the middle": lambda: lab.run_page(Window(by=Column("id"), start=half)),
            "runs by search and number": lambda: lab.run_page(
                Window(by=Column("search"), where=Compare(Column("points"), ">", 10.0), descending=True)
            ),
            "how many runs": lambda: lab.count_runs(Compare(Column("status"), "=", "done")),
            "points of a run": lambda: lab.point_page(many_runs // 2, Window(by=edp, where=some)),
            "points of a long run by seq": lambda: lab.point_page(long, Window(by=Column("seq"))),
            "by energy": lambda: lab.point_page(long, Window(by=energy)),
            "by energy from a key": lambda: lab.point_page(long, Window(by=energy, start=middle)),
            "by EDP and back": lambda: lab.point_page(long, Window(by=edp, back=True, descending=True)),
            "filtered by latency": lambda: lab.point_page(long, Window(by=latency, where=some)),
            "how many match": lambda: lab.count_points(long, some),
        }
        waits = {}
        for name, look in looks.items():
            taken = []
            for _ in range(5):
                begin = time.perf_counter()
                look()
                taken.append(1e3 * (time.perf_counter() - begin))
            waits[name] = round(median(taken), 1)
    told = ", ".join(f"{name} {wait}" for name, wait in waits.items())
    size = path.stat().st_size / 2**30
    print(f"{many_runs:,} runs, {many_points:,} points, {200 * OF_EACH:,} in one run, {size:.1f} GiB; ms for: {told}")
    return {"page_ms": max(waits.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--beside", default=sys.executable, help="a Python that has textual-plot")
    parser.add_argument("--folder", type=Path, help="where the lab lies while it is measured")
    args = parser.parse_args()
    result = scatters(args.beside)
    result["help_ms"] = help_ms()
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="dse-bench-") as name:
        result |= lists(Path(name), args.runs, args.points)
        result |= terminal.first_paint(Path(name) / "large.db")
        result |= terminal.keys(Path(name))
        result |= terminal.watching(Path(name))
    print(json.dumps(result))


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
