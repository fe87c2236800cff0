"""What the steps of a cluster level can be: every combination of first, steady and edge steps of its directives.

A level is run on actual extents, which differ between the calls that the level above makes: an *instance*. The tables
are flat: a row for each case, `(c,)`, those of an instance together, in the order in which the tool visits them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.simulators.dataflow.levels import Bools, Ints, Level, truncated

INIT, STEADY, EDGE = 0, 1, 2


@dataclass(frozen=True)
class Cases:
    """The cases of all instances of a level.

    `instance` (c,), `weight` (c,) how often a case occurs, `position` (c, j) one of INIT, STEADY, EDGE; `edge` (c, j)
    the directive covers less than in a steady step, `partial` (c, j) its last sub-cluster covers less than the others,
    `whole` (c, j) one step covers the extent, `inner` (c,) the innermost directive that is not at INIT, or -1.
    `start` (i,) is the first case of each instance.
    """

    instance: Ints
    start: Ints
    weight: Ints
    position: Ints
    edge: Bools
    partial: Bools
    whole: Bools
    inner: Ints


def enumerated(level: Level, row: Ints, extent: Ints) -> Cases:
    """The cases of instances: of which design each is, `row` (i,), and on which extents, (i, j)."""
    size, offset = level.size[row], level.offset[row]
    units: Ints = np.where(level.is_spatial, level.units[row, None], 1)
    reach = size + offset * (units - 1)
    advance = units * offset
    steps = np.where(level.is_spatial, truncated(truncated(extent - size, offset) + 1, units) - 1, 0)
    steps = np.where(level.is_spatial, steps, truncated(extent - size, offset))
    steady = np.where(reach < extent, np.maximum(steps, 0), 0)
    left = extent - (steps + 1) * advance
    working = np.where(left < size, 1, truncated(left - size, offset) + 1)
    ends = np.where(
        level.is_spatial,
        (extent > reach) & (left + reach > 0) & (steps * advance + reach != extent),
        (extent >= size) & (steps * offset + size < extent),
    )
    short = extent < reach
    edge = np.stack([short, np.zeros_like(short), np.ones_like(short)], axis=-1)  # (i, j, 3)
    last = (working - 1) * offset + size < left
    partial = np.stack([short, np.zeros_like(short), last], axis=-1) & level.is_spatial[:, None]
    occurs = np.stack([np.ones_like(steady), steady, ends.astype(np.int64)], axis=-1)
    return _expanded(occurs, edge, partial, extent <= reach, level.last if level.repeated else None)


@dataclass(frozen=True)
class Product:
    """Every combination of positions: as in `Cases`."""

    instance: Ints
    start: Ints
    weight: Ints
    position: Ints
    inner: Ints


def product(occurs: Ints) -> Product:
    """The Cartesian product of the positions that occur, (i, j, 3) times each, in visiting order.

    The tool takes case c's position of a directive as ceil(c / cases of those inside it), modulo its positions.
    """
    count = (occurs > 0).sum(axis=2)  # (i, j)
    inside = np.cumprod(count[:, ::-1], axis=1)[:, ::-1]
    total = inside[:, 0]
    inside = np.concatenate([inside[:, 1:], np.ones_like(total)[:, None]], axis=1)
    instance = np.repeat(np.arange(len(total)), total)
    start = np.cumsum(total) - total
    number = np.arange(len(instance)) - start[instance]
    digit = -(-number[:, None] // inside[instance]) % count[instance]
    no_steady = (occurs[:, :, STEADY] == 0)[instance]
    position = np.where((digit == 1) & no_steady, EDGE, digit)
    weight = occurs[instance[:, None], np.arange(count.shape[1]), position].prod(axis=1)
    moving = position != INIT
    inner = np.where(moving.any(axis=1), count.shape[1] - 1 - np.argmax(moving[:, ::-1], axis=1), -1)
    return Product(instance, start, weight, position, inner)


def _expanded(occurs: Ints, edge: Bools, partial: Bools, whole: Bools, last: Ints | None) -> Cases:
    """The cases, with what is particular to each: (i, j, 3) and (i, j) spread over them."""
    found = product(occurs)
    position = found.position
    i, j = found.instance[:, None], np.arange(position.shape[1])
    edges, partials = edge[i, j, position], partial[i, j, position]
    if last is not None:
        position, edges, partials = position[:, last], edges[:, last], partials[:, last]
    return Cases(found.instance, found.start, found.weight, position, edges, partials, whole[i[:, 0]], found.inner)
