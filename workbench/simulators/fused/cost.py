"""What a layer, a group or a network costs, and what no such cost can be below."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a layer, a group or a network; costs of what runs one after the other add up.

    `dram_bits`: what weights, inputs and outputs move to and from the last memory.
    """

    latency_cycles: float = 0.0
    energy_pj: float = 0.0
    dram_bits: tuple[float, float, float] = (0.0, 0.0, 0.0)
    macs: int = 0

    @property
    def traffic_bits(self) -> float:
        """DRAM traffic of all operands."""
        return sum(self.dram_bits)

    def __add__(self, other: Cost) -> Cost:
        (w, i, o), (w2, i2, o2) = self.dram_bits, other.dram_bits
        return Cost(
            self.latency_cycles + other.latency_cycles,
            self.energy_pj + other.energy_pj,
            (w + w2, i + i2, o + o2),
            self.macs + other.macs,
        )

    def times(self, count: int) -> Cost:
        """So many of it, one after the other."""
        weights, inputs, outputs = self.dram_bits
        bits = count * weights, count * inputs, count * outputs
        return Cost(count * self.latency_cycles, count * self.energy_pj, bits, count * self.macs)

    def least(self) -> Cost:
        """As a bound: sums of the same terms in another order may differ by so much."""
        weights, inputs, outputs = self.dram_bits
        bits = weights * SAFE, inputs * SAFE, outputs * SAFE
        return Cost(self.latency_cycles * SAFE, self.energy_pj * SAFE, bits, self.macs)

    def at_least(self, other: Cost) -> Cost:
        """Two bounds of one thing: in every part the greater."""
        (w, i, o), (w2, i2, o2) = self.dram_bits, other.dram_bits
        return Cost(
            max(self.latency_cycles, other.latency_cycles),
            max(self.energy_pj, other.energy_pj),
            (max(w, w2), max(i, i2), max(o, o2)),
            max(self.macs, other.macs),
        )


SAFE = 1 - 1e-9
