"""An axis that decides everything weighs most, one that decides nothing weighs nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store.database import Lab
from tests.tui.labs import made
from workbench.errors import UserError
from workbench.views.cloud import Cloud
from workbench.views.importance import importance, slices
from workbench.views.stored import StoredRun


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: Any) -> Cloud:
    """A run whose latency is replaced by what two of its axes alone decide, one of them nine times as much."""
    with Lab.open(made(tmp_path / "lab.db", monkeypatch, designs=160)) as lab:
        found = Cloud.read(lab, 1, StoredRun.read(lab, 1).task)
    codes = found.points.codes.astype(float)
    latency = np.exp(3 * codes[:, 0] / codes[:, 0].std() + codes[:, 3] / codes[:, 3].std())
    return replace(found, points=replace(found.points, latency_cycles=latency))


def test_weights_tell_what_decides(cloud: Cloud) -> None:
    found = importance(cloud, "latency_cycles")
    assert [weight.axis for weight in found.weights[:2]] == ["d1", "buffer_width"]
    assert found.explained > 0.8
    assert found.weights[0].share > 0.5 > 4 * found.weights[1].share
    assert all(weight.share < 0.03 for weight in found.weights[2:])
    assert importance(cloud, "latency_cycles") == found


def test_slices_are_the_points_with_a_choice(cloud: Cloud) -> None:
    cut = slices(cloud, "mapping", "latency_cycles")
    assert [each.choice for each in cut] == ["kc", "ck"]
    assert sum(each.designs for each in cut) == len(cloud.points)
    assert min(each.least for each in cut if each.least is not None) == cloud.points.latency_cycles.min()
    with pytest.raises(UserError, match="no axis named 'mappin'"):
        slices(cloud, "mappin", "latency_cycles")


def test_too_few_designs_tell_nothing(cloud: Cloud) -> None:
    none = np.full(len(cloud.points), np.nan)
    with pytest.raises(UserError, match="has 0 designs with energy_pj"):
        importance(replace(cloud, points=replace(cloud.points, energy_pj=none)), "energy_pj")
