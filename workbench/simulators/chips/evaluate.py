"""A chip with its networks: which sub-accelerator runs which layer when, and latency, energy and area of the whole.

All networks begin at once; latency is when the last layer ends. Energy is the sum over the layers where they run; what
is idle costs none, as leakage is not modelled. Area is that of all sub-accelerators, each with what any layer would
need of it, whether it runs there or not: it depends on the chip and its networks, not on the schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

import numpy as np

from workbench.errors import UserError
from workbench.problem.chip import Chip, ChipTemplate
from workbench.problem.metrics import Infeasible, Metrics, Outcome, Target
from workbench.problem.space import Design
from workbench.problem.unrolled import LayerRun, unrolled
from workbench.problem.workload import Workload
from workbench.scheduling.jobs import Goal, Jobs
from workbench.scheduling.solving import LABELS, Solution, solved
from workbench.simulators.chips.costs import PairCosts, area_um2

FIELDS_OF = {"array": "pes", "memories.l1.size_bits": "l1_bits", "memories.l2.size_bits": "l2_bits"}
"""What a sub-accelerator's architecture calls its resources, and what the chip does; else it is the dataflow."""

Networks = tuple[Workload, ...]
LATENCY = "latency_cycles"


@dataclass(frozen=True)
class Table:
    """What each layer of all networks costs on each sub-accelerator.

    `network` is the number of each run's network, `runs` count through all networks in their order, `outcomes` is by
    run and part.
    """

    chip: Chip
    networks: Networks
    network: tuple[int, ...]
    runs: tuple[LayerRun, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]

    @cached_property
    def jobs(self) -> Jobs:
        """For the schedule; every layer fits somewhere."""
        cycles, energy = (
            np.array([[getattr(each, name) if isinstance(each, Metrics) else np.inf for each in row] for row in rows])
            for rows, name in ((self.outcomes, "latency_cycles"), (self.outcomes, "energy_pj"))
        )
        return Jobs(cycles, energy, tuple(run.after for run in self.runs))

    @property
    def unfit(self) -> Infeasible | None:
        """The first layer that no sub-accelerator can run, with the reason of the one that lacks least."""
        for network, run, row in zip(self.network, self.runs, self.outcomes, strict=True):
            faults = [(each, part) for each, part in zip(row, self.chip.parts, strict=True)]
            lacking = [(each, part) for each, part in faults if isinstance(each, Infeasible)]
            if len(lacking) < len(row):
                continue
            least, part = min(lacking, key=lambda fault: fault[0].demand / max(fault[0].bound, 1e-9))
            resource = f"{part.name}.{FIELDS_OF.get(least.resource, 'dataflow')}"
            which = f"layer {run.name} of {self.networks[network].name}"
            reason = f"{which} fits no sub-accelerator; {part.name} ({part.flow}): {least.reason}"
            return Infeasible(reason, resource, least.demand, least.bound)
        return None


@dataclass(frozen=True)
class ChipCost:
    """A chip that can run its networks; `areas_um2` of each part, `energy_pj` the part's of what runs on it."""

    table: Table
    solution: Solution
    metrics: Metrics
    areas_um2: tuple[float, ...]

    @property
    def busy_cycles(self) -> tuple[float, ...]:
        """How long each part works."""
        return self._by_part(np.array(self.solution.schedule.finish) - np.array(self.solution.schedule.start))

    @property
    def energies_pj(self) -> tuple[float, ...]:
        """What runs on each part takes."""
        machine = np.array(self.solution.schedule.machine)
        return self._by_part(self.table.jobs.energy[np.arange(len(machine)), machine])

    def _by_part(self, of_runs: np.ndarray) -> tuple[float, ...]:
        parts = len(self.table.chip.parts)
        return tuple(map(float, np.bincount(self.solution.schedule.machine, of_runs, parts)))


ChipOutcome = ChipCost | Infeasible


def goal_of(aim: str | None, targets: Sequence[Target]) -> Goal:
    """The goal of a schedule: a target on the latency is its limit; the other targets are the chip's.

    Without an aim, it is least energy within that limit; and least energy times latency where there is no limit.
    """
    limits = [target.bound for target in targets if target.metric == LATENCY]
    return Goal(aim or ("energy" if limits else "edp"), *limits)  # type: ignore[arg-type]  # checked by the goal


def tables(requests: Sequence[tuple[Chip, Networks]], costs: PairCosts) -> list[Table]:
    """The table of each chip with its networks; every different pair of layer and sub-accelerator is costed once."""
    found = []
    for chip, networks in requests:
        if not networks:
            raise UserError("A chip is evaluated with one network or more.")
        each = [unrolled(network) for network in networks]
        first = [0, *accumulate(map(len, each))]
        runs = tuple(
            replace(run, after=tuple(first[i] + j for j in run.after)) for i, some in enumerate(each) for run in some
        )
        found.append((chip, networks, tuple(i for i, some in enumerate(each) for _ in some), runs))
    pairs = [(run.layer, part) for chip, _, _, runs in found for run in runs for part in chip.parts]
    outcomes = iter(costs.outcomes(pairs))
    return [
        Table(chip, networks, of, runs, tuple(tuple(next(outcomes) for _ in chip.parts) for _ in runs))
        for chip, networks, of, runs in found
    ]


def evaluated(
    requests: Sequence[tuple[Chip, Networks]], goal: Goal, costs: PairCosts, labels: int | None = LABELS
) -> list[ChipOutcome]:
    """What each chip comes to with its networks under a goal; `labels` is `scheduling.solving`'s."""
    return [_evaluated(table, goal, costs, labels) for table in tables(requests, costs)]


def _evaluated(table: Table, goal: Goal, costs: PairCosts, labels: int | None) -> ChipOutcome:
    if unfit := table.unfit:
        return unfit
    parts = table.chip.parts
    areas = tuple(area_um2(part, costs.mode, [row[i] for row in table.outcomes]) for i, part in enumerate(parts))
    solution = solved(table.jobs, goal, labels)
    schedule = solution.schedule
    metrics = Metrics(schedule.makespan, schedule.energy, sum(areas), clock_mhz=table.chip.clock_mhz)
    return ChipCost(table, solution, metrics, areas)


def evaluated_designs(
    template: ChipTemplate,
    requests: Sequence[tuple[Design, Networks]],
    goal: Goal,
    costs: PairCosts,
    labels: int | None = LABELS,
) -> list[ChipOutcome]:
    """The same of designs of a template; what cannot be built names the axes that would help."""
    chips = [template.chip(design) for design, _ in requests]
    built = [(chip, networks) for chip, (_, networks) in zip(chips, requests, strict=True) if isinstance(chip, Chip)]
    outcomes = iter(evaluated(built, goal, costs, labels))
    return [_with_levers(template, next(outcomes)) if isinstance(chip, Chip) else chip for chip in chips]


def _with_levers(template: ChipTemplate, outcome: ChipOutcome) -> ChipOutcome:
    if isinstance(outcome, ChipCost):
        return outcome
    return replace(outcome, levers=template.levers({outcome.resource.rpartition(".")[2], "dataflow"}))
