"""Guided search: believes a source only where physics is seen in it, and finds what the lab points to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.toy import toy_task
from workbench.problem.metrics import Metrics
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import load_workload
from workbench.searches import SEARCHES, search_settings
from workbench.searches.base import Evaluated, Problem, Source
from workbench.searches.guided import Guided, candidates
from workbench.searches.guided.lab import believed
from workbench.simulators.loopnest import LoopNest, LoopNestSettings

SIMULATOR = LoopNest(LoopNestSettings(factors=3))


def source(arch: str, layer: str, n: int = 60, seed: int = 0) -> Source:
    task = Task(load_template(arch), load_workload("alexnet").single(layer))
    given = task.space.axes[-1].choices.index("auto")
    designs = [d for d in task.space.sample(2 * n, np.random.default_rng(seed)) if d[-1] != given][:n]
    outcomes = SIMULATOR.evaluate(task, designs)
    return Source(arch, task, tuple(Evaluated(d, o) for d, o in zip(designs, outcomes, strict=True)))


def with_latencies(of: Source, change) -> Source:
    feasible = [(e.design, e.outcome) for e in of.points if isinstance(e.outcome, Metrics)]
    latencies = change(np.array([m.latency_cycles for _, m in feasible]))
    points = (
        Evaluated(design, replace(metrics, latency_cycles=float(v)))
        for (design, metrics), v in zip(feasible, latencies, strict=True)
    )
    return replace(of, points=tuple(points))


def test_a_source_is_believed_unless_it_is_noise_or_the_contrary_of_the_physics():
    honest = source("tpu_like", "conv3")
    noise = with_latencies(honest, lambda v: np.random.default_rng(1).permutation(v))
    contrary = with_latencies(honest, lambda v: v.max() + v.min() - v)
    assert believed([honest, noise, contrary]) == [honest]


def test_a_source_that_is_not_believed_changes_nothing():
    target = source("edge_tpu_like", "conv3", 4)
    noise = with_latencies(source("tpu_like", "conv3"), lambda v: np.random.default_rng(1).permutation(v))
    asked = []
    for sources in ((), (noise,)):
        search = SEARCHES["guided"](Problem(target.arch_task, sources), search_settings("guided", {}), 7)
        for _ in range(3):
            batch = search.ask(3)
            asked.append(batch)
            outcomes = SIMULATOR.evaluate(target.arch_task, batch)
            search.tell([Evaluated(d, o) for d, o in zip(batch, outcomes, strict=True)])
    assert asked[:3] == asked[3:]


def test_the_first_design_after_the_lab_is_better_than_most_at_random():
    target = source("eyeriss_like", "conv3", 60)
    lab = tuple(
        source(arch, layer) for arch in ("tpu_like", "edge_tpu_like", "ascend_like") for layer in ("conv3", "conv5")
    )
    search = SEARCHES["guided"](
        Problem(replace(target.arch_task, objectives=("edp_js",)), lab), search_settings("guided", {}), 0
    )
    (first,) = SIMULATOR.evaluate(target.arch_task, search.ask(1))
    assert isinstance(first, Metrics)
    others = [e.outcome.edp_js for e in target.points if isinstance(e.outcome, Metrics)]
    assert first.edp_js < np.quantile(others, 0.25)


def test_a_space_larger_than_what_is_looked_at_is_exhausted_all_the_same(monkeypatch):
    monkeypatch.setattr(candidates, "ALL_OF", 0)
    monkeypatch.setattr(candidates, "OUTLOOK", 4)
    task = toy_task({"d1": [1, 2, 4, 8], "buffer_bits": [2**n for n in range(12, 18)]})
    search = SEARCHES["guided"](Problem(task), search_settings("guided", {}), 0)
    asked: list[tuple[int, ...]] = []
    while batch := search.ask(5):
        asked += batch
        search.tell([Evaluated(d, o) for d, o in zip(batch, SIMULATOR.evaluate(task, batch), strict=True)])
    assert sorted(asked) == [task.space.unrank(rank) for rank in range(task.space.size)]


def test_nine_in_ten_designs_lie_within_the_forecast_intervals():
    covered = []
    for arch in ("tpu_like", "eyeriss_like", "edge_tpu_like"):
        points = source(arch, "conv3", 180, seed=3)
        told = points.points[:30]
        others = [(e.design, e.outcome) for e in points.points[30:] if isinstance(e.outcome, Metrics)]
        search = SEARCHES["guided"](Problem(points.task), search_settings("guided", {}), 0)
        assert isinstance(search, Guided)
        search.restore(search.state(), told)
        mean, deviation = search.forecast([design for design, _ in others])
        measured = np.log2([[metrics.latency_cycles, metrics.energy_pj] for _, metrics in others])
        covered.append(np.abs(measured - mean) <= 1.645 * deviation)
    assert 0.85 <= np.mean(np.concatenate(covered)) <= 0.95
