"""The network of Wu et al. 2023: eight linear layers, and its training.

KNOWN from the paper: "seven fully connected layers", numbered 1 to 8; inputs are the design parameters, outputs energy
and latency; a balanced two-term loss. INFERRED: eight linear layers L1..L8, ReLU between them, widths
64-128-128-128-128-64-32, Adam at 1e-3, batches of 256 (full batches below that), He's initial weights.

All weights lie in one flat vector. So "these entries may move" is one mask, an optimiser has one state, and a frozen
entry keeps its bits: its gradient is 0, its moments stay 0, and Adam subtracts 0. There is no weight decay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, prod, sqrt
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from models.base import Floats, Points
from models.scaling import Scale, Scaling

Initial = Literal["he", "fan_in"]
"""Uniform weights and biases 0 as He et al. 2015, eq. 10, or all uniform in +-1/sqrt(inputs) as PyTorch draws them when
it is not told. Through eight layers the latter's signals fade, and training starts slowly."""
WIDTHS = (64, 128, 128, 128, 128, 64, 32)
"""Outputs of L1 to L7. INFERRED."""


@dataclass(frozen=True)
class Training:
    """How a network is trained. INFERRED: the paper gives none of these."""

    epochs: int = 200
    learning_rate: float = 1e-3
    batch: int = 256
    alpha: float = 1.0
    """The weight of the second output's error (latency) beside the first's (energy), both z-scored."""
    scale: Scale = "log"
    initial: Initial = "he"

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch < 1 or not self.learning_rate > 0 or not self.alpha >= 0:
            raise ValueError(f"epochs and alpha must be at least 0, batch 1, and learning_rate above 0, got {self}")


class Network:
    """L1..L8 for one task or several: each has an L1, an L7 and an L8 of its own, and all share L2 to L6.

    `inputs` has the input width of each task, `widths` the output widths of L1 to L7.
    """

    def __init__(
        self,
        inputs: Sequence[int],
        outputs: int,
        generator: torch.Generator,
        widths: Sequence[int] = WIDTHS,
        initial: Initial = "he",
    ) -> None:
        if len(widths) != 7 or min(*inputs, outputs, *widths) < 1:
            raise ValueError(f"a network needs 7 widths, all sizes at least 1, got {inputs}, {widths}, {outputs}")
        self.inputs, self.outputs, self.widths = tuple(inputs), outputs, tuple(widths)
        shapes = {f"L1.{task}": (widths[0], n) for task, n in enumerate(inputs)}
        shapes |= {f"L{i}": (widths[i - 1], widths[i - 2]) for i in range(2, 7)}
        shapes |= {f"L7.{task}": (widths[6], widths[5]) for task in range(len(inputs))}
        shapes |= {f"L8.{task}": (outputs, widths[6]) for task in range(len(inputs))}
        self._shapes: dict[str, tuple[int, ...]] = {}
        for name, (n_out, n_in) in shapes.items():
            self._shapes |= {f"{name}.weight": (n_out, n_in), f"{name}.bias": (n_out,)}
        self._sizes = [prod(shape) for shape in self._shapes.values()]
        self.weights = torch.zeros(sum(self._sizes))
        for name, (_, n_in) in shapes.items():
            weight, bias = self.parts()[f"{name}.weight"], self.parts()[f"{name}.bias"]
            if initial == "fan_in":
                for part in (weight, bias):
                    part.copy_((torch.rand(part.shape, generator=generator) * 2 - 1) / sqrt(n_in))
                continue
            bound = 0.1 if name.startswith("L8") else sqrt(6 / n_in)  # L8: first predictions near the mean
            weight.copy_((torch.rand(weight.shape, generator=generator) * 2 - 1) * bound)

    def parts(self, flat: Tensor | None = None) -> dict[str, Tensor]:
        """Views of the weights, or of a vector as long, by name: `L3.weight` (out, in), `L1.0.bias` (out,)."""
        pieces = torch.split(self.weights if flat is None else flat, self._sizes)
        return {name: piece.view(shape) for (name, shape), piece in zip(self._shapes.items(), pieces, strict=True)}

    def forward(self, flat: Tensor, task: int, X: Tensor) -> Tensor:
        """Z-scored outputs (n, outputs) of the network with these weights."""
        parts = self.parts(flat)
        for name in (f"L1.{task}", "L2", "L3", "L4", "L5", "L6", f"L7.{task}"):
            X = torch.nn.functional.linear(X, parts[f"{name}.weight"], parts[f"{name}.bias"]).relu()
        return torch.nn.functional.linear(X, parts[f"L8.{task}.weight"], parts[f"L8.{task}.bias"])


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: sums keep their order, so equal seeds give equal bits on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def balanced_loss(predicted: Tensor, actual: Tensor, alpha: float) -> Tensor:
    """The mean over points of (en - en^)^2 + alpha (la - la^)^2 + ...; outputs (n, outputs), energy first. INFERRED."""
    squares = (predicted - actual).square().mean(dim=0)  # (outputs,)
    return squares.sum() + (alpha - 1) * squares[1] if len(squares) > 1 else squares.sum()


@dataclass(frozen=True)
class Anchor:
    """L2-SP: `strength` times the squared distance from where training starts, over the entries that may move."""

    strength: float
    start: Tensor


class Regressor:
    """A network with the scaling of each of its tasks; `free` marks the entries of its weights that may move."""

    def __init__(self, network: Network, training: Training, generator: torch.Generator) -> None:
        self.network, self.training, self.generator = network, training, generator
        self.scalings: list[Scaling] = []
        self.free: Tensor | None = None

    def fit(self, tasks: Sequence[Points], epochs: int | None = None, anchor: Anchor | None = None) -> list[float]:
        """Trains on one set of points per task, going on from the present weights; the training loss of each epoch."""
        with one_thread():
            return list(self.epochs(tasks, epochs, anchor))

    def epochs(
        self, tasks: Sequence[Points], epochs: int | None = None, anchor: Anchor | None = None
    ) -> Iterator[float]:
        """Yields the mean training loss of each epoch, its tasks' losses added, after each; call it on one thread.

        The loss is the balanced one, without the anchor's part.
        """
        training = self.training
        if len(tasks) != len(self.network.inputs):
            raise ValueError(f"the network has {len(self.network.inputs)} tasks, got points of {len(tasks)}")
        self.scalings = [Scaling.fit(points.Y, training.scale) for points in tasks]
        data = [self._tensors(task, points) for task, points in enumerate(tasks)]
        flat = self.network.weights.requires_grad_()
        adam = torch.optim.Adam([flat], lr=training.learning_rate, fused=True)
        try:
            for _ in range(training.epochs if epochs is None else epochs):
                losses = [self._step(adam, flat, batches, anchor) for batches in self._batches(data)]
                yield sum(losses) / len(losses)
        finally:
            flat.requires_grad_(False).grad = None

    def _step(
        self, adam: torch.optim.Adam, flat: Tensor, batches: list[tuple[Tensor, Tensor]], anchor: Anchor | None
    ) -> float:
        predicted = [self.network.forward(flat, task, X) for task, (X, _) in enumerate(batches)]
        loss = torch.stack(
            [balanced_loss(p, Y, self.training.alpha) for p, (_, Y) in zip(predicted, batches, strict=True)]
        ).sum()
        (grad,) = torch.autograd.grad(loss, flat)
        if anchor is not None:
            grad = grad + 2 * anchor.strength * (flat.detach() - anchor.start)
        flat.grad = grad if self.free is None else grad.mul(self.free)
        adam.step()
        return loss.item()

    def _batches(self, data: list[tuple[Tensor, Tensor]]) -> Iterator[list[tuple[Tensor, Tensor]]]:
        """One batch of each task at a time, until the task with most points is through; the others begin again."""
        size = self.training.batch
        orders = [
            torch.split(torch.randperm(len(X), generator=self.generator), size) if len(X) > size else None
            for X, _ in data
        ]
        for step in range(max(ceil(len(X) / size) for X, _ in data)):
            yield [
                (X, Y) if order is None else (X[order[step % len(order)]], Y[order[step % len(order)]])
                for (X, Y), order in zip(data, orders, strict=True)
            ]

    def _tensors(self, task: int, points: Points) -> tuple[Tensor, Tensor]:
        # Copies, so that torch aligns them: where numpy's memory happens to lie would change the order of sums.
        X = torch.tensor(points.X, dtype=torch.float32)
        return X, torch.tensor(self.scalings[task].forward(points.Y), dtype=torch.float32)

    def loss(self, points: Points, task: int = 0) -> float:
        """The balanced loss on these points, z-scored as the training points were."""
        X, Y = self._tensors(task, points)
        with torch.no_grad():
            return float(balanced_loss(self.network.forward(self.network.weights, task, X), Y, self.training.alpha))

    def predict(self, X: Floats, task: int = 0) -> Floats:
        """Outputs (n, outputs) in their units for encoded designs (n, inputs); it must have been trained before."""
        with one_thread(), torch.no_grad():
            inputs = torch.tensor(X, dtype=torch.float32)
            z = self.network.forward(self.network.weights, task, inputs)
        return self.scalings[task].back(z.numpy().astype(np.float64))


def seeded(seed: int) -> torch.Generator:
    """A generator of its own: nothing here draws from torch's global one."""
    return torch.Generator().manual_seed(seed)
