"""The samplers of Optuna (Akiba et al. 2019), the real library behind the contract: TPE, NSGA-II, Gaussian process.

An extra: pip install 'dse-workbench[optuna]'. Ordered axes are integers, named ones categories. Defaults are the
library's own where a setting does not say otherwise.

Goals. With targets or one objective the study has one value, the relative cost (with targets: how far the worst one is
missed); for a front it has one for each objective, its logarithm. A design that cannot be built violates a constraint,
and has values beyond the worst known, for what models them all the same.

Resume is exact because nothing is kept: for every batch a new study is built from the designs told, and a new sampler
is seeded by the search's generator. Only NSGA-II's generations do not follow from the designs: they are the state.
Optuna may suggest what is known; it is asked again a few times, while what it suggested before counts as running, and
then an unseen design near the suggestion is taken.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from workbench.problem.metrics import Infeasible, Metrics
from workbench.problem.space import Design
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings
from workbench.searches.cost import INFEASIBLE, infeasible_cost, is_front, log_objectives, relative_cost
from workbench.searches.moves import take_near

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

TRIES = 4
"""Suggestions of known designs until a place in the batch is filled otherwise."""


class OptunaSettings(SearchSettings):
    """Which sampler, and how it begins."""

    sampler: Literal["tpe", "nsga2", "gp"] = Field(
        "tpe", description="Tree-structured Parzen estimator, NSGA-II, or Gaussian process."
    )
    first: int = Field(10, ge=1, description="Designs at random before 'tpe' or 'gp' models anything.")
    population: int = Field(20, ge=2, le=1000, description="Of 'nsga2'; the library's own default is 50.")


class Optuna(Search):
    """A study that is asked and told, for one goal or a front."""

    name: ClassVar[str] = "optuna"
    summary: ClassVar[str] = "Optuna's samplers: TPE, NSGA-II, Gaussian process"
    Settings: ClassVar[type[SearchSettings]] = OptunaSettings
    general: ClassVar[bool] = True
    needs: ClassVar[str | None] = "optuna"

    def __init__(self, problem: Problem, settings: OptunaSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._settings = settings
        self._told: list[Evaluated] = []
        self._attributes: list[dict[str, Any]] = []  # of each trial asked: its generation under NSGA-II, else nothing
        self._distributions = distributions(problem)

    def _ask(self, limit: int) -> list[Design]:
        with quiet(self._settings.sampler):
            study = self._study()
            return [self._next(study) for _ in range(limit)]

    def _next(self, study: Study) -> Design:
        for _ in range(TRIES):
            trial = study.ask(self._distributions)
            design = tuple(int(trial.params[axis.name]) for axis in self.space.axes)
            if design in self.unseen:
                break
        kept = study.get_trials(deepcopy=False)[-1].system_attrs if self._settings.sampler == "nsga2" else {}
        self._attributes.append(dict(kept))
        return take_near(self.unseen, self.space, design, self.rng)

    def _study(self) -> Study:
        """All that was told, in a study of its own."""
        import optuna

        sampler = self._sampler(int(self.rng.integers(2**31)))
        values = self._values()
        directions = ["minimize"] * (len(self.problem.task.objectives) if is_front(self.problem.task) else 1)
        study = optuna.create_study(sampler=sampler, directions=directions)
        study.add_trials([self._trial(*told) for told in zip(self._told, values, self._attributes, strict=True)])
        return study

    def _sampler(self, seed: int) -> BaseSampler:
        from optuna.samplers import GPSampler, NSGAIISampler, TPESampler

        if self._settings.sampler == "nsga2":
            return NSGAIISampler(population_size=self._settings.population, seed=seed)
        if self._settings.sampler == "gp":
            return GPSampler(n_startup_trials=self._settings.first, deterministic_objective=True, seed=seed)
        return TPESampler(n_startup_trials=self._settings.first, constant_liar=True, seed=seed)

    def _trial(self, told: Evaluated, values: Sequence[float], attributes: dict[str, Any]) -> FrozenTrial:
        from optuna.trial import create_trial

        params = {axis.name: choice for axis, choice in zip(self.space.axes, told.design, strict=True)}
        fits = {"fits": excess(told.outcome)} if isinstance(told.outcome, Infeasible) else {"fits": 0.0}
        return create_trial(
            values=values,
            params=params,
            distributions=self._distributions,
            system_attrs=dict(attributes),  # Optuna writes into it
            constraints=fits if self._constrained else None,
        )

    @property
    def _constrained(self) -> bool:
        """Whether any design could not be built; without, no sampler need model that."""
        return any(isinstance(told.outcome, Infeasible) for told in self._told)

    def _values(self) -> list[list[float]]:
        """Of every design told, one for each direction."""
        task = self.problem.task
        weights = (1 / len(task.objectives),) * len(task.objectives)
        front = is_front(task)
        known = [
            (list(log_objectives(task, told.outcome)) if front else [relative_cost(task, told.outcome, weights)])
            if isinstance(told.outcome, Metrics)
            else None
            for told in self._told
        ]
        built = [values for values in known if values is not None]
        count = len(task.objectives) if front else 1
        worst = [max(column) for column in zip(*built, strict=True)] if built else [0.0] * count
        return [
            [bad + excess(told.outcome) for bad in worst] if values is None else values
            for told, values in zip(self._told, known, strict=True)
        ]

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        self._told += batch

    def _state(self) -> dict[str, Any]:
        """The attributes, run by run: all trials of a generation have the same."""
        return {"attributes": [[same, len(list(run))] for same, run in groupby(self._attributes)]}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        self._told = list(history)
        self._attributes = [dict(same) for same, count in state["attributes"] for _ in range(count)]


def distributions(problem: Problem) -> dict[str, BaseDistribution]:
    """The axes as Optuna knows them; values are the choices' indices, which for powers of two are logarithms."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    return {
        axis.name: IntDistribution(0, count - 1) if axis.ordered else CategoricalDistribution(range(count))
        for axis, count in zip(problem.space.axes, problem.space.shape, strict=True)
    }


def excess(outcome: Any) -> float:
    """By how much a design cannot be built: positive."""
    return 1.0 + infeasible_cost(outcome) - INFEASIBLE if isinstance(outcome, Infeasible) else 0.0


@contextmanager
def quiet(sampler: str) -> Iterator[None]:
    """No log lines and no warnings that parts of Optuna may change; one thread for what sums with torch."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if sampler != "gp":
                yield
                return
            from models.mlp import one_thread

            with one_thread():
                yield
    finally:
        optuna.logging.set_verbosity(before)
