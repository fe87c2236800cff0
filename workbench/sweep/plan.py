"""What a sweep goes over: the task whose space is the grid, its simulator, its limits, and blocks to cut it into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from workbench.errors import UserError, unknown_name
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Target
from workbench.problem.task import Task
from workbench.problem.template import Template, load_template
from workbench.problem.workload import Workload
from workbench.simulators.dataflow import DataflowSettings, DataflowSimulator
from workbench.simulators.dataflow.catalogue import load
from workbench.simulators.dataflow.chip import Way, chip_of
from workbench.simulators.dataflow.convert import data_layer
from workbench.simulators.dataflow.mapping import Mapping as DataMapping
from workbench.simulators.dataflow.simulator import VECTOR_WIDTH, Mode
from workbench.simulators.dataflow.tensors import DataLayer

Ints = NDArray[np.int64]

BYTE = 8
OBJECTIVES = ("latency_cycles", "energy_pj", "area_um2")
PES, NOC, L1, L2 = "pes", "noc_bits", "l1_bits", "l2_bits"
GRID = (PES, NOC, L1, L2)
"""The last axes of the space, in its order; those of tiles and the vector width stand before."""
WIDTHS_AT_ONCE = 1024
PES_AT_ONCE = 64
CELLS_MOST = 2**21
"""Of a block: PEs times bandwidths times sizes of the L2."""
KEPT_AT_ONCE = 2**22
KEPT_MOST = 65_536

Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SweepSettings(BaseModel):
    """How a sweep goes about its grid; kept with the run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    area_mm2: Limit | None = Field(None, description="no valid design has more area")
    power_mw: Limit | None = Field(None, description="no valid design takes more power")
    keep: Literal["front", "best", "all"] = Field("front", description="which valid designs are stored")
    best: int = Field(0, ge=0, le=KEPT_MOST, description="how many, of least energy-delay product")
    prune: bool = Field(True, description="leave out what provably cannot be valid or on the front")

    @property
    def area_um2(self) -> float:
        """The limit, infinite where there is none."""
        return float("inf") if self.area_mm2 is None else self.area_mm2 * 1e6

    @property
    def power(self) -> float:
        """The limit in mW, infinite where there is none."""
        return float("inf") if self.power_mw is None else self.power_mw


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the grid that is done at once: one choice of the axes before the grid, some PEs, some bandwidths."""

    outer: tuple[int, ...]
    pes: slice
    noc: slice


@dataclass(frozen=True)
class Plan:
    """A sweep, ready to be gone through."""

    task: Task
    simulator: DataflowSimulator
    settings: SweepSettings

    def __post_init__(self) -> None:
        names = [axis.name for axis in self.task.space.axes]
        if tuple(names[-len(GRID) :]) != GRID:
            raise UserError(f"A sweep's last axes are {', '.join(GRID)}, got {', '.join(names)}.")
        _check_ways(self.arch)

    @cached_property
    def arch(self) -> Arch:
        """The first design's architecture."""
        return self.task.arch((0,) * len(self.task.space.axes))

    @property
    def mode(self) -> Mode:
        """How designs are costed."""
        return self.simulator.settings.mode

    @property
    def way(self) -> Way:
        """Where the tensors are, all of them the same."""
        return chip_of([self.arch]).ways[0]

    def choices(self, axis: str) -> Ints:
        """The values of an axis of the grid."""
        found = next(each for each in self.task.space.axes if each.name == axis)
        return np.array(found.choices, dtype=np.int64)

    @cached_property
    def shape(self) -> tuple[int, int, int, int]:
        """How many PE counts, bandwidths, L1 and L2 sizes."""
        p, w, m, n = self.task.space.shape[-len(GRID) :]
        return p, w, m, n

    @cached_property
    def covered(self) -> int:
        """Designs of the whole grid."""
        return self.task.space.size

    @cached_property
    def _steps(self) -> tuple[int, int]:
        """PEs and bandwidths of a block: few enough for its arrays, and for all of its designs where all are kept."""
        pes, widths, m, n = self.shape
        most = PES_AT_ONCE * WIDTHS_AT_ONCE // 2
        most = max(1, min(most, CELLS_MOST // n, KEPT_AT_ONCE // (m * n) if self.settings.keep == "all" else most))
        wide = min(widths, WIDTHS_AT_ONCE, most)
        return min(pes, PES_AT_ONCE, max(1, most // wide)), wide

    @cached_property
    def _pieces(self) -> tuple[int, int]:
        """Into how many pieces PEs and bandwidths are cut."""
        (pes, widths, _, _), (several, wide) = self.shape, self._steps
        return -(-pes // several), -(-widths // wide)

    @cached_property
    def count(self) -> int:
        """How many blocks there are."""
        return prod(self.task.space.shape[: -len(GRID)]) * prod(self._pieces)

    def block(self, number: int) -> Block:
        """The blocks follow from the plan alone, so that a resumed sweep meets the same ones."""
        (pes, widths, _, _), (several, wide), (by_pes, by_width) = self.shape, self._steps, self._pieces
        rest, w = divmod(number, by_width)
        rest, p = divmod(rest, by_pes)
        outer = []
        for size in reversed(self.task.space.shape[: -len(GRID)]):
            rest, choice = divmod(rest, size)
            outer.append(choice)
        return Block(
            tuple(reversed(outer)),
            slice(p * several, min((p + 1) * several, pes)),
            slice(w * wide, min((w + 1) * wide, widths)),
        )

    @property
    def blocks(self) -> Iterator[Block]:
        """All, in order."""
        return map(self.block, range(self.count))

    def size(self, block: Block) -> int:
        """Designs of a block."""
        _, _, m, n = self.shape
        return int((block.pes.stop - block.pes.start) * (block.noc.stop - block.noc.start) * m * n)

    def constants(self, block: Block) -> tuple[tuple[tuple[str, int], ...], int]:
        """The sizes that the dataflow takes in a block, and the vector width."""
        arch = self.task.arch((*block.outer, *(0 for _ in GRID)))
        stated = dict(arch.dataflow)
        width = stated.pop(VECTOR_WIDTH, self.simulator.settings.simd)
        return tuple(stated.items()), width

    def layers(self, block: Block) -> list[tuple[Layer, DataLayer, int, DataMapping]]:
        """The different layers (equal ones are one, with their number), each with its mapping in numbers."""
        constants, _ = self.constants(block)
        found = []
        for layer, count in self.task.workload.compute_layers():
            shape = data_layer(layer)
            if self.mode == "compatible" and shape.dilation != (1, 1):
                raise UserError(f"The public tool knows no dilation, and layer {layer.name!r} has some.")
            found.append((layer, shape, count, self.simulator.dataflow.on(shape, constants)))
        return found

    def rank(self, block: Block) -> int:
        """The place in the space of the first design with the block's outer choice."""
        rank = 0
        for choice, size in zip(block.outer, self.task.space.shape[: len(block.outer)], strict=True):
            rank = rank * size + choice
        return int(rank * prod(self.shape))


def _check_ways(arch: Arch) -> None:
    ways = chip_of([arch]).ways
    way = ways[0]
    alike = len(set(ways)) == 1 and way.l1 >= 0 and way.l2 >= 0 and not way.passed and not way.above
    if not alike or len(arch.memories) != 3 or len(arch.array) != 1:
        raise UserError(
            f"Architecture {arch.name!r} cannot be swept: a sweep wants PEs along one dimension, a memory of all "
            "operands in each PE, one that all PEs share, and DRAM, as 'data_centric' has them."
        )


def task_of(
    workload: Workload,
    settings: DataflowSettings,
    ranges: Mapping[str, Sequence[int]],
    tiles: Mapping[str, Sequence[int]],
    vector_width: Sequence[int],
    limits: SweepSettings,
    arch: str = "data_centric",
) -> Task:
    """The task of a sweep: `ranges` in PEs, bytes per cycle, bytes and bytes, by the names in `GRID`.

    Raises:
        UserError: no such architecture, or one that cannot be swept; a size that the dataflow is not free in.
    """
    base = load_template(arch)
    _check_ways(base.nominal())
    dataflow = load(settings.dataflow)
    free = dict(dataflow.free)
    for name in tiles:
        if name not in free:
            raise unknown_name(f"free size of dataflow {dataflow.name!r}", name, free)
    content = base.content()
    constants = {**free, **({VECTOR_WIDTH: vector_width[0]} if vector_width else {})}
    way, (pe,) = chip_of([base.nominal()]).ways[0], base.file.array.dims
    l1, l2 = (base.file.memories[number].name for number in (way.l1, way.l2))
    axes: dict[str, Any] = {_axis(name): _set(f"dataflow.{name}", sizes) for name, sizes in tiles.items()}
    if vector_width:
        axes["vector_width"] = _set(f"dataflow.{VECTOR_WIDTH}", vector_width)
    axes[PES] = _set(f"array.{pe}", ranges[PES])
    axes[NOC] = _set(f"memories.{l2}.bits_per_cycle", [BYTE * value for value in ranges[NOC]])
    axes[L1] = _set(f"memories.{l1}.size_bits", [BYTE * value for value in ranges[L1]])
    axes[L2] = _set(f"memories.{l2}.size_bits", [BYTE * value for value in ranges[L2]])
    template = Template.from_content({**content, "dataflow": constants, "axes": axes}, f"architecture {base.name}")
    return Task(template, workload, OBJECTIVES, _targets(settings.mode, limits))


def _set(path: str, choices: Sequence[int]) -> dict[str, Any]:
    return {"sets": path, "choices": list(choices)}


def _axis(constant: str) -> str:
    """`TileK` is `tile_k`, as the bundled architecture calls it."""
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(constant))


def _targets(mode: Mode, limits: SweepSettings) -> tuple[Target, ...]:
    """The limits as the task's; what the public tool calls power is no energy by time, so it is none of a task's."""
    area = () if limits.area_mm2 is None else (Target("area_um2", limits.area_um2),)
    if limits.power_mw is None or mode == "compatible":
        return area
    return (*area, Target("power_mw", limits.power))
