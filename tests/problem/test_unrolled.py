"""Laws of networks written out as runs: each layer as often as it repeats, behind all that it reads from."""

from __future__ import annotations

from collections import Counter

import pytest

from workbench.problem.graph import Node, WorkloadLayer
from workbench.problem.layer import Layer
from workbench.problem.unrolled import unrolled
from workbench.problem.workload import Workload, bundled_workloads, load_workload


def waits(workload: Workload) -> dict[str, set[str]]:
    """What each run waits for, by name."""
    runs = unrolled(workload)
    return {run.name: {runs[i].name for i in run.after} for run in runs}


@pytest.mark.parametrize("name", bundled_workloads())
def test_each_layer_runs_as_often_as_it_repeats_and_behind_its_producers(name: str):
    workload = load_workload(name)
    runs = unrolled(workload)
    assert Counter(run.layer for run in runs) == Counter({item.layer: item.repeat for item in workload.layers})
    assert len({run.name for run in runs}) == len(runs)
    assert sum(run.layer.macs for run in runs) == workload.macs
    earlier: list[set[int]] = []
    for number, run in enumerate(runs):
        assert all(i < number for i in run.after)
        passed = set().union(*(earlier[i] for i in run.after))
        assert not passed & set(run.after)
        earlier.append(passed | set(run.after))
    by_name = {run.name: number for number, run in enumerate(runs)}
    for item in workload.layers:
        for producer in item.after:
            if item.repeat == 1 and producer in by_name:
                assert by_name[producer] in earlier[by_name[item.name]]


def test_branches_wait_for_what_they_read_alone():
    found = waits(load_workload("resnet18"))
    assert found["layer2_1_conv1"] == found["layer2_1_down"] == {"layer1_2_conv2"}
    assert found["layer2_2_conv1"] == {"layer2_1_conv2", "layer2_1_down"}
    assert waits(load_workload("unet"))["dec4_conv1"] == {"dec4_up"}


def test_a_repeated_block_runs_whole_before_it_runs_again():
    found = waits(load_workload("bert_base"))
    assert found["query#1"] == set()
    assert found["score#1"] == {"query#1", "key#1"}
    for name in ("query", "key", "value"):
        assert found[f"{name}#2"] == {"ffn_down#1"}
    assert found["context#12"] == {"score#12", "value#12"}


def test_what_follows_a_repeated_layer_waits_for_its_last_run():
    def layer(name: str, *after: str, repeat: int = 1) -> WorkloadLayer:
        return WorkloadLayer(Layer.conv(name, 4, 4, 3, in_size=8, padding=1), after, repeat)

    shortcut = Node("sum", "add", ("b", "a"))
    workload = Workload("some", (layer("a"), layer("b", "a", repeat=3), shortcut, layer("c", "sum")))
    assert waits(workload) == {"a": set(), "b#1": {"a"}, "b#2": {"b#1"}, "b#3": {"b#2"}, "c": {"b#3"}}
