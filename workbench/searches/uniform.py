"""Uniform search: designs at random, none twice; what every other search has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from workbench.problem.space import Design
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings


class UniformSettings(SearchSettings):
    """Nothing to set."""


class Uniform(Search):
    """Random without repetition. Which designs it asks for depends on the seed alone, not on the batch."""

    name: ClassVar[str] = "uniform"
    summary: ClassVar[str] = "designs at random, none twice"
    Settings: ClassVar[type[SearchSettings]] = UniformSettings
    general: ClassVar[bool] = True
    ahead: ClassVar[bool] = True

    def __init__(self, problem: Problem, settings: UniformSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)

    def _ask(self, limit: int) -> list[Design]:
        return [self.unseen.draw(self.rng) for _ in range(limit)]

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        pass

    def _state(self) -> dict[str, Any]:
        return {}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        pass
