"""What no mapping of a candidate can beat, told without its tiles one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from workbench.problem.arch import Arch
from workbench.problem.graph import WorkloadLayer
from workbench.problem.receptive import AXES
from workbench.simulators.fused.copies import Copies
from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.least import Least, Served
from workbench.simulators.fused.tiling import Exits, Tiling
from workbench.simulators.fused.work import Candidate, loaded_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Rates:
    """What parts of a layer cost at least beside serving the array: for each position of its map, for each tile (its
    weights), and for each input bit that passes between memories.
    """

    position_macs: int
    position_pj: float
    tile_bits: int
    tile_cycles: float
    tile_pj: float
    input_pj: float


class Bounds:
    """Of the candidates of one network on one architecture."""

    def __init__(self, exits: Exits, arch: Arch) -> None:
        self.arch, self.network, self.exits = arch, exits.network, exits
        self.least, self.copies = Least(arch), Copies(arch)
        self._served: dict[int, Served] = {}
        self._rates: dict[tuple[int, ...], _Rates] = {}
        self._leasts: dict[tuple[object, ...], tuple[float, float, float, int]] = {}

    def of(self, candidate: Candidate) -> Cost:
        """What no mapping of a candidate can beat, in every part, told without its tiles one by one: by what each layer
        takes for the different parts that it is cut into (`Least`), and by what is copied in all.

        Work and copies overlap at most as far as the last memory allows.
        """
        tiling, network, placement, last = candidate.tiling, self.network, candidate.placement, self.arch.memories[-1]
        group, home, kept = tiling.group, placement.maps, placement.weights
        inputs = tiling.area(group.entry) * network.position_bits(group, group.entry)
        outputs = tiling.area(group.exit) * network.position_bits(group, group.exit)
        loaded = loaded_of(candidate, self.copies)
        serial, energy, weights, macs = loaded.latency_cycles, loaded.energy_pj, loaded.dram_bits[0], 0
        pins = {"I": home, "O": home} if kept is None else {"I": home, "O": home, "W": kept}
        for number in group.items:
            item = network.items[number]
            if isinstance(item, WorkloadLayer):
                if group.entry in network.producers[number] and group.entry not in candidate.staged:
                    inputs = item.layer.elements("I") * item.layer.input_bits
                key = group.exit, tiling.mode, tiling.at, number, home, kept  # other groups with this exit share it
                if key not in self._leasts:
                    self._leasts[key] = self._least_of(tiling, number, pins)
                cycles, pj, bits, done = self._leasts[key]
                serial, energy, weights, macs = serial + cycles, energy + pj, weights + bits, macs + done
        fetched, stored = self.copies.fetch(home, "I", inputs), self.copies.store(home, outputs)
        for end, copy, price in (
            (group.entry, fetched, last.read_energy_pj),
            (group.exit, stored, last.write_energy_pj),
        ):
            staged = end in candidate.staged
            energy += copy.energy_pj if staged else copy.bits / last.word_bits * price
            serial += copy.cycles if staged and not placement.double_buffered else 0.0
        cycles = max(serial, self.least.crossing_cycles(inputs + weights, outputs))
        return Cost(cycles, energy, (weights, inputs, outputs), macs).least()

    def _least_of(self, tiling: Tiling, number: int, pins: Mapping[str, int]) -> tuple[float, float, float, int]:
        """Cycles, pJ, weight bits from the last memory and MACs of a layer with its maps on chip, at least."""
        rates = self._rates_of(number, pins)
        rows, columns = tiling.parts(number)
        cycles, array_pj, input_bits = self.served(number, lambda table: table.sums(rows, columns, rates.tile_cycles))
        tiles = sum(times for _, times in rows) * sum(times for _, times in columns)
        area = tiling.area(number)
        energy = array_pj + rates.position_pj * area + rates.tile_pj * tiles + rates.input_pj * input_bits
        return cycles, energy, rates.tile_bits * tiles, rates.position_macs * area

    def _rates_of(self, number: int, pins: Mapping[str, int]) -> _Rates:
        key = number, *pins.values()
        if key not in self._rates:
            item, least, last = self.network.items[number], self.least, self.arch.memories[-1]
            assert isinstance(item, WorkloadLayer)
            layer, whole = item.layer, item.layer.size("OY") * item.layer.size("OX")
            weights, outputs = layer.elements("W") * layer.weight_bits, layer.elements("O") * layer.output_bits
            streamed = 0 if "W" in pins else weights
            crossing = streamed / last.word_bits * last.read_energy_pj
            self._rates[key] = _Rates(
                position_macs=layer.macs // whole,
                position_pj=(least.mac_pj(layer) + least.passing_pj("O", pins) * outputs) / whole,
                tile_bits=streamed,
                tile_cycles=least.crossing_cycles(streamed, 0.0),
                tile_pj=least.passing_pj("W", pins) * weights + crossing,
                input_pj=least.passing_pj("I", pins),
            )
        return self._rates[key]

    def served(self, number: int, told: Callable[[Served], T]) -> T:
        """What is told of serving the array with parts of a layer, by a table of all parts that groups have so far."""
        if number in self._served:
            with suppress(KeyError):
                return told(self._served[number])
        item = self.network.items[number]
        assert isinstance(item, WorkloadLayer)
        heights, widths = (self.exits.made(number, axis) for axis in AXES)
        self._served[number] = self.least.served(item.layer, heights, widths)
        return told(self._served[number])
