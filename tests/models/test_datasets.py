"""Data sets: those that come along are as they say, files are read by their formats, and faults are told by path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.datasets import DATASETS, DEFAULT
from models.datasets.base import Bytes, DataError, Dataset, Split
from models.datasets.digits import digits, strokes
from models.trainer import scored

rng = np.random.default_rng


def test_the_default_of_each_kind_is_bundled_and_of_that_kind():
    for kind, name in DEFAULT.items():
        assert DATASETS[name].kind == kind
        assert DATASETS[name].load(name, None).kind == kind
        with pytest.raises(DataError, match=f"{name} comes with the workbench and has no path, got /x"):
            DATASETS[name].load(name, Path("/x"))


@pytest.mark.parametrize("name", [name for name, source in DATASETS.items() if source.needs])
def test_what_is_not_bundled_needs_a_path_and_says_of_what(name: str, tmp_path: Path):
    source = DATASETS[name]
    needs = source.needs or ""
    empty, file = tmp_path / "empty", tmp_path / "file"
    empty.mkdir()
    file.write_text("x")
    for path, says in (
        (None, f"{name} is not bundled: give the path of {needs}."),
        (tmp_path / "none", f"{tmp_path / 'none'}: there is no such folder; {name} needs {needs}."),
        (empty, f"{empty} is empty; {name} needs {needs}."),
        (file, f"{file} is no folder; {name} needs {needs}."),
    ):
        with pytest.raises(DataError) as caught:
            source.load(name, path)
        assert str(caught.value) == says


def test_digits_are_all_there_and_each_class_is_in_both_splits():
    data = digits()
    assert (len(data.train), len(data.test), data.classes, data.channels, data.size) == (1078, 719, 10, 1, (8, 8))
    for split in (data.train, data.test):
        assert np.bincount(split.labels).min() >= len(split) // 10 * 0.7
        assert (split.images.min(), split.images.max()) == (0, 255)
    assert len(np.unique(np.concatenate([data.train.images, data.test.images]), axis=0)) == 1797, "no image twice"
    assert data.digest.hex() == "113b70fc1780b810057a3d340e8c8ecc", "another data set: accuracies would not compare"


def test_strokes_are_those_of_the_digits_and_no_threshold_finds_them():
    clean, cluttered = digits(), strokes()
    assert np.array_equal(cluttered.test.labels, clean.test.images[:, 0] >= 128)
    assert cluttered.digest.hex() == "4d1ce8f8e637ed01816621fb999b2dff", "another data set: see above"

    def iou(answers: NDArray[np.bool_]) -> float:
        pairs = cluttered.test.labels.astype(int) * 2 + answers
        return scored(np.bincount(pairs.ravel(), minlength=4).reshape(2, 2), "mean_iou")

    shades = cluttered.test.images[:, 0]
    one_for_all = max(iou(shades > at) for at in range(0, 255, 3))
    of_each = np.quantile(shades.reshape(len(shades), -1), np.linspace(0.3, 0.9, 25), axis=1)
    assert one_for_all == pytest.approx(0.66, abs=0.006)
    assert max(iou(shades > at[:, None, None]) for at in of_each) == pytest.approx(0.69, abs=0.006)


def test_a_digest_is_that_of_the_content_alone():
    data = digits()
    assert replace(data, name="other").digest == data.digest
    for part in ("images", "labels"):
        changed = getattr(data.test, part).copy()
        changed[(0,) * changed.ndim] ^= 1
        assert replace(data, test=replace(data.test, **{part: changed})).digest != data.digest
    assert replace(data, train=data.test, test=data.train).digest != data.digest


# CIFAR-10 and STL-10


def cifar(place: Path, images: int = 3) -> dict[str, tuple[Bytes, Bytes]]:
    """A folder as the binary version has it, and what lies in each file."""
    place.mkdir()
    found = {}
    for number, name in enumerate([*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]):
        pixels = rng(number).integers(0, 256, (images, 3, 32, 32), dtype=np.uint8)
        labels = rng(number).integers(0, 10, images, dtype=np.uint8)
        rows = [bytes([label]) + image.tobytes() for label, image in zip(labels, pixels, strict=True)]
        (place / name).write_bytes(b"".join(rows))
        found[name] = pixels, labels
    return found


def test_cifar_is_read_from_its_folder_or_the_one_around_it(tmp_path: Path):
    written = cifar(tmp_path / "cifar-10-batches-bin")
    for path in (tmp_path, tmp_path / "cifar-10-batches-bin"):
        data = DATASETS["cifar10"].load("cifar10", path)
        assert (data.classes, data.channels, data.size, len(data.train), len(data.test)) == (10, 3, (32, 32), 15, 3)
        assert np.array_equal(data.test.images, written["test_batch.bin"][0])
        assert np.array_equal(
            data.train.labels, np.concatenate([written[f"data_batch_{n}.bin"][1] for n in range(1, 6)])
        )
        assert np.array_equal(data.train.images[6:9], written["data_batch_3.bin"][0])


def stl(place: Path) -> tuple[Bytes, Bytes]:
    """A folder as STL-10 has it: images column by column, labels from 1."""
    place.mkdir()
    pixels = rng(0).integers(0, 256, (6, 3, 96, 96), dtype=np.uint8)
    labels = np.array([1, 10, 3, 4, 5, 6], dtype=np.uint8)
    for part, at in (("train", slice(0, 4)), ("test", slice(4, 6))):
        (place / f"{part}_X.bin").write_bytes(pixels[at].transpose(0, 1, 3, 2).tobytes())
        (place / f"{part}_y.bin").write_bytes(labels[at].tobytes())
    return pixels, labels


def test_stl_is_read_upright_with_labels_from_0(tmp_path: Path):
    pixels, labels = stl(tmp_path / "stl10_binary")
    for path in (tmp_path, tmp_path / "stl10_binary"):
        data = DATASETS["stl10"].load("stl10", path)
        assert np.array_equal(np.concatenate([data.train.images, data.test.images]), pixels)
        assert np.array_equal(np.concatenate([data.train.labels, data.test.labels]), labels - 1)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def relabelled(path: Path) -> None:
    path.write_bytes(bytes([11]) + path.read_bytes()[1:])


@pytest.mark.parametrize(
    ("name", "file", "harm", "says"),
    [
        ("cifar10", "data_batch_4.bin", Path.unlink, "there is no such file; it should hold a label and 3 x 32 x 32"),
        ("cifar10", "data_batch_4.bin", emptied, "is empty; it should hold"),
        ("cifar10", "test_batch.bin", cut, "has 9,218 bytes, which is no whole number of records of 3,073 bytes"),
        ("cifar10", "data_batch_1.bin", relabelled, "image 0 has the label 11; labels are 0 to 9"),
        ("stl10", "train_X.bin", cut, "which is no whole number of records of 27,648 bytes"),
        ("stl10", "test_y.bin", Path.unlink, "there is no such file; it should hold a label of 1 to 10"),
        ("stl10", "test_y.bin", cut, "has 1 labels for the 2 images of test_X.bin"),
        ("stl10", "train_y.bin", relabelled, "image 0 has the label 11; labels are 1 to 10"),
    ],
)
def test_a_harmed_file_is_named(tmp_path: Path, name: str, file: str, harm: Callable[[Path], object], says: str):
    place = tmp_path / {"cifar10": "cifar-10-batches-bin", "stl10": "stl10_binary"}[name]
    cifar(place) if name == "cifar10" else stl(place)
    harm(place / file)
    with pytest.raises(DataError) as caught:
        DATASETS[name].load(name, tmp_path)
    assert str(caught.value).startswith(str(place / file))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_pickled_cifar_is_refused_unread(tmp_path: Path):
    (tmp_path / "data_batch_1").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(DataError, match="whose files are pickles and are not read"):
        DATASETS["cifar10"].load("cifar10", tmp_path)


# Images and masks

Image = pytest.importorskip("PIL.Image")


def pairs(place: Path, count: int = 10, mode: str = "L", values: tuple[int, ...] = (0, 255)) -> dict[str, Bytes]:
    """Images of 6 x 4 pixels and masks of these values; what each mask holds."""
    masks = {}
    for part in ("images", "masks"):
        (place / part).mkdir(parents=True)
    for number in range(count):
        shape = (4, 6) if mode == "L" else (4, 6, 3)
        name = f"cell{number:02}.png"
        Image.fromarray(rng(number).integers(0, 256, shape, dtype=np.uint8)).save(place / "images" / name)
        masks[name] = rng(number).choice(np.array(values, dtype=np.uint8), (4, 6))
        Image.fromarray(masks[name]).save(place / "masks" / name)
    return masks


def load_pairs(place: Path) -> Dataset:
    return DATASETS["image_masks"].load("image_masks", place)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
@pytest.mark.parametrize(("values", "classes"), [((0, 255), 2), ((0, 1, 2), 3), ((0, 1), 2)])
def test_a_folder_of_pairs_is_read_one_in_five_to_test_on(tmp_path: Path, mode, channels, values, classes):
    masks = pairs(tmp_path, mode=mode, values=values)
    data = load_pairs(tmp_path)
    assert (data.classes, data.channels, data.size, len(data.train), len(data.test)) == (
        classes,
        channels,
        (4, 6),
        8,
        2,
    )
    wanted = sorted((mask.astype(int) * (1 if values[-1] < 255 else 1 / 255)).tobytes() for mask in masks.values())
    labels = np.concatenate([data.train.labels, data.test.labels])
    assert sorted(each.astype(float if 255 in values else int).tobytes() for each in labels) == wanted
    first = data.test.images[0]
    name = next(n for n in masks if np.array_equal(_pixels(tmp_path / "images" / n), first))
    assert np.array_equal(data.test.labels[0], masks[name] if 255 not in values else masks[name] // 255)


def _pixels(file: Path) -> Bytes:
    found = np.asarray(Image.open(file), dtype=np.uint8)
    return found.reshape(*found.shape[:2], -1).transpose(2, 0, 1)


def test_which_pairs_are_to_test_on_does_not_depend_on_the_order_of_the_files(tmp_path: Path):
    pairs(tmp_path)
    before = load_pairs(tmp_path).digest
    for part in ("images", "masks"):
        (tmp_path / part).rename(tmp_path / "old")
        (tmp_path / part).mkdir()
        for file in sorted((tmp_path / "old").iterdir(), reverse=True):
            file.rename(tmp_path / part / file.name)
        (tmp_path / "old").rmdir()
    (tmp_path / "images" / "notes.txt").write_text("not an image")
    assert load_pairs(tmp_path).digest == before


def saved(pixels: Bytes) -> Callable[[Path], None]:
    return lambda path: Image.fromarray(pixels).save(path)


def of_mode(mode: str) -> Callable[[Path], None]:
    return lambda path: Image.new(mode, (6, 4)).save(path)


@pytest.mark.parametrize(
    ("file", "harm", "says"),
    [
        ("masks/cell03.png", Path.unlink, "cell03.png has no partner"),
        ("images/cell03.png", Path.unlink, "cell03.png has no partner"),
        ("images/cell03.png", emptied, "is no PNG file that can be read"),
        ("images/cell03.png", lambda p: p.write_text("GIF89a"), "is no PNG file that can be read"),
        ("images/cell03.png", lambda p: p.write_bytes(p.read_bytes()[:60]), "is no PNG file that can be read"),
        ("images/cell03.png", saved(np.zeros((4, 5), np.uint8)), "4 x 5 pixels in grey"),
        ("images/cell03.png", saved(np.zeros((4, 6, 3), np.uint8)), "in colour"),
        ("images/cell03.png", of_mode("RGBA"), "the mode RGBA; it should be grey, black and white or RGB"),
        ("masks/cell03.png", of_mode("RGB"), "has the mode RGB; it should be grey, black and white, or col"),
        ("masks/cell03.png", saved(np.full((4, 6), 128, np.uint8)), "the masks have the values 0, 128, 255"),
    ],
)  # fmt: skip
def test_a_harmed_pair_is_named(tmp_path: Path, file: str, harm: Callable[[Path], object], says: str):
    pairs(tmp_path)
    harm(tmp_path / file)
    with pytest.raises(DataError) as caught:
        load_pairs(tmp_path)
    assert says in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_masks_of_another_size_and_too_few_pairs_are_told(tmp_path: Path):
    pairs(tmp_path / "few", count=5)
    with pytest.raises(DataError, match="has 5 PNG files; 6 are the least"):
        load_pairs(tmp_path / "few")
    pairs(tmp_path / "odd")
    for file in (tmp_path / "odd" / "masks").iterdir():
        Image.fromarray(np.zeros((6, 4), np.uint8)).save(file)
    with pytest.raises(DataError, match="images have 4 x 6 pixels, masks 6 x 4"):
        load_pairs(tmp_path / "odd")
    (tmp_path / "half" / "images").mkdir(parents=True)
    with pytest.raises(DataError, match=r"half/images is empty"):
        load_pairs(tmp_path / "half")


def test_masks_of_colours_by_number_and_of_black_and_white_are_classes(tmp_path: Path):
    masks = pairs(tmp_path, values=(0, 1, 2))
    for name, mask in masks.items():
        image = Image.fromarray(mask, "L").convert("P")
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        image.putdata(mask.ravel().tolist())
        image.save(tmp_path / "masks" / name)
    assert load_pairs(tmp_path).classes == 3
    for name in masks:
        Image.fromarray(masks[name] > 0).save(tmp_path / "masks" / name)
    assert load_pairs(tmp_path).classes == 2


# What cannot be a data set


def test_a_data_set_refuses_too_few_images_and_labels_that_do_not_fit():
    images, labels = np.zeros((4, 1, 2, 2), np.uint8), np.zeros(4, np.uint8)
    good = Split(images, labels)
    for train, test, classes, kind, says in (
        (Split(images[:3], labels[:3]), good, 2, "classification", "has 3 images to train on and 4 to test on"),
        (good, Split(images[:0], labels[:0]), 2, "classification", "and 0 to test on"),
        (good, good, 256, "classification", "has 256 classes; there must be 2 to 255"),
        (good, good, 2, "segmentation", "do not fit together"),
        (good, Split(images, labels + np.uint8(5)), 2, "classification", "labels must be below 2, got 5"),
    ):
        with pytest.raises(ValueError, match=says):
            Dataset("mine", kind, classes, train, test)  # type: ignore[arg-type]
