"""Whether what the lab knows makes the next search cheaper: designs until the targets are met, as the lab grows.

Spaces are those of `benchmarks/tables.py`: of every bundled architecture 70,000 to 100,000 designs, known completely.
Tasks: a layer of VGG16 and one of ResNet-18 on each of the six architectures. Targets: latency and energy that the best
1e-4 of all designs meet together; as in Wu et al. 2023 a run is done within 1 % of both. Ten seeds, but FEWER or FEWEST
for what takes long; one design an ask.

The lab holds searches for the front of latency and energy by `anneal`, 250 designs each, of four layers on the five
*other* architectures: 20 when it is full, and the first 1, 2, 4 and 8 of them in an order drawn anew for each seed. A
known architecture's lab holds those of its other three layers, too. `anneal` is tuned on layers that no task uses.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from math import exp, log
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import Results, code_of
from benchmarks.tables import CACHE, MARGIN, Table, table
from workbench.pareto import hypervolume, non_dominated
from workbench.problem.metrics import Metrics
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem, Search, Source
from workbench.searches.guided import Guided

HERE = Path(__file__).resolve().parent
KEPT = HERE / "knowledge.json"
PICTURE = HERE / "knowledge.svg"

Place = tuple[str, str, str]
ARCHS = ("tpu_like", "eyeriss_like", "tesla_npu_like", "meta_prototype_like", "ascend_like", "edge_tpu_like")
TASK_LAYERS = (("vgg16", "conv4_2"), ("resnet18", "layer2_1_conv2"))
LAYERS = (*TASK_LAYERS, ("alexnet", "conv3"), ("resnet50", "layer3_1_conv1"))
TASKS: tuple[Place, ...] = tuple((arch, *layer) for arch in ARCHS for layer in TASK_LAYERS)
TUNING: tuple[Place, ...] = tuple((arch, *layer) for arch in ARCHS for layer in LAYERS[2:])
FRONTS = tuple(TASKS[2 * i + i % 2] for i in range(len(ARCHS)))  # one layer each, in turn

STORED = 250
SIZES = (0, 1, 2, 4, 8)
FULL = len(LAYERS) * (len(ARCHS) - 1)
BUDGET = {"guided": 300, "optuna": 300}
OTHERS = 600
"""Designs of a run at most, of searches that take no time."""
MARKS = (50, 100, 200)
FEWER, FEWEST = 5, 3
"""Seeds of what takes long, and longest."""
GRID = {"temperature": (0.03, 0.1, 0.3), "steps": (15, 30, 100), "cooling": (0.01, 0.1)}
INTERVAL, NORMAL = 0.9, 1.645
CALIBRATED_AFTER, HELD_OUT = 30, 500
AGED, TAUGHT = 300, 10_000

Floats = NDArray[np.float64]


@cache
def task_key(place: Place, quantile: float) -> str:
    """Of the task with its targets."""
    return table(*place).wanting(quantile).key.hex()[:12]


@dataclass(frozen=True)
class Job:
    """One run, and all that decides it; `lab` says what the run is taught."""

    kind: str
    search: str
    settings: tuple[tuple[str, Any], ...]
    place: Place
    seed: int
    lab: str = "none"
    quantile: float = 1e-4
    margin: float = MARGIN

    @property
    def key(self) -> str:
        """Of its result."""
        return (
            f"{self.kind} {self.search} {dict(self.settings)} {code_of(self.search)} {'/'.join(self.place)} "
            f"{task_key(self.place, self.quantile)} lab {self.lab} {code_of('anneal')} "
            f"q {self.quantile} margin {self.margin} seed {self.seed}"
        )


# What the lab knows


@cache
def stored(place: Place) -> Source:
    """A search that the lab remembers."""
    found = table(*place)
    task = replace(found.task, objectives=("latency_cycles", "energy_pj"), targets=())
    search = SEARCHES["anneal"](Problem(task), search_settings("anneal", {}), LAYERS.index(place[1:]) + 100)
    points: list[Evaluated] = []
    while len(points) < STORED:
        points += step(search, found, 1)
    return Source("/".join(place), task, tuple(points))


def lab(job: Job) -> tuple[Source, ...]:
    """What a run is taught: `none`, a number of searches on other architectures, `known`, `noise` or `reversed`."""
    arch = job.place[0]
    elsewhere = [(other, *layer) for other in ARCHS if other != arch for layer in LAYERS]
    if job.lab == "none":
        return ()
    if job.lab == "known":
        return tuple(
            stored(place) for place in [*((arch, *layer) for layer in LAYERS), *elsewhere] if place != job.place
        )
    if job.lab in ("noise", "reversed"):
        return tuple(spoilt(stored((arch, *layer)), job.lab) for layer in LAYERS if (arch, *layer) != job.place)
    order = np.random.default_rng([job.seed, 7]).permutation(len(elsewhere))
    return tuple(stored(elsewhere[i]) for i in order[: int(job.lab)])


def spoilt(source: Source, how: str) -> Source:
    """With the metrics of its designs shuffled among them, or handed out in the reversed order of each metric."""
    points = [e for e in source.points if isinstance(e.outcome, Metrics)]
    metrics = [e.outcome for e in points if isinstance(e.outcome, Metrics)]
    if how == "noise":
        order = np.random.default_rng(11).permutation(len(metrics))
        told = [metrics[i] for i in order]
    else:
        latency, energy = (np.array([m.get(name) for m in metrics]) for name in ("latency_cycles", "energy_pj"))
        told = [
            replace(m, latency_cycles=float(a), energy_pj=float(b), breakdown=None)
            for m, a, b in zip(metrics, upside_down(latency), upside_down(energy), strict=True)
        ]
    changed = tuple(Evaluated(e.design, m) for e, m in zip(points, told, strict=True))
    return replace(source, name=f"{source.name}, {how}", points=changed)


def upside_down(values: Floats) -> Floats:
    """(n,): the best gets what the worst had, and so on."""
    order = values.argsort(kind="stable")
    found = np.empty_like(values)
    found[order] = values[order[::-1]]
    return found


# One run


def step(search: Search, found: Table, limit: int) -> list[Evaluated]:
    """One ask and tell."""
    designs = search.ask(limit)
    batch = [Evaluated(d, o) for d, o in zip(designs, found.evaluate(search.problem.arch_task, designs), strict=True)]
    search.tell(batch)
    return batch


def begun(job: Job, *, front: bool = False) -> tuple[Search, Table]:
    """The search of a job, with nothing told yet."""
    found = table(*job.place)
    task = found.wanting(job.quantile)
    if front:
        task = replace(task, objectives=("latency_cycles", "energy_pj"), targets=())
    settings = search_settings(job.search, dict(job.settings))
    return SEARCHES[job.search](Problem(task, lab(job)), settings, job.seed), found


def until_met(job: Job) -> dict[str, Any]:
    """Designs until both targets are met; none if they are not within the budget."""
    start = time.process_time()
    search, found = begun(job)
    count = 0
    while count < BUDGET.get(job.search, OTHERS):
        batch = step(search, found, 1)
        if not batch:
            break
        count += 1
        outcome = batch[0].outcome
        if isinstance(outcome, Metrics) and all(t.met(outcome, job.margin) for t in search.problem.task.targets):
            return {"count": count, "seconds": time.process_time() - start}
    return {"count": None, "seconds": time.process_time() - start}


def front(job: Job) -> dict[str, Any]:
    """Hypervolume after MARKS designs, as a part of the exact front's: in logarithms, seen from the median design."""
    search, found = begun(job, front=True)
    whole = np.log2(found.metrics[found.feasible, :2])
    reference = np.median(whole, axis=0)
    exact = hypervolume(whole[non_dominated(whole)], reference)
    seen: list[list[float]] = []
    reached = []
    count = 0
    while count < MARKS[-1]:
        batch = step(search, found, 1)
        count += 1
        seen += [
            list(np.log2([e.outcome.latency_cycles, e.outcome.energy_pj]))
            for e in batch
            if isinstance(e.outcome, Metrics)
        ]
        if count in MARKS:
            reached.append(hypervolume(np.array(seen).reshape(-1, 2), reference) / exact)
    return {"hypervolume": reached}


def calibration(job: Job) -> dict[str, Any]:
    """How often the intervals for designs drawn at random hold their latency and energy.

    After random designs, and after as many that the run asked for: these lie close together, and say less of others.
    """
    found = table(*job.place)
    drawn = list(dict.fromkeys(found.task.space.sample(CALIBRATED_AFTER, np.random.default_rng([job.seed, 4]))))
    told = [Evaluated(d, o) for d, o in zip(drawn, found.evaluate(found.task, drawn), strict=True)]
    after_random, after_own = begun(job)[0], begun(job)[0]
    after_random.restore(after_random.state(), told)
    for _ in range(CALIBRATED_AFTER):
        step(after_own, found, 1)
    return {"covered": _covered(after_random, found, job), "covered_own": _covered(after_own, found, job)}


def _covered(search: Search, found: Table, job: Job) -> list[float]:
    """(2,): parts of latencies and energies."""
    assert isinstance(search, Guided)
    ranks = np.random.default_rng([job.seed, 3]).choice(np.flatnonzero(found.feasible), HELD_OUT, replace=False)
    mean, deviation = search.forecast([found.task.space.unrank(int(rank)) for rank in ranks])
    off = np.abs(np.log2(found.metrics[ranks, :2]) - mean)
    within: list[float] = (off <= NORMAL * deviation).mean(axis=0).tolist()
    return within


def overhead(job: Job) -> dict[str, Any]:
    """Seconds of an ask when the run has AGED points and its sources TAUGHT; and of the start."""
    found = table(*job.place)
    sources = [stored((arch, *layer)) for arch in ARCHS for layer in LAYERS if arch != job.place[0]]
    each = TAUGHT // len(sources)
    more = []
    for source in sources:  # as many points as the library gives: those of the search, and others at random
        of, rng = table(*source.name.split("/")), np.random.default_rng(5)
        known = {e.design for e in source.points}
        drawn = [d for d in dict.fromkeys(of.task.space.sample(4 * each, rng)) if d not in known][: each - STORED]
        extra = [Evaluated(d, o) for d, o in zip(drawn, of.evaluate(of.task, drawn), strict=True)]
        more.append(replace(source, points=(*source.points, *extra)))
    task = replace(found.task, objectives=("latency_cycles", "energy_pj"), targets=())
    start = time.perf_counter()
    search = SEARCHES["guided"](Problem(task, tuple(more)), search_settings("guided", {}), job.seed)
    begin = time.perf_counter() - start
    asks: list[float] = []
    for _ in range(AGED + 20):
        start = time.perf_counter()
        designs = search.ask(1)
        asks.append(time.perf_counter() - start)
        search.tell([Evaluated(d, o) for d, o in zip(designs, found.evaluate(task, designs), strict=True)])
    return {"start": begin, "ask": median(asks[AGED:]), "longest": max(asks[AGED:])}


KINDS: Mapping[str, Callable[[Job], dict[str, Any]]] = {
    "targets": until_met,
    "front": front,
    "calibration": calibration,
    "overhead": overhead,
}


def run(job: Job) -> tuple[str, dict[str, Any]]:
    """In a worker."""
    import torch

    torch.set_num_threads(1)
    return job.key, KINDS[job.kind](job)


class Lab:
    """Runs jobs side by side, and remembers what they came to."""

    def __init__(self, workers: int) -> None:
        self._results = Results(CACHE / "knowledge.jsonl")
        self._pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))  # they keep what they loaded

    def of(self, jobs: Sequence[Job]) -> list[dict[str, Any]]:
        """Their results, in order."""
        started = [self._pool.submit(run, job) for job in jobs if self._results.get(job.key) is None]
        for number, future in enumerate(as_completed(started), 1):
            self._results.add(*future.result())
            if number % 50 == 0:
                print(f"  {number} of {len(started)} runs", file=sys.stderr, flush=True)
        return [self._results.get(job.key) or {} for job in jobs]


# What is measured


def tuned(lab: Lab, seeds: int) -> tuple[tuple[str, Any], ...]:
    """The settings of `anneal` with the fewest designs until the targets of TUNING are met, as a geometric mean."""
    combinations = [tuple(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    jobs = [Job("targets", "anneal", s, place, seed) for s in combinations for place in TUNING for seed in range(seeds)]
    counts = [r["count"] or 2 * OTHERS for r in lab.of(jobs)]
    each = len(TUNING) * seeds
    means = [exp(sum(log(n) for n in counts[i : i + each]) / each) for i in range(0, len(counts), each)]
    best = int(np.argmin(means))
    default = combinations.index((("temperature", 0.1), ("steps", 30), ("cooling", 0.01)))
    print(
        f"anneal, tuned on {len(TUNING)} other tasks, {seeds} seeds, {len(combinations)} settings: "
        f"{dict(combinations[best])}, geometric mean {means[best]:.0f}; defaults {means[default]:.0f}, "
        f"worst {max(means):.0f}"
    )
    return combinations[best]


def quartiles(counts: Sequence[float | None]) -> tuple[float, float, float, float]:
    """Lower quartile, median, upper quartile and ninth decile; runs that failed count as infinite."""
    values = np.sort([np.inf if n is None else n for n in counts])
    low, middle, high, most = (float(np.quantile(values, q, method="nearest")) for q in (0.25, 0.5, 0.75, 0.9))
    return low, middle, high, most


def shown(value: float) -> str:
    """A count, or that it was not reached."""
    return f"{value:.0f}" if np.isfinite(value) else "never"


def kept(value: float) -> float | None:
    """As JSON has it: nothing where it was not reached."""
    return value if np.isfinite(value) else None


Row = tuple[str, str, tuple[tuple[str, Any], ...], str]  # name, search, settings, lab


def target_rows(
    lab: Lab, rows: Sequence[Row], places: Sequence[Place], seeds: int, **harder: float
) -> dict[str, dict[str, Any]]:
    """Prints a table of designs until the targets are met, and gives its figures."""
    print(f"{'':26}{'median':>8}{'quartiles':>16}{'9 of 10':>9}{'<= 100':>8}{'failed':>8}{'s/run':>8}")
    figures = {}
    for name, search, settings, taught in rows:
        jobs = [
            Job("targets", search, settings, place, seed, taught, **harder) for place in places for seed in range(seeds)
        ]
        results = lab.of(jobs)
        counts = [result["count"] for result in results]
        low, middle, high, most = quartiles(counts)
        within = sum(n is not None and n <= 100 for n in counts) / len(counts)
        figures[name] = {
            "median": kept(middle), "quartiles": [kept(low), kept(high)], "ninth_decile": kept(most),
            "within_100": within,
            "failed": sum(n is None for n in counts),
            "by_task": [kept(quartiles(counts[i : i + seeds])[1]) for i in range(0, len(counts), seeds)],
        }  # fmt: skip
        seconds = float(np.mean([result["seconds"] for result in results]))
        print(
            f"{name:26}{shown(middle):>8}{shown(low) + '-' + shown(high):>16}{shown(most):>9}{within:>8.0%}"
            f"{figures[name]['failed']:>8}{seconds:>8.2f}",
            flush=True,
        )
    return figures


def fronts(lab: Lab, rows: Sequence[Row], seeds: int) -> dict[str, Any]:
    """Prints hypervolumes, and gives their medians."""
    print(f"{'':26}" + "".join(f"{f'at {mark}':>8}" for mark in MARKS))
    figures = {}
    for name, search, settings, taught in rows:
        jobs = [Job("front", search, settings, place, seed, taught) for place in FRONTS for seed in range(seeds)]
        found = np.median([result["hypervolume"] for result in lab.of(jobs)], axis=0)
        figures[name] = found.tolist()
        print(f"{name:26}" + "".join(f"{value:8.3f}" for value in found), flush=True)
    return figures


def measured(lab: Lab, seeds: int, parts: Sequence[str]) -> dict[str, Any]:
    """All tables, and what is quoted of them."""
    best = tuned(lab, min(seeds, FEWER))
    guided: list[Row] = [(f"guided, lab of {n}", "guided", (), str(n) if n else "none") for n in SIZES]
    full: Row = (f"guided, full lab ({FULL})", "guided", (), str(FULL))
    empty, known = guided[0], ("guided, known architecture", "guided", (), "known")
    anneal: Row = ("anneal, tuned", "anneal", best, "none")
    tpe: Row = ("optuna TPE", "optuna", (("sampler", "tpe"),), "none")
    cheap: list[Row] = [(name, name, (), "none") for name in ("coordinate", "bottleneck", "genetic", "uniform")]
    figures: dict[str, Any] = {"seeds": seeds, "anneal_settings": dict(best)}
    if "targets" in parts:
        print(f"\ndesigns until both targets of the best 1e-4 are met, {len(TASKS)} tasks, {seeds} seeds")
        figures["targets"] = target_rows(lab, [anneal, tpe, *cheap, *guided, full, known], TASKS, seeds)
    if "negative" in parts:
        print("\nmisleading sources: three searches of the same architecture, their metrics shuffled or reversed")
        rows: list[Row] = [
            empty,
            ("guided, shuffled", "guided", (), "noise"),
            ("guided, reversed", "guided", (), "reversed"),
        ]
        found = target_rows(lab, rows, TASKS, seeds)
        capped = {name: [n or BUDGET["guided"] for n in found[name]["by_task"]] for name, *_ in rows}
        ratios = {name: np.divide(capped[name], capped[empty[0]]) for name, *_ in rows[1:]}
        figures["negative"] = {name: float(np.median(ratio)) for name, ratio in ratios.items()}
        for name, ratio in figures["negative"].items():
            print(f"{name}: {ratio:.2f} times the designs of an empty lab (median over tasks)")
    if "fronts" in parts:
        print(f"\nhypervolume as a part of the exact front's, {len(FRONTS)} tasks, {min(seeds, FEWEST)} seeds, medians")
        others: list[Row] = [
            ("anneal", "anneal", (), "none"),
            ("optuna NSGA-II", "optuna", (("sampler", "nsga2"),), "none"),
            tpe,
        ]
        figures["fronts"] = fronts(lab, [*others, *cheap, empty, full], min(seeds, FEWEST))
    if "calibration" in parts:
        jobs = [
            Job("calibration", "guided", (), place, seed, str(FULL))
            for place in TASKS
            for seed in range(min(seeds, FEWEST))
        ]
        results = lab.of(jobs)
        covered, own = (np.mean([r[kind] for r in results], axis=0).tolist() for kind in ("covered", "covered_own"))
        figures |= {"coverage": covered, "coverage_own": own}
        print(
            f"\n{INTERVAL:.0%} intervals, unseen architecture, full lab: after {CALIBRATED_AFTER} random designs they "
            f"hold {covered[0]:.1%} of latencies and {covered[1]:.1%} of energies of {HELD_OUT} others; "
            f"after {CALIBRATED_AFTER} that the run asked for, {own[0]:.1%} and {own[1]:.1%}"
        )
    if "overhead" in parts:
        (spent,) = lab.of([Job("overhead", "guided", (), TASKS[2], 0)])
        figures["overhead"] = {name: spent[name] for name in ("start", "ask", "longest")}
        print(
            f"\none ask at {AGED} points, {TAUGHT:,} source points: {spent['ask']:.3f} s (longest "
            f"{spent['longest']:.3f}); the start {spent['start']:.1f} s"
        )
    if "harder" in parts:
        few = min(seeds, FEWEST)
        print(f"\nthe best 1e-5, {few} seeds")
        figures["harder"] = target_rows(lab, [anneal, tpe, empty, full], TASKS, few, quantile=1e-5)
        print(f"\nthe best 1e-4 without a margin: to the last hundredth of a percent, {few} seeds")
        figures["strict"] = target_rows(lab, [anneal, tpe, empty, full], TASKS, few, margin=0.0)
    return figures


def headline(figures: Mapping[str, Any]) -> dict[str, Any]:
    """What is quoted."""
    rows = figures["targets"]
    medians = {key: rows[name]["median"] for key, name in names().items()}
    return {
        **medians,
        "ratio_to_anneal": round(medians["full_lab"] / medians["anneal"], 3),
        "ratio_to_tpe": round(medians["full_lab"] / medians["tpe"], 3),
        "ratio_to_empty_lab": round(medians["full_lab"] / medians["empty_lab"], 3),
        "within_100": rows[names()["full_lab"]]["within_100"],
        **{
            key: figures[key]
            for key in ("coverage", "coverage_own", "negative", "overhead", "fronts")
            if key in figures
        },
    }


def names() -> dict[str, str]:
    """Of the rows that are quoted."""
    return {
        "anneal": "anneal, tuned",
        "tpe": "optuna TPE",
        "empty_lab": "guided, lab of 0",
        "full_lab": f"guided, full lab ({FULL})",
        "known_arch": "guided, known architecture",
    }


def plot(figures: Mapping[str, Any], path: Path) -> None:
    """Median and quartiles against the size of the lab, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "dse"
    from matplotlib import pyplot

    rows = figures["targets"]
    sizes = [*SIZES, FULL]
    of = [rows[f"guided, lab of {n}"] for n in SIZES] + [rows[f"guided, full lab ({FULL})"]]
    axes_of, axes = pyplot.subplots(figsize=(5.4, 3.4))
    at = range(len(sizes))
    axes.plot(at, [row["median"] for row in of], marker="o", label="guided, architecture never seen")
    axes.fill_between(at, [row["quartiles"][0] for row in of], [row["quartiles"][1] for row in of], alpha=0.25)
    known = rows[names()["known_arch"]]
    axes.errorbar(
        [len(sizes)], [known["median"]], marker="s", label="guided, known architecture, new layer", linestyle="",
        yerr=[[known["median"] - known["quartiles"][0]], [known["quartiles"][1] - known["median"]]],
    )  # fmt: skip
    for name, style in (("anneal, tuned", "--"), ("optuna TPE", ":")):
        axes.axhline(rows[name]["median"], linestyle=style, color="gray")
        axes.annotate(name, (0, rows[name]["median"]), textcoords="offset points", xytext=(0, 3), fontsize=8)
    axes.set_xticks([*at, len(sizes)], [*map(str, sizes), "known"])
    axes.set_yscale("log")
    axes.set_ylim(top=3 * max(rows[name]["median"] for name in ("anneal, tuned", "optuna TPE")))
    axes.set_xlabel("searches in the lab, all on other architectures")
    axes.set_ylabel("designs until both targets are met")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    axes_of.tight_layout()
    axes_of.savefig(path, metadata={"Date": None})
    pyplot.close(axes_of)


PARTS = ("targets", "negative", "fronts", "calibration", "overhead", "harder")


def main() -> int:
    """Print the tables and, last, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", choices=PARTS, action="append", help="one part, or several (default: all)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cached", action="store_true", help="print the figures of the last full run")
    options = parser.parse_args()
    if options.cached:
        print(json.dumps(json.loads(KEPT.read_text(encoding="utf-8"))["headline"]))
        return 0
    figures = measured(Lab(options.workers), options.seeds, options.only or PARTS)
    if options.only:
        print(json.dumps(figures))
        return 0
    quoted = headline(figures)
    if options.seeds == 10:
        KEPT.write_text(json.dumps({"headline": quoted, "all": figures}, indent=1) + "\n", encoding="utf-8")
        plot(figures, PICTURE)
    print(json.dumps(quoted))
    return 0


if __name__ == "__main__":
    sys.exit(main())
