"""What moves and what is computed in each case of a level, as the tool counts it (specification 3.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.simulators.dataflow.cases import INIT, STEADY, Cases
from workbench.simulators.dataflow.levels import Bools, Ints, Level
from workbench.simulators.dataflow.tensors import IN, OUT, WT

_FIRST = np.array([True, False, True, False])[:, None, None]
_LAST = np.array([False, False, True, True])[:, None, None]
"""The four kinds of sub-cluster that a sum over the array knows: first or not, partial last or not."""

FIRST, OTHER, FIRST_LAST, LAST = range(4)


@dataclass(frozen=True)
class Volumes:
    """Per case (c,): elements that enter of the input and of the weight and that leave, MACs of the slowest unit (one
    that is not positive makes the tool skip the case) and of all."""

    ins: tuple[Ints, Ints]
    out: Ints
    critical: Ints
    macs: Ints


@dataclass(frozen=True)
class _Rows:
    """A level's numbers for each case: (c, j), the last two (c,)."""

    mapped: Ints
    unique: Ints
    edge: Ints
    unique_edge: Ints
    out: tuple[Ints, Ints, Ints, Ints]
    units: Ints
    active: Ints


def volumes(level: Level, cases: Cases, row: Ints) -> Volumes:
    """The volumes of every case; `row` (c,) is the design of each."""
    pick = slice(None) if len(level.units) == 1 else row
    numbers = _Rows(
        level.mapped[pick],
        level.unique[pick],
        level.edge[pick],
        level.unique_edge[pick],
        (level.out_mapped[pick], level.out_unique[pick], level.out_edge[pick], level.out_unique_edge[pick]),
        level.units[pick],
        level.active[pick],
    )
    ins = (_entering(level, cases, numbers, IN), _entering(level, cases, numbers, WT))
    coupled = level.couples[OUT]
    per_unit = _of_outputs(level, cases, numbers, reuse=True)
    out = _summed(level, cases, numbers, _product(per_unit, coupled), coupled)
    summed = coupled | level.reduces
    at_last = _product(_of_outputs(level, cases, numbers, reuse=False)[LAST], summed)
    return Volumes(ins, out, *_work(level, cases, numbers, _product(per_unit, summed), at_last))


def _product(values: Ints, mask: Bools) -> Ints:
    """(..., j) multiplied over the directives of a mask."""
    product: Ints = np.where(mask, values, 1).prod(axis=-1)
    return product


def _own(level: Level, mask: Bools) -> Bools:
    """A mask without the later ones of directives that map the same dimension."""
    seen: set[str] = set()
    keep = []
    for dim in level.dims:
        keep.append(dim not in seen)
        seen.add(dim)
    kept: Bools = mask & np.array(keep)
    return kept


def _entering(level: Level, cases: Cases, numbers: _Rows, tensor: int) -> Ints:
    """New elements of an input tensor over the array (c,): F10 and F11."""
    mask = _own(level, level.couples[tensor])
    index = np.arange(len(level.dims))
    below, here = index > cases.inner[:, None], index == cases.inner[:, None]
    at_init = cases.position == INIT
    again = (below & mask & at_init & ~cases.whole).any(axis=1)[:, None]
    fresh = here & ~again
    active = np.reshape(numbers.active, (-1, 1))
    tile = np.where(cases.edge, numbers.edge, numbers.mapped)
    temporal = np.where(at_init, tile, np.where(fresh, np.maximum(numbers.unique, 1), numbers.mapped))
    full, part = np.where(_LAST, numbers.edge, numbers.mapped), np.where(_LAST, numbers.unique_edge, numbers.unique)
    later = np.where(np.where(at_init, below, fresh), part, full)
    spatial = np.where(_FIRST, full, later)
    alone = np.where(_FIRST | _LAST, numbers.edge, 1)
    start = np.where(
        cases.edge, np.where(active == 1, alone, np.where(_LAST, numbers.edge, numbers.mapped)), numbers.mapped
    )
    spatial = np.where((cases.inner < 0)[:, None], start, spatial)
    temporal = np.where((cases.inner < 0)[:, None], tile, temporal)
    values = np.where(level.is_spatial, spatial, temporal)  # (4, c, j)
    found = _summed(level, cases, numbers, _product(values, mask), mask)
    stays = (cases.inner >= 0) & ~mask[np.maximum(cases.inner, 0)]
    return np.where(stays, 0, found)


def _of_outputs(level: Level, cases: Cases, numbers: _Rows, reuse: bool) -> Ints:
    """Extent of each directive in the outputs or partial sums of one sub-cluster, (4, c, j): F12."""
    coupled = level.couples[OUT]
    mapped, unique, edge, unique_edge = (
        np.where(coupled, out, numbers_in)
        for out, numbers_in in zip(
            numbers.out, (numbers.mapped, numbers.unique, numbers.edge, numbers.unique_edge), strict=True
        )
    )
    alone = np.reshape(numbers.active == 1, (-1, 1))
    unit = np.where(_FIRST, mapped, np.where(unique == 0, 1, unique))
    outputs = np.where(alone, edge, unique_edge if reuse else edge)
    short = np.where(coupled, outputs, np.where(alone, unit, edge))
    first_step = np.where(cases.edge & _LAST, short, unit)
    last_step = np.where(alone, np.where(_FIRST | _LAST, numbers.edge, unit), np.where(_LAST, unique_edge, unit))
    spatial = np.where(cases.position == INIT, first_step, np.where(cases.position == STEADY, unit, last_step))
    found: Ints = np.where(level.is_spatial, spatial, np.where(cases.edge, edge, mapped))
    return found


def _array_edge(level: Level, cases: Cases, mask: Bools) -> tuple[Bools, Bools]:
    """Whether the array's last step is short, and whether its last sub-cluster is, (c,), for a tensor."""
    spatial = level.is_spatial & mask
    return np.logical_or.reduce(cases.edge & spatial, axis=1), np.logical_or.reduce(cases.partial & spatial, axis=1)


def _summed(level: Level, cases: Cases, numbers: _Rows, of_unit: Ints, mask: Bools) -> Ints:
    """The sum over the array of what each kind of sub-cluster has, (4, c): F11."""
    if not (mask & level.is_spatial).any():
        shared: Ints = of_unit[FIRST]
        return shared
    edge, partial = _array_edge(level, cases, mask)
    steady = of_unit[FIRST] + (numbers.units - 1) * of_unit[OTHER]
    alone = numbers.active == 1
    short = np.where(alone & partial, of_unit[FIRST_LAST], of_unit[FIRST])
    others = np.maximum(numbers.active - partial - 1, 0) * of_unit[OTHER] + partial * of_unit[LAST]
    found: Ints = np.where(edge, short + np.where(alone, 0, others), steady)
    return found


def _work(level: Level, cases: Cases, numbers: _Rows, of_unit: Ints, at_last: Ints) -> tuple[Ints, Ints]:
    """MACs of the slowest unit and of the array, (c,): F12, F13."""
    edge, partial = cases.edge[:, level.spatial], cases.partial[:, level.spatial]
    alone = numbers.active == 1
    slowest = np.where(edge & alone & partial, of_unit[FIRST_LAST], of_unit[FIRST])
    others = np.maximum(numbers.active - partial - 1, 0) * of_unit[FIRST] + partial * at_last
    short = np.where(alone & partial, of_unit[FIRST_LAST], of_unit[FIRST]) + np.where(alone, 0, others)
    return slowest, np.where(edge, short, numbers.units * of_unit[FIRST])
