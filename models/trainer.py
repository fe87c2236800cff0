"""Training a network and measuring it: a function of network, data, recipe and seed, and of how torch adds up.

Every number is drawn from the seed and the place it is for (the weights, the order of epoch 7), never from a generator
that runs along. So the state after any batch is weights, optimiser and counters, and a training that goes on from it
ends with the same bits as one that never stopped. Torch works on one thread: sums keep their order on any number of
cores. Another processor or version of torch may add up otherwise.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.base import pack, unpack
from models.datasets.base import Bytes, Dataset, Split
from models.mlp import one_thread, seeded
from models.modules import Net
from models.recipe import VERSION, Recipe

OUTSIDE = 255
"""The label of a pixel that was moved in from outside of an image: it counts for nothing."""
MOMENTUM = 0.9
METRICS = {"classification": "top1", "segmentation": "mean_iou"}

Stopped = Literal["epochs", "patience", "diverged"]


class TrainingError(ValueError):
    """Nothing can be measured: one line that says why."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a training is after a batch; the score is that of the last whole epoch on the held-out part."""

    epoch: int  # whole ones
    epochs: int  # at most
    batch: int  # of the epoch under way
    batches: int
    loss: float  # of the batch
    score: float | None


@dataclass(frozen=True, slots=True)
class Epoch:
    """A whole pass: the mean loss over its batches, and the score on the held-out part."""

    loss: float
    score: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training came to."""

    accuracy: float  # on the test images: see `scored`
    validation: float  # of the epoch that was chosen, on the held-out part
    epochs: int  # whole ones
    best_epoch: int  # counts from 1
    stopped: Stopped
    seconds: float
    curve: tuple[Epoch, ...]


@dataclass
class _Progress:
    """The counters of a training, as its state has them."""

    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    best_score: tuple[float, float] = (-1.0, -math.inf)
    """Score and negative loss on the held-out part: equal scores are told apart."""
    best_epoch: int = 0
    diverged: bool = False
    seconds: float = 0.0
    curve: list[tuple[float, float]] = field(default_factory=list)


class Trainer:
    """A training, new or gone on with from a state of the same network, data, recipe and seed.

    Raises:
        TrainingError: a state that is none of this training.
    """

    def __init__(
        self, ops: Sequence[Mapping[str, Any]], data: Dataset, recipe: Recipe, seed: int, state: bytes = b""
    ) -> None:
        self._data, self._recipe, self._seed = data, recipe, seed
        order = torch.randperm(len(data.train), generator=self._drawn_for("held out")).numpy()
        held = max(1, round(recipe.validation * len(order)))  # of 4 or more, half at most: 2 are left
        self._held, self._train = order[:held], order[held:]
        self._mean, self._spread = _shades(data.train.images, self._train)
        with one_thread():
            self._net = Net(ops, self._drawn_for("weights"))
            self._optimizer = _optimizer(self._net, recipe)
        self._best: dict[str, Tensor] = {}
        self._progress = _Progress()
        if state:
            self._restore(state)

    @property
    def metric(self) -> str:
        """What the accuracy is: `top1`, or `mean_iou`."""
        return METRICS[self._data.kind]

    @property
    def batches(self) -> int:
        """Of an epoch. Their sizes differ by one at most, and none is smaller than the recipe says (if all are not)."""
        return max(1, len(self._train) // self._recipe.batch)

    @property
    def stopped(self) -> Stopped | None:
        """Why the training is over, or None while it is not."""
        progress = self._progress
        if progress.diverged:
            return "diverged"
        if progress.epoch >= self._recipe.epochs:
            return "epochs"
        return "patience" if progress.epoch - progress.best_epoch >= self._recipe.patience else None

    def steps(self) -> Iterator[Moment]:
        """Trains, and yields after each batch, when `state` may be asked for; the caller decides when to stop."""
        while self.stopped is None:
            order = self._order()
            while self._progress.batch < len(order):
                begun = time.perf_counter()
                with one_thread():
                    loss = self._step(*order[self._progress.batch])
                self._progress.batch += 1
                self._progress.loss_sum += loss
                self._progress.diverged = not math.isfinite(loss)
                if self._progress.batch == len(order) and not self._progress.diverged:
                    with one_thread():
                        self._end_epoch()
                self._progress.seconds += time.perf_counter() - begun
                yield self._moment(loss)
                if self._progress.batch == 0 or self._progress.diverged:
                    break

    def outcome(self) -> Outcome:
        """What the finished training came to, measured on the test images with the weights of the best epoch.

        Raises:
            TrainingError: it diverged before its first epoch was over.
        """
        stopped, progress = self.stopped, self._progress
        if stopped is None:
            raise ValueError("the training is not over")
        if not self._best:
            raise TrainingError(
                f"The training diverged within its first epoch: try a learning_rate below {self._recipe.learning_rate}."
            )
        begun = time.perf_counter()
        with one_thread():
            last = {name: value.clone() for name, value in self._net.state_dict().items()}
            self._net.load_state_dict(self._best)
            accuracy, _ = self._measure(self._data.test, np.arange(len(self._data.test)))
            self._net.load_state_dict(last)
        return Outcome(
            accuracy=accuracy,
            validation=progress.best_score[0],
            epochs=progress.epoch,
            best_epoch=progress.best_epoch,
            stopped=stopped,
            seconds=progress.seconds + time.perf_counter() - begun,
            curve=tuple(Epoch(*values) for values in progress.curve),
        )

    def state(self) -> bytes:
        """All that is needed to go on after the last batch, as a safetensors file."""
        arrays = {f"weights.{name}": value for name, value in self._net.state_dict().items()}
        arrays |= {f"best.{name}": value for name, value in self._best.items()}
        for number, kept in self._optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{number}.{name}": value for name, value in kept.items() if value is not None}
        progress = {**asdict(self._progress), "best_score": self._progress.best_score if self._best else None}
        header = {"format": VERSION, "kind": "training", "progress": progress}
        return pack({name: value.numpy() for name, value in arrays.items()}, header)

    def _restore(self, state: bytes) -> None:
        try:
            arrays, header = unpack(state)
            if (header["kind"], header["format"]) != ("training", VERSION):
                raise ValueError(f"it is a {header['kind']} of format {header['format']}")
            values = header["progress"]
            best = {} if values["best_score"] is None else {"best_score": tuple(values["best_score"])}
            curve = [tuple(epoch) for epoch in values["curve"]]
            self._progress = _Progress(**{**values, "curve": curve, "best_score": _Progress.best_score, **best})
            tensors = {name: torch.tensor(value) for name, value in arrays.items()}
            self._net.load_state_dict(_under("weights.", tensors))
            self._best = _under("best.", tensors)
            self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": _by_number(tensors)})
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            raise TrainingError(f"The state is none of this training: {' '.join(str(error).split())}.") from None

    def _drawn_for(self, *place: object) -> torch.Generator:
        """A generator for one place of the training."""
        text = repr((self._seed, *place)).encode()
        return seeded(int.from_bytes(blake2b(text, digest_size=8).digest(), "little") >> 1)

    def _order(self) -> list[tuple[NDArray[np.int64], Tensor]]:
        """The batches of the present epoch: numbers of images, and for each how it is moved and whether mirrored."""
        generator, n = self._drawn_for("epoch", self._progress.epoch), len(self._train)
        order = torch.randperm(n, generator=generator)
        shift = self._recipe.shift
        moves = torch.randint(-shift, shift + 1, (n, 2), generator=generator)
        mirrored = torch.randint(0, 2 if self._recipe.flip else 1, (n, 1), generator=generator)
        changes = torch.cat([moves, mirrored], dim=1)  # (n, 3)
        parts = zip(order.tensor_split(self.batches), changes.tensor_split(self.batches), strict=True)
        return [(self._train[numbers.numpy()], changed) for numbers, changed in parts]

    def _step(self, numbers: NDArray[np.int64], changes: Tensor) -> float:
        done = self._progress.epoch * self.batches + self._progress.batch
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.learning_rate * self._share(done)
        images, labels = self._tensors(self._data.train, numbers)
        if self._recipe.shift or self._recipe.flip:
            images, labels = _changed(images, labels, changes, self._recipe.shift)
        self._net.train()
        self._optimizer.zero_grad()
        loss = functional.cross_entropy(self._net(images), labels, ignore_index=OUTSIDE)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.item()

    def _share(self, done: int) -> float:
        """What part of the learning rate holds after so many batches."""
        if self._recipe.schedule == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * done / (self._recipe.epochs * self.batches)))

    def _end_epoch(self) -> None:
        progress = self._progress
        score, loss = self._measure(self._data.train, self._held)
        progress.curve.append((progress.loss_sum / self.batches, score))
        progress.epoch, progress.batch, progress.loss_sum = progress.epoch + 1, 0, 0.0
        if not math.isfinite(loss):
            progress.diverged = True
        elif (score, -loss) > progress.best_score:
            progress.best_score, progress.best_epoch = (score, -loss), progress.epoch
            self._best = {name: value.clone() for name, value in self._net.state_dict().items()}

    def _measure(self, split: Split, numbers: NDArray[np.int64]) -> tuple[float, float]:
        """Score and mean loss on some images."""
        self._net.eval()
        classes = self._data.classes
        confusion, loss = np.zeros((classes, classes), dtype=np.int64), 0.0
        with torch.no_grad():
            for part in np.split(numbers, range(self._recipe.batch, len(numbers), self._recipe.batch)):
                images, labels = self._tensors(split, part)
                scores = self._net(images)
                loss += functional.cross_entropy(scores, labels).item() * len(part)
                pairs = labels * classes + scores.argmax(dim=1)
                confusion += torch.bincount(pairs.flatten(), minlength=classes**2).view(classes, classes).numpy()
        return scored(confusion, self.metric), loss / len(numbers)

    def _tensors(self, split: Split, numbers: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Standardised images and their labels; copies, because where numpy's memory lies would change sums."""
        images: Bytes = split.images[numbers]
        mean, spread = (torch.tensor(part, dtype=torch.float32).view(-1, 1, 1) for part in (self._mean, self._spread))
        return (torch.tensor(images).float() - mean) / spread, torch.tensor(split.labels[numbers], dtype=torch.int64)

    def _moment(self, loss: float) -> Moment:
        progress = self._progress
        score = progress.curve[-1][1] if progress.curve else None
        return Moment(progress.epoch, self._recipe.epochs, progress.batch, self.batches, loss, score)


def train(ops: Sequence[Mapping[str, Any]], data: Dataset, recipe: Recipe, seed: int) -> Outcome:
    """A training from its beginning to its end."""
    trainer = Trainer(ops, data, recipe, seed)
    for _ in trainer.steps():
        pass
    return trainer.outcome()


def scored(confusion: NDArray[np.int64], metric: str) -> float:
    """From the counts (classes, classes) of label and answer: the part that is right, or the mean IoU.

    The intersection over union of a class is that of the pixels which have it and those which are said to, over all
    images together; the mean is over the classes that occur as either.
    """
    right, labelled, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    if metric == "top1":
        return float(right.sum() / confusion.sum())
    union = labelled + said - right
    return float((right[union > 0] / union[union > 0]).mean())


def _shades(images: Bytes, numbers: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each channel over some images, from exact counts; at least 1, were they blank."""
    counts = np.zeros((images.shape[1], 256))
    for part in np.array_split(numbers, -(-len(numbers) // 1024)):  # counting widens each byte to eight
        for channel in range(images.shape[1]):
            counts[channel] += np.bincount(images[part, channel].ravel(), minlength=256)
    share, shades = counts / counts.sum(axis=1, keepdims=True), np.arange(256.0)
    mean = share @ shades
    return mean, np.sqrt(np.maximum((share * (shades - mean[:, None]) ** 2).sum(axis=1), 1.0))


def _optimizer(net: Net, recipe: Recipe) -> torch.optim.Optimizer:
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay, fused=True)
    return torch.optim.SGD(
        net.parameters(), lr=rate, weight_decay=decay, momentum=MOMENTUM, nesterov=True, fused=True
    )  # fmt: skip


def _changed(images: Tensor, labels: Tensor, changes: Tensor, shift: int) -> tuple[Tensor, Tensor]:
    """Images moved by (y, x) and mirrored as `changes` (n, 3) says, their pixels' labels likewise.

    What is moved in from outside is 0, the mean, and has no label.
    """
    n, _, y, x = images.shape
    rows = torch.arange(y) + shift + changes[:, 0, None]  # (n, y), in the padded image
    columns = torch.arange(x) + shift + changes[:, 1, None]  # (n, x)
    columns = torch.where(changes[:, 2, None] == 1, columns.flip(1), columns)
    at = (torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :])
    around = (shift, shift, shift, shift)
    moved = functional.pad(images, around).permute(0, 2, 3, 1)[at].permute(0, 3, 1, 2).contiguous()
    if labels.ndim == 1:
        return moved, labels
    return moved, functional.pad(labels, around, value=OUTSIDE)[at]


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _by_number(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """The optimiser's state of each parameter."""
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in _under("optimizer.", tensors).items():
        number, _, name = key.partition(".")
        found.setdefault(int(number), {})[name] = value
    return found
