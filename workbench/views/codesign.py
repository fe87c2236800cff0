"""A design of a co-exploration in full: its networks with what they are worth, the chip's parts, and the schedule.

What layers cost is looked up in the lab, and simulated again where it is not there; nothing is trained or kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from store.database import Lab
from store.rows import Run
from workbench.coexplore import CoEvaluator, chip_settings
from workbench.errors import UserError
from workbench.library import lookup
from workbench.problem.cotask import CoTask
from workbench.problem.metrics import Metrics, Outcome
from workbench.problem.space import Choice, Design
from workbench.simulators.chips.evaluate import ChipCost, ChipOutcome
from workbench.views import chips
from workbench.views.gantt import chart
from workbench.views.quantity import metric

CHART_COLUMNS = 56


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """A network of a design; `accuracy` is measured, None where nothing was trained."""

    label: str
    family: str
    values: dict[str, Choice]
    parameters: int
    macs: int
    accuracy: float | None


def networks(task: CoTask, design: Design, outcome: Outcome) -> list[NetworkRow]:
    """Those of a design, in the task's order."""
    trained = outcome.trained if isinstance(outcome, Metrics) else ()
    worth = {each.network: each.accuracy for each in trained}
    return [
        NetworkRow(
            network.label,
            network.family.name,
            network.family.canonical(values),
            blueprint.parameters,
            blueprint.macs,
            worth.get(network.label),
        )
        for network, values, blueprint in zip(
            task.networks, task.network_values(design), task.blueprints(design), strict=True
        )
    ]


def chip_of(lab: Lab, run: Run, task: CoTask, design: Design) -> ChipOutcome | None:
    """The chip with its schedule; None where this version would cost it otherwise than the run did."""
    try:
        settings = chip_settings(json.loads(run.simulator_settings))
    except UserError:  # of a version that had other settings
        return None
    if settings.fingerprint != run.fingerprint:
        return None
    return CoEvaluator(lab, task, settings, lookup(lab), run.created_ns).chip(design)


def payload(task: CoTask, design: Design, outcome: Outcome, cost: ChipOutcome | None) -> dict[str, Any]:
    """All of it as data."""
    found: dict[str, Any] = {"networks": [asdict(row) for row in networks(task, design, outcome)]}
    if isinstance(cost, ChipCost):
        found["parts"] = chips.part_rows(task.template, task.chip_design(design), cost)
        found["schedule"] = chips.run_rows(cost)
    return found


def lines(lab: Lab, run: Run, task: CoTask, design: Design, outcome: Outcome) -> Iterator[str]:
    """For a narrow pane."""
    for row in networks(task, design, outcome):
        worth = "not trained" if row.accuracy is None else metric("accuracy", row.accuracy)
        yield f"{row.label}: {worth}, {row.parameters:,} weights, {row.macs:,} MACs"
    cost = chip_of(lab, run, task, design)
    if not isinstance(cost, ChipCost):
        return
    yield ""
    parts = chips.part_rows(task.template, task.chip_design(design), cost)
    for part in parts:
        yield f"{part['name']}: {part['flow']}, {part['pes']} PEs, {part['noc_bytes_per_cycle']} B/cycle"
    yield ""
    margin = max(len(str(part["name"])) for part in parts) + 1
    drawn = chart(chips.blocks(cost), cost.metrics.latency_cycles, CHART_COLUMNS)
    for part, spans in zip(parts, drawn.rows, strict=True):
        yield str(part["name"]).ljust(margin) + "".join(span.text for span in spans)
