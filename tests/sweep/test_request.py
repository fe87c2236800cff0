"""Owns what a sweep is asked for by a file and flags; what is wrong is one line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.sweep.plan import L1, NOC, PES
from workbench.sweep.request import request_of

ASKED = {"workload": "vgg16", "layers": ["conv2_1"]}


def test_the_study_of_480_million_designs():
    given = {**ASKED, "pes": "8:2056:8", "bandwidth": "1:512", "l1": "16:1024:16", "l2": "8192:466944:8192"}
    plan = request_of(None, given).plan()
    assert plan.shape == (257, 512, 64, 57)
    assert plan.covered == 257 * 512 * 64 * 57 == sum(plan.size(block) for block in plan.blocks)


def test_flags_go_before_the_file(tmp_path: Path):
    file = tmp_path / "sweep.yaml"
    file.write_text(
        "{workload: alexnet, pes: [16, 32], bandwidth: 4, l1: '64:256:x2', tiles: {TileK: '1,2'}, keep: all}"
    )
    plan = request_of(file, {"workload": "vgg16", "layers": ["conv2_1", "conv2_2"], "pes": None, "l1": "32"}).plan()
    assert plan.task.workload.name == "vgg16/conv2_1+conv2_2"
    assert plan.settings.keep == "all"
    assert plan.task.space.axes[0].name == "tile_k"
    assert plan.choices(PES).tolist() == [16, 32]
    assert plan.choices(L1).tolist() == [256]
    assert plan.choices(NOC).tolist() == [32]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"workload": None, "layers": []}, "--workload"),
        ({"layers": ["nope"]}, "nope"),
        ({"pes": "9:1"}, "--pes: '9:1' ends before it begins"),
        ({"tiles": {"Tile": "1"}}, "no free size of dataflow 'kcp' named 'Tile'"),
        ({"keep": "best:0"}, "--keep is front, all or best:N"),
        ({"keep": "some"}, "--keep"),
        ({"arch": "tpu_like"}, "cannot be swept"),
        ({"dataflow": "none"}, "no dataflow named 'none'"),
        ({"area_mm2": 0}, "area_mm2"),
        ({"mode": "other"}, "mode"),
    ],
)
def test_what_is_wrong_is_named(wrong, says: str):
    with pytest.raises(UserError) as told:
        request_of(None, {**ASKED, **wrong}).plan()
    assert says in str(told.value)
    assert "\n" not in str(told.value)
