"""A data set: images with their labels, to train on and to test on, and a digest of all of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["classification", "segmentation"]
Bytes = NDArray[np.uint8]

CLASSES_MOST = 255
"""A label is a byte, and 255 is no class: pixels that were moved in from outside of an image."""


class DataError(ValueError):
    """A data set cannot be read as it is: one line that names the file and what would be right."""


@dataclass(frozen=True, eq=False)
class Split:
    """n images (n, channels, y, x) and their labels: (n,), or (n, y, x) where each pixel has one."""

    images: Bytes
    labels: Bytes

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class Dataset:
    """What networks are trained on and tested on; the test images take no part in any decision of a training."""

    name: str
    kind: Kind
    classes: int
    train: Split
    test: Split

    def __post_init__(self) -> None:
        shape = self.train.images.shape[1:]
        if not 2 <= self.classes <= CLASSES_MOST:
            raise DataError(f"{self.name} has {self.classes} classes; there must be 2 to {CLASSES_MOST}.")
        if len(self.train) < 4 or not len(self.test):
            raise DataError(
                f"{self.name} has {len(self.train)} images to train on and {len(self.test)} to test on; 4 and 1 are "
                "the least."
            )
        labelled = {"classification": (), "segmentation": shape[1:]}[self.kind]
        for split in (self.train, self.test):
            if split.images.shape[1:] != shape or split.labels.shape != (len(split), *labelled):
                raise ValueError(f"images {split.images.shape} and labels {split.labels.shape} do not fit together")
            if int(split.labels.max()) >= self.classes:
                raise ValueError(f"labels must be below {self.classes}, got {split.labels.max()}")

    @property
    def channels(self) -> int:
        """Of an image."""
        return int(self.train.images.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        return int(self.train.images.shape[2]), int(self.train.images.shape[3])

    @cached_property
    def digest(self) -> bytes:
        """16 bytes of the content, whatever the name and the place of the files: equal data, equal digest."""
        splits = (self.train, self.test)
        head = [self.kind, self.classes, [[split.images.shape, split.labels.shape] for split in splits]]
        found = blake2b(json.dumps(head).encode(), digest_size=16)
        for split in splits:
            for part in (split.images, split.labels):
                found.update(np.ascontiguousarray(part).data)
        return found.digest()
