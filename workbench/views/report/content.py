"""What a report says of a run: texts for people, and the numbers that its plots are drawn from."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import workbench
from store.database import Lab
from store.rows import Progress
from workbench.problem.metrics import Metrics
from workbench.problem.space import Axis
from workbench.views.cloud import Cloud, Mask, metric_quantity
from workbench.views.detail import LATENCY_PARTS, LayerDetail, PointDetail, energy_table, read
from workbench.views.export import sorted_members
from workbench.views.points import the_point
from workbench.views.quantity import METRIC_WORDS, count, metric
from workbench.views.reproduce import design_command, run_command
from workbench.views.runs import facts
from workbench.views.stored import StoredRun

MOST_POINTS: Final = 20_000
"""Points in the plots: of more, every so-manieth of those that are not on the front."""
MOST_MEMBERS: Final = 200
"""Members of the front in the table."""
MOST_IN_FULL: Final = 40
"""Members with breakdown, mapping and command: of more, those evenly along the front."""
MOST_STEPS: Final = 2_000
"""Steps in the curves."""
DIGITS: Final = 7
"""Of a number in a plot."""
LIBRARIES: Final = ("numpy", "scipy", "scikit-learn", "torch", "numba", "sqlmodel", "plotly")

Facts = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Content:
    """What stands on the page: texts as they are, and `plots` as JSON-able values."""

    title: str
    facts: Facts
    columns: list[str]
    members: list[list[str]]
    members_in_all: int
    provenance: Facts
    commands: Facts
    task: str
    plots: dict[str, Any]


def gathered(lab: Lab, run: StoredRun) -> Content:
    """The run as it is in the lab now."""
    cloud, history = Cloud.read(lab, run.row.id, run.task), lab.history(run.row.id)
    members = _spread(sorted_members(run), MOST_MEMBERS)
    columns = [*run.task.objectives, *(name for name in run.task.metrics if name not in run.task.objectives)]
    axes = [axis.name for axis in run.task.space.axes]
    return Content(
        title=f"Run {run.row.id}: {run.row.arch} on {run.row.workload}",
        facts=[("status", run.status), *((label, text) for label, text in facts(lab, run, history) if text)],
        columns=["point", *(METRIC_WORDS[name] for name in columns), *axes],
        members=[
            [str(each["seq"]), *(metric(name, each[name]) for name in columns), *(str(each[axis]) for axis in axes)]
            for each in members
        ],
        members_in_all=len(run.front),
        provenance=_provenance(lab, run),
        commands=_commands(lab, run),
        task=json.dumps(json.loads(run.row.task), indent=2, ensure_ascii=False),
        plots=_plots(lab, run, cloud, history),
    )


def _spread(listed: Sequence[Any], most: int) -> list[Any]:
    """All, or `most` of them evenly, both ends included."""
    if len(listed) <= most:
        return list(listed)
    return [listed[place] for place in np.unique(np.linspace(0, len(listed) - 1, most).round().astype(int))]


# Where it comes from


def _provenance(lab: Lab, run: StoredRun) -> Facts:
    versions = [f"dse-workbench {workbench.__version__}", f"Python {platform.python_version()}"]
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return [
        ("lab", f"{lab.path}, schema {lab.schema()}"),
        ("simulator", run.row.fingerprint),
        ("task", run.row.task_key.hex()),
        ("seed", str(run.row.seed)),
        ("this page", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}"),
        ("versions", ", ".join(versions)),
    ]


def _commands(lab: Lab, run: StoredRun) -> Facts:
    number = run.row.id
    again = run_command(lab, run.row)
    return [
        *([("the same search again", again)] if again else []),
        ("the run with its history", f"dse show {number}"),
        ("its front as data", f"dse front {number} --csv"),
        ("all of its points as data", f"dse points {number} --all --csv"),
        ("what decides", f"dse importance {number}"),
        ("this page", f"dse report {number} -o run{number}.html"),
    ]


# What is drawn


def _plots(lab: Lab, run: StoredRun, cloud: Cloud, history: Sequence[Progress]) -> dict[str, Any]:
    shown = _shown(cloud)
    return {
        "objectives": list(run.task.objectives),
        "metrics": [_metric(cloud, name, shown) for name in run.task.metrics],
        "axes": [_axis(cloud, index, axis, shown) for index, axis in enumerate(run.task.space.axes)],
        "seq": cloud.points.seq[shown].tolist(),
        "step": cloud.points.step[shown].tolist(),
        "front": cloud.on_front[shown].astype(int).tolist(),
        "feasible_in_all": int(cloud.points.feasible.sum()),
        "targets": [{"metric": t.metric, "bound": t.bound * _factor(t.metric)} for t in run.task.targets],
        "curves": _curves(run, _spread(history, MOST_STEPS)),
        "members": _members(lab, run, cloud),
    }


def _shown(cloud: Cloud) -> Mask:
    """Which points are drawn: all that can be built, thinned where there are too many.  # (n,)"""
    members = np.flatnonzero(cloud.on_front)
    others = np.flatnonzero(cloud.points.feasible & ~cloud.on_front)
    shown = np.zeros(len(cloud.points), dtype=np.bool_)
    shown[_spread(members.tolist(), MOST_POINTS)] = True
    shown[_spread(others.tolist(), MOST_POINTS)] = True
    return shown


def _factor(name: str) -> float:
    return metric_quantity(name).factor


def _metric(cloud: Cloud, name: str, shown: Mask) -> dict[str, Any]:
    quantity = cloud.quantities[name]
    values = _numbers(cloud.values(name)[shown])
    return {"key": name, "name": quantity.name, "unit": quantity.unit, "values": values}


def _axis(cloud: Cloud, index: int, axis: Axis, shown: Mask) -> dict[str, Any]:
    """Its choices, and for each point the place of the one it has."""
    codes = cloud.points.codes[:, index][shown].tolist() if len(cloud.points) else []
    return {"key": axis.name, "ordered": axis.ordered, "choices": list(axis.choices), "codes": codes}


def _curves(run: StoredRun, history: Sequence[Progress]) -> dict[str, Any]:
    bests = [json.loads(step.best) for step in history]
    return {
        "designs": [step.points for step in history],
        "hypervolume": [step.hypervolume for step in history],
        "bests": [
            {
                "name": METRIC_WORDS[name],
                "unit": metric_quantity(name).unit,
                "values": [None if name not in best else best[name] * _factor(name) for best in bests],
            }
            for name in run.task.objectives
        ],
    }


def _members(lab: Lab, run: StoredRun, cloud: Cloud) -> list[dict[str, Any]]:
    """Members of the front in full, along the first objective."""
    seqs = [member["seq"] for member in _spread(sorted_members(run), MOST_IN_FULL)]
    return [_member(lab, run, read(lab, run.row, cloud, seq, neighbours=0)) for seq in seqs]


def _member(lab: Lab, run: StoredRun, found: PointDetail) -> dict[str, Any]:
    built = found.outcome if isinstance(found.outcome, Metrics) else None
    parts = built.breakdown if built is not None else None
    energy = [
        {"part": part, "operand": operand, "energy_j": _number(pj * 1e-12)}
        for part, operands in (energy_table(parts, found.memories) if parts is not None else ())
        for operand, pj in operands.items()
    ]
    latency = [{"part": words, "cycles": _number(getattr(parts, name))} for words, name in LATENCY_PARTS if parts]
    return {
        "seq": found.row.seq,
        "metrics": [[METRIC_WORDS[name], metric(name, found.row.metrics.get(name))] for name in found.row.metrics],
        "design": [[axis, str(value)] for axis, value in found.row.design.items()],
        "energy": energy,
        "latency": latency,
        "layers": [_layer(layer) for layer in found.layers],
        "command": design_command(lab.path, run.row, run.task, the_point(lab, run.row, found.row.seq)),
    }


def _layer(layer: LayerDetail) -> dict[str, Any]:
    times = f" x {count(layer.times)}" if layer.times > 1 else ""
    if not isinstance(layer.outcome, Metrics):
        return {"name": f"{layer.name}{times}: {layer.outcome.reason}", "nest": None}
    cost = f"{metric('latency_cycles', layer.outcome.latency_cycles)}, {metric('energy_pj', layer.outcome.energy_pj)}"
    return {"name": f"{layer.name}{times}: {cost}", "nest": layer.nest}


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> float | None:
    """As many digits as a plot can show; None for none."""
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
