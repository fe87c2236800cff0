"""What a network is likely to be worth, from those of its family that were measured; and which to train next.

A forest on the axes of the family and the size of the network. A prediction is a `Predicted`, and never enters the lab:
a design's accuracy is that of a training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json import loads
from math import log2

import numpy as np
from numpy.typing import NDArray

from models.datasets.base import Dataset
from models.recipe import Recipe
from store.database import Lab
from workbench.accuracy.candidate import TRAINER, images_of
from workbench.library import canonical
from workbench.problem.blueprint import Images
from workbench.problem.family import Family
from workbench.problem.space import Design

LEAST = 4
"""Networks without which nothing is predicted."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a network is thought to be worth. No measurement."""

    mean: float  # a part of 1
    deviation: float  # how far single trees of the forest lie apart
    measured: int  # networks that it rests on


class Predictor:
    """Fitted to measured accuracies of a family on images of one kind; equal measurements give equal predictions."""

    def __init__(self, family: Family, images: Images, measured: Mapping[Design, float]) -> None:
        self._family, self._images = family, images
        self._measured = {self._canonical(design): measured[design] for design in sorted(measured)}

    @classmethod
    def of_lab(cls, lab: Lab, family: Family, data: Dataset, recipe: Recipe) -> Predictor:
        """From all that the lab knows of a family on a data set by a recipe; seeds of one network are averaged."""
        told = canonical(recipe.model_dump())
        found: dict[Design, list[float]] = {}
        for row in lab.accuracies(family_key=family.key, data_key=data.digest):
            if (row.recipe, row.trainer) == (told, TRAINER):
                found.setdefault(family.design(loads(row.design)), []).append(row.accuracy)
        return cls(family, images_of(data), {design: float(np.mean(each)) for design, each in found.items()})

    @property
    def measured(self) -> int:
        """Networks that it rests on."""
        return len(self._measured)

    def predict(self, designs: Sequence[Design]) -> list[Predicted] | None:
        """Of designs of the family's space, in their order; None where too little is measured to say anything.

        One that was measured under another seed is predicted all the same.
        """
        if self.measured < LEAST or not designs:
            return None if designs else []
        from models.forest import Forest

        accuracies = np.array([[value] for value in self._measured.values()])  # (n, 1)
        forest = Forest(self._features(list(self._measured)), accuracies)
        mean, deviation = forest.predict(self._features([self._canonical(design) for design in designs]))
        return [Predicted(float(m), float(d), self.measured) for (m,), (d,) in zip(mean, deviation, strict=True)]

    def worth_training(self, designs: Sequence[Design], most: int) -> list[Design]:
        """At most so many canonical designs, no network twice and none that was measured, the most promising first.

        Most promising is the greatest mean plus deviation. Where nothing can be predicted it is whatever lies farthest
        from all that was measured or chosen before: the first ones shall tell much of the others.
        """
        new = [each for each in dict.fromkeys(map(self._canonical, designs)) if each not in self._measured]
        predicted = self.predict(new)
        if predicted is None:
            return self._farthest(new, most)
        hopes = sorted(range(len(new)), key=lambda i: -(predicted[i].mean + predicted[i].deviation))
        return [new[i] for i in hopes[:most]]

    def _farthest(self, designs: Sequence[Design], most: int) -> list[Design]:
        known = list(self._measured)
        features = self._features([*known, *designs])
        span = np.ptp(features, axis=0)
        scaled = features / np.where(span > 0, span, 1.0)
        away = np.full(len(designs), np.inf)
        chosen: list[int] = []
        for place in scaled[: len(known)]:
            away = np.minimum(away, _distances(scaled[len(known) :], place))
        while len(chosen) < min(most, len(designs)):
            best = int(away.argmax())
            chosen.append(best)
            away = np.minimum(away, _distances(scaled[len(known) :], scaled[len(known) + best]))
            away[chosen] = -1.0
        return [designs[i] for i in chosen]

    def _canonical(self, design: Design) -> Design:
        return self._family.design(self._family.space.values(design))

    def _features(self, designs: Sequence[Design]) -> NDArray[np.float64]:
        """The axes as `Space.encode` has them, and octaves of parameters and of MACs.  # (n, width)"""
        sizes = np.zeros((len(designs), 2))
        for row, design in enumerate(designs):
            blueprint = self._family.blueprint(self._family.space.values(design), self._images)
            sizes[row] = log2(blueprint.parameters), log2(blueprint.macs)
        return np.hstack([self._family.space.encode(designs), sizes])


def _distances(places: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.abs(places - place).sum(axis=1)
    return distances
