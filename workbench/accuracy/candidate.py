"""A network to be trained, with all that its accuracy depends on: the data's content, recipe, seed, and who trains.

The key of a candidate is a hash of these, so equal networks are one, from whatever family and design they come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from json import dumps
from pathlib import Path

from models.datasets import DATASETS
from models.datasets.base import DataError, Dataset
from models.recipe import VERSION, Recipe
from workbench.errors import UserError, unknown_name
from workbench.library import canonical
from workbench.problem.blueprint import Blueprint, Images
from workbench.problem.family import Family
from workbench.problem.space import Choice

TRAINER = f"trainer {VERSION}"
"""Who trains, as far as it decides what is measured."""
DEFAULT_RECIPE = Recipe()


@dataclass(frozen=True)
class Candidate:
    """A member of a family, to be trained on a data set.

    Raises:
        UserError: the family does not suit the data, or the images are too small for the network or the recipe.
    """

    family: Family
    values: Mapping[str, Choice]
    data: Dataset
    recipe: Recipe = DEFAULT_RECIPE
    seed: int = 0

    def __post_init__(self) -> None:
        if self.family.kind != self.data.kind:
            fitting = ", ".join(name for name, source in DATASETS.items() if source.kind == self.family.kind)
            raise UserError(
                f"Family {self.family.name!r} is for {self.family.kind}, data set {self.data.name!r} for "
                f"{self.data.kind}: choose one of {fitting}."
            )
        if not 0 <= self.seed < 2**63:
            raise UserError(f"The seed of a training is a whole number from 0 to 2**63 - 1, got {self.seed}.")
        if self.recipe.shift >= min(self.data.size):
            size, most = "{} x {}".format(*self.data.size), min(self.data.size) - 1
            raise UserError(f"Recipe: shift={self.recipe.shift} moves images of {size} out of sight; at most {most}.")
        _ = self.blueprint

    @cached_property
    def blueprint(self) -> Blueprint:
        """The network, for the data set's images."""
        return self.family.blueprint(self.values, images_of(self.data))

    @cached_property
    def key(self) -> bytes:
        """16 bytes that name its accuracy in every lab."""
        told = [self.blueprint.plain(), self.data.digest.hex(), self.recipe.model_dump(), self.seed, TRAINER]
        return blake2b(canonical(told).encode(), digest_size=16).digest()

    @cached_property
    def design(self) -> str:
        """The canonical values as JSON, in the order of the axes."""
        return dumps(self.family.canonical(self.values))


def images_of(data: Dataset) -> Images:
    """What the images of a data set are like, as a network needs to know."""
    return Images(data.channels, data.size, data.classes)


def load_data(name: str, path: Path | None = None) -> Dataset:
    """A data set by its name, with the path of its files where it has any.

    Raises:
        UserError: there is no such data set, or its files are missing or malformed.
    """
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    try:
        return DATASETS[name].load(name, path)
    except DataError as error:
        raise UserError(str(error)) from None
