"""The mapping search: for each design, the best mapping of a layer over spatial mappings, loop orders and fillings.

Every order is allocated greedily, its energy and a lower bound of its latency worked out; only mappings whose bound
could still be among the best get their exact latency, so nothing better is lost (`_ranked`). The best few are then
improved loop by loop, because the greedy rule sees neither double buffering nor what on-loading costs.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.util import find_spec
from typing import Literal

import numpy as np

from workbench.problem.arch import OPERANDS, Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Metrics, Outcome
from workbench.simulators.loopnest.allocate import Filling, Rows, allocate, fitting, joined
from workbench.simulators.loopnest.case import Case
from workbench.simulators.loopnest.cost import Latency, Moves
from workbench.simulators.loopnest.orders import SLIDING, Floats, Ints, Loop, all_orders, temporal_loops
from workbench.simulators.loopnest.outcomes import Winners, metrics_of, why_not
from workbench.simulators.loopnest.shape import topology
from workbench.simulators.loopnest.spatial import Spatial, candidates

logger = logging.getLogger(__name__)

Criterion = Literal["latency", "energy", "edp"]

FILLINGS = (Filling(), Filling(idle=False), Filling(share=0.5, idle=False))
"""How full an order makes the memories: as far as they go, without what saves no traffic, and half of that."""

PROMISING = 48
"""How many orders of a design, those of the lowest bounds, are tried under every filling."""

REFINED = 8
"""How many mappings of a design, of different cost, are improved loop by loop."""

MOST_MOVES = 2
"""At most so many times."""

ROWS_PER_CHUNK = 60_000
"""Mappings worked on at once; each needs some 2.5 kB, so a chunk stays near 150 MB."""

CASES_ON_ARRAYS = 64
"""How many cases a process works out on arrays before it loads the compiled kernel."""

FIRST_WAVE = 48
"""How many mappings of a design get an exact latency before the bound is used."""


@dataclass
class _Best:
    """The best mapping of one design so far."""

    score: tuple[float, float] = (np.inf, np.inf)
    metrics: Metrics | None = None
    tried: list[tuple[Spatial, tuple[Loop, ...]]] = field(default_factory=list)


def evaluate_layer(
    archs: Sequence[Arch], layer: Layer, criterion: Criterion, factors: int, *, compiled: bool | None = None
) -> list[Outcome]:
    """One outcome per architecture: the metrics of its best mapping by `criterion`, or why there is none.

    `factors` limits the prime factors that loop orders are made of. Every order of every spatial mapping counts.
    `compiled` chooses the kernel, by default the compiled one where the extra `fast` is installed and enough is
    asked; the outcome is the same to the bit.
    """
    sliding = sliding_loops(layer)
    best = [_Best() for _ in archs]
    groups: dict[tuple[object, tuple[Loop, ...]], list[tuple[int, Spatial]]] = {}
    for index, arch in enumerate(archs):
        for spatial in candidates(arch, layer):
            loops = temporal_loops(dict(spatial.remaining), factors)
            best[index].tried.append((spatial, loops))
            groups.setdefault((topology(arch), loops), []).append((index, spatial))
    compiled = _KERNELS.compiled(sum(map(len, groups.values()))) if compiled is None else compiled
    for (_, loops), members in groups.items():
        orders = all_orders(loops, sliding)
        size = max(1, ROWS_PER_CHUNK // (len(orders.order) * len(FILLINGS)))
        for start in range(0, len(members), size):
            chunk = members[start : start + size]
            case = Case(layer, [archs[i] for i, _ in chunk], [s for _, s in chunk], orders)
            _improve(case, criterion, [best[i] for i, _ in chunk], compiled)
    return [b.metrics or why_not(arch, layer, b.tried, sliding) for arch, b in zip(archs, best, strict=True)]


@cache
def fast_available() -> bool:
    """Whether numba is installed and `DSE_NUMPY_ONLY` is not set."""
    return not os.environ.get("DSE_NUMPY_ONLY") and find_spec("numba") is not None


class _Kernels:
    """Chooses a kernel: loading the compiled one takes as long as some tens of cases on arrays, so those go first."""

    def __init__(self) -> None:
        self.cases = 0

    def compiled(self, cases: int) -> bool:
        """Whether the next cases are worth the compiled kernel; says so when it must be compiled first."""
        self.cases += cases
        return self.cases > CASES_ON_ARRAYS and fast_available() and _load_fast()


@cache
def _load_fast() -> bool:
    """Whether the compiled kernel can be had; numba refuses to work where it can store nothing."""
    try:
        from workbench.simulators.loopnest import fast
    except RuntimeError as error:
        logger.warning("the compiled cost engine is not used: %s", error)
        return False
    if not fast.is_cached():
        logger.warning("compiling the cost engine for this machine, once: half a minute or less")
    return True


_KERNELS = _Kernels()


def sliding_loops(layer: Layer) -> frozenset[str]:
    """The loops that slide over the input: an output loop whose kernel side is 1 indexes it instead."""
    pairs = (("OY", "FY"), ("OX", "FX"))
    return SLIDING - {outer for outer, kernel in pairs if layer.size(kernel) == 1}


def _improve(case: Case, criterion: Criterion, best: list[_Best], compiled: bool) -> None:
    """Keep the best mapping of each design of a case where it beats what the design has."""
    rows = best_rows_compiled(case, criterion) if compiled else best_rows(case, criterion)
    firsts = rows.take(np.unique(rows.design, return_index=True)[1])
    if not len(firsts):
        return
    moves = Moves(case, firsts)
    winners = Winners(moves.energy_pj(), moves.link_energies(), Latency(*firsts.edges))
    for i in range(len(firsts)):
        kept = best[int(firsts.design[i])]
        score = float(firsts.first[i]), float(firsts.second[i])
        if score < kept.score:
            kept.score, kept.metrics = score, metrics_of(case, firsts, winners, i)


def best_rows_compiled(case: Case, criterion: Criterion) -> Rows:
    """`best_rows` by the compiled kernel (extra `fast`), equal to the bit; the edges are those of each best."""
    from workbench.simulators.loopnest import fast

    found = fast.search(case, criterion, FILLINGS, PROMISING, REFINED, MOST_MOVES)
    counts = [int(f.size[0]) for f in found]
    return Rows(
        np.repeat(np.arange(len(found)), counts),
        np.concatenate([f.order[:n] for f, n in zip(found, counts, strict=True)]),
        np.concatenate([f.cut[:n] for f, n in zip(found, counts, strict=True)]).T,
        np.ones(sum(counts), dtype=bool),
        np.concatenate([f.first[:n] for f, n in zip(found, counts, strict=True)]),
        np.concatenate([f.second[:n] for f, n in zip(found, counts, strict=True)]),
        np.repeat(np.array([f.edges for f in found]), counts, axis=0).T,
    )


def best_rows(case: Case, criterion: Criterion) -> Rows:
    """Per design, the best mappings of different cost, best first."""
    rows = _ranked(case, criterion, _starts(case, criterion), REFINED)
    fresh = rows
    for _ in range(MOST_MOVES):
        moved = _neighbours(case, fresh)
        if not len(moved):
            break
        better = _ranked(case, criterion, moved, REFINED, rows)
        known = {row.tobytes() for row in _identities(rows)}
        fresh = better.take(np.array([row.tobytes() not in known for row in _identities(better)], dtype=bool))
        rows = better
    return rows


def _starts(case: Case, criterion: Criterion) -> Rows:
    """Every order under the first filling, and under the others those orders that promise most."""
    rows = allocate(case, FILLINGS[0])
    rows = rows.take(rows.fits)
    if not len(rows):
        return rows
    _, bound = _bounds(case, criterion, rows)
    best = rows.take(np.lexsort((rows.order, bound, rows.design)))
    best = best.take(_place(best.design) < PROMISING)
    others = [allocate(case, filling, best.design, best.order) for filling in FILLINGS[1:]]
    return joined([rows, *(other.take(other.fits) for other in others)])


def _place(design: Ints) -> Ints:
    """(k,): the place of a row among those of its design, which stand together."""
    return np.arange(len(design)) - np.searchsorted(design, design)


def _bounds(case: Case, criterion: Criterion, rows: Rows) -> tuple[Floats, Floats]:
    """(energy, lower bound of the ranking) of rows."""
    moves = Moves(case, rows)
    energy = moves.energy_pj()
    bound, _ = scores(energy if criterion == "energy" else moves.least_latency(), energy, criterion)
    return energy, bound


def _identities(rows: Rows) -> Ints:
    """(k, 2 + p): what tells mappings apart."""
    return np.vstack([rows.design, rows.order, rows.cut]).T.copy()


def _ranked(case: Case, criterion: Criterion, rows: Rows, most: int, known: Rows | None = None) -> Rows:
    """Per design, its `most` best mappings of different cost, best first; of equal ones the first stays.

    `known` are such mappings found before. Rows get their exact cost in the order of their lower bound, until the
    bounds left exceed the cost of the `most`-th best: what is left out is worse than all that are kept.
    """
    if not len(rows):
        return known or rows
    energy, bound = _bounds(case, criterion, rows)
    order = np.lexsort((bound, rows.design))
    rows, energy, bound = rows.take(order), energy[order], bound[order]
    place = _place(rows.design)
    kept = known
    limit = _limits(case, kept, most)
    low, high = 0, FIRST_WAVE
    while low < len(rows):
        wave = np.flatnonzero((place >= low) & (place < high) & (bound <= limit[rows.design]))
        if not len(wave):
            break
        exact = _exact(case, criterion, rows.take(wave), energy[wave])
        kept = _distinct_best([exact] if kept is None else [kept, exact], most)
        limit = _limits(case, kept, most)
        low, high = high, high * 3
    return kept or rows.take(np.zeros(0, dtype=np.int64))


def _limits(case: Case, kept: Rows | None, most: int) -> Floats:
    """(d,): the cost of a design's `most`-th best mapping, infinite where fewer are known."""
    limit = np.full(len(case.archs), np.inf)
    if kept is not None:
        counts = np.bincount(kept.design, minlength=len(limit))
        full = np.flatnonzero(counts >= most)
        limit[full] = kept.first[(np.cumsum(counts) - 1)[full]]
    return limit


def _exact(case: Case, criterion: Criterion, rows: Rows, energy: Floats) -> Rows:
    """The rows with their exact ranking."""
    found = Moves(case, rows).latency()
    latency = case.total + found.stall + found.onload + found.offload + case.drain[rows.design]
    first, second = scores(latency, energy, criterion)
    edges = np.stack([found.stall, found.onload, found.offload])
    return Rows(rows.design, rows.order, rows.cut, rows.fits, first, second, edges)


def _distinct_best(parts: list[Rows], most: int) -> Rows:
    """Per design its `most` best rows of different cost, best first; equal ones in the order of loops and cuts."""
    rows = Rows(*(np.concatenate([getattr(p, f.name) for p in parts], axis=-1) for f in fields(Rows)))
    rows = rows.take(np.lexsort((*rows.cut[::-1], rows.order, rows.second, rows.first, rows.design)))
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(rows.design) != 0) | (np.diff(rows.first) != 0) | (np.diff(rows.second) != 0)
    rows = rows.take(new)
    return rows.take(_place(rows.design) < most)


def scores(latency: Floats, energy: Floats, criterion: Criterion) -> tuple[Floats, Floats]:
    """What to minimise, and what decides between equals."""
    if criterion == "latency":
        return latency, energy
    if criterion == "energy":
        return energy, latency
    return latency * energy, latency


def _neighbours(case: Case, rows: Rows) -> Rows:
    """Mappings with one operand keeping one loop more or less at one level; levels in the way move along."""
    found: list[Rows] = []
    shape = case.shape
    for operand in OPERANDS:
        places = shape.of(operand)[:-1]
        for p in places:
            for step in (-1, 1):
                moved = np.clip(rows.cut[p] + step, 0, case.orders.n)
                cut = rows.cut.copy()
                for other in places:
                    if other != p:
                        cut[other] = np.minimum(cut[other], moved) if other < p else np.maximum(cut[other], moved)
                cut[p] = moved
                found.append(Rows(rows.design, rows.order, cut, rows.fits))
    if not found:
        return rows.take(np.zeros(0, dtype=np.int64))
    everything = joined(found)
    return everything.take(fitting(case, everything))
