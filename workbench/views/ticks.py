"""Where an axis carries ticks and what they say: round numbers on a linear or logarithmic scale."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

from workbench.views.quantity import si

LOG_SCALES = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 2.0, 3.0, 5.0, 7.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0))
"""Mantissas of ticks that look even on a logarithmic axis, from few to many."""


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from `low` to `high`; on a logarithmic one both are positive."""

    low: float
    high: float
    log: bool

    @classmethod
    def around(cls, low: float, high: float) -> Scale:
        """A scale that holds low..high with a margin: logarithmic for positive values."""
        log = low > 0
        if log:
            margin = (high / low) ** 0.04 if high > low else 1.1
            return cls(low / margin, high * margin, True)
        margin = 0.04 * (high - low) or 0.5
        return cls(low - margin, high + margin, False)

    def place(self, value: float) -> float:
        """Where a value lies: 0 at `low`, 1 at `high`."""
        if self.log:
            return log10(value / self.low) / log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most: int) -> list[float]:
        """Round values within the scale: as many as there are up to `most`, evenly spread to the eye."""
        sets = [_linear(self.low, self.high, n) for n in range(2, most + 1)]
        if self.log and self.high / self.low >= 5:
            sets = [_log(self.low, self.high, scale) for scale in LOG_SCALES]
            decades = sets[0]
            if len(decades) > most:
                sets = [decades[:: ceil(len(decades) / most)]]
        return max((s for s in sets if len(s) <= most), key=len, default=[])


def _log(low: float, high: float, mantissas: tuple[float, ...]) -> list[float]:
    found = (m * 10.0**e for e in range(floor(log10(low)), ceil(log10(high)) + 1) for m in mantissas)
    return [value for value in found if low <= value <= high]


def _linear(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten, about `count` of them."""
    raw = (high - low) / count
    power = 10.0 ** floor(log10(raw))
    step = next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= raw * (1 - 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def labels(values: list[float], unit: str) -> list[str]:
    """The ticks' texts: as few digits as keep them apart, with prefix and unit."""
    for digits in range(1, 8):
        texts = [si(value, unit, digits) for value in values]
        shown = [float(f"{value:.{digits - 1}e}") for value in values]
        if len(set(texts)) == len(texts) and all(
            abs(a - b) <= 1e-6 * abs(b) for a, b in zip(shown, values, strict=True)
        ):
            return texts
    return [si(value, unit, 4) for value in values]
