"""Temporal loops: prime factors, their orders, and per order the tables that the cost model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.problem.layer import LOOP_DIMS

Loop = tuple[str, int]
"""(loop dimension, factor)."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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


def _permutations(counts: list[int]) -> Ints:
    """All orders of a multiset given by how often each kind occurs: (orders, items) of kind indices."""
    total = sum(counts)
    if total == 0:
        return np.zeros((1, 0), dtype=np.int64)
    blocks: list[Ints] = []
    for kind, count in enumerate(counts):
        if count:
            rest = counts.copy()
            rest[kind] -= 1
            tail = _permutations(rest)
            blocks.append(np.hstack([np.full((len(tail), 1), kind, dtype=np.int64), tail]))
    return np.vstack(blocks)


@dataclass(frozen=True)
class Runs:
    """Per order and position p, for one operand (each (orders, n + 1); p counts loops from the innermost).

    `stays[p]`: the first position >= p whose loop is not irrelevant: loops in between reuse what is held.
    `relevant_from[p]`, `irrelevant_from[p]`: where the unbroken run of such loops that ends just below p begins.
    `reused_above[p]`: whether an irrelevant loop lies at p or outside it.
    """

    stays: Ints
    relevant_from: Ints
    irrelevant_from: Ints
    reused_above: NDArray[np.bool_]


@dataclass(frozen=True)
class Orders:
    """A set of loop orders over the same factors, with what depends on nothing else."""

    loops: tuple[Loop, ...]  # the different factors
    order: Ints  # (orders, n): which of them stands at each position, innermost first
    steps: Floats  # (orders, n + 1): iterations of the loops below a position
    sizes: dict[str, Floats]  # loop dimension -> (orders, n + 1): its extent covered below a position
    runs: dict[str, Runs]

    @property
    def n(self) -> int:
        """The number of loops."""
        return int(self.order.shape[1])


def tabulate(loops: Sequence[Loop], order: Ints, sliding: frozenset[str]) -> Orders:
    """The tables of given orders; `sliding` are the loops that neither index nor reuse the input."""
    loops = tuple(loops)
    count, n = order.shape
    factors = np.array([factor for _, factor in loops], dtype=np.float64)
    placed = factors[order] if n else np.ones((count, 0))  # (orders, n)
    one = np.ones((count, 1))
    steps = np.hstack([one, np.cumprod(placed, axis=1)])
    sizes: dict[str, Floats] = {}
    for dim in LOOP_DIMS:
        mine = np.array([d == dim for d, _ in loops], dtype=bool)
        if mine.any():
            sizes[dim] = np.hstack([one, np.cumprod(np.where(mine[order], placed, 1.0), axis=1)])
    runs: dict[str, Runs] = {}
    for operand in RELEVANT:
        index = RELEVANT[operand] | (SLIDING - sliding if operand == "I" else frozenset())
        relevant = np.array([d in index for d, _ in loops], dtype=bool)[order] if n else np.zeros((count, 0), bool)
        reuse = np.array([d in IRRELEVANT[operand] for d, _ in loops], dtype=bool)[order] if n else relevant
        runs[operand] = _runs(relevant, reuse)
    return Orders(loops, order, steps, sizes, runs)


SLIDING = frozenset({"OY", "OX", "FY", "FX"})


def _runs(relevant: NDArray[np.bool_], reuse: NDArray[np.bool_]) -> Runs:
    count, n = reuse.shape
    stays = np.empty((count, n + 1), dtype=np.int64)
    above = np.zeros((count, n + 1), dtype=bool)
    stays[:, n] = n
    for p in range(n - 1, -1, -1):
        stays[:, p] = np.where(reuse[:, p], stays[:, p + 1], p)
        above[:, p] = above[:, p + 1] | reuse[:, p]
    return Runs(stays, _run_starts(relevant), _run_starts(reuse), above)


def _run_starts(flags: NDArray[np.bool_]) -> Ints:
    count, n = flags.shape
    starts = np.zeros((count, n + 1), dtype=np.int64)
    for p in range(1, n + 1):
        starts[:, p] = np.where(flags[:, p - 1], starts[:, p - 1], p)
    return starts


@lru_cache(maxsize=256)
def all_orders(loops: tuple[Loop, ...], sliding: frozenset[str]) -> Orders:
    """Every different order of the loops: n! / prod(multiplicity!) of them."""
    kinds = sorted(set(loops), key=lambda loop: (LOOP_DIMS.index(loop[0]), loop[1]))
    permuted = _permutations([loops.count(kind) for kind in kinds])
    return tabulate([*kinds], permuted, sliding)
