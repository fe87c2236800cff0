"""Valid designs that are stored beside the front: all of a block, or the best of all."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np

from store.designs import Designs
from workbench.problem.space import Space
from workbench.sweep.study import Floats, Ints

GATHERED = 2**20


class Kept:
    """Designs by rank and objectives; with `most`, those of least energy-delay product, of equal ones the smaller."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._ranks: list[Ints] = []
        self._values: list[Floats] = []
        self._count = 0
        self._worst = np.inf

    def add(self, ranks: Ints, values: Floats) -> None:
        """(k,), (k, 3)"""
        if self._most is not None:
            near = values[:, 0] * values[:, 1] <= self._worst
            ranks, values = ranks[near], values[near]
        self._ranks.append(ranks)
        self._values.append(values)
        self._count += len(ranks)
        if self._most is not None and self._count > self._most + GATHERED:
            self._cut()

    def arrays(self) -> tuple[Ints, Floats]:
        """All that is kept, in the order of the space."""
        self._cut()
        ranks = np.concatenate([np.zeros(0, dtype=np.int64), *self._ranks])
        values = np.concatenate([np.zeros((0, 3)), *self._values])
        order = np.argsort(ranks)
        return ranks[order], values[order]

    def _cut(self) -> None:
        if self._most is None or self._count <= self._most:
            return
        ranks, values = np.concatenate(self._ranks), np.concatenate(self._values)
        products = values[:, 0] * values[:, 1]
        best = np.lexsort([ranks, values[:, 2], products])[: self._most]
        self._worst = float(products[best[-1]])
        self._ranks, self._values, self._count = [ranks[best]], [values[best]], len(best)

    def state(self) -> dict[str, str]:
        """As JSON-able content."""
        ranks, values = self.arrays()
        return {"ranks": b64encode(ranks.tobytes()).decode(), "values": b64encode(values.tobytes()).decode()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """What `state` gave."""
        values = np.frombuffer(b64decode(state["values"]), dtype=np.float64).reshape(-1, 3)
        self.add(np.frombuffer(b64decode(state["ranks"]), dtype=np.int64), values)


def designs_of(space: Space, ranks: Ints, values: Floats) -> Designs:
    """As chunks have them."""
    codes = np.stack(np.unravel_index(ranks, space.shape), axis=1).astype(np.uint32)
    latency, energy, area = (np.ascontiguousarray(column) for column in values.T)
    return Designs(codes, latency, energy, area)
