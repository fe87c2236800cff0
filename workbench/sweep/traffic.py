"""What DRAM moves, for every size of the L2 at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from workbench.simulators.dataflow.corrected import Bits
from workbench.simulators.dataflow.levels import Ints
from workbench.simulators.dataflow.memory import Cuts
from workbench.simulators.dataflow.tensors import IN, OUT, WT
from workbench.sweep.analysis import Floats


@dataclass(frozen=True)
class Traffic:
    """What DRAM moves for each size of the L2: elements of input, weight and output (u, n, 3); `unfinished` (u, n) of
    the output are partial sums that come back. `needed` (u,) bits of the L2 are the least."""

    given: Ints
    unfinished: Ints
    needed: Ints

    @property
    def moved(self) -> Ints:
        """Elements that cross the chip's edge, either way."""
        found = self.given.copy()
        found[..., OUT] += self.unfinished
        return found

    def inwards(self, bits: Bits) -> Floats:
        """Bits that enter the chip (u, n)."""
        found: Floats = (
            self.given[..., IN] * bits.input + self.given[..., WT] * bits.weight + self.unfinished * bits.partial
        ).astype(np.float64)
        return found

    def outwards(self, bits: Bits) -> Floats:
        """Bits that leave the chip (u, n): finished outputs and partial sums."""
        found: Floats = (
            (self.given[..., OUT] - self.unfinished) * bits.output + self.unfinished * bits.partial
        ).astype(np.float64)
        return found


def traffic_of(cuts: Cuts, bits: Ints, capacity: Ints) -> Traffic:
    """The best cuts for each size of an L2 that holds all tensors: as `dataflow.memory.least`, for all sizes at once.

    In order of the room that they take, the best so far is the best of what fits; of equal ones the first.
    """
    chosen = np.array(list(product(range(cuts.room.shape[2]), repeat=3)))  # (x, 3)
    room, moved = cuts.room * bits[:, None], cuts.moved * (bits * np.array([1, 1, 2]))[:, None]
    used = np.add.reduce([room[:, t, chosen[:, t]] for t in (IN, WT, OUT)])  # (u, x)
    cost = np.add.reduce([moved[:, t, chosen[:, t]] for t in (IN, WT, OUT)])
    by_cost, by_room = np.argsort(cost, axis=1, kind="stable"), np.argsort(used, axis=1, kind="stable")
    rank = np.empty_like(by_cost)
    np.put_along_axis(rank, by_cost, np.arange(len(chosen))[None, :], axis=1)
    best = np.minimum.accumulate(np.take_along_axis(rank, by_room, axis=1), axis=1)
    rooms = np.take_along_axis(used, by_room, axis=1)
    fitting = np.stack([np.searchsorted(row, capacity, side="right") for row in rooms])  # (u, n)
    last = np.maximum(fitting - 1, 0)
    cut = chosen[np.take_along_axis(by_cost, np.take_along_axis(best, last, axis=1), axis=1)]  # (u, n, 3)
    row = np.arange(len(used))[:, None]
    given = np.stack([cuts.moved[row, t, cut[..., t]] for t in (IN, WT, OUT)], axis=2)
    needed = (cuts.room[:, :, -1] * bits).sum(axis=1)
    return Traffic(given, given[..., OUT] - cuts.moved[:, OUT, :1], needed)
