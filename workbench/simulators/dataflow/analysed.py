"""The public tool's analysis of designs, on arrays or, once there are many, compiled: the same numbers either way."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from workbench.simulators.compiled import fast_available
from workbench.simulators.dataflow import compatible
from workbench.simulators.dataflow.built import Timing, build
from workbench.simulators.dataflow.levels import Bools, Ints, batch_of
from workbench.simulators.dataflow.mapping import Mapping
from workbench.simulators.dataflow.tensors import DataLayer

logger = logging.getLogger(__name__)

DESIGNS_ON_ARRAYS: Final = 1024
"""How many designs a process analyses on arrays before it loads the compiled kernel, which takes about as long."""


@dataclass(frozen=True)
class Analysed:
    """Counts, cycles, and whether the tool crashes, of each design (b,)."""

    counts: compatible.Counts
    runtime: Ints
    crashes: Bools


def analysed(
    designs: Sequence[tuple[DataLayer, Mapping, int]], timing: Timing, compiled: bool | None = None
) -> Analysed:
    """Designs (layer, mapping, PEs) of one skeleton, each at a timing of its own (b, 1) or all at one (1, 1).

    `compiled` says which way; by default it is the one that is done sooner.
    """
    if _KERNEL.worthwhile(len(designs)) if compiled is None else compiled:
        return _compiled(designs, timing)
    return _on_arrays(designs, timing)


def _on_arrays(designs: Sequence[tuple[DataLayer, Mapping, int]], timing: Timing) -> Analysed:
    built = build(batch_of(designs))
    cycles = compatible.cycles(built, timing)
    return Analysed(compatible.counts(built), cycles.runtime[:, 0], cycles.crashes[:, 0])


def _compiled(designs: Sequence[tuple[DataLayer, Mapping, int]], timing: Timing) -> Analysed:
    from workbench.simulators.dataflow import fast

    each = (timing.noc, timing.latency, timing.offchip, timing.simd)
    found, status = fast.evaluate(
        fast.packed(designs), np.hstack([np.broadcast_to(values, (len(designs), 1)) for values in each])
    )
    if (status == fast.TOO_LARGE).any():  # more cases than the kernel has room for
        return _on_arrays(designs, timing)
    runtime, macs, *rest = found.T
    reads, writes, l2_need, l1_need = (tuple(rest[at : at + 3]) for at in (0, 3, 6, 9))
    return Analysed(
        compatible.Counts(macs, reads, writes, (macs, macs, macs), (reads[0], reads[1], macs), l2_need, l1_need),
        runtime,
        status == fast.CRASHES,
    )


class _Kernel:
    """Remembers how much this process has analysed."""

    def __init__(self) -> None:
        self.designs = 0

    def worthwhile(self, designs: int) -> bool:
        """Whether so many more are worth the compiled kernel."""
        self.designs += designs
        return self.designs > DESIGNS_ON_ARRAYS and fast_available() and _loaded()


@cache
def _loaded() -> bool:
    """Whether the compiled kernel can be had; numba refuses to work where it can store nothing."""
    try:
        from workbench.simulators.dataflow import fast  # noqa: F401
    except RuntimeError as error:
        logger.warning("the compiled dataflow analysis is not used: %s", error)
        return False
    return True


_KERNEL = _Kernel()
