"""Folders and files of data sets: what is missing or malformed is told by its path, and what would be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.datasets.base import Bytes, DataError


def folder(path: Path, name: str, wanted: str) -> Path:
    """A folder that is there and holds something; `wanted` says what it should hold.

    Raises:
        DataError: it does not.
    """
    try:
        if not path.exists():
            raise DataError(f"{path}: there is no such folder; {name} needs {wanted}.")
        if not path.is_dir():
            raise DataError(f"{path} is no folder; {name} needs {wanted}.")
        if not any(path.iterdir()):
            raise DataError(f"{path} is empty; {name} needs {wanted}.")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    return path


def records(path: Path, length: int, what: str) -> Bytes:
    """A file of records of `length` bytes each: (n, length).

    Raises:
        DataError: the file is missing, empty or cut off.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; it should hold {what}.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    if not len(content):
        raise DataError(f"{path} is empty; it should hold {what}.")
    if len(content) % length:
        raise DataError(
            f"{path} has {len(content):,} bytes, which is no whole number of records of {length:,} bytes ({what}): it "
            "is cut off, or no such file. Download it again."
        )
    return content.reshape(-1, length)
