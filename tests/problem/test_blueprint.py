"""A blueprint is consistent or refused; what it counts is what the workload made of it has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.blueprint import Blueprint, Images, Op
from workbench.problem.builders import Block, Level, Resnet, Stem, Unet
from workbench.problem.graph import Node

filters, sides = st.integers(1, 9), st.integers(16, 40)
kernels = st.sampled_from([1, 3, 5])
blocks = st.builds(Block, filters=filters, skips=st.integers(0, 3), pool=st.integers(1, 2), kernel=kernels)
resnets = st.builds(
    Resnet,
    builder=st.just("resnet"),
    stem=st.builds(Stem, filters=filters, kernel=kernels),
    blocks=st.lists(blocks, min_size=1, max_size=4).map(tuple),
)
unets = st.builds(
    Unet,
    builder=st.just("unet"),
    height=st.integers(1, 5),
    levels=st.lists(st.builds(Level, filters=filters), min_size=5, max_size=5).map(tuple),
)
images = st.builds(Images, st.integers(1, 3), st.tuples(sides, sides), st.integers(2, 5))


@given(network=resnets | unets, looked_at=images)
def test_a_workload_has_the_macs_weights_and_shapes_of_its_blueprint(network, looked_at: Images):
    blueprint = network.blueprint(looked_at)
    workload = blueprint.workload("net")
    assert workload.macs == blueprint.macs
    extras = sum(
        2 * blueprint.shapes[op.name].channels
        if op.op == "norm"
        else op.channels
        if op.op == "linear" or op.bias
        else 0
        for op in blueprint.ops
    )
    assert workload.weights == blueprint.parameters - extras
    for item in workload.items:
        assert workload.shapes[item.name] == blueprint.shapes[item.name]
    answer = blueprint.shapes[blueprint.ops[-1].name]
    assert (answer.channels, (answer.y, answer.x)) == (
        looked_at.classes,
        looked_at.size if isinstance(network, Unet) else (1, 1),
    )
    assert blueprint.images == looked_at


@given(network=resnets | unets, looked_at=images)
def test_a_blueprint_comes_back_from_its_plain_content_and_equal_ones_share_a_key(network, looked_at: Images):
    blueprint = network.blueprint(looked_at)
    again = Blueprint.from_plain(json.loads(json.dumps(blueprint.plain())))
    assert again == blueprint
    assert again.key == blueprint.key
    wider = network.blueprint(replace(looked_at, channels=looked_at.channels + 1))
    assert wider.key != blueprint.key


def test_the_edges_of_a_workload_lead_around_what_is_folded():
    network = Resnet(builder="resnet", stem=Stem(filters=2), blocks=(Block(filters=3, skips=2, pool=2),))
    workload = network.blueprint(Images(1, (8, 8), 10)).workload("net")
    assert {item.name: item.after for item in workload.items} == {
        "image": (),
        "stem": ("image",),
        "block1_conv": ("stem",),
        "block1_pool": ("block1_conv",),
        "block1_skip1": ("block1_pool",),
        "block1_skip2": ("block1_skip1",),
        "block1_add": ("block1_skip2", "block1_pool"),
        "mean": ("block1_add",),
        "classes": ("mean",),
    }
    assert [item.op for item in workload.items if isinstance(item, Node)] == ["input", "pool", "add", "pool"]


def test_a_unet_joins_each_level_on_the_way_up_with_the_same_one_on_the_way_down():
    network = Unet(builder="unet", height=3, levels=tuple(Level(filters=n) for n in (2, 4, 8)))
    blueprint = network.blueprint(Images(1, (9, 8), 3))
    assert [(op.name, op.after, op.size) for op in blueprint.ops if op.op in ("upsample", "concat")] == [
        ("up2_size", ("down3_conv2_relu",), (4, 4)),
        ("up2_join", ("down2_conv2_relu", "up2_size"), None),
        ("up1_size", ("up2_conv2_relu",), (9, 8)),
        ("up1_join", ("down1_conv2_relu", "up1_size"), None),
    ]


IMAGE = Op("image", "input", channels=1, size=(8, 8))


@pytest.mark.parametrize(
    ("ops", "says"),
    [
        ([IMAGE], "an input and an operator"),
        ([Op("a", "relu", ("image",)), IMAGE], "one input, and it comes first"),
        ([IMAGE, Op("image", "relu", ("image",))], "named twice"),
        ([IMAGE, Op("a", "relu", ("b",))], "reads one that is not before it"),
        ([IMAGE, Op("a", "linear", ("image",), channels=2)], "reads a vector, but 'image' gives 1 channels of 8 x 8"),
        ([IMAGE, Op("a", "pool", ("image",), kernel=9)], "the images are too small"),
        ([IMAGE, Op("p", "pool", ("image",), kernel=2), Op("a", "add", ("image", "p"))], "fit together, but 'image'"),
    ],
)
def test_what_does_not_fit_together_is_refused(ops: list[Op], says: str):
    with pytest.raises(UserError, match=says):
        Blueprint(tuple(ops))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Op("a", "gelu", ("b",)), "no operator 'gelu'"),  # type: ignore[arg-type]
        (lambda: Op("a", "relu"), r"relu cannot read \[\]"),
        (lambda: Op("a", "add", ("b",)), "add cannot read"),
        (lambda: Op("a", "conv", ("b",), kernel=3, stride=1, bias=True), "conv needs channels"),
        (lambda: Op("a", "relu", ("b",), channels=3), "relu has no channels"),
        (lambda: Op("a", "pool", ("b",), kernel=0), "kernel must be at least 1"),
        (lambda: Op("a", "conv", ("b",), channels=1, kernel=2, stride=1, bias=True), "an odd size, got 2"),
        (lambda: Images(0, (8, 8), 10), "two classes at least"),
        (lambda: Blueprint.from_plain([{"name": "a", "op": "input", "code": "1"}]), "nothing else"),
    ],
)
def test_an_operator_refuses_what_it_cannot_have(make, says: str):
    with pytest.raises(UserError, match=says):
        make()
