"""Owns what networks cost on a chip: each layer what the simulator says, latency a schedule's, area the chip's."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.nasaic import ROWS, Row, networks
from benchmarks.nasaic import chip as published
from store.database import Lab
from tests.scheduling.checks import assert_valid
from workbench.errors import UserError
from workbench.layercosts import KnownCosts
from workbench.library import context_rows, evaluation_rows, lookup
from workbench.problem.chip import Chip, ChipTemplate, load_chip
from workbench.problem.graph import Node, WorkloadLayer
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome, total
from workbench.problem.workload import Workload
from workbench.scheduling.jobs import Goal
from workbench.simulators.chips import legacy
from workbench.simulators.chips.costs import CHIP_MODES, ChipCosts, ChipMode, Pair, area_um2
from workbench.simulators.chips.evaluate import ChipCost, evaluated, evaluated_designs, tables
from workbench.simulators.dataflow import DataflowSettings, DataflowSimulator, compatible
from workbench.simulators.dataflow.built import build
from workbench.simulators.dataflow.catalogue import load
from workbench.simulators.dataflow.convert import data_layer
from workbench.simulators.dataflow.levels import batch_of

TEMPLATE = load_chip("pocket")


def conv(name: str, channels: int, filters: int, size: int, *after: str, repeat: int = 1) -> WorkloadLayer:
    return WorkloadLayer(Layer.conv(name, channels, filters, 3, in_size=size, padding=1), after, repeat)


FIRST = Workload(
    "first",
    (
        conv("a", 1, 8, 8),
        conv("b", 8, 8, 8, "a", repeat=2),
        Node("sum", "add", ("b", "a")),
        WorkloadLayer(Layer.conv("c", 8, 16, 1, in_size=8), ("sum",)),
        WorkloadLayer(Layer.gemm("d", 1, 1024, 10), ("c",)),
    ),
)
SECOND = Workload("second", (conv("a", 1, 8, 8), conv("wide", 8, 24, 8, "a"), conv("out", 24, 1, 8, "wide")))
BOTH = (FIRST, SECOND)


def chip(template: ChipTemplate = TEMPLATE, **values: int | str) -> Chip:
    """The template's own chip with some axes changed."""
    space = template.space
    found = template.chip(space.design({**space.values(template.nominal), **values}))
    assert isinstance(found, Chip)
    return found


def cost(one: Chip, nets: tuple[Workload, ...] = BOTH, mode: ChipMode = "corrected", **goal: object) -> ChipCost:
    (found,) = evaluated([(one, nets)], Goal(**goal), ChipCosts(mode))  # type: ignore[arg-type]
    assert isinstance(found, ChipCost), found
    return found


class Counting:
    """Costs that count the pairs asked for."""

    mode: ChipMode = "corrected"

    def __init__(self) -> None:
        self.asked: list[tuple[object, bytes]] = []
        self._costs = ChipCosts()
        self._simulated = self._costs._simulated
        self._costs._simulated = self._counted  # type: ignore[method-assign]

    def _counted(self, pairs: Sequence[Pair]) -> list[Outcome]:
        self.asked += [
            (layer.shape_key, part.canonical()["dataflow"].encode() + part.arch.key) for layer, part in pairs
        ]
        return self._simulated(pairs)

    def outcomes(self, pairs: Sequence[Pair]) -> list[Outcome]:
        return self._costs.outcomes(pairs)


@pytest.mark.parametrize("mode", ["corrected", "compatible"])
def test_a_layer_on_a_sub_accelerator_costs_what_the_simulator_says_of_its_architecture(mode: ChipMode):
    one = chip(dataflow_3="rs", pes_3=48, pes_2=80)
    (table,) = tables([(one, BOTH)], ChipCosts(mode))
    assert [run.name for run in table.runs] == ["a", "b#1", "b#2", "c", "d", "a", "wide", "out"]
    assert table.network == (0, 0, 0, 0, 0, 1, 1, 1)
    for run, row in zip(table.runs, table.outcomes, strict=True):
        for part, outcome in zip(one.parts, row, strict=True):
            simulator = DataflowSimulator(DataflowSettings(dataflow=part.dataflow, mode=mode))
            ((group, at),) = simulator.costed(run.layer, [part.arch])
            assert repr(outcome) == repr(group.outcome(at))


@settings(max_examples=25)
@given(st.data(), st.sampled_from(["energy", "latency", "edp"]))
def test_what_a_design_comes_to_is_a_valid_schedule_and_its_sums(data: st.DataObject, aim: str):
    design = tuple(data.draw(st.integers(0, size - 1)) for size in TEMPLATE.space.shape)
    (found,) = evaluated_designs(TEMPLATE, [(design, BOTH)], Goal(aim), ChipCosts())  # type: ignore[arg-type]
    if isinstance(found, Infeasible):
        assert found.levers
        return
    schedule, jobs = found.solution.schedule, found.table.jobs
    assert_valid(jobs, schedule)
    assert found.metrics.latency_cycles == schedule.makespan >= max(found.busy_cycles)
    assert sum(found.energies_pj) == pytest.approx(found.metrics.energy_pj) == pytest.approx(schedule.energy)
    assert sum(found.areas_um2) == found.metrics.area_um2
    for part, area in zip(found.table.chip.parts, found.areas_um2, strict=True):
        assert area >= area_um2(part, "corrected") > part.arch.area_um2
    again = cost(found.table.chip, aim=aim, limit=10 * schedule.makespan)
    assert again.metrics.area_um2 == found.metrics.area_um2


@pytest.mark.parametrize("mode", ["corrected", "compatible"])
def test_on_one_sub_accelerator_networks_run_one_after_the_other(mode: ChipMode):
    one = chip(pes_1=256, pes_2=0, noc_1=16)
    (part,) = one.parts
    simulator = DataflowSimulator(DataflowSettings(dataflow=part.dataflow, mode=mode))
    parts: list[tuple[Metrics, int]] = []
    for layer, count in (*FIRST.compute_layers(), *SECOND.compute_layers()):
        ((group, at),) = simulator.costed(layer, [part.arch])
        outcome = group.outcome(at)
        assert isinstance(outcome, Metrics)
        parts.append((outcome, count))
    found, alone = cost(one, mode=mode).metrics, total(parts)
    assert found.latency_cycles == alone.latency_cycles
    assert found.energy_pj == pytest.approx(alone.energy_pj)
    assert found.area_um2 == pytest.approx(alone.area_um2)


def test_every_different_pair_is_simulated_once_and_who_shares_the_call_never_matters():
    goal = Goal("edp")
    requests = [(chip(pes_1=pes), nets) for pes in (128, 64) for nets in (BOTH, (SECOND, SECOND), (FIRST,))]
    counting = Counting()
    together = evaluated(requests, goal, counting)
    assert len(counting.asked) == len(set(counting.asked))
    before = len(counting.asked)
    assert evaluated(requests[::-1], goal, counting)[::-1] == together
    assert len(counting.asked) == before
    for request, outcome in zip(requests, together, strict=True):
        assert evaluated([request], goal, ChipCosts()) == [outcome]


def test_time_allowed_never_makes_energy_dearer_and_too_little_is_told():
    one = chip(pes_1=96, pes_2=96, pes_3=64)
    fast, frugal = cost(one, aim="latency"), cost(one, aim="energy")
    assert fast.metrics.latency_cycles <= frugal.metrics.latency_cycles
    assert fast.metrics.energy_pj >= frugal.metrics.energy_pj
    energies = [
        cost(one, aim="energy", limit=fast.metrics.latency_cycles * factor).metrics.energy_pj
        for factor in (1.0, 1.2, 1.6, 3.0)
    ]
    assert energies == sorted(energies, reverse=True)
    late = cost(one, aim="energy", limit=fast.metrics.latency_cycles / 2)
    assert (late.solution.met, late.solution.proven, late.solution.bound) == (False, True, inf)
    assert late.metrics.latency_cycles == fast.metrics.latency_cycles


def test_a_layer_that_fits_nowhere_is_named_with_what_would_help():
    space = TEMPLATE.space
    small = space.design({**space.values(TEMPLATE.nominal), "l2_bits": 65536})
    layers = [Layer.conv("little", 8, 8, 1, in_size=64), Layer.conv("much", 8, 8, 24, in_size=64)]
    huge = Workload.chain("huge", layers)
    (found,) = evaluated_designs(TEMPLATE, [(small, (FIRST, huge))], Goal(), ChipCosts())
    assert isinstance(found, Infeasible)
    assert found.reason.startswith("layer much of huge fits no sub-accelerator; ")
    assert found.demand > found.bound
    name, field = found.resource.split(".")
    assert name in TEMPLATE.file.sub_accelerators
    assert {"dataflow_1", "dataflow_4"} <= set(found.levers)
    assert ("l2_bits" in found.levers) == (field == "l2_bits")


def test_dataflows_and_sizes_that_there_are_not_are_one_line():
    content = TEMPLATE.content()
    content["dataflows"]["dla"] = {"dataflow": "kpp", "sizes": {}}
    with pytest.raises(UserError, match="no dataflow named 'kpp'"):
        cost(chip(ChipTemplate.from_content(content)))
    content["dataflows"]["dla"] = {"dataflow": "kcp", "sizes": {"Lane": 8}}
    with pytest.raises(UserError, match=r"Dataflow 'dla' of sub-accelerator 'first': .* named 'Lane'"):
        cost(chip(ChipTemplate.from_content(content)))
    with pytest.raises(UserError, match="mode of costing a chip named 'lagacy'"):
        ChipCosts("lagacy")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="one network or more"):
        evaluated([(chip(), ())], Goal(), ChipCosts())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.workload} {row.flow}")
def test_areas_of_the_published_chips_are_within_two_percent(row: Row):
    found = cost(published(row), networks(row), "legacy", limit=1e6)
    assert found.metrics.area_um2 == pytest.approx(row.area_um2, rel=0.02)
    assert found.metrics.area_um2 == sum(area_um2(part, "legacy") for part in published(row).parts)


def test_the_legacy_mode_counts_as_the_public_tool_does_with_boundless_buffers():
    part = published(ROWS[0]).parts[0]
    layer = Layer.conv("wide", 64, 256, 3, in_size=32, padding=1)
    (outcome,) = ChipCosts("legacy").outcomes([(layer, part)])
    assert isinstance(outcome, Metrics)
    mapping = load("kcp").on(data_layer(layer), part.arch.dataflow)
    counts = compatible.counts(build(batch_of([(data_layer(layer), mapping, part.pes)])))
    assert outcome.energy_pj == 904 * counts.energy[0]
    assert outcome.area_um2 == legacy.area_um2(2112, 48)
    (narrow,) = ChipCosts("legacy").outcomes([(layer, chip(dataflow_1="dla", pes_1=8, pes_2=0).parts[0])])
    assert isinstance(narrow, Metrics)
    tight = chip(load_chip("nasaic"), pes_1=32, pes_2=0).parts[0]
    (unfit,) = ChipCosts("legacy").outcomes([(layer, tight)])
    assert isinstance(unfit, Infeasible)
    assert (unfit.resource, unfit.demand, unfit.bound) == ("array", 64, 32)


@pytest.mark.parametrize("mode", CHIP_MODES)
def test_the_lab_is_asked_first_and_keeps_what_it_did_not_know(mode: ChipMode, tmp_path: Path):
    requests, goal = [(chip(), BOTH), (chip(pes_2=64), BOTH)], Goal("edp")
    plain = evaluated(requests, goal, ChipCosts(mode))
    with Lab.open(tmp_path / "lab.db") as lab:
        first = KnownCosts(ChipCosts(mode), lookup(lab))
        assert evaluated(requests[:1], goal, first) == plain[:1]
        contexts, fresh = first.taken()
        assert len(fresh) == len({(each.context, each.arch) for each in fresh}) > 0
        assert first.taken() == ((), ())
        lab.keep(context_rows(contexts), evaluation_rows(fresh))
        second = KnownCosts(ChipCosts(mode), lookup(lab))
        assert evaluated(requests, goal, second) == plain
        _, new = second.taken()
        assert {part.arch.key for part in requests[1][0].parts[1:]} == {each.arch for each in new}


def test_the_chips_schedule_lets_networks_run_at_the_same_time():
    found = cost(chip(pes_1=128, pes_2=128, dataflow_2="dla"), (SECOND, SECOND), aim="latency")
    jobs = found.table.jobs
    assert found.metrics.latency_cycles < np.min(jobs.cycles, axis=1).sum()
    assert len(set(found.solution.schedule.machine)) == 2
