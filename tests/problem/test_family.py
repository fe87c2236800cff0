"""Families of networks: the bundled ones are whole, values make one network each, and a faulty file is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.blueprint import Images
from workbench.problem.datafiles import data_dir
from workbench.problem.family import Family, FamilyFile, bundled_families, load_family
from workbench.problem.workload import load_workload, to_yaml
from workbench.problem.yamlfile import build_model

MINE = """
name: mine
images: {channels: 1, size: 16, classes: 3}
network:
  builder: unet
  height: 2
  levels: [{filters: 4}, {filters: 4}]
axes:
  height: {sets: height, choices: [1, 2]}
  filters: {sets: [levels.1.filters, levels.2.filters], choices: [4, 8]}
"""


@pytest.mark.parametrize("name", bundled_families())
def test_a_bundled_family_names_itself_and_its_members_grow_along_its_axes(name: str):
    family = load_family(name)
    assert family.name == name
    assert family.file.description
    small, own, large = (family.blueprint(v) for v in (family.smallest(), family.nominal(), family.largest()))
    assert small.macs < own.macs < large.macs
    assert small.parameters < own.parameters < large.parameters
    assert own == family.file.network.blueprint(family.images)
    for axis in family.space.axes:
        sizes = [family.blueprint({**family.largest(), axis.name: choice}).parameters for choice in axis.choices]
        assert sizes == sorted(sizes)
        assert len(set(sizes)) == len(sizes)


def test_the_families_of_the_paper_have_the_choices_that_are_recalled():
    resnet9, deep, unet = (
        {axis.name: axis.choices for axis in load_family(name).space.axes}
        for name in ("resnet9", "resnet_deep", "unet")
    )
    assert resnet9["stem_filters"] == (8, 16, 32, 64)
    assert [resnet9[f"block{n}_filters"] for n in (1, 2, 3)] == [(32, 64, 128, 256)] * 3
    assert [resnet9[f"block{n}_skips"] for n in (1, 2, 3)] == [(0, 1, 2)] * 3
    assert [deep[f"block{n}_filters"][-1] for n in range(1, 6)] == [512] * 5
    assert unet["height"] == (1, 2, 3, 4, 5)


@given(rank=st.integers(0, load_family("unet_digits").space.size - 1))
def test_designs_are_one_network_exactly_where_their_canonical_values_are_equal(rank: int):
    family = load_family("unet_digits")
    values = family.space.values(family.space.unrank(rank))
    canonical = family.canonical(values)
    assert family.canonical(canonical) == canonical
    assert family.blueprint(canonical) == family.blueprint(values)
    for axis in family.space.axes:
        other = {**values, axis.name: axis.choices[-1]}
        same = family.blueprint(other) == family.blueprint(values)
        assert same == (family.canonical(other) == canonical) == (family.design(other) == family.design(values))


def test_a_family_is_what_it_says_whatever_it_says_of_itself():
    content = load_family("unet_digits").content()
    key = load_family("unet_digits").key
    reworded = {
        **content,
        "description": "other words",
        "source": "elsewhere",
        "images": {**content["images"], "size": 16},
    }
    assert Family(build_model(reworded, FamilyFile, "x")).key == key
    assert Family(build_model({**content, "name": "other"}, FamilyFile, "x")).key != key
    fewer = {**content, "axes": {"height": content["axes"]["height"]}}
    assert Family(build_model(fewer, FamilyFile, "x")).key != key


def test_a_member_is_a_workload_that_can_be_written_and_read_again(tmp_path: Path):
    family = load_family("unet")
    workload = family.workload(family.largest(), Images(3, (50, 41), 4))
    assert workload.name == "unet-5-16-32-64-128-256"
    path = tmp_path / "net.yaml"
    path.write_text(to_yaml(workload))
    assert load_workload(path).canonical() == workload.canonical()


def test_a_users_own_file_is_a_family_and_an_axis_may_set_several_numbers(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    family = load_family(str(path))
    assert family.nominal() == {"height": 2, "filters": 4}
    assert [op.channels for op in family.blueprint({"height": 2, "filters": 8}).ops if op.op == "conv"] == [8] * 6 + [3]
    assert family.canonical({"height": 1, "filters": 8}) == {"height": 1, "filters": 8}, "level 1 still has them"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("builder: unet", "builder: vit", r"network.*'vit'"),
        ("height: 2\n", "height: 2\n  heigt: 3\n", "unknown key 'network.heigt'. Did you mean 'height'"),
        ("levels: [{filters: 4},", "levels: [{filters: 0},", r"network.levels\[0\].filters: .* got 0"),
        ("sets: height", "sets: heigth", "no number named 'heigth'. Did you mean 'height'"),
        ("sets: height", "sets: levels.3.filters", "no number named 'levels.3.filters'"),
        ("choices: [1, 2]", "choices: [1, 3]", "which is 2 in the file: that must be one of its choices"),
        ("choices: [1, 2]", "choices: [0, 2]", "axes.height: 0 cannot be"),
        ("choices: [1, 2]", "choices: [2, tall]", "choices must be whole numbers, got 'tall'"),
        ("choices: [1, 2]", "choices: [2, 1]", "must list ascending numbers"),
        ("sets: height", "sets: levels.1.filters", "axes.filters sets levels.1.filters, but axes.height does already"),
        ("{filters: 4}]", "{filters: 8}]", "must be one in the file, got levels.1.filters 4, levels.2.filters 8"),
        ("classes: 3", "classes: 1", "images.classes: .* got 1"),
        ("name: mine", "name: ''", "name"),
    ],
)
def test_a_fault_in_a_file_is_one_line_that_names_it(tmp_path: Path, old: str, new: str, says: str):
    path = tmp_path / "mine.yaml"
    assert old in MINE
    text = MINE.replace(old, new)
    path.write_text(text.replace("choices: [1, 2]", "choices: [2, 4]") if "already" in says else text)
    with pytest.raises(UserError, match=says) as caught:
        load_family(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_what_there_is_not_is_told(tmp_path: Path):
    with pytest.raises(UserError, match=r"no family named 'resnet'. Did you mean 'resnet9'"):
        load_family("resnet")
    with pytest.raises(UserError, match="there is no such file"):
        load_family(str(tmp_path / "none.yaml"))
    family = load_family("resnet9")
    with pytest.raises(UserError, match="no choice 9; choices"):
        family.blueprint({**family.nominal(), "stem_filters": 9})
    with pytest.raises(UserError, match="no axis named 'stem'"):
        family.canonical({**family.nominal(), "stem": 9})


def test_images_that_are_too_small_are_told_with_the_network():
    family = load_family("resnet_deep")
    with pytest.raises(UserError, match=r"'resnet_deep' \(stem_filters 8.*1 x 8 x 8, 10 classes: 'block4_pool' takes"):
        family.blueprint(family.smallest(), Images(1, (8, 8), 10))


def test_every_file_of_the_folder_is_listed():
    names = sorted(path.stem for path in (data_dir() / "families").iterdir())
    assert list(bundled_families()) == names
    assert all(yaml.safe_load((data_dir() / "families" / f"{n}.yaml").read_text())["name"] == n for n in names)
