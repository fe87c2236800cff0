"""A network as a torch module, built from the plain list of operators of a blueprint; weights drawn from a generator.

Each operator is a mapping with `name`, `op`, `after` (names of what it reads) and, by its kind, `channels`, `size`
[y, x], `kernel`, `stride` and `bias`. The first is the input, the last one gives the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Op = Mapping[str, Any]


class Net(nn.Module):
    """Images (n, channels, y, x) in, scores out: (n, classes), or (n, classes, y, x) where pixels are told apart.

    A layer with weights is a submodule under the name of its operator.
    """

    def __init__(self, ops: Sequence[Op], generator: torch.Generator) -> None:
        super().__init__()
        self._ops = list(ops)
        self._last_use = {name: number for number, op in enumerate(ops) for name in op["after"]}
        channels: dict[str, int] = {}
        for op in ops:
            read = [channels[name] for name in op["after"]]
            layer = _layer(op, read[0]) if read else None
            if layer is not None:
                self.add_module(op["name"], layer)
            channels[op["name"]] = op.get("channels") or (sum(read) if op["op"] == "concat" else read[0])
        self._draw(generator)

    def forward(self, images: Tensor) -> Tensor:
        maps: dict[str, Tensor] = {}
        found = images
        for number, op in enumerate(self._ops):
            found = self._run(op, [maps[name] for name in op["after"]]) if op["after"] else images
            for name in op["after"]:
                if self._last_use[name] == number:
                    maps.pop(name, None)
            maps[op["name"]] = found
        return found

    def _run(self, op: Op, read: list[Tensor]) -> Tensor:
        kind = op["op"]
        if kind in ("conv", "norm", "linear"):
            layer: nn.Module = getattr(self, op["name"])
            found: Tensor = layer(read[0])
            return found
        if kind == "relu":
            return functional.relu(read[0])
        if kind == "pool":
            return functional.max_pool2d(read[0], op["kernel"])
        if kind == "upsample":
            return functional.interpolate(read[0], size=tuple(op["size"]), mode="nearest")
        if kind == "global_pool":
            return read[0].mean(dim=(2, 3))
        if kind == "concat":
            return torch.cat(read, dim=1)
        if kind != "add":
            raise ValueError(f"there is no operator {kind!r}")
        total = read[0]
        for more in read[1:]:
            total = total + more
        return total

    def _draw(self, generator: torch.Generator) -> None:
        """Weights as He et al. 2015, eq. 10; those of the answer as PyTorch's own, uniform in +-1/sqrt(inputs)."""
        answer = self._ops[-1]["name"]
        for name, layer in self.named_children():
            if isinstance(layer, nn.BatchNorm2d):
                layer.reset_parameters()  # ones and zeros: nothing is drawn
                continue
            assert isinstance(layer, nn.Conv2d | nn.Linear)
            inputs = layer.weight[0].numel()
            with torch.no_grad():
                if name == answer:
                    layer.weight.uniform_(-1 / sqrt(inputs), 1 / sqrt(inputs), generator=generator)
                else:
                    layer.weight.normal_(0, sqrt(2 / inputs), generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()


def _layer(op: Op, channels: int) -> nn.Module | None:
    """What has weights, not yet drawn: torch's own drawing would take from its global generator."""
    skip: Any = nn.utils.skip_init
    made: nn.Module | None = None
    if op["op"] == "conv":
        kernel = op["kernel"]
        made = skip(
            nn.Conv2d, channels, op["channels"], kernel, stride=op["stride"], padding=kernel // 2, bias=op["bias"]
        )
    elif op["op"] == "linear":
        made = skip(nn.Linear, channels, op["channels"])
    elif op["op"] == "norm":
        made = nn.BatchNorm2d(channels)
    return made
