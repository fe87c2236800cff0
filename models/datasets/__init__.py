"""The data sets that networks are trained on, by name: two come along, the others are read where a user has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.datasets.base import DataError, Dataset, Kind
from models.datasets.binary import CIFAR_NEEDS, STL_NEEDS, cifar10, stl10
from models.datasets.digits import digits, strokes
from models.datasets.pairs import NEEDS as PAIRS_NEED
from models.datasets.pairs import image_masks


@dataclass(frozen=True)
class Source:
    """A data set that comes along."""

    kind: Kind
    summary: str
    bundled: Callable[[], Dataset] | None = None
    read: Callable[[Path], Dataset] | None = None
    needs: str | None = None
    """What the path holds, where there is one."""

    def load(self, name: str, path: Path | None) -> Dataset:
        """All of it, in memory.

        Raises:
            DataError: it needs a path and has none, or the other way round, or what lies there is not as it should be.
        """
        if self.read is not None:
            if path is None:
                raise DataError(f"{name} is not bundled: give the path of {self.needs}.")
            return self.read(path)
        assert self.bundled is not None
        if path is not None:
            raise DataError(f"{name} comes with the workbench and has no path, got {path}.")
        return self.bundled()


DATASETS: Final[Mapping[str, Source]] = {
    "digits": Source("classification", "1,797 handwritten digits of 8 x 8 pixels: which digit is it", bundled=digits),
    "digits_strokes": Source(
        "segmentation", "the same digits, cluttered: which pixels belong to the digit's stroke", bundled=strokes
    ),
    "cifar10": Source(
        "classification", "60,000 photographs of 32 x 32 pixels in ten classes", read=cifar10, needs=CIFAR_NEEDS
    ),
    "stl10": Source(
        "classification", "13,000 photographs of 96 x 96 pixels in ten classes", read=stl10, needs=STL_NEEDS
    ),
    "image_masks": Source("segmentation", "your own images with their masks", read=image_masks, needs=PAIRS_NEED),
}
DEFAULT: Final[Mapping[Kind, str]] = {"classification": "digits", "segmentation": "digits_strokes"}
"""What a network is trained on where nothing else is said."""
