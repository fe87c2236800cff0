"""The engine against mappings and searches recorded from ZigZag 3.9.1 (ten rows of `benchmarks/agreement.py`)."""

from __future__ import annotations

import pytest

from benchmarks.golden import COPIED, CRITERIA, Row, rows
from workbench.problem.metrics import Metrics
from workbench.simulators.loopnest.engine import evaluate_layer

ROWS = list(rows(COPIED))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_same_mapping_costs_the_same(row: Row, criterion: str) -> None:
    energy, latency = row.best(criterion)
    ours = row.ours(criterion)
    assert ours.energy_pj == pytest.approx(energy, rel=0.005)
    assert ours.latency_cycles == pytest.approx(latency, rel=0.005)
    assert row.layer.macs == row.content["macs"]
    assert ours.breakdown is not None
    assert ours.breakdown.ideal_cycles == row.ideal_cycles(criterion)


@pytest.mark.parametrize("row", [r for r in ROWS if r.content["mapping_policy"] != "auto"], ids=lambda row: row.name)
def test_the_own_search_finds_as_good_a_mapping(row: Row) -> None:
    for criterion, value, recorded in (
        ("latency", "latency_cycles", row.best("latency")[1]),
        ("energy", "energy_pj", row.best("energy")[0]),
    ):
        outcome = evaluate_layer([row.arch], row.layer, criterion, 6)[0]  # type: ignore[arg-type]
        assert isinstance(outcome, Metrics)
        assert outcome.get(value) <= recorded * 1.01
