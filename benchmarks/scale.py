"""Executors: how much of two workers' time each puts to use, and what that comes to with up to a thousand workers.

Measured: 2,000 designs of 50 ms each (a simulator that sleeps, so busy cores matter little) by two workers of each
executor that is installed, after its start. Efficiency is the ideal time, 2,000 x 50 ms / 2, over the actual one. Then
single designs that take no time, handed over one by one: what a batch costs the process that hands out the work, with
the worker's own part in it, so an upper bound.

Then a simulator of uneven length (log-normal, one design in a hundred takes ten times as long as the average) under a
whole run of uniform search with UNEVEN_WORKERS loky workers and twice as many designs a step: once in batches, each of
which waits for its slowest, and once `--asynchronous`. Both ask for the same designs and store them in a lab.

Simulated from there: W workers, two batches each under way, of times that are log-normal about the mean of a batch;
each result waits for the one process, which takes the measured time to take it and to hand over the next.

The last line is a JSON object: `efficiency`, each also as `efficiency.NAME`; `overhead_ms` for each design, `batch_ms`
that a batch costs, `start_s`; `uneven`: seconds in batches, asynchronous and ideal, and the ratio of the first two;
`simulated`: designs a second with 10, 100 and 1,000 workers; and `long`: the part of the ideal that 1,000 workers reach
with designs of 5 s, one to a batch.

    .venv/bin/python -m benchmarks.scale
"""

from __future__ import annotations

import argparse
import heapq
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.sleeping import Sleeping, SleepingSettings
from store.database import Lab
from workbench.executors.base import Call, Executor, Handle
from workbench.executors.table import NEEDS, made
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import load_workload
from workbench.runner import RunSpec, run, start
from workbench.simulators import SIMULATORS
from workbench.stop import Stop
from workbench.workers import CHUNK_S, Piece, Workers

HERE = Path(__file__).resolve().parent
EXECUTORS = ("loky", "dask", "ray")
WORKERS = 2
EACH_S = 0.05
WARMING = 80
HANDED = 1000
SIMULATED = (10, 100, 1000)
LONG_S = 5.0
UNEVEN_WORKERS = 8
UNEVEN_DESIGNS = 400
UNEVEN_SPREAD = 1.5
SPREAD = 0.5
"""Of the logarithm of a batch's time: some take twice or half as long as others."""


@dataclass(frozen=True)
class Measured:
    """What one executor took, seconds: to start and answer, for all designs, and for a batch that does nothing."""

    start_s: float
    seconds: float
    batch_s: float


def the_task() -> Task:
    """Any with a large space will do."""
    return Task(load_template("tpu_like"), load_workload("alexnet").single("conv2"))


def measured(name: str, task: Task, designs: Sequence[Design]) -> Measured:
    """One executor at work, from its start."""
    simulator = Sleeping(SleepingSettings(each_s=EACH_S))
    with Workers(WORKERS, name, batch_s=60.0) as workers:
        begun = time.perf_counter()
        workers.simulate(simulator, [Piece(task, tuple(designs[:WARMING]))])
        start_s = time.perf_counter() - begun - WARMING * EACH_S / WORKERS
        begun = time.perf_counter()
        (found,) = workers.simulate(simulator, [Piece(task, tuple(designs[WARMING:]))])
        seconds = time.perf_counter() - begun
        if len(found) != len(designs) - WARMING:
            raise ValueError(f"{name} lost designs")
    executor = made(name, WORKERS)
    try:
        batch_s = handing_s(executor, task, designs[0])
    finally:
        executor.close()
    return Measured(start_s, seconds, batch_s)


def handing_s(executor: Executor, task: Task, design: Design) -> float:
    """What a batch costs that does nothing, with as many under way as there are in a run."""
    call = Call(Sleeping(SleepingSettings(each_s=0.0)), task, (design,))
    for _ in range(2 * WORKERS):
        executor.result(next(iter(executor.wait([executor.submit(call)]))))
    begun, left = time.perf_counter(), HANDED
    running: set[Handle] = set()
    while left or running:
        while left and len(running) < 2 * WORKERS:
            running.add(executor.submit(call))
            left -= 1
        for handle in executor.wait(running):
            running.discard(handle)
            executor.result(handle)
    return (time.perf_counter() - begun) / HANDED


def uneven(task: Task) -> dict[str, float]:
    """Seconds that a run takes in batches and asynchronous, with workers that have started."""
    settings = {"each_s": EACH_S, "spread": UNEVEN_SPREAD}
    found: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(SIMULATORS, {"sleeping": Sleeping}),
        Workers(UNEVEN_WORKERS, "loky", batch_s=60.0) as workers,
    ):
        for name, asynchronous in (("warm_s", False), ("batch_s", False), ("asynchronous_s", True)):
            with Lab.open(Path(folder) / f"{name}.db") as lab:
                spec = RunSpec(
                    task,
                    "uniform",
                    simulator="sleeping",
                    simulator_settings=settings,
                    batch=2 * UNEVEN_WORKERS,
                    stop=Stop(budget=UNEVEN_DESIGNS),
                    asynchronous=asynchronous,
                )
                row = start(lab, spec)
                begun = time.perf_counter()
                told = [each.design for step in run(lab, row.id, workers=workers) for each in step.evaluated]
                found[name] = time.perf_counter() - begun
    del found["warm_s"]
    simulator = Sleeping(SleepingSettings(each_s=EACH_S, spread=UNEVEN_SPREAD))
    found["ideal_s"] = sum(map(simulator.takes_s, told)) / UNEVEN_WORKERS
    found["ratio"] = found["batch_s"] / found["asynchronous_s"]
    print(
        f"{UNEVEN_DESIGNS} designs of uneven length, {UNEVEN_WORKERS} workers: {found['batch_s']:.1f} s in batches of "
        f"{2 * UNEVEN_WORKERS}, {found['asynchronous_s']:.1f} s asynchronous ({found['ratio']:.2f}x), "
        f"ideal {found['ideal_s']:.1f} s"
    )
    return found


def throughput(workers: int, batch_s: float, designs: float, work_s: float) -> float:
    """Designs a second of so many workers, where a batch costs the one process `batch_s` and a worker `work_s`."""
    rng = np.random.default_rng(1)
    batches = 40 * workers
    times = rng.lognormal(0.0, SPREAD, batches)
    times *= work_s / times.mean()
    free_s, process_s = [0.0] * workers, 0.0
    results: list[float] = []  # when those under way come back
    for work in times:
        if len(results) == 2 * workers:
            process_s = max(process_s, heapq.heappop(results))
        process_s += batch_s
        end_s = max(process_s, heapq.heappop(free_s)) + work
        heapq.heappush(free_s, end_s)
        heapq.heappush(results, end_s)
    return float(designs * batches / max(results))


def plot(of: Mapping[str, float], path: Path) -> None:
    """Designs a second over workers, both logarithmic, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "dse"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3.5))
    counts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    for name, batch_s in of.items():
        axes.plot(counts, [rate(count, batch_s) for count in counts], marker="o", label=name)
    axes.plot(counts, [count / EACH_S for count in counts], linestyle=":", color="grey", label="ideal")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("workers")
    axes.set_ylabel("designs a second, simulated")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def rate(workers: int, batch_s: float) -> float:
    """Designs a second in batches as long as `workers` makes them."""
    size = round(CHUNK_S / EACH_S)
    return throughput(workers, batch_s, size, size * EACH_S)


def main() -> int:
    """All executors that there are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--designs", type=int, default=2000)
    parser.add_argument("--plot", type=Path, default=HERE / "scale.svg", help="where the picture goes")
    args = parser.parse_args()
    task = the_task()
    stride = task.space.size // (args.designs + WARMING)
    designs = [task.space.unrank(rank * stride) for rank in range(args.designs + WARMING)]
    ideal_s = args.designs * EACH_S / WORKERS
    all_measured: dict[str, Measured] = {}
    for name in EXECUTORS:
        if name in NEEDS and find_spec(NEEDS[name]) is None:
            print(f"{name:5} is not installed")
            continue
        found = all_measured[name] = measured(name, task, designs)
        print(
            f"{name:5} start {found.start_s:5.1f} s, {args.designs} designs {found.seconds:6.1f} s of {ideal_s:.1f} s, "
            f"efficiency {ideal_s / found.seconds:.3f}, a batch costs {found.batch_s * 1e3:.2f} ms",
            flush=True,
        )
    of_uneven = uneven(task)
    batch_s = {name: found.batch_s for name, found in all_measured.items()}
    plot(batch_s, args.plot)
    efficiency = {name: ideal_s / m.seconds for name, m in all_measured.items()}
    summary = {
        **{f"efficiency.{name}": part for name, part in efficiency.items()},
        "efficiency": efficiency,
        "overhead_ms": {name: (m.seconds - ideal_s) * WORKERS / args.designs * 1e3 for name, m in all_measured.items()},
        "batch_ms": {name: s * 1e3 for name, s in batch_s.items()},
        "start_s": {name: m.start_s for name, m in all_measured.items()},
        "uneven": of_uneven,
        "simulated": {name: {str(n): rate(n, s) for n in SIMULATED} for name, s in batch_s.items()},
        "long": {name: throughput(SIMULATED[-1], s, 1, LONG_S) * LONG_S / SIMULATED[-1] for name, s in batch_s.items()},
    }
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
