"""ZigZag behind the workbench: what it is given, where its traps are, and that its numbers are its own."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from math import ceil, prod
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.golden import COPIED, CRITERIA, Row, rows
from tests.simulators.chosen import ZIGZAG_PYTHON, made
from tests.simulators.small import archs, layers, with_memory
from workbench.errors import SimulatorError, UserError
from workbench.problem.arch import Arch
from workbench.problem.layer import LOOP_DIMS, Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome
from workbench.problem.task import CRITERIA as CRITERIA_OF_TASKS
from workbench.problem.template import load_template
from workbench.simulators.loopnest.engine import evaluate_layer
from workbench.simulators.loopnest.spatial import candidates, generate
from workbench.simulators.zigzag import ZigZag, ZigZagSettings, inputs
from workbench.simulators.zigzag.unrollings import best_first, shared

LAYER = Layer.conv("small", 8, 16, 3, in_size=8, padding=1)
TPU = load_template("tpu_like").nominal("own")
AUTO = replace(load_template("tesla_npu_like").nominal("own"), spatial_mapping="auto")


@pytest.fixture(scope="module")
def zigzag() -> Iterator[ZigZag]:
    found = chosen_zigzag(workers=1)
    yield found
    found.close()


def chosen_zigzag(**settings: Any) -> ZigZag:
    found = made("zigzag", {"python": ZIGZAG_PYTHON, "workers": 2, **settings})
    assert isinstance(found, ZigZag)
    return found


def single(found: ZigZag, arch: Arch, layer: Layer = LAYER) -> Any:
    return found.evaluate_layer([arch], layer, "edp")[0]


@given(archs(), layers())
def test_its_input_says_what_the_architecture_says(arch: Arch, layer: Layer):
    content = inputs.accelerator(arch, layer)
    scale = layer.weight_bits * layer.input_bits / 64
    assert content["operational_array"]["unit_energy"] == arch.mac_energy_pj * scale
    assert list(content["memories"]) == [memory.name for memory in arch.memories]
    for memory, found in zip(arch.memories, content["memories"].values(), strict=True):
        moves = Counter(move for port in found["ports"] for move in port["allocation"])
        assert set(moves.values()) == {1}
        assert len(moves) == sum(4 if operand == "O" else 2 for operand in memory.operands)
        assert [port["bandwidth_max"] for port in found["ports"]] == [port.bits_per_cycle for port in memory.ports]
    (facts,) = inputs.workload(layer)
    assert dict(zip(facts["loop_dims"], facts["loop_sizes"], strict=True)) == {d: layer.size(d) for d in LOOP_DIMS}


@given(archs(), layers())
def test_no_unrolling_exceeds_its_loop_or_the_array(arch: Arch, layer: Layer):
    (content,) = inputs.mapping(arch, layer)
    for (_, size), loops in zip(arch.array, content["spatial_mapping"].values(), strict=True):
        taken = [(loop.split(", ")[0], int(loop.split(", ")[1])) for loop in loops]
        assert taken
        assert prod(n for _, n in taken) <= size
        assert all(n <= layer.size(loop) for loop, n in taken)


@settings(max_examples=20)
@given(archs(), layers(), st.integers(1, 24))
def test_auto_asks_about_the_unrollings_that_the_loop_nest_engine_likes_best(arch: Arch, layer: Layer, most: int):
    auto = replace(arch, spatial_mapping="auto")
    (given_one,), chosen = shared([arch, auto], layer, "edp", 2, most)
    assert given_one is arch
    assert 1 <= len(chosen) <= most
    assert len({variant.spatial_mapping for variant in chosen}) == len(chosen)
    best, *outcomes = evaluate_layer([auto, *chosen], layer, "edp", 2)
    if isinstance(best, Metrics):
        assert outcomes[0] == best
        assert best_first(outcomes, "edp") == list(range(len(chosen)))
        costs = [outcome for outcome in outcomes if isinstance(outcome, Metrics)]
        assert len(set(costs)) == len(costs)
    else:
        assert not any(isinstance(outcome, Metrics) for outcome in outcomes)


@given(archs(), layers())
def test_an_unrolling_by_its_own_rule_is_the_generated_one(arch: Arch, layer: Layer):
    for spatial, rule in generate(arch, layer).items():
        assert candidates(replace(arch, spatial_mapping=rule), layer) == [spatial]


def test_what_cannot_be_built_is_chosen_last_and_equals_keep_their_order():
    def costs(latency: float, energy: float) -> Metrics:
        return Metrics(latency_cycles=latency, energy_pj=energy, area_um2=1.0, clock_mhz=1000.0)

    too_small = Infeasible("too small", "memories.buffer.size_bits", 8.0, 4.0)
    outcomes: list[Outcome] = [too_small, costs(2, 3), costs(4, 2), costs(2, 3), too_small, costs(5, 1)]
    assert best_first(outcomes, "latency") == [1, 3, 2, 5, 0, 4]
    assert best_first(outcomes, "energy") == [5, 2, 1, 3, 0, 4]
    assert best_first(outcomes, "edp") == [5, 1, 3, 2, 0, 4]


def test_array_dimensions_are_numbered_and_more_than_four_refused():
    named = replace(TPU, array=(("rows", 4), ("columns", 4)))
    assert inputs.array_dims(named) == {"rows": "D1", "columns": "D2"}
    with pytest.raises(UserError, match="up to 4 array dimensions, and tpu_like has 5"):
        inputs.array_dims(replace(TPU, array=tuple((f"X{i}", 2) for i in range(5))))


@pytest.mark.parametrize("change", [{"read_energy_pj": -1.0}, {"write_energy_pj": float("nan")}, {"size_bits": 0}])
def test_what_zigzag_would_silently_take_is_refused(change: dict[str, float]):
    name = TPU.memories[0].name
    with pytest.raises(UserError, match=rf"memories\.{name}\.{next(iter(change))} must be"):
        inputs.check(with_memory(TPU, name, **change))
    inputs.check(TPU)


def test_a_missing_extra_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workbench.simulators.zigzag.simulator.find_spec", lambda name: None if name == "six" else name)
    with pytest.raises(UserError, match=r"needs six: pip install 'dse-workbench\[zigzag\]'"):
        ZigZag(ZigZagSettings())
    with pytest.raises(UserError, match="'/no/python', and there is no such program"):
        ZigZag(ZigZagSettings(python="/no/python"))


@pytest.mark.skipif(find_spec("zigzag") is not None, reason="zigzag is installed")
def test_an_interpreter_without_zigzag_is_an_error_with_its_last_lines():
    found = ZigZag(ZigZagSettings(python=sys.executable, workers=1))
    with pytest.raises(SimulatorError, match=r"zigzag: 0: it ended before its hello .* No module named 'zigzag'"):
        single(found, TPU)


@pytest.mark.slow
@pytest.mark.parametrize(
    "row", [row for row in rows(COPIED) if row.content["id"] in (34, 72, 92)], ids=lambda row: row.name
)
def test_its_numbers_are_those_recorded_from_it(row: Row):
    found = chosen_zigzag(unrollings="zigzag")
    (outcome,) = found.evaluate_layer([row.arch], row.layer, "edp")
    found.close()
    assert isinstance(outcome, Metrics)
    recorded = row.content["best"][{ours: theirs for theirs, ours in CRITERIA.items()}["edp"]]
    assert outcome.energy_pj == pytest.approx(recorded["energy_pj"], rel=1e-9)
    assert outcome.latency_cycles == recorded["latency_cycles"]
    assert outcome.breakdown is not None
    assert outcome.breakdown.mac_energy_pj == pytest.approx(recorded["mac_energy_pj"])
    assert outcome.mapping is not None
    units = {dim: {loop: ceil(n) for loop, n in loops} for dim, loops in outcome.mapping.spatial}
    assert units == recorded["spatial_mapping"]
    for operand, levels in outcome.mapping.temporal:
        theirs = [[(dim, int(size)) for dim, size in level] for level in recorded["temporal_mapping"][operand]]
        assert [list(level.loops) for level in levels] == theirs


def test_the_criterion_decides_the_mapping(zigzag: ZigZag):
    metrics = {"latency": "latency_cycles", "energy": "energy_pj", "edp": "edp_js"}
    found: dict[str, Any] = {c: zigzag.evaluate_layer([TPU], LAYER, c)[0] for c in CRITERIA_OF_TASKS}
    for criterion, metric in metrics.items():
        assert found[criterion].get(metric) == min(outcome.get(metric) for outcome in found.values())


def test_groups_cost_what_as_many_layers_cost(zigzag: ZigZag):
    """Exactly in compute; in energy nearly, since the loop over groups has its own place among the others."""
    one = single(zigzag, TPU, Layer.conv("one", 8, 16, 3, in_size=8, padding=1))
    four = single(zigzag, TPU, Layer.conv("four", 32, 64, 3, in_size=8, padding=1, groups=4))
    assert four.breakdown.mac_energy_pj == pytest.approx(4 * one.breakdown.mac_energy_pj)
    assert four.breakdown.ideal_cycles == 4 * one.breakdown.ideal_cycles
    assert four.energy_pj == pytest.approx(4 * one.energy_pj, rel=0.02)


def test_a_design_that_does_not_fit_has_zigzags_reason_and_our_numbers(zigzag: ZigZag):
    memory = TPU.memories[0]
    outcome = single(zigzag, with_memory(TPU, memory.name, size_bits=4))
    assert isinstance(outcome, Infeasible)
    assert outcome.reason.startswith("No valid loop ordering was found")
    assert (outcome.resource, outcome.demand, outcome.bound) == (f"memories.{memory.name}.size_bits", 8.0, 4.0)


def test_one_mapping_of_its_own_generator_that_does_not_fit_spoils_no_other():
    """ZigZag itself gives up on this one: it generates three candidates, and the first does not fit."""
    found = chosen_zigzag(unrollings="zigzag")
    eyeriss = replace(load_template("eyeriss_like").nominal("own"), spatial_mapping="auto")
    memory = next(m for m in eyeriss.memories if m.kind == "sram" and m.operands == ("W",))
    layer = Layer.conv("wide", 8, 12, 3, in_size=14, padding=1)
    outcome = single(found, with_memory(eyeriss, memory.name, size_bits=128), layer)
    found.close()
    assert isinstance(outcome, Metrics)


def test_auto_is_the_best_of_what_it_asks_about_and_one_that_does_not_fit_spoils_no_other():
    """The widest of these unrollings ask more of the input buffer than it has."""
    layer = Layer.conv("tiled", 64, 64, 1, in_size=13)
    auto = with_memory(AUTO, "input_buffer", size_bits=2048)
    found = chosen_zigzag(spatial=24, factors=1)
    (variants,) = shared([auto], layer, "edp", 1, 24)
    outcomes = found.evaluate_layer(variants, layer, "edp")
    best = single(found, auto, layer)
    found.close()
    assert {type(outcome) for outcome in outcomes} == {Metrics, Infeasible}
    assert best == min((o for o in outcomes if isinstance(o, Metrics)), key=lambda o: o.edp_js)


def test_two_dimensions_unroll_one_loop_beyond_its_size(zigzag: ZigZag):
    """13 columns on 8 x 2 units take one step, 6.5 x 2 of them at work."""
    rule = (("D1", (("K", 8),)), ("D2", (("OX", 8),)), ("D3", (("OX", 2),)))
    arch = replace(AUTO, spatial_mapping=rule)
    layer = Layer.conv("columns", 2, 16, 1, in_size=13)
    outcome = single(zigzag, arch, layer)
    assert outcome.mapping.spatial == (("D1", (("K", 8.0),)), ("D2", (("OX", 6.5),)), ("D3", (("OX", 2.0),)))
    assert outcome.breakdown.ideal_cycles + outcome.breakdown.spatial_stall_cycles == 2 * 2 * 13


def test_a_given_unrolling_is_not_narrowed_to_what_a_port_feeds(zigzag: ZigZag):
    rule = (("D1", (("K", 16),)), ("D2", (("C", 8),)))
    outcome = single(zigzag, replace(TPU, spatial_mapping=rule))
    assert outcome.mapping.spatial == (("D1", (("K", 16.0),)), ("D2", (("C", 8.0),)))
