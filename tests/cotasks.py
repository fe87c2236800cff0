"""Small tasks of co-exploration, and outcomes for their designs without any simulation or training."""

from __future__ import annotations

from typing import Any

from models.recipe import Recipe
from workbench.accuracy.candidate import images_of, load_data
from workbench.problem.chip import load_chip
from workbench.problem.cotask import CoNetwork, CoTask
from workbench.problem.family import load_family
from workbench.problem.metrics import Infeasible, Metrics, Outcome, Target, Trained
from workbench.problem.space import Design

ONE_EPOCH = Recipe(epochs=1).model_dump(mode="json")
SMALL = {
    "resnet9_stem_filters": 2,
    "resnet9_block1_filters": 4,
    "resnet9_block1_skips": 0,
    "resnet9_block2_skips": 0,
    "resnet9_block3_skips": 0,
    "unet_level1_filters": 2,
    "unet_level2_filters": 4,
}
"""Held, so that networks are small; the other axes of the networks are free."""


def network(label: str = "resnet9", family: str = "resnet9_digits", data: str = "digits", **more: Any) -> CoNetwork:
    loaded = load_data(data)
    return CoNetwork(label, load_family(family), data, loaded.digest.hex(), images_of(loaded), **more)


def cotask(*targets: str, **changes: Any) -> CoTask:
    """A classifier and a segmenter on the pocket chip."""
    networks = (network(), network("unet", "unet_digits", "digits_strokes"))
    limits = tuple(Target.parse(target) for target in targets)
    return CoTask(load_chip("pocket"), **{"networks": networks, "targets": limits, "recipe": ONE_EPOCH, **changes})


def pretended(task: CoTask, design: Design) -> Outcome:
    """Metrics that fall and rise as real ones do: more PEs are faster and larger, larger networks slower and better."""
    granted = task.template.granted(task.chip_design(design)).values()
    pes = sum(int(stated["pes"]) for stated in granted)
    if pes > 250:
        return Infeasible("too many PEs", "pes", pes, 250, task.chip_axes)
    blueprints = task.blueprints(design)
    macs = sum(blueprint.macs for blueprint in blueprints)
    metrics = Metrics(macs / pes, 1.0 * macs, 5000.0 * pes, clock_mhz=task.clock_mhz)
    if not (task.trains and all(target.met(metrics) for target in task.specification)):
        return metrics
    trained = tuple(
        Trained(each.label, 1 - 0.9 / (1 + (blueprint.macs / 1e4) ** 0.5), (f"{blueprint.macs:x}",))
        for each, blueprint in zip(task.networks, blueprints, strict=True)
    )
    accuracy = task.accuracy([each.accuracy for each in trained])
    return Metrics(macs / pes, 1.0 * macs, 5000.0 * pes, accuracy, task.clock_mhz, trained=trained)
