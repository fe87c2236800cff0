"""The parts of the loop-nest engine: factors, orders, unrollings, the printed nest, the simulator."""

from __future__ import annotations

from itertools import permutations
from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.small import archs, layers
from workbench.problem.arch import Arch
from workbench.problem.layer import LOOP_DIMS, Layer
from workbench.problem.metrics import Infeasible, Metrics
from workbench.problem.task import Task
from workbench.problem.template import load_template
from workbench.problem.workload import Workload, load_workload
from workbench.simulators.loopnest import LoopNest, LoopNestSettings
from workbench.simulators.loopnest.nest import render
from workbench.simulators.loopnest.orders import SLIDING, all_orders, prime_factors, temporal_loops
from workbench.simulators.loopnest.spatial import candidates

SIZES = st.dictionaries(st.sampled_from(["K", "C", "OY", "OX", "FY", "FX"]), st.integers(1, 200))


@given(st.integers(1, 10_000))
def test_prime_factors_multiply_to_the_number(number: int) -> None:
    factors = prime_factors(number)
    assert prod(factors) == number
    assert factors == sorted(factors)
    assert all(all(f % d for d in range(2, f)) for f in factors)


@given(SIZES, st.integers(1, 8))
def test_temporal_loops_cover_every_dimension_within_the_limit(sizes: dict[str, int], limit: int) -> None:
    loops = temporal_loops(sizes, limit)
    for dim, size in sizes.items():
        assert prod(f for d, f in loops if d == dim) == size
    assert len(loops) <= max(limit, sum(size > 1 for size in sizes.values()))


def test_orders_are_all_the_different_permutations() -> None:
    loops = (("K", 2), ("K", 2), ("C", 3), ("OX", 5))
    orders = all_orders(loops, SLIDING)
    found = {tuple(orders.loops[kind] for kind in row) for row in orders.order}
    assert found == set(permutations(loops))
    assert len(orders.order) == len(found) == 12
    for row, subsets in zip(orders.order, orders.subset, strict=True):
        steps = np.cumprod([1, *(orders.loops[kind][1] for kind in row)])
        assert list(orders.steps[subsets]) == list(steps)


@given(archs(), layers())
def test_unrolling_and_time_cover_the_layer(arch: Arch, layer: Layer) -> None:
    for spatial in candidates(arch, layer):
        remaining = dict(spatial.remaining)
        for loop in LOOP_DIMS:
            units = prod(n for _, loops in spatial.mean for name, n in loops if name == loop)
            assert units * remaining.get(loop, 1) == pytest.approx(layer.size(loop))
        for dim, used in spatial.asked:
            assert used <= arch.array_size[dim]


def task(layer: Layer | None = None, arch: str = "tpu_like") -> Task:
    workload = load_workload("alexnet").single("conv3") if layer is None else Workload.chain("one", [layer])
    return Task(load_template(arch), workload)


def test_a_workload_costs_what_its_layers_cost_together() -> None:
    template, alexnet = load_template("tpu_like"), load_workload("alexnet")
    simulator = LoopNest(LoopNestSettings(factors=4))
    designs = template.space.sample(3, np.random.default_rng(0))
    whole = simulator.evaluate(Task(template, alexnet), designs)
    for design, outcome in zip(designs, whole, strict=True):
        parts = [
            (simulator.evaluate(Task(template, Workload.chain("one", [layer])), [design])[0], count)
            for layer, count in alexnet.compute_layers()
        ]
        built = [(m, n) for m, n in parts if isinstance(m, Metrics)]
        assert isinstance(outcome, Metrics) == (len(built) == len(parts))
        if isinstance(outcome, Metrics):
            assert outcome.energy_pj == pytest.approx(sum(m.energy_pj * n for m, n in built))
            assert outcome.latency_cycles == sum(m.latency_cycles * n for m, n in built)


def test_an_infeasible_design_names_the_axes_that_would_help() -> None:
    template = load_template("tpu_like")
    content = template.content()
    for memory in content["memories"]:
        if memory["kind"] == "sram":
            memory["size_bits"] = 64
            small = memory["name"]
    content["axes"] = {
        "buffer_bits": {"sets": f"memories.{small}.size_bits", "choices": [64, 128]},
        "rows": {"sets": "array.D1", "choices": [16, 32]},
    }
    broken = Task(type(template).from_content(content), load_workload("alexnet").single("conv3"))
    outcome = LoopNest(LoopNestSettings()).evaluate(broken, [(0, 0)])[0]
    assert isinstance(outcome, Infeasible)
    assert outcome.levers == ("buffer_bits", "rows")
    assert outcome.demand > outcome.bound == 64


def test_the_printed_nest_names_every_loop_and_home() -> None:
    problem = task()
    layer = problem.workload.compute_layers()[0][0]
    outcome = LoopNest(LoopNestSettings()).evaluate(problem, [(0,) * len(problem.space.axes)])[0]
    assert isinstance(outcome, Metrics)
    assert outcome.mapping is not None
    text = render(outcome.mapping, layer)
    lines = text.splitlines()
    loops = sum(len(level.loops) for level in dict(outcome.mapping.temporal)["O"])
    assert sum(line.strip().startswith("for ") for line in lines) == loops
    assert lines[-1].strip().startswith("parallel")
    for _, levels in outcome.mapping.temporal:
        for level in levels:
            assert not level.loops or level.memory in text


def test_more_factors_never_make_the_best_mapping_much_worse() -> None:
    problem = task()
    designs = problem.space.sample(4, np.random.default_rng(1))
    few = LoopNest(LoopNestSettings(factors=4)).evaluate(problem, designs)
    many = LoopNest(LoopNestSettings(factors=7)).evaluate(problem, designs)
    for coarse, fine in zip(few, many, strict=True):
        if isinstance(coarse, Metrics) and isinstance(fine, Metrics):
            assert fine.edp_js <= coarse.edp_js * 1.01


def test_a_single_multiplication_on_a_large_array_is_costed() -> None:
    layer = Layer.gemm("one", rows=1, reduction=1, columns=1)
    outcome = LoopNest(LoopNestSettings()).evaluate(task(layer), [(0,) * 7])[0]
    assert isinstance(outcome, Metrics)
    assert outcome.breakdown is not None
    assert outcome.breakdown.ideal_cycles == ceil(1 / 1024)
