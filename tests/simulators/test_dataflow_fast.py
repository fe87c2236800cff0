"""Owns the compiled analysis: the same numbers as on arrays, for recorded runs and for any mapping."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.dataflow_agreement import ROWS, rows, timing_of
from workbench.simulators.dataflow import compatible
from workbench.simulators.dataflow.analysed import Analysed, analysed
from workbench.simulators.dataflow.built import Timing
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


def numbers(found: Analysed) -> tuple[list[list[int]], list[bool]]:
    """All that is found of designs."""
    columns = [found.runtime, found.counts.macs]
    for field in fields(compatible.Counts)[1:]:
        columns += getattr(found.counts, field.name)
    return [values.tolist() for values in columns], found.crashes.tolist()


def test_recorded_runs_are_met():
    for row in rows(ROWS):
        design = row.layer, row.mapping, row.number("num_pes")
        found, crashes = numbers(analysed([design], timing_of([row]), compiled=True))
        expected, crashed = numbers(analysed([design], timing_of([row]), compiled=False))
        assert crashes == crashed
        if row.valid:
            assert found == expected
            assert [values[0] for values in found[:2]] == [row.number("runtime_cycles"), row.number("num_macs")]


@settings(max_examples=150, deadline=None)
@given(designs(), st.integers(1, 20), st.integers(0, 3), st.integers(1, 20), st.integers(1, 4))
def test_any_mapping_gives_the_same_as_on_arrays(design, noc: int, latency: int, offchip: int, simd: int):
    timing = Timing(*(np.array([[value]]) for value in (noc, latency, offchip, simd)))
    layer, mapping, pes = design
    some = [(layer, mapping, pes), (layer, mapping, pes + 3)]
    assert numbers(analysed(some, timing, compiled=True)) == numbers(analysed(some, timing, compiled=False))


def test_what_the_kernel_has_no_room_for_is_found_on_arrays(monkeypatch: pytest.MonkeyPatch):
    row = next(row for row in rows(ROWS) if row.valid)
    design = row.layer, row.mapping, row.number("num_pes")
    expected = numbers(analysed([design], timing_of([row]), compiled=False))
    found, status = np.zeros((1, len(fast.COLUMNS)), np.int64), np.array([fast.TOO_LARGE])
    monkeypatch.setattr(fast, "evaluate", lambda *_: (found, status))
    assert numbers(analysed([design], timing_of([row]), compiled=True)) == expected
