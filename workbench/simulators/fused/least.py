"""What no mapping of a layer on the loop-nest engine can beat, told without asking it.

**The array** is served from the innermost memory of each operand. In every step it hands over its outputs (as partial
sums they come back, too). A weight or an input is fetched in every step, unless the innermost loops do not index it:
then it stays for as many steps as they have. Weights stay over B, OY and OX, inputs over K. The innermost loop is one
of these, or of those, or neither: so at most one of the two stays. Energy is that of all these accesses, and the steps
take as long as the port that is busiest with them (`Moves.least_latency`).

**Between memories** every element passes at least once, each way up to where it lies before or after: it is read above
and written below, or the other way round. (Not so inputs where rows or columns are unrolled unevenly: the engine's
averages leave some out, see `Case`.)

**The last memory** moves each bit that is not on chip before or after at least once, and the engine lets no run be
shorter than that takes (`loopnest/cost.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from workbench.problem.arch import Arch, Direction
from workbench.problem.layer import LOOP_DIMS, Layer, distinct
from workbench.simulators.fused.cost import Cost
from workbench.simulators.loopnest.case import ROUNDING
from workbench.simulators.loopnest.orders import IRRELEVANT, RELEVANT, SLIDING

_OPERANDS = ("W", "I", "O")
_AXES = (("OY", "FY"), ("OX", "FX"))

Sizes = Any
"""One number, or an array of one for each part (h, w)."""


class Served:
    """What serving the array with parts of a layer takes at least: cycles, pJ, and the input bits that pass between
    memories. All parts are of some heights and widths.
    """

    def __init__(self, heights: Sequence[int], widths: Sequence[int], cycles: Sizes, energy_pj: Sizes, bits: Sizes):
        none = np.zeros((len(heights), len(widths)))
        self._heights = {height: row for row, height in enumerate(heights)}
        self._widths = {width: column for column, width in enumerate(widths)}
        self._found: list[list[list[float]]] = np.stack([cycles + none, energy_pj + none, bits + none], axis=2).tolist()

    def of(self, height: int, width: int) -> list[float]:
        """Cycles, pJ and input bits of one part.

        Raises:
            KeyError: its size is none of these.
        """
        return self._found[self._heights[height]][self._widths[width]]

    def sums(
        self, rows: Sequence[tuple[int, int]], columns: Sequence[tuple[int, int]], least_cycles: float
    ) -> tuple[float, float, float]:
        """Of parts of several (height, how often) by (width, how often), each no shorter than `least_cycles`.

        Raises:
            KeyError: some size is none of these.
        """
        cycles = energy = bits = 0.0
        places = [(self._widths[width], times) for width, times in columns]
        for height, times in rows:
            row = self._found[self._heights[height]]
            for column, often in places:
                taken, pj, passing = row[column]
                number = times * often
                cycles += number * (taken if taken > least_cycles else least_cycles)
                energy += number * pj
                bits += number * passing
        return cycles, energy, bits


@dataclass(frozen=True)
class _End:
    """A port between the innermost memory of an operand and the array; `word_pj` is the price of `least_bits`."""

    place: tuple[int, int]
    width: int
    least_bits: int
    word_pj: float


@dataclass(frozen=True)
class _Units:
    """How often an array dimension unrolls a loop: on average, and what the transfers of one step are sized by."""

    array_dim: str
    loop: str
    mean: Sizes
    whole: Sizes


class Least:
    """Of layers on one architecture."""

    def __init__(self, arch: Arch) -> None:
        self.arch = arch
        self._homes = {operand: arch.levels(operand)[0] for operand in _OPERANDS}
        self._inside = {operand: set(arch.memories[home].shared_over) for operand, home in self._homes.items()}
        self._fetch = {operand: self._end(operand, "to_low") for operand in _OPERANDS}
        self._store = self._end("O", "from_low")
        self._passing: dict[tuple[str, int], float] = {}
        last = arch.memories[-1]
        read, write = last.port_of("W", "to_low"), last.port_of("O", "from_low")
        self._one_port = read == write
        self._read_width, self._write_width = last.ports[read].bits_per_cycle, last.ports[write].bits_per_cycle

    def of(self, layer: Layer, pins: Mapping[str, int], served: Sequence[float]) -> Cost:
        """A layer, some operands being in a memory on chip before or after; `served` as `Served.of` tells it."""
        served_cycles, served_pj, passing_bits = served
        last = self.arch.memories[-1]
        weights = layer.elements("W") * layer.weight_bits
        inputs = layer.elements("I") * layer.input_bits
        outputs = layer.elements("O") * layer.output_bits
        moved = tuple(
            0.0 if operand in pins else float(bits)
            for operand, bits in zip(_OPERANDS, (weights, inputs, outputs), strict=True)
        )
        energy = (
            self.mac_pj(layer)
            + served_pj
            + self.passing_pj("W", pins) * weights
            + self.passing_pj("I", pins) * min(inputs, passing_bits)
            + self.passing_pj("O", pins) * outputs
            + ((moved[0] + moved[1]) * last.read_energy_pj + moved[2] * last.write_energy_pj) / last.word_bits
        )
        cycles = max(served_cycles, self.crossing_cycles(moved[0] + moved[1], moved[2]))
        return Cost(cycles, energy, (moved[0], moved[1], moved[2]), layer.macs)

    def mac_pj(self, layer: Layer) -> float:
        """Of all MACs."""
        return layer.macs * self.arch.mac_energy_pj * layer.weight_bits * layer.input_bits / 64

    def crossing_cycles(self, fetched: float, stored: float) -> float:
        """How long the last memory takes for so many bits."""
        reading, writing = fetched / self._read_width, stored / self._write_width
        return reading + writing if self._one_port else max(reading, writing)

    def passing_pj(self, operand: str, pins: Mapping[str, int]) -> float:
        """One bit between all memories on chip that it passes; what happens at the last one is not among it."""
        last = len(self.arch.memories) - 1
        top = pins.get(operand, last)
        if (operand, top) not in self._passing:
            found = 0.0
            for below, above in pairwise(m for m in self.arch.levels(operand) if m <= top):
                ends: list[tuple[int, Direction]] = [(below, "from_high"), (above, "to_low")]
                if operand == "O":
                    ends = [(below, "to_high"), (above, "from_low")]
                for m, direction in ends:
                    memory = self.arch.memories[m]
                    access = memory.read_energy_pj if direction in ("to_low", "to_high") else memory.write_energy_pj
                    width = memory.ports[memory.port_of(operand, direction)].bits_per_cycle
                    found += access / width if m < last else 0.0
            self._passing[operand, top] = found
        return self._passing[operand, top]

    def served(self, layer: Layer, heights: Sequence[int], widths: Sequence[int]) -> Served:
        """Parts of a layer, of all these heights by all these widths, which see as much of its padding as they can.

        Under the spatial mapping `auto` all PEs are at work, and nothing is said of what serves them.
        """
        sizes: dict[str, Sizes] = {dim: layer.size(dim) for dim in LOOP_DIMS}
        sizes["OY"], sizes["OX"] = np.array(heights)[:, None], np.array(widths)[None, :]
        if isinstance(self.arch.spatial_mapping, str):
            return Served(heights, widths, prod(sizes.values()) / self.arch.pes, 0.0, 0.0)
        units, remaining = self._unrolled(sizes)
        most = _inputs(layer, sizes)
        cycles, energy = self._array(layer, most, units, remaining)
        even = reduce(np.logical_and, (unit.mean == unit.whole for unit in units if unit.loop in SLIDING), True)
        elements = prod(sizes[dim] for dim in ("B", "G", "C")) * most[0] * most[1]
        return Served(heights, widths, cycles, energy, np.where(even, elements * layer.input_bits, 0.0))

    def _end(self, operand: str, direction: Direction) -> _End:
        home = self._homes[operand]
        memory = self.arch.memories[home]
        number = memory.port_of(operand, direction)
        port = memory.ports[number]
        access = memory.read_energy_pj if direction == "to_low" else memory.write_energy_pj
        least = port.min_bits_per_cycle
        # What only the last memory holds is priced as crossing it.
        price = access * least / port.bits_per_cycle if home < len(self.arch.memories) - 1 else 0.0
        return _End((home, number), port.bits_per_cycle, least, price)

    def _unrolled(self, sizes: Mapping[str, Sizes]) -> tuple[list[_Units], dict[str, Sizes]]:
        """What the array unrolls of each loop, and what is left to time: as `spatial.fill` and `spread` say."""
        left = dict(sizes)
        chosen: list[tuple[str, str, Sizes]] = []
        rule = self.arch.spatial_mapping
        for array_dim, unrolling in rule if not isinstance(rule, str) else ():
            room: Sizes = self.arch.array_size[array_dim]
            for loop, limit in unrolling:
                units = np.minimum(np.minimum(left[loop], room), room if limit is None else limit)
                left[loop], room = -(-left[loop] // units), room // units
                chosen.append((array_dim, loop, units))
        remaining, found = {}, []
        for loop, size in sizes.items():
            places = [(array_dim, units) for array_dim, each, units in chosen if each == loop]
            together = prod(units for _, units in places)
            remaining[loop] = -(-size // together)
            widest = reduce(np.maximum, (units for _, units in places), 1)
            taken: Sizes = False  # the first of the widest is the one that is left partly filled
            for array_dim, units in places:
                partly = (units == widest) & ~np.asarray(taken)
                taken = np.asarray(taken) | partly
                mean = np.where(partly, size / remaining[loop] / (together // units), units)
                found.append(_Units(array_dim, loop, mean, np.maximum(1, np.floor(mean + 1e-9))))
        return found, remaining

    def _array(
        self, layer: Layer, most: Sequence[Sizes], units: Sequence[_Units], remaining: Mapping[str, Sizes]
    ) -> tuple[Sizes, Sizes]:
        """The least cycles and pJ for serving the array."""
        steps = prod(remaining.values())
        adds = prod(remaining[loop] for loop in IRRELEVANT["O"]) > 1
        for unit in units:
            if unit.loop in IRRELEVANT["O"] and unit.array_dim not in self._inside["O"]:
                adds |= unit.mean > 1 + ROUNDING
        streams = {
            "W": self._stream(layer, most, units, "W", [(self._fetch["W"], layer.weight_bits)]),
            "I": self._stream(layer, most, units, "I", [(self._fetch["I"], layer.input_bits)]),
            "O": self._stream(
                *(layer, most, units, "O"),
                [
                    (self._store, np.where(adds, layer.partial_bits, layer.output_bits)),
                    (self._fetch["O"], np.where(adds, layer.partial_bits, 0)),
                ],
            ),
        }
        least_cycles = least_pj = np.inf
        for stays in ("W", "I"):
            busy: dict[tuple[int, int], Sizes] = {}
            energy: Sizes = 0.0
            for operand, (pj, cycles) in streams.items():
                often = steps / prod(remaining[loop] for loop in IRRELEVANT[operand]) if operand == stays else steps
                energy += pj * often
                for place, taken in cycles:
                    busy[place] = busy.get(place, 0.0) + taken * (often - 1)
            least_cycles = np.minimum(least_cycles, reduce(np.maximum, busy.values()))
            least_pj = np.minimum(least_pj, energy)
        return np.maximum(least_cycles, steps), least_pj

    def _stream(
        self,
        layer: Layer,
        most: Sequence[Sizes],
        units: Sequence[_Units],
        operand: str,
        ends: Sequence[tuple[_End, Sizes]],
    ) -> tuple[Sizes, list[tuple[tuple[int, int], Sizes]]]:
        """One operand between its innermost memory and the array in one step: pJ over all instances, cycles by port."""
        inside = [unit for unit in units if unit.array_dim in self._inside[operand]]
        apart = prod(unit.mean for unit in units if unit.array_dim not in self._inside[operand])
        at_work = np.round(np.round(apart, 3))
        on_average = _different(layer, operand, most, [(unit.loop, unit.mean) for unit in inside])
        at_once = np.round(_different(layer, operand, most, [(unit.loop, unit.whole) for unit in inside]))
        energy: Sizes = 0.0
        cycles = []
        for end, bits in ends:
            energy += np.ceil(on_average * bits / end.least_bits * (1 - ROUNDING)) * end.word_pj * at_work
            cycles.append((end.place, np.ceil(at_once * bits / end.width)))
        return energy, cycles


def _inputs(layer: Layer, sizes: Mapping[str, Sizes]) -> list[Sizes]:
    """Rows and columns of the real input that parts read at least (`Layer.input_extent_max`)."""
    padding = layer.padding[0] + layer.padding[1], layer.padding[2] + layer.padding[3]
    return [
        np.maximum(1, distinct(stride, np.asarray(sizes[outer]), dilation, sizes[kernel]) - none)
        for (outer, kernel), stride, dilation, none in zip(_AXES, layer.stride, layer.dilation, padding, strict=True)
    ]


def _different(layer: Layer, operand: str, most: Sequence[Sizes], units: Sequence[tuple[str, Sizes]]) -> Sizes:
    """Elements that one instance exchanges with the array in a step."""
    found: Sizes = prod(number for loop, number in units if loop in RELEVANT[operand])
    if operand == "I":
        for (outer, kernel), stride, dilation, extent in zip(_AXES, layer.stride, layer.dilation, most, strict=True):
            rows = np.floor(prod(number for loop, number in units if loop == outer) + ROUNDING).astype(np.int64)
            taps = np.floor(prod(number for loop, number in units if loop == kernel) + ROUNDING).astype(np.int64)
            found = found * np.minimum(distinct(stride, rows, dilation, taps), extent)
    return found
