"""What local searches share: walk downhill from design to design, and begin again where no move leads further down.

A subclass says which moves there are from a design, the most wanted first. Moves to designs that are known are judged
at once, free of charge, so none is asked for twice. Where all moves are known and none is better, the walk begins
again: from the best design known for the goal, or, if nothing is left to try around it, from a few designs that differ
from it in several axes (a kick: iterated local search, Lourenco, Martin and Stuetzle 2003), or from anywhere.

Goals. With targets or one objective every walk has the same cost. For a front each one takes the next weights: all
equal, then each objective alone, then at random.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from workbench.problem.metrics import Outcome
from workbench.problem.space import Design
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings
from workbench.searches.cost import goal_weights, relative_cost
from workbench.searches.moves import LOOKS, mutate, take_near


class ClimbSettings(SearchSettings):
    """Where walks begin."""

    first: int = Field(
        8, ge=1, description="Designs drawn at random at the beginning; the walk starts from their best."
    )
    restart: Literal["best", "random"] = Field(
        "best", description="Where a walk begins again: around the best design so far, or anywhere."
    )
    kick: int = Field(5, ge=1, description="Axes that change where nothing is left to try around the best design.")


class Climb(Search):
    """A walk downhill with restarts; the state is where it stands and what for."""

    def __init__(self, problem: Problem, settings: ClimbSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._climb = settings
        self._known: dict[Design, Outcome] = {}
        self._at: Design | None = None
        self._jumping = False
        self._walks = 0
        self._weights = self._next_weights()

    @abstractmethod
    def _moves(self, design: Design) -> list[Design]:
        """Designs to try from this one, none twice, the most wanted first."""

    def _arrived(self, before: Design, after: Design) -> None:
        """The walk went downhill from one design to another."""

    def _ask(self, limit: int) -> list[Design]:
        asked = self.space.size - self.unseen.left
        if self._at is None or asked < self._climb.first:
            return [self.unseen.draw(self.rng) for _ in range(min(limit, max(1, self._climb.first - asked)))]
        wanted = self._wanted(limit)
        if not wanted:
            wanted = self._begin_again(limit)
        return wanted

    def _wanted(self, limit: int) -> list[Design]:
        """The unseen ones of the next moves, taken."""
        if self._at is None:
            return []
        wanted = [design for design in self._moves(self._at) if design in self.unseen][:limit]
        for design in wanted:
            self.unseen.take(design)
        return wanted

    def _begin_again(self, limit: int) -> list[Design]:
        """Stand elsewhere and take what is wanted there; or take designs to stand on."""
        self._walks += 1
        self._weights = self._next_weights()
        if self._climb.restart == "random":
            self._jumping = True
            return [self.unseen.draw(self.rng)]
        self._at = best = self._best(list(self._known))
        if wanted := self._wanted(limit):
            return wanted
        self._jumping = True
        for _ in range(LOOKS):
            there = mutate(self.space, best, self._climb.kick, self.rng)
            if there in self._known:
                self._at = there
                self._settle()
                if wanted := self._wanted(limit):
                    self._jumping = False
                    return wanted
            else:
                return [take_near(self.unseen, self.space, there, self.rng)]
        return [take_near(self.unseen, self.space, best, self.rng)]

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        self._known.update((evaluated.design, evaluated.outcome) for evaluated in batch)
        there = self._best([evaluated.design for evaluated in batch])
        if self._at is None or self._jumping:
            self._at = there
        elif self._cost(there) < self._cost(self._at):
            before, self._at = self._at, there
            self._arrived(before, there)
        self._jumping = False
        self._settle()

    def _settle(self) -> None:
        """Follow known moves down as far as they lead."""
        while self._at is not None:
            known = [design for design in self._moves(self._at) if design in self._known]
            there = self._best([self._at, *known])
            if there == self._at:
                return
            before, self._at = self._at, there
            self._arrived(before, there)

    def _best(self, designs: Sequence[Design]) -> Design:
        """The cheapest of known designs; the first of equal ones."""
        return min(designs, key=self._cost)

    def _cost(self, design: Design) -> float:
        return relative_cost(self.problem.task, self._known[design], self._weights)

    def _next_weights(self) -> tuple[float, ...]:
        return goal_weights(self.problem.task, self._walks, self.rng)

    def _state(self) -> dict[str, Any]:
        return {"at": list(self._at) if self._at else None, "walks": self._walks, "weights": list(self._weights)}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        self._known = {evaluated.design: evaluated.outcome for evaluated in history}
        self._at = tuple(state["at"]) if state["at"] else None
        self._walks, self._weights = state["walks"], tuple(state["weights"])
