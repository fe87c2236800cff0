"""The mapping search of one design compiled by numba (extra `fast`): the same steps as on arrays, one row at a time.

`engine.best_rows` defines what is found; this module finds exactly that. Sums run in the same order and nothing is
reassociated, so that both give equal bits.

All compiled code is in this one file, because numba's cache on disk notices a change of the file that a function
stands in and of no other. Arrays are handed over one by one: a tuple of them costs more to pass than a row to cost.
Prefixes: `d_` of the design, `w_` room to work in; the rest is shared by all designs (`Nest`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit

from workbench.simulators.loopnest.allocate import Filling
from workbench.simulators.loopnest.case import Case, element_bits
from workbench.simulators.loopnest.orders import Bools, Floats, Ints

LATENCY, ENERGY, EDP = 0, 1, 2
OUTPUT, WEIGHT, INPUT = 0, 1, 2
CRITERIA = {"latency": LATENCY, "energy": ENERGY, "edp": EDP}


class Nest(NamedTuple):
    """What does not depend on the design: arrays as in `Shape` and `Orders`."""

    total: float
    outside: Floats  # (s,) iterations of the loops outside a subset
    widest_bits: Floats  # (p,) bits per element: of a partial sum for the output
    finished_bits: Floats  # (p,) of a finished output
    steps: Floats
    adds_later: Bools
    subset: Ints
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
    """One design of a case: arrays as in `Case` and `Tables`, without the design axis."""

    mac_pj: float
    drain: float
    capacity: Floats
    width: Floats
    held: Floats
    reduced: Bools
    energy: Floats
    content: Floats
    periods: Floats
    real: Floats
    busy: Floats
    load: Floats
    rate: Floats
    once: Bools
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
    end: Ints  # (g,)
    below: Ints  # (g,)
    buffered: Bools  # (g,)
    window: Floats  # (g,)
    real: Floats  # (l,)
    hidden: Floats  # (l,)
    ranked: Ints  # (l,)
    free_share: Floats  # (q,)
    periods: Floats  # (l,) of the links of one port
    windows: Floats  # (l,)
    covered: Floats  # (l,)
    inside: Floats  # (l,)


class Found(NamedTuple):
    """The best rows of different cost so far, best first."""

    order: Ints  # (k,)
    cut: Ints  # (k, p)
    first: Floats  # (k,)
    second: Floats  # (k,)
    expanded: Bools  # (k,)
    size: Ints  # (1,) how many there are
    edges: Floats  # (3,) stall, on-loading and off-loading of the first


compiled = njit(cache=True)
inlined = njit(cache=True, inline="always")


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


@inlined
def _fill_memory(outside, chain, w_chosen, w_bits, w_here, w_limit, inside, room):
    """`allocate._least_traffic` for one row: positions into `w_chosen`, whether there are any.

    Bits are there from `w_here[c]` to `w_limit[c]` of each of the `inside` operands.
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
    found = False
    for a in range(w_here[0], w_limit[0] + 1):
        left_a = room - w_bits[0, a]
        cost_a = w_bits[0, a] * outside[chain[a]]
        for b in range(w_here[1], w_limit[1] + 1 if inside > 2 else w_here[1] + 1):
            left, cost, position = left_a, cost_a, top
            if inside > 2:
                left = left - w_bits[1, b]
                cost = cost + w_bits[1, b] * outside[chain[b]]
            while position >= w_here[final] and not w_bits[final, position] <= left:
                position -= 1
            if position < w_here[final]:
                break
            cost = cost + w_bits[final, position] * outside[chain[position]]
            if cost <= best:
                best = cost
                found = True
                w_chosen[0] = a
                if inside > 2:
                    w_chosen[1] = b
                w_chosen[final] = position
    return found


@inlined
def _fill(
    widest_bits, finished_bits, outside, adds_later, chain, place_operand, place_spot, memory_places, d_capacity,
    d_held, d_reduced, w_cut, w_chosen, w_ceiling, w_last, w_here, w_limit, w_bits, share, idle):
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
        if inside == 0:
            continue
        if not _fill_memory(outside, chain, w_chosen, w_bits, w_here, w_limit, inside, d_capacity[m] * share):
            return False
        for c in range(inside):
            at = w_chosen[c]
            if not idle:
                enough = w_bits[c, at] * outside[chain[at]] * (1 + 1e-12)
                for position in range(w_here[c], at):
                    if w_bits[c, position] * outside[chain[position]] <= enough:
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
    memory_places, d_capacity, d_held, d_reduced, w_cut, w_chosen, w_ceiling, w_last, w_here, w_limit, w_bits, r,
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
            d_capacity, d_held, d_reduced, w_cut, w_chosen, w_ceiling, w_last, w_here, w_limit, w_bits, share, idle):
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


@inlined
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


@inlined
def _energy_and_bound(total, link_spot, by_port, port_start, d_mac_pj, d_drain, d_energy, d_load, w_below, criterion):
    """(energy, lower bound of what ranks the row): `Moves.energy_pj` and `Moves.least_latency`."""
    energy = d_mac_pj
    for g in range(len(w_below)):
        energy = energy + d_energy[g, w_below[g]]
    if criterion == ENERGY:
        return energy, energy
    most = total
    for q in range(len(port_start) - 1):
        load = 0.0
        for c in range(port_start[q], port_start[q + 1]):
            i = by_port[c]
            load = load + d_load[i, w_below[link_spot[i]]]
        most = max(most, load)
    bound = most + d_drain
    return energy, bound if criterion == LATENCY else bound * energy


@inlined
def _top_run(steps, subset, spot_operand, array_spot, w_end, r, g, starts):
    """`Moves._top_run` of one spot."""
    operand = spot_operand[g]
    start = 0 if g == array_spot[operand] else w_end[g - 1]
    begin = max(starts[operand, r, w_end[g]], start)
    return steps[subset[r, w_end[g]]] / steps[subset[r, begin]]


@inlined
def _double_buffer(
    steps, subset, relevant_from, place_spot, spot_operand, array_spot, memory_places, d_capacity, d_content, w_end,
    w_below, w_buffered, w_windows, r):
    """`Moves._double_buffered` into `w_buffered`."""
    w_buffered[:] = False
    for m in range(memory_places.shape[0]):
        total = 0.0
        for c in range(3):
            p = memory_places[m, c]
            if p >= 0:
                g = place_spot[p]
                live = np.floor(
                    d_content[g, w_below[g]] / _top_run(steps, subset, spot_operand, array_spot, w_end, r, g,
                    relevant_from))
                w_windows[c] = live / d_capacity[m]
                total = total + w_windows[c]
        for c in range(3):
            p = memory_places[m, c]
            if p >= 0:
                spare = total > 0.5 and w_windows[c] <= 1 - total
                w_buffered[place_spot[p]] = total <= 0.5 or spare
                if spare:
                    total = total + w_windows[c]


@inlined
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


@inlined
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


@inlined
def _stall(
    total, steps, link_spot, by_port, port_start, d_width, d_periods, d_rate, w_below, w_buffered, w_window, w_real,
    w_free_share, w_periods, w_windows, w_covered, w_inside):
    """`Moves._port_stalls`, the worst of the ports; leaves each port's free share in `w_free_share`."""
    stall = 0.0
    for q in range(len(port_start) - 1):
        late, rest, busy, active = 0.0, 0.0, 0.0, 0
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
                active += 1
        w_free_share[q] = max(0.0, (d_width[q] - busy) / d_width[q])
        stall = max(stall, late + max(0.0, rest - _union(w_periods, w_windows, w_covered, w_inside, active, total)))
    return stall


@inlined
def _hide(
    total, link_spot, link_inner, by_port, port_start, d_once, d_least, w_below, w_real, w_hidden, w_ranked,
    w_free_share, stall):
    """`Moves._hidden` into `w_hidden`."""
    w_hidden[:] = 0.0
    for q in range(len(port_start) - 1):
        count = 0
        for c in range(port_start[q], port_start[q + 1]):
            i = by_port[c]
            if d_once[i, w_below[link_spot[i]]]:
                j = count - 1  # the longest first, equals in the order of the links
                while j >= 0 and w_real[w_ranked[j]] < w_real[i]:
                    w_ranked[j + 1] = w_ranked[j]
                    j -= 1
                w_ranked[j + 1] = i
                count += 1
        free = w_free_share[q] * (total + stall)
        before = 0.0
        for j in range(count):
            i = w_ranked[j]
            spare = max(0.0, w_real[i] - d_least[i, w_below[link_inner[i]]])
            w_hidden[i] = min(max(free - before, 0.0), spare)
            before += spare


@inlined
def _step_up(pair_links, pair_sharing, pair_start, w_real, w_hidden, operand):
    """Of an operand's steps between levels: (all, in series with the other input, the rest)."""
    everything, shared, half, apart = 0.0, 0.0, 0.0, 0.0
    for k in range(pair_start[operand], pair_start[operand + 1]):
        a, b = pair_links[k, 0], pair_links[k, 1]
        longest = max(w_real[a] - w_hidden[a], w_real[b] - w_hidden[b])
        everything = everything + longest
        if pair_sharing[k] == 2:
            shared = shared + longest
        elif pair_sharing[k] == 1:
            half = longest
        else:
            apart = apart + longest
    return everything, shared, half + apart


@inlined
def _edges(
    total, link_spot, link_inner, by_port, port_start, pair_links, pair_sharing, pair_start, d_once, d_least, w_below,
    w_real, w_hidden, w_ranked, w_free_share, stall):
    """`Moves._edges`: (on-loading, off-loading) around a computation with a given stall."""
    _hide(
        total, link_spot, link_inner, by_port, port_start, d_once, d_least, w_below, w_real, w_hidden, w_ranked,
        w_free_share, stall)
    offload, _, _ = _step_up(pair_links, pair_sharing, pair_start, w_real, w_hidden, OUTPUT)
    _, together_w, rest_w = _step_up(pair_links, pair_sharing, pair_start, w_real, w_hidden, WEIGHT)
    _, together_i, rest_i = _step_up(pair_links, pair_sharing, pair_start, w_real, w_hidden, INPUT)
    weights_first = together_w + max(together_i + rest_i, rest_w)
    inputs_first = together_i + max(together_w + rest_w, rest_i)
    return min(weights_first, inputs_first), offload


@compiled
def _latency(
    total, steps, subset, relevant_from, reuse_from, place_spot, spot_operand, array_spot, link_spot, link_inner,
    by_port, port_start, memory_places, pair_links, pair_sharing, pair_start, d_capacity, d_width, d_content,
    d_periods, d_real, d_busy, d_rate, d_once, d_least, w_end, w_below, w_buffered, w_window, w_real, w_hidden,
    w_ranked, w_free_share, w_periods, w_windows, w_covered, w_inside, r):
    """`Moves.latency`: stall, on-loading, off-loading."""
    _double_buffer(
        steps, subset, relevant_from, place_spot, spot_operand, array_spot, memory_places, d_capacity, d_content,
        w_end, w_below, w_buffered, w_windows, r)
    for g in range(len(w_below)):
        period = steps[w_below[g]]
        array = g == array_spot[spot_operand[g]]
        w_window[g] = (
            period if array else np.floor(period / _top_run(steps, subset, spot_operand, array_spot, w_end, r, g,
            reuse_from)))
    for i in range(len(w_real)):
        w_real[i] = d_real[i, w_below[link_spot[i]]]
    stall = _stall(
        total, steps, link_spot, by_port, port_start, d_width, d_periods, d_rate, w_below, w_buffered, w_window,
        w_real, w_free_share, w_periods, w_windows, w_covered, w_inside)
    onload, offload = _edges(
        total, link_spot, link_inner, by_port, port_start, pair_links, pair_sharing, pair_start, d_once, d_least,
        w_below, w_real, w_hidden, w_ranked, w_free_share, stall)
    if stall > 0:
        onload_free, offload_free = _edges(
            total, link_spot, link_inner, by_port, port_start, pair_links, pair_sharing, pair_start, d_once, d_least,
            w_below, w_real, w_hidden, w_ranked, w_free_share, 0.0)
        saved = onload_free + offload_free - onload - offload
        onload = onload + max(0.0, saved - stall)
    busiest = 0.0
    for q in range(len(port_start) - 1):
        moved = 0.0
        for c in range(port_start[q], port_start[q + 1]):
            moved = moved + d_busy[by_port[c], w_below[link_spot[by_port[c]]]]
        busiest = max(busiest, moved)
    late = busiest - (total + stall + onload + offload)
    return stall + max(0.0, late), onload, offload


@compiled
def _insert(found, first, second, r, cut):
    """Keep a mapping if it is among the best of different cost; of equal ones the first in order and cuts."""
    most, count, at = len(found.order), found.size[0], 0
    while at < count and (found.first[at] < first or (found.first[at] == first and found.second[at] < second)):
        at += 1
    if at < count and found.first[at] == first and found.second[at] == second:
        smaller = r < found.order[at]
        if r == found.order[at]:
            for p in range(len(cut)):
                if cut[p] != found.cut[at, p]:
                    smaller = cut[p] < found.cut[at, p]
                    break
        if smaller:
            found.order[at] = r
            found.cut[at] = cut
            found.expanded[at] = False
        return
    if at >= most:
        return
    for k in range(min(count, most - 1), at, -1):
        found.first[k], found.second[k], found.order[k] = found.first[k - 1], found.second[k - 1], found.order[k - 1]
        found.cut[k] = found.cut[k - 1]
        found.expanded[k] = found.expanded[k - 1]
    found.first[at], found.second[at], found.order[at] = first, second, r
    found.cut[at] = cut
    found.expanded[at] = False
    found.size[0] = min(count + 1, most)


@compiled
def _cost_and_keep(
    total, steps, subset, relevant_from, reuse_from, place_spot, spot_operand, array_spot, link_spot, link_inner,
    by_port, port_start, memory_places, pair_links, pair_sharing, pair_start, d_drain, d_capacity, d_width, d_content,
    d_periods, d_real, d_busy, d_rate, d_once, d_least, w_cut, w_end, w_below, w_buffered, w_window, w_real, w_hidden,
    w_ranked, w_free_share, w_periods, w_windows, w_covered, w_inside, found, r, energy, bound, criterion):
    """Rank a row exactly, unless its bound says that it cannot be kept. `_look_below` has been called."""
    if found.size[0] == len(found.order) and bound > found.first[-1]:
        return
    stall, onload, offload = _latency(
        total, steps, subset, relevant_from, reuse_from, place_spot, spot_operand, array_spot, link_spot, link_inner,
        by_port, port_start, memory_places, pair_links, pair_sharing, pair_start, d_capacity, d_width, d_content,
        d_periods, d_real, d_busy, d_rate, d_once, d_least, w_end, w_below, w_buffered, w_window, w_real, w_hidden,
        w_ranked, w_free_share, w_periods, w_windows, w_covered, w_inside, r)
    latency = total + stall + onload + offload + d_drain
    if criterion == LATENCY:
        _insert(found, latency, energy, r, w_cut)
    elif criterion == ENERGY:
        _insert(found, energy, latency, r, w_cut)
    else:
        _insert(found, latency * energy, latency, r, w_cut)


@compiled
def _search(nest, design, row, found, criterion, shares, idles, promising, most_moves):
    """Every order under every filling, then the neighbours of what was found, `most_moves` times."""
    total = nest.total
    outside = nest.outside
    widest_bits = nest.widest_bits
    finished_bits = nest.finished_bits
    steps = nest.steps
    adds_later = nest.adds_later
    subset = nest.subset
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
    orders, places, fillings = subset.shape[0], len(place_spot), len(shares)
    cuts = np.empty((orders + promising * (fillings - 1), places), np.int8)
    row_order = np.empty(len(cuts), np.int64)
    bounds = np.full(len(cuts), np.inf)
    energies = np.empty(len(cuts))
    low_bound = np.full(promising, np.inf)
    low_row = np.full(promising, -1)
    for k in range(len(cuts)):
        if k < orders:
            r = k
            share, idle = shares[0], idles[0]
        else:
            filling = 1 + (k - orders) % (fillings - 1)
            r = low_row[(k - orders) // (fillings - 1)]
            share, idle = shares[filling], idles[filling]
        row_order[k] = r
        if r < 0 or not _allocate(
            widest_bits, finished_bits, outside, adds_later, subset, place_operand, place_memory, place_spot,
            place_last, memory_places, d_capacity, d_held, d_reduced, w_cut, w_chosen, w_ceiling, w_last, w_here,
            w_limit, w_bits, r, share, idle):
            continue
        same = k >= orders
        for p in range(places):
            same = same and cuts[r, p] == w_cut[p]
            cuts[k, p] = w_cut[p]
        if same:
            continue
        _look_below(subset, stays, place_operand, place_spot, array_spot, w_cut, w_end, w_below, r)
        energies[k], bounds[k] = _energy_and_bound(
            total, link_spot, by_port, port_start, d_mac_pj, d_drain, d_energy, d_load, w_below, criterion)
        if k >= orders or bounds[k] >= low_bound[-1]:
            continue
        at = promising - 1
        while at > 0 and low_bound[at - 1] > bounds[k]:
            low_bound[at], low_row[at] = low_bound[at - 1], low_row[at - 1]
            at -= 1
        low_bound[at], low_row[at] = bounds[k], k
    for k in np.argsort(bounds):
        if bounds[k] == np.inf or (found.size[0] == len(found.order) and bounds[k] > found.first[-1]):
            break
        r, energy, bound = row_order[k], energies[k], bounds[k]
        for p in range(places):
            w_cut[p] = cuts[k, p]
        _look_below(subset, stays, place_operand, place_spot, array_spot, w_cut, w_end, w_below, r)
        _cost_and_keep(
            total, steps, subset, relevant_from, reuse_from, place_spot, spot_operand, array_spot, link_spot,
            link_inner, by_port, port_start, memory_places, pair_links, pair_sharing, pair_start, d_drain, d_capacity,
            d_width, d_content, d_periods, d_real, d_busy, d_rate, d_once, d_least, w_cut, w_end, w_below, w_buffered,
            w_window, w_real, w_hidden, w_ranked, w_free_share, w_periods, w_windows, w_covered, w_inside, found, r,
            energy, bound, criterion)
    for _ in range(most_moves):
        fresh = 0
        source_order, source_cut = found.order.copy(), found.cut.copy()
        for k in range(found.size[0]):
            if not found.expanded[k]:
                found.expanded[k] = True
                source_order[fresh] = found.order[k]
                source_cut[fresh] = found.cut[k]
                fresh += 1
        for k in range(fresh):
            r = source_order[k]
            for moved in range(places):
                for step in (-1, 1):
                    if not place_last[moved] and _moved(
                        widest_bits, finished_bits, adds_later, subset, place_operand, place_spot, place_last,
                        memory_places, d_capacity, d_held, d_reduced, w_cut, source_cut[k], moved, step, r):
                        _look_below(subset, stays, place_operand, place_spot, array_spot, w_cut, w_end, w_below, r)
                        energy, bound = _energy_and_bound(
                            total, link_spot, by_port, port_start, d_mac_pj, d_drain, d_energy, d_load, w_below,
                            criterion)
                        _cost_and_keep(
                            total, steps, subset, relevant_from, reuse_from, place_spot, spot_operand, array_spot,
                            link_spot, link_inner, by_port, port_start, memory_places, pair_links, pair_sharing,
                            pair_start, d_drain, d_capacity, d_width, d_content, d_periods, d_real, d_busy, d_rate,
                            d_once, d_least, w_cut, w_end, w_below, w_buffered, w_window, w_real, w_hidden, w_ranked,
                            w_free_share, w_periods, w_windows, w_covered, w_inside, found, r, energy, bound,
                            criterion)
    if found.size[0]:
        r = found.order[0]
        for p in range(places):
            w_cut[p] = found.cut[0, p]
        _look_below(subset, stays, place_operand, place_spot, array_spot, w_cut, w_end, w_below, r)
        stall, onload, offload = _latency(
            total, steps, subset, relevant_from, reuse_from, place_spot, spot_operand, array_spot, link_spot,
            link_inner, by_port, port_start, memory_places, pair_links, pair_sharing, pair_start, d_capacity, d_width,
            d_content, d_periods, d_real, d_busy, d_rate, d_once, d_least, w_end, w_below, w_buffered, w_window,
            w_real, w_hidden, w_ranked, w_free_share, w_periods, w_windows, w_covered, w_inside, r)
        found.edges[0], found.edges[1], found.edges[2] = stall, onload, offload


def is_cached() -> bool:
    """Whether an earlier process has left the compiled kernel on disk."""
    folder = Path(str(_search.stats.cache_path))
    return any(folder.glob("fast._search-*.nbi"))


def nest_of(case: Case) -> Nest:
    """The part of a case that all its designs share."""
    shape, orders, layer = case.shape, case.orders, case.layer
    bits = np.array(element_bits(layer), dtype=np.float64)[shape.place_operand]
    return Nest(
        case.total,
        case.total / orders.steps,
        bits,
        np.where(shape.place_operand == OUTPUT, float(layer.output_bits), bits),
        orders.steps,
        orders.adds_later,
        orders.subset,
        orders.stays,
        orders.relevant_from,
        orders.reuse_from,
        shape.place_operand,
        shape.place_memory,
        shape.place_spot,
        shape.place_last,
        shape.spot_operand,
        shape.array_spot,
        shape.link_spot,
        shape.link_inner,
        shape.by_port, shape.port_start,
        shape.memory_places,
        shape.pair_links,
        shape.pair_sharing,
        shape.pair_start,
    )


def _room(nest: Nest, design: Design) -> Row:
    places, spots, links = len(nest.place_spot), len(nest.spot_operand), len(nest.link_spot)
    return Row(
        np.zeros(places, np.int64),
        np.zeros(3, np.int64),
        np.zeros(places, np.int64),
        np.zeros(3, np.int64),
        np.zeros(3, np.int64),
        np.zeros(3, np.int64),
        np.zeros((3, nest.subset.shape[1])),
        np.zeros(spots, np.int64),
        np.zeros(spots, np.int64),
        np.zeros(spots, np.bool_),
        np.zeros(spots),
        np.zeros(links),
        np.zeros(links),
        np.zeros(links, np.int64),
        np.zeros(len(design.width)),
        np.zeros(max(links, 3)),
        np.zeros(max(links, 3)),
        np.zeros(links),
        np.zeros(links),
    )


def search(
    case: Case, criterion: str, fillings: tuple[Filling, ...], promising: int, refined: int, most_moves: int
) -> list[Found]:
    """Per design, its best mappings; `size` says how many of the `refined` entries are there."""
    nest, tables = nest_of(case), case.tables
    shares = np.array([f.share for f in fillings])
    idles = np.array([f.idle for f in fillings])
    places = len(case.shape.places)
    results: list[Found] = []
    row: Row | None = None
    for d in range(len(case.archs)):
        design = Design(
            float(case.mac_pj[d]), float(case.drain[d]), case.capacity[d], case.width[d], case.held[d],
            case.reduced[d], *(getattr(tables, name)[d] for name in Design._fields[6:]))
        row = row or _room(nest, design)
        found = Found(
            np.zeros(refined, np.int64),
            np.zeros((refined, places), np.int64),
            np.zeros(refined),
            np.zeros(refined),
            np.zeros(refined, np.bool_),
            np.zeros(1, np.int64),
            np.zeros(3),
        )
        _search(nest, design, row, found, CRITERIA[criterion], shares, idles, promising, most_moves)
        results.append(found)
    return results
