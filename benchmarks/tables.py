"""Spaces small enough to know completely: what the searches are measured on, enumerated once and looked up after."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache, cached_property
from math import ceil, prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from workbench.problem.metrics import Breakdown, Infeasible, Metrics, Outcome, Target
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.template import Template, load_template
from workbench.problem.workload import load_workload
from workbench.simulators.loopnest import LoopNest, LoopNestSettings

CACHE = Path(__file__).resolve().parent / ".cache"
MOST_DESIGNS = 100_000
CHUNK = 2_000
MARGIN = 0.01
"""By so much a target may be missed and still counts as met, as in Wu et al. 2023."""
METRICS = ("latency_cycles", "energy_pj", "area_um2")
CYCLES = ("ideal_cycles", "spatial_stall_cycles", "temporal_stall_cycles", "onload_cycles", "offload_cycles")

Floats = NDArray[np.float64]


def reduced(name: str, most: int = MOST_DESIGNS) -> Template:
    """A bundled architecture with fewer choices: the longest axes thinned out evenly until few designs are left.

    Spatial mappings stay, but for `auto`: it takes 24 times as long, and would decide alone.
    """
    content = load_template(name).content()
    axes = content["axes"]
    whole = {axis: list(facts["choices"]) for axis, facts in axes.items()}
    named = [axis for axis, choices in whole.items() if isinstance(choices[0], str)]
    for axis in named:
        whole[axis] = [choice for choice in whole[axis] if content["spatial_mappings"].get(choice) != "auto"]
    left = {axis: len(choices) for axis, choices in whole.items()}
    while prod(left.values()) > most:
        longest = max((axis for axis in left if axis not in named), key=lambda axis: left[axis])
        left[longest] -= 1
    for axis, choices in whole.items():
        places = np.linspace(0, len(choices) - 1, left[axis]).round().astype(int)
        axes[axis]["choices"] = [choices[i] for i in places]
    return Template.from_content(content)


class _NoSettings(BaseModel):
    pass


class Table:
    """All designs of a task and what they come to, in the order of their ranks; a simulator that looks up.

    `metrics` (n, 3) as in METRICS, NaN where a design cannot be built.
    """

    name: ClassVar[str] = "table"
    Settings: ClassVar[type[BaseModel]] = _NoSettings
    per_layer: ClassVar[bool] = False

    def __init__(self, task: Task, fingerprint: str, arrays: dict[str, Any]) -> None:
        self.task, self.fingerprint = task, fingerprint
        self.metrics: Floats = arrays["metrics"]
        self._mac, self._memory, self._cycles = arrays["mac"], arrays["memory"], arrays["cycles"]
        self._why: NDArray[np.int64] = arrays["why"]
        facts = json.loads(str(arrays["facts"]))
        self._parts = [tuple(part) for part in facts["parts"]]
        self._reasons: list[Infeasible] = [Infeasible(**{**r, "levers": tuple(r["levers"])}) for r in facts["reasons"]]

    @cached_property
    def label(self) -> str:
        """Architecture and layer."""
        return f"{self.task.template.name} {self.task.workload.name}"

    @cached_property
    def feasible(self) -> NDArray[np.bool_]:
        """(n,): which designs can be built."""
        return ~np.isnan(self.metrics[:, 0])

    def outcome(self, rank: int) -> Outcome:
        """What a design comes to, without its mapping."""
        if self._why[rank] >= 0:
            return self._reasons[int(self._why[rank])]
        latency, energy, area = (float(v) for v in self.metrics[rank])
        return Metrics(
            latency_cycles=latency,
            energy_pj=energy,
            area_um2=area,
            clock_mhz=self.task.template.file.clock_mhz,
            breakdown=Breakdown(
                mac_energy_pj=float(self._mac[rank]),
                memory_energy_pj=tuple(
                    (m, o, float(v)) for (m, o), v in zip(self._parts, self._memory[rank], strict=True)
                ),
                **dict(zip(CYCLES, (float(v) for v in self._cycles[rank]), strict=True)),
            ),
        )

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        """As every simulator."""
        return [self.outcome(task.space.rank(design)) for design in designs]

    def targets(self, quantile: float) -> tuple[Target, Target]:
        """Bounds on latency and energy that the given part of all designs meets together, both equally hard alone.

        At least one design meets them. What is within MARGIN of the least latency or energy counts as reaching it:
        many designs lie there side by side, and a target that told them apart by hundredths of a percent would be
        about nothing. Where that leaves too many designs, the margin is halved until it does not.
        """
        latency, energy = self.metrics[self.feasible, 0], self.metrics[self.feasible, 1]
        wanted = max(1, ceil(quantile * len(self.metrics)))
        margin = MARGIN
        while True:
            easier = [np.maximum(values, values.min() * (1 + margin)) for values in (latency, energy)]
            worse = np.maximum(*map(_rank, easier))  # how hard both are for the design that just meets them
            hardest = np.partition(worse, wanted - 1)[wanted - 1]
            bounds = [float(values[_rank(values) <= hardest].max()) for values in easier]
            found = Target("latency_cycles", bounds[0]), Target("energy_pj", bounds[1])
            if self.meeting(found) <= 2 * wanted or margin < 1e-6:
                return found
            margin /= 2

    def wanting(self, quantile: float) -> Task:
        """The task with the targets of a quantile."""
        return replace(self.task, targets=self.targets(quantile))

    def meeting(self, targets: Sequence[Target]) -> int:
        """How many designs meet them."""
        columns = [self.metrics[:, METRICS.index(t.metric)] <= t.bound for t in targets]
        return int(np.logical_and.reduce(columns).sum())


def _rank(values: Floats) -> NDArray[np.int64]:
    """(n,): how many values are smaller."""
    return np.sort(values).searchsorted(values)


@cache
def table(arch: str, workload: str, layer: str) -> Table:
    """The whole reduced space of a bundled architecture on one layer, by loop nests; from the cache if it is there."""
    task = Task(reduced(arch), load_workload(workload).single(layer))
    simulator = LoopNest(LoopNestSettings())
    path = CACHE / f"{arch}-{workload}-{layer}-{task.key.hex()[:12]}-{simulator.fingerprint.replace(' ', '_')}.npz"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, **_enumerated(task, simulator))
        part.replace(path)
    with np.load(path) as content:
        return Table(task, simulator.fingerprint, dict(content))


def _enumerated(task: Task, simulator: LoopNest) -> dict[str, Any]:
    n = task.space.size
    metrics, mac, cycles = np.full((n, 3), np.nan), np.zeros(n), np.zeros((n, len(CYCLES)))
    memory: Floats = np.zeros((0, 0))
    why = np.full(n, -1)
    reasons: dict[Infeasible, int] = {}
    parts: list[tuple[str, str]] = []
    for start in range(0, n, CHUNK):
        ranks = range(start, min(n, start + CHUNK))
        outcomes = simulator.evaluate(task, [task.space.unrank(rank) for rank in ranks])
        for rank, outcome in zip(ranks, outcomes, strict=True):
            if isinstance(outcome, Infeasible):
                why[rank] = reasons.setdefault(outcome, len(reasons))
                continue
            broken = outcome.breakdown
            assert broken is not None
            if not parts:
                parts = [(m, o) for m, o, _ in broken.memory_energy_pj]
                memory = np.zeros((n, len(parts)))
            metrics[rank] = [outcome.get(name) for name in METRICS]
            mac[rank] = broken.mac_energy_pj
            memory[rank] = [v for _, _, v in broken.memory_energy_pj]
            cycles[rank] = [getattr(broken, name) for name in CYCLES]
    facts = json.dumps({"parts": parts, "reasons": [asdict(reason) for reason in reasons]})
    return {"metrics": metrics, "mac": mac, "memory": memory, "cycles": cycles, "why": why, "facts": facts}


def main() -> int:
    """Enumerate the spaces that are named, and print how large they are and how hard their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="+", metavar="ARCH:WORKLOAD:LAYER")
    for name in parser.parse_args().tasks:
        start = time.perf_counter()
        found = table(*name.split(":"))
        hard = [f"{q:g}: {found.meeting(found.targets(q))}" for q in (1e-3, 1e-4, 1e-5)]
        print(
            f"{found.label:<44} {len(found.metrics):>8,} designs, {found.feasible.mean():5.1%} feasible; meeting "
            f"{', '.join(hard)}; {time.perf_counter() - start:.0f} s",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
