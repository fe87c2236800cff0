"""What the lab knows, as rows: sources, source models, their likeness to a task, and what was transferred where."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from store.database import Lab
from store.rows import ModelHead
from workbench.knowledge import KnownRuns, Likeness, known_models, known_runs, ranked
from workbench.problem.task import Task
from workbench.searches import SEARCHES
from workbench.views.runs import learns_from

TRANSFERS_MOST = 200
"""Of so many of the latest runs it is told what they learn from."""

Row = dict[str, Any]


def source_row(known: KnownRuns) -> dict[str, Any]:
    return {
        "name": known.name,
        "runs": [run.id for run in known.runs],
        "arch": known.task.template.name,
        "workload": known.task.workload.name,
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
    if chosen is None:
        sources, heads = [source_row(k) for k in runs], [model_row(k.head, numbers) for k in models]
        task = None
    else:
        wanted = Task.from_canonical(json.loads(chosen.task))
        sources = [source_row(k) | likeness(like) for k, like in ranked(runs, wanted, chosen.fingerprint)]
        heads = [model_row(k.head, numbers) | likeness(like) for k, like in ranked(models, wanted, chosen.fingerprint)]
        task = f"run {chosen.id}, {chosen.arch} on {chosen.workload}"
    return Known(tuple(sources), tuple(heads), _transfers(lab), _contexts(lab), task)


def _transfers(lab: Lab) -> tuple[str, ...]:
    """Which of the latest runs learn from which."""
    lines = []
    for run in lab.runs(limit=TRANSFERS_MOST):
        search = SEARCHES.get(run.search)
        if search is None or not search.transfers:
            continue
        learnt = learns_from(lab, run.id) or "nothing"
        lines.append(f"run {run.id} ({run.search}, {run.arch} on {run.workload}) learns from {learnt}")
    return tuple(lines)


def _contexts(lab: Lab) -> tuple[str, ...]:
    """What makes evaluations comparable: simulator, version and settings, layer."""
    return tuple(f"{each.fingerprint}  {_layer(each.layer)}" for each in lab.contexts())


def _layer(content: str) -> str:
    told = json.loads(content)
    layers = told.get("layers", []) if isinstance(told, dict) else []
    words = [f"{layer['op']} {'x'.join(map(str, layer['dims']))}" for layer in layers]
    return f"{', '.join(words) or content}, mapped for {told.get('criterion', '-')}" if words else content
