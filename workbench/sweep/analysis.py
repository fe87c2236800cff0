"""A block of a plan analysed layer by layer: what both modes share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.problem.layer import Layer
from workbench.simulators.dataflow.levels import Batch, Ints, batch_of, whole
from workbench.simulators.dataflow.tensors import DataLayer
from workbench.sweep.cells import Cells
from workbench.sweep.plan import L1, L2, NOC, PES, Block, Plan

Floats = NDArray[np.float64]


class Analysis(Protocol):
    """A block whose mappings are analysed."""

    def cells(self, number: int) -> Cells | None:
        """Those of one number of PEs, counted from the block's first; None where nothing is valid."""
        ...


@dataclass(frozen=True)
class Axes:
    """The values of a block: PEs, bits per cycle of the NoC, and bits of L1 and L2; and the vector width."""

    pes: Ints
    noc: Ints
    l1: Ints
    l2: Ints
    simd: int


def axes_of(plan: Plan, block: Block) -> Axes:
    """The values that a block's places stand for."""
    return Axes(
        plan.choices(PES)[block.pes],
        plan.choices(NOC)[block.noc],
        plan.choices(L1),
        plan.choices(L2),
        plan.constants(block)[1],
    )


@dataclass(frozen=True)
class Mapped:
    """A layer on the PEs of a block that are not alike to its mapping: `of` (p,) is each number's row in the batch."""

    layer: Layer
    shape: DataLayer
    count: int
    batch: Batch
    of: Ints


def mapped(plan: Plan, block: Block, pes: Ints) -> Iterator[Mapped]:
    """The different layers of the workload."""
    for layer, shape, count, mapping in plan.layers(block):
        clusters = [whole(cluster.size) for cluster in mapping.clusters]
        _, first, of = np.unique(_folds(clusters, pes), axis=0, return_index=True, return_inverse=True)
        batch = batch_of([(shape, mapping, int(pes[i])) for i in first])
        yield Mapped(layer, shape, count, batch, of.reshape(-1))


def _folds(clusters: list[int], pes: Ints) -> Ints:
    """How often the clusters of each level fit: what a mapping knows of the number of PEs.  # (p,) -> (p, levels)"""
    inner = np.cumprod([1, *clusters[::-1]])[::-1]  # PEs of a sub-cluster of each level, outermost first
    if len(inner) == 1:
        return pes[:, None]
    found: Ints = pes[:, None] // inner[None, :-1]
    return found


def distinct(widths: Ints, largest: int) -> tuple[Ints, Ints]:
    """Bandwidths that a delay can tell apart, (1, u), and the place of each width (w,) among them.

    A delay of x elements is ceil(x / width): 1 for every width from x on. So widths above the largest x are one.
    """
    found, of = np.unique(np.minimum(widths, max(largest, 1)), return_inverse=True)
    return found[None, :], of.reshape(-1)
