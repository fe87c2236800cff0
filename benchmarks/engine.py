"""Speed of the loop-nest engine: beside ZigZag, cold, per mapping, in memory, on two cores, and as the work grows."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, median

import numpy as np

from benchmarks.agreement import shipped
from workbench import executor
from workbench.problem.arch import Arch, Memory, Port
from workbench.problem.layer import Layer
from workbench.problem.metrics import Metrics
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import load_workload
from workbench.simulators.compiled import fast_available
from workbench.simulators.loopnest import LoopNest, LoopNestSettings
from workbench.simulators.loopnest.allocate import FILLINGS
from workbench.simulators.loopnest.engine import PROMISING, evaluate_layer, sliding_loops
from workbench.simulators.loopnest.orders import all_orders, temporal_loops
from workbench.simulators.loopnest.spatial import candidates
from workbench.workers import Workers

HERE = Path(__file__).resolve().parent
FACTORS = 6
REPEATS = 5
ARCHS = ("tpu_like", "eyeriss_like", "tesla_npu_like", "meta_prototype_like")
LAYERS = (
    Layer.conv("alexnet conv1", 3, 96, 11, out_size=55, stride=4),
    Layer.conv("alexnet conv2", 48, 128, 5, out_size=27, padding=2),
    Layer.conv("alexnet conv3", 256, 384, 3, out_size=13, padding=1),
    Layer.conv("vgg16 conv3_2", 256, 256, 3, out_size=56, padding=1),
)

COLD = """
import time
from benchmarks.agreement import LAYERS, shipped
from workbench.simulators.loopnest.engine import evaluate_layer
arch = shipped("meta_prototype_like")
start = time.perf_counter()
evaluate_layer([arch], LAYERS["alex3"], "edp", 6)
print((time.perf_counter() - start) * 1e3)
"""

MANY = """
import resource, sys
import numpy as np
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import load_workload
from workbench.simulators.loopnest.engine import evaluate_layer
template = load_template("tpu_like")
task = Task(template, load_workload("alexnet").single("conv3"))
fixed = template.space.sample(int(sys.argv[1]), np.random.default_rng(0))
archs = [task.arch(design) for design in fixed]
evaluate_layer(archs, task.workload.compute_layers()[0][0], "edp", 4)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2)
"""


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process for one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def descendants_cpu() -> float:
    """CPU seconds that the living descendants of this process have used (Linux)."""
    total, open_pids = 0.0, [os.getpid()]
    while open_pids:
        pid = open_pids.pop()
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in task.read_text().split():
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                open_pids.append(int(child))
    return total


def beside_zigzag(python: str, quick: bool) -> dict[str, float]:
    """The same (architecture, layer) by ZigZag and by both kernels, one after the other."""
    from workbench.simulators.zigzag import ZigZag, ZigZagSettings

    simulator = ZigZag(ZigZagSettings(factors=FACTORS, workers=1, python=python, time_limit_s=3600))
    kernels = [("numpy", False), *([("fast", True)] if fast_available() else [])]
    ratios: dict[str, list[float]] = {name: [] for name, _ in kernels}
    print(f"\n== CPU seconds per (design, layer), {FACTORS} factors; ours: mean of {REPEATS}, the first without tables")
    print(f"{'case':<36} {'ZigZag':>9} " + " ".join(f"{n + ' ms':>10} {'ratio':>8}" for n, _ in kernels))
    evaluate_layer([shipped(ARCHS[0])], LAYERS[0], "edp", FACTORS, compiled=fast_available())
    simulator.evaluate_layer([shipped(ARCHS[0])], LAYERS[0], "edp")  # starts the worker, which imports ZigZag
    for name in ARCHS:
        for layer in LAYERS[: 1 if quick else None]:
            arch = shipped(name)
            before = descendants_cpu()
            theirs = simulator.evaluate_layer([arch], layer, "edp")[0]
            seconds = descendants_cpu() - before
            line = f"{name + ', ' + layer.name:<36} {seconds:9.2f} "
            for kernel, compiled in kernels:
                all_orders.cache_clear()
                ours = fmean(_timed(arch, layer, compiled))
                ratios[kernel].append(seconds / ours)
                line += f" {ours * 1e3:10.2f} {seconds / ours:8.0f}"
            found = evaluate_layer([arch], layer, "edp", FACTORS)[0]
            if isinstance(theirs, Metrics) and isinstance(found, Metrics) and found.edp_js > theirs.edp_js * 1.01:
                line += "   <-- ours is worse than ZigZag's by more than 1 %"
            print(line, flush=True)
    simulator.close()
    for kernel, found_ratios in ratios.items():
        print(f"median ratio, {kernel}: {median(found_ratios):,.0f} (least {min(found_ratios):,.0f})")
    return {f"speed_ratio_{kernel}": round(median(found_ratios)) for kernel, found_ratios in ratios.items()}


def _timed(arch: Arch, layer: Layer, compiled: bool) -> list[float]:
    """CPU seconds of each of REPEATS calls."""

    def work() -> None:
        evaluate_layer([arch], layer, "edp", FACTORS, compiled=compiled)

    return [cpu_seconds(work) for _ in range(REPEATS)]


def cold() -> float:
    """Milliseconds of the first evaluation in a fresh process, after the imports: median of five."""
    runs = [
        float(subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    ]
    print(f"\n== First evaluation in a fresh process, after import: {median(runs):.1f} ms (median of {runs})")
    return round(median(runs), 1)


def mappings_per_second() -> float:
    """Loop orders under all fillings, per CPU second, on the best kernel there is: median of REPEATS, tables warm."""
    arch, layer = shipped("meta_prototype_like"), LAYERS[2]
    loops = temporal_loops(dict(candidates(arch, layer)[0].remaining), FACTORS)
    mappings = len(all_orders(loops, sliding_loops(layer)).order) + PROMISING * (len(FILLINGS) - 1)
    _timed(arch, layer, fast_available())
    seconds = median(_timed(arch, layer, fast_available()))
    print(f"\n== Mappings per CPU second: {mappings / seconds:,.0f} ({mappings} in {seconds * 1e3:.2f} ms)")
    return round(mappings / seconds)


def peak_memory(designs: int) -> float:
    """GB at most, of a process that evaluates many designs in one call."""
    done = subprocess.run([sys.executable, "-c", MANY, str(designs)], capture_output=True, text=True, check=True)
    print(f"\n== Peak memory, {designs:,} designs in one call: {float(done.stdout):.2f} GB")
    return round(float(done.stdout), 3)


def two_cores(designs: int) -> float:
    """Wall time on one core over wall time on two: batches of a whole network, one after the other, median of three."""
    template = load_template("eyeriss_like")
    task = Task(template, load_workload("alexnet"))
    batch = template.space.sample(4 * designs, np.random.default_rng(0))
    simulator = LoopNest(LoopNestSettings())
    times: dict[int, list[float]] = {1: [], 2: []}
    with Workers(1) as alone, Workers(2) as both:
        for start in range(0, len(batch), designs):  # the first part starts the workers
            for jobs, workers in ((1, alone), (2, both)):
                begun = time.perf_counter()
                executor.evaluate(simulator, task, batch[start : start + designs], lambda _context, _keys: {}, workers)
                times[jobs].append(time.perf_counter() - begun)
    ratio = median(one / two for one, two in zip(times[1][1:], times[2][1:], strict=True))
    print(
        f"\n== Two cores: {', '.join(f'{t:.2f}' for t in times[1][1:])} s on one, "
        f"{', '.join(f'{t:.2f}' for t in times[2][1:])} s on two, {ratio:.2f} times as fast"
    )
    return round(ratio, 2)


def stacked(levels: int) -> Arch:
    """An 8 x 8 array under `levels` memories that all operands share, each eight times the one below."""
    memories = tuple(
        Memory(
            name=f"level{i}",
            kind="dram" if i == levels - 1 else "sram",
            size_bits=10**10 if i == levels - 1 else 4096 * 8**i,
            operands=("W", "I", "O"),
            shared_over=("D1", "D2"),
            ports=(Port("read_write", 512, 64),),
            read_energy_pj=4.0**i,
            write_energy_pj=4.0**i,
        )
        for i in range(levels)
    )
    return Arch("stacked", (("D1", 8), ("D2", 8)), 0.04, memories, (("D1", (("K", None),)), ("D2", (("C", None),))))


def growth(quick: bool) -> None:
    """CPU time against designs, factors and memory levels, as tables and pictures."""
    compiled, layer = fast_available(), LAYERS[2]
    template = load_template("tpu_like")
    task = Task(template, load_workload("alexnet").single("conv3"))
    by_designs: list[tuple[float, float]] = []
    for count in (100, 1000) if quick else (100, 1000, 10_000, 100_000):
        archs = [task.arch(design) for design in template.space.sample(count, np.random.default_rng(1))]
        fixed = [replace(arch, spatial_mapping=(("D1", (("K", None),)), ("D2", (("C", None),)))) for arch in archs]
        by_designs.append((count, cpu_seconds(partial(evaluate_layer, fixed, layer, "edp", 4, compiled=compiled))))
    arch = shipped("meta_prototype_like")
    by_factors = [
        (
            f,
            median(cpu_seconds(partial(evaluate_layer, [arch], layer, "edp", f, compiled=compiled)) for _ in range(3)),
        )
        for f in ((4, 5, 6, 7) if quick else (4, 5, 6, 7, 8))
    ]
    by_levels = [
        (
            n,
            median(
                cpu_seconds(partial(evaluate_layer, [stacked(n)], layer, "edp", FACTORS, compiled=compiled))
                for _ in range(3)
            ),
        )
        for n in (2, 3, 4, 5)
    ]
    for title, name, points in (
        ("designs in one call (4 factors)", "engine_designs", by_designs),
        ("factors of one case", "engine_factors", by_factors),
        ("memory levels shared by all operands", "engine_levels", by_levels),
    ):
        print(f"\n== CPU seconds against {title}")
        for x, seconds in points:
            print(f"{x:>9,} {seconds:12.4f} s")
        if not quick:
            plot(points, title, HERE / f"{name}.svg")


def plot(points: Sequence[tuple[float, float]], title: str, path: Path) -> None:
    """A line on logarithmic time, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "dse"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3.2))
    axes.plot([x for x, _ in points], [seconds for _, seconds in points], marker="o")
    axes.set_yscale("log")
    if points[-1][0] / points[0][0] > 100:
        axes.set_xscale("log")
    axes.set_xlabel(title)
    axes.set_ylabel("CPU seconds")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> int:
    """Print everything and, last, one JSON object of the headline figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no ZigZag, fewer designs, no pictures")
    parser.add_argument("--python", default="", help="an interpreter that has zigzag-dse and six (default: this one)")
    options = parser.parse_args()
    figures: dict[str, float | None] = {"speed_ratio_numpy": None, "speed_ratio_fast": None}
    if not options.quick:
        figures |= beside_zigzag(options.python, options.quick)
    figures["cold_ms"] = cold()
    figures["mappings_per_s"] = mappings_per_second()
    figures["peak_memory_gb"] = peak_memory(5_000 if options.quick else 100_000)
    figures["two_core_speedup"] = two_cores(60 if options.quick else 200)
    growth(options.quick)
    print(f"\nthis process, at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:.2f} GB")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
