"""What a run's task says of itself, by its kind: what is designed for what, when it is over, what it trained."""

from __future__ import annotations

import json

from models.recipe import Recipe
from store.database import Lab
from store.rows import Run
from workbench.library import outcome
from workbench.problem.cotask import CoTask
from workbench.problem.metrics import Metrics
from workbench.problem.task import BaseTask, Task
from workbench.views.quantity import count
from workbench.views.runs import settings_text

Facts = list[tuple[str, str]]
"""(label, text)"""


def rules(stop: str, of: BaseTask) -> str:
    """The rules that can end a run: a specification that is met does not."""
    given = json.loads(stop)
    return json.dumps({k: v for k, v in given.items() if not (of.constrained and k in ("targets_met", "margin"))})


def task(row: Run, of: BaseTask) -> Facts:
    """What is designed, and for what."""
    if isinstance(of, Task):
        words = f"{row.arch} on {row.workload}, {of.technology} technology, mapping chosen by {of.criterion}"
        return [("task", words)]
    if not isinstance(of, CoTask):
        return [("task", f"{row.arch} on {row.workload}")]
    total = sum(network.weight for network in of.networks)
    seeds = f", {of.seeds} seeds each" if of.seeds > 1 else ""
    usual = Recipe().model_dump(mode="json")
    changed = {name: value for name, value in of.recipe.items() if value != usual.get(name)}
    recipe = settings_text(json.dumps(changed)) or "by default"
    told = [
        ("task", f"chip {row.arch} and {len(of.networks)} networks together"),
        *(
            (f"network {each.label}", f"of {each.family.name} on {each.data}, weight {each.weight / total:.3g}")
            for each in of.networks
        ),
        ("training", f"{recipe}{seeds}"),
    ]
    held = ", ".join(f"{axis}={value}" for axis, value in of.fixed.items())
    return [*told, ("held", held)] if held else told


def trainings(lab: Lab, row: Run, of: BaseTask) -> Facts:
    """Of a co-exploration how many designs keep the specification, and on how many trainings that rests."""
    if not isinstance(of, CoTask):
        return []
    found = [outcome(point) for point in lab.points(row.id)]
    built = [each for each in found if isinstance(each, Metrics)]
    within = sum(all(target.met(each) for target in of.specification) for each in built)
    keys = {key for each in built for trained in each.trained for key in trained.keys}
    words = f"{count(len(keys))} different ones, for {count(within)} designs within the specification"
    return [("trainings", words)]
