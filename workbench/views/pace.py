"""How far a run is and how fast it goes, in words."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from workbench.views.quantity import METRIC_WORDS, count, duration, metric, si

RATE_SECONDS = 30.0
"""The rate is that of the last so many seconds: what the run does now, not what it did an hour ago."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a run is: what both displays show. `budget` is None for a run that only another rule ends."""

    points: int
    budget: int | None
    simulated: int
    hits: int
    feasible: int
    front_size: int
    hypervolume: float | None
    best: dict[str, float]
    counts: str | None = None
    """What came of the designs, where that is not told by the numbers."""


@dataclass(slots=True)
class Pace:
    """Points a second, lately, and what is left to do."""

    marks: deque[tuple[float, int]] = field(default_factory=deque)  # (seconds, points)

    def mark(self, now: float, points: int) -> None:
        """So many points were done now."""
        self.marks.append((now, points))
        while len(self.marks) > 2 and self.marks[1][0] < now - RATE_SECONDS:
            self.marks.popleft()

    @property
    def per_second(self) -> float | None:
        """Unknown before two marks."""
        (begun, first), (ended, last) = (self.marks[0], self.marks[-1]) if self.marks else ((0.0, 0), (0.0, 0))
        return (last - first) / (ended - begun) if ended > begun else None

    def seconds_left(self, reading: Reading) -> float | None:
        """Until the budget is used up."""
        rate = self.per_second
        if reading.budget is None or not rate:
            return None
        return max(0, reading.budget - reading.points) / rate


def done_text(reading: Reading, pace: Pace) -> str:
    """`187/300 designs  23/s  5 s left`."""
    goal = "" if reading.budget is None else f"/{count(reading.budget)}"
    parts = [f"{count(reading.points)}{goal} designs"]
    rate, left = pace.per_second, pace.seconds_left(reading)
    if rate is not None:
        parts.append(f"{rate:.3g}/s" if rate < 1e5 else f"{si(rate, digits=3)}/s")
    if left:
        parts.append(f"{duration(round(left))} left")
    return "  ".join(parts)


def best_text(reading: Reading) -> str:
    """The best so far, each objective for itself."""
    best = "  ".join(f"{METRIC_WORDS.get(name, name)} {metric(name, value)}" for name, value in reading.best.items())
    hypervolume = "" if reading.hypervolume is None else f"  hypervolume {reading.hypervolume:.4g}"
    return f"best {best or '-'}  front {reading.front_size}{hypervolume}"


def counts_text(reading: Reading) -> str:
    """Where the outcomes came from, and how many were none."""
    if reading.counts is not None:
        return reading.counts
    lost = reading.points - reading.feasible
    share = f" ({reading.hits / (reading.hits + reading.simulated):.0%})" if reading.hits else ""
    from_lab = f"from the lab {count(reading.hits)}{share}"
    return f"simulated {count(reading.simulated)}  {from_lab}  cannot be built {count(lost)}"
