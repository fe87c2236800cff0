"""The compiled kernel against the arrays: the same mappings, to the bit."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.golden import COPIED, rows
from tests.simulators.small import archs, layers
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.simulators.loopnest.allocate import Rows
from workbench.simulators.loopnest.case import Case
from workbench.simulators.loopnest.engine import (
    Criterion,
    best_rows,
    best_rows_compiled,
    evaluate_layer,
    sliding_loops,
    with_winners,
)
from workbench.simulators.loopnest.orders import all_orders, temporal_loops
from workbench.simulators.loopnest.spatial import candidates

pytest.importorskip("numba", reason="the extra 'fast' is not installed")
CRITERIA = st.sampled_from(["latency", "energy", "edp"])


def same(arch: Arch, layer: Layer, criterion: Criterion, factors: int) -> None:
    spatial = candidates(arch, layer)[0]
    orders = all_orders(temporal_loops(dict(spatial.remaining), factors), sliding_loops(layer))
    case = Case(layer, [arch], [spatial], orders)
    (ours, costs), (theirs, their_costs) = (
        with_winners(case, best_rows(case, criterion)),
        best_rows_compiled(case, criterion),
    )
    for field in fields(Rows):
        assert np.array_equal(getattr(ours, field.name), getattr(theirs, field.name)), field.name
    assert np.array_equal(costs.energy_pj, their_costs.energy_pj)
    assert np.array_equal(costs.link_pj, their_costs.link_pj)


@given(archs(), layers(), CRITERIA)
@settings(max_examples=150)
def test_the_best_mappings_are_equal_to_the_bit(arch: Arch, layer: Layer, criterion: Criterion) -> None:
    same(arch, layer, criterion, 5)


@pytest.mark.parametrize("row", list(rows(COPIED)), ids=lambda row: row.name)
def test_they_are_equal_on_recorded_cases(row) -> None:
    for criterion in ("latency", "energy", "edp"):
        same(row.arch, row.layer, criterion, 6)


@given(archs(), layers(), CRITERIA)
@settings(max_examples=40)
def test_outcomes_are_equal_whichever_kernel_is_chosen(arch: Arch, layer: Layer, criterion: Criterion) -> None:
    ours = evaluate_layer([arch], layer, criterion, 4, compiled=False)
    theirs = evaluate_layer([arch], layer, criterion, 4, compiled=True)
    assert repr(ours) == repr(theirs)  # with breakdown and mapping, which decide no equality
