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


def fetch(arch: Arch, home: int, operand: str, bits: int) -> Copy:
    """From the last memory to one on chip."""
    last = len(arch.memories) - 1
    return _copy(arch, bits, (last, operand, "to_low"), (home, operand, "from_high"))


def store(arch: Arch, home: int, bits: int) -> Copy:
    """Outputs from a memory on chip to the last one."""
    last = len(arch.memories) - 1
    return _copy(arch, bits, (home, "O", "to_high"), (last, "O", "from_low"))


End = tuple[int, str, Direction]


def _copy(arch: Arch, bits: int, source: End, target: End) -> Copy:
    energy, cycles = 0.0, {}
    for (m, operand, direction), reads in ((source, True), (target, False)):
        memory = arch.memories[m]
        energy += bits / memory.word_bits * (memory.read_energy_pj if reads else memory.write_energy_pj)
        port = memory.port_of(operand, direction)
        number = sum(len(each.ports) for each in arch.memories[:m]) + port
        cycles[number] = bits / memory.ports[port].bits_per_cycle
    return Copy(bits, energy, cycles)
