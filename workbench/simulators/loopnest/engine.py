"""The mapping search: for each design, the best mapping of a layer over spatial mappings, loop orders and fillings.

Every order has a bound that no mapping of it can beat, worked out for all orders at once (`bound`). Orders are
allocated greedily in the order of their bounds, and mappings get their exact latency in the order of theirs, each until
the bounds left are worse than what is kept: nothing better is lost. The best few are then improved loop by loop,
because the greedy rule sees neither double buffering nor what on-loading costs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Literal

import numpy as np

from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome
from workbench.simulators.compiled import fast_available
from workbench.simulators.loopnest.allocate import FILLINGS, Rows, allocate, fitting
from workbench.simulators.loopnest.bound import optimistic
from workbench.simulators.loopnest.case import Case
from workbench.simulators.loopnest.cost import Latency, Moves
from workbench.simulators.loopnest.orders import SLIDING, Bools, Floats, Ints, Loop, all_orders, temporal_loops
from workbench.simulators.loopnest.outcomes import Winners, metrics_of, why_not
from workbench.simulators.loopnest.shape import topology
from workbench.simulators.loopnest.spatial import Spatial, candidates

logger = logging.getLogger(__name__)

Criterion = Literal["latency", "energy", "edp"]

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

FIRST_ORDERS, FIRST_ROWS = 128, 96
"""How many orders of a design, and mappings over all designs, are worked out before the bounds are used again: on
arrays a call costs as much as some tens of rows."""


@dataclass(frozen=True)
class Found:
    """The best mapping of each design of a case, one a row, and what it costs.

    `members` say of each design of the case which architecture it is, and which turn its spatial mapping has among
    those that leave the same loops.
    """

    case: Case
    members: tuple[tuple[int, int], ...]
    rows: Rows
    winners: Winners

    def best_of(self, i: int) -> tuple[int, tuple[float, float, int]]:
        """Of a row: its architecture, and what it is ranked by among all of that one's."""
        index, turn = self.members[int(self.rows.design[i])]
        return index, (float(self.rows.first[i]), float(self.rows.second[i]), turn)


def evaluate_layer(
    archs: Sequence[Arch], layer: Layer, criterion: Criterion, factors: int, *, compiled: bool | None = None
) -> list[Outcome]:
    """One outcome per architecture: the metrics of its best mapping by `criterion`, or why there is none.

    `factors` limits the prime factors that loop orders are made of. Every order of every spatial mapping counts. Of
    spatial mappings of equal cost, one that leaves the loops which the design's `candidates` leave earlier is chosen,
    and of those that leave the same loops the first: which others are evaluated in the same call decides nothing.
    `compiled` chooses the kernel, by default the compiled one where the extra `fast` is installed and enough is
    asked; the outcome is the same to the bit.
    """
    best: list[tuple[tuple[float, float, int], Metrics] | None] = [None] * len(archs)
    for found in best_mappings(archs, layer, criterion, factors, compiled=compiled):
        for i in range(len(found.rows)):
            index, score = found.best_of(i)
            known = best[index]
            if known is None or score < known[0]:
                best[index] = score, metrics_of(found.case, found.rows, found.winners, i)
    return [
        _why_not(arch, layer, factors) if known is None else known[1] for arch, known in zip(archs, best, strict=True)
    ]


def best_mappings(
    archs: Sequence[Arch],
    layer: Layer,
    criterion: Criterion,
    factors: int,
    *,
    compiled: bool | None = None,
    hopeless: Callable[[Spatial], bool] = lambda spatial: False,
) -> Iterator[Found]:
    """For each set of loops that spatial mappings leave to time, the best mapping of each design; see above.

    Spatial mappings that are `hopeless` when their turn comes are left out.
    """
    groups: dict[tuple[object, tuple[Loop, ...]], list[tuple[int, Spatial, int]]] = {}
    for index, arch in enumerate(archs):
        turns: dict[tuple[Loop, ...], int] = {}  # groups come in the order of the call, which must not decide
        for spatial in candidates(arch, layer):
            loops = temporal_loops(dict(spatial.remaining), factors)
            groups.setdefault((topology(arch), loops), []).append((index, spatial, turns.setdefault(loops, len(turns))))
    compiled = _KERNELS.compiled(sum(map(len, groups.values()))) if compiled is None else compiled
    sliding = sliding_loops(layer)
    for (_, loops), everyone in groups.items():
        members = [member for member in everyone if not hopeless(member[1])]
        if not members:
            continue
        orders = all_orders(loops, sliding)
        size = max(1, ROWS_PER_CHUNK // (len(orders.order) * len(FILLINGS)))
        for start in range(0, len(members), size):
            chunk = members[start : start + size]
            case = Case(layer, [archs[i] for i, _, _ in chunk], [s for _, s, _ in chunk], orders)
            rows, winners = (
                best_rows_compiled(case, criterion) if compiled else with_winners(case, best_rows(case, criterion))
            )
            yield Found(case, tuple((i, turn) for i, _, turn in chunk), rows, winners)


def _why_not(arch: Arch, layer: Layer, factors: int) -> Infeasible:
    tried = [(spatial, temporal_loops(dict(spatial.remaining), factors)) for spatial in candidates(arch, layer)]
    return why_not(arch, layer, tried, sliding_loops(layer))


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


def with_winners(case: Case, rows: Rows) -> tuple[Rows, Winners]:
    """The best row of each design, and what it costs."""
    firsts = rows.take(np.unique(rows.design, return_index=True)[1])
    moves = Moves(case, firsts)
    return firsts, Winners(moves.energy_pj(), moves.link_energies(), Latency(*firsts.edges))


def best_rows_compiled(case: Case, criterion: Criterion) -> tuple[Rows, Winners]:
    """The first of `best_rows` of each design, and what it costs, by the compiled kernel: equal to the bit."""
    from workbench.simulators.loopnest import fast

    found = fast.search(case, criterion, PROMISING, REFINED, MOST_MOVES)
    design = np.array([d for d, f in enumerate(found) if f.size[0]], dtype=np.int64)
    found = [found[d] for d in design]
    energy = np.array([f.energy for f in found]).reshape(len(found), 1 + len(case.shape.links)).T
    edges = np.array([f.edges for f in found]).reshape(len(found), 3).T
    rows = Rows(
        design,
        np.array([f.order[0] for f in found], dtype=np.int64),
        np.array([f.cut[0] for f in found], dtype=np.int64).reshape(len(found), len(case.shape.places)).T,
        np.ones(len(found), dtype=bool),
        np.array([f.first[0] for f in found]),
        np.array([f.second[0] for f in found]),
        edges,
    )
    return rows, Winners(energy[0], energy[1:], Latency(*edges))


def best_rows(case: Case, criterion: Criterion) -> Rows:
    """Per design, the best mappings of different cost, best first."""
    costed = _Costed()
    rows = _starts(case, criterion, costed)
    fresh = rows
    for _ in range(MOST_MOVES):
        moved = _neighbours(case, fresh)
        if not len(moved):
            break
        better = _ranked(case, criterion, moved, costed, rows)
        known = {row.tobytes() for row in _identities(rows)}
        fresh = better.take(np.array([row.tobytes() not in known for row in _identities(better)], dtype=bool))
        rows = better
    return rows


def _starts(case: Case, criterion: Criterion, costed: _Costed) -> Rows:
    """The best mappings of all orders: those that promise most under every filling, the others under the first.

    Orders come in the order of what no mapping of theirs can beat (`optimistic`), until that is worse than the
    mappings already kept: an order that is left out has none that would be kept.
    """
    latency, energy = optimistic(case)
    first, second = scores(latency, energy, criterion)
    ranked = first.argsort(axis=1, kind="stable")
    kept: Rows | None = None
    low, high = 0, FIRST_ORDERS
    while low < ranked.shape[1]:
        wave = ranked[:, low:high]
        bounds = np.take_along_axis(first, wave, 1), np.take_along_axis(second, wave, 1)
        design, at = np.nonzero(_within(bounds, _limits(case, kept)[..., None]))
        if not len(design):
            break
        fillings = np.where(low + at < PROMISING, len(FILLINGS), 1)
        row = np.repeat(np.arange(len(at)), fillings)
        filling = np.arange(len(row)) - np.repeat(np.cumsum(fillings) - fillings, fillings)
        rows = allocate(case, design[row], wave[design, at][row], filling)
        kept = _ranked(case, criterion, rows.take(rows.fits), costed, kept)
        low, high = high, ranked.shape[1]
    assert kept is not None
    return kept


def _within(bound: tuple[Floats, Floats], worst: Floats) -> Bools:
    """Whether a mapping of such a bound can be as good as one of the cost `worst` (2, ...)."""
    first, second = bound
    found: Bools = (first < worst[0]) | ((first == worst[0]) & (second <= worst[1]))
    return found


def _place(design: Ints) -> Ints:
    """(k,): the place of a row among those of its design, which stand together."""
    return np.arange(len(design)) - np.searchsorted(design, design)


def _identities(rows: Rows) -> Ints:
    """(k, 2 + p): what tells mappings apart."""
    return np.vstack([rows.design, rows.order, rows.cut]).T.copy()


def _ranked(case: Case, criterion: Criterion, rows: Rows, costed: _Costed, known: Rows | None = None) -> Rows:
    """Per design, its REFINED best mappings of different cost, best first; of equal ones the first stays.

    `known` are such mappings found before. Rows get their exact cost in the order of their lower bound, until the
    bounds left exceed the cost of the last that is kept: what is left out is worse than all that are kept.
    """
    if not len(rows):
        return known or rows
    moves = Moves(case, rows)
    energy = moves.energy_pj()
    first, second = scores(moves.least_latency(), energy, criterion)
    order = np.lexsort((first, rows.design))
    design, first, second = rows.design[order], first[order], second[order]
    place = _place(design)
    kept = known
    low, high = 0, max(REFINED, FIRST_ROWS // len(case.archs))
    while low < len(rows):
        worst = _limits(case, kept)[:, design]
        wave = order[(place >= low) & (place < high) & _within((first, second), worst)]
        if not len(wave):
            break
        exact = _exact(moves.take(wave), criterion, energy[wave], costed)
        kept = _distinct_best([exact] if kept is None else [kept, exact])
        low, high = high, high * 3
    return kept or rows.take(np.zeros(0, dtype=np.int64))


def _limits(case: Case, kept: Rows | None) -> Floats:
    """(2, d): the cost of a design's last mapping that is kept, infinite where more would be."""
    limit = np.full((2, len(case.archs)), np.inf)
    if kept is not None:
        counts = np.bincount(kept.design, minlength=limit.shape[1])
        full = np.flatnonzero(counts >= REFINED)
        last = (np.cumsum(counts) - 1)[full]
        limit[:, full] = kept.first[last], kept.second[last]
    return limit


class _Costed:
    """What rows came to, by all that their latency depends on: many orders come to the same thing."""

    def __init__(self) -> None:
        self._place: dict[bytes, int] = {}
        self._edges: Floats = np.zeros((3, 0))

    def edges(self, moves: Moves) -> Floats:
        """(3, k): stall, on-loading and off-loading of each row."""
        signature = moves.signature()
        content, width = np.ascontiguousarray(signature.T).tobytes(), signature.itemsize * len(signature)
        places, known = self._place, len(self._place)
        which = np.array(
            [places.setdefault(content[at : at + width], len(places)) for at in range(0, len(content), width)]
        )
        new, first = np.unique(which, return_index=True)
        first = first[new >= known]
        if len(first):
            found = moves.take(first).latency()
            self._edges = np.hstack([self._edges, [found.stall, found.onload, found.offload]])
        return self._edges[:, which]


def _exact(moves: Moves, criterion: Criterion, energy: Floats, costed: _Costed) -> Rows:
    """The rows with their exact ranking."""
    case, rows = moves.case, moves.rows
    edges = costed.edges(moves)
    latency = case.total + edges[0] + edges[1] + edges[2] + case.drain[rows.design]
    first, second = scores(latency, energy, criterion)
    return Rows(rows.design, rows.order, rows.cut, rows.fits, first, second, edges)


def _distinct_best(parts: list[Rows]) -> Rows:
    """Per design its REFINED best rows of different cost, best first; equal ones in the order of loops and cuts."""
    rows = Rows(*(np.concatenate([getattr(p, f.name) for p in parts], axis=-1) for f in fields(Rows)))
    rows = rows.take(np.lexsort((*rows.cut[::-1], rows.order, rows.second, rows.first, rows.design)))
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(rows.design) != 0) | (np.diff(rows.first) != 0) | (np.diff(rows.second) != 0)
    rows = rows.take(new)
    return rows.take(_place(rows.design) < REFINED)


def scores(latency: Floats, energy: Floats, criterion: Criterion) -> tuple[Floats, Floats]:
    """What to minimise, and what decides between equals."""
    if criterion == "latency":
        return latency, energy
    if criterion == "energy":
        return energy, latency
    return latency * energy, latency


def _neighbours(case: Case, rows: Rows) -> Rows:
    """Mappings with one operand keeping one loop more or less at one level; levels in the way move along."""
    shape, k = case.shape, len(rows)
    moved = np.flatnonzero(~shape.place_last)  # (v,)
    if not k or not len(moved):
        return rows.take(np.zeros(0, dtype=np.int64))
    places = np.arange(len(shape.places))
    mine = (shape.place_operand == shape.place_operand[moved, None]) & ~shape.place_last  # (v, p)
    to = np.stack([rows.cut[moved] - 1, rows.cut[moved] + 1], axis=1)  # (v, 2, k)
    to = np.minimum(np.maximum(to, 0), case.orders.n)[:, :, None]
    cut = np.broadcast_to(rows.cut, (len(moved), 2, *rows.cut.shape))  # (v, 2, p, k)
    cut = np.where((mine & (places <= moved[:, None]))[:, None, :, None], np.minimum(cut, to), cut)
    cut = np.where((mine & (places >= moved[:, None]))[:, None, :, None], np.maximum(cut, to), cut)
    everything = Rows(
        np.tile(rows.design, 2 * len(moved)),
        np.tile(rows.order, 2 * len(moved)),
        np.moveaxis(cut, 2, 0).reshape(len(places), -1),
        np.ones(2 * len(moved) * k, dtype=bool),
    )
    return everything.take(fitting(case, everything))
