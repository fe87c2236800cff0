"""What an access, a MAC and a square micrometre cost, as functions of size and word width, at 28 nm.

Energy. KNOWN points, per bank and per access, are those in the source of ZigZag's example architectures (tree of
2023-02-28; CACTI-derived): register files of 1 B to 1 KB and SRAM banks of 1 KB to 128 KB, read and write. A law
log(energy) = a + b log(size) + c log(word) is fitted through them by least squares, one for register files and one
for SRAM banks, read and write apart. A memory of n banks costs n times a bank of 1/n size and 1/n word. The fit's
worst residual is stated by `fit_residual`. DRAM: 700 pJ read and 750 pJ write per 64 bits, the same source. MAC:
0.04 pJ for 8 x 8 bits, the same source; other widths scale with the product of the operand widths, as the partial
products of an array multiplier do.

Two ways to use it: `own` keeps the numbers of an architecture's file, so that the unmodified template costs exactly
what its file says, and scales them by the ratio of the fitted law where an axis changes a size or a width; `common`
takes the law itself for every architecture, so that their energies can be compared.

Area. The public tools' area models are unusable (0 for most memories, or a quadratic arbiter of thousands of mm2).
INFERRED model, 28 nm:
- SRAM: 0.127 um2 bit cell (28 nm high-density 6T, TSMC, IEDM 2009), 1.3x for array overhead, plus a periphery of
  43.5 um per sqrt(bit) that brings a 32 KB macro to 0.25 um2/bit, plus 12 um2 of sense amplifier, write driver and
  column multiplexer per word bit.
- Register file: 2.2 um2 per bit, a flip-flop with its share of the read multiplexer.
- MAC with accumulator: 283 um2 for 8 x 8 bits (MAESTRO's 28 nm data base), whatever the width of a layer's operands:
  every PE is built once.
- DRAM: none on the chip.
Interconnect and leakage are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Literal

import numpy as np

from workbench.problem.arch import MemoryKind

Scale = Literal["own", "common"]
SCALES: tuple[Scale, ...] = ("own", "common")

DRAM_READ_PJ_PER_BIT = 700 / 64
DRAM_WRITE_PJ_PER_BIT = 750 / 64
MAC_PJ = 0.04
MAC_AREA_UM2 = 283.0
SRAM_CELL_UM2 = 0.127
SRAM_ARRAY_OVERHEAD = 1.3
SRAM_PERIPHERY_UM = 43.5
SRAM_WORD_BIT_UM2 = 12.0
REGISTER_BIT_UM2 = 2.2

# (bytes, word bits, read pJ, write pJ) per bank
_REGISTER_FILE_POINTS = (
    (1, 8, 0.010, 0.010),
    (2, 16, 0.0205, 0.0205),
    (4, 16, 0.022, 0.022),
    (64, 8, 0.053, 0.053),
    (128, 8, 0.095, 0.095),
    (1024, 16, 0.54, 0.60),
)
_SRAM_POINTS = (
    (1024, 128, 1.70, 2.52),
    (1024, 256, 4.78, 5.59),
    (4096, 128, 2.31, 5.93),
    (8192, 64, 3.32, 3.845),
    (8192, 128, 4.30, 7.085),
    (8192, 256, 6.27, 13.5),
    (16384, 512, 19.4, 33.9),
    (32768, 256, 15.4, 26.6),
    (32768, 512, 22.9, 52.01),
    (131072, 128, 26.01, 23.65),
    (131072, 512, 58.2, 103.2),
)


@dataclass(frozen=True, slots=True)
class AccessEnergy:
    """Energy of one access of a full word, in pJ."""

    read_pj: float
    write_pj: float


@cache
def _law(kind: Literal["register_file", "sram"]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """(a, b, c) of log(energy) = a + b log(size_bits) + c log(word_bits), for reads and for writes."""
    points = np.array(_REGISTER_FILE_POINTS if kind == "register_file" else _SRAM_POINTS)  # (n, 4)
    design = np.column_stack([np.ones(len(points)), np.log(points[:, 0] * 8), np.log(points[:, 1])])
    fits = [np.linalg.lstsq(design, np.log(points[:, column]), rcond=None)[0] for column in (2, 3)]
    read, write = ((float(f[0]), float(f[1]), float(f[2])) for f in fits)
    return read, write


def access_energy(kind: MemoryKind, size_bits: int, word_bits: int, banks: int = 1) -> AccessEnergy:
    """The `common` energy of one access of a full word (module docstring), in pJ."""
    if kind == "dram":
        return AccessEnergy(DRAM_READ_PJ_PER_BIT * word_bits, DRAM_WRITE_PJ_PER_BIT * word_bits)
    log_size, log_word = np.log(size_bits / banks), np.log(word_bits / banks)
    read, write = (banks * float(np.exp(a + b * log_size + c * log_word)) for a, b, c in _law(kind))
    return AccessEnergy(read, write)


def fit_residual(kind: Literal["register_file", "sram"]) -> float:
    """The worst relative error of the fitted law on the points it was fitted through."""
    points = _REGISTER_FILE_POINTS if kind == "register_file" else _SRAM_POINTS
    worst = 0.0
    for size_bytes, word_bits, read_pj, write_pj in points:
        fitted = access_energy(kind, size_bytes * 8, word_bits)
        worst = max(worst, abs(fitted.read_pj / read_pj - 1), abs(fitted.write_pj / write_pj - 1))
    return worst


def memory_area_um2(kind: MemoryKind, size_bits: int, word_bits: int, banks: int = 1) -> float:
    """The area of one memory instance (module docstring), in um2; 0 for DRAM."""
    if kind == "dram":
        return 0.0
    if kind == "register_file":
        return REGISTER_BIT_UM2 * size_bits
    bank_bits = size_bits / banks
    cells = SRAM_CELL_UM2 * SRAM_ARRAY_OVERHEAD * bank_bits + SRAM_PERIPHERY_UM * sqrt(bank_bits)
    return banks * cells + SRAM_WORD_BIT_UM2 * word_bits
