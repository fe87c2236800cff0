"""What no mapping of a loop order can beat, before any is made: which orders are worth allocating at all.

A place can hold at most the loops that its memory has room for beside one element of each other operand. Whatever it
holds is a subset of these, and what its links move and cost follows from the subset alone (`Tables`); so the least
over all subsets of the outermost one that fits is a lower bound, and sums and maxima of bounds are bounds. At the
array the subset follows from the order.

Which subset is a place's outermost is settled by a single step of the order: from one that fits to one that does not.
So an order is a path through the lattice of subsets, its bound the sum of its steps, and orders share the steps.
"""

from __future__ import annotations

import numpy as np

from workbench.simulators.loopnest.case import Case, element_bits
from workbench.simulators.loopnest.orders import OPERANDS, Bools, Floats, Ints

SAFE = 1 - 1e-12
"""Sums of the same terms in another order may differ by so much."""


def optimistic(case: Case) -> tuple[Floats, Floats]:
    """(latency, energy), each (d, r), in cycles and pJ: every mapping of an order that fits takes no less."""
    shape, orders, tables = case.shape, case.orders, case.tables
    d, spots = len(case.archs), shape.spots
    fits = _fits(case)
    least = _least(np.concatenate([tables.energy, tables.load], axis=1), orders.grid)  # (d, g + l + 1, s)
    ends = _ends(fits, orders.grid)  # (d, g, s, f)
    links = spots + shape.port_links
    binding = np.flatnonzero(
        (least[:, links, 0].sum(axis=1) > case.total).any(axis=0)
    )  # it never rises with the subset
    of_links, spot = least[:, links[:, binding]], shape.port_spot[:, binding]  # (d, c, q, s)
    steps = np.concatenate(
        [
            np.where(ends, least[:, :spots, :, None], 0.0).sum(axis=1)[:, None],
            np.where(ends[:, spot], of_links[..., None], 0.0).sum(axis=1),
        ],
        axis=1,
    )
    last = np.where(fits[:, spot, -1], of_links[..., -1], 0.0).sum(axis=1)
    energy = case.mac_pj + np.where(fits[..., -1], least[:, :spots, -1], 0.0).sum(axis=1)
    sums = _along(steps.reshape(d, 1 + len(binding), -1), orders.path, np.hstack([energy[:, None], last]))
    latency = sums[:, 1:].max(axis=1, initial=case.total) + case.drain[:, None]
    return latency, sums[:, 0] * SAFE


def _along(steps: Floats, path: Ints, start: Floats) -> Floats:
    """(d, v, s x f) and (d, v) -> (d, v, r): the sums along the paths."""
    found = np.repeat(start[..., None], len(path), axis=2)
    for taken in path.T:
        found += steps[..., taken]
    return found


def _fits(case: Case) -> Bools:
    """(d, g, s): whether a place has room for what it keeps of a subset, beside one element of each other operand.

    At the array, whether a subset reuses the element there: it does without the output's.
    """
    shape, orders = case.shape, case.orders
    found = np.zeros((len(case.archs), shape.spots, len(orders.steps)), dtype=bool)
    bits = np.array(element_bits(case.layer), dtype=np.float64)
    bits[OPERANDS.index("O")] = min(bits[OPERANDS.index("O")], case.layer.output_bits)
    need = case.held[:, shape.place_spot] * bits[shape.place_operand][:, None]  # (d, p, s)
    room = case.capacity[:, shape.place_memory]
    for p in range(len(shape.places)):
        for other in shape.operands_of[shape.place_memory[p]]:
            if other != p:
                room[:, p] -= need[:, other, 0]
    found[:, shape.place_spot] = (need <= room[..., None]) | shape.place_last[:, None]
    found[:, shape.array_spot] = orders.reuses
    found[:, :, 0] = True
    return found


def _ends(fits: Bools, grid: Ints) -> Bools:
    """(d, g, s) -> (d, g, s, f): whether one loop more of a factor is the first that does not fit."""
    found = np.zeros((*fits.shape, len(grid)), dtype=bool)
    lattice = fits.reshape(*fits.shape[:2], *grid[::-1])
    steps = found.reshape(*lattice.shape, len(grid))
    for factor in range(len(grid)):
        axis = lattice.ndim - 1 - factor
        here, above = np.moveaxis(steps[..., factor], axis, 0), np.moveaxis(lattice, axis, 0)
        here[:-1] = above[:-1] & ~above[1:]
    return found


def _least(table: Floats, grid: Ints) -> Floats:
    """(..., s): the least over a subset and all subsets of it."""
    found = table.reshape(*table.shape[:2], *grid[::-1])
    for axis in range(2, found.ndim):
        found = np.minimum.accumulate(found, axis=axis)
    return found.reshape(table.shape)
