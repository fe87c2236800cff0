"""Transfer as in Wu et al. 2023, after PAC-Net (Myung et al., ICML 2022): prune, allocate, calibrate.

    train      a network on the source task                                        -> w_S
    prune      the weights of L3 to L5 that are small in magnitude, to 0           -> mask m: 1 essential, 0 redundant
    allocate   train on the source again; redundant weights stay 0, the others     -> w_U = w * m
               are held near w_S by L2-SP, lambda * |w - w_S|^2
    calibrate  a new network of the target's widths: L3 to L5 from the source, with essential weights frozen and
               redundant ones starting at 0; L1, L2, L6, L7, L8 new; trained on the target
                                                                                -> w_T = w_U * m + w_P * (1 - m)

KNOWN: which layers are transferred and which are new; a "manually set" threshold w_t on |w|; PAC-Net's order, and L2-SP
in allocate. INFERRED: keep 50 % of the weights of L3 to L5, ranked together; lambda 1e-3; redundant weights start at 0;
biases of transferred layers start at the source's and are trained. What is not in L3 to L5 is never pruned: it is
trained in allocate, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from models.base import Floats, Points, pack, training_hash, unpack
from models.mlp import WIDTHS, Anchor, Network, Regressor, Training, one_thread, seeded
from models.scaling import Scaling

TRANSFERRED = ("L3", "L4", "L5")
FORMAT = 1


@dataclass(frozen=True)
class SourceSettings:
    """How a source network is trained, and how much of it is kept. INFERRED throughout."""

    training: Training = field(default_factory=Training)
    widths: tuple[int, ...] = WIDTHS
    keep: float = 0.5
    """The part of the weights of L3 to L5 that is essential, largest first."""
    threshold: float | None = None
    """w_t: with it, the essential weights are those above it in magnitude, however many they are."""
    l2_sp: float = 1e-3
    allocate_epochs: int = 100
    folds: int = 5
    """Parts of the cross-validation, which also chooses the number of epochs; 0 or 1: none, all epochs are trained."""

    def __post_init__(self) -> None:
        if not 0 <= self.keep <= 1 or self.l2_sp < 0 or self.allocate_epochs < 0 or (self.threshold or 0) < 0:
            raise ValueError(f"keep must lie in 0..1, and threshold, l2_sp and allocate_epochs not below 0, got {self}")


@dataclass(frozen=True)
class Facts:
    """What a source network was trained on, JSON-able; kept in its file, so that a reader can tell what fits it."""

    axes: Sequence[Any]
    """The axes of its space, with their choices."""
    encoding: str
    """How a design becomes a row of X."""
    metrics: tuple[str, ...]
    """The columns of Y: energy first, then latency."""
    code_version: str


@dataclass(frozen=True)
class Layer:
    """A transferred layer: weight (out, in), bias (out,), and which of the weights are essential (out, in)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    essential: NDArray[np.bool_]


@dataclass(frozen=True)
class Scores:
    """What cross-validation says of a network, on points it was not trained on; one value per metric where a tuple."""

    folds: int
    epochs: int
    """The number at which the folds' mean loss was lowest."""
    loss: float
    """The balanced loss there, z-scored: 1 + alpha for a network that always predicts the mean."""
    rmse_log2: tuple[float, ...] = ()
    """Of log2 of the metric, at that number of epochs."""
    rank_correlation: tuple[float, ...] = ()
    """Spearman's."""
    curve: tuple[float, ...] = field(default=(), repr=False)
    """The folds' mean held-out loss after each epoch."""


@dataclass(frozen=True)
class SourceNetwork:
    """A network that was trained, pruned and allocated on its source task: what others take L3 to L5 from."""

    facts: Facts
    settings: SourceSettings
    scaling: Scaling
    arrays: Mapping[str, NDArray[np.float32]]
    """Its weights, as `Network.parts` names them."""
    essential: Mapping[str, NDArray[np.bool_]]
    """Masks of L3 to L5, by name."""
    points: int
    training_hash: str
    scores: Scores | None

    @property
    def transferred(self) -> dict[str, Layer]:
        """L3 to L5, by name."""
        return {
            name: Layer(self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"], self.essential[name])
            for name in TRANSFERRED
        }

    def regressor(self) -> Regressor:
        """The network itself, for designs of its own space."""
        inputs, outputs = self.arrays["L1.0.weight"].shape[1], len(self.facts.metrics)
        network = Network((inputs,), outputs, seeded(0), self.settings.widths)
        for name, part in network.parts().items():
            part.copy_(torch.tensor(self.arrays[name]))
        regressor = Regressor(network, self.settings.training, seeded(0))
        regressor.scalings = [self.scaling]
        return regressor

    def predict(self, X: Floats) -> Floats:
        """Metrics (n, metrics) in their units for encoded designs (n, inputs) of its own space."""
        return self.regressor().predict(X)

    def to_bytes(self) -> bytes:
        """The content of its safetensors file."""
        masks = {f"{name}.essential": mask.astype(np.uint8) for name, mask in self.essential.items()}
        header = {
            "format": FORMAT,
            "kind": "transfer",
            "facts": asdict(self.facts),
            "settings": asdict(self.settings),
            "scaling": self.scaling.header(),
            "points": self.points,
            "training_hash": self.training_hash,
            "scores": asdict(self.scores) if self.scores else None,
        }
        return pack({**self.arrays, **masks}, header)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The inverse of `to_bytes`.

        Raises:
            ValueError: not such a file, or of another format.
        """
        arrays, header = unpack(content)
        try:
            if (header["kind"], header["format"]) != ("transfer", FORMAT):
                raise ValueError(f"not a source network of format {FORMAT}: {header['kind']} {header['format']}")
            facts, settings, scores = header["facts"], header["settings"], header["scores"]
            network = cls(
                facts=Facts(**{**facts, "metrics": tuple(facts["metrics"])}),
                settings=SourceSettings(
                    **{
                        **settings,
                        "widths": tuple(settings["widths"]),
                        "training": Training(**settings["training"]),
                    }
                ),
                scaling=Scaling.from_header(header["scaling"]),
                arrays={name: a for name, a in arrays.items() if not name.endswith(".essential")},
                essential={name: arrays[f"{name}.essential"].astype(np.bool_) for name in TRANSFERRED},
                points=header["points"],
                training_hash=header["training_hash"],
                scores=Scores(**_tuples(scores)) if scores else None,
            )
            network.regressor()
        except (KeyError, TypeError, RuntimeError, IndexError) as error:
            raise ValueError(f"the file of a source network is incomplete: {error!r}") from None
        return network


def _tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples they were."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}


def train_source(points: Points, facts: Facts, settings: SourceSettings | None = None, seed: int = 0) -> SourceNetwork:
    """Train, cross-validate, prune and allocate a network on a source task; equal arguments give equal bytes.

    Raises:
        ValueError: too few points (fewer than 2), or outputs that are not finite and positive.
    """
    settings = settings or SourceSettings()
    if len(points.X) < 2:
        raise ValueError(f"a source network needs 2 points or more, got {len(points.X)}")
    if points.Y.shape[1] != len(facts.metrics):
        raise ValueError(f"the points have {points.Y.shape[1]} outputs for the metrics {facts.metrics}")
    scores = cross_validate(points, settings, seed) if settings.folds > 1 else None
    regressor = fresh((points.X.shape[1],), points.Y.shape[1], settings.training, settings.widths, seed)
    regressor.fit([points], scores.epochs if scores else None)
    essential = prune(regressor.network, settings.keep, settings.threshold)
    allocate(regressor, essential, points, settings.l2_sp, settings.allocate_epochs)
    return SourceNetwork(
        facts=facts,
        settings=settings,
        scaling=regressor.scalings[0],
        arrays={name: part.numpy().copy() for name, part in regressor.network.parts().items()},
        essential={name: mask.numpy() for name, mask in essential.items()},
        points=len(points.X),
        training_hash=training_hash(points.X, points.Y),
        scores=scores,
    )


def fresh(inputs: Sequence[int], outputs: int, training: Training, widths: Sequence[int], seed: int) -> Regressor:
    """A network of random weights, one input width per task, ready to be trained."""
    generator = seeded(seed)
    return Regressor(Network(inputs, outputs, generator, widths, training.initial), training, generator)


def cross_validate(points: Points, settings: SourceSettings, seed: int = 0) -> Scores:
    """k-fold: each part of the points is predicted by a network trained on the others.

    With fewer points than folds, each point is a fold.
    """
    n = len(points.X)
    folds = min(settings.folds, n)
    parts = np.array_split(np.random.default_rng(seed).permutation(n), folds)
    curves, outside, errors = [], [], []
    for part in parts:
        rest = np.setdiff1d(np.arange(n), part)
        held, kept = Points(points.X[part], points.Y[part]), Points(points.X[rest], points.Y[rest])
        regressor = fresh((points.X.shape[1],), points.Y.shape[1], settings.training, settings.widths, seed)
        curve: list[float] = []
        best: Floats = np.zeros_like(held.Y)
        with one_thread():
            for _ in regressor.epochs([kept]):
                curve.append(regressor.loss(held))
                if curve[-1] == min(curve):
                    best = regressor.predict(held.X)
        curves.append(curve)
        outside.append(held.Y)
        errors.append(best)
    mean = np.mean(curves, axis=0)  # (epochs,)
    epochs = int(mean.argmin()) + 1
    actual, predicted = np.vstack(outside), np.maximum(np.vstack(errors), np.finfo(float).tiny)
    return Scores(
        folds=folds,
        epochs=epochs,
        loss=float(mean[epochs - 1]),
        rmse_log2=tuple(float(v) for v in np.sqrt(((np.log2(predicted) - np.log2(actual)) ** 2).mean(axis=0))),
        rank_correlation=tuple(_rank_correlation(a, p) for a, p in zip(actual.T, predicted.T, strict=True)),
        curve=tuple(float(v) for v in mean),
    )


def _rank_correlation(a: Floats, b: Floats) -> float:
    """Spearman's; 0 where one does not vary."""
    return float(spearmanr(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def prune(network: Network, keep: float = 0.5, threshold: float | None = None) -> dict[str, Tensor]:
    """Which weights of L3 to L5 are essential, masks (out, in) by name; the layers are ranked together.

    By rank (PAC-Net's kappa, as a part of all), or by a threshold on the magnitude (Wu's w_t).
    """
    parts = network.parts()
    weights = {name: parts[f"{name}.weight"].abs() for name in TRANSFERRED}
    if threshold is not None:
        return {name: weight > threshold for name, weight in weights.items()}
    flat = torch.cat([weight.flatten() for weight in weights.values()])
    mask = torch.zeros(len(flat), dtype=torch.bool)
    mask[flat.sort(descending=True, stable=True).indices[: round(keep * len(flat))]] = True
    pieces = torch.split(mask, [weight.numel() for weight in weights.values()])
    return {name: piece.view_as(weights[name]).clone() for name, piece in zip(weights, pieces, strict=True)}


def allocate(
    regressor: Regressor, essential: Mapping[str, Tensor], points: Points, l2_sp: float, epochs: int
) -> list[float]:
    """Trains on the source without its redundant weights, near where it was; the loss of each epoch."""
    network = regressor.network
    start = network.weights.clone()
    free = torch.ones_like(network.weights)
    for name, mask in essential.items():
        network.parts()[f"{name}.weight"].mul_(mask)
        network.parts(free)[f"{name}.weight"].copy_(mask)
    regressor.free = free
    losses = regressor.fit([points], epochs, Anchor(l2_sp, start))
    regressor.free = None
    return losses


def embed(regressor: Regressor, layers: Mapping[str, Layer]) -> None:
    """Puts transferred layers into a new network: from here on its essential weights keep their bits.

    Raises:
        ValueError: the layers have other sizes.
    """
    network = regressor.network
    free = torch.ones_like(network.weights)
    parts, marks = network.parts(), network.parts(free)
    for name, layer in layers.items():
        if parts[f"{name}.weight"].shape != layer.weight.shape:
            wanted, given = tuple(parts[f"{name}.weight"].shape), layer.weight.shape
            raise ValueError(f"{name} of the source is {given}, of the target {wanted}")
        essential = torch.tensor(layer.essential)
        parts[f"{name}.weight"].copy_(torch.tensor(layer.weight) * essential)
        parts[f"{name}.bias"].copy_(torch.tensor(layer.bias))
        marks[f"{name}.weight"].copy_(~essential)
    regressor.free = free
