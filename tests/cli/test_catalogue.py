"""Owns the promise that what can be chosen is listed, for people and for programs alike."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest

from models.datasets import DATASETS
from tests.cli.conftest import Dse
from workbench.problem.chip import bundled_chips
from workbench.problem.family import bundled_families, load_family
from workbench.problem.template import bundled_archs, load_template
from workbench.problem.workload import bundled_workloads, load_workload
from workbench.searches import SEARCHES
from workbench.simulators import SIMULATORS

TABLES = {
    "archs": sorted(bundled_archs()),
    "workloads": sorted(bundled_workloads()),
    "families": sorted(bundled_families()),
    "datasets": sorted(DATASETS),
    "chips": bundled_chips(),
    "searches": sorted(SEARCHES),
    "simulators": sorted(SIMULATORS),
}


@pytest.mark.parametrize("command", TABLES)
def test_every_form_lists_the_same_names(command: str, dse: Dse):
    names = [row["name"] for row in json.loads(dse(command, "--json").stdout)]
    assert sorted(names) == TABLES[command]
    assert [row["name"] for row in csv.DictReader(StringIO(dse(command, "--csv").stdout))] == names
    table = dse(command).stdout.splitlines()
    assert [line.split()[0] for line in table[2:] if line[0] != " "] == names


@pytest.mark.parametrize("command", TABLES)
def test_each_name_opens_in_every_form(command: str, dse: Dse):
    for name in TABLES[command][:2]:
        detail = json.loads(dse(command, name, "--json").stdout)
        assert detail["name"] == name
        header, *rows = csv.reader(StringIO(dse(command, name, "--csv").stdout))
        assert all(len(row) == len(header) for row in rows)
        shown = dse(command, name)
        assert name in shown.stdout
        assert shown.stderr == ""


def test_an_architecture_names_its_memories_axes_and_spatial_mappings(dse: Dse):
    template = load_template("eyeriss_like")
    shown = dse("archs", "eyeriss_like").stdout
    for memory in template.nominal().memories:
        assert memory.name in shown
    for axis in template.space.axes:
        assert axis.name in shown
    for mapping in template.file.spatial_mappings:
        assert mapping in shown
    assert f"{template.space.size:.2e}".replace("e+0", "e") in shown


def test_a_workload_counts_its_macs_and_weights(dse: Dse):
    row = next(row for row in json.loads(dse("workloads", "--json").stdout) if row["name"] == "alexnet")
    workload = load_workload("alexnet")
    assert (row["macs"], row["weights"]) == (workload.macs, workload.weights)


def test_a_family_tells_its_axes_its_size_and_its_smallest_and_largest_member(dse: Dse):
    family = load_family("unet_digits")
    told = json.loads(dse("families", "unet_digits", "--json").stdout)
    assert told["designs"] == family.space.size == 192
    assert [axis["axis"] for axis in told["axes"]] == [axis.name for axis in family.space.axes]
    for row, values in zip(told["members"], (family.smallest(), family.nominal(), family.largest()), strict=True):
        blueprint = family.blueprint(values)
        assert (row["design"], row["macs"], row["parameters"]) == (values, blueprint.macs, blueprint.parameters)
    shown = dse("families", "unet_digits").stdout
    for word in (*(axis.name for axis in family.space.axes), "1,780,736", "118,322", "192 designs for segmentation"):
        assert word in shown


def test_a_data_set_says_what_its_path_must_hold(dse: Dse):
    assert "data_batch_1.bin" in dse("datasets", "cifar10").stdout
    assert "comes with the workbench" in dse("datasets", "digits").stdout


def test_a_file_is_shown_as_a_bundled_one_is(dse: Dse, tmp_path: Path):
    from workbench.problem.datafiles import data_dir

    path = tmp_path / "mine.yaml"
    path.write_text((data_dir() / "archs" / "tpu_like.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert dse("archs", path).stdout == dse("archs", "tpu_like").stdout


def test_a_setting_shows_default_bounds_and_help(dse: Dse):
    rows = {row["name"]: row for row in json.loads(dse("searches", "anneal", "--json").stdout)["settings"]}
    field = SEARCHES["anneal"].Settings.model_fields["temperature"]
    assert rows["temperature"]["default"] == field.default
    assert rows["temperature"]["allowed"] == "number > 0"
    assert rows["temperature"]["help"] == field.description


def test_a_pipe_that_closes_early_is_no_error(tmp_path: Path):
    import subprocess

    from tests.cli.conftest import SCRIPT, environment

    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {SCRIPT} workloads resnet50 --json | (exec 0<&-; true)"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
