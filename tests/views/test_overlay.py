"""Runs laid over each other share one joint front, and what each alone contributes is really nobody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store.database import Lab
from tests.tui.labs import made
from workbench.errors import UserError
from workbench.pareto import non_dominated
from workbench.views.overlay import overlay


def test_shares_and_contributions_follow_from_the_fronts(tmp_path: Path, monkeypatch: Any) -> None:
    with Lab.open(made(tmp_path / "lab.db", monkeypatch, runs=3, designs=40)) as lab:
        found = overlay(lab, [1, 2, 3])
        assert found.same_task
        joint = np.unique(np.concatenate([side.front for side in found.sides]), axis=0)
        joint = joint[non_dominated(joint)]
        owners = [[(side.front == member).all(axis=1).any() for side in found.sides] for member in joint]
        for i, side in enumerate(found.sides):
            assert side.joint == sum(row[i] for row in owners)
            assert side.alone == sum(row[i] and sum(row) == 1 for row in owners)
            assert 0 <= side.share <= 1 + 1e-12
            assert side.designs[-1] == side.run.row.points
            assert side.volumes[-1] == side.run.row.hypervolume
        twin = overlay(lab, [1, 2])
        assert twin.sides[0].alone <= twin.sides[0].joint
        wrong: list[list[int | str]] = [[1], [1, "1"], [1] * 7]
        for refs in wrong:
            with pytest.raises(UserError, match="2 to 6 different runs"):
                overlay(lab, refs)


def test_a_run_beside_worse_ones_is_all_there_is(tmp_path: Path, monkeypatch: Any) -> None:
    with Lab.open(made(tmp_path / "lab.db", monkeypatch, runs=2, designs=8)) as lab:
        sides = overlay(lab, [2, 1]).sides
        assert max(side.share for side in sides) > 0
        if sides[0].joint and not sides[1].joint:
            assert sides[0].share == pytest.approx(1.0)
