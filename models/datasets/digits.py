"""The data sets that need no file: the 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998; scikit-learn bundles its test
set. 1,078 images are to train on and 719, two in five, to test on: so many that an accuracy has a step of 0.14 %.
"""

from __future__ import annotations

import numpy as np

from models.base import Floats
from models.datasets.base import Bytes, Dataset, Split

TEST = 719
_SHUFFLED, _CLUTTERED = 1998, 1999
"""Seeds that belong to the data: they never change, or it would be another data set."""
PIECES = 2
SIDE = 4
NOISE = 0.1


def digits() -> Dataset:
    """Which digit an image shows: ten classes, images as they are (0 to 16 scaled to 0 to 255)."""
    shades, labels = _shuffled()
    return Dataset("digits", "classification", 10, *_split(_as_bytes(shades)[:, None], labels))


def strokes() -> Dataset:
    """Which pixels of a cluttered image belong to the stroke of its digit: two classes, 0 ground and 1 stroke.

    The label of a pixel says whether the clean digit has at least half of the full shade there. The image is the digit
    at a contrast between 0.4 and 0.8 on a ground whose shade rises or falls evenly in some direction; on it lie two
    pieces of 4 x 4 pixels cut from other digits, as dark as the digit itself, and noise of standard deviation 0.1. So
    shades do not tell: what is stroke and what is clutter follows from the shape that a digit has. The best threshold
    for all of the images has a mean IoU of 0.66 on the test images, that for each image by itself, of a share of its
    pixels, 0.69. Everything is drawn from one seed, so that the data are the same everywhere.
    """
    shades, _ = _shuffled()
    rng = np.random.default_rng(_CLUTTERED)
    images = np.stack([_cluttered(shade, shades, rng) for shade in shades])
    labels = (shades >= 0.5).astype(np.uint8)
    return Dataset("digits_strokes", "segmentation", 2, *_split(_as_bytes(images / 1.3)[:, None], labels))


def _cluttered(shade: Floats, others: Floats, rng: np.random.Generator) -> Floats:
    """One image (8, 8), of shades from about 0 to 1.3."""
    rows, columns = np.mgrid[0:8, 0:8] / 7 - 0.5
    contrast, ground = rng.uniform(0.4, 0.8), rng.uniform(0.1, 0.4)
    slope = rng.uniform(-0.3, 0.3, 2)
    behind = ground + slope[0] * rows + slope[1] * columns
    image = behind + contrast * shade
    for _ in range(PIECES):
        other = others[rng.integers(len(others))]
        (y, x), (to_y, to_x) = rng.integers(0, 8 - SIDE + 1, (2, 2))
        here = np.s_[to_y : to_y + SIDE, to_x : to_x + SIDE]
        image[here] = np.maximum(image[here], behind[here] + contrast * other[y : y + SIDE, x : x + SIDE])
    return np.asarray(image + rng.normal(0, NOISE, image.shape))


def _shuffled() -> tuple[Floats, Bytes]:
    """Shades (n, 8, 8) from 0 to 1 and labels (n,): the writers come one after the other in the file."""
    from sklearn.datasets import load_digits  # takes a second to load

    values, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(_SHUFFLED).permutation(len(values))
    return values[order].reshape(-1, 8, 8) / 16, labels[order].astype(np.uint8)


def _as_bytes(shades: Floats) -> Bytes:
    return np.rint(np.clip(shades, 0, 1) * 255).astype(np.uint8)


def _split(images: Bytes, labels: Bytes) -> tuple[Split, Split]:
    """To train on, to test on."""
    return Split(images[TEST:], labels[TEST:]), Split(images[:TEST], labels[:TEST])
