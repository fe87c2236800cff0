"""The kinds of networks that families are made of: numbers in, a blueprint out. Listing one here makes it a choice."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from workbench.problem.blueprint import Blueprint, Images, Op
from workbench.problem.template import Count

Kind = Literal["classification", "segmentation"]


def _odd(value: object) -> object:
    if not isinstance(value, int) or isinstance(value, bool) or value % 2 == 0:
        raise ValueError("input should be an odd whole number")
    return value


Filters = Annotated[Count, Field(le=65_536)]
Kernel = Annotated[int, BeforeValidator(_odd), Field(ge=1, le=31)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stem(_Part):
    """The first convolution."""

    filters: Filters
    kernel: Kernel = 3


class Block(_Part):
    """A convolution to `filters` channels, a pooling (1: none), and `skips` convolutions that a shortcut bridges."""

    filters: Filters
    skips: Annotated[int, Field(ge=0, le=64, strict=True)] = 0
    pool: Annotated[Count, Field(le=64)] = 1
    kernel: Kernel = 3


class Resnet(_Part):
    """Tells images apart: a stem, residual blocks one after the other, the mean of each channel, a linear layer.

    With blocks of 2, 0 and 2 skips it is the ResNet-9 of fast CIFAR training. Each convolution is followed by batch
    normalisation and ReLU, and has no bias.
    """

    kind: ClassVar[Kind] = "classification"

    builder: Literal["resnet"]
    stem: Stem
    blocks: Annotated[tuple[Block, ...], Field(min_length=1, max_length=64)]

    def used(self) -> set[str] | None:
        """The numbers that the network depends on, by their places; None: on all."""
        return None

    def blueprint(self, images: Images) -> Blueprint:
        ops = _Chain(images)
        ops.conv("stem", self.stem.filters, self.stem.kernel)
        for number, block in enumerate(self.blocks, 1):
            name = f"block{number}"
            ops.conv(f"{name}_conv", block.filters, block.kernel)
            if block.pool > 1:
                ops.add(Op(f"{name}_pool", "pool", ops.last, kernel=block.pool))
            start = ops.last
            for skip in range(1, block.skips + 1):
                ops.conv(f"{name}_skip{skip}", block.filters, block.kernel)
            if block.skips:
                ops.add(Op(f"{name}_add", "add", (*ops.last, *start)))
        ops.add(Op("mean", "global_pool", ops.last))
        ops.add(Op("classes", "linear", ops.last, channels=images.classes))
        return ops.made()


class Level(_Part):
    """A level of a U-Net: both of its convolutions on the way down, and both on the way up, have `filters`."""

    filters: Filters


class Unet(_Part):
    """Tells the pixels of an image apart: `height` levels down, each of half the size, and up again.

    On the way up a map is enlarged to the nearest pixel and joined with that of the same level on the way down. Each 3
    x 3 convolution is followed by batch normalisation and ReLU; a 1 x 1 convolution with bias gives the classes.
    """

    kind: ClassVar[Kind] = "segmentation"

    builder: Literal["unet"]
    height: Annotated[Count, Field(le=16)]
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=16)]

    def used(self) -> set[str] | None:
        """The numbers that the network depends on, by their places: not those of levels below its height."""
        return {"height", *(f"levels.{number}.filters" for number in range(1, self.height + 1))}

    def blueprint(self, images: Images) -> Blueprint:
        ops = _Chain(images)
        down: list[tuple[str, ...]] = []
        levels = list(enumerate(self.levels[: self.height], 1))
        for number, level in levels:
            if number > 1:
                ops.add(Op(f"down{number}_pool", "pool", ops.last, kernel=2))
            ops.conv(f"down{number}_conv1", level.filters, 3)
            ops.conv(f"down{number}_conv2", level.filters, 3)
            down.append(ops.last)
        for number, level in reversed(levels[:-1]):
            beside = down[number - 1]
            ops.add(Op(f"up{number}_size", "upsample", ops.last, size=ops.size(beside)))
            ops.add(Op(f"up{number}_join", "concat", (*beside, *ops.last)))
            ops.conv(f"up{number}_conv1", level.filters, 3)
            ops.conv(f"up{number}_conv2", level.filters, 3)
        ops.add(Op("classes", "conv", ops.last, channels=images.classes, kernel=1, stride=1, bias=True))
        return ops.made()


Network = Annotated[Resnet | Unet, Field(discriminator="builder")]


class _Chain:
    """Operators as they are added; `last` is the one that the next reads."""

    def __init__(self, images: Images) -> None:
        self._ops = [Op("image", "input", channels=images.channels, size=images.size)]
        self._sizes = {"image": images.size}

    @property
    def last(self) -> tuple[str, ...]:
        return (self._ops[-1].name,)

    def size(self, name: tuple[str, ...]) -> tuple[int, int]:
        """Rows and columns of what an operator gives."""
        return self._sizes[name[0]]

    def add(self, op: Op) -> None:
        y, x = self._sizes[op.after[0]]
        self._sizes[op.name] = (y // op.kernel, x // op.kernel) if op.op == "pool" and op.kernel else op.size or (y, x)
        self._ops.append(op)

    def conv(self, name: str, channels: int, kernel: int) -> None:
        """A convolution that keeps the size, with its normalisation and ReLU."""
        self.add(Op(name, "conv", self.last, channels=channels, kernel=kernel, stride=1, bias=False))
        self.add(Op(f"{name}_norm", "norm", self.last))
        self.add(Op(f"{name}_relu", "relu", self.last))

    def made(self) -> Blueprint:
        return Blueprint(tuple(self._ops))
