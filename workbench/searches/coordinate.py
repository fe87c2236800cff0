"""Coordinate descent: one part of the design is refined with all others fixed, then the next, until none improves.

The heuristic baseline of Wu et al. 2023, which decomposes a design into sub-designs and refines each in turn (they name
ZigZag as the model; ZigZag itself does not search architectures any more). How a part is refined and when the search
starts again is not in the paper: INFERRED. A part is one axis by default. With the preset `paper` it is a sub-design:
the array, one memory or the spatial mapping, with all axes that change it; at most two of them change in one move.
Restarts and fronts: see module `climb`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any, ClassVar, Literal

from pydantic import Field

from workbench.problem.space import Design
from workbench.searches.base import Evaluated, Problem, SearchSettings
from workbench.searches.climb import Climb, ClimbSettings
from workbench.searches.moves import REACH
from workbench.searches.parts import parts_of_axes


class CoordinateSettings(ClimbSettings):
    """What is refined at a time, and how far it looks."""

    parts: Literal["axes", "sub_designs"] = Field(
        "axes", description="'axes': one at a time; 'sub_designs': all axes of the array, of a memory, of the mapping."
    )
    line: Literal["near", "whole"] = Field(
        "near", description="Choices tried of an ordered axis: those near the present one, or all."
    )


class Coordinate(Climb):
    """Refines part after part, in an order that is shuffled once."""

    name: ClassVar[str] = "coordinate"
    summary: ClassVar[str] = "one part of the design after the other, each refined with the rest fixed"
    Settings: ClassVar[type[SearchSettings]] = CoordinateSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {"parts": "sub_designs"}}

    def __init__(self, problem: Problem, settings: CoordinateSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._whole = settings.line == "whole"
        parts = parts_of_axes(problem.arch_task)
        if settings.parts == "axes":
            parts = [(axis,) for part in parts for axis in part]
        self._parts = [parts[i] for i in self.rng.permutation(len(parts))]

    def _moves(self, design: Design) -> list[Design]:
        """Part after part, from the one that was refined last; of a part, the smaller changes first."""
        return [move for part in self._parts for move in self._moves_of(part, design)]

    def _moves_of(self, part: tuple[int, ...], design: Design) -> list[Design]:
        found: list[Design] = []
        for count in range(1, min(2, len(part)) + 1):
            for axes in combinations(part, count):
                for choices in product(*(self._line(axis, design[axis]) for axis in axes)):
                    changed = list(design)
                    for axis, choice in zip(axes, choices, strict=True):
                        changed[axis] = choice
                    found.append(tuple(changed))
        return found

    def _line(self, axis: int, choice: int) -> list[int]:
        """Other choices of an axis: any of a named one; of an ordered one the nearer ones first, in growing steps."""
        count = self.space.shape[axis]
        if not self.space.axes[axis].ordered:
            return [other for other in range(count) if other != choice]
        furthest = count - 1 if self._whole else max(1, count // REACH)
        steps = range(1, furthest + 1) if count <= 2 * REACH else [2**i for i in range(furthest.bit_length())]
        return [there for step in steps for there in (choice + step, choice - step) if 0 <= there < count]

    def _arrived(self, before: Design, after: Design) -> None:
        """Stay with the part that improved: it may improve further."""
        changed = {axis for axis, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}
        while not changed & set(self._parts[0]):
            self._parts.append(self._parts.pop(0))

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "parts": [list(part) for part in self._parts]}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        super()._restore(state, history)
        self._parts = [tuple(part) for part in state["parts"]]
