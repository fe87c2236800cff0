"""What a chip comes to with its networks, as rows and words: the command line prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from workbench.problem.chip import ChipTemplate
from workbench.problem.metrics import METRIC_UNITS, Infeasible, Target
from workbench.problem.space import Design
from workbench.scheduling.jobs import Goal
from workbench.simulators.chips.costs import ChipMode
from workbench.simulators.chips.evaluate import ChipCost, ChipOutcome, Networks
from workbench.views.gantt import Block, letter

AIM_WORDS = {"energy": "least energy", "latency": "least latency", "edp": "least energy times latency"}


def part_rows(template: ChipTemplate, design: Design, cost: ChipCost) -> list[dict[str, Any]]:
    """A row for each sub-accelerator that is there: what it has, and what it does."""
    asked = template.asked(design)
    machine = cost.solution.schedule.machine
    return [
        {
            "name": part.name,
            "flow": part.flow,
            "dataflow": part.dataflow,
            "pes": part.pes,
            "asked_pes": asked[part.name]["pes"],
            "noc_bytes_per_cycle": part.noc_bytes_per_cycle,
            "asked_noc_bytes_per_cycle": asked[part.name]["noc_bytes_per_cycle"],
            "l1_bits": part.arch.memories[0].size_bits,
            "l2_bits": part.arch.memories[1].size_bits,
            "area_um2": cost.areas_um2[number],
            "layers": machine.count(number),
            "busy_cycles": cost.busy_cycles[number],
            "busy_share": cost.busy_cycles[number] / cost.metrics.latency_cycles,
            "energy_pj": cost.energies_pj[number],
        }
        for number, part in enumerate(cost.table.chip.parts)
    ]


def run_rows(cost: ChipCost) -> list[dict[str, Any]]:
    """A row for each run of a layer, by network: where, when, and what it takes."""
    schedule, jobs = cost.solution.schedule, cost.table.jobs
    return [
        {
            "network": cost.table.networks[of].name,
            "letter": letter(of),
            "number": number,
            "layer": run.name,
            "sub_accelerator": cost.table.chip.parts[schedule.machine[i]].name,
            "start_cycles": schedule.start[i],
            "end_cycles": schedule.finish[i],
            "energy_pj": float(jobs.energy[i, schedule.machine[i]]),
        }
        for i, (of, number, run) in enumerate(zip(cost.table.network, _numbers(cost), cost.table.runs, strict=True))
    ]


def blocks(cost: ChipCost) -> list[list[Block]]:
    """The schedule for a chart, a row for each sub-accelerator."""
    schedule = cost.solution.schedule
    rows: list[list[Block]] = [[] for _ in cost.table.chip.parts]
    for i, (of, number) in enumerate(zip(cost.table.network, _numbers(cost), strict=True)):
        rows[schedule.machine[i]].append(Block(schedule.start[i], schedule.finish[i], of, number))
    return rows


def _numbers(cost: ChipCost) -> list[int]:
    """Of each run its number within its network, from 1."""
    first = {of: cost.table.network.index(of) for of in set(cost.table.network)}
    return [i - first[of] + 1 for i, of in enumerate(cost.table.network)]


def verdict(cost: ChipCost, goal: Goal) -> str:
    """How good the schedule is known to be, in words."""
    solution, aim = cost.solution, goal.aim
    if not solution.met:
        known = "no schedule is shorter than the limit" if solution.proven else "none within the limit was found"
        return f"{known}; this is the shortest one found"
    within = " within the limit" if isfinite(goal.limit) else ""
    if solution.proven:
        return f"proven: no schedule{within} has {AIM_WORDS[aim].replace('least', 'less')}"
    value = goal.value(cost.metrics.latency_cycles, cost.metrics.energy_pj)
    above = 100 * (value / solution.bound - 1) if solution.bound else 0.0
    return f"the best found: at most {above:.2g} % above what any schedule{within} can have"


def payload(
    template: ChipTemplate,
    design: Design,
    networks: Networks,
    goal: Goal,
    targets: Sequence[Target],
    mode: ChipMode,
    outcome: ChipOutcome,
) -> dict[str, Any]:
    """All of it as JSON-able content."""
    cost = outcome if isinstance(outcome, ChipCost) else None
    solution = cost and cost.solution
    return {
        "chip": template.name,
        "networks": [network.name for network in networks],
        "mode": mode,
        "aim": goal.aim,
        "design": template.space.values(design),
        "infeasible": asdict(outcome) if isinstance(outcome, Infeasible) else None,
        "metrics": cost and {name: cost.metrics.get(name) for name in METRIC_UNITS},
        "targets": [
            {"metric": target.metric, "bound": target.bound, "met": cost and target.met(cost.metrics)}
            for target in targets
        ],
        "proven": solution and solution.proven,
        "bound": solution and (solution.bound if isfinite(solution.bound) else None),
        "sub_accelerators": part_rows(template, design, cost) if cost else [],
        "layers": run_rows(cost) if cost else [],
    }
