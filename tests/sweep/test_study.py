"""Owns what a sweep says: the same as evaluating every design by itself, pruned or not, in whatever blocks."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from tests.sweep.small import every_valid, plan, single, swept
from workbench.pareto import Front, non_dominated
from workbench.problem.metrics import Infeasible
from workbench.sweep import plan as plans
from workbench.sweep.corrected import CorrectedBlock
from workbench.sweep.screen import Screen

BOTH = ("compatible", "corrected")


@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize(("dataflow", "layers"), [("kcp", 1), ("yrp", 3)])
def test_counts_and_front_equal_brute_force(mode: str, dataflow: str, layers: int):
    sweep = plan(mode, dataflow, layers=layers)
    study, counts = swept(sweep)
    valid = every_valid(sweep)
    best = np.array(list(valid))[non_dominated(list(valid.values()))]
    assert counts.covered == sweep.covered == 750
    assert 0 < counts.valid == len(valid) < counts.covered
    assert 0 < counts.evaluated < counts.valid
    assert sorted(study.front.ids) == sorted(best)
    for rank, point in zip(study.front.ids.tolist(), study.front.points, strict=True):
        assert point == pytest.approx(valid[rank], rel=1e-12)


@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize("limits", [{}, {"area_mm2": None, "power_mw": None}, {"area_mm2": 0.3}, {"power_mw": 1.0}])
def test_pruning_changes_neither_counts_nor_front(mode: str, limits):
    pruned, counts = swept(plan(mode, layers=2, limits=limits))
    whole, every = swept(plan(mode, layers=2, limits={**limits, "prune": False}))
    assert counts[:2] == every[:2]
    assert every.evaluated == every.valid
    assert sorted(pruned.front.ids) == sorted(whole.front.ids)
    assert np.array_equal(np.sort(pruned.front.points, axis=0), np.sort(whole.front.points, axis=0))


@pytest.mark.parametrize("mode", BOTH)
def test_designs_with_tiles_and_vector_widths_equal_single_evaluations(mode: str):
    sweep = plan(mode, tiles=True, layers=2, limits={"prune": False})
    kept: dict[int, np.ndarray] = {}
    study, counts = swept(sweep)
    study.keep = lambda ranks, values: kept.update(zip(ranks.tolist(), values, strict=True))
    for block in sweep.blocks:
        study.block(block)
    assert counts.valid == len(kept)
    rng = random.Random(5)
    for rank in rng.sample(range(sweep.covered), 60) + rng.sample(sorted(kept), min(40, len(kept))):
        found = single(sweep, sweep.task.space.unrank(rank))
        assert (found is not None) == (rank in kept)
        if found is not None:
            assert kept[rank] == pytest.approx(found, rel=1e-12)


def test_the_cut_into_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    study, counts = swept(plan(tiles=True))
    monkeypatch.setattr(plans, "PES_AT_ONCE", 2)
    monkeypatch.setattr(plans, "WIDTHS_AT_ONCE", 3)
    sweep = plan(tiles=True)
    others, again = swept(sweep)
    assert sweep.count == 4 * 6 * 2
    assert again == counts
    assert np.array_equal(np.sort(others.front.ids), np.sort(study.front.ids))
    designs = np.concatenate([np.arange(sweep.size(block)) for block in sweep.blocks])
    assert len(designs) == sweep.covered


def test_a_mapping_that_never_fits_leaves_nothing():
    sweep = plan(ranges={plans.PES: (2, 8)})
    assert isinstance(sweep.simulator.evaluate(sweep.task, [(0, 0, 0, 0)])[0], Infeasible)
    study, counts = swept(sweep)
    assert counts == (sweep.covered, 0, 0)
    assert len(study.front) == 0


@pytest.mark.parametrize("falling", [False, True])
def test_where_a_larger_buffer_costs_less_nothing_is_pruned(falling: bool, monkeypatch: pytest.MonkeyPatch):
    """No technology of the workbench has such a law; an architecture might come with one."""
    made = CorrectedBlock.cells

    def cells(self: CorrectedBlock, number: int):
        found = made(self, number)
        return found and replace(found, l1_energy=found.l1_energy[:: -1 if falling else 1])

    monkeypatch.setattr(CorrectedBlock, "cells", cells)
    study, counts = swept(plan())
    whole, every = swept(plan(limits={"prune": False}))
    assert counts[:2] == every[:2]
    assert (counts.evaluated == every.evaluated) == falling
    assert sorted(study.front.ids) == sorted(whole.front.ids)


@pytest.mark.parametrize("kind", ["uniform", "sphere", "ties"])
def test_the_screen_keeps_the_exact_front(kind: str):
    rng = np.random.default_rng(3)
    points = rng.random((30_000, 3)) + 1e-3
    if kind == "sphere":
        points = 2 - points[:3000] / np.linalg.norm(points[:3000], axis=1)[:, None]
    if kind == "ties":
        points = np.ceil(points * 12) * 1e6
    screen = Screen(Front.empty(3))
    for start in range(0, len(points), 2500):
        some = points[start : start + 2500]
        found = screen.open(*some.T)
        screen.add(some[found], found + start)
    assert np.array_equal(np.sort(screen.front().ids), np.flatnonzero(non_dominated(points)))
