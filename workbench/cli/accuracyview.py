"""A network trained and shown, and the list of those that the lab knows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.datasets import DEFAULT
from models.recipe import Recipe
from store.address import Where
from store.database import Lab
from workbench.accuracy.candidate import Candidate, load_data
from workbench.accuracy.measuring import training
from workbench.accuracy.predicting import Predicted, Predictor
from workbench.cli.codes import INTERRUPTED, OK
from workbench.cli.options import Format, lab_path, make_folder
from workbench.cli.output import Column, emit, listed, name, number, say, stdout
from workbench.cli.progress import LINE_SECONDS
from workbench.cli.signals import StopRequest, stop_requests
from workbench.cli.stored import open_to_look
from workbench.problem.family import load_family
from workbench.problem.yamlfile import build_model
from workbench.views.accuracies import (
    METRIC_WORDS,
    accuracy_row,
    accuracy_rows,
    design_words,
    share,
    unfinished_words,
)
from workbench.views.places import place
from workbench.views.quantity import amount, count, duration
from workbench.views.settings import pairs
from workbench.views.values import with_changes

if TYPE_CHECKING:
    from models.trainer import Moment

LIST = (
    name("family", "family"),
    Column("design", "design", lambda design: "-".join(map(str, design.values()))),
    Column("data", "data set", whole=True),
    number("accuracy", "accuracy", share),
    Column("metric", "which is", lambda metric: METRIC_WORDS.get(metric, metric), whole=True),
    number("parameters", "parameters", count),
    number("macs", "MACs", amount),
    number("epochs", "epochs"),
    number("seconds", "trained in", duration),
    number("seed", "seed"),
)
FILE = tuple(
    Column(key, key)
    for key in (
        *("key", "family", "design", "data", "data_key", "metric", "accuracy", "validation", "parameters", "macs"),
        *("epochs", "best_epoch", "stopped", "seconds", "recipe", "seed", "trainer", "train_images", "test_images"),
        *("torch", "code_version", "created_ns"),
    )
)
"""The columns of a file: all that there is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `dse accuracy` was asked for, as it was typed."""

    family: str
    changes: Sequence[str]
    data: str | None
    data_path: Path | None
    recipe: Sequence[str]
    seed: int

    def candidate(self) -> Candidate:
        """The network, checked whole before there is a lab.

        Raises:
            UserError: anything that does not exist, is out of its bounds or does not fit together.
        """
        family = load_family(self.family)
        values = with_changes(family.space, family.nominal(), self.changes)
        recipe = build_model(pairs("--recipe", self.recipe), Recipe, "Recipe")
        path = None if self.data_path is None else place(self.data_path)
        return Candidate(family, values, load_data(self.data or DEFAULT[family.kind], path), recipe, self.seed)


def show_accuracy(wanted: Wanted, db: Where | None, form: Format) -> int:
    """Trains the network or remembers it, and says what it is worth."""
    candidate = wanted.candidate()
    path = lab_path(db)
    make_folder(path, db)
    with Lab.open(path) as lab:
        known = bool(lab.accuracies_of([candidate.key]))
        if not known and not _train(lab, candidate):
            return INTERRUPTED
        row = accuracy_row(lab.accuracies_of([candidate.key])[candidate.key])
    row["remembered"] = known
    if form == "table":
        _print(row)
    else:
        emit(form, (*FILE, Column("remembered", "remembered")), [row], row)
    return OK


PROPOSED = (
    name("family", "family"),
    Column("design", "design", lambda design: " ".join(f"{axis}={value}" for axis, value in design.items())),
    number("predicted", "predicted", lambda value: "-" if value is None else share(value)),
    number("deviation", "+/-", lambda value: "" if value is None else share(value)),
    number("measured", "from measured"),
)
LOOKED_AT = 2000
"""Members of a family that are compared: all of it where it has no more."""


def propose_members(wanted: Wanted, most: int, db: Where | None, form: Format) -> int:
    """The members most worth training, with what is predicted of them and from how many measurements."""
    candidate = wanted.candidate()
    family, space = candidate.family, candidate.family.space
    with open_to_look(db) as lab:
        predictor = Predictor.of_lab(lab, family, candidate.data, candidate.recipe)
    if space.size <= LOOKED_AT:
        pool = [space.unrank(rank) for rank in range(space.size)]
    else:
        pool = space.sample(LOOKED_AT, np.random.default_rng(wanted.seed))
    chosen = predictor.worth_training(pool, most)
    predicted: Sequence[Predicted | None] = predictor.predict(chosen) or [None] * len(chosen)
    rows = [
        {
            "family": family.name,
            "design": family.canonical(space.values(design)),
            "predicted": None if each is None else each.mean,
            "deviation": None if each is None else each.deviation,
            "measured": predictor.measured,
        }
        for design, each in zip(chosen, predicted, strict=True)
    ]
    emit(form, PROPOSED, rows)
    if form == "table" and rows and rows[0]["predicted"] is None:
        say(f"{predictor.measured} measured are too few to predict from: these lie far apart, to tell much of others")
    return OK


def _train(lab: Lab, candidate: Candidate) -> bool:
    """Whether the training is over; else what it came to is stored."""
    with stop_requests() as stop, closing(training(lab, candidate, _Waiting(stop))) as moments:
        said, epochs = 0.0, 0
        for moment in moments:
            said = said or time.monotonic()  # not while torch was loaded
            if stop:
                say(f"stopped {_so_far(moment)}; the same command goes on there")
                return False
            if time.monotonic() - said >= LINE_SECONDS and moment.epoch != epochs:
                said, epochs = time.monotonic(), moment.epoch
                say(_so_far(moment))
    return True


class _Waiting:
    """Says once what is waited for, and waits until somebody has had enough."""

    def __init__(self, stop: StopRequest) -> None:
        self._stop, self._said = stop, False

    def __call__(self, what: str) -> None:
        if self._stop:
            raise KeyboardInterrupt
        if not self._said:
            say(f"waiting: {what}")
        self._said = True


def _so_far(moment: Moment) -> str:
    score = "" if moment.score is None else f", held out {share(moment.score)}"
    part = f" and {moment.batch} of {moment.batches} batches" if moment.batch else ""
    return f"after {moment.epoch} of at most {moment.epochs} epochs{part}{score}"


def _print(row: dict[str, Any]) -> None:
    known = "remembered: nothing was trained" if row["remembered"] else "trained now"
    which = f"{METRIC_WORDS[row['metric']]} on {count(row['test_images'])} test images"
    stdout().print(
        listed(
            [
                (row["family"], design_words(row["design"])),
                ("data set", f"{row['data']}, {count(row['train_images'])} images to train on"),
                ("accuracy", f"{share(row['accuracy'])}, {which} ({known})"),
                ("held out", f"{share(row['validation'])} after epoch {row['best_epoch']}, whose weights were tested"),
                ("parameters", count(row["parameters"])),
                ("MACs", f"{count(row['macs'])} for one image"),
                ("epochs", f"{row['epochs']}, ended by {row['stopped']}; seed {row['seed']}"),
                ("trained in", duration(row["seconds"])),
            ]
        )
    )


def list_accuracies(family: str | None, data: str | None, limit: int, db: Where | None, form: Format) -> None:
    """What the lab knows."""
    with open_to_look(db) as lab:
        rows = accuracy_rows(lab, family, data)
        unfinished = lab.unfinished_trainings()
    if form == "table":
        if rows:
            emit(form, LIST, rows[:limit])
        else:
            stdout().print("No such network was trained in this lab yet: 'dse accuracy' does it.")
        for training_ in unfinished:
            say(unfinished_words(training_))
    else:
        emit(form, FILE, rows[:limit])
    if len(rows) > limit:
        say(f"{count(len(rows) - limit)} more; --limit shows them")
