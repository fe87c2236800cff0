"""The lab database: rows and chunks a second, bytes a design, against Optuna's storage, at 3x10^7 designs, in a search.

Rates are per second of processor time, so that they mean the same on a machine that does other things; what a user
waits for is wall time. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from store import chunks, runs
from store.connections import driver_of, transaction, writer
from store.database import BUSY_SECONDS, Lab
from store.designs import CHUNK_POINTS, Designs
from store.encoding import encode
from store.rows import Context, Evaluation, Point, Progress
from store.runs import NewRun
from store.steps import BeingStored
from tests import postgres
from workbench import runner
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import load_workload
from workbench.runner import RunSpec, run, start
from workbench.stop import Stop

SIZES = (8, 5, 6, 3, 7, 4, 9, 2, 8, 6, 5, 4)
"""Choices of twelve axes: 348 million designs."""
BATCH = 50_000
AT_ONCE = 16
"""Chunks that a sweep of 1 M designs/s stores together: once a second."""
CONTEXT = Context(b"benchmark's key.", "none", "none 1", "{}")


@dataclass
class Timer:
    """Seconds of processor and wall in the blocks that it timed."""

    cpu: float = 0.0
    wall: float = 0.0

    @contextmanager
    def on(self) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall


def new_run() -> NewRun:
    return NewRun(
        task=json.dumps({"as long as": "that of a network of many layers", "layers": list(range(3000))}),
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
        stop="{}",
    )


def claimed(lab: Lab) -> tuple[int, int]:
    run_id = lab.create_run(new_run()).id
    return run_id, lab.claim(run_id)


def designs_at(ranks: NDArray[np.int64]) -> Designs:
    """Designs (n,) by rank, with costs as a model gives them: whole cycles, areas that few axes decide, energies."""
    codes = np.stack(np.unravel_index(ranks, SIZES)).astype(np.uint8)  # (axes, n)
    pe = (codes[0] + 1.0) * (codes[1] + 2.0) * 4
    buffer = 2.0 ** (codes[2] + codes[3] + 4)
    tile = (codes[4] + 1.0) * (codes[6] + 1.0)
    traffic = 1e9 / tile / (1 + codes[7]) + 3e8 / (codes[8] + 1.0) + 1e6 * codes[9]
    latency = np.ceil(1e9 / pe) + np.ceil(traffic / (8.0 * (codes[5] + 1)))
    area = 310.7 * pe + 1.37 * buffer + 1e3 * codes[11]
    energy = 0.91e9 + traffic * (1.1 + 0.013 * np.sqrt(buffer)) + latency * area * 1.3e-6 * (1 + codes[10])
    return Designs(codes.T, latency, energy, area)


def step(number: int, points: int, feasible: int, front: int = 0) -> Progress:
    return Progress(number, points, points, 0, feasible, front, None, "{}", 0.5)


def points(first: int, number: int, n: int, seed: int) -> list[Point]:
    found = designs_at(np.random.default_rng(seed).integers(0, np.prod(SIZES), n))
    codes = np.ascontiguousarray(found.codes)
    columns = (found.latency_cycles.tolist(), found.energy_pj.tolist(), found.area_um2.tolist())
    return [Point(first + i, number, codes[i].tobytes(), *costs) for i, costs in enumerate(zip(*columns, strict=True))]


def in_steps(lab: Lab, steps: int, size: int) -> Timer:
    """The time that so many steps of points take, stored as by a search, each safe before the next."""
    timer = Timer()
    run_id, epoch = claimed(lab)
    for number in range(steps):
        batch = points(number * size, number + 1, size, number)
        history = step(number + 1, (number + 1) * size, (number + 1) * size)
        with timer.on():
            lab.commit_step(run_id, epoch, history=history, points=batch, front=(), checkpoint=b"{}")
    return timer


def rows(folder: Path, batches: int = 8) -> float:
    """Points a CPU second."""
    with Lab.open(folder / "rows.db") as lab:
        timer = in_steps(lab, batches, BATCH)
    rate = batches * BATCH / timer.cpu
    print(f"rows without dedupe: {rate / 1e3:.0f} k/s of CPU ({batches * BATCH / timer.wall / 1e3:.0f} k/s wall)")
    return rate


def on_a_server(folder: Path) -> tuple[float, float] | None:
    """Rows and small steps a second of wall time into a lab on a PostgreSQL server beside it, which waits for the disk.

    None where there is no server.
    """
    why = postgres.missing()
    if why is not None:
        print(f"no lab on a server: {why}")
        return None

    def rates(place: str | Path) -> tuple[float, float]:
        with Lab.open(place) as lab:
            return 8 * BATCH / in_steps(lab, 8, BATCH).wall, 500 / in_steps(lab, 500, 4).wall

    with postgres.serving(durable=True) as server:
        found = rates(server.database())
    file = rates(folder / "beside.db")
    print(
        f"wall time, on a PostgreSQL server and in a file: {found[0] / 1e3:.0f} and {file[0] / 1e3:.0f} k rows/s in "
        f"large steps, {found[1]:.0f} and {file[1]:.0f} steps/s of four designs"
    )
    return found


def dedupe(folder: Path, rows: int) -> float:
    """Evaluations a CPU second, one in ten of them known, where `rows` are stored already."""
    rng = np.random.default_rng(0)
    with Lab.open(folder / "dedupe.db") as lab:
        timer, stored, known = Timer(), 0, list[Evaluation]()
        while stored < rows + 8 * BATCH:
            if stored == rows:
                print(f"rows with dedupe, on the way to {rows:,}: {stored / timer.cpu / 1e3:.0f} k/s of CPU")
                timer = Timer()
            keys = rng.bytes(16 * BATCH)
            costs = rng.random((BATCH, 3)).tolist()
            batch = [Evaluation(CONTEXT.key, keys[16 * i : 16 * i + 16], *costs[i]) for i in range(BATCH)]
            batch[::10] = known[::10] or batch[::10]
            known = batch
            with timer.on():
                lab.keep([CONTEXT], batch)
            stored += BATCH
    rate = 8 * BATCH / timer.cpu
    print(f"rows with dedupe, at {rows:,}: {rate / 1e3:.0f} k/s of CPU ({8 * BATCH / timer.wall / 1e3:.0f} k/s wall)")
    return rate


@dataclass(frozen=True)
class Chunked:
    points_per_cpu_s: float
    bytes_per_point: float
    read_per_cpu_s: float


def chunked(folder: Path, name: str, ranks: Callable[[int], NDArray[np.int64]], many: int = 64) -> Chunked:
    """Designs a CPU second into a lab of chunks and out of it, and the bytes of the file for each."""
    path, n = folder / f"{name}.db", many * CHUNK_POINTS
    write, read = Timer(), Timer()
    with Lab.open(path) as lab:
        empty = path.stat().st_size
        run_id, epoch = claimed(lab)
        for number in range(0, many, AT_ONCE):
            some = designs_at(np.concatenate([ranks(number + i) for i in range(AT_ONCE)]))
            with write.on():
                lab.keep_chunk(run_id, epoch, some)
    with Lab.open(path, readonly=True) as lab, read.on():
        assert sum(map(len, lab.chunks(run_id))) == n
    found = Chunked(n / write.cpu, (path.stat().st_size - empty) / n, n / read.cpu)
    print(
        f"chunks, {name} designs: {found.points_per_cpu_s / 1e6:.1f} M/s in, {found.read_per_cpu_s / 1e6:.1f} M/s out, "
        f"{found.bytes_per_point:.1f} bytes each; at 1 M designs/s {100e6 / found.points_per_cpu_s:.1f} % of a core"
    )
    path.unlink()
    return found


@dataclass(frozen=True)
class AgainstOptuna:
    """How many times as fast as Optuna's SQLite storage the same trials are stored."""

    bulk: float  # all at once: `add_trials` there, one step here
    in_steps: float  # as they come: ask and tell there, steps of four here, each safe before the next


def against_optuna(folder: Path, trials: int) -> AgainstOptuna | None:
    """The same trials; None where Optuna is not there."""
    try:
        import optuna
    except ImportError:
        print("optuna is not there: pip install 'dse-workbench[optuna]'")
        return None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    batch = points(0, 1, trials, 3)
    axes = {f"axis{i}": optuna.distributions.IntDistribution(0, size - 1) for i, size in enumerate(SIZES)}

    def study(name: str) -> Any:
        return optuna.create_study(
            study_name=name, storage=f"sqlite:///{folder / 'optuna.db'}", directions=["minimize"] * 3
        )

    def params(point: Point) -> dict[str, int]:
        return dict(zip(axes, point.codes, strict=True))

    asked, added, ours, steps = Timer(), Timer(), Timer(), Timer()
    one_by_one, bulk = study("ask"), study("add")
    with asked.on():
        for point in batch:
            one_by_one.enqueue_trial(params(point))
            trial = one_by_one.ask(axes)
            one_by_one.tell(trial, [point.latency_cycles, point.energy_pj, point.area_um2])
    frozen = [
        optuna.create_trial(params=params(p), distributions=axes, values=[p.latency_cycles, p.energy_pj, p.area_um2])
        for p in batch
    ]
    with added.on():
        bulk.add_trials(frozen)
    with Lab.open(folder / "ours.db") as lab:
        run_id, epoch = claimed(lab)
        with ours.on():
            history = step(1, trials, trials)
            lab.commit_step(run_id, epoch, history=history, points=batch, front=(), checkpoint=b"{}")
        run_id, epoch = claimed(lab)
        with steps.on():
            for first in range(0, trials, 4):
                number, some = first // 4 + 1, batch[first : first + 4]
                some = [point._replace(step=number) for point in some]
                history = step(number, first + len(some), first + len(some))
                lab.commit_step(run_id, epoch, history=history, points=some, front=(), checkpoint=b"{}")
    found = AgainstOptuna(added.cpu / ours.cpu, asked.cpu / steps.cpu)
    print(
        f"the same {trials} trials: optuna ask and tell {trials / asked.cpu:.0f}/s of CPU, add_trials "
        f"{trials / added.cpu:.0f}/s; here in steps of four {trials / steps.cpu:.0f}/s "
        f"({found.in_steps:.0f}x), in one {trials / ours.cpu:.0f}/s ({found.bulk:.0f}x)"
    )
    return found


def listing(folder: Path, many_runs: int, many_points: int) -> float:
    """The longest wait, in milliseconds, for what a user looks at first in a large lab."""
    path = folder / "large.db"
    Lab.open(path).close()
    engine = writer(path, BUSY_SECONDS)
    with transaction(engine, path) as connection:
        for _ in range(many_runs):
            runs.create(connection, new_run())
        connection.exec_driver_sql("UPDATE run SET status = 'done' WHERE id % 100 <> 0")  # the others wait their turn
    engine.dispose()
    with Lab.open(path) as lab:
        stored, run_id = 0, many_runs
        (encoded,) = encode(designs_at(np.random.default_rng(0).integers(0, np.prod(SIZES), CHUNK_POINTS)))
        engine = writer(path, BUSY_SECONDS)
        while stored < many_points:
            run_id -= 1
            epoch = lab.claim(run_id)
            with transaction(engine, path) as connection:
                chunks.add(driver_of(connection), run_id, epoch, [encoded] * 16)
            lab.finish(run_id, epoch, "done")
            stored += 16 * CHUNK_POINTS
        engine.dispose()
        long = many_runs // 2
        epoch = lab.claim(long)
        for number in range(1, 1001):
            batch = points(200 * (number - 1), number, 200, number)
            front = range(0, 200 * number, 200)
            history = step(number, 200 * number, 200 * number, number)
            lab.commit_step(long, epoch, history=history, points=batch, front=front, checkpoint=b"{}")
        lab.finish(long, epoch, "done")
        for run_id in (3, long, many_runs - 3):
            lab.tag(run_id, "paper")
    looks: dict[str, Callable[[Lab], object]] = {
        "runs": lambda lab: lab.runs(limit=50),
        "a page from the middle": lambda lab: lab.runs(limit=50, before_id=long),
        "runs that are done": lambda lab: lab.runs("done", limit=50),
        "runs that were interrupted": lambda lab: lab.runs("interrupted", limit=50),
        "runs of a tag": lambda lab: lab.runs(tag="paper", limit=50),
        "runs of a task": lambda lab: lab.runs(task_key=b"benchmark", limit=50),
        "front of 1,000": lambda lab: lab.front(long),
        "history of 1,000": lambda lab: lab.history(long),
        "heads of chunks": lambda lab: lab.chunk_heads(many_runs - 1),
    }
    waits: dict[str, list[float]] = {}
    for _ in range(7):
        timer = Timer()
        with timer.on():
            lab = Lab.open(path, readonly=True)
        waits.setdefault("open", []).append(timer.wall)
        for name, look in looks.items():
            timer = Timer()
            with timer.on():
                look(lab)
            waits.setdefault(name, []).append(timer.wall)
        lab.close()
    size = path.stat().st_size / 2**30
    told = ", ".join(f"{name} {1e3 * median(seconds):.1f}" for name, seconds in waits.items())
    print(f"{many_runs:,} runs, {stored + 200_000:,} designs, {size:.1f} GiB; milliseconds to: {told}")
    path.unlink()
    return 1e3 * max(map(median, waits.values()))


class Nowhere:
    """Where a step is stored that nobody keeps."""

    wish = None

    def wait(self) -> None:
        """Nothing is under way."""


@dataclass(frozen=True)
class InASearch:
    percent: float  # of the search's wall time
    percent_of_wait: float  # that it stands still for the disk
    percent_of_cpu: float  # the same of processor time, which a busy machine does not stretch
    fsync_ms: float


def in_a_search(folder: Path, designs: int) -> InASearch:
    """The share of a search's wall time that goes into its steps' rows, writing them, and waiting for the disk.

    The search is `dse run --search genetic --arch eyeriss_like --workload alexnet --layer conv2`: four designs a step,
    each simulated by loopnest at its defaults. Beside it the same one that keeps nothing, in turns.
    """
    task = Task(load_template("eyeriss_like"), load_workload("alexnet").single("conv2"))
    storing, waiting, asking, whole, bare, steps = Timer(), Timer(), Timer(), Timer(), Timer(), 0

    def search(name: str, timer: Timer) -> int:
        with Lab.open(folder / name) as lab:
            row = start(lab, RunSpec(task, "genetic", stop=Stop(budget=designs), sources=("none",)))
            if timer is bare:
                lab.begin_step = lambda *_: Nowhere()  # type: ignore[assignment, method-assign]
            with timer.on():
                return sum(1 for _ in run(lab, row.id))

    search("warm.db", Timer())
    store, wait, lookup = runner._Work.store, BeingStored.wait, Lab.lookup
    for number in range(3):
        with (
            mock.patch.object(runner._Work, "store", timed(store, storing)),
            mock.patch.object(BeingStored, "wait", timed(wait, waiting)),
            mock.patch.object(Lab, "lookup", timed(lookup, asking)),
        ):
            steps += search(f"search{number}.db", whole)
        search(f"bare{number}.db", bare)
    found = InASearch(
        percent=100 * (storing.wall + waiting.wall) / whole.wall,
        percent_of_wait=100 * waiting.wall / whole.wall,
        percent_of_cpu=100 * (storing.cpu + waiting.cpu) / whole.cpu,
        fsync_ms=fsync(folder),
    )
    print(
        f"a search of {designs} designs, three times: {1e3 * whole.wall / steps:.1f} ms a step; storing takes "
        f"{found.percent:.1f} % of it, {found.percent_of_cpu:.1f} % of CPU "
        f"({1e3 * storing.wall / steps:.2f} ms for rows and writing, "
        f"{1e3 * waiting.wall / steps:.2f} ms waiting for the disk, of which an fsync takes {found.fsync_ms:.1f} ms), "
        f"and asking what is known {100 * asking.wall / whole.wall:.1f} %; "
        f"one that keeps nothing {1e3 * bare.wall / steps:.1f} ms a step ({1e3 * bare.cpu / steps:.1f} of CPU, "
        f"with storing {1e3 * whole.cpu / steps:.1f})"
    )
    return found


def timed(method: Callable[..., Any], timer: Timer) -> Callable[..., Any]:
    def run_timed(*args: Any) -> Any:
        with timer.on():
            return method(*args)

    return run_timed


def fsync(folder: Path, times: int = 100) -> float:
    """Milliseconds that this disk takes to make 24 KiB safe, about what a step writes; the median."""
    waits = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(bytes(24 * 1024))
            timer = Timer()
            with timer.on():
                os.fdatasync(file.fileno())
            waits.append(timer.wall)
    return 1e3 * median(waits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dedupe-rows", type=int, default=4_000_000)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=30_000_000)
    parser.add_argument("--designs", type=int, default=400)
    parser.add_argument("--folder", type=Path, help="where the labs lie while they are measured")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="dse-bench-") as name:
        folder = Path(name)
        rng = np.random.default_rng(1)
        size = int(np.prod(SIZES))
        scattered = chunked(folder, "scattered", lambda _: rng.integers(0, size, CHUNK_POINTS))
        ordered = chunked(folder, "enumerated", lambda i: i * CHUNK_POINTS + np.arange(CHUNK_POINTS))
        searched = in_a_search(folder, args.designs)
        optuna = against_optuna(folder, args.trials)
        server = on_a_server(folder)
        result = {
            "rows_per_cpu_s": round(rows(folder)),
            "ratio_to_optuna": optuna and round(optuna.bulk),
            "ratio_to_optuna_step_by_step": optuna and round(optuna.in_steps),
            "search_overhead_percent": round(searched.percent, 2),
            "search_overhead_cpu_percent": round(searched.percent_of_cpu, 2),
            "search_wait_percent": round(searched.percent_of_wait, 2),
            "fsync_ms": round(searched.fsync_ms, 2),
            "server_rows_per_s": server and round(server[0]),
            "server_steps_per_s": server and round(server[1]),
            "list_ms": round(listing(folder, args.runs, args.points), 1),
            "dedupe_rows_per_cpu_s": round(dedupe(folder, args.dedupe_rows)),
            "chunk_points_per_cpu_s": round(scattered.points_per_cpu_s),
            "chunk_points_read_per_cpu_s": round(scattered.read_per_cpu_s),
            "bytes_per_point": round(scattered.bytes_per_point, 2),
            "sweep_overhead_percent": round(100e6 / ordered.points_per_cpu_s, 2),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
