"""The `compatible` analysis of arbitrary mappings compiled by numba (extra `fast`): one design at a time, no batches.

`levels`, `cases`, `volumes`, `built` and `compatible` define what is found; this module finds exactly that.
All compiled code is in this one file, because numba's cache on disk notices a change of the file that a function stands
in and of no other. Levels are worked off one after the other, first downwards (which cases there are, and which extents
they hand to the level below), then upwards (how long they take): numba has no safe recursion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from workbench.simulators.dataflow.levels import Ints, whole
from workbench.simulators.dataflow.mapping import Mapping
from workbench.simulators.dataflow.tensors import OUTPUT_NAMES, DataLayer, coupled

CODES = {"N": 0, "G": 1, "K": 2, "C": 3, "R": 4, "S": 5, "Y": 6, "X": 7, "M": 8}
DIMS = 9
MOST = 24
"""Directives of a level, those that are filled in included."""

LEVELS = 4
CASES = 1 << 16
INSTANCES = 1 << 10
OK, CRASHES, TOO_LARGE = 0, 1, 2

COLUMNS = (
    "runtime", "macs", "in_l2_rd", "wt_l2_rd", "out_l2_rd", "in_l2_wr", "wt_l2_wr", "out_l2_wr",
    "in_l2_req", "wt_l2_req", "out_l2_req", "in_l1_req", "wt_l1_req", "out_l1_req",
)
"""What is found of a design; L1 accesses follow: reads and the output's writes are the MACs, other writes L2 reads."""


@dataclass(frozen=True)
class Packed:
    """Designs as arrays: extents (b, dims) with 0 for what is not given, stride (b, 2), tensors (b, 3) as bits of
    dimensions, levels (b,), directives (b, level, 4, MOST) of kind, dimension, size and offset, how many of them
    (b, level), clusters (b, level), PEs (b,)."""

    extents: Ints
    stride: Ints
    tensors: Ints
    levels: Ints
    directives: Ints
    count: Ints
    clusters: Ints
    pes: Ints


def packed(designs: Sequence[tuple[DataLayer, Mapping, int]]) -> Packed:
    """Designs (layer, mapping whose sizes are numbers, PEs) of any skeletons."""
    n = len(designs)
    found = Packed(
        np.zeros((n, DIMS), np.int64), np.ones((n, 2), np.int64), np.zeros((n, 3), np.int64), np.zeros(n, np.int64),
        np.zeros((n, LEVELS, 4, MOST), np.int64), np.zeros((n, LEVELS), np.int64), np.ones((n, LEVELS), np.int64),
        np.zeros(n, np.int64),
    )
    for i, (layer, mapping, pes) in enumerate(designs):
        for dim, size in layer.extents:
            found.extents[i, CODES[dim]] = size
        found.stride[i] = layer.stride
        found.tensors[i] = [sum(1 << CODES[d] for d in names) for names in coupled(layer.type, frozenset(layer.sizes))]
        found.levels[i], found.pes[i] = len(mapping.levels), pes
        for number, level in enumerate(mapping.levels):
            found.count[i, number] = len(level)
            for j, d in enumerate(level):
                code = CODES[OUTPUT_NAMES.get(d.dim, d.dim)] + (DIMS if d.dim in OUTPUT_NAMES else 0)
                found.directives[i, number, :, j] = (d.spatial, code, whole(d.size), whole(d.offset))
        for number, cluster in enumerate(mapping.clusters):
            found.clusters[i, number] = whole(cluster.size)
    return found


owning = njit(cache=True, error_model="numpy")
"""For functions that make arrays."""
_UNCOUNTED: dict[str, Any] = {"cache": True, "error_model": "numpy", "forceinline": True, "_nrt": False}
compiled = njit(**_UNCOUNTED)
"""For all others: without numba's reference counts, which each call would pay for every array that it is handed."""


@compiled
def _div(a, b):
    return -((-a) // b) if a < 0 else a // b


@compiled
def _resolve(extents, stride, tensors, static, top, given, count, spatial, dim, size, offset, above, above_dim,
             above_size, above_offset):
    """Fills in one level in place and gives its number of directives: specification 3.2."""
    n = count
    for j in range(n):
        spatial[j], size[j], offset[j] = given[0, j], given[2, j], given[3, j]
        dim[j] = given[1, j]
    kept = 0
    for j in range(n):
        if dim[j] >= DIMS:
            along = dim[j] - DIMS
            beside = False
            window = extents[4 if along == 6 else 5]
            found = False
            for i in range(n):
                beside = beside or given[1, i] == along
                if not found and given[1, i] == (4 if along == 6 else 5):
                    window = given[2, i]
                    found = True
            if beside:
                continue
            spatial[kept], dim[kept], size[kept], offset[kept] = spatial[j], along, size[j] + window - 1, offset[j]
        else:
            spatial[kept], dim[kept], size[kept], offset[kept] = spatial[j], dim[j], size[j], offset[j]
        kept += 1
    n = kept
    for k in range(above):
        there = False
        for j in range(n):
            there = there or dim[j] == above_dim[k]
        if not there:
            for j in range(n, 0, -1):
                spatial[j], dim[j], size[j], offset[j] = spatial[j - 1], dim[j - 1], size[j - 1], offset[j - 1]
            spatial[0], dim[0], size[0], offset[0] = 0, above_dim[k], above_size[k], above_offset[k]
            n += 1
    for code in (3, 1, 2, 8, 0, 4, 5, 7, 6):  # alphabetical: C G K M N R S X Y
        if (tensors[0] | tensors[1]) >> code & 1:
            there = False
            for j in range(n):
                there = there or dim[j] == code
            if not there:
                spatial[n], dim[n], size[n], offset[n] = 0, code, static[code], static[code]
                n += 1
    for j in range(n):
        if dim[j] == 6 or dim[j] == 7:
            step, kernel = stride[dim[j] - 6], extents[dim[j] - 2]
            if step > 1 and size[j] >= kernel:
                outputs = (size[j] + step - kernel) // step
                size[j] = outputs * min(step, kernel) + max(kernel - step, 0)
                offset[j] = outputs * (step if top or kernel >= step else kernel)
    return n


@owning
def _numbers(n, static, spatial, dim, size, offset, units, last, owns, plain, out):
    """Mapped, unique, edge and unique edge of a level's directives for inputs and for outputs, and the sub-clusters
    that work in the last step."""
    for j in range(n):
        last[j] = j
        owns[j] = True
        for i in range(n):
            if dim[i] == dim[j]:
                last[j] = i
                owns[j] = owns[j] and i >= j
    raw = np.empty((4, n), np.int64)
    for j in range(n):
        m, o, d = size[j], offset[j], static[dim[j]]
        steps = max(_div(d - m, o), 0)
        has_edge = steps * o + m < d or m > d
        left = d - (steps + 1) * o
        if left < 0:
            left = d
        raw[0, j] = m
        raw[1, j] = 0 if not spatial[j] and d <= m else min(m, o)
        raw[2, j] = left if has_edge else m
        raw[3, j] = max(o - (m - left), 0)
    for j in range(n):
        for k in range(4):
            plain[k, j] = raw[k, last[j]]
            out[k, j] = plain[k, j]
        if dim[j] == 6 or dim[j] == 7:
            i = last[j]
            for w in range(n):
                if dim[w] == dim[j] - 2:
                    x = last[w]
                    out[0, j] = size[i] - size[x] + 1
                    out[1, j] = min(offset[i], size[i])
                    out[2, j] = raw[2, i] - raw[2, x] + 1
                    out[3, j] = min(offset[i], out[2, j])
                    break
    first = 0
    while first < n - 1 and not spatial[first]:
        first += 1
    if not spatial[first]:
        first = 0
    m, o, d = size[first], offset[first], static[dim[first]]
    if d <= m:
        return first, 1
    if d <= o * (units - 1) + m:
        active = _div(d - m, o) + 1
        return first, active + (o * (active - 1) + m < d)
    left = d - ((_div(d - m, o) + 1) // units) * o * units
    return first, 1 if left < m else _div(left - m, o) + 1


@compiled
def _states(n, extent, spatial, dim, size, offset, units, occurs, edge, partial, whole, count):
    """What each directive's positions are on an instance's extents; gives the number of cases."""
    total = 1
    for j in range(n):
        m, o, d = size[j], offset[j], extent[dim[j]]
        lanes = units if spatial[j] else 1
        reach = m + o * (lanes - 1)
        steps = _div(_div(d - m, o) + 1, lanes) - 1 if spatial[j] else _div(d - m, o)
        left = d - (steps + 1) * lanes * o
        working = 1 if left < m else _div(left - m, o) + 1
        if spatial[j]:
            ends = d > reach and left + reach > 0 and steps * lanes * o + reach != d
        else:
            ends = d >= m and steps * o + m < d
        short = d < reach
        occurs[0, j], occurs[1, j], occurs[2, j] = 1, max(steps, 0) if reach < d else 0, 1 if ends else 0
        edge[0, j], edge[1, j], edge[2, j] = short, False, True
        partial[0, j] = short and spatial[j] == 1
        partial[1, j] = False
        partial[2, j] = spatial[j] == 1 and (working - 1) * o + m < left
        whole[j] = d <= reach
        count[j] = 1 + (occurs[1, j] > 0) + (occurs[2, j] > 0)
        total *= count[j]
    return total


@compiled
def _total(edge, partial, units, active, p0, p1, p2, p3):
    """The sum over the array of what a first, another, a first and last, and a last sub-cluster have."""
    if not edge:
        return p0 + (units - 1) * p1
    if active == 1:
        return p2 if partial else p0
    return p0 + max(active - (1 if partial else 0) - 1, 0) * p1 + (p3 if partial else 0)


@compiled
def _input(n, bits, spatial, dim, owns, plain, units, active, inner, position, edge, partial, whole):
    """New elements of an input or weight over the array in a case."""
    if inner >= 0 and not (owns[inner] and bits >> dim[inner] & 1):
        return 0
    again = False
    for j in range(inner + 1, n):
        if owns[j] and bits >> dim[j] & 1 and position[j] == 0 and not whole[j]:
            again = True
    p0 = p1 = p2 = p3 = 1
    any_spatial = any_edge = any_partial = False
    for j in range(n):
        if not (owns[j] and bits >> dim[j] & 1):
            continue
        mapped, unique, ends, unique_end = plain[0, j], plain[1, j], plain[2, j], plain[3, j]
        fresh = j == inner and not again
        if not spatial[j]:
            v = max(unique, 1) if fresh else mapped
            if position[j] == 0 or inner < 0:
                v = ends if edge[j] else mapped
            p0, p1, p2, p3 = p0 * v, p1 * v, p2 * v, p3 * v
            continue
        any_spatial = True
        any_edge = any_edge or edge[j]
        any_partial = any_partial or partial[j]
        if inner < 0:
            if not edge[j]:
                p0, p1, p2, p3 = p0 * mapped, p1 * mapped, p2 * mapped, p3 * mapped
            elif active == 1:
                p0, p2, p3 = p0 * ends, p2 * ends, p3 * ends
            else:
                p0, p1, p2, p3 = p0 * mapped, p1 * mapped, p2 * ends, p3 * ends
            continue
        part = j > inner if position[j] == 0 else fresh
        p0, p2 = p0 * mapped, p2 * ends
        p1, p3 = p1 * (unique if part else mapped), p3 * (unique_end if part else ends)
    if not any_spatial:
        return p0
    return _total(any_edge, any_partial, units, active, p0, p1, p2, p3)


@compiled
def _value(coupled, spatial, plain, out, j, active, position, edge, first, last, reuse):
    """Extent of a directive in the outputs or sums of one sub-cluster."""
    table = out if coupled else plain
    mapped, unique, ends, unique_end = table[0, j], table[1, j], table[2, j], table[3, j]
    if not spatial:
        return ends if edge else mapped
    alone = active == 1
    unit = mapped if first else (1 if unique == 0 else unique)
    if position == 0:
        if edge and last:
            if coupled:
                return ends if alone or not reuse else unique_end
            return unit if alone else ends
        return unit
    if position == 1:
        return unit
    if alone:
        return plain[2, j] if first or last else unit
    return unique_end if last else unit


@compiled
def _output(n, tensors, spatial, dim, plain, out, units, active, spread, position, edge, partial, found):
    """Elements that leave, MACs of the slowest unit and of the array in a case, into `found`."""
    e0 = e1 = e2 = e3 = 1
    w0 = w2 = w3 = 1
    any_spatial = any_edge = any_partial = False
    for j in range(n):
        is_out = tensors[2] >> dim[j] & 1 == 1
        if not is_out and not (tensors[0] | tensors[1]) >> dim[j] & 1:
            continue
        s = spatial[j] == 1
        a = _value(is_out, s, plain, out, j, active, position[j], edge[j], True, False, True)
        c = _value(is_out, s, plain, out, j, active, position[j], edge[j], True, True, True)
        w0, w2 = w0 * a, w2 * c
        w3 *= _value(is_out, s, plain, out, j, active, position[j], edge[j], False, True, False)
        if is_out:
            e0, e2 = e0 * a, e2 * c
            e1 *= _value(is_out, s, plain, out, j, active, position[j], edge[j], False, False, True)
            e3 *= _value(is_out, s, plain, out, j, active, position[j], edge[j], False, True, True)
            if s:
                any_spatial = True
                any_edge = any_edge or edge[j]
                any_partial = any_partial or partial[j]
    found[0] = _total(any_edge, any_partial, units, active, e0, e1, e2, e3) if any_spatial else e0
    short, ends = edge[spread], partial[spread]
    alone = active == 1
    found[1] = w2 if short and alone and ends else w0
    if not short:
        found[2] = units * w0
    elif alone:
        found[2] = found[1]
    else:
        found[2] = w0 + max(active - (1 if ends else 0) - 1, 0) * w0 + (w3 if ends else 0)


@owning
def _evaluate(extents, stride, tensors, levels, directives, count, clusters, pes, noc, latency, offchip, simd, room,
              keys, ranges, instance_extents, found):
    """One design; its columns into `found`, what became of it as the result."""
    together = 1
    for k in range(levels - 1):
        together *= clusters[k]
    status = CRASHES if together > pes else OK
    spatial, dim = np.zeros((LEVELS, MOST), np.int64), np.zeros((LEVELS, MOST), np.int64)
    size, offset = np.zeros((LEVELS, MOST), np.int64), np.zeros((LEVELS, MOST), np.int64)
    last, owns = np.zeros((LEVELS, MOST), np.int64), np.zeros((LEVELS, MOST), np.bool_)
    plain, out = np.zeros((LEVELS, 4, MOST), np.int64), np.zeros((LEVELS, 4, MOST), np.int64)
    n = np.zeros(LEVELS, np.int64)
    static = extents.copy()
    units, spread, active = np.zeros(LEVELS, np.int64), np.zeros(LEVELS, np.int64), np.zeros(LEVELS, np.int64)
    for k in range(levels):
        units[k] = max(pes // together, 1) if k == 0 else clusters[k - 1]
        up = max(k - 1, 0)
        n[k] = _resolve(extents, stride, tensors, static, k == 0, directives[k], count[k], spatial[k], dim[k], size[k],
                        offset[k], n[up] if k else 0, dim[up], size[up], offset[up])
        spread[k], active[k] = _numbers(n[k], static, spatial[k], dim[k], size[k], offset[k], units[k], last[k],
                                        owns[k], plain[k], out[k])
        for j in range(n[k] - 1, -1, -1):
            if owns[k, j]:
                static[dim[k, j]] = min(size[k, j], static[dim[k, j]])
    occurs, edges = np.zeros((3, MOST), np.int64), np.zeros((3, MOST), np.bool_)
    partials, whole = np.zeros((3, MOST), np.bool_), np.zeros(MOST, np.bool_)
    positions, inside = np.zeros(MOST, np.int64), np.zeros(MOST, np.int64)
    at, number = np.zeros(MOST, np.int64), np.zeros(MOST, np.int64)
    edge, partial = np.zeros(MOST, np.bool_), np.zeros(MOST, np.bool_)
    moved = np.zeros(3, np.int64)
    instances = np.zeros(LEVELS + 1, np.int64)
    instances[0] = 1
    instance_extents[0, 0] = extents
    rows = 0
    skipped_at_bottom, least_key = 0, 1 << 62
    for k in range(levels):
        for i in range(instances[k]):
            extent = instance_extents[k, i]
            total = _states(n[k], extent, spatial[k], dim[k], size[k], offset[k], units[k], occurs, edges, partials,
                            whole, number)
            if rows + total > CASES or (instances[k + 1] + 2 * total > INSTANCES and k + 1 < levels and total > 256):
                return TOO_LARGE
            step = 1
            for j in range(n[k] - 1, -1, -1):
                inside[j] = step
                step *= number[j]
            ranges[k, i, 0] = rows
            skipped, begun = 0, False
            for c in range(total):
                inner, weight = -1, 1
                for j in range(n[k]):
                    digit = -(-c // inside[j]) % number[j]
                    positions[j] = 2 if digit == 1 and occurs[1, j] == 0 else digit
                    weight *= occurs[positions[j], j]
                    if positions[j] != 0:
                        inner = j
                for j in range(n[k]):
                    x = last[k, j]
                    at[j], edge[j], partial[j] = positions[x], edges[positions[x], x], partials[positions[x], x]
                room[rows, 0] = weight
                room[rows, 1] = _input(n[k], tensors[0], spatial[k], dim[k], owns[k], plain[k], units[k], active[k],
                                       inner, at, edge, partial, whole)
                room[rows, 2] = _input(n[k], tensors[1], spatial[k], dim[k], owns[k], plain[k], units[k], active[k],
                                       inner, at, edge, partial, whole)
                _output(n[k], tensors, spatial[k], dim[k], plain[k], out[k], units[k], active[k], spread[k], at, edge,
                        partial, moved)
                room[rows, 3], room[rows, 4], room[rows, 5] = moved[0], moved[1], moved[2]
                room[rows, 6] = 1 if inner < 0 else 0
                if moved[1] <= 0 and not begun:
                    skipped += 1
                begun = begun or moved[1] > 0
                room[rows, 7] = room[rows, 8] = -1
                if k + 1 < levels:
                    has_part = edge[spread[k]] and partial[spread[k]]
                    for kind in range(2):
                        if (kind == 1 and not has_part) or (kind == 0 and has_part and active[k] == 1):
                            continue
                        key = 0
                        for j in range(n[k]):
                            short = edge[j]
                            if spatial[k, j]:
                                short = short and at[j] != 1 and (kind == 1 or active[k] == 1)
                            if short:
                                key |= 1 << j
                        there = -1
                        for x in range(instances[k + 1]):
                            if keys[k + 1, x] == key:
                                there = x
                                break
                        if there < 0:
                            there = instances[k + 1]
                            if there >= INSTANCES:
                                return TOO_LARGE
                            instances[k + 1] += 1
                            keys[k + 1, there] = key
                            instance_extents[k + 1, there] = extents
                            for j in range(n[k]):
                                if last[k, j] == j:
                                    instance_extents[k + 1, there, dim[k, j]] = plain[k, 2 if key >> j & 1 else 0, j]
                        room[rows, 7 + kind] = there
                rows += 1
            ranges[k, i, 1] = rows
            if k + 1 == levels and (levels == 1 or keys[k, i] < least_key):
                least_key = keys[k, i] if levels > 1 else 0
                skipped_at_bottom = skipped if begun else 0
    top_first, top_end = ranges[0, 0, 0], ranges[0, 0, 1]
    needs = np.zeros(3, np.int64)
    before = np.zeros(2, np.int64)
    for r in range(top_first, top_end):
        before[0] += room[r, 1]
        before[1] += room[r, 2]
        if room[r, 4] > 0:
            needs[0], needs[1], needs[2] = 2 * before[0], 2 * before[1], 2 * room[r, 3]
            break
    floor = max((needs[0] + needs[1]) // offchip // 2, needs[2] // offchip // 2)
    for k in range(levels - 1, -1, -1):
        for i in range(instances[k]):
            time = 0
            for r in range(ranges[k, i, 0], ranges[k, i, 1]):
                if room[r, 4] <= 0:
                    continue
                if k + 1 == levels:
                    compute = -(-room[r, 4] // simd)
                else:
                    compute = 0
                    for kind in range(2):
                        if room[r, 7 + kind] >= 0:
                            compute = max(compute, ranges[k + 1, room[r, 7 + kind], 2])
                entering = latency - 1 - (-(room[r, 1] + room[r, 2]) // noc)
                leaving = latency - 1 - (-room[r, 3] // noc)
                step = compute + entering if room[r, 6] else max(compute, entering, leaving)
                if k == 0:
                    step = max(step, floor)
                    if compute == 0:
                        status = CRASHES
                time += room[r, 0] * step
            ranges[k, i, 2] = time
    found[:] = 0
    found[0] = ranges[0, 0, 2]
    for r in range(top_first, top_end):
        found[1] += room[r, 0] * room[r, 5]
        found[7] += room[r, 0] * room[r, 3]
        if room[r, 4] > 0:
            found[2] += room[r, 0] * room[r, 1]
            found[3] += room[r, 0] * room[r, 2]
    found[4] = found[5] = found[6] = 1
    for code in range(DIMS):
        if tensors[2] >> code & 1:
            found[4] *= extents[code] - extents[code - 2] + 1 if code == 6 or code == 7 else extents[code]
        if tensors[0] >> code & 1:
            found[5] *= extents[code]
        if tensors[1] >> code & 1:
            found[6] *= extents[code]
    found[8], found[9], found[10] = needs[0], needs[1], needs[2]
    bottom = levels - 1
    for t in range(3):
        tile = 2
        for j in range(n[bottom]):
            if last[bottom, j] == j and tensors[t] >> dim[bottom, j] & 1:
                tile *= plain[bottom, 0, j]
        found[11 + t] = tile * (1 + skipped_at_bottom) if t < 2 else tile
    return status


@owning
def _all(extents, stride, tensors, levels, directives, count, clusters, pes, timing, found, status):
    room = np.zeros((CASES, 9), np.int64)
    keys = np.zeros((LEVELS + 1, INSTANCES), np.int64)
    ranges = np.zeros((LEVELS + 1, INSTANCES, 3), np.int64)
    instance_extents = np.zeros((LEVELS + 1, INSTANCES, DIMS), np.int64)
    for i in range(len(pes)):
        status[i] = _evaluate(extents[i], stride[i], tensors[i], levels[i], directives[i], count[i], clusters[i],
                              pes[i], timing[i, 0], timing[i, 1], timing[i, 2], timing[i, 3], room, keys, ranges,
                              instance_extents, found[i])


def evaluate(designs: Packed, timing: Ints) -> tuple[Ints, Ints]:
    """`COLUMNS` of every design (b, columns), and OK, CRASHES (in the tool) or TOO_LARGE (for this module) of each.

    `timing` (b, 4): NoC elements per cycle, latency, off-chip elements per cycle, MACs of a PE per cycle.
    """
    found = np.zeros((len(designs.pes), len(COLUMNS)), np.int64)
    status = np.zeros(len(designs.pes), np.int64)
    _all(designs.extents, designs.stride, designs.tensors, designs.levels, designs.directives, designs.count,
         designs.clusters, designs.pes, np.ascontiguousarray(timing), found, status)
    return found, status
