"""Owns the proof of the corrected counts: small nests run step by step, with sets of real elements."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.simulators.dataflow.built import Timing
from workbench.simulators.dataflow.corrected import moves_of
from workbench.simulators.dataflow.levels import batch_of
from workbench.simulators.dataflow.mapping import Directive, Mapping
from workbench.simulators.dataflow.nest import ALL_HELD, Nest, cycles, unroll
from workbench.simulators.dataflow.tensors import IN, OUT, WT, DataLayer

Box = dict[str, range]


@st.composite
def designs(draw: st.DrawFn) -> tuple[DataLayer, Mapping, int]:
    """A layer of a few hundred MACs and one level of tiles in any order, one dimension over a few PEs."""
    kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    outputs = {dim: draw(st.integers(1, 6)) for dim in ("Y", "X")}
    extents = {"K": draw(st.integers(1, 4)), "C": draw(st.integers(1, 4)), "R": kernel, "S": kernel}
    extents |= {dim: (outputs[dim] - 1) * stride + kernel for dim in outputs}
    layer = DataLayer("l", "CONV", tuple(extents.items()), (stride, stride))
    dims = draw(st.permutations(["K", "C", "Y'", "X'"]))
    spatial = draw(st.sampled_from(dims))
    maps = []
    for dim in dims:
        size = draw(st.integers(1, 4))
        maps.append(Directive(dim == spatial, dim, size, size))
    whole = [Directive(False, dim, kernel, kernel) for dim in ("R", "S")]
    return layer, Mapping((tuple(draw(st.permutations([*maps, *whole]))),)), draw(st.integers(1, 4))


def steps(nest: Nest):
    """Every step in order, as the boxes of each PE (None where one idles)."""
    tiles = nest.floors[0].steps.tiles
    extent = [int(nest.shape.extent[dim][0]) for dim in tiles.dims]
    wave, tile = tiles.wave[0].tolist(), tiles.tile[0].tolist()
    for start in product(*(range(0, e, w) for e, w in zip(extent, wave, strict=True))):
        lanes: list[Box | None] = []
        for lane in range(int(tiles.units[0]) if tiles.spatial >= 0 else 1):
            box: Box = {}
            for i, dim in enumerate(tiles.dims):
                first = start[i] + (lane * tile[i] if i == tiles.spatial else 0)
                box[dim] = range(first, min(first + tile[i], start[i] + wave[i], extent[i]))
            lanes.append(box if all(len(r) for r in box.values()) else None)
        yield lanes


def elements(box: Box | None, tensor: int, stride: int) -> set[tuple[int, ...]]:
    """The elements of a tensor that a box of the computation touches."""
    if box is None:
        return set()
    if tensor == WT:
        return set(product(box["K"], box["C"], box["R"], box["S"]))
    if tensor == OUT:
        return set(product(box["K"], box["Y"], box["X"]))
    rows = {y * stride + r for y in box["Y"] for r in box["R"]}
    columns = {x * stride + s for x in box["X"] for s in box["S"]}
    return set(product(box["C"], rows, columns))


@settings(max_examples=150, deadline=None)
@given(designs())
def test_counts_are_those_of_running_every_step(design: tuple[DataLayer, Mapping, int]):
    layer, mapping, pes = design
    nest = unroll(batch_of([(layer, mapping, pes)]))
    found = moves_of(nest, ALL_HELD)
    stride = layer.stride[0]
    done: set[tuple[int, ...]] = set()
    read, delivered, slowest, macs = [0, 0, 0], [0, 0, 0], 0, 0
    before: list[set[tuple[int, ...]]] = [set(), set(), set()]
    of_pe: dict[tuple[int, int], set[tuple[int, ...]]] = {}
    for lanes in steps(nest):
        work = [np.prod([len(r) for r in box.values()]) if box else 0 for box in lanes]
        slowest, macs = slowest + int(max(work)), macs + int(sum(work))
        for box in lanes:
            names = sorted(box) if box else []
            done |= set(product(*(box[name] for name in names))) if box else set()
        for tensor in (IN, WT, OUT):
            now = set().union(*(elements(box, tensor, stride) for box in lanes))
            read[tensor] += len(now - before[tensor])
            before[tensor] = now
            for lane, box in enumerate(lanes):
                held = elements(box, tensor, stride)
                if held:
                    delivered[tensor] += len(held - of_pe.get((tensor, lane), set()))
                    of_pe[tensor, lane] = held
    assert macs == len(done) == layer.macs == found.macs[0]
    assert found.reads[0, WT] == read[WT]
    assert found.writes[0, OUT] == read[OUT]
    assert found.reads[0, IN] >= read[IN]
    assert found.delivered[0, IN] >= delivered[IN]
    assert found.delivered[0, WT] >= delivered[WT]
    one = np.ones((1, 1), dtype=np.int64)
    total = int(cycles(nest, Timing(one * 10**9, one * 0, one, one)).total[0, 0])
    assert slowest <= total <= 2 * slowest + 2


@settings(max_examples=150, deadline=None)
@given(designs())
def test_a_window_that_slides_one_way_brings_exactly_its_new_rows(design: tuple[DataLayer, Mapping, int]):
    layer, mapping, pes = design
    whole = {"K": 4, "C": 4, "Y'": 6, "X'": 6}
    (directives,) = mapping.levels
    kept = next(d.dim for d in directives if d.dim in ("Y'", "X'"))
    only = tuple(
        d if d.dim in (kept, "R", "S") else Directive(d.spatial, d.dim, whole[d.dim], whole[d.dim]) for d in directives
    )
    nest = unroll(batch_of([(layer, Mapping((only,)), pes)]))
    read = 0
    before: set[tuple[int, ...]] = set()
    for lanes in steps(nest):
        now = set().union(*(elements(box, IN, layer.stride[0]) for box in lanes))
        read += len(now - before)
        before = now
    assert moves_of(nest, ALL_HELD).reads[0, IN] == read
