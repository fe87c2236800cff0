"""A sweep that is small enough to be done design by design."""

from __future__ import annotations

import numpy as np

from workbench.problem.layer import Layer
from workbench.problem.metrics import Metrics
from workbench.problem.workload import Workload
from workbench.simulators.dataflow import DataflowSettings, DataflowSimulator, compatible
from workbench.sweep.plan import L1, L2, NOC, PES, Plan, SweepSettings, task_of
from workbench.sweep.study import Study
from workbench.sweep.summary import Counts

RANGES = {
    PES: (2, 7, 16, 40, 64, 168),
    NOC: (1, 3, 8, 50, 400),
    L1: (24, 64, 200, 256, 3000),
    L2: (800, 3000, 8000, 20_000, 300_000),
}
LAYERS = (
    Layer.conv("first", 12, 20, 3, in_size=14, padding=1),
    Layer.conv("strided", 20, 9, 3, in_size=14, padding=1, stride=2),
    Layer.conv("wide", 9, 40, 1, in_size=7),
)


def plan(mode: str = "corrected", dataflow: str = "kcp", **changes) -> Plan:
    """Of one layer (`layers`: how many), with tiles and vector widths where `tiles` says so."""
    limits = SweepSettings(**{"area_mm2": 8.0, "power_mw": 150.0, **changes.pop("limits", {})})
    settings = DataflowSettings.model_validate({"dataflow": dataflow, "mode": mode})
    tiles = {"TileK": (1, 4)} if changes.get("tiles") else {}
    widths = (1, 4) if changes.get("tiles") else ()
    workload = Workload.chain("small", LAYERS[: changes.get("layers", 1)])
    ranges = {**RANGES, **changes.get("ranges", {})}
    return Plan(task_of(workload, settings, ranges, tiles, widths, limits), DataflowSimulator(settings), limits)


def swept(plan: Plan) -> tuple[Study, Counts]:
    """All blocks."""
    study, counts = Study(plan), Counts()
    for block in plan.blocks:
        counts = counts.plus(study.block(block))
    return study, counts


Values = tuple[float, float, float]


def single(plan: Plan, design) -> Values | None:
    """A design by itself: latency, energy and area; None where it is not valid."""
    return singles(plan, [design])[0]


def singles(plan: Plan, designs) -> list[Values | None]:
    """The same for several, which the simulator looks at one by one."""
    found: list[Values | None] = []
    for design, outcome in zip(designs, plan.simulator.evaluate(plan.task, designs), strict=True):
        valid = isinstance(outcome, Metrics) and outcome.area_um2 <= plan.settings.area_um2
        if valid and isinstance(outcome, Metrics):
            power = outcome.power_mw if plan.mode == "corrected" else tool_power(plan, design)
            valid = power <= plan.settings.power
        values = (outcome.latency_cycles, outcome.energy_pj, outcome.area_um2) if isinstance(outcome, Metrics) else None
        found.append(values if valid else None)
    return found


def every_valid(plan: Plan) -> dict[int, Values]:
    """All valid designs by rank."""
    outcomes = singles(plan, [plan.task.space.unrank(rank) for rank in range(plan.covered)])
    return {rank: values for rank, values in enumerate(outcomes) if values is not None}


def tool_power(plan: Plan, design) -> float:
    """What the public tool calls power (F41), mW."""
    values = plan.task.space.values(design)
    simd = int(values.get("vector_width", 1))
    pes, l1, l2, noc = (np.array(int(values[axis]) // (1 if axis == PES else 8)) for axis in (PES, L1, L2, NOC))
    return float(compatible.power_mw(pes, np.array(simd), l1, l2, noc))
