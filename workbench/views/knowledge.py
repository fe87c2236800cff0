"""What the lab knows, as rows: sources, source models, their likeness to a task, and what was transferred where."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from store.database import Lab
from store.rows import ModelHead
from workbench.knowledge import KnownRuns, Likeness, known_models, known_runs, ranked
from workbench.problem.task import Task
from workbench.problem.tasks import task_of
from workbench.searches import SEARCHES
from workbench.views.runs import learns_from, sources

TRANSFERS_MOST = 200
"""Of so many of the latest runs it is told what they learn from."""

Row = dict[str, Any]


def source_row(known: KnownRuns) -> dict[str, Any]:
    return {
        "name": known.name,
        "runs": [run.id for run in known.runs],
        "arch": known.task.names[0],
        "workload": known.task.names[1],
        "points": known.points,
        "feasible": sum(run.feasible for run in known.runs),
        "fingerprint": known.fingerprint,
    }


def model_row(head: ModelHead, numbers: dict[str, int]) -> dict[str, Any]:
    report = json.loads(head.report)
    lineage = json.loads(head.lineage)
    scores = report.get("scores")
    return {
        "name": f"model {head.id}",
        "model": head.id,
        "key": head.key.hex(),
        "runs": [numbers.get(part["uuid"], f"{part['uuid'][:8]} (gone)") for part in lineage],
        "lineage": lineage,
        "arch": head.arch,
        "workload": head.workload,
        "points": head.points,
        "fingerprint": head.fingerprint,
        "axes_of_inputs": json.loads(head.axes),
        "metrics": json.loads(head.metrics),
        "rank_correlation": scores["rank_correlation"] if scores else None,
        "report": report,
        "training_key": head.training_key.hex(),
        "code_version": head.code_version,
        "size": head.size,
        "created_ns": head.created_ns,
    }


def likeness(like: Likeness) -> dict[str, Any]:
    return {
        "similarity": like.similarity.value,
        "axes": like.similarity.axes,
        "octaves": like.similarity.octaves,
        "compares": like.compares,
    }


@dataclass(frozen=True, slots=True)
class Known:
    """All that a search could learn from, by likeness to a run's task where one is chosen; and who learnt from what."""

    sources: tuple[Row, ...]
    models: tuple[Row, ...]
    transfers: tuple[str, ...]
    contexts: tuple[str, ...]
    task: str | None


def known(lab: Lab, ref: str | None) -> Known:
    """What the lab knows; `ref` is a run whose task and simulator it is compared with.

    Raises:
        UnknownRunError: there is no such run.
    """
    chosen = None if ref is None else lab.run(ref)
    simulators = sorted({head.simulator for head in lab.run_heads()}) if chosen is None else [chosen.simulator]
    numbers = {head.uuid: head.id for head in lab.run_heads()}
    runs = [known for simulator in simulators for known in known_runs(lab, simulator)]
    models = [known for simulator in simulators for known in known_models(lab, simulator)]
    wanted = None if chosen is None else task_of(json.loads(chosen.task))
    if chosen is None or not isinstance(wanted, Task):  # likeness is between architectures and layers
        rows, heads = [source_row(k) for k in runs], [model_row(k.head, numbers) for k in models]
        task = None
    else:
        rows = [source_row(k) | likeness(like) for k, like in ranked(runs, wanted, chosen.fingerprint)]
        heads = [model_row(k.head, numbers) | likeness(like) for k, like in ranked(models, wanted, chosen.fingerprint)]
        task = f"run {chosen.id}, {chosen.arch} on {chosen.workload}"
    told = tuple(
        f"run {row['run']} ({row['search']}, {row['arch']} on {row['workload']}) learns from {row['learns_from']}"
        for row in transfers(lab)
    )
    return Known(tuple(rows), tuple(heads), told, _contexts(lab), task)


def transfers(lab: Lab, most: int = TRANSFERS_MOST) -> list[Row]:
    """Which of the latest runs learn from which, as data and in words; those that could and do not, too."""
    found = []
    for run in lab.runs(limit=most):
        search = SEARCHES.get(run.search)
        if search is not None and search.transfers:
            found.append(
                {
                    "run": run.id,
                    "search": run.search,
                    "arch": run.arch,
                    "workload": run.workload,
                    "learns_from": learns_from(lab, run.id) or "nothing",
                    "sources": sources(lab, run.id),
                    "models": [key.hex() for key in lab.run_models(run.id)],
                }
            )
    return found


def _contexts(lab: Lab) -> tuple[str, ...]:
    """What makes evaluations comparable: simulator, version and settings, layer."""
    return tuple(f"{each.fingerprint}  {_layer(each.layer)}" for each in lab.contexts())


def _layer(content: str) -> str:
    told = json.loads(content)
    layers = told.get("layers", []) if isinstance(told, dict) else []
    words = [f"{layer['op']} {'x'.join(map(str, layer['dims']))}" for layer in layers]
    return f"{', '.join(words) or content}, mapped for {told.get('criterion', '-')}" if words else content
