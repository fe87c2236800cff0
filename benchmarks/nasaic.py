"""The chips of NASAIC's tables through the legacy cost model: areas against the paper's, latency and energy beside.

The rows are RECALLED (Yang et al., DAC 2020, table I and its like for the second workload), not re-read: dataflow, PEs
and bandwidth of two sub-accelerators, and latency, energy and area. What networks the paper's searches found is not
known. So these are members of its three families, INFERRED: of each family a large, a middle and a small one, given to
the rows in the order of the accuracy that the paper has for them. They are not fitted to the rows. With other networks
latency and energy are other ones; area does not depend on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.problem.chip import Chip, load_chip
from workbench.problem.graph import Item, Node, WorkloadLayer
from workbench.problem.layer import Layer
from workbench.problem.workload import Workload
from workbench.scheduling.jobs import Goal
from workbench.simulators.chips.costs import ChipCosts
from workbench.simulators.chips.evaluate import ChipCost, evaluated

LIMITS = {"W1": 8e5, "W2": 1e6}
"""Cycles that each workload may take, RECALLED; energy and area limits matter to the paper's searches alone."""


@dataclass(frozen=True)
class Row:
    """A row: two sub-accelerators (dataflow, PEs, bytes per cycle), cycles, nJ, um2, and how large its networks are."""

    workload: str
    flow: str
    chip: tuple[tuple[str, int, int], tuple[str, int, int]]
    latency_cycles: float
    energy_nj: float
    area_um2: float
    networks: tuple[str, str]


ROWS = (
    Row("W1", "NAS -> ASIC", (("dla", 2112, 48), ("shi", 1984, 16)), 9.45e5, 3.56e9, 4.71e9, ("large", "large")),
    Row("W1", "ASIC -> HW-NAS", (("dla", 1088, 24), ("shi", 2368, 40)), 5.8e5, 1.94e9, 3.82e9, ("small", "small")),
    Row("W1", "NASAIC", (("dla", 576, 56), ("shi", 1792, 8)), 7.77e5, 1.43e9, 2.03e9, ("middle", "middle")),
    Row("W2", "NAS -> ASIC", (("dla", 2368, 56), ("shi", 1728, 8)), 9.31e5, 3.55e9, 4.83e9, ("large", "large")),
    Row("W2", "ASIC -> HW-NAS", (("dla", 2112, 24), ("shi", 1536, 40)), 9.69e5, 2.90e9, 3.86e9, ("small", "small")),
    Row("W2", "NASAIC", (("dla", 2112, 40), ("shi", 1184, 24)), 6.48e5, 2.50e9, 3.34e9, ("middle", "middle")),
)

RESNET9 = {"large": (64, ((128, 2), (256, 2), (256, 2))), "middle": (32, ((128, 1), (256, 1), (256, 1))),
           "small": (16, ((64, 1), (128, 1), (256, 0)))}  # fmt: skip
"""CIFAR-10, 32 x 32: filters of the stem, and of each block filters and layers that a skip leads past."""

STL = {"large": (16, ((32, 2), (64, 2), (128, 2), (256, 2), (512, 1))),
       "middle": (16, ((32, 1), (64, 1), (128, 2), (256, 2), (256, 1))),
       "small": (8, ((16, 1), (32, 1), (64, 1), (128, 1), (256, 1)))}  # fmt: skip
"""STL-10, 96 x 96: the same with five blocks."""

UNET = {"large": (8, 4), "middle": (8, 3), "small": (4, 3)}
"""Nuclei, 128 x 128: filters of the first level, which double with each, and levels below it."""


def resnet(name: str, size: int, stem: int, blocks: Sequence[tuple[int, int]]) -> Workload:
    """A stem; blocks of a convolution, a pooling to half the size and layers that a skip leads past; a classifier."""
    items: list[Item] = [_conv("stem", 3, stem, size)]
    channels = stem
    for number, (filters, skipped) in enumerate(blocks, start=1):
        items.append(_conv(f"block{number}", channels, filters, size, items[-1].name))
        size, channels = size // 2, filters
        items.append(Node(f"pool{number}", "pool", (items[-1].name,), kernel=(2, 2), stride=(2, 2)))
        entry = items[-1].name
        for i in range(1, skipped + 1):
            items.append(_conv(f"block{number}_skipped{i}", channels, channels, size, items[-1].name))
        if skipped:
            items.append(Node(f"sum{number}", "add", (items[-1].name, entry)))
    items.append(Node("mean", "pool", (items[-1].name,), kernel=(size, size), stride=(size, size)))
    items.append(WorkloadLayer(Layer.gemm("classes", 1, channels, 10), ("mean",)))
    return Workload(name, tuple(items))


def unet(name: str, size: int, filters: int, levels: int) -> Workload:
    """Two convolutions on each level on the way down and on the way up, and a 1 x 1 convolution for the mask."""
    items: list[Item] = []
    channels = 3
    last: tuple[str, ...] = ()
    tops: list[tuple[str, int, int]] = []
    for level in range(levels + 1):
        if level:
            items.append(Node(f"pool{level}", "pool", last, kernel=(2, 2), stride=(2, 2)))
            size, last = size // 2, (f"pool{level}",)
        width = filters << level
        items += _two(f"down{level}", channels, width, size, *last)
        channels, last = width, (f"down{level}_2",)
        tops.append((f"down{level}_2", width, size))
    for level in reversed(range(levels)):
        top, width, size = tops[level]
        up = WorkloadLayer(Layer.conv(f"up{level}", channels, 4 * width, 1, in_size=size // 2), last)
        items += [up, Node(f"spread{level}", "shuffle", (up.name,), factor=2)]
        items.append(Node(f"joined{level}", "concat", (top, f"spread{level}")))
        items += _two(f"up{level}", 2 * width, width, size, f"joined{level}")
        channels, last = width, (f"up{level}_2",)
    items.append(WorkloadLayer(Layer.conv("mask", channels, 1, 1, in_size=size), last))
    return Workload(name, tuple(items))


def _two(name: str, channels: int, filters: int, size: int, *after: str) -> list[Item]:
    first = _conv(f"{name}_1", channels, filters, size, *after)
    return [first, _conv(f"{name}_2", filters, filters, size, first.name)]


def _conv(name: str, channels: int, filters: int, size: int, *after: str) -> WorkloadLayer:
    return WorkloadLayer(Layer.conv(name, channels, filters, 3, in_size=size, padding=1), after)


def networks(row: Row) -> tuple[Workload, Workload]:
    """The two networks taken for a row."""
    first, second = row.networks
    cifar = resnet(f"cifar10_{first}", 32, *RESNET9[first])
    if row.workload == "W1":
        return cifar, unet(f"nuclei_{second}", 128, *UNET[second])
    return cifar, resnet(f"stl10_{second}", 96, *STL[second])


def chip(row: Row) -> Chip:
    """A row's chip, of the bundled template."""
    template = load_chip("nasaic")
    values: dict[str, Any] = {}
    for number, (flow, pes, noc) in enumerate(row.chip, start=1):
        values |= {f"dataflow_{number}": flow, f"pes_{number}": pes, f"noc_{number}": noc}
    found = template.chip(template.space.design(values))
    assert isinstance(found, Chip)
    return found


def legacy_rows() -> list[tuple[Row, ChipCost]]:
    """Each row with what the legacy model says: the least energy within the workload's limit, where that can be met."""
    costs, found = ChipCosts("legacy"), []
    for row in ROWS:
        (outcome,) = evaluated([(chip(row), networks(row))], Goal("energy", LIMITS[row.workload]), costs)
        assert isinstance(outcome, ChipCost), outcome
        found.append((row, outcome))
    return found
