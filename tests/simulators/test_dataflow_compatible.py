"""Owns the agreement of the `compatible` mode with recorded runs of the public tool, and its laws."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.dataflow_agreement import ROWS, Row, batches, compatible_faults, rows, timing_of
from workbench.simulators.dataflow import compatible
from workbench.simulators.dataflow.built import Timing, build
from workbench.simulators.dataflow.levels import batch_of

RECORDED = rows(ROWS)


def built_row(row: Row, pes: int | None = None):
    return build(batch_of([(row.layer, row.mapping, pes or row.number("num_pes"))]))


def test_every_recorded_run_is_met_in_every_column():
    found = {
        row.content["id"]: faults
        for group in batches(RECORDED)
        for row, faults in zip(group, compatible_faults(group), strict=True)
    }
    assert {key: faults for key, faults in found.items() if faults} == {}
    assert sum(row.valid for row in RECORDED) > 40
    assert sum(not row.valid for row in RECORDED) > 3


def test_a_design_is_costed_alone_as_in_a_batch():
    group = max(batches(RECORDED), key=len)
    built, timing = build(batch_of([(r.layer, r.mapping, r.number("num_pes")) for r in group])), timing_of(group)
    together = compatible.cycles(built, timing).runtime[:, 0]
    for i, row in enumerate(group):
        assert compatible.cycles(built_row(row), timing_of([row])).runtime[0, 0] == together[i]


def test_many_bandwidths_at_once_equal_each_alone():
    row = next(row for row in RECORDED if row.valid and len(row.mapping.levels) > 1)
    built = built_row(row)
    one = np.ones((1, 1), dtype=np.int64)
    widths = np.array([[1, 2, 7, 64, 1000]])
    found = compatible.cycles(built, Timing(widths, one, one * 50, one)).runtime[0]
    alone = [compatible.cycles(built, Timing(one * w, one, one * 50, one)).runtime[0, 0] for w in widths[0]]
    assert list(found) == alone
    assert sorted(found, reverse=True) == list(found)


@pytest.mark.parametrize("row", [row for row in RECORDED if row.content["status"] != "ok"][:3])
def test_what_crashes_the_tool_is_told_and_crashes_nothing(row: Row):
    assert compatible.cycles(built_row(row), timing_of([row])).crashes[0, 0]
