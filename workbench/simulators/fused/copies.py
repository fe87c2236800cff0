"""Tiles copied between the last memory and the chip: bits, energy, and how long the ports at both ends are busy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.problem.arch import Arch, Direction


@dataclass(frozen=True, slots=True)
class Copy:
    """One transfer. `port_cycles`: by the port's number among those of all memories."""

    bits: int
    energy_pj: float
    port_cycles: Mapping[int, float]

    @property
    def cycles(self) -> float:
        """How long it takes where nothing else uses its ports."""
        return max(self.port_cycles.values(), default=0.0)


@dataclass(frozen=True, slots=True)
class _End:
    """A port: its number among those of all memories, its width, and the price of a word of its memory."""

    number: int
    width: int
    word_bits: int
    word_pj: float


class Copies:
    """Copies on one architecture."""

    def __init__(self, arch: Arch) -> None:
        self._arch = arch
        self._ends: dict[tuple[str, int], tuple[_End, _End]] = {}

    def fetch(self, home: int, operand: str, bits: int) -> Copy:
        """From the last memory to one on chip."""
        if (operand, home) not in self._ends:
            last = len(self._arch.memories) - 1
            self._ends[operand, home] = self._end(last, operand, "to_low"), self._end(home, operand, "from_high")
        return _copy(bits, *self._ends[operand, home])

    def store(self, home: int, bits: int) -> Copy:
        """Outputs from a memory on chip to the last one."""
        if ("O", home) not in self._ends:
            last = len(self._arch.memories) - 1
            self._ends["O", home] = self._end(home, "O", "to_high"), self._end(last, "O", "from_low")
        return _copy(bits, *self._ends["O", home])

    def _end(self, m: int, operand: str, direction: Direction) -> _End:
        memory = self._arch.memories[m]
        port = memory.port_of(operand, direction)
        number = sum(len(each.ports) for each in self._arch.memories[:m]) + port
        price = memory.read_energy_pj if direction in ("to_low", "to_high") else memory.write_energy_pj
        return _End(number, memory.ports[port].bits_per_cycle, memory.word_bits, price)


def _copy(bits: int, source: _End, target: _End) -> Copy:
    energy = bits / source.word_bits * source.word_pj + bits / target.word_bits * target.word_pj
    return Copy(bits, energy, {end.number: bits / end.width for end in (source, target)})
