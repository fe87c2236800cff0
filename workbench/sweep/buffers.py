"""What the buffers of a grid cost: an L1 of every size, an L2 of every size and width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.problem.arch import Memory
from workbench.problem.template import resized
from workbench.sweep.plan import Ints, Plan

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Buffers:
    """pJ to read and write a bit, um2: of an L1 (m,), of the L2 (w, n); and pJ per bit of DRAM."""

    l1_read: Floats
    l1_write: Floats
    l1_area: Floats
    l2_read: Floats
    l2_write: Floats
    l2_area: Floats
    dram_read: float
    dram_write: float
    dram_bits: int


def buffers_of(plan: Plan, l1: Ints, l2: Ints, noc: Ints) -> Buffers:
    """For sizes and widths in bits.

    The technology prices an access by a power of the size times one of the width, and area by a function of the size
    plus one of the width (module `technology`). So of the L2 only one row and one column are asked for.
    """
    way, memories = plan.way, plan.arch.memories
    base, shared, dram = memories[way.l1], memories[way.l2], memories[way.last]
    private = [_priced(plan, base, {"size_bits": int(size)}) for size in l1]
    first = {"size_bits": int(l2[0]), "bits_per_cycle": int(noc[0])}
    of_size = [_priced(plan, shared, {**first, "size_bits": int(size)}) for size in l2]
    of_width = [_priced(plan, shared, {**first, "bits_per_cycle": int(width)}) for width in noc]
    read, write = (
        np.outer([memory[i] for memory in of_width], [memory[i] for memory in of_size]) / of_size[0][i] for i in (0, 1)
    )
    area = np.add.outer([memory[2] for memory in of_width], [memory[2] - of_size[0][2] for memory in of_size])
    l1_read, l1_write, l1_area = np.array(private, dtype=np.float64).T
    return Buffers(
        *(l1_read, l1_write, l1_area, read, write, area),
        dram_read=dram.read_energy_pj / dram.word_bits,
        dram_write=dram.write_energy_pj / dram.word_bits,
        dram_bits=dram.word_bits,
    )


def _priced(plan: Plan, base: Memory, fields: dict[str, int]) -> Sequence[float]:
    """Read and write energy per bit, and area."""
    memory = resized(base, fields, plan.task.technology)
    return memory.read_energy_pj / memory.word_bits, memory.write_energy_pj / memory.word_bits, memory.area_um2
