"""A toy search that learns: every one of its draws depends on all that it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np

from workbench.problem.metrics import Metrics
from workbench.problem.space import Design
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings


class LearnerSettings(SearchSettings):
    """Nothing to set."""


class Learner(Search):
    """Uniform, but each draw is shifted by a number that all sources and models go into."""

    name: ClassVar[str] = "learner"
    summary: ClassVar[str] = "for tests: draws that depend on all that it was given"
    Settings: ClassVar[type[SearchSettings]] = LearnerSettings
    transfers: ClassVar[bool] = True

    def __init__(self, problem: Problem, settings: LearnerSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        found = [[(e.design, _values(e)) for e in source.points] for source in problem.sources]
        content = repr((found, [model.content for model in problem.models]))
        self._digest = int.from_bytes(blake2b(content.encode(), digest_size=8).digest(), "big")

    def _ask(self, limit: int) -> list[Design]:
        drawn = [np.random.default_rng([int(self.rng.integers(2**62)), self._digest]) for _ in range(limit)]
        return [self.unseen.draw(rng) for rng in drawn]

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        pass

    def _state(self) -> dict[str, Any]:
        return {}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        pass


def _values(evaluated: Evaluated) -> tuple[float, ...]:
    outcome = evaluated.outcome
    return (outcome.latency_cycles, outcome.energy_pj) if isinstance(outcome, Metrics) else ()
