"""A policy that makes one choice after the other: a recurrent network, learnt by REINFORCE without a critic.

The actor of ConfuciuX (Kao, Jeong and Krishna, MICRO 2020; KNOWN from its public code): three linear encoders of 10
units (context, last two choices, position), three layers of 128 with ReLU, an LSTM cell of 128, softmax heads; Adam,
gradients clipped at 100, and at 10 in the LSTM. Where ConfuciuX has the same heads for every layer of a network, each
choice here has one of its own, since choices differ in number.

Nothing is drawn inside: who draws hands in uniform numbers, so the policy follows from its seed and what it was taught.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.base import Floats
from models.mlp import one_thread

Ints = NDArray[np.int64]
ENCODED, HIDDEN = 10, 128
CLIP, CLIP_LSTM = 100.0, 10.0


class Policy:
    """`counts` (a,): how many options each choice has; `width`: of the context, numbers in [-1, 1]."""

    def __init__(self, counts: Sequence[int], width: int, learning_rate: float, seed: int) -> None:
        self._counts = tuple(counts)
        with torch.random.fork_rng(devices=[]):  # modules draw their first weights, which are replaced, from there
            self._actor = _Actor(self._counts, width)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weights in self._actor.parameters():
                bound = 1 / sqrt(weights.shape[-1])
                weights.copy_(torch.rand(weights.shape, generator=generator) * (2 * bound) - bound)
        self._adam = torch.optim.Adam(self._actor.parameters(), learning_rate)

    def draw(self, context: Floats, uniforms: Floats, temperature: float = 1.0) -> Ints:
        """Choices by the policy, the more even the higher the temperature: context (n, w), numbers in [0, 1) (n, a)."""
        choices = torch.zeros(uniforms.shape, dtype=torch.int64)
        with one_thread(), torch.no_grad():
            steps = self._actor.steps(torch.from_numpy(context).float(), choices)
            for i, logits in enumerate(steps):
                below = (logits.double() / temperature).softmax(dim=1).cumsum(dim=1)  # (n, count)
                drawn = (below < torch.from_numpy(uniforms[:, i, None])).sum(dim=1)
                choices[:, i] = drawn.clamp(max=self._counts[i] - 1)  # the last sum may fall short of 1
        return choices.numpy()

    def learn(self, context: Floats, choices: Ints, returns: Floats) -> None:
        """One step of Adam: choices with positive returns become likelier.  # (n, w), (n, a), (n, a)"""
        with one_thread():
            logs = self._log_probability(context, choices)
            loss = -(logs * torch.from_numpy(returns).float()).sum(dim=1).mean()
            self._adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._actor.parameters(), CLIP)
            nn.utils.clip_grad_norm_(self._actor.memory.parameters(), CLIP_LSTM)
            self._adam.step()

    def _log_probability(self, context: Floats, choices: Ints) -> Tensor:
        """Of each choice after those before it: (n, w), (n, a) -> (n, a)."""
        made = torch.from_numpy(choices)
        steps = self._actor.steps(torch.from_numpy(context).float(), made)
        return torch.stack(
            [logits.log_softmax(dim=1).gather(1, made[:, i, None])[:, 0] for i, logits in enumerate(steps)], dim=1
        )


class _Actor(nn.Module):
    def __init__(self, counts: tuple[int, ...], width: int) -> None:
        super().__init__()
        self._counts = counts
        self.context, self.actions, self.position = (nn.Linear(size, ENCODED) for size in (width, 2, 2))
        sizes = (3 * ENCODED, HIDDEN, HIDDEN, HIDDEN)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.memory = nn.LSTMCell(HIDDEN, HIDDEN)
        self.heads = nn.ModuleList(nn.Linear(HIDDEN, count) for count in counts)

    def steps(self, context: Tensor, choices: Tensor) -> Iterator[Tensor]:
        """Logits of each choice, (n, count); the choice must stand in `choices` (n, a) before the next is asked for."""
        n, axes = choices.shape
        last = torch.zeros(n, 2)
        state = (torch.zeros(n, HIDDEN), torch.zeros(n, HIDDEN))
        about = self.context(context)
        for i, count in enumerate(self._counts):
            place = torch.tensor([i / axes, (i + 1) / axes]) * 2 - 1
            x = torch.cat([about, self.actions(last), self.position(place).expand(n, ENCODED)], dim=1)
            for layer in self.layers:
                x = layer(x).relu()
            state = self.memory(x, state)
            yield self.heads[i](state[0])
            made = choices[:, i].float() / max(1, count - 1) * 2 - 1
            last = torch.stack([last[:, 1], made], dim=1)
