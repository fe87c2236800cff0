"""What many tasks have in common: an ensemble of small networks from physical features to how far an estimate is off.

It needs no point of a task to say something about it, and says worse the less the task resembles those it has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float64]


CLIP = 4.0
"""Inputs further out than so many standard deviations are of a kind that was never seen."""
GRID = 4096.0


@dataclass(frozen=True)
class PriorSettings:
    """How the ensemble is built and trained."""

    networks: int = 5
    width: int = 64
    steps: int = 400
    batch: int = 256
    rate: float = 3e-3
    decay: float = 1e-3
    held_out: float = 0.1


class Prior:
    """`networks` of three layers, trained side by side on points drawn anew for each.

    `skill` (o,) is the part of the variance of points held out that it explains, beyond each task's mean: what is
    not above 0 has learnt nothing.
    """

    def __init__(self, x: Floats, y: Floats, task: NDArray[np.int64], seed: int, settings: PriorSettings) -> None:
        generator = torch.Generator().manual_seed(seed)
        rng = np.random.default_rng(seed)
        self._centre, self._scale = x.mean(axis=0), x.std(axis=0) + 1e-6
        self._mean, self._spread = y.mean(axis=0), y.std(axis=0) + 1e-6
        out = rng.random(len(x)) < settings.held_out
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            trained = _train(self._inputs(x[~out]), self._targets(y[~out]), generator, settings)
        finally:
            torch.set_num_threads(threads)
        self._weights = [weight.numpy().astype(np.float64) for weight in trained]
        self.skill = self._skill(x[out], y[out], task[out])

    def _inputs(self, x: Floats) -> torch.Tensor:
        return torch.from_numpy(np.clip((x - self._centre) / self._scale, -CLIP, CLIP).astype(np.float32))

    def _targets(self, y: Floats) -> torch.Tensor:
        return torch.from_numpy(((y - self._mean) / self._spread).astype(np.float32))

    def _skill(self, x: Floats, y: Floats, task: NDArray[np.int64]) -> Floats:
        if not len(x):
            return np.zeros(y.shape[1])
        error, spread = y - self.mean(x), np.array(y)
        for one in np.unique(task):
            error[task == one] -= error[task == one].mean(axis=0)
            spread[task == one] -= spread[task == one].mean(axis=0)
        found: Floats = 1.0 - (error**2).sum(axis=0) / np.maximum((spread**2).sum(axis=0), 1e-12)
        return found

    def mean(self, x: Floats) -> Floats:
        """(n, f) -> (n, o): the mean of the networks, the same for an input whatever others it comes with.

        Sums of a matrix product depend on the number of rows in their last digits: these are cut off.
        """
        of = np.clip((x - self._centre) / self._scale, -CLIP, CLIP)
        found = np.broadcast_to(of, (len(self._weights[0]), *of.shape))
        layers = list(zip(self._weights[::2], self._weights[1::2], strict=True))
        for number, (weight, bias) in enumerate(layers):
            found = found @ weight + bias
            if number < len(layers) - 1:
                found = found / (1.0 + np.exp(-found))
        mean: Floats = np.round((found.mean(axis=0) * self._spread + self._mean) * GRID) / GRID
        return mean


def _train(x: torch.Tensor, y: torch.Tensor, generator: torch.Generator, s: PriorSettings) -> list[torch.Tensor]:
    sizes = [x.shape[1], s.width, s.width, s.width, y.shape[1]]
    weights: list[torch.Tensor] = []
    for inside, outside in pairwise(sizes):
        weights.append(torch.randn(s.networks, inside, outside, generator=generator) * (1.5 / inside) ** 0.5)
        weights.append(torch.zeros(s.networks, 1, outside))
    for weight in weights:
        weight.requires_grad_(True)
    adam = torch.optim.AdamW(weights, lr=s.rate, weight_decay=s.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, s.steps)
    for _ in range(s.steps):
        drawn = torch.randint(len(x), (s.networks, min(s.batch, len(x))), generator=generator)
        loss = ((_forward(weights, x[drawn]) - y[drawn]) ** 2).mean(dim=(1, 2)).sum()
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        schedule.step()
    return [weight.detach() for weight in weights]


def _forward(weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """(networks, n, f) -> (networks, n, o)."""
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    for number, (weight, bias) in enumerate(layers):
        x = torch.baddbmm(bias, x, weight)
        if number < len(layers) - 1:
            x = torch.nn.functional.silu(x)
    return x
