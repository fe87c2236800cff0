"""Co-exploration of networks and chips: together against one after the other, the published chips, and assignment."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from benchmarks import codesign
from benchmarks.assignment import LARGE, Case, Gaps, cases, exact_energies, gaps, larger_cases, random_jobs
from benchmarks.nasaic import LIMITS, legacy_rows, networks
from workbench.scheduling.heuristic import good_schedule
from workbench.scheduling.jobs import Goal
from workbench.scheduling.solving import LABELS, solved

Figures = dict[str, float]
KEPT = Path(__file__).resolve().parent / "coexplore.json"
SEEDS = 10
REPEATS = 5
WITHIN = 0.05


def legacy() -> Figures:
    """Every published chip: area, latency and energy with their ratios to the paper's."""
    print("NASAIC's chips (recalled) through the legacy model, on members of its network families (inferred)")
    print(f"{'':2} {'flow':14} {'networks, MMACs':39} {'um2':14} {'cycles':15} {'nJ':14} limit")
    worst = 0.0
    for row, cost in legacy_rows():
        metrics = cost.metrics
        area, latency, energy = metrics.area_um2, metrics.latency_cycles, metrics.energy_pj / 1e3
        worst = max(worst, abs(area / row.area_um2 - 1))
        of = " + ".join(f"{network.name} {network.macs / 1e6:.0f}" for network in networks(row))
        print(
            f"{row.workload:2} {row.flow:14} {of:39} {area:.2e} x{area / row.area_um2:.3f}"
            f" {latency:.2e} x{latency / row.latency_cycles:.3f} {energy:.2e} x{energy / row.energy_nj:.3f}"
            f" {'met' if cost.solution.met else 'not met'}"
        )
    limits = ", ".join(f"{name} {limit:.0e}" for name, limit in LIMITS.items())
    print(f"x: the ratio to the paper's; limits on the latency: {limits} cycles")
    return {"legacy_area_worst_percent": round(100 * worst, 2)}


def assignment() -> Figures:
    """The heuristic's energy against the exact one on random small cases, and how long it takes on larger ones."""
    print("least energy within a makespan, on random cases")
    gap = _against_exact("at most 12 layers on 2 to 4 sub-accelerators", list(cases()))
    _against_exact("2 networks of 9 layers on 2 or 3", list(larger_cases()))
    for networks_, layers, machines in LARGE:
        descent, both, bound = _timed(networks_, layers, machines)
        print(
            f"{networks_} networks of {layers} layers on {machines}: descent {descent:.0f} ms, "
            f"heuristic {both:.0f} ms, energy at most {100 * bound:.1f} % above the bound"
        )
    met = np.array([each for each in gap.energy if np.isfinite(each)])
    return {
        "assignment_gap_mean_percent": round(100 * float(met.mean()), 3),
        "assignment_gap_worst_percent": round(100 * float(met.max()), 3),
        "assignment_failed": gap.failed,
    }


def _against_exact(what: str, some: list[Case]) -> Gaps:
    """Prints how far the descent and the whole heuristic are from exact; the latter."""
    began = time.perf_counter()
    exact = exact_energies(some)
    took = 1e3 * (time.perf_counter() - began) / len(some)
    print(f"{len(some)} cases, {what}: exact in {took:.1f} ms a case")
    for name, labels in (("descent alone", 0), ("heuristic", LABELS)):
        found = gaps(some, exact, labels)
        energy = np.array(found.energy)
        met = energy[np.isfinite(energy)]
        print(
            f"  {name}: energy above exact {100 * met.mean():.2f} % on average, {100 * met.max():.2f} % at worst, "
            f"{int((met > WITHIN).sum())} above 5 %; not found: {found.failed}; proven: {found.proven}; "
            f"{found.ms:.1f} ms a case"
        )
    return found


def _timed(networks_: int, layers: int, machines: int) -> tuple[float, float, float]:
    """Median milliseconds of the descent and of the whole heuristic, and the median distance from the bound."""
    rng, rows = np.random.default_rng(1), []
    for _ in range(REPEATS):
        jobs = random_jobs(rng, networks_, (layers, layers), machines)
        ends = [good_schedule(jobs, Goal(aim)).makespan for aim in ("latency", "energy")]
        goal = Goal("energy", sum(ends) / 2)
        began = time.perf_counter()
        good_schedule(jobs, goal)
        middle = time.perf_counter()
        solution = solved(jobs, goal)
        end = time.perf_counter()
        rows.append((1e3 * (middle - began), 1e3 * (end - middle), solution.schedule.energy / solution.bound - 1))
    descent, both, bound = np.median(np.array(rows), axis=0)
    return float(descent), float(both), float(bound)


def joint(lab: str | None = None) -> Figures:
    """Networks and chip together against networks first and hardware first, ten seeds each."""
    print("two digit tasks under a tight specification")
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for result in codesign.results(Path(lab or folder) / "coexplore.db", SEEDS):
            found.append(result)
            said = f"{100 * result.accuracy:.2f} %, {'met' if result.met else 'missed'}"
            print(f"  {result.flow}, seed {result.seed}: {said}", file=sys.stderr, flush=True)
    figures = codesign.report(found)
    content = {"headline": figures, "flows": codesign.kept(found)}
    KEPT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return figures


def cached() -> Figures:
    """The flows of the last full run, side by side."""
    return codesign.report([codesign.Result(**each) for each in json.loads(KEPT.read_text("utf-8"))["flows"]])


PARTS: dict[str, Callable[[], Figures]] = {"joint": joint, "legacy": legacy, "assignment": assignment}


def main() -> int:
    """Print the parts asked for, or all, and last, one JSON object of their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, part in PARTS.items():
        parser.add_argument(f"--{name}", action="store_true", help=(part.__doc__ or "").splitlines()[0])
    parser.add_argument("--lab", metavar="FOLDER", help="keep the flows' lab here; an interrupted one goes on")
    parser.add_argument("--cached", action="store_true", help="take the flows from the file of the last full run")
    options = vars(parser.parse_args())
    figures: Figures = {}
    for name in [name for name in PARTS if options[name]] or PARTS:
        if name != "joint":
            figures |= PARTS[name]()
        else:
            figures |= cached() if options["cached"] else joint(options["lab"])
        print()
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
