"""The mapping search of one design compiled by numba (extra `fast`): the same steps as on arrays, one row at a time.

`engine.best_rows` defines what is found; this module finds exactly that. Sums run in the same order and nothing is
reassociated, so that both give equal bits.

All compiled code is in this one file, because numba's cache on disk notices a change of the file that a function
stands in and of no other. Arrays are handed over one by one: a tuple of them costs more to pass than a row to cost.
Prefixes: `d_` of the design, `w_` room to work in; the rest is shared by all designs (`Nest`).
"""

from __future__ import annotations

from math import gcd
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from workbench.simulators.loopnest.allocate import FILLINGS
from workbench.simulators.loopnest.bound import SAFE
from workbench.simulators.loopnest.case import REDUCING, ROUNDING, SLIDES, Case, element_bits
from workbench.simulators.loopnest.orders import Bools, Floats, Ints

LATENCY, ENERGY, EDP = 0, 1, 2
OUTPUT, WEIGHT, INPUT = 0, 1, 2
_REMEMBERED, _PROBES = 512, 16
CRITERIA = {"latency": LATENCY, "energy": ENERGY, "edp": EDP}


class Nest(NamedTuple):
    """What does not depend on the design: arrays as in `Shape` and `Orders`, and of the layer."""

    total: float
    extent: Floats
    slides: Ints  # (2, 2): the numbers of an output loop and its kernel loop
    strides: Ints  # (2, 2): stride and dilation over their common divisor
    most: Ints  # (2,): rows and columns of the input
    bits: Floats  # (3,): per element of a partial sum, a weight and an input
    output_bits: float
    all_input_bits: float
    reducing: Ints
    place_first: Bools
    place_index: Bools
    link_place: Ints
    link_port: Ints
    link_memory: Ints
    link_operand: Ints
    link_low: Bools
    link_reads: Bools
    link_partial: Bools
    outside: Floats  # (s,) iterations of the loops outside a subset
    widest_bits: Floats  # (p,) bits per element: of a partial sum for the output
    finished_bits: Floats  # (p,) of a finished output
    steps: Floats
    adds_later: Bools
    subset: Ints
    grid: Ints
    path: Ints
    reuses: Bools
    stays: Ints
    relevant_from: Ints
    reuse_from: Ints
    place_operand: Ints
    place_memory: Ints
    place_spot: Ints
    place_last: Bools
    spot_operand: Ints
    array_spot: Ints
    link_spot: Ints
    link_inner: Ints
    by_port: Ints
    port_start: Ints
    memory_places: Ints
    pair_links: Ints
    pair_sharing: Ints
    pair_start: Ints


class Design(NamedTuple):
    """One design of a case: arrays as in `Case`, and room for those of `Tables`, without the design axis."""

    mac_pj: float
    drain: float
    capacity: Floats
    width: Floats
    step: Floats
    read_pj: Floats
    write_pj: Floats
    mean: Floats
    whole: Floats
    held: Floats  # (g, s), as all that follow but `reduced` (g,); (l, s) of the links
    reduced: Bools
    content: Floats
    energy: Floats
    link_energy: Floats
    periods: Floats
    real: Floats
    busy: Floats
    load: Floats
    rate: Floats
    once: Floats
    least: Floats


class Row(NamedTuple):
    """Room to work on one row."""

    cut: Ints  # (p,)
    chosen: Ints  # (3,)
    ceiling: Ints  # (p,)
    last: Ints  # (3,)
    here: Ints  # (3,)
    limit: Ints  # (3,)
    bits: Floats  # (3, n + 1)
    traffic: Floats  # (3, n + 1)
    fewest: Floats  # (3, n + 1)
    end: Ints  # (g,)
    below: Ints  # (g,)
    buffered: Bools  # (g,)
    window: Floats  # (g,)
    real: Floats  # (l,)
    hidden: Floats  # (2, l)
    ranked: Ints  # (l,)
    free_share: Floats  # (q,)
    periods: Floats  # (l,) of the links of one port
    windows: Floats  # (l,)
    covered: Floats  # (l,)
    inside: Floats  # (l,)
    runs: Floats  # (2, g): iterations of the run of relevant and of reuse loops at the top of a spot
    signature: Ints  # (3 g,): what the latency of a row depends on
    slots: Ints  # where in `signatures` a signature stands, -1 where none does
    signatures: Ints  # (k, 3 g): of rows that have been costed
    costs: Floats  # (k, 2): what they are ranked by
    known: Ints  # (1,): how many there are


class Found(NamedTuple):
    """The best rows of different cost so far, best first."""

    order: Ints  # (k,)
    cut: Ints  # (k, p)
    first: Floats  # (k,)
    second: Floats  # (k,)
    expanded: Bools  # (k,)
    size: Ints  # (1,) how many there are
    edges: Floats  # (3,) stall, on-loading and off-loading of the first
    energy: Floats  # (1 + l,) of the first and of each of its links


owning = njit(cache=True, error_model="numpy")
"""For functions that make arrays."""
_UNCOUNTED: dict[str, Any] = {"cache": True, "error_model": "numpy", "forceinline": True, "_nrt": False}
compiled = njit(**_UNCOUNTED)
"""For all others. Without numba's reference counts: each call would count every array it is handed up and down, which
takes ten times as long as the work."""


@compiled
def _volume(extent, units, place_index, place_operand, slides, strides, most, p, s):
    """`Case._volumes` of one place and subset."""
    volume = 1.0
    for loop in range(len(place_index[p])):
        if place_index[p, loop]:
            volume = volume * (units[p, loop] * extent[s, loop])
    if place_operand[p] == INPUT:
        for side in range(2):
            outer, kernel = slides[side]
            rows = int(units[p, outer] * extent[s, outer] + ROUNDING)
            taps = int(units[p, kernel] * extent[s, kernel] + ROUNDING)
            touched = rows * taps - max(rows - strides[side, 1], 0) * max(taps - strides[side, 0], 0)
            volume = volume * min(touched, most[side])
    return volume


@owning
def _tables(nest, design):
    """`Case.held`, `Case.reduced` and `Case.tables` into a design."""
    place_operand, place_spot, place_first = nest.place_operand, nest.place_spot, nest.place_first
    link_spot, steps, total, mean, whole = nest.link_spot, nest.steps, nest.total, design.mean, design.whole
    places, links, subsets = len(place_spot), len(link_spot), len(steps)
    held, reduced = design.held, design.reduced
    reduced[:] = False
    held[nest.array_spot] = 1.0
    whole_held = np.ones_like(held)
    multicast, whole_multicast = np.empty(places), np.empty(places)
    everything, adds = np.empty(places), np.empty(places)
    for p in range(places):
        for s in range(subsets):
            held[place_spot[p], s] = _volume(
                nest.extent, mean, nest.place_index, place_operand, nest.slides, nest.strides, nest.most, p, s)
            whole_held[place_spot[p], s] = np.rint(_volume(
                nest.extent, whole, nest.place_index, place_operand, nest.slides, nest.strides, nest.most, p, s))
        multicast[p] = _volume(
            nest.extent, mean, nest.place_index, place_operand, nest.slides, nest.strides, nest.most, p, 0)
        whole_multicast[p] = _volume(
            nest.extent, whole, nest.place_index, place_operand, nest.slides, nest.strides, nest.most, p, 0)
        everything[p] = adds[p] = 1.0
        for loop in range(mean.shape[1]):
            everything[p] = everything[p] * mean[p, loop]
        for loop in nest.reducing:
            adds[p] = adds[p] * mean[p, loop]
    last = np.empty(3, np.int64)
    for p in range(places - 1, -1, -1):
        if nest.place_last[p]:
            last[place_operand[p]] = p
        if not place_first[p]:
            multicast[p] = multicast[p] / multicast[p - 1]
            whole_multicast[p] = whole_multicast[p] / whole_multicast[p - 1]
    partial = np.zeros(held.shape, np.bool_)
    for p in range(places):
        if place_operand[p] == OUTPUT:
            g = place_spot[p] - 1
            reduced[g] = adds[last[OUTPUT]] > adds[p] * (1 + ROUNDING)
            for s in range(subsets):
                partial[g, s] = nest.adds_later[s] or reduced[g]
    bits = np.empty(held.shape)
    for g in range(len(held)):
        operand = nest.spot_operand[g]
        for s in range(subsets):
            bits[g, s] = nest.output_bits if operand == OUTPUT and not partial[g, s] else nest.bits[operand]
            design.content[g, s] = np.rint(held[g, s]) * bits[g, s]
            design.energy[g, s] = 0.0
    for i in range(links):
        g, p, q, m, inner = link_spot[i], nest.link_place[i], nest.link_port[i], nest.link_memory[i], nest.link_inner[i]
        at_work = np.rint(np.rint(everything[last[place_operand[p]]] / everything[p] * 1000) / 1000)
        access = design.read_pj[m] if nest.link_reads[i] else design.write_pj[m]
        width, step = design.width[q], design.step[q]
        step_pj = access * (step / width) * at_work
        outermost = m == nest.memory_places.shape[0] - 1
        spread = multicast[p] if nest.link_low[i] else 1.0
        whole_spread = np.rint(whole_multicast[p]) if nest.link_low[i] else 1.0
        edge = not nest.link_partial[i]
        for s in range(subsets):
            periods = total / steps[s] if edge or partial[g, s] else 0.0
            moved = held[g, s] * bits[g, s] * spread
            if outermost and nest.link_operand[i] == INPUT:
                moved = max(moved, nest.all_input_bits / max(periods, 1.0))
            design.link_energy[i, s] = np.ceil(moved / step) * periods * step_pj
            design.energy[g, s] = design.energy[g, s] + design.link_energy[i, s]
            design.busy[i, s] = moved / width * periods if outermost else 0.0
            moved = whole_held[g, s] * bits[g, s] * whole_spread
            once = edge and periods == 1
            design.periods[i, s] = periods
            design.real[i, s] = np.ceil(moved / width)
            design.load[i, s] = design.real[i, s] * max(periods - 1, 0.0)
            design.rate[i, s] = np.floor(moved / steps[s]) if edge and not once else 0.0
            design.once[i, s] = once
            design.least[i, s] = np.ceil(whole_held[inner, s] * bits[inner, s] / width)


@compiled
def _ceilings(
    widest_bits, finished_bits, subset, place_memory, place_spot, place_last, memory_places, d_capacity, d_held,
    w_ceiling, r, share):
    """`allocate._Allocator._ceilings`: no loops below that the levels above could not hold."""
    places, n = len(place_spot), subset.shape[1] - 1
    above = n
    for p in range(places - 1, -1, -1):
        if place_last[p]:
            above = n
            continue
        m = place_memory[p]
        room = d_capacity[m] * share
        for c in range(3):
            other = memory_places[m, c]
            if other >= 0 and other != p:
                least = min(widest_bits[other], finished_bits[other])
                room = room - d_held[place_spot[other], 0] * least
        least = min(widest_bits[p], finished_bits[p])
        fit = -1
        for position in range(n + 1):
            if d_held[place_spot[p], subset[r, position]] * least > room:
                break
            fit = position
        above = min(above, max(fit, 0))
        w_ceiling[p] = above


@compiled
def _fill_memory(w_chosen, w_bits, w_traffic, w_fewest, w_here, w_limit, inside, room):
    """`allocate._least_traffic` for one row: positions into `w_chosen`, whether there are any.

    Bits and traffic are there from `w_here[c]` to `w_limit[c]` of each of the `inside` operands, and in `w_fewest` the
    least traffic up to each position. From the outermost positions inwards: what one takes less the last has more room
    for, so its position only rises; and the rest is not looked at once it cannot have less traffic.
    """
    final = inside - 1
    top = w_limit[final]
    if inside == 1:
        position = top
        while position >= w_here[0] and not w_bits[0, position] <= room:
            position -= 1
        w_chosen[0] = position
        return position >= w_here[0]
    best = np.inf
    if inside == 2:
        position = w_here[1] - 1
        for a in range(w_limit[0], w_here[0] - 1, -1):
            if w_fewest[0, a] + w_fewest[1, top] >= best:
                break
            left = room - w_bits[0, a]
            while position < top and w_bits[1, position + 1] <= left:
                position += 1
            if position < w_here[1]:
                continue
            cost = w_traffic[0, a] + w_traffic[1, position]
            if cost < best:
                best = cost
                w_chosen[0], w_chosen[1] = a, position
        return best < np.inf
    for a in range(w_limit[0], w_here[0] - 1, -1):
        if w_fewest[0, a] + w_fewest[1, w_limit[1]] + w_fewest[2, top] >= best:
            break
        left_a = room - w_bits[0, a]
        position = w_here[2] - 1
        for b in range(w_limit[1], w_here[1] - 1, -1):
            if w_traffic[0, a] + w_fewest[1, b] + w_fewest[2, top] >= best:
                break
            left = left_a - w_bits[1, b]
            while position < top and w_bits[2, position + 1] <= left:
                position += 1
            if position < w_here[2]:
                continue
            cost = w_traffic[0, a] + w_traffic[1, b] + w_traffic[2, position]
            if cost < best:
                best = cost
                w_chosen[0], w_chosen[1], w_chosen[2] = a, b, position
    return best < np.inf


@compiled
def _fill(
    widest_bits, finished_bits, outside, adds_later, chain, place_operand, place_spot, memory_places, d_capacity,
    d_held, d_reduced, w_cut, w_chosen, w_ceiling, w_last, w_here, w_limit, w_bits, w_traffic, w_fewest, share, idle):
    """`allocate._Allocator.run` for one row under given ceilings: positions into `w_cut`, whether they fit."""
    w_last[:] = 0
    memories, n = memory_places.shape[0], len(chain) - 1
    for m in range(memories - 1):
        inside = 0
        for c in range(3):
            p = memory_places[m, c]
            if p < 0:
                break
            inside += 1
            operand, spot = place_operand[p], place_spot[p]
            each = widest_bits[p]
            if operand == OUTPUT and not (adds_later[chain[w_last[OUTPUT]]] or d_reduced[spot - 1]):
                each = finished_bits[p]
            w_here[c], w_limit[c] = w_last[operand], w_ceiling[p]
            if memory_places[m, 1] < 0 and idle:  # alone, and as full as it gets: no need to look further
                position = w_here[c]
                while position <= w_limit[c] and d_held[spot, chain[position]] * each <= d_capacity[m] * share:
                    position += 1
                if position == w_here[c]:
                    return False
                w_cut[p] = position - 1
                w_last[operand] = position - 1
                inside = 0
                break
            for position in range(w_here[c], w_limit[c] + 1):
                w_bits[c, position] = d_held[spot, chain[position]] * each
                w_traffic[c, position] = w_bits[c, position] * outside[chain[position]]
                w_fewest[c, position] = w_traffic[c, position]
                if position > w_here[c]:
                    w_fewest[c, position] = min(w_traffic[c, position], w_fewest[c, position - 1])
        if inside == 0:
            continue
        if not _fill_memory(w_chosen, w_bits, w_traffic, w_fewest, w_here, w_limit, inside, d_capacity[m] * share):
            return False
        for c in range(inside):
            at = w_chosen[c]
            if not idle:
                enough = w_traffic[c, at] * (1 + 1e-12)
                for position in range(w_here[c], at):
                    if w_traffic[c, position] <= enough:
                        at = position
                        break
            p = memory_places[m, c]
            w_cut[p] = at
            w_last[place_operand[p]] = at
    everything = 0.0
    for c in range(3):
        p = memory_places[memories - 1, c]
        if p >= 0:
            w_cut[p] = n
            everything = everything + d_held[place_spot[p], -1] * finished_bits[p]
    return everything <= d_capacity[memories - 1]


@compiled
def _allocate(
    widest_bits, finished_bits, outside, adds_later, subset, place_operand, place_memory, place_spot, place_last,
    memory_places, d_capacity, d_held, d_reduced, w_cut, w_chosen, w_ceiling, w_last, w_here, w_limit, w_bits,
    w_traffic, w_fewest, r,
    share, idle):
    """`allocate.allocate` for one row: positions into `w_cut`, whether they fit.

    What the levels above cannot hold only matters where filling without a thought for them fails: where it succeeds,
    every level holds at least what the levels below it do.
    """
    chain = subset[r]
    w_ceiling[:] = len(chain) - 1
    for attempt in range(2):
        if attempt:
            _ceilings(
                widest_bits, finished_bits, subset, place_memory, place_spot, place_last, memory_places, d_capacity,
                d_held, w_ceiling, r, share)
        if _fill(
            widest_bits, finished_bits, outside, adds_later, chain, place_operand, place_spot, memory_places,
            d_capacity, d_held, d_reduced, w_cut, w_chosen, w_ceiling, w_last, w_here, w_limit, w_bits, w_traffic,
            w_fewest, share, idle):
            return True
    return False


@compiled
def _moved(
    widest_bits, finished_bits, adds_later, subset, place_operand, place_spot, place_last, memory_places, d_capacity,
    d_held, d_reduced, w_cut, source, moved, step, r):
    """`engine._neighbours` and `allocate.fitting` for one row: positions into `w_cut`, whether they fit."""
    n = subset.shape[1] - 1
    places = len(place_spot)
    position = min(max(source[moved] + step, 0), n)
    for p in range(places):
        w_cut[p] = source[p]
        if place_operand[p] == place_operand[moved] and not place_last[p]:
            if p < moved:
                w_cut[p] = min(w_cut[p], position)
            elif p > moved:
                w_cut[p] = max(w_cut[p], position)
    w_cut[moved] = position
    for m in range(memory_places.shape[0]):
        used = 0.0
        for c in range(3):
            p = memory_places[m, c]
            if p < 0:
                break
            each = widest_bits[p]
            if place_operand[p] == OUTPUT:
                start = 0 if p == 0 else w_cut[p - 1]  # places of the output come first
                partial = adds_later[subset[r, start]] or d_reduced[place_spot[p] - 1]
                if place_last[p] or not partial:
                    each = finished_bits[p]
            used = used + d_held[place_spot[p], subset[r, w_cut[p]]] * each
        if used > d_capacity[m]:
            return False
    return True


@compiled
def _look_below(subset, stays, place_operand, place_spot, array_spot, w_cut, w_end, w_below, r):
    """Where the loops of every spot end, and the subset that lies below (`cost.Moves`)."""
    for operand in range(3):
        w_end[array_spot[operand]] = 0
    for p in range(len(place_spot)):
        w_end[place_spot[p]] = stays[place_operand[p], r, w_cut[p]]
    for g in range(len(w_end)):
        w_below[g] = subset[r, w_end[g]]
    for operand in range(WEIGHT, INPUT + 1):
        w_below[array_spot[operand]] = subset[r, stays[operand, r, 0]]


@compiled
def _energy_and_least(total, link_spot, by_port, port_start, d_mac_pj, d_drain, energy_of, load_of, w_below):
    """(energy, lower bound of the latency): `Moves.energy_pj` and `Moves.least_latency`."""
    energy = d_mac_pj
    for g in range(len(w_below)):
        energy = energy + energy_of[g, w_below[g]]
    most = total
    for q in range(len(port_start) - 1):
        load = 0.0
        for c in range(port_start[q], port_start[q + 1]):
            i = by_port[c]
            load = load + load_of[i, w_below[link_spot[i]]]
        most = max(most, load)
    return energy, most + d_drain


@compiled
def _scores(latency, energy, criterion):
    """`engine.scores`."""
    if criterion == LATENCY:
        return latency, energy
    if criterion == ENERGY:
        return energy, latency
    return latency * energy, latency


@compiled
def _beaten(f_first, f_second, f_size, first, second):
    """Whether a mapping that costs no less than this cannot be among the best."""
    if f_size[0] < len(f_first):
        return False
    return first > f_first[-1] or (first == f_first[-1] and second > f_second[-1])


@compiled
def _fits(
    widest_bits, finished_bits, reuses, place_memory, place_spot, place_last, array_spot, memory_places, d_capacity,
    d_held, fits):
    """`bound._fits` into `fits` (g, s)."""
    for operand in range(3):
        for s in range(d_held.shape[1]):
            fits[array_spot[operand], s] = reuses[operand, s]
    for p in range(len(place_spot)):
        g = place_spot[p]
        room = d_capacity[place_memory[p]]
        for c in range(3):
            other = memory_places[place_memory[p], c]
            if other >= 0 and other != p:
                room = room - d_held[place_spot[other], 0] * min(widest_bits[other], finished_bits[other])
        least = min(widest_bits[p], finished_bits[p])
        for s in range(d_held.shape[1]):
            fits[g, s] = place_last[p] or d_held[g, s] * least <= room
    for g in range(len(fits)):
        fits[g, 0] = True


@owning
def _optimistic(
    total, widest_bits, finished_bits, reuses, grid, path, place_memory, place_spot, place_last, array_spot, link_spot,
    by_port, port_start, memory_places, d_mac_pj, d_drain, d_capacity, d_held, d_energy, d_load, criterion, first,
    second):
    """`bound.optimistic` into `first` and `second` (r,), ranked by the criterion."""
    spots, subsets = d_held.shape
    ports, n, kinds = len(port_start) - 1, path.shape[1], len(grid)
    energy, load = d_energy.copy(), d_load.copy()
    for s in range(subsets):
        stride = 1
        for kind in range(kinds):
            if s // stride % grid[kind]:
                for g in range(spots):
                    energy[g, s] = min(energy[g, s], energy[g, s - stride])
                for i in range(len(link_spot)):
                    load[i, s] = min(load[i, s], load[i, s - stride])
            stride *= grid[kind]
    fits = np.empty((spots, subsets), np.bool_)
    _fits(
        widest_bits, finished_bits, reuses, place_memory, place_spot, place_last, array_spot, memory_places, d_capacity,
        d_held, fits)
    binding = np.empty(ports, np.int64)
    count = 0
    for q in range(ports):
        most = 0.0
        for c in range(port_start[q], port_start[q + 1]):
            most += load[by_port[c], 0]
        if most > total:
            binding[count] = q
            count += 1
    # What a step adds: column 0 the energy, then the ports that could bind.
    steps = np.zeros((subsets * kinds, 1 + count))
    sums = np.zeros((n + 1, 1 + count))
    for g in range(spots):
        if fits[g, -1]:
            sums[0, 0] = sums[0, 0] + energy[g, -1]
    sums[0, 0] = d_mac_pj + sums[0, 0]
    for at in range(count):
        for c in range(port_start[binding[at]], port_start[binding[at] + 1]):
            i = by_port[c]
            if fits[link_spot[i], -1]:
                sums[0, 1 + at] += load[i, -1]
    for s in range(subsets):
        stride = 1
        for kind in range(kinds):
            step = s * kinds + kind
            if s // stride % grid[kind] + 1 < grid[kind]:
                for g in range(spots):
                    if fits[g, s] and not fits[g, s + stride]:
                        steps[step, 0] = steps[step, 0] + energy[g, s]
                for at in range(count):
                    for c in range(port_start[binding[at]], port_start[binding[at] + 1]):
                        i = by_port[c]
                        if fits[link_spot[i], s] and not fits[link_spot[i], s + stride]:
                            steps[step, 1 + at] += load[i, s]
            stride *= grid[kind]
    for r in range(len(first)):
        start = 0  # orders that follow each other begin alike
        if r:
            while path[r, start] == path[r - 1, start]:
                start += 1
        for at in range(start, n):
            for c in range(1 + count):
                sums[at + 1, c] = sums[at, c] + steps[path[r, at], c]
        latency = total
        for c in range(1, 1 + count):
            latency = max(latency, sums[n, c])
        first[r], second[r] = _scores(latency + d_drain, sums[n, 0] * SAFE, criterion)


@owning
def _lowest(values, most):
    """The `most` lowest of some values, lowest first; of equal ones the first: their places."""
    found = np.empty(most, np.int64)
    count = 0
    for r in range(len(values)):
        if count == most and values[r] >= values[found[count - 1]]:
            continue
        at = min(count, most - 1)
        while at > 0 and values[found[at - 1]] > values[r]:
            found[at] = found[at - 1]
            at -= 1
        found[at] = r
        count = min(count + 1, most)
    return found


@compiled
def _top_runs(
    steps, subset, relevant_from, reuse_from, spot_operand, array_spot, w_end, w_below, w_runs, w_signature, r):
    """`Moves._top_run` of every spot, of relevant and of reuse loops; all that the latency of a row depends on."""
    spots = len(w_end)
    for g in range(spots):
        operand = spot_operand[g]
        start = 0 if g == array_spot[operand] else w_end[g - 1]
        whole = steps[subset[r, w_end[g]]]
        w_runs[0, g] = whole / steps[subset[r, max(relevant_from[operand, r, w_end[g]], start)]]
        w_runs[1, g] = whole / steps[subset[r, max(reuse_from[operand, r, w_end[g]], start)]]
        w_signature[g] = w_below[g]
        w_signature[spots + g] = int(w_runs[0, g])
        w_signature[2 * spots + g] = int(w_runs[1, g])


@compiled
def _recall(w_signature, w_slots, w_signatures):
    """The slot of a signature: taken where the same one is known, free where it is new, -1 where there is no room."""
    mixed = np.uint64(1)
    for value in w_signature:
        mixed = (mixed ^ np.uint64(value)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    slot = np.int64(mixed % np.uint64(len(w_slots)))
    for _ in range(_PROBES):
        known = w_slots[slot]
        if known < 0:
            return slot
        same = True
        for at in range(len(w_signature)):
            if w_signatures[known, at] != w_signature[at]:
                same = False
                break
        if same:
            return slot
        slot = (slot + 1) % len(w_slots)
    return -1


@compiled
def _double_buffer(
    place_spot, memory_places, d_capacity, d_content, w_below, w_runs, w_buffered, w_windows):
    """`Moves._double_buffered` into `w_buffered`."""
    w_buffered[:] = False
    for m in range(memory_places.shape[0]):
        total = 0.0
        for c in range(3):
            p = memory_places[m, c]
            if p >= 0:
                g = place_spot[p]
                live = np.floor(d_content[g, w_below[g]] / w_runs[0, g])
                w_windows[c] = live / d_capacity[m]
                total = total + w_windows[c]
        for c in range(3):
            p = memory_places[m, c]
            if p >= 0:
                spare = total > 0.5 and w_windows[c] <= 1 - total
                w_buffered[place_spot[p]] = total <= 0.5 or spare
                if spare:
                    total = total + w_windows[c]


@compiled
def _within(w_periods, w_windows, w_covered, w_inside, length, upto):
    """Cycles that the links below `upto` cover of the first `length` cycles (`cost._window_union`)."""
    found = 0.0
    for at in range(upto - 1, -1, -1):
        whole = np.floor(length / w_periods[at])
        length = length - whole * w_periods[at]
        found += whole * w_covered[at]
        if length <= w_windows[at]:
            return found + length
        found += w_windows[at] - w_inside[at]
    return found


@compiled
def _union(w_periods, w_windows, w_covered, w_inside, count, total):
    """Cycles in which at least one of the first `count` links may move data; sorts them by period."""
    period, window = w_periods, w_windows
    for i in range(1, count):
        p, w = period[i], window[i]
        j = i - 1
        while j >= 0 and period[j] > p:
            period[j + 1], window[j + 1] = period[j], window[j]
            j -= 1
        period[j + 1], window[j + 1] = p, w
    for at in range(count):
        w_inside[at] = _within(w_periods, w_windows, w_covered, w_inside, window[at], at)
        w_covered[at] = window[at] + _within(w_periods, w_windows, w_covered, w_inside, period[at], at) - w_inside[at]
    return w_covered[count - 1] * (total / period[count - 1]) if count else 0.0


@compiled
def _stall(
    total, steps, link_spot, by_port, port_start, d_width, d_periods, d_rate, w_below, w_buffered, w_window, w_real,
    w_free_share, w_periods, w_windows, w_covered, w_inside):
    """`Moves._port_stalls`, the worst of the ports; leaves each port's free share in `w_free_share`.

    The union of the windows is no less than those of one link, which often settles that a port does not matter.
    """
    stall = 0.0
    for q in range(len(port_start) - 1):
        late, rest, busy, longest, active = 0.0, 0.0, 0.0, 0.0, 0
        for c in range(port_start[q], port_start[q + 1]):
            i = by_port[c]
            g = link_spot[i]
            periods = d_periods[i, w_below[g]]
            allowed = steps[w_below[g]] if w_buffered[g] else w_window[g]
            repeats = max(periods - 1, 0.0)
            balance = (w_real[i] - allowed) * repeats
            late = late + max(balance, 0.0)
            rest = rest + (min(balance, 0.0) + allowed * repeats)
            busy = busy + d_rate[i, w_below[g]]
            if periods > 0:
                w_periods[active], w_windows[active] = steps[w_below[g]], allowed
                longest = max(longest, allowed * periods)
                active += 1
        w_free_share[q] = max(0.0, (d_width[q] - busy) / d_width[q])
        if late + max(0.0, rest - longest) > stall:
            union = _union(w_periods, w_windows, w_covered, w_inside, active, total)
            stall = max(stall, late + max(0.0, rest - union))
    return stall


@compiled
def _hide(
    total, link_spot, link_inner, by_port, port_start, d_once, d_least, w_below, w_real, w_hidden, w_ranked,
    w_free_share, stall):
    """`Moves._hidden` into `w_hidden`: under a stall, and without."""
    w_hidden[:] = 0.0
    for q in range(len(port_start) - 1):
        count = 0
        for c in range(port_start[q], port_start[q + 1]):
            i = by_port[c]
            if d_once[i, w_below[link_spot[i]]] > 0:
                j = count - 1  # the longest first, equals in the order of the links
                while j >= 0 and w_real[w_ranked[j]] < w_real[i]:
                    w_ranked[j + 1] = w_ranked[j]
                    j -= 1
                w_ranked[j + 1] = i
                count += 1
        before = 0.0
        for j in range(count):
            i = w_ranked[j]
            spare = max(0.0, w_real[i] - d_least[i, w_below[link_inner[i]]])
            w_hidden[0, i] = min(max(w_free_share[q] * (total + stall) - before, 0.0), spare)
            w_hidden[1, i] = min(max(w_free_share[q] * total - before, 0.0), spare)
            before += spare


@compiled
def _step_up(pair_links, pair_sharing, pair_start, w_real, w_hidden, which, operand):
    """Of an operand's steps between levels: (all, in series with the other input, the rest)."""
    everything, shared, half, apart = 0.0, 0.0, 0.0, 0.0
    for k in range(pair_start[operand], pair_start[operand + 1]):
        a, b = pair_links[k, 0], pair_links[k, 1]
        longest = max(w_real[a] - w_hidden[which, a], w_real[b] - w_hidden[which, b])
        everything = everything + longest
        if pair_sharing[k] == 2:
            shared = shared + longest
        elif pair_sharing[k] == 1:
            half = longest
        else:
            apart = apart + longest
    return everything, shared, half + apart


@compiled
def _edges(pair_links, pair_sharing, pair_start, w_real, w_hidden, which):
    """`Moves._onload` and `Moves._offload`."""
    offload, _, _ = _step_up(pair_links, pair_sharing, pair_start, w_real, w_hidden, which, OUTPUT)
    _, together_w, rest_w = _step_up(pair_links, pair_sharing, pair_start, w_real, w_hidden, which, WEIGHT)
    _, together_i, rest_i = _step_up(pair_links, pair_sharing, pair_start, w_real, w_hidden, which, INPUT)
    weights_first = together_w + max(together_i + rest_i, rest_w)
    inputs_first = together_i + max(together_w + rest_w, rest_i)
    return min(weights_first, inputs_first), offload


@compiled
def _waits(
    total, steps, place_spot, spot_operand, array_spot, link_spot, by_port, port_start, memory_places, d_capacity,
    d_width, d_content, d_periods, d_real, d_rate, w_below, w_runs, w_buffered, w_window, w_real, w_free_share,
    w_periods, w_windows, w_covered, w_inside):
    """The stall of `Moves.latency`, before what the last memory must move."""
    _double_buffer(place_spot, memory_places, d_capacity, d_content, w_below, w_runs, w_buffered, w_windows)
    for g in range(len(w_below)):
        period = steps[w_below[g]]
        w_window[g] = period if g == array_spot[spot_operand[g]] else np.floor(period / w_runs[1, g])
    for i in range(len(w_real)):
        w_real[i] = d_real[i, w_below[link_spot[i]]]
    return _stall(
        total, steps, link_spot, by_port, port_start, d_width, d_periods, d_rate, w_below, w_buffered, w_window,
        w_real, w_free_share, w_periods, w_windows, w_covered, w_inside)


@compiled
def _around(
    total, link_spot, link_inner, by_port, port_start, pair_links, pair_sharing, pair_start, d_busy, d_once, d_least,
    w_below, w_real, w_hidden, w_ranked, w_free_share, stall):
    """The rest of `Moves.latency`: stall, on-loading, off-loading. `_waits` has been called."""
    _hide(
        total, link_spot, link_inner, by_port, port_start, d_once, d_least, w_below, w_real, w_hidden, w_ranked,
        w_free_share, stall)
    onload, offload = _edges(pair_links, pair_sharing, pair_start, w_real, w_hidden, 0)
    onload_free, offload_free = _edges(pair_links, pair_sharing, pair_start, w_real, w_hidden, 1)
    onload = onload + max(0.0, onload_free + offload_free - onload - offload - stall)
    busiest = 0.0
    for q in range(len(port_start) - 1):
        moved = 0.0
        for c in range(port_start[q], port_start[q + 1]):
            moved = moved + d_busy[by_port[c], w_below[link_spot[by_port[c]]]]
        busiest = max(busiest, moved)
    late = busiest - (total + stall + onload + offload)
    return stall + max(0.0, late), onload, offload


@compiled
def _insert(f_order, f_cut, f_first, f_second, f_expanded, f_size, first, second, r, w_cut):
    """Keep a mapping if it is among the best of different cost; of equal ones the first in order and cuts."""
    most, count, places, at = len(f_order), f_size[0], len(w_cut), 0
    while at < count and (f_first[at] < first or (f_first[at] == first and f_second[at] < second)):
        at += 1
    if at < count and f_first[at] == first and f_second[at] == second:
        smaller = r < f_order[at]
        if r == f_order[at]:
            for p in range(places):
                if w_cut[p] != f_cut[at, p]:
                    smaller = w_cut[p] < f_cut[at, p]
                    break
        if not smaller:
            return
    elif at >= most:
        return
    else:
        for k in range(min(count, most - 1), at, -1):
            f_first[k], f_second[k], f_order[k] = f_first[k - 1], f_second[k - 1], f_order[k - 1]
            f_expanded[k] = f_expanded[k - 1]
            for p in range(places):
                f_cut[k, p] = f_cut[k - 1, p]
        f_first[at], f_second[at] = first, second
        f_size[0] = min(count + 1, most)
    f_order[at] = r
    f_expanded[at] = False
    for p in range(places):
        f_cut[at, p] = w_cut[p]


@compiled
def _cost_and_keep(
    total, steps, subset, relevant_from, reuse_from, place_spot, spot_operand, array_spot, link_spot, link_inner,
    by_port, port_start, memory_places, pair_links, pair_sharing, pair_start, d_drain, d_capacity, d_width, d_content,
    d_periods, d_real, d_busy, d_rate, d_once, d_least, w_cut, w_end, w_below, w_buffered, w_window, w_real, w_hidden,
    w_ranked, w_free_share, w_periods, w_windows, w_covered, w_inside, w_runs, w_signature, w_slots, w_signatures,
    w_costs, w_known, f_order, f_cut, f_first, f_second, f_expanded, f_size, r, energy, least, criterion):
    """Rank a row exactly, unless its bound says that it cannot be kept. `_look_below` has been called.

    Many orders come to the same thing; what has been costed, or found to cost too much, is remembered.
    """
    first, second = _scores(least, energy, criterion)
    if _beaten(f_first, f_second, f_size, first, second):
        return
    _top_runs(
        steps, subset, relevant_from, reuse_from, spot_operand, array_spot, w_end, w_below, w_runs, w_signature, r)
    slot = _recall(w_signature, w_slots, w_signatures)
    if slot >= 0 and w_slots[slot] >= 0:
        _insert(f_order, f_cut, f_first, f_second, f_expanded, f_size, w_costs[w_slots[slot], 0],
            w_costs[w_slots[slot], 1], r, w_cut)
        return
    stall = _waits(
        total, steps, place_spot, spot_operand, array_spot, link_spot, by_port, port_start, memory_places, d_capacity,
        d_width, d_content, d_periods, d_real, d_rate, w_below, w_runs, w_buffered, w_window, w_real, w_free_share,
        w_periods, w_windows, w_covered, w_inside)
    first, second = _scores(total + stall + d_drain, energy, criterion)
    if not _beaten(f_first, f_second, f_size, first, second):
        stall, onload, offload = _around(
            total, link_spot, link_inner, by_port, port_start, pair_links, pair_sharing, pair_start, d_busy, d_once,
            d_least,
            w_below, w_real, w_hidden, w_ranked, w_free_share, stall)
        latency = total + stall + onload + offload + d_drain
        first, second = _scores(latency, energy, criterion)
    if slot >= 0 and w_known[0] < len(w_costs):
        w_slots[slot] = w_known[0]
        for at in range(len(w_signature)):
            w_signatures[w_known[0], at] = w_signature[at]
        w_costs[w_known[0], 0], w_costs[w_known[0], 1] = first, second
        w_known[0] += 1
    _insert(f_order, f_cut, f_first, f_second, f_expanded, f_size, first, second, r, w_cut)


@owning
def _search(nest, design, row, found, criterion, shares, idles, promising, most_moves):
    """Every order under every filling, then the neighbours of what was found, `most_moves` times."""
    _tables(nest, design)
    total = nest.total
    outside = nest.outside
    widest_bits = nest.widest_bits
    finished_bits = nest.finished_bits
    steps = nest.steps
    adds_later = nest.adds_later
    subset = nest.subset
    grid = nest.grid
    path = nest.path
    reuses = nest.reuses
    stays = nest.stays
    relevant_from = nest.relevant_from
    reuse_from = nest.reuse_from
    place_operand = nest.place_operand
    place_memory = nest.place_memory
    place_spot = nest.place_spot
    place_last = nest.place_last
    spot_operand = nest.spot_operand
    array_spot = nest.array_spot
    link_spot = nest.link_spot
    link_inner = nest.link_inner
    by_port = nest.by_port
    port_start = nest.port_start
    memory_places = nest.memory_places
    pair_links = nest.pair_links
    pair_sharing = nest.pair_sharing
    pair_start = nest.pair_start
    d_mac_pj = design.mac_pj
    d_drain = design.drain
    d_capacity = design.capacity
    d_width = design.width
    d_held = design.held
    d_reduced = design.reduced
    d_energy = design.energy
    d_content = design.content
    d_periods = design.periods
    d_real = design.real
    d_busy = design.busy
    d_load = design.load
    d_rate = design.rate
    d_once = design.once
    d_least = design.least
    w_cut = row.cut
    w_chosen = row.chosen
    w_ceiling = row.ceiling
    w_last = row.last
    w_here = row.here
    w_limit = row.limit
    w_bits = row.bits
    w_traffic = row.traffic
    w_fewest = row.fewest
    w_end = row.end
    w_below = row.below
    w_buffered = row.buffered
    w_window = row.window
    w_real = row.real
    w_hidden = row.hidden
    w_ranked = row.ranked
    w_free_share = row.free_share
    w_periods = row.periods
    w_windows = row.windows
    w_covered = row.covered
    w_inside = row.inside
    w_runs = row.runs
    w_signature = row.signature
    w_slots = row.slots
    w_signatures = row.signatures
    w_costs = row.costs
    w_known = row.known
    f_order = found.order
    f_cut = found.cut
    f_first = found.first
    f_second = found.second
    f_expanded = found.expanded
    f_size = found.size
    w_slots[:] = -1
    w_known[0] = 0
    orders, places, fillings = subset.shape[0], len(place_spot), len(shares)
    first, second = np.empty(orders), np.empty(orders)
    _optimistic(
        total, widest_bits, finished_bits, reuses, grid, path, place_memory, place_spot, place_last, array_spot,
        link_spot, by_port, port_start, memory_places, d_mac_pj, d_drain, d_capacity, d_held, d_energy, d_load,
        criterion, first, second)
    promising = min(promising, orders)
    ranked = _lowest(first, promising)
    cuts = np.empty((promising * fillings, places), np.int8)
    bounds = np.full(len(cuts), np.inf)
    energies, leasts = np.empty(len(cuts)), np.empty(len(cuts))
    for k in range(len(cuts)):
        r, filling = ranked[k // fillings], k % fillings
        if not _allocate(
            widest_bits, finished_bits, outside, adds_later, subset, place_operand, place_memory, place_spot,
            place_last, memory_places, d_capacity, d_held, d_reduced, w_cut, w_chosen, w_ceiling, w_last, w_here,
            w_limit, w_bits, w_traffic, w_fewest, r, shares[filling], idles[filling]):
            continue
        for p in range(places):
            cuts[k, p] = w_cut[p]
        known = False
        for other in range(k - filling, k):
            same = bounds[other] < np.inf
            for p in range(places):
                same = same and cuts[other, p] == cuts[k, p]
            known = known or same
        if known:
            continue
        _look_below(subset, stays, place_operand, place_spot, array_spot, w_cut, w_end, w_below, r)
        energies[k], leasts[k] = _energy_and_least(
            total, link_spot, by_port, port_start, d_mac_pj, d_drain, d_energy, d_load, w_below)
        bounds[k], _ = _scores(leasts[k], energies[k], criterion)
    for k in np.argsort(bounds):
        if bounds[k] == np.inf or (f_size[0] == len(f_order) and bounds[k] > f_first[-1]):
            break
        r = ranked[k // fillings]
        for p in range(places):
            w_cut[p] = cuts[k, p]
        _look_below(subset, stays, place_operand, place_spot, array_spot, w_cut, w_end, w_below, r)
        _cost_and_keep(
            total, steps, subset, relevant_from, reuse_from, place_spot, spot_operand, array_spot, link_spot,
            link_inner, by_port, port_start, memory_places, pair_links, pair_sharing, pair_start, d_drain, d_capacity,
            d_width, d_content, d_periods, d_real, d_busy, d_rate, d_once, d_least, w_cut, w_end, w_below, w_buffered,
            w_window, w_real, w_hidden, w_ranked, w_free_share, w_periods, w_windows, w_covered, w_inside, w_runs,
            w_signature, w_slots, w_signatures, w_costs, w_known, f_order, f_cut, f_first, f_second, f_expanded,
            f_size, r,
            energies[k], leasts[k], criterion)
    tried = np.zeros(orders, np.bool_)
    tried[ranked] = True
    rest = np.empty(orders, np.int64)
    count = 0
    for r in range(orders):
        if not tried[r] and not _beaten(f_first, f_second, f_size, first[r], second[r]):
            rest[count] = r
            count += 1
    rest = rest[:count]
    for k in np.argsort(first[rest]):
        r = rest[k]
        if _beaten(f_first, f_second, f_size, first[r], second[r]) or not _allocate(
            widest_bits, finished_bits, outside, adds_later, subset, place_operand, place_memory, place_spot,
            place_last, memory_places, d_capacity, d_held, d_reduced, w_cut, w_chosen, w_ceiling, w_last, w_here,
            w_limit, w_bits, w_traffic, w_fewest, r, shares[0], idles[0]):
            continue
        _look_below(subset, stays, place_operand, place_spot, array_spot, w_cut, w_end, w_below, r)
        energy, least = _energy_and_least(
            total, link_spot, by_port, port_start, d_mac_pj, d_drain, d_energy, d_load, w_below)
        _cost_and_keep(
            total, steps, subset, relevant_from, reuse_from, place_spot, spot_operand, array_spot, link_spot,
            link_inner, by_port, port_start, memory_places, pair_links, pair_sharing, pair_start, d_drain, d_capacity,
            d_width, d_content, d_periods, d_real, d_busy, d_rate, d_once, d_least, w_cut, w_end, w_below, w_buffered,
            w_window, w_real, w_hidden, w_ranked, w_free_share, w_periods, w_windows, w_covered, w_inside, w_runs,
            w_signature, w_slots, w_signatures, w_costs, w_known, f_order, f_cut, f_first, f_second, f_expanded,
            f_size, r,
            energy, least, criterion)
    for _ in range(most_moves):
        fresh = 0
        source_order, source_cut = f_order.copy(), f_cut.copy()
        for k in range(f_size[0]):
            if not f_expanded[k]:
                f_expanded[k] = True
                source_order[fresh] = f_order[k]
                source_cut[fresh] = f_cut[k]
                fresh += 1
        for k in range(fresh):
            r = source_order[k]
            for moved in range(places):
                for step in (-1, 1):
                    if not place_last[moved] and _moved(
                        widest_bits, finished_bits, adds_later, subset, place_operand, place_spot, place_last,
                        memory_places, d_capacity, d_held, d_reduced, w_cut, source_cut[k], moved, step, r):
                        _look_below(subset, stays, place_operand, place_spot, array_spot, w_cut, w_end, w_below, r)
                        energy, least = _energy_and_least(
                            total, link_spot, by_port, port_start, d_mac_pj, d_drain, d_energy, d_load, w_below)
                        _cost_and_keep(
                            total, steps, subset, relevant_from, reuse_from, place_spot, spot_operand, array_spot,
                            link_spot, link_inner, by_port, port_start, memory_places, pair_links, pair_sharing,
                            pair_start, d_drain, d_capacity, d_width, d_content, d_periods, d_real, d_busy, d_rate,
                            d_once, d_least, w_cut, w_end, w_below, w_buffered, w_window, w_real, w_hidden, w_ranked,
                            w_free_share, w_periods, w_windows, w_covered, w_inside, w_runs, w_signature, w_slots,
                            w_signatures, w_costs, w_known, f_order, f_cut, f_first, f_second, f_expanded, f_size, r,
                            energy, least, criterion)
    if f_size[0]:
        r = f_order[0]
        for p in range(places):
            w_cut[p] = f_cut[0, p]
        _look_below(subset, stays, place_operand, place_spot, array_spot, w_cut, w_end, w_below, r)
        _top_runs(
            steps, subset, relevant_from, reuse_from, spot_operand, array_spot, w_end, w_below, w_runs, w_signature, r)
        stall = _waits(
            total, steps, place_spot, spot_operand, array_spot, link_spot, by_port, port_start, memory_places,
            d_capacity,
            d_width, d_content, d_periods, d_real, d_rate, w_below, w_runs, w_buffered, w_window, w_real, w_free_share,
            w_periods, w_windows, w_covered, w_inside)
        stall, onload, offload = _around(
            total, link_spot, link_inner, by_port, port_start, pair_links, pair_sharing, pair_start, d_busy, d_once,
            d_least,
            w_below, w_real, w_hidden, w_ranked, w_free_share, stall)
        found.edges[0], found.edges[1], found.edges[2] = stall, onload, offload
        found.energy[0], _ = _energy_and_least(
            total, link_spot, by_port, port_start, d_mac_pj, d_drain, d_energy, d_load, w_below)
        for i in range(len(link_spot)):
            found.energy[1 + i] = design.link_energy[i, w_below[link_spot[i]]]


def is_cached() -> bool:
    """Whether an earlier process has left the compiled kernel, of this very source, on disk."""
    kernel: Any = _search
    return bool(kernel._cache._cache_file._load_index())


def nest_of(case: Case) -> Nest:
    """The part of a case that all its designs share."""
    shape, orders, layer = case.shape, case.orders, case.layer
    element = np.array(element_bits(layer), dtype=np.float64)
    bits = element[shape.place_operand]
    strides = [(s // gcd(s, d), d // gcd(s, d)) for s, d in zip(layer.stride, layer.dilation, strict=True)]
    known = {name: getattr(part, name) for part in (shape, orders) for name in Nest._fields if hasattr(part, name)}
    return Nest(
        total=case.total,
        outside=case.outside,
        slides=np.array(SLIDES),
        strides=np.array(strides),
        most=np.array(layer.input_extent_max),
        bits=element,
        output_bits=float(layer.output_bits),
        all_input_bits=float(layer.elements("I") * layer.input_bits),
        reducing=np.array(REDUCING),
        widest_bits=bits,
        finished_bits=np.where(shape.place_operand == OUTPUT, float(layer.output_bits), bits),
        **known,
    )


def _room(nest: Nest, ports: int) -> Row:
    places, spots, links = len(nest.place_spot), len(nest.spot_operand), len(nest.link_spot)
    return Row(
        np.zeros(places, np.int64),
        np.zeros(3, np.int64),
        np.zeros(places, np.int64),
        np.zeros(3, np.int64),
        np.zeros(3, np.int64),
        np.zeros(3, np.int64),
        np.zeros((3, nest.subset.shape[1])),
        np.zeros((3, nest.subset.shape[1])),
        np.zeros((3, nest.subset.shape[1])),
        np.zeros(spots, np.int64),
        np.zeros(spots, np.int64),
        np.zeros(spots, np.bool_),
        np.zeros(spots),
        np.zeros(links),
        np.zeros((2, links)),
        np.zeros(links, np.int64),
        np.zeros(ports),
        np.zeros(max(links, 3)),
        np.zeros(max(links, 3)),
        np.zeros(links),
        np.zeros(links),
        np.zeros((2, spots)),
        np.zeros(3 * spots, np.int64),
        np.zeros(4 * _REMEMBERED, np.int64),
        np.zeros((_REMEMBERED, 3 * spots), np.int64),
        np.zeros((_REMEMBERED, 2)),
        np.zeros(1, np.int64),
    )


def search(case: Case, criterion: str, promising: int, refined: int, most_moves: int) -> list[Found]:
    """Per design, its best mappings; `size` says how many of the `refined` entries are there."""
    nest = nest_of(case)
    shares = np.array([f.share for f in FILLINGS])
    idles = np.array([f.idle for f in FILLINGS])
    places, spots, links, subsets = len(nest.place_spot), len(nest.spot_operand), len(nest.link_spot), len(nest.steps)
    room = np.empty((3, spots, subsets)), np.empty(spots, np.bool_), np.empty((8, links, subsets))
    row = _room(nest, case.width.shape[1])
    results: list[Found] = []
    for d in range(len(case.archs)):
        held, content, energy = room[0]
        design = Design(
            float(case.mac_pj[d]), float(case.drain[d]), case.capacity[d], case.width[d], case.step[d],
            case.read_pj[d], case.write_pj[d], case.mean[d], case.whole[d], held, room[1], content, energy, *room[2])
        found = Found(
            np.zeros(refined, np.int64),
            np.zeros((refined, places), np.int64),
            np.zeros(refined),
            np.zeros(refined),
            np.zeros(refined, np.bool_),
            np.zeros(1, np.int64),
            np.zeros(3),
            np.zeros(1 + links),
        )
        _search(nest, design, row, found, CRITERIA[criterion], shares, idles, promising, most_moves)
        results.append(found)
    return results
