"""The contract of a search: ask for designs, be told their outcomes, and go on after a kill as if nothing happened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from workbench.problem.metrics import Outcome
from workbench.problem.space import Design, Space
from workbench.problem.task import BaseTask, Task
from workbench.problem.tasks import hardware
from workbench.searches.unseen import Unseen


class SearchSettings(BaseModel):
    """What a user may set. Each field has a default, bounds and a description: flags, form, JSON and help follow."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A design and what it came to. `cached` is for counting: a search that looked at it would not repeat itself."""

    design: Design
    outcome: Outcome
    cached: bool = False


@dataclass(frozen=True)
class Source:
    """What the lab knows of a task from one earlier run: its designs and what they came to, in the order of the run."""

    name: str
    task: BaseTask
    points: tuple[Evaluated, ...]

    @property
    def arch_task(self) -> Task:
        """See `Problem.arch_task`."""
        return hardware(self.task)


@dataclass(frozen=True)
class SourceModel:
    """A network that was trained on a task of the lab: the content of its safetensors file, as `models` reads it."""

    name: str
    task: Task
    content: bytes


@dataclass(frozen=True)
class Problem:
    """All a search is given: the task, and what the lab knows of others; neither changes while it runs.

    A search that transfers says so (`Search.transfers`); others leave `sources` and `models` alone.
    """

    task: BaseTask
    sources: tuple[Source, ...] = ()
    models: tuple[SourceModel, ...] = ()

    @property
    def space(self) -> Space:
        """The designs to search."""
        return self.task.space

    @property
    def arch_task(self) -> Task:
        """The task, for a search that knows about architectures and layers (`Search.general` is not set)."""
        return hardware(self.task)


class Search(ABC):
    """Asks for designs and learns from their outcomes.

    `ask` and `tell` alternate, and every design asked for is told, in the same order. How many designs fit a batch is
    an argument of `ask`, not a setting of the search: it follows from the machine that evaluates and from the budget
    that is left, and all searches meet it the same way.

    One that says so (`ahead`) may be asked again while some of its designs are under way, and is told of them in
    whatever order they come back. Any other is never asked for its state between `ask` and `tell`.

    A search draws from `rng` only. What follows from the points themselves is no state: `restore` gets them back, so
    that a checkpoint does not grow with the run.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Settings: ClassVar[type[SearchSettings]]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    transfers: ClassVar[bool] = False
    """Whether it learns from `Problem.sources` and `Problem.models`."""
    general: ClassVar[bool] = False
    """Whether it takes any kind of task, also a co-exploration."""
    ahead: ClassVar[bool] = False
    """Whether it may be asked again before it is told of all that it asked for."""
    needs: ClassVar[str | None] = None
    """The library it cannot do without, if that is an extra; the extra has the same name."""

    def __init__(self, problem: Problem, settings: SearchSettings, seed: int) -> None:
        self.problem = problem
        self.space = problem.space
        self.rng = np.random.default_rng(seed)
        self.unseen = Unseen(problem.space)
        self._asked: list[Design] = []

    def ask(self, limit: int) -> list[Design]:
        """One to `limit` designs, none of them asked for before; none at all when the space is exhausted."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        if self._asked and not self.ahead:
            raise RuntimeError(f"{self.name} was asked again before it was told {self._asked}")
        asked = self._ask(min(limit, self.unseen.left)) if self.unseen.left else []
        self._asked += asked
        return asked

    def tell(self, batch: Sequence[Evaluated]) -> None:
        """The outcomes of what was asked, in that order; those of some of it, in any order, where it is asked ahead."""
        told = [evaluated.design for evaluated in batch]
        if told != self._asked and not (self.ahead and len(set(told)) == len(told) and {*told} <= {*self._asked}):
            raise RuntimeError(f"{self.name} asked for {self._asked} and was told {told}")
        self._asked = [design for design in self._asked if design not in told]
        if batch:
            self._tell(batch)

    @property
    def under_way(self) -> tuple[Design, ...]:
        """What it asked for and was not told of yet, in the order in which it asked."""
        return tuple(self._asked)

    def state(self) -> dict[str, Any]:
        """All that the points do not tell, nor the designs under way, as JSON-able content."""
        if self._asked and not self.ahead:
            raise RuntimeError(f"{self.name} has no state to keep while {self._asked} are evaluated")
        return {"generator": self.rng.bit_generator.state, "search": self._state()}

    def restore(
        self, state: Mapping[str, Any], history: Sequence[Evaluated], asked: Sequence[Design] | None = None
    ) -> None:
        """Takes a new search to where another was when it gave `state` and had been told `history`, in order.

        `asked` is all that it had asked for, in order; None: what it was told of.
        """
        told = [evaluated.design for evaluated in history]
        for design in told if asked is None else asked:
            self.unseen.take(design)
        known = set(told)
        self._asked = [design for design in asked or () if design not in known]
        self._restore(state["search"], history)
        self.rng.bit_generator.state = state["generator"]

    @abstractmethod
    def _ask(self, limit: int) -> list[Design]:
        """`limit` or fewer designs, each taken from `unseen`; at least that many are left in it."""

    @abstractmethod
    def _tell(self, batch: Sequence[Evaluated]) -> None:
        """The outcomes, one or more, of what `_ask` gave last; or of some that it gave, where it is asked ahead."""

    @abstractmethod
    def _state(self) -> dict[str, Any]: ...

    @abstractmethod
    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None: ...
