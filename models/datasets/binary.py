"""CIFAR-10 and STL-10 in their binary versions: bytes at known places, so that reading them runs no code.

The formats are KNOWN from the data sets' pages: www.cs.toronto.edu/~kriz/cifar.html and cs.stanford.edu/~acoates/stl10.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.datasets.base import Bytes, DataError, Dataset, Split
from models.datasets.files import folder, records

CLASSES = 10
CIFAR_SIDE, STL_SIDE = 32, 96
CIFAR_NEEDS = (
    "the folder cifar-10-batches-bin of cifar-10-binary.tar.gz, with data_batch_1.bin to data_batch_5.bin and "
    "test_batch.bin"
)
STL_NEEDS = (
    "the folder stl10_binary of stl10_binary.tar.gz, with train_X.bin, train_y.bin, test_X.bin and test_y.bin"
)  # fmt: skip


def cifar10(path: Path) -> Dataset:
    """60,000 images of 3 x 32 x 32 in ten classes, 10,000 of them to test on.

    A record is the label and then the red, green and blue plane, each row by row: 3,073 bytes.

    Raises:
        DataError: a file is missing or malformed.
    """
    place = _inner(folder(path, "cifar10", CIFAR_NEEDS), "cifar-10-batches-bin")
    if (place / "data_batch_1").exists() and not (place / "data_batch_1.bin").exists():
        raise DataError(
            f"{place} holds the Python version of CIFAR-10, whose files are pickles and are not read: give "
            f"{CIFAR_NEEDS}."
        )
    batches = [_cifar_batch(place / f"data_batch_{number}.bin") for number in range(1, 6)]
    train = Split(np.concatenate([b.images for b in batches]), np.concatenate([b.labels for b in batches]))
    return Dataset("cifar10", "classification", CLASSES, train, _cifar_batch(place / "test_batch.bin"))


def _cifar_batch(path: Path) -> Split:
    values = CIFAR_SIDE * CIFAR_SIDE * 3
    rows = records(path, 1 + values, "a label and 3 x 32 x 32 pixels for each image of CIFAR-10")
    labels = np.ascontiguousarray(rows[:, 0])
    _check_labels(path, labels, 0)
    return Split(np.ascontiguousarray(rows[:, 1:]).reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE), labels)


def stl10(path: Path) -> Dataset:
    """13,000 labelled images of 3 x 96 x 96 in ten classes, 8,000 of them to test on; what has no label is not read.

    An image is its red, green and blue plane, each column by column; labels count from 1, a byte each.

    Raises:
        DataError: a file is missing or malformed.
    """
    place = _inner(folder(path, "stl10", STL_NEEDS), "stl10_binary")
    return Dataset("stl10", "classification", CLASSES, _stl_split(place, "train"), _stl_split(place, "test"))


def _stl_split(place: Path, part: str) -> Split:
    rows = records(place / f"{part}_X.bin", STL_SIDE * STL_SIDE * 3, "3 x 96 x 96 pixels for each image of STL-10")
    file = place / f"{part}_y.bin"
    labels = records(file, 1, "a label of 1 to 10 for each image of STL-10")[:, 0]
    if len(labels) != len(rows):
        raise DataError(f"{file} has {len(labels):,} labels for the {len(rows):,} images of {part}_X.bin beside it.")
    _check_labels(file, labels, 1)
    images = rows.reshape(-1, 3, STL_SIDE, STL_SIDE).transpose(0, 1, 3, 2)
    return Split(np.ascontiguousarray(images), labels - np.uint8(1))


def _inner(path: Path, name: str) -> Path:
    """The folder itself, or the one of that name in it."""
    return path / name if (path / name).is_dir() else path


def _check_labels(path: Path, labels: Bytes, first: int) -> None:
    wrong = np.flatnonzero((labels < first) | (labels >= first + CLASSES))
    if len(wrong):
        raise DataError(
            f"{path}: image {wrong[0]} has the label {labels[wrong[0]]}; labels are {first} to {first + CLASSES - 1}."
        )
