"""The study of 480 million hardware designs: 257 numbers of PEs, 512 bandwidths, 64 sizes of the L1 and 57 of the L2.

KC-P and YR-P on VGG16's CONV2 and CONV11 (conv1_2 and conv5_1) one by one, and on VGG16 and ResNet-50 whole, within
16 mm2 and 450 mW, in both modes, by numpy alone on one thread; pruned, and with every valid design computed. Designs of
each study, drawn at random, are compared with single evaluations. A rate is of designs covered: decided to be valid or
not, with the exact front of latency, energy and area of all valid ones. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import geometric_mean

import numpy as np
from threadpoolctl import threadpool_limits

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from workbench.problem.metrics import Metrics
from workbench.problem.space import Design
from workbench.simulators.dataflow import compatible
from workbench.sweep.plan import BYTE, L1, L2, NOC, PES, Block, Plan
from workbench.sweep.request import request_of
from workbench.sweep.study import Floats, Ints, Study
from workbench.sweep.summary import Counts

GRID = {"pes": "8:2056:8", "bandwidth": "1:512", "l1": "16:1024:16", "l2": "8192:466944:8192"}
LIMITS = {"area_mm2": 16.0, "power_mw": 450.0}
DATAFLOWS = ("kcp", "yrp")
LAYERS = (("vgg16", "conv1_2"), ("vgg16", "conv5_1"))
NETWORKS = (("vgg16", None), ("resnet50", None))
MODES = ("compatible", "corrected")
PUBLISHED = 0.17e6
CHECKED = 40


@dataclass(frozen=True)
class Row:
    """What one study took: seconds by the clock and of the processor."""

    name: str
    mode: str
    pruned: bool
    counts: Counts
    front: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Designs covered in a second by the clock."""
        return self.counts.covered / self.wall_s

    def line(self) -> str:
        """For people."""
        counts, each = self.counts, self.counts.covered / self.cpu_s
        return (
            f"{self.name:<14}{self.mode:<12}{'' if self.pruned else 'no pruning':<12}"
            f"{counts.covered / 1e6:5.0f} M covered{counts.valid:>12,} valid{counts.evaluated:>12,} evaluated"
            f"{self.front:>7,} front{self.wall_s:7.2f} s{self.cpu_s:7.2f} cpu-s"
            f"{self.rate / 1e6:8,.0f} M/s{each / 1e6:8,.0f} M/cpu-s"
        )


def plan_of(workload: str, layer: str | None, dataflow: str, mode: str, prune: bool) -> Plan:
    """One study."""
    layers = [layer] if layer else []
    asked = {"workload": workload, "layers": layers, "dataflow": dataflow, "mode": mode, "prune": prune}
    return request_of(None, {**GRID, **LIMITS, **asked}).plan()


def measured(name: str, plan: Plan) -> tuple[Row, Study]:
    """A study from nothing to its front."""
    wall, cpu = time.perf_counter(), time.process_time()
    study, counts = Study(plan), Counts()
    for block in plan.blocks:
        counts = counts.plus(study.block(block))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Row(name, plan.mode, plan.settings.prune, counts, len(study.front), wall, cpu), study


def single(plan: Plan, design: Design) -> tuple[float, ...] | None:
    """A design by the simulator itself: latency, energy, area; None where it is not valid."""
    outcome = plan.simulator.evaluate(plan.task, [design])[0]
    if not isinstance(outcome, Metrics):
        return None
    power = outcome.power_mw if plan.mode == "corrected" else tool_power(plan, design)
    valid = outcome.area_um2 <= plan.settings.area_um2 and power <= plan.settings.power
    return (outcome.latency_cycles, outcome.energy_pj, outcome.area_um2) if valid else None


def tool_power(plan: Plan, design: Design) -> float:
    """What the public tool calls power, mW."""
    values = plan.task.space.values(design)
    pes, l1, l2, noc = (np.array(int(values[axis]) // (1 if axis == PES else BYTE)) for axis in (PES, L1, L2, NOC))
    return float(compatible.power_mw(pes, np.array(1), l1, l2, noc))


def check(plan: Plan, study: Study, rng: random.Random) -> int:
    """Compares designs with what a sweep says of their surroundings, half of them valid ones; tells how many."""
    space = plan.task.space
    front = dict(zip(study.front.ids.tolist(), study.front.points, strict=True))
    ranks = [*rng.sample(sorted(front), min(CHECKED // 4, len(front)))]
    ranks += [rng.randrange(plan.covered) for _ in range(CHECKED // 2)]
    while len(ranks) < CHECKED:  # small arrays are where valid designs are
        p = rng.randrange(20)
        ranks.append(space.rank((p, *(rng.randrange(size) for size in plan.shape[1:]))))
    for rank in ranks:
        found, expected = swept(plan, space.unrank(rank)), single(plan, space.unrank(rank))
        if not (alike(found, expected) and (rank not in front or alike(tuple(front[rank]), expected))):
            raise SystemExit(f"{space.values(space.unrank(rank))}: the sweep says {found}, the simulator {expected}")
    return len(ranks)


def alike(first: tuple[float, ...] | None, second: tuple[float, ...] | None) -> bool:
    """Whether both are not valid, or the same but for the last digits of sums."""
    if first is None or second is None:
        return first is second
    return first[0] == second[0] and bool(np.allclose(first, second, rtol=1e-12, atol=0))


def swept(plan: Plan, design: Design) -> tuple[float, ...] | None:
    """What a sweep of every valid design says of one: its block is cut down to its PEs and bandwidth."""
    p, w = design[-4], design[-3]
    wanted, found = plan.task.space.rank(design), list[Floats]()

    def keep(ranks: Ints, values: Floats) -> None:
        found.extend(values[ranks == wanted])

    Study(plan, keep=keep).block(Block(design[:-4], slice(p, p + 1), slice(w, w + 1)))
    return tuple(float(value) for value in found[0]) if found else None


def rows(subjects: tuple[tuple[str, str | None], ...], modes: tuple[str, ...], prune: bool) -> Iterator[Row]:
    """Studies of both dataflows; each is told as it is done."""
    rng = random.Random(7)
    for mode in modes:
        for workload, layer in subjects:
            for dataflow in DATAFLOWS:
                plan = plan_of(workload, layer, dataflow, mode, prune)
                row, study = measured(f"{dataflow} {layer or workload}", plan)
                checked = f"  {check(plan, study, rng)} equal single evaluations" if prune else ""
                print(row.line() + checked, flush=True)
                yield row


def rate(some: list[Row], mode: str) -> float:
    """The mean of their rates, each by the clock."""
    return geometric_mean(row.rate for row in some if row.mode == mode)


def main() -> int:
    """Print every study and, last, one JSON object."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with threadpool_limits(1):
        layers = list(rows(LAYERS, MODES, True))
        networks = list(rows(NETWORKS, MODES, True))
        whole = list(rows(LAYERS, MODES, False))
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for mode in MODES:
        slowest = min(row.rate for row in networks if row.mode == mode)
        print(
            f"{mode}: {rate(layers, mode) / 1e6:,.0f} M designs/s a layer, {rate(whole, mode) / 1e6:,.0f} M with no "
            f"pruning, {rate(networks, mode) / 1e6:,.0f} M network designs/s (least {slowest / 1e6:,.0f} M); "
            f"{rate(layers, mode) / PUBLISHED:,.0f} times and, with no pruning, {rate(whole, mode) / PUBLISHED:,.0f} "
            "times 0.17 M/s (published, 2019 hardware, counts skipped designs)"
        )
    figures = {
        "designs_per_s_compatible": round(rate(layers, "compatible")),
        "designs_per_s_corrected": round(rate(layers, "corrected")),
        "designs_per_s_unpruned": round(rate(whole, "compatible")),
        "seconds_480m": round(max(row.wall_s for row in layers if row.mode == "compatible"), 3),
        "peak_memory_gb": round(peak_gb, 3),
        "designs_per_s_corrected_unpruned": round(rate(whole, "corrected")),
        "network_designs_per_s_compatible": round(rate(networks, "compatible")),
        "network_designs_per_s_corrected": round(rate(networks, "corrected")),
        "designs_per_cpu_s_compatible": round(
            geometric_mean(row.counts.covered / row.cpu_s for row in layers if row.mode == "compatible")
        ),
        "designs_per_cpu_s_unpruned": round(
            geometric_mean(row.counts.covered / row.cpu_s for row in whole if row.mode == "compatible")
        ),
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
