"""Source models: networks trained on what the lab knows of one subject, and kept with where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from store.database import Lab
from store.knowledge import NewModel
from store.rows import ModelHead, RunHead
from workbench.errors import UserError
from workbench.knowledge import TRANSFER, known_runs, merged
from workbench.problem.task import Task
from workbench.searches.learning import source_network
from workbench.similarity import subject_key

if TYPE_CHECKING:
    from models.transfer import SourceSettings


class TrainSettings(BaseModel):
    """How a source network is trained and what of it is kept; the paper gives none of these numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(200, ge=1, description="Passes over all points, at most: cross-validation may say fewer.")
    learning_rate: float = Field(1e-3, gt=0, description="Of the Adam optimiser.")
    batch: int = Field(256, ge=1, description="Points of a training step.")
    alpha: float = Field(1.0, ge=0, description="Weight of the error of latency beside that of energy.")
    scale: Literal["log", "raw"] = Field("log", description="Metrics are learnt as logarithms, or as they are.")
    initial: Literal["he", "fan_in"] = Field(
        "he", description="First weights: He et al. 2015, or as PyTorch draws them when it is not told."
    )
    folds: int = Field(5, ge=0, description="Parts of the cross-validation; 0 or 1: none.")
    keep: float = Field(0.5, ge=0, le=1, description="Part of the weights of the transferred layers that is essential.")
    threshold: float | None = Field(
        None,
        ge=0,
        description="The paper's w_t, which it sets by hand to a value that it does not give: the weights above it in "
        "magnitude are essential, however many they are. INFERRED: none, so that 'keep' decides.",
    )
    l2_sp: float = Field(1e-3, ge=0, description="How firmly the essential weights are held while others are removed.")
    allocate_epochs: int = Field(100, ge=0, description="Passes over all points after the pruning.")
    seed: int = Field(0, ge=0, description="Of the first weights and the order of the points.")


def runs_of(lab: Lab, task: Task, simulator: str, fingerprint: str) -> tuple[RunHead, ...]:
    """All runs on a task's subject by this version of the simulator.

    Raises:
        UserError: there are none.
    """
    wanted = subject_key(task)
    for known in known_runs(lab, simulator):
        if known.subject == wanted and known.fingerprint == fingerprint:
            return known.runs
    raise UserError(
        f"The lab has no designs of {task.template.name!r} on {task.workload.name!r} by {fingerprint!r} yet; "
        "'dse sources' lists what it has."
    )


def train(lab: Lab, runs: Sequence[RunHead], settings: TrainSettings) -> ModelHead:
    """Trains on all points of the runs, and keeps the network; equal points and settings give the same one again.

    Loads torch.

    Raises:
        UserError: the runs are of several subjects, or have too little to learn from.
    """
    points = {run.uuid: run.points for run in runs}
    sources = merged(lab, runs, points)
    if len(sources) != 1:
        different = "; ".join(f"{s.name}: {' on '.join(s.task.names)}" for s in sources)
        raise UserError(
            "A network learns from one architecture, workload and simulator version, and these runs are of "
            f"{len(sources)}: {different}."
        )
    (source,) = sources
    try:
        network = source_network(source.arch_task, source.points, _network_settings(settings), settings.seed)
    except ValueError as error:
        raise UserError(f"No network can be trained on {source.name}: {error}.") from None
    return lab.keep_model(
        NewModel(
            kind=TRANSFER,
            arch=runs[0].arch,
            workload=runs[0].workload,
            simulator=runs[0].simulator,
            fingerprint=runs[0].fingerprint,
            points=network.points,
            training_key=bytes.fromhex(network.training_hash),
            code_version=network.facts.code_version,
            axes=dumps(network.facts.axes),
            metrics=dumps(network.facts.metrics),
            lineage=dumps([{"uuid": uuid, "points": n} for uuid, n in points.items()]),
            report=dumps({**settings.model_dump(), "scores": asdict(network.scores) if network.scores else None}),
            task=dumps(source.arch_task.canonical()),
            content=network.to_bytes(),
        )
    )


def _network_settings(settings: TrainSettings) -> SourceSettings:
    from models.mlp import Training
    from models.transfer import SourceSettings

    return SourceSettings(
        Training(
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            batch=settings.batch,
            alpha=settings.alpha,
            scale=settings.scale,
            initial=settings.initial,
        ),
        keep=settings.keep,
        threshold=settings.threshold,
        l2_sp=settings.l2_sp,
        allocate_epochs=settings.allocate_epochs,
        folds=settings.folds,
    )
