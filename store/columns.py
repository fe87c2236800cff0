"""A run's points as arrays, for what looks at all of them at once: a plot, the weight of an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from store.connections import driver_of
from store.filtering import POINTS, Condition
from store.names import POINT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SELECT: Final = """
    SELECT seq, step, codes, latency_cycles, energy_pj, area_um2, accuracy, cached FROM point
    WHERE run_id = ? AND seq > ? ORDER BY seq
"""

_NONE: Final[tuple[tuple[Any, ...], ...]] = ((),) * 8


@dataclass(frozen=True, slots=True, eq=False)
class PointColumns:
    """n points of designs in k bytes. NaN is how arrays write that there is no such metric."""

    seq: Ints  # (n,), ascending
    step: Ints  # (n,)
    codes: NDArray[np.uint8]  # (n, k): as the points have them, one or two bytes for each axis
    latency_cycles: Floats  # (n,): NaN where the design cannot be built
    energy_pj: Floats  # (n,): likewise
    area_um2: Floats  # (n,): likewise
    accuracy: Floats  # (n,): NaN where it is not known
    cached: NDArray[np.bool_]  # (n,)

    def __len__(self) -> int:
        return len(self.seq)

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """(n,)"""
        return ~np.isnan(self.latency_cycles)

    def extended(self, more: PointColumns) -> PointColumns:
        """With later points behind them."""
        if not len(more):
            return self
        if not len(self):
            return more
        joined = (np.concatenate([getattr(self, name), getattr(more, name)]) for name in self.__slots__)
        return PointColumns(*joined)


def point_columns(connection: Connection, run_id: int, after_seq: int) -> PointColumns:
    rows = driver_of(connection).execute(_SELECT, (run_id, after_seq)).fetchall()  # its tuples come in half the time
    seq, step, codes, latency_cycles, energy_pj, area_um2, accuracy, cached = zip(*rows, strict=True) if rows else _NONE
    return PointColumns(
        seq=np.array(seq, dtype=np.int64),
        step=np.array(step, dtype=np.int64),
        codes=np.frombuffer(b"".join(codes), dtype=np.uint8).reshape(len(rows), -1 if rows else 0),
        latency_cycles=np.array(latency_cycles, dtype=np.float64),
        energy_pj=np.array(energy_pj, dtype=np.float64),
        area_um2=np.array(area_um2, dtype=np.float64),
        accuracy=np.array(accuracy, dtype=np.float64),
        cached=np.array(cached, dtype=np.bool_),
    )


def matching(connection: Connection, run_id: int, where: Condition | None) -> Ints:
    """The seqs of the points for which a condition holds, ascending."""
    query = select(POINT.c.seq).where(POINT.c.run_id == run_id, POINTS.where(where)).order_by(POINT.c.seq)
    return np.array(connection.execute(query).scalars().all(), dtype=np.int64)
