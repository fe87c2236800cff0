"""What a stored sweep has come to, in numbers; light, since lists of runs ask for it."""

from __future__ import annotations

from json import loads
from typing import Final, NamedTuple

from store.database import Lab

NAME: Final = "sweep"
"""What a run that is a sweep has for its search."""


class Counts(NamedTuple):
    """Designs: decided, valid, and costed in all three objectives."""

    covered: int = 0
    valid: int = 0
    evaluated: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))

    def words(self) -> str:
        """`480,018,432 covered, 1,309,048 valid, 2,625 evaluated`."""
        return ", ".join(f"{value:,} {name}" for name, value in self._asdict().items())


def summaries(lab: Lab, run_id: int) -> list[Counts]:
    """What each step of a sweep has covered, found valid and evaluated, the first one first."""
    checkpoint = lab.checkpoint(run_id)
    return [Counts(*each) for each in loads(checkpoint.state)["counts"]] if checkpoint else []


def counts_of(lab: Lab, run_id: int) -> Counts:
    """All of that together."""
    found = Counts()
    for each in summaries(lab, run_id):
        found = found.plus(each)
    return found
