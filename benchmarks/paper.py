"""The study of Wu et al. 2023 rebuilt: nine cases, ten seeds, their methods beside ours; tasks together; Fig. 6.

KNOWN from the paper: the source is AlexNet on a TPU-like array; CONV1-3 on Eyeriss-like, CONV4-6 on Tesla-NPU-like,
CONV7-9 on Meta-prototype-like; ten runs of each; satisfied within 1 % of both targets. INFERRED: which layers these
are, the design spaces, the targets. Spaces are those of `benchmarks/tables.py`: thinned out to 100,000 designs at most
and known completely, without the choice `auto` of a spatial mapping, which takes 24 times as long. Targets: energy and
latency that the best 1e-4 of all designs meet together. An iteration is one evaluated design; batches are of four.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

import numpy as np

from benchmarks.results import Results, code_of
from benchmarks.tables import CACHE, Table, reduced, table
from models.mlp import Training
from models.transfer import SourceNetwork, SourceSettings, embed, fresh
from workbench.executor import evaluate
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.workload import load_workload
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem, Source, SourceModel
from workbench.searches.learning import PREDICTED, source_network, training_points
from workbench.simulators.loopnest import LoopNest, LoopNestSettings
from workbench.stop import Stop

HERE = Path(__file__).resolve().parent
RESULTS = CACHE / "paper.jsonl"

CASES = {
    "CONV1": ("eyeriss_like", "alexnet", "conv1"),
    "CONV2": ("eyeriss_like", "alexnet", "conv2"),
    "CONV3": ("eyeriss_like", "alexnet", "conv3"),
    "CONV4": ("tesla_npu_like", "alexnet", "conv4"),
    "CONV5": ("tesla_npu_like", "alexnet", "conv5"),
    "CONV6": ("tesla_npu_like", "vgg16", "conv2_1"),
    "CONV7": ("meta_prototype_like", "vgg16", "conv3_1"),
    "CONV8": ("meta_prototype_like", "vgg16", "conv4_1"),
    "CONV9": ("meta_prototype_like", "vgg16", "conv5_1"),
}
QUICK = ("CONV1", "CONV3", "CONV4", "CONV7")

Method = tuple[str, dict[str, Any]]  # a search of the table, and settings
METHODS: dict[str, Method] = {
    "anneal": ("anneal", {}),
    "reinforce": ("reinforce", {}),
    "mlp": ("mlp", {}),
    "coordinate": ("coordinate", {}),
    "transfer": ("transfer", {}),
    "guided": ("guided", {}),
    "optuna-tpe": ("optuna", {"sampler": "tpe"}),
    "uniform": ("uniform", {}),
}
SCENARIOS: dict[str, Method] = {
    name: ("multitask", {"scenario": scenario})
    for name, scenario in (("repeat", "repeat"), ("merge", "merge"), ("multi-task", "multi"))
}
BASELINE = "anneal"
QUANTILE = 1e-4
BATCH = 4
SOURCE_POINTS = 512
FIG6_POINTS, FIG6_EPOCHS = 256, 200
ENGINE_SECONDS = 4e-4
"""Of one evaluation by the compiled loop-nest engine, about."""
SLOW_SECONDS = 15.0
"""Of one evaluation in ZigZag 3.9.1 as the paper used it: 10 to 20 s for a design and layer (MEASURED, two cores)."""


def present(methods: Mapping[str, Method]) -> Iterator[str]:
    """The methods whose search is in the table; the others are named."""
    for name, (search, _) in methods.items():
        if search in SEARCHES:
            yield name
        else:
            print(f"{name}: left out, there is no search {search!r}", flush=True)


def points(task: Task, count: int, seed: int) -> tuple[Evaluated, ...]:
    """So many different random designs, evaluated layer by layer."""
    rng = np.random.default_rng(seed)
    designs: dict[Design, None] = {}
    while len(designs) < min(count, task.space.size):
        designs |= dict.fromkeys(task.space.sample(1, rng))
    return evaluate(LoopNest(LoopNestSettings()), task, list(designs), lambda *_: {}).evaluated


def source(count: int) -> tuple[Source, SourceModel]:
    """What all methods that transfer are given: AlexNet on the TPU-like array, as points and as a network."""
    task = Task(reduced("tpu_like"), load_workload("alexnet"))
    found = points(task, count, 0)
    path = CACHE / f"paper-source-{task.key.hex()[:12]}-{count}-{code_of('transfer')}.safetensors"
    if not path.exists():
        path.write_bytes(source_network(task, found).to_bytes())
    content = path.read_bytes()
    scores = SourceNetwork.from_bytes(content).scores
    assert scores is not None
    print(
        f"source: AlexNet on tpu_like, {len(found)} designs; {scores.folds}-fold cross-validation: "
        + ", ".join(f"{m} rank correlation {r:.2f}" for m, r in zip(PREDICTED, scores.rank_correlation, strict=True))
        + f", best after {scores.epochs} epochs",
        flush=True,
    )
    return Source("AlexNet on tpu_like", task, found), SourceModel("AlexNet on tpu_like", task, content)


def search(found: Table, method: Method, problem: Problem, seed: int, budget: int) -> tuple[dict[str, Any], Source]:
    """One run until both targets are met, or the budget is spent; and its points."""
    name, given = method
    one = SEARCHES[name](problem, search_settings(name, given), seed)
    task, stop = problem.arch_task, Stop()
    told: list[Evaluated] = []
    start = time.perf_counter()
    met = False
    while not met and len(told) < budget and (designs := one.ask(min(BATCH, budget - len(told)))):
        batch = [Evaluated(d, o) for d, o in zip(designs, found.evaluate(task, designs), strict=True)]
        hits = [stop.meets_targets(e.outcome, task.targets) for e in batch]
        met = any(hits)
        told += batch[: hits.index(True) + 1] if met else batch
        if not met:
            one.tell(batch)
    result = {"iterations": len(told), "satisfied": met, "seconds": time.perf_counter() - start}
    return result, Source(found.label, task, tuple(told))


def key_of(kind: str, method: Method, tables: Sequence[Table], seed: int, budget: int, count: int) -> str:
    """What a result depends on."""
    settings = json.dumps(method[1], sort_keys=True)
    tasks = ",".join(each.wanting(QUANTILE).key.hex()[:12] for each in tables)
    return f"{kind} {method[0]} {settings} {code_of(method[0])} {tasks} seed {seed} budget {budget} source {count}"


def study(
    results: Results, given: tuple[Source, SourceModel], cases: Sequence[str], seeds: int, budget: int
) -> dict[str, Any]:
    """The paper's Table 2 and Fig. 7."""
    names = list(present(METHODS))
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for seed in range(seeds):  # seeds outside: what is interrupted compares methods on the same cases
        for case in cases:
            found = table(*CASES[case])
            task = found.wanting(QUANTILE)
            for name in names:
                method = METHODS[name]
                transfers = SEARCHES[method[0]].transfers
                problem = Problem(task, given[:1], given[1:]) if transfers else Problem(task)
                key = key_of("study", method, [found], seed, budget, len(given[0].points))
                result = results.get(key) or results.add(key, search(found, method, problem, seed, budget)[0])
                rows[name].append({**result, "case": case})
    return {"methods": _summary(rows, cases, budget)}


def _summary(rows: Mapping[str, list[dict[str, Any]]], cases: Sequence[str], budget: int) -> dict[str, Any]:
    print(f"\niterations until both targets are met; a run that fails counts {budget}")
    print(f"{'':12} {'':8} {'':8} {'':>14} {'':>8} {'':>11} {'time / anneal':>20}")
    print(
        f"{'method':12} {'mean':>8} {'median':>8} {'quartiles':>14} {'s/iter':>8} {'satisfied':>11} "
        f"{'engine':>10} {'ZigZag':>9}"
    )
    summary: dict[str, Any] = {}
    for name, runs in rows.items():
        counts = [run["iterations"] if run["satisfied"] else budget for run in runs]
        own = fmean(run["seconds"] for run in runs)
        low, _, high = quantiles(counts, n=4, method="inclusive") if len(counts) > 1 else (counts[0],) * 3
        summary[name] = {
            "iterations": fmean(counts),
            "median": median(counts),
            "quartiles": [low, high],
            "satisfied": sum(run["satisfied"] for run in runs),
            "of": len(runs),
            "search_seconds": own,
            "slow_seconds": own + fmean(counts) * SLOW_SECONDS,
            "by_case": {c: fmean(n for n, r in zip(counts, runs, strict=True) if r["case"] == c) for c in cases},
        }
    for name, figures in summary.items():
        base = summary.get(BASELINE, figures)
        fast = [f["search_seconds"] + f["iterations"] * ENGINE_SECONDS for f in (figures, base)]
        figures["time_ratio_engine"] = fast[0] / fast[1]
        figures["time_ratio_zigzag"] = figures["slow_seconds"] / base["slow_seconds"]
        quartiles = f"{figures['quartiles'][0]:.0f}-{figures['quartiles'][1]:.0f}"
        print(
            f"{name:12} {figures['iterations']:8.1f} {figures['median']:8.1f} {quartiles:>14} "
            f"{figures['search_seconds'] / figures['iterations']:8.4f} "
            f"{figures['satisfied']:>5} of {figures['of']:<3}{figures['time_ratio_engine']:10.1f} "
            f"{figures['time_ratio_zigzag']:9.2f}"
        )
    print(
        f"time: of the search and its evaluations, at {ENGINE_SECONDS} s (engine) or {SLOW_SECONDS:.0f} s (ZigZag) each"
    )
    return summary


def scenarios(
    results: Results, given: tuple[Source, SourceModel], cases: Sequence[str], seeds: int, budget: int
) -> dict[str, Any]:
    """Three tasks of one architecture, one run after the other; each but in `repeat` learns from those before."""
    archs = dict.fromkeys(CASES[case][0] for case in cases)
    print(f"\ntasks of one architecture together: iterations until all are met (a task that fails counts {budget})")
    print(f"{'scenario':12} {'mean':>8} {'median':>8} {'satisfied':>14}")
    figures: dict[str, Any] = {}
    for name in present(SCENARIOS):
        method = SCENARIOS[name]
        totals, satisfied = [], 0
        for seed in range(seeds):
            for arch in archs:
                tables = [table(*CASES[case]) for case in cases if CASES[case][0] == arch]
                key = key_of("scenario", method, tables, seed, budget, len(given[0].points))
                result = results.get(key) or results.add(key, _in_a_row(tables, method, given[1], seed, budget))
                totals.append(result["iterations"])
                satisfied += result["satisfied"]
        figures[name] = {
            "iterations": fmean(totals),
            "median": median(totals),
            "satisfied": satisfied,
            "of": len(totals),
        }
        print(
            f"{name:12} {fmean(totals):8.1f} {median(totals):8.1f} {satisfied:>6} of {len(totals)} groups", flush=True
        )
    return {"scenarios": figures}


def _in_a_row(tables: Sequence[Table], method: Method, model: SourceModel, seed: int, budget: int) -> dict[str, Any]:
    """Runs on these tasks; a run's sources are the runs before it."""
    before: list[Source] = []
    runs = []
    for found in tables:
        problem = Problem(found.wanting(QUANTILE), tuple(before), (model,))
        result, told = search(found, method, problem, seed, budget)
        runs.append(result)
        before.append(told)
    return {
        "iterations": sum(run["iterations"] if run["satisfied"] else budget for run in runs),
        "satisfied": all(run["satisfied"] for run in runs),
        "seconds": sum(run["seconds"] for run in runs),
    }


def losses(given: tuple[Source, SourceModel], seeds: int, count: int, epochs: int, path: Path | None) -> dict[str, Any]:
    """The paper's Fig. 6: training loss on VGG16 on the Eyeriss-like array, with and without transfer.

    For both ways to draw random weights, since the paper does not say which it means: each with a source of its kind.
    """
    fading = SourceSettings(training=Training(initial="fan_in"))
    networks = {
        "he": SourceNetwork.from_bytes(given[1].content),
        "fan_in": source_network(given[0].arch_task, given[0].points, fading),
    }
    task = Task(reduced("eyeriss_like"), load_workload("vgg16"))
    data = training_points(task.space, points(task, count, 1), PREDICTED)
    assert data is not None
    shape = ((data.X.shape[1],), len(PREDICTED))
    curves: dict[str, list[list[float]]] = {}
    for initial, network in networks.items():
        for name, layers in (("random", {}), ("transferred", network.transferred)):
            regressors = [fresh(*shape, network.settings.training, network.settings.widths, s) for s in range(seeds)]
            for regressor in regressors:
                embed(regressor, layers)
            curves[f"{name}, {initial}"] = [regressor.fit([data], epochs) for regressor in regressors]
    marks = [epoch for epoch in (10, 20, 50, 100, 200) if epoch <= epochs]
    print(
        f"\ntraining loss, VGG16 on eyeriss_like, {len(data.X)} designs, median of {seeds} seeds; weights drawn as said"
    )
    print(f"{'epochs':20} " + " ".join(f"{mark:>8}" for mark in marks))
    figures = {}
    for name, found in curves.items():
        middle = np.median(found, axis=0)  # (epochs,)
        figures[name] = {str(mark): float(middle[mark - 1]) for mark in marks}
        print(f"{name:20} " + " ".join(f"{figures[name][str(mark)]:8.4f}" for mark in marks))
    if path:
        plot(curves, path)
    return {"loss": figures}


def plot(curves: Mapping[str, Sequence[Sequence[float]]], path: Path) -> None:
    """Median and quartiles over seeds against epochs, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "dse"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3.2))
    for name, found in curves.items():
        low, middle, high = np.quantile(found, (0.25, 0.5, 0.75), axis=0)
        epochs = np.arange(1, len(middle) + 1)
        axes.plot(epochs, middle, label=name, gid=name)
        axes.fill_between(epochs, low, high, alpha=0.25)
    axes.set_yscale("log")
    axes.set_xlabel("epochs on VGG16, Eyeriss-like")
    axes.set_ylabel("training loss (z-scored logs)")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> int:
    """Print the tables and, last, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="four cases, one seed, 60 designs; no picture")
    parser.add_argument("--only", choices=("study", "scenarios", "loss"), help="one part (default: all three)")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budget", type=int, default=300, help="designs of a run at most")
    options = parser.parse_args()
    quick: bool = options.quick
    seeds, budget = (1, 60) if quick else (options.seeds, options.budget)
    cases, count = (QUICK, 128) if quick else (tuple(CASES), SOURCE_POINTS)
    results = Results(RESULTS)
    given = source(count)
    figures: dict[str, Any] = {}
    if options.only in (None, "study"):
        figures |= study(results, given, cases, seeds, budget)
    if options.only in (None, "scenarios"):
        figures |= scenarios(results, given, cases, seeds, budget)
    shown = (64, 20, None) if quick else (FIG6_POINTS, FIG6_EPOCHS, HERE / "paper_loss.svg")
    if options.only in (None, "loss"):
        figures |= losses(given, seeds, *shown)
    print(json.dumps({"quantile": QUANTILE, "budget": budget, "seeds": seeds, **figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
