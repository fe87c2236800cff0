"""An architecture as data-centric hardware: what a PE keeps, what the array shares, and DRAM.

For each tensor, innermost first: memories within the array, memories that the whole array shares, and the last one,
which is DRAM. The innermost memory of every single PE is its L1: a tensor that has none is not kept between steps. The
innermost one of the whole array is the L2. What lies in between is passed through: written once and read once for each
element that comes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.problem.arch import Arch, Memory
from workbench.simulators.dataflow.levels import Ints

Floats = NDArray[np.float64]
OPERANDS = ("I", "W", "O")
"""The workbench's names of input, weight and output."""


@dataclass(frozen=True)
class Way:
    """The memories of one tensor, as indices of the architecture's: -1 where there is none."""

    l1: int
    passed: tuple[int, ...]
    l2: int
    above: tuple[int, ...]
    last: int


@dataclass(frozen=True)
class Chip:
    """Architectures of one template: the ways of the tensors, and numbers of each memory, (b, m).

    Sizes in bits, energies in pJ per bit; `pes` (b,), `noc_bits` and `offchip_bits` (b,) per cycle.
    """

    ways: tuple[Way, Way, Way]
    pes: Ints
    size_bits: Ints
    read_pj: Floats
    write_pj: Floats
    noc_bits: Ints
    offchip_bits: Ints

    @property
    def held(self) -> tuple[bool, bool, bool]:
        """Whether a PE keeps its tile of the input, the weight and the output."""
        first, second, third = (way.l1 >= 0 for way in self.ways)
        return first, second, third


def way_of(arch: Arch, operand: str) -> Way:
    """Where a tensor is on its way from the PEs to DRAM."""
    whole = set(arch.array_size)
    *chip, last = arch.levels(operand)
    shared = [i for i in chip if set(arch.memories[i].shared_over) == whole]
    within = [i for i in chip if i not in shared]
    own = within[0] if within and not arch.memories[within[0]].shared_over else -1
    passed = tuple(i for i in within if i != own)
    return Way(own, passed, shared[0] if shared else -1, tuple(shared[1:]), last)


def chip_of(archs: Sequence[Arch]) -> Chip:
    """The numbers of architectures that share their memories' order and operands."""
    ways = tuple(way_of(archs[0], operand) for operand in OPERANDS)

    def table(of: NDArray[np.float64]) -> Floats:
        return of.reshape(len(archs), -1)

    def width(arch: Arch, way: Way, operand: str) -> int:
        source: Memory = arch.memories[way.l2 if way.l2 >= 0 else way.last]
        return source.ports[source.port_of(operand, "to_low")].bits_per_cycle

    memories = [arch.memories for arch in archs]
    return Chip(
        ways=(ways[0], ways[1], ways[2]),
        pes=np.array([arch.pes for arch in archs], dtype=np.int64),
        size_bits=np.array([[m.size_bits for m in row] for row in memories], dtype=np.int64),
        read_pj=table(np.array([[m.read_energy_pj / m.word_bits for m in row] for row in memories])),
        write_pj=table(np.array([[m.write_energy_pj / m.word_bits for m in row] for row in memories])),
        noc_bits=np.array(
            [min(width(a, w, o) for w, o in zip(ways[:2], OPERANDS[:2], strict=True)) for a in archs], dtype=np.int64
        ),
        offchip_bits=np.array([a.memories[-1].word_bits for a in archs], dtype=np.int64),
    )
