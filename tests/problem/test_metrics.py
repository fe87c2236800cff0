"""Contracts of outcomes and targets: derived metrics, sums over layers, what is stored, what is refused."""

from __future__ import annotations

from json import dumps, loads
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.metrics import (
    METRIC_UNITS,
    Breakdown,
    LayerMapping,
    LoopLevel,
    Metrics,
    Target,
    metrics_detail,
    quality,
    total,
    with_detail,
)

amounts = st.floats(0, 1e15)
positive = st.floats(1e-3, 1e12)
counts = st.integers(1, 50)


@st.composite
def breakdowns(draw: st.DrawFn) -> Breakdown:
    levels = [("rf", "W"), ("sram", "I"), ("sram", "O"), ("dram", "W")]
    memory = tuple((name, operand, draw(amounts)) for name, operand in levels if draw(st.booleans()))
    mac, ideal, spatial, temporal, onload, offload = (draw(amounts) for _ in range(6))
    return Breakdown(mac, memory, ideal, spatial, temporal, onload, offload)


@st.composite
def layer_metrics(draw: st.DrawFn) -> Metrics:
    parts = draw(breakdowns())
    return Metrics(
        latency_cycles=parts.ideal_cycles
        + parts.spatial_stall_cycles
        + parts.temporal_stall_cycles
        + parts.onload_cycles
        + parts.offload_cycles,
        energy_pj=parts.mac_energy_pj + sum(energy_pj for _, _, energy_pj in parts.memory_energy_pj),
        area_um2=draw(amounts),
        clock_mhz=500.0,
        breakdown=parts,
    )


MAPPING = LayerMapping(
    spatial=(("D1", (("K", 32.0),)), ("D2", (("C", 16.0), ("FX", 1.5)))),
    temporal=(("W", (LoopLevel("rf", (("OX", 7), ("OY", 5))), LoopLevel("dram", ()))), ("O", ())),
)


def test_the_derived_metrics_follow_from_energy_latency_and_clock() -> None:
    metrics = Metrics(latency_cycles=2e6, energy_pj=4e9, area_um2=1e6, clock_mhz=500)
    assert isclose(metrics.latency_s, 4e-3)
    assert isclose(metrics.power_mw, 1000 * 4e-3 / 4e-3)  # 4 mJ in 4 ms
    assert isclose(metrics.edp_js, 4e-3 * 4e-3)


@given(positive, positive, positive)
def test_power_times_time_is_the_energy(latency_cycles: float, energy_pj: float, clock_mhz: float) -> None:
    metrics = Metrics(latency_cycles, energy_pj, 0.0, clock_mhz=clock_mhz)
    assert isclose(metrics.power_mw * metrics.latency_s * 1e9, energy_pj)


def test_every_metric_with_a_unit_can_be_had_by_name() -> None:
    metrics = Metrics(2.0, 3.0, 4.0)
    assert {name: metrics.get(name) for name in METRIC_UNITS} == {
        "latency_cycles": 2.0,
        "energy_pj": 3.0,
        "area_um2": 4.0,
        "edp_js": metrics.edp_js,
        "power_mw": metrics.power_mw,
    }


def test_an_unknown_metric_is_refused_with_the_nearest() -> None:
    for use in (lambda: Metrics(1.0, 1.0, 1.0).get("energy"), lambda: Target("energy", 1.0)):
        with pytest.raises(UserError, match=r"no metric named 'energy'\. Did you mean 'energy_pj'\? Known: area_um2"):
            use()


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["latency_cycles", "energy_pj", "area_um2"])
def test_a_metric_that_is_no_amount_is_a_fault_of_the_simulator(name: str, value: float) -> None:
    amounts = {"latency_cycles": 1.0, "energy_pj": 1.0, "area_um2": 1.0, name: value}
    with pytest.raises(ValueError, match=name):
        Metrics(amounts["latency_cycles"], amounts["energy_pj"], amounts["area_um2"])


@given(st.lists(st.tuples(layer_metrics(), counts), min_size=1, max_size=5))
def test_a_network_costs_the_sum_of_its_layers_and_the_area_of_the_largest(parts: list[tuple[Metrics, int]]) -> None:
    whole = total(parts)
    assert isclose(whole.latency_cycles, sum(n * m.latency_cycles for m, n in parts), rel_tol=1e-9)
    assert isclose(whole.energy_pj, sum(n * m.energy_pj for m, n in parts), rel_tol=1e-9)
    assert whole.area_um2 == max(m.area_um2 for m, _ in parts)
    assert whole.clock_mhz == 500.0


@given(st.lists(st.tuples(layer_metrics(), counts), min_size=1, max_size=5))
def test_the_breakdown_of_a_network_sums_to_its_total(parts: list[tuple[Metrics, int]]) -> None:
    whole = total(parts)
    parts_of = whole.breakdown
    assert parts_of is not None
    levels = [(name, operand) for name, operand, _ in parts_of.memory_energy_pj]
    assert len(set(levels)) == len(levels)
    energy_pj = parts_of.mac_energy_pj + sum(e for _, _, e in parts_of.memory_energy_pj)
    assert isclose(energy_pj, whole.energy_pj, rel_tol=1e-9)
    cycles = parts_of.ideal_cycles + parts_of.spatial_stall_cycles + parts_of.temporal_stall_cycles
    assert isclose(cycles + parts_of.onload_cycles + parts_of.offload_cycles, whole.latency_cycles, rel_tol=1e-9)


@given(layer_metrics(), counts)
def test_a_layer_n_times_is_n_layers_once(metrics: Metrics, n: int) -> None:
    at_once, one_by_one = total([(metrics, n)]), total([(metrics, 1)] * n)
    assert isclose(at_once.energy_pj, one_by_one.energy_pj, rel_tol=1e-9)
    assert isclose(at_once.latency_cycles, one_by_one.latency_cycles, rel_tol=1e-9)


def test_a_network_has_no_breakdown_where_a_layer_has_none() -> None:
    parts = Breakdown(1.0, (), 1.0, 0.0, 0.0, 0.0, 0.0)
    assert total([(Metrics(1.0, 1.0, 1.0, breakdown=parts), 1), (Metrics(1.0, 1.0, 1.0), 1)]).breakdown is None


@given(st.one_of(st.none(), breakdowns()), st.sampled_from([None, MAPPING]))
def test_metrics_come_back_from_columns_and_json_as_they_were(
    parts: Breakdown | None, mapping: LayerMapping | None
) -> None:
    metrics = Metrics(1.5, 2.5, 3.5, accuracy=0.9, clock_mhz=700.0, breakdown=parts, mapping=mapping)
    detail = loads(dumps(metrics_detail(metrics)))
    back = with_detail(1.5, 2.5, 3.5, 0.9, detail)
    assert back == metrics
    assert back.breakdown == parts
    assert back.mapping == mapping


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("energy_pj<=2e9", Target("energy_pj", 2e9)),
        (" latency_cycles <= 1000 ", Target("latency_cycles", 1000.0)),
        ("area_um2<1.5e6", Target("area_um2", 1.5e6)),
    ],
)
def test_a_target_is_read_from_its_usual_form_and_written_back(text: str, target: Target) -> None:
    assert Target.parse(text) == target
    assert Target.parse(str(target)) == target


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("energy_pj", ["energy_pj<=2e9", "'energy_pj'"]),
        ("energy_pj>=5", ["metric<=number", "'energy_pj>=5'"]),
        ("", ["metric<=number", "''"]),
        ("energy_pj<=many", ["no number", "'many'"]),
        ("energy<=5", ["'energy'", "energy_pj"]),
        ("energy_pj<=0", ["positive", "0"]),
        ("energy_pj<=-3", ["positive", "-3"]),
        ("energy_pj<=nan", ["positive", "nan"]),
        ("energy_pj<=inf", ["positive", "inf"]),
    ],
)
def test_a_faulty_target_is_refused_in_one_line(text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        Target.parse(text)
    line = str(error.value)
    assert "\n" not in line
    assert all(word in line for word in words), line


@given(positive, positive, st.floats(0, 1))
def test_a_target_is_met_at_its_bound_and_within_its_margin(bound: float, energy_pj: float, margin: float) -> None:
    target = Target("energy_pj", bound)
    assert target.met(Metrics(1.0, bound, 1.0))
    assert target.met(Metrics(1.0, energy_pj, 1.0)) == (energy_pj <= bound)
    assert target.met(Metrics(1.0, energy_pj, 1.0), margin) or not target.met(Metrics(1.0, energy_pj, 1.0))


@given(positive, positive, positive, positive)
def test_quality_is_at_least_one_exactly_when_all_targets_hold(
    latency: float, energy: float, latency_bound: float, energy_bound: float
) -> None:
    targets = [Target("latency_cycles", latency_bound), Target("energy_pj", energy_bound)]
    metrics = Metrics(latency, energy, 1.0)
    assert (quality(metrics, targets) >= 1) == all(target.met(metrics) for target in targets)
    assert quality(metrics, targets) <= quality(metrics, targets[:1])
    assert quality(metrics, []) == 1.0
