"""Owns the promises that every listed simulator keeps, whatever it simulates; one whose extra is missing is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from store.database import Lab
from tests.simulators.chosen import fake_file, made, quick
from workbench.problem.layer import Layer
from workbench.problem.metrics import METRIC_UNITS, Infeasible, Metrics
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.template import Template, load_template
from workbench.problem.workload import Workload
from workbench.runner import RunSpec, run, start
from workbench.simulators import SIMULATORS
from workbench.simulators.base import Simulator
from workbench.stop import Stop

TOO_SMALL_BITS = 4


def make_task() -> Task:
    """A small layer on an array whose weight registers may be too small for a weight."""
    content = load_template("tpu_like").content()
    rf = next(m["name"] for m in content["memories"] if m["operands"] == ["W"] and m["kind"] == "register_file")
    content["axes"] = {
        "weight_rf_bits": {"sets": f"memories.{rf}.size_bits", "choices": [TOO_SMALL_BITS, 64, 1024]},
        "rows": {"sets": "array.D1", "choices": [8, 16]},
    }
    content["spatial_mappings"] = {"stationary": {"D1": ["K"], "D2": ["C"]}}
    layer = Layer.conv("small", 8, 16, 3, in_size=6, padding=1)
    return Task(Template.from_content(content), Workload.chain("one", [layer]))


TASK = make_task()
DESIGNS: list[Design] = [(1, 0), (0, 0), (2, 1), (1, 1), (0, 1), (2, 0)]


@pytest.fixture(scope="module", params=SIMULATORS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def settings(name: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return quick(name, tmp_path_factory.mktemp("simulator"))


@pytest.fixture(scope="module")
def simulator(name: str, settings: dict[str, Any]) -> Iterator[Simulator]:
    found = made(name, settings)
    yield found
    getattr(found, "close", lambda: None)()


def test_the_table_names_the_simulator_as_it_names_itself(name: str):
    assert SIMULATORS[name].name == name


def test_outcomes_come_in_order_whatever_shares_the_call(simulator: Simulator):
    def told(designs: list[Design]) -> list[str]:
        """In full: breakdown and mapping decide no equality."""
        return [repr(outcome) for outcome in simulator.evaluate(TASK, designs)]

    whole = told(DESIGNS)
    assert len(whole) == len(DESIGNS)
    assert told(DESIGNS[::-1]) == whole[::-1]
    assert [told([design])[0] for design in DESIGNS[:3]] == whole[:3]
    assert told([DESIGNS[0], DESIGNS[0]]) == [whole[0], whole[0]]
    assert told([]) == []


def test_another_simulator_of_the_same_settings_gives_the_same(
    name: str, settings: dict[str, Any], simulator: Simulator
):
    again = made(name, settings)
    assert again.fingerprint == simulator.fingerprint
    first, second = simulator.evaluate(TASK, DESIGNS[:2]), again.evaluate(TASK, DESIGNS[:2])
    getattr(again, "close", lambda: None)()
    assert first == second
    assert [m.breakdown for m in first if isinstance(m, Metrics)] == [
        m.breakdown for m in second if isinstance(m, Metrics)
    ]


def test_a_design_that_does_not_fit_is_an_outcome_that_says_why(simulator: Simulator):
    for design, outcome in zip(DESIGNS, simulator.evaluate(TASK, DESIGNS), strict=True):
        too_small = TASK.space.values(design)["weight_rf_bits"] == TOO_SMALL_BITS
        assert isinstance(outcome, Infeasible) == too_small
        if isinstance(outcome, Infeasible):
            assert outcome.reason == outcome.reason.strip() != ""
            assert "\n" not in outcome.reason
            assert outcome.demand > outcome.bound
            assert set(outcome.levers) <= {axis.name for axis in TASK.space.axes}


def test_metrics_are_finite_and_sum_up(simulator: Simulator):
    for outcome in simulator.evaluate(TASK, DESIGNS):
        if isinstance(outcome, Metrics):
            assert all(isfinite(outcome.get(metric)) for metric in METRIC_UNITS)
            assert outcome.latency_cycles > 0
            assert outcome.energy_pj > 0
            parts = outcome.breakdown
            if parts is not None:
                memory = sum(energy for _, _, energy in parts.memory_energy_pj)
                assert outcome.energy_pj == pytest.approx(parts.mac_energy_pj + memory)
                stalls = parts.spatial_stall_cycles + parts.temporal_stall_cycles
                cycles = parts.ideal_cycles + stalls + parts.onload_cycles + parts.offload_cycles
                assert outcome.latency_cycles == pytest.approx(cycles)


def test_a_workload_of_independent_layers_is_their_sum(simulator: Simulator):
    if not simulator.per_layer:
        pytest.skip(f"{simulator.name}: layers are not independent")
    layers = [Layer.conv(name, 8, 8, 3, in_size=6, padding=1) for name in "ab"]
    one, both = (
        simulator.evaluate(replace(TASK, workload=Workload.chain("some", some)), DESIGNS[:2])
        for some in (layers[:1], layers)
    )
    for single, double in zip(one, both, strict=True):
        assert type(single) is type(double)
        if isinstance(single, Metrics) and isinstance(double, Metrics):
            assert double.energy_pj == pytest.approx(2 * single.energy_pj)
            assert double.latency_cycles == pytest.approx(2 * single.latency_cycles)
            assert double.area_um2 == single.area_um2


def test_the_fingerprint_is_one_line_and_tells_settings_apart(
    name: str, settings: dict[str, Any], simulator: Simulator, tmp_path: Path
):
    assert simulator.fingerprint.startswith(f"{name} ")
    assert simulator.fingerprint.isprintable()
    others = [{**settings, key: value} for key, value in alternatives(SIMULATORS[name].Settings, settings).items()]
    if name == "external":
        others = [{"file": str(fake_file(tmp_path, version="2"))}]
    found = [made(name, other).fingerprint for other in others]
    assert not others or any(fingerprint != simulator.fingerprint for fingerprint in found)


def alternatives(model: type[BaseModel], settings: dict[str, Any]) -> dict[str, Any]:
    """Another value for every setting that is a number or a choice."""
    others: dict[str, Any] = {}
    for key, value in model.model_validate(settings).model_dump().items():
        choices = [choice for choice in get_args(model.model_fields[key].annotation) if choice != value]
        if isinstance(value, bool):
            others[key] = not value
        elif isinstance(value, int | float):
            others[key] = value + 1
        elif isinstance(value, str) and choices and isinstance(choices[0], str):
            others[key] = choices[0]
    return others


def test_nothing_is_written_to_the_terminal_or_the_folder(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    simulator.evaluate(TASK, DESIGNS[:2])
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [kind for kind in SIMULATORS.values() if "python" in kind.Settings.model_fields])
def test_an_interpreter_is_kept_by_its_full_path_or_looked_up_by_its_name(
    kind: type[Simulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    kept = [kind.Settings(python=python).model_dump()["python"] for python in ("bin/python", "python3", "")]
    assert kept == [str(tmp_path / "bin" / "python"), "python3", ""]


def test_a_second_run_simulates_nothing(
    name: str, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made(name, settings)
    kind = SIMULATORS[name]
    simulated: list[Design] = []

    def evaluate(self: Simulator, task: Task, designs: list[Design]) -> Any:
        simulated.extend(designs)
        return original(self, task, designs)

    original = kind.evaluate
    monkeypatch.setattr(kind, "evaluate", evaluate)
    spec = RunSpec(TASK, "uniform", simulator=name, simulator_settings=settings, seed=1, batch=2, stop=Stop(budget=4))
    with Lab.open(tmp_path / "lab.db") as lab:
        first = list(run(lab, start(lab, spec).id))
        assert sorted(simulated) == sorted(e.design for step in first for e in step.evaluated)
        simulated.clear()
        second = list(run(lab, start(lab, spec).id))
    assert simulated == []
    assert second[-1].hits == second[-1].points == 4
    assert [e.outcome for step in second for e in step.evaluated] == [
        replace(e.outcome, mapping=None) if isinstance(e.outcome, Metrics) else e.outcome
        for step in first
        for e in step.evaluated
    ]
