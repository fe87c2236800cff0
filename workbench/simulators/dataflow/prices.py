"""What the parts of a data-centric array cost that an architecture file does not price: wires, cluster buffers.

Buffers and DRAM are priced by `problem.technology`, as those of every architecture. INFERRED, 28 nm:

- a bit that crosses 1 mm of wire costs 0.1 pJ: 200 fF/mm, switched over 1 V every other cycle. What enters runs along
  half of the array's side, and one PE's pitch further for each PE that it reaches.
- each PE has a latch for an element that comes and one for an element that leaves, and each lane of the NoC is
  registered once along a row and once along a column of the array: the area grows with the PEs and with the lanes times
  their length, not with the square of the PEs.
- a cluster that takes several steps per tile of its own keeps that tile in a buffer, double buffered: a register file
  up to 1 KB, SRAM beyond, priced by the common law.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.problem.technology import REGISTER_BIT_UM2, access_energy, memory_area_um2

Floats = NDArray[np.float64]

WIRE_PJ_PER_BIT_MM = 0.1
LATCHES = 2
REGISTER_FILE_BITS = 8192


def noc_area_um2(pes: Floats, element_bits: int, lane_bits: Floats) -> Floats:
    """Latches at the PEs, and the registers of lanes of so many bits together."""
    lanes = lane_bits * 2 * np.sqrt(pes)
    found: Floats = REGISTER_BIT_UM2 * (pes * element_bits * LATCHES + lanes)
    return found


def wire_pj(array: Floats, delivered: Floats, bits: Floats, pes: Floats, pe_area_um2: Floats) -> Floats:
    """Energy of bringing `array` elements into the array and `delivered` to PEs (a shared one to each counts)."""
    pitch_mm = np.sqrt(pe_area_um2) * 1e-3
    side_mm = pitch_mm * np.sqrt(pes)
    found: Floats = WIRE_PJ_PER_BIT_MM * bits * (array * side_mm / 2 + delivered * pitch_mm)
    return found


def buffer_pj_per_bit(size_bits: int, word_bits: int) -> tuple[float, float]:
    """Reading and writing a bit of a cluster's buffer."""
    law = access_energy("register_file" if size_bits <= REGISTER_FILE_BITS else "sram", size_bits, word_bits)
    return law.read_pj / word_bits, law.write_pj / word_bits


def buffer_area_um2(size_bits: int, word_bits: int) -> float:
    """The area of a cluster's buffer."""
    kind = "register_file" if size_bits <= REGISTER_FILE_BITS else "sram"
    return memory_area_um2("sram" if kind == "sram" else "register_file", size_bits, word_bits)
