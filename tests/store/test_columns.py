"""A run's points as arrays are its points."""

from __future__ import annotations

import numpy as np

from store.database import Lab
from store.filtering import Column, Compare, Not
from store.rows import METRICS
from tests.store.toy_run import new_run, work


def test_columns_are_the_points_whole_or_as_they_come(lab: Lab) -> None:
    run_id = lab.create_run(new_run()).id
    assert len(lab.point_columns(run_id)) == 0
    steps = work(lab, run_id, 6)
    next(steps)
    early = lab.point_columns(run_id)
    for _ in steps:
        pass
    rows, whole = lab.points(run_id), lab.point_columns(run_id)
    grown = early.extended(lab.point_columns(run_id, int(early.seq[-1])))
    for found in (whole, grown):
        assert found.seq.tolist() == [row.seq for row in rows]
        assert found.step.tolist() == [row.step for row in rows]
        assert [bytes(codes) for codes in found.codes] == [row.codes for row in rows]
        assert found.cached.tolist() == [row.cached for row in rows]
        for metric in METRICS:
            expected = [getattr(row, metric) for row in rows]
            assert [None if np.isnan(v) else v for v in getattr(found, metric).tolist()] == expected
        assert found.feasible.tolist() == [row.infeasible is None for row in rows]
    assert grown.extended(lab.point_columns(run_id, int(grown.seq[-1]))) is grown


def test_what_matches_is_found_by_number(lab: Lab) -> None:
    run_id = lab.create_run(new_run()).id
    for _ in work(lab, run_id, 6):
        pass
    cheap = Compare(Column("latency_cycles"), "<", 400.0)
    expected = [row.seq for row in lab.points(run_id) if row.latency_cycles is not None and row.latency_cycles < 400]
    assert 0 < len(expected) < lab.run(run_id).points
    assert lab.matching(run_id, cheap).tolist() == expected
    assert len(lab.matching(run_id, Not(cheap))) + len(expected) == len(lab.matching(run_id, None))
