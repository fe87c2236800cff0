"""Owns the compiled analysis: the same numbers as on arrays, for recorded runs and for any mapping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.dataflow_agreement import ROWS, rows, timing_of
from workbench.simulators.dataflow import compatible
from workbench.simulators.dataflow.built import Timing, build
from workbench.simulators.dataflow.levels import batch_of
from workbench.simulators.dataflow.mapping import Cluster, Directive, Mapping
from workbench.simulators.dataflow.tensors import DataLayer

pytest.importorskip("numba")
from workbench.simulators.dataflow import fast


@st.composite
def designs(draw: st.DrawFn) -> tuple[DataLayer, Mapping, int]:
    """Small layers under mappings with overlaps, gaps, edges and one to three levels."""
    kernel = draw(st.integers(1, 3))
    extents = {"K": draw(st.integers(1, 9)), "C": draw(st.integers(1, 9)), "R": kernel, "S": kernel}
    extents |= {dim: kernel + draw(st.integers(0, 9)) for dim in ("Y", "X")}
    layer = DataLayer("l", "CONV", tuple(extents.items()), (draw(st.integers(1, 2)),) * 2)
    levels = []
    for _ in range(draw(st.integers(1, 3))):
        dims = draw(st.permutations(["K", "C", "Y", "X"]))[: draw(st.integers(1, 4))]
        maps = [Directive(i == 0, dim, draw(st.integers(1, 9)), draw(st.integers(1, 6))) for i, dim in enumerate(dims)]
        levels.append(tuple(draw(st.permutations([*maps, Directive(False, "R", kernel, kernel)]))))
    clusters = tuple(Cluster(draw(st.integers(1, 4))) for _ in levels[1:])
    return layer, Mapping(tuple(levels), clusters), draw(st.integers(1, 70))


def on_arrays(design: tuple[DataLayer, Mapping, int], timing: Timing) -> tuple[list[int], bool]:
    """The columns of `fast.COLUMNS`, and whether the tool crashes."""
    built = build(batch_of([design]))
    found, cycles = compatible.counts(built), compatible.cycles(built, timing)
    columns = [cycles.runtime[:, 0], found.macs]
    for table in (found.l2_reads, found.l2_writes, found.l2_need, found.l1_need):
        columns += table
    return [int(values[0]) for values in columns], bool(cycles.crashes[0, 0])


def compiled(design: tuple[DataLayer, Mapping, int], timing: Timing) -> tuple[list[int], int]:
    numbers = np.hstack([timing.noc, timing.latency, timing.offchip, timing.simd])
    found, status = fast.evaluate(fast.packed([design]), numbers)
    return found[0].tolist(), int(status[0])


def test_recorded_runs_are_met():
    for row in rows(ROWS):
        design = row.layer, row.mapping, row.number("num_pes")
        found, status = compiled(design, timing_of([row]))
        expected, crashes = on_arrays(design, timing_of([row]))
        assert status == (fast.CRASHES if crashes else fast.OK)
        if row.valid:
            assert found == expected
            assert found[:2] == [row.number("runtime_cycles"), row.number("num_macs")]


@settings(max_examples=150, deadline=None)
@given(designs(), st.integers(1, 20), st.integers(0, 3), st.integers(1, 20), st.integers(1, 4))
def test_any_mapping_gives_the_same_as_on_arrays(design, noc: int, latency: int, offchip: int, simd: int):
    timing = Timing(*(np.array([[value]]) for value in (noc, latency, offchip, simd)))
    found, status = compiled(design, timing)
    expected, crashes = on_arrays(design, timing)
    assert found == expected
    assert status == (fast.CRASHES if crashes else fast.OK)
