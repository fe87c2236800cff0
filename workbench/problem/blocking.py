"""What blocking a layer's loops for the memories may come to, without a mapper: the best of ninety loop orders.

The loops that are left to time fall into three groups, each reusing one operand: filters reuse the input, pixels the
weights, and the reduction the output. An order of the groups, one or two of them perhaps split into a tile inside and
the rest outside, decides how often a level is filled: its room is taken to be filled up exactly, with fractions of
loops if need be, and what is needed again after it was displaced is fetched again. Of all orders, each design takes the
one that is best by the task's criterion.

It is a model of traffic alone: no stalls, no double buffering, no ragged tiles. After the blocking of matrix products
in Hong and Kung 1981 and the reuse analysis of Eyeriss (Chen et al. 2016) and Interstellar (Yang et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import gcd

import numpy as np
from numpy.typing import NDArray

from workbench.problem.arch import OPERANDS, Arch
from workbench.problem.hardware import Hardware
from workbench.problem.layer import LOOP_DIMS, Layer

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

INDEXING = {
    "W": ("G", "K", "C", "FY", "FX"),
    "I": ("B", "G", "C", "OY", "OX", "FY", "FX"),
    "O": ("B", "G", "K", "OY", "OX"),
}
"""The loops that index an operand; those of the input count the window that slides."""
GROUPS = (("K",), ("C", "FY", "FX"), ("B", "OY", "OX"))
"""G indexes every operand, and is left outermost."""
REUSED_BY = {"I": 0, "O": 1, "W": 2}
TILES = (2, 4, 16, 64, 256)
ORDERS = """
K C P, K P C, C K P, C P K, P K C, P C K, C16 P K4 C K, K2 C256 P K C, K16 P64 C K P, P2 C64 P K C,
C4 P256 K C P, P2 C256 K C P, K4 C256 P C K, C64 P16 K C P, P4 C256 P C K, K2 C256 K C P, K64 P64 C P K,
C256 P64 K C P, K2 C16 P C K, C2 P64 K C P, P4 C256 K C P, K2 C4 P K C, C256 K16 C P K, K4 C P16 K P,
C16 P256 C K P, K4 P16 K C P, P2 C K2 P K, P2 C16 P K C, C64 P K4 C K, C2 P256 C K P, P2 C256 P K C,
K4 P4 K C P, C16 P K16 C K, K2 C64 P K C, P4 C64 P K C, C16 P64 K C P, K16 P16 K C P, P4 C K4 P K,
C256 P K16 C K, K4 C16 P K C, K4 P C256 K C, K16 C256 K P C, K2 P2 C K P, P16 C64 P C K, C16 P16 K C P,
C64 P256 K C P, C256 K64 P C K, C4 K2 P C K, P4 C4 P K C, K2 P64 K C P, K4 P2 C P K, K2 C64 K P C,
C4 P64 C P K, C64 K2 P C K, K4 C4 P K C, K P4 C256 P C, P2 C256 P C K, C4 P K16 C K, K64 P64 K C P,
P2 C K16 P K, C64 P K16 C K, P16 C256 K C P, C16 K16 P K C, P4 C256 P K C, P2 C K4 P K, P4 C K2 P K,
K4 C64 P C K, P256 K16 C K P, C256 K4 P C K, C256 P16 K C P, C4 P256 C K P, K2 C P64 K P, C16 P256 K C P,
K2 P2 C P K, C64 P4 K C P, C256 P K64 C K, K4 P2 C K P, K64 P256 C K P, C256 K256 C P K, P4 C K16 P K,
K4 C64 K P C, C64 P64 K P C, C2 P K4 C K, C256 P4 K C P, P4 C16 P K C, P4 K4 C P K, C4 P64 C K P,
K2 C4 K C P, C64 K16 P C K, C64 P64 K C P
"""
"""Innermost first; `K16` is a tile of the filters, a second `K` the rest of them, `C` the reduction and `P` the pixels.

Of the thousand orders with one or two groups tiled these few are enough: on random designs of all bundled architectures
and layers of five networks, the best of them is worse than the best of all by 0.4 % in energy x latency (mean).
"""
CHUNK = 512
"""Designs that are looked at together: more would only leave the cache."""


@dataclass(frozen=True)
class Blocked:
    """The best order of each design, by rows (n,): cycles, pJ, and bits moved.

    `dram_bits` and `chip_bits` (n, 3), in the order of OPERANDS: what the last memory moves, and what the level below
    it moves downwards (for an operand of a single level on chip, to the array). `least_cycles` and `least_pj` are
    those of the orders best for them alone.
    """

    cycles: Floats
    energy_pj: Floats
    least_cycles: Floats
    least_pj: Floats
    dram_cycles: Floats
    port_cycles: Floats
    dram_pj: Floats
    dram_bits: Floats
    chip_bits: Floats


@dataclass(frozen=True)
class _Orders:
    """Of every order, for every operand, the pieces before each of the two places of the group that reuses it.

    `before` (3, 2, s, 4) and `own` (3, 2, s): rows of the table of pieces (`_pieces`), whose last is 1.
    """

    before: Ints
    own: Ints


@cache
def _orders() -> _Orders:
    found = [order.split() for order in ORDERS.replace("\n", " ").split(",")]
    one = 3 * (1 + 2 * len(TILES))
    before = np.full((3, 2, len(found), 4), one)
    own = np.full((3, 2, len(found)), one)
    for s, order in enumerate(found):
        for number, operand in enumerate(OPERANDS):
            passed: list[int] = []
            places = iter((0, 1))
            for i, piece in enumerate(order):
                group = "KCP".index(piece[0])
                row = group * (1 + 2 * len(TILES))
                if piece[1:]:
                    row += 1 + 2 * TILES.index(int(piece[1:]))
                elif inside := [other for other in order[:i] if other[0] == piece]:
                    row += 2 + 2 * TILES.index(int(inside[0][1:]))
                if group == REUSED_BY[operand]:
                    place = next(places)
                    before[number, place, s, : len(passed)] = passed
                    own[number, place, s] = row
                else:
                    passed.append(row)
    return _Orders(before, own)


def _pieces(left: Floats) -> Floats:
    """(n, 8) iterations -> (rows, n): each group whole, then tile and rest of each size; 1 in the end."""
    rows = []
    for group in GROUPS:
        whole = left[:, [LOOP_DIMS.index(loop) for loop in group]].prod(axis=1)
        rows.append(whole)
        for tile in TILES:
            inside = np.minimum(tile, whole)
            rows += [inside, whole / inside]
    return np.stack([*rows, np.ones(len(left))])


def _elements(layer: Layer, units: Floats, loops: list[int]) -> Floats:
    """(n,): elements that units (n, 8) of these loops index; where pixels and kernel slide along, shared ones once."""
    found: Floats = units[:, loops].prod(axis=1)
    for axis, (pixels, kernel) in enumerate((("OY", "FY"), ("OX", "FX"))):
        i, j = LOOP_DIMS.index(pixels), LOOP_DIMS.index(kernel)
        if i in loops and j in loops:
            common = gcd(layer.stride[axis], layer.dilation[axis])
            step, reach = layer.stride[axis] / common, layer.dilation[axis] / common
            pairs = units[:, i] * units[:, j]
            twice = np.maximum(units[:, i] - reach, 0.0) * np.maximum(units[:, j] - step, 0.0)  # see `distinct`
            found = found * (1.0 - twice / pairs)
    return found


def blocked(arch: Arch, layer: Layer, hardware: Hardware, units: Floats, left: Floats, criterion: str) -> Blocked:
    """The best blocking of a layer on each design.

    `units` (n, a, 8) are the spatial units of each loop along each array dimension, `left` (n, 8) the iterations that
    are left to time. `arch` names the memories; sizes, widths and prices are those of `hardware`.
    """
    parts = [
        _chunk(arch, layer, hardware.take(slice(i, i + CHUNK)), units[i : i + CHUNK], left[i : i + CHUNK], criterion)
        for i in range(0, len(left), CHUNK)
    ]
    return Blocked(*(np.concatenate(found) for found in zip(*(vars(part).values() for part in parts), strict=True)))


class _Traffic:
    """What each order moves at each memory: bits read and written by one instance (m, s, n), and pJ (s, n)."""

    def __init__(self, arch: Arch, layer: Layer, hardware: Hardware, orders: int) -> None:
        n, dims = len(hardware.dims), [dim for dim, _ in arch.array]
        self.reads, self.writes = np.zeros((2, len(arch.memories), orders, n))
        self.energy_pj = np.full(
            (orders, n), layer.macs * arch.mac_energy_pj * (layer.weight_bits * layer.input_bits / 64)
        )
        self.instances = np.stack(
            [
                hardware.dims[:, [i for i, d in enumerate(dims) if d not in memory.shared_over]].prod(axis=1)
                for memory in arch.memories
            ]
        )  # (m, n)
        self.read_pj, self._write_pj = (hardware.read_pj / hardware.width).T, (hardware.write_pj / hardware.width).T
        self._arch, self._width = arch, hardware.width

    def move(self, memory: int, read: Floats | float, written: Floats | float) -> None:
        """Bits of all instances together, (s, n)."""
        self.energy_pj = self.energy_pj + read * self.read_pj[memory] + written * self._write_pj[memory]
        self.reads[memory] += read / self.instances[memory]
        self.writes[memory] += written / self.instances[memory]

    def busy_cycles(self) -> Floats:
        """(m, s, n): how long the ports of each memory are busy."""
        both = np.array([any(port.kind == "read_write" for port in memory.ports) for memory in self._arch.memories])
        bits = np.where(both[:, None, None], self.reads + self.writes, np.maximum(self.reads, self.writes))
        found: Floats = bits / self._width.T[:, None]
        return found


def _chunk(arch: Arch, layer: Layer, hardware: Hardware, units: Floats, left: Floats, criterion: str) -> Blocked:
    orders, pieces = _orders(), _pieces(left)
    n, s, m = len(left), orders.own.shape[2], len(arch.memories)
    dims = [dim for dim, _ in arch.array]
    bits = {"W": layer.weight_bits, "I": layer.input_bits, "O": layer.partial_bits}  # on the way
    tensor = {operand: layer.elements(operand) * bits[operand] for operand in OPERANDS}  # type: ignore[arg-type]
    done = layer.elements("O") * (layer.partial_bits - layer.output_bits)  # saved by the last time, when sums are final
    cycles = left.prod(axis=1)
    traffic = _Traffic(arch, layer, hardware, s)
    dram, chip = np.zeros((2, 3, s, n))

    def units_of(memory: int, loops: list[int], *, served: bool) -> Floats:
        along = [i for i, d in enumerate(dims) if (d in arch.memories[memory].shared_over) == served]
        return _elements(layer, units[:, along].prod(axis=1), loops)

    for number, operand in enumerate(OPERANDS):
        levels = arch.levels(operand)
        indexing = [i for i, loop in enumerate(LOOP_DIMS) if loop in INDEXING[operand]]
        reusing = [i for i in range(len(LOOP_DIMS)) if i not in indexing]
        once = left[:, indexing].prod(axis=1) * _elements(layer, units.prod(axis=1), indexing) * bits[operand]
        before = pieces[orders.before[number]].prod(axis=2)  # (2, s, n)
        own = pieces[orders.own[number]]

        def fills(room: Floats | float) -> Floats:
            again = np.where(before > room, own, 1.0)  # noqa: B023 - called within this round alone
            return np.asarray(again[0] * again[1])

        first = levels[0]
        copies = units_of(first, reusing, served=False)
        if operand == "O":
            moved = np.tile(once * copies * left[:, reusing].prod(axis=1), (s, 1))
            traffic.move(first, moved, moved)
        else:
            moved = once * copies * fills(1.0)
            traffic.move(first, moved, 0.0)
        chip[number] = dram[number] = moved  # unless there are more levels
        window = min(1.0, tensor[operand] / (np.prod([layer.dims[i] for i in indexing]) * bits[operand]))
        for below, level in pairwise(levels):
            shared = arch.memories[below].operands
            others = sum(tensor[other] for other in shared if other != operand) / traffic.instances[below]
            room = np.maximum(hardware.size_bits[:, below] / len(shared), hardware.size_bits[:, below] - others)
            room = np.maximum(room / bits[operand] / units_of(below, indexing, served=True), 1.0)
            filled = once * fills(room)
            filled = np.minimum(filled, np.maximum(filled * window, tensor[operand]))
            up = filled * units_of(level, reusing, served=False)
            down = filled * units_of(below, reusing, served=False)
            if operand == "O":  # partial sums come back, but for the first time
                traffic.move(level, np.maximum(up - tensor["O"], 0.0), up - done)
                traffic.move(below, down - done, np.maximum(down - tensor["O"], 0.0))
            else:
                traffic.move(level, up, 0.0)
                traffic.move(below, 0.0, down)
            if level == levels[-1]:
                dram[number] = up - done if operand == "O" else up
            elif level == levels[-2]:
                chip[number] = up
    busy, energy = traffic.busy_cycles(), traffic.energy_pj
    latency = np.maximum(cycles, busy.max(axis=0))
    value = {"latency": latency, "energy": energy}.get(criterion, latency * energy)
    best, row = value.argmin(axis=0), np.arange(n)
    dram_pj = (dram * traffic.read_pj[-1]).sum(axis=0)
    return Blocked(
        latency[best, row],
        energy[best, row],
        latency.min(axis=0),
        energy.min(axis=0),
        busy[-1][best, row],
        busy[: max(1, m - 1)].max(axis=0)[best, row],
        dram_pj[best, row],
        dram[:, best, row].T,
        chip[:, best, row].T,
    )
