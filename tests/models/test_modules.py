"""The module that is trained is the network that is costed: layer by layer the same shapes, and the same work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from models.mlp import seeded
from models.modules import Net
from workbench.problem.blueprint import Blueprint, Images
from workbench.problem.family import bundled_families, load_family
from workbench.problem.graph import Shape


def run(blueprint: Blueprint, net: Net) -> dict[str, Shape]:
    """One image through the module: what each layer with weights gave, as hooks saw it."""
    seen: dict[str, Shape] = {}

    def hook(name: str):
        def see(layer: nn.Module, read: tuple[torch.Tensor, ...], found: torch.Tensor) -> None:
            batch, channels, y, x = (*found.shape, 1, 1)[:4]
            seen[name] = Shape(batch, channels, y, x)

        return see

    for name, layer in net.named_children():
        layer.register_forward_hook(hook(name))
    images = blueprint.images
    with torch.no_grad():
        answer = net.eval()(torch.zeros(1, images.channels, *images.size))
    last = blueprint.shapes[blueprint.ops[-1].name]
    assert tuple(answer.shape) == (
        (1, last.channels) if (last.y, last.x) == (1, 1) else (1, last.channels, last.y, last.x)
    )
    return seen


def macs(net: Net, seen: dict[str, Shape]) -> int:
    """Counted from torch's own weights and what the hooks saw."""
    layers = [(name, layer) for name, layer in net.named_children() if isinstance(layer, nn.Conv2d | nn.Linear)]
    return sum(seen[name].y * seen[name].x * layer.weight.numel() for name, layer in layers)


def members(name: str) -> list[Blueprint]:
    """Smallest, the file's, largest, and some at random; none that would take seconds."""
    family = load_family(name)
    drawn = [family.space.values(design) for design in family.space.sample(6, np.random.default_rng(1))]
    chosen = (family.smallest(), family.nominal(), family.largest(), *drawn)
    blueprints = [family.blueprint(values) for values in chosen]
    odd = family.blueprint(family.smallest(), Images(2, (97, 90), 5))
    return [odd, *(each for each in blueprints if each.macs < 1e9)]


@pytest.mark.parametrize("name", bundled_families())
def test_hooks_see_the_shapes_macs_and_parameters_of_the_workload(name: str):
    for blueprint in members(name):
        net, workload = Net(blueprint.plain(), seeded(0)), blueprint.workload("net")
        seen = run(blueprint, net)
        assert all(shape == blueprint.shapes[layer] for layer, shape in seen.items())
        assert {item.name for item in workload.layers} == {
            n for n, m in net.named_children() if hasattr(m, "stride") or isinstance(m, nn.Linear)
        }
        assert [workload.shapes[item.name] for item in workload.layers] == [seen[item.name] for item in workload.layers]
        assert macs(net, seen) == workload.macs == blueprint.macs
        assert sum(part.numel() for part in net.parameters()) == blueprint.parameters


def test_weights_are_drawn_from_the_generator_alone():
    family = load_family("resnet9_digits")
    ops = family.blueprint(family.nominal()).plain()
    before = torch.get_rng_state()
    first, again, other = (Net(ops, seeded(seed)).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before), "torch's global generator is left alone"
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert all(torch.isfinite(value).all() for value in first.values())


def test_the_plain_operators_do_what_a_blueprint_says():
    ops: list[dict[str, Any]] = [
        {"name": "image", "op": "input", "after": [], "channels": 1, "size": [2, 2]},
        {"name": "up", "op": "upsample", "after": ["image"], "size": [4, 4]},
        {"name": "pool", "op": "pool", "after": ["up"], "kernel": 2},
        {"name": "sum", "op": "add", "after": ["pool", "image", "pool"]},
        {"name": "relu", "op": "relu", "after": ["sum"]},
        {"name": "both", "op": "concat", "after": ["relu", "image"]},
        {"name": "mean", "op": "global_pool", "after": ["both"]},
        {"name": "answer", "op": "linear", "after": ["mean"], "channels": 2},
    ]
    net = Net(ops, seeded(0))
    layer = net.answer
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2))
        found = net(torch.tensor([[[[1.0, -1.0], [2.0, 0.0]]]]))
    assert found.tolist() == [[pytest.approx((3 + 6) / 4), pytest.approx(0.5)]]
    with pytest.raises(ValueError, match="no operator 'gelu'"):
        Net([ops[0], {"name": "a", "op": "gelu", "after": ["image"]}], seeded(0))(torch.zeros(1, 1, 2, 2))
