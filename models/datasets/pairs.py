"""A folder of images and masks: PNG files of equal names, for the segmentation of whatever they show."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from models.datasets.base import CLASSES_MOST, Bytes, DataError, Dataset, Split
from models.datasets.files import folder

NEEDS = "a folder 'images' and a folder 'masks' in it, with PNG files of equal names and size"
MODES = {"1": 1, "L": 1, "RGB": 3}
"""How Pillow calls what is read as it is, and its channels: black and white, grey, colour."""
TEST_PART = 5
LEAST = 6


def image_masks(path: Path) -> Dataset:
    """Images in grey or colour, and for each a mask whose grey value, or colour number, is the class of the pixel.

    Masks of 0 and 255 alone are those of two classes. One pair in five is to test on: the first ones in the order of a
    hash of their names, because neighbours by name are often pictures of one thing.

    Raises:
        DataError: a file is missing or not as the others, or Pillow is not there.
    """
    folder(path, "image_masks", NEEDS)
    images = _files(path / "images")
    masks = _files(path / "masks")
    for name in images.keys() ^ masks.keys():
        here, there = ("images", "masks") if name in images else ("masks", "images")
        raise DataError(f"{path / here / name} has no partner {path / there / name}: an image has a mask of its name.")
    if len(images) < LEAST:
        raise DataError(f"{path / 'images'} has {len(images)} PNG files; {LEAST} are the least to train and test on.")
    names = sorted(images, key=lambda name: (blake2b(name.encode(), digest_size=8).digest(), name))
    pixels = _stacked([images[name] for name in names], is_mask=False)
    labels, classes = _classes(_stacked([masks[name] for name in names], is_mask=True)[:, 0], path / "masks")
    if labels.shape[1:] != pixels.shape[2:]:
        size, other = ("{} x {}".format(*shape) for shape in (pixels.shape[2:], labels.shape[1:]))
        raise DataError(f"{path}: images have {size} pixels, masks {other}: they must be of one size.")
    test = -(-len(names) // TEST_PART)
    return Dataset(
        "image_masks", "segmentation", classes, Split(pixels[test:], labels[test:]), Split(pixels[:test], labels[:test])
    )


def _files(place: Path) -> dict[str, Path]:
    folder(place, "image_masks", "PNG files there")
    return {path.name: path for path in place.iterdir() if path.suffix.lower() == ".png"}


def _stacked(files: list[Path], *, is_mask: bool) -> Bytes:
    """Images as (n, channels, y, x), all of one size and mode."""
    first = _read(files[0], is_mask)
    stacked = np.empty((len(files), *first.shape), dtype=np.uint8)
    for number, file in enumerate(files):
        found = _read(file, is_mask)
        if found.shape != first.shape:
            raise DataError(
                f"{file} has {_shape(found)}, {files[0].name} has {_shape(first)}: bring all to one size and mode."
            )
        stacked[number] = found
    return stacked


def _shape(pixels: Bytes) -> str:
    channels, y, x = pixels.shape
    return f"{y} x {x} pixels in {'grey' if channels == 1 else 'colour'}"


def _read(file: Path, is_mask: bool) -> Bytes:
    """(channels, y, x)"""
    image_module = _pillow()
    try:
        with image_module.open(file, formats=["PNG"]) as image:
            if image.mode not in ({**MODES, "P": 1} if is_mask else MODES) or (is_mask and image.mode == "RGB"):
                known = "grey, black and white, or colours by number" if is_mask else "grey, black and white or RGB"
                raise DataError(f"{file} has the mode {image.mode}; it should be {known}, of 8 bits.")
            pixels = np.array(image.convert("L") if image.mode == "1" else image, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError, image_module.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file} is no PNG file that can be read ({' '.join(str(error).split())}).") from None
    return pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)


def _classes(values: Bytes, place: Path) -> tuple[Bytes, int]:
    """Labels from 0, and how many classes they are."""
    found = np.unique(values)
    if set(found.tolist()) <= {0, 255}:
        return (values > 0).astype(np.uint8), 2
    if found[-1] >= CLASSES_MOST:
        raise DataError(
            f"{place}: the masks have the values {', '.join(map(str, found[:8]))}{', ...' if len(found) > 8 else ''}; "
            f"they should be the classes, from 0 to {CLASSES_MOST - 1} at most, or 0 and 255 for two of them."
        )
    return values, max(2, int(found[-1]) + 1)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise DataError("image_masks reads PNG files by Pillow: pip install 'dse-workbench[images]'.") from None
    return Image
