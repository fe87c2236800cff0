"""Measuring accuracies by training: what was trained once in a lab is remembered, and never trained again there.

Weights are not kept: a training is repeated from its seed, to the last bit on the same machine and version of torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from store.accuracies import Claim, NewAccuracy, Subject
from store.database import Lab
from store.errors import BusyTrainingError, FencedOutError
from store.rows import Accuracy
from workbench.accuracy.candidate import TRAINER, Candidate
from workbench.errors import UserError
from workbench.library import canonical

if TYPE_CHECKING:
    from models.trainer import Moment, Trainer

Waits = Callable[[str], None]
"""Told of each look whether another process has ended, and what is waited for; who wants to wait no longer raises."""
Moments = Generator["Moment", None, None]

KEEP_SECONDS = 1.0
"""A training's state is stored so often: what a kill may cost."""
KEEP_PART = 0.1
"""Storing takes so much of a training's time at most: a large state is stored less often."""
WAIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Measured:
    """What a network that was trained is worth, on images that took no part in its training."""

    accuracy: float  # a part of 1
    metric: str  # `top1`, or `mean_iou`
    validation: float  # on the images that the epoch was chosen by
    parameters: int
    macs: int  # for one image
    epochs: int  # trained
    best_epoch: int  # whose weights were tested; counts from 1
    seconds: float  # of training, whenever that was


def remembered(lab: Lab, candidates: Sequence[Candidate]) -> list[Measured | None]:
    """What the lab knows of candidates, in their order; None where nobody has trained one yet. Loads no torch."""
    found = lab.accuracies_of(candidate.key for candidate in candidates)
    return [_measured(found[each.key]) if each.key in found else None for each in candidates]


def measure(lab: Lab, candidate: Candidate, waits: Waits | None = None) -> Measured:
    """The accuracy of a candidate: remembered, or trained now and kept.

    Raises:
        UserError: nothing can be measured: too few images, or a training that diverges at once.
    """
    with closing(training(lab, candidate, waits)) as moments:
        for _ in moments:
            pass
    (known,) = remembered(lab, [candidate])
    assert known is not None
    return known


def training(lab: Lab, candidate: Candidate, waits: Waits | None = None) -> Moments:
    """Trains a candidate, unless the lab remembers it; yields after each batch, and ends when its row is stored.

    It goes on where an earlier training of it was stopped or killed, and waits for one that another process is at. Who
    stops early closes it: then the state after the last batch is stored, and nothing that was trained is lost.

    Raises:
        UserError: nothing can be measured.
    """
    claim = _claimed(lab, candidate, waits)
    while claim is not None:
        try:
            yield from _trained(lab, candidate, claim)
            return
        except FencedOutError:  # its accuracy came by a merge, say
            claim = _claimed(lab, candidate, waits)


def _claimed(lab: Lab, candidate: Candidate, waits: Waits | None) -> Claim | None:
    """The training, now this process's own; None as soon as the accuracy is there."""
    subject = Subject(candidate.key, candidate.family.name, candidate.design, candidate.data.name)
    while not lab.accuracies_of([candidate.key]):  # a lab that may only be read remembers, too
        try:
            return lab.claim_training(subject)
        except BusyTrainingError as error:
            if waits is not None:
                waits(str(error))
            time.sleep(WAIT_SECONDS)
    return None


def _trained(lab: Lab, candidate: Candidate, claim: Claim) -> Moments:
    from models.trainer import Trainer, TrainingError

    try:
        trainer = Trainer(candidate.blueprint.plain(), candidate.data, candidate.recipe, candidate.seed, claim.state)
        yield from _kept(lab, claim, trainer)
        lab.keep_accuracy(_row(candidate, trainer))
    except TrainingError as error:
        lab.forget_training(claim)
        raise UserError(f"{candidate.family.name} on {candidate.data.name}: {error}") from None
    finally:
        lab.release_training(claim)


def _kept(lab: Lab, claim: Claim, trainer: Trainer) -> Moments:
    """The steps of a trainer, whose state is stored now and then, and at last when the caller stops.

    Only between two batches: a training that breaks within one leaves the state that was stored before.
    """
    due = time.perf_counter() + KEEP_SECONDS
    for moment in trainer.steps():
        if time.perf_counter() >= due:
            begun = time.perf_counter()
            lab.keep_training(claim, moment.epoch, moment.batch, trainer.state())
            due = time.perf_counter() + max(KEEP_SECONDS, (time.perf_counter() - begun) / KEEP_PART)
        try:
            yield moment
        except GeneratorExit:
            with suppress(FencedOutError):
                lab.keep_training(claim, moment.epoch, moment.batch, trainer.state())
            raise


def _row(candidate: Candidate, trainer: Trainer) -> NewAccuracy:
    import torch

    from workbench import __version__

    found, blueprint = trainer.outcome(), candidate.blueprint
    report: dict[str, Any] = {
        "stopped": found.stopped,
        "curve": [asdict(epoch) for epoch in found.curve],
        "train_images": len(candidate.data.train),
        "test_images": len(candidate.data.test),
        "torch": str(torch.__version__),
    }
    return NewAccuracy(
        key=candidate.key,
        family=candidate.family.name,
        family_key=candidate.family.key,
        design=candidate.design,
        data=candidate.data.name,
        data_key=candidate.data.digest,
        recipe=canonical(candidate.recipe.model_dump()),
        seed=candidate.seed,
        trainer=TRAINER,
        metric=trainer.metric,
        accuracy=found.accuracy,
        validation=found.validation,
        parameters=blueprint.parameters,
        macs=blueprint.macs,
        epochs=found.epochs,
        best_epoch=found.best_epoch,
        seconds=found.seconds,
        code_version=__version__,
        report=canonical(report),
        network=canonical(blueprint.plain()),
    )


def _measured(row: Accuracy) -> Measured:
    size = (row.parameters, row.macs)
    return Measured(row.accuracy, row.metric, row.validation, *size, row.epochs, row.best_epoch, row.seconds)
