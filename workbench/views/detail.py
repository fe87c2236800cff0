"""A design of a run in full: values, metrics, where energy and time go, each layer's mapping, and what lies next to it.

Nothing is simulated: what the lab does not know is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from json import loads

import numpy as np
from numpy.typing import NDArray

from store.database import Lab
from store.filtering import Among, Column
from store.pages import Window
from store.rows import Point, Run
from workbench.errors import UserError
from workbench.executor import taken_apart
from workbench.library import lookup, outcome
from workbench.problem.cotask import CoTask
from workbench.problem.metrics import Breakdown, Infeasible, Metrics, Outcome
from workbench.problem.space import Choice, Space
from workbench.problem.task import Task
from workbench.problem.tasks import hardware
from workbench.runner import make_simulator
from workbench.simulators.loopnest.nest import render
from workbench.views import codesign
from workbench.views.cloud import Cloud
from workbench.views.points import PointRow, page

LATENCY_PARTS = (
    ("computing, array full", "ideal_cycles"),
    ("array not full", "spatial_stall_cycles"),
    ("waiting for memory ports", "temporal_stall_cycles"),
    ("loading before the first MAC", "onload_cycles"),
    ("storing after the last MAC", "offload_cycles"),
)
"""What a latency is made of: in words, and by the name in a breakdown."""


@dataclass(frozen=True, slots=True)
class LayerDetail:
    """A layer of the workload, how often it occurs, and what the lab knows of it on this design."""

    name: str
    times: int
    outcome: Outcome
    nest: str | None
    """The mapping as a loop nest."""


@dataclass(frozen=True, slots=True)
class PointDetail:
    """A point in full."""

    row: PointRow
    outcome: Outcome
    memories: tuple[str, ...]
    """From the innermost outwards."""
    layers: tuple[LayerDetail, ...]
    neighbours: tuple[Neighbour, ...]
    lines: tuple[str, ...] = ()
    """Of a co-exploration: the networks, the chip's parts and the schedule."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another point of the run, and the axes on which it differs: (axis, value here, value there)."""

    row: PointRow
    changes: tuple[tuple[str, Choice, Choice], ...]


def read(lab: Lab, run: Run, cloud: Cloud, seq: int, neighbours: int = 8) -> PointDetail:
    """A point of a run.

    Raises:
        UserError: the run has no such point.
    """
    task = cloud.task
    found = lab.points(run.id, after_seq=seq - 1, limit=1)
    rows = page(lab, run.id, task, Window(where=Among(Column("seq"), (seq,)), by=Column("seq")))
    if not found or found[0].seq != seq or not rows:
        raise UserError(f"Run {run.id} has no point {seq}.")
    near, design = _neighbours(lab, run, cloud, found[0], neighbours), task.space.unpack(found[0].codes)
    if isinstance(task, CoTask):
        lines = tuple(codesign.lines(lab, run, task, design, outcome(found[0])))
        return PointDetail(rows[0], outcome(found[0]), (), (), near, lines)
    arch = hardware(task).arch(design)
    return PointDetail(
        row=rows[0],
        outcome=outcome(found[0]),
        memories=tuple(memory.name for memory in arch.memories),
        layers=_layers(lab, run, hardware(task), found[0]),
        neighbours=near,
    )


def _layers(lab: Lab, run: Run, task: Task, point: Point) -> tuple[LayerDetail, ...]:
    """What the lab knows of the layers, or of the workload where the simulator sees it as a whole."""
    try:
        simulator = make_simulator(run.simulator, loads(run.simulator_settings))
    except UserError:  # of a version that had other settings
        return ()
    key = task.arch(task.space.unpack(point.codes)).key
    known, found = lookup(lab), list[LayerDetail]()
    if simulator.fingerprint != run.fingerprint:
        return ()
    for part in taken_apart(simulator, task):
        result = known(part.context.key, [key]).get(key)
        if result is None:
            continue
        layers = part.task.workload.compute_layers()
        mapping = result.mapping if isinstance(result, Metrics) else None
        nest = render(mapping, layers[0][0]) if mapping is not None and len(layers) == 1 and mapping.temporal else None
        found.append(LayerDetail(part.layer or part.task.workload.name, part.count, result, nest))
    return tuple(found)


def _neighbours(lab: Lab, run: Run, cloud: Cloud, point: Point, many: int) -> tuple[Neighbour, ...]:
    """The points whose designs are fewest moves away, another design each."""
    points, space = cloud.points, cloud.task.space
    if not len(points) or many < 1:
        return ()
    here = np.array(space.unpack(point.codes))
    moves = distance(space, cloud.choices, here)
    others = np.flatnonzero(moves)
    some = min(4 * many, len(others))
    limit = np.partition(moves[others], some - 1)[some - 1] if some else 0
    near = others[moves[others] <= limit]
    order = near[np.argsort(moves[near], kind="stable")][:some]
    _, different = np.unique(points.codes[order], axis=0, return_index=True)
    nearest = points.seq[order[np.sort(different)]][:many]
    window = Window(where=Among(Column("seq"), tuple(map(int, nearest))), by=Column("seq"), limit=many)
    rows = {row.seq: row for row in page(lab, run.id, cloud.task, window)}
    values = space.values(space.unpack(point.codes))
    return tuple(_neighbour(rows[int(seq)], values) for seq in nearest if int(seq) in rows)


def _neighbour(row: PointRow, values: dict[str, Choice]) -> Neighbour:
    changes = ((axis, here, row.design[axis]) for axis, here in values.items() if row.design[axis] != here)
    return Neighbour(row, tuple(changes))


def distance(space: Space, choices: NDArray[np.int64], here: NDArray[np.int64]) -> NDArray[np.int64]:
    """Moves from one design to others: steps along ordered axes, one for another name.  # (n, k), (k,) -> (n,)"""
    moves = np.zeros(len(choices), dtype=np.int64)
    for place, axis in enumerate(space.axes):
        apart = np.abs(choices[:, place] - here[place])
        moves += apart if axis.ordered else apart != 0
    return moves


def energy_table(breakdown: Breakdown, memories: tuple[str, ...]) -> list[tuple[str, dict[str, float]]]:
    """Energy by part and operand, pJ: the MACs, then memories from the innermost outwards."""
    table: list[tuple[str, dict[str, float]]] = [("MACs", {"": breakdown.mac_energy_pj})]
    for memory in dict.fromkeys([*memories, *(name for name, _, _ in breakdown.memory_energy_pj)]):
        table.append((memory, {o: pj for name, o, pj in breakdown.memory_energy_pj if name == memory}))
    return table


def why(outcome: Outcome) -> str | None:
    """Why a design cannot be built, in a line; None if it can."""
    if not isinstance(outcome, Infeasible):
        return None
    levers = f"; axes that would help: {', '.join(outcome.levers)}" if outcome.levers else ""
    return f"{outcome.reason} ({outcome.resource}: {outcome.demand:g} needed, {outcome.bound:g} there{levers})"
