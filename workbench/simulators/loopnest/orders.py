"""Temporal loops: prime factors, their orders, and per order the tables that the cost model reads.

What is held at a place depends on which loops lie below it, not on their order, and few factors have few subsets (at
most 64 of six). So sizes are tabled per subset, and an order is a chain of subset numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.problem.layer import LOOP_DIMS

Loop = tuple[str, int]
"""(loop dimension, factor)."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

OPERANDS = ("O", "W", "I")
"""The order of operands in every array here: the output claims room for double buffering first."""

RELEVANT: dict[str, frozenset[str]] = {
    "W": frozenset({"G", "K", "C", "FY", "FX"}),
    "I": frozenset({"B", "G", "C"}),
    "O": frozenset({"B", "G", "K", "OY", "OX"}),
}
IRRELEVANT: dict[str, frozenset[str]] = {
    "W": frozenset({"B", "OY", "OX"}),
    "I": frozenset({"K"}),
    "O": frozenset({"C", "FY", "FX"}),
}
"""Loops that index an operand, and loops that reuse it. OY, OX, FY, FX slide over the input: neither, for I."""

SLIDING = frozenset({"OY", "OX", "FY", "FX"})


def prime_factors(number: int) -> list[int]:
    """The prime factors, ascending: 12 -> [2, 2, 3]."""
    found: list[int] = []
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return [*found, number] if number > 1 else found


def temporal_loops(sizes: Mapping[str, int], limit: int) -> tuple[Loop, ...]:
    """The loops left to time, as at most `limit` prime factors (never fewer than there are dimensions).

    Above the limit the dimension with the most factors has its two smallest merged, again and again
    (Symons et al. 2021, LOMA, section III).
    """
    factors = {dim: prime_factors(sizes[dim]) for dim in LOOP_DIMS if sizes.get(dim, 1) > 1}
    limit = max(limit, len(factors))
    while sum(map(len, factors.values())) > limit:
        dim = max(factors, key=lambda d: len(factors[d]))
        smallest, second, *rest = factors[dim]
        factors[dim] = sorted([smallest * second, *rest])
    return tuple((dim, factor) for dim, found in factors.items() for factor in found)


@lru_cache(maxsize=1024)
def _permutations(counts: tuple[int, ...]) -> Ints:
    """All orders of a multiset given by how often each kind occurs: (orders, items) of kind indices."""
    if sum(counts) == 0:
        return np.zeros((1, 0), dtype=np.int64)
    blocks: list[Ints] = []
    for kind, count in enumerate(counts):
        if count:
            tail = _permutations((*counts[:kind], count - 1, *counts[kind + 1 :]))
            blocks.append(np.hstack([np.full((len(tail), 1), kind, dtype=np.int64), tail]))
    return np.vstack(blocks)


@dataclass(frozen=True)
class Orders:
    """A set of loop orders over the same factors; positions p count loops from the innermost, 0..n.

    Shapes: r orders, n loops, s subsets; the first axis of the three run tables is the operand (`OPERANDS`).
    """

    loops: tuple[Loop, ...]  # the different factors
    order: Ints  # (r, n): which of them stands at each position
    subset: Ints  # (r, n + 1): the subset of loops below a position
    grid: Ints  # (f,): how many counts, 0 included, each factor can have in a subset; the first runs fastest
    path: Ints  # (r, n): subset below x f + factor: the steps an order takes from the empty subset to the full one
    extent: Floats  # (s, 8): what a subset covers of each loop dimension (`LOOP_DIMS`)
    steps: Floats  # (s,): iterations of a subset
    adds_later: Bools  # (s,): whether loops outside a subset still add to the same outputs
    reuses: Bools  # (3, s): whether the array keeps its element of an operand over a subset; never that of the output
    stays: Ints  # (3, r, n + 1): the first position >= p whose loop is not irrelevant: loops between reuse what is held
    relevant_from: Ints  # (3, r, n + 1): where the unbroken run of relevant loops that ends just below p begins
    reuse_from: Ints  # (3, r, n + 1): the same for irrelevant loops

    @property
    def n(self) -> int:
        """The number of loops."""
        return int(self.order.shape[1])


def tabulate(loops: Sequence[Loop], order: Ints, sliding: frozenset[str]) -> Orders:
    """The tables of given orders of the different factors `loops`.

    `sliding` are the loops that neither index nor reuse the input; an output loop whose kernel side is 1 is not
    among them, it indexes the input.
    """
    loops = tuple(loops)
    r, n = order.shape
    counts = [int((order[:1] == kind).sum()) for kind in range(len(loops))]
    grid = np.array([count + 1 for count in counts], dtype=np.int64)
    strides = np.cumprod([1, *grid])
    subset = np.zeros((r, n + 1), dtype=np.int64)
    if n:
        np.cumsum(strides[order], axis=1, out=subset[:, 1:])
    extent = _extent(loops, grid)
    adds = np.prod(extent[:, [LOOP_DIMS.index(d) for d in sorted(IRRELEVANT["O"])]], axis=1)
    relevant, reuse = [], []
    reuses = np.zeros((len(OPERANDS), len(extent)), dtype=bool)
    for number, operand in enumerate(OPERANDS):
        index = RELEVANT[operand] | (SLIDING - sliding if operand == "I" else frozenset())
        relevant.append(_flags(loops, order, index))
        reuse.append(_flags(loops, order, IRRELEVANT[operand]))
        if operand != "O":
            others = [i for i, dim in enumerate(LOOP_DIMS) if dim not in IRRELEVANT[operand]]
            reuses[number] = (extent[:, others] == 1).all(axis=1)
    return Orders(
        loops=loops,
        order=order,
        subset=subset,
        grid=grid,
        path=subset[:, :-1] * len(loops) + order,
        extent=extent,
        steps=np.prod(extent, axis=1),
        adds_later=adds < adds[-1],
        reuses=reuses,
        stays=_stays(np.stack(reuse)),
        relevant_from=_run_starts(np.stack(relevant)),
        reuse_from=_run_starts(np.stack(reuse)),
    )


def _extent(loops: Sequence[Loop], grid: Ints) -> Floats:
    """(s, 8): what each subset covers of each loop dimension."""
    strides = np.cumprod([1, *grid])
    numbers = np.arange(int(strides[-1]))
    extent = np.ones((len(numbers), len(LOOP_DIMS)))
    for kind, (dim, factor) in enumerate(loops):
        extent[:, LOOP_DIMS.index(dim)] *= float(factor) ** (numbers // strides[kind] % grid[kind])
    return extent


def _flags(loops: Sequence[Loop], order: Ints, dims: frozenset[str]) -> Bools:
    """(r, n): whether the loop at each position is of one of some dimensions."""
    flags = np.array([dim in dims for dim, _ in loops], dtype=bool)
    found: Bools = flags[order] if len(loops) else np.zeros(order.shape, dtype=bool)
    return found


def _stays(reuse: Bools) -> Ints:
    n = reuse.shape[2]
    stays = np.full((*reuse.shape[:2], n + 1), n, dtype=np.int64)
    for p in range(n - 1, -1, -1):
        stays[:, :, p] = np.where(reuse[:, :, p], stays[:, :, p + 1], p)
    return stays


def _run_starts(flags: Bools) -> Ints:
    n = flags.shape[2]
    starts = np.zeros((*flags.shape[:2], n + 1), dtype=np.int64)
    for p in range(1, n + 1):
        starts[:, :, p] = np.where(flags[:, :, p - 1], starts[:, :, p - 1], p)
    return starts


def only(orders: Orders, number: int) -> Orders:
    """One of the orders, with no subsets but those on its way; so it has no lattice of them (`grid` and `path`)."""
    chain, one = orders.subset[number], [number]
    return replace(
        orders,
        order=orders.order[one],
        subset=np.arange(len(chain))[None],
        grid=np.zeros(0, dtype=np.int64),
        path=np.zeros((1, 0), dtype=np.int64),
        extent=orders.extent[chain],
        steps=orders.steps[chain],
        adds_later=orders.adds_later[chain],
        reuses=orders.reuses[:, chain],
        stays=orders.stays[:, one],
        relevant_from=orders.relevant_from[:, one],
        reuse_from=orders.reuse_from[:, one],
    )


@lru_cache(maxsize=256)
def all_orders(loops: tuple[Loop, ...], sliding: frozenset[str]) -> Orders:
    """Every different order of the loops: n! / prod(multiplicity!) of them."""
    kinds = tuple(sorted(set(loops), key=lambda loop: (LOOP_DIMS.index(loop[0]), loop[1])))
    like = _orders_like(tuple(dim for dim, _ in kinds), tuple(loops.count(kind) for kind in kinds), sliding)
    extent = _extent(kinds, like.grid)
    return replace(like, loops=kinds, extent=extent, steps=np.prod(extent, axis=1))


@lru_cache(maxsize=64)
def _orders_like(dims: tuple[str, ...], counts: tuple[int, ...], sliding: frozenset[str]) -> Orders:
    """Every order of as many factors of these dimensions, whatever they are: only extents go by the numbers."""
    return tabulate([(dim, 2) for dim in dims], _permutations(counts), sliding)
