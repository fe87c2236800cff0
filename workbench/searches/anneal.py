"""Simulated annealing: chains that walk to neighbours, uphill less and less often, and start again when cold.

Kirkpatrick, Gelatt and Vecchi 1983. The cost is relative by default (the logarithm of what is to be small), so one
temperature suits every task: at temperature 0.1, a design 10 % worse is accepted with probability 1/e. The preset
`paper` is the baseline of Wu et al. 2023: the energy-delay product in J*s and a first temperature of 2e-8 J*s
(INFERRED: the paper gives the number without a unit; EDP in J*s at 1 GHz is the one reading in which it makes sense).

Goals. With targets or one objective, every chain has the same cost. For a front each start of a chain takes the next
weights: all equal, then each objective alone, then at random; from the best design known for them, the few steps of one
chain go further than many chains that share the budget.

No design is asked for twice: a move to a design that is known is decided at once, free of charge. Where a chain's
surroundings are all known, it looks further and further away.

Defaults. Tuned by hand on four layers of AlexNet and VGG16, each on another bundled architecture with its given
spatial mappings, costed by `loopnest`: designs until both targets of the best thousandth of the space are met, in
batches of four, median of ten or twenty seeds, geometric mean over the layers. Temperatures from 0.05 to 1, 20 to 150
steps, cooling to 0.01 or 0.1, both restarts, 4 to 20 first designs and 1 or 2 chains were tried, a few at a time: 0.1,
30 steps and 0.01 need 95 (nine in ten runs: 184), most others 100 to 130 (200 to 290). What matters most is to start
again soon and from the best: random restarts need 225. For a front the order is much the same, differences are small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, ClassVar, Literal

from pydantic import Field

from workbench.problem.metrics import Outcome
from workbench.problem.space import Design
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings
from workbench.searches.cost import edp_cost, goal_weights, relative_cost
from workbench.searches.moves import mutate, take_near

FREE_MOVES = 32
"""Moves among known designs between two that are asked for; more would make a cold, exhausted corner expensive."""


class AnnealSettings(SearchSettings):
    """How fast it cools, and what it walks down."""

    cost: Literal["relative", "edp_js"] = Field(
        "relative",
        description="'relative': missed targets or weighted objectives, as ratios; 'edp_js': EDP in J*s.",
    )
    temperature: float = Field(0.1, gt=0, description="First temperature, in the unit of the cost.")
    steps: int = Field(30, ge=1, description="Designs of a chain until it starts again.")
    cooling: float = Field(0.01, gt=0, le=1, description="A chain's last temperature, as a part of its first.")
    first: int = Field(
        8, ge=1, description="Designs drawn at random at the beginning; chains start from the best of them."
    )
    restart: Literal["random", "best"] = Field(
        "best", description="Where a chain starts again: at the best design for its cost so far, or at random."
    )
    chains: int = Field(1, ge=1, le=256, description="Chains side by side, which take turns.")


@dataclass(slots=True)
class Chain:
    """A walker: where it stands (nowhere before its first design is known), and how far it has cooled."""

    weights: tuple[float, ...]
    at: Design | None = None
    age: int = 0


class Anneal(Search):
    """Simulated annealing on any cost, for one goal or a front."""

    name: ClassVar[str] = "anneal"
    summary: ClassVar[str] = "simulated annealing: neighbours, uphill less and less often"
    Settings: ClassVar[type[SearchSettings]] = AnnealSettings
    general: ClassVar[bool] = True
    ahead: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {"cost": "edp_js", "temperature": 2e-8, "first": 1}}

    def __init__(self, problem: Problem, settings: AnnealSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._settings = settings
        self._known: dict[Design, Outcome] = {}
        self._started = 0
        self._turn = 0
        self._asked_by: dict[Design, int] = {}  # of what is under way, the chain that proposed it
        self._chains = [self._start() for _ in range(settings.chains)]

    def _ask(self, limit: int) -> list[Design]:
        """The chains take turns; with more places than chains, one proposes several designs from where it stands."""
        turns = [(self._turn + i) % len(self._chains) for i in range(limit)]
        self._turn = (self._turn + limit) % len(self._chains)
        asked = [self._propose(self._chains[i]) for i in turns]
        self._asked_by.update(zip(asked, turns, strict=True))
        return asked

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        for evaluated in batch:
            index = self._asked_by.pop(evaluated.design)
            self._known[evaluated.design] = evaluated.outcome
            if len(self._known) <= self._settings.first:
                for chain in self._chains:
                    self._stand_on_best(chain)
                continue
            chain = self._chains[index]
            self._move(chain, evaluated.design)
            chain.age += 1
            if chain.age >= self._settings.steps:
                self._chains[index] = self._start()

    def _start(self) -> Chain:
        """A new chain, with the next weights; `best` puts it on the best design known."""
        chain = Chain(goal_weights(self.problem.task, self._started, self.rng))
        self._started += 1
        if self._settings.restart == "best":
            self._stand_on_best(chain)
        return chain

    def _stand_on_best(self, chain: Chain) -> None:
        chain.at = min(self._known, key=lambda design: self._cost(chain, design), default=None)

    def _cost(self, chain: Chain, design: Design) -> float:
        outcome = self._known[design]
        if self._settings.cost == "edp_js":
            return edp_cost(outcome)
        return relative_cost(self.problem.task, outcome, chain.weights)

    def _move(self, chain: Chain, there: Design) -> None:
        """Metropolis: downhill always, uphill with probability exp(-rise / temperature)."""
        if chain.at is None:
            chain.at = there
            return
        rise = self._cost(chain, there) - self._cost(chain, chain.at)
        temperature = self._settings.temperature * self._settings.cooling ** (chain.age / self._settings.steps)
        if rise <= 0 or (temperature > 0 and self.rng.random() < exp(-rise / temperature)):
            chain.at = there

    def _propose(self, chain: Chain) -> Design:
        """An unseen design: a neighbour where there is one on the way, else one ever further away."""
        asked = self.space.size - self.unseen.left
        if chain.at is None or asked < self._settings.first:
            return self.unseen.draw(self.rng)
        for _ in range(FREE_MOVES):
            there = mutate(self.space, chain.at, 1, self.rng)
            if there in self.unseen:
                self.unseen.take(there)
                return there
            if there in self._known:
                self._move(chain, there)
        return take_near(self.unseen, self.space, chain.at, self.rng)

    def _state(self) -> dict[str, Any]:
        return {
            "started": self._started,
            "turn": self._turn,
            "asked_by": [self._asked_by[design] for design in self.under_way],
            "chains": [
                {"at": list(c.at) if c.at is not None else None, "age": c.age, "weights": list(c.weights)}
                for c in self._chains
            ],
        }

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        self._known = {evaluated.design: evaluated.outcome for evaluated in history}
        self._started, self._turn = state["started"], state["turn"]
        self._asked_by = dict(zip(self.under_way, state.get("asked_by", ()), strict=True))  # earlier ones have none
        self._chains = [
            Chain(tuple(c["weights"]), tuple(c["at"]) if c["at"] is not None else None, c["age"])
            for c in state["chains"]
        ]
