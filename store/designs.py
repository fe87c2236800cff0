"""Designs by the ten thousands as arrays, and what both sides of their encoding agree on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]
Bounds = Mapping[str, tuple[float | None, float | None]]
"""By metric, the least and the most that a design may have; None: no bound."""

CHUNK_POINTS: Final = 65_536
FORMAT: Final = 2  # of a chunk that is written; 1 has no runs
MOST_AXES: Final = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Designs:
    """n designs of k axes with their outcomes, as arrays. NaN is how arrays write that there is no such metric."""

    codes: NDArray[np.unsignedinteger[Any]]  # (n, k): one choice per axis, as that choice's index; best in columns
    latency_cycles: Floats  # (n,): NaN where the design cannot be built
    energy_pj: Floats  # (n,): likewise
    area_um2: Floats  # (n,): likewise
    accuracy: Floats | None = None  # (n,): NaN where it is not known
    why: NDArray[np.unsignedinteger[Any]] | None = None  # (n,): i + 1 for reasons[i], 0 where built; None: all are
    reasons: tuple[str, ...] = ()  # JSON, why designs cannot be built

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, which: slice | Mask) -> Designs:
        """Some of them."""
        return Designs(
            self.codes[which],
            self.latency_cycles[which],
            self.energy_pj[which],
            self.area_um2[which],
            None if self.accuracy is None else self.accuracy[which],
            None if self.why is None else self.why[which],
            self.reasons,
        )


def groups(spans: list[int]) -> Iterator[list[tuple[int, int]]]:
    """Which axes share a word, with the bits that each takes: (axis, bits)."""
    group = list[tuple[int, int]]()
    for axis, span in enumerate(spans):
        bits = (span - 1).bit_length()
        if group and sum(taken for _, taken in group) + bits > 64:
            yield group
            group = []
        if bits:
            group.append((axis, bits))
    if group:
        yield group
