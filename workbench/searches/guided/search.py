"""Guided search: a surrogate on physical features that starts from all the lab knows, and asks where most is to gain.

Several arms predict latency and energy (`arms`): trees and a Gaussian process that correct a rough physical estimate by
the run's own points, and Gaussian processes that correct what the lab says (`lab`: networks trained on the points of
other tasks). What an arm says counts in proportion to how well it has predicted the run's points.

The candidates of an ask (`candidates`) are designs that the estimate or the lab thinks best of a large sample, some at
random, neighbours of the best known and mutations of good ones; then neighbours of the best candidates, as long as they
get better. The one of the largest expected improvement (`goal`) is asked for; in a batch, each is taken to come out as
predicted while the next is chosen.

The cost of an ask is bounded: of a long run, the best points and the latest are fitted, MOST_FITTED in all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log2
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import threadpool_limits

from models.forest import Forest
from workbench.problem.features import NAMES
from workbench.problem.metrics import Metrics
from workbench.problem.space import Design
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings
from workbench.searches.guided.arms import Corrected, Portfolio, Trees
from workbench.searches.guided.candidates import Candidates, one_other
from workbench.searches.guided.designs import Describer, Designs
from workbench.searches.guided.goal import LEAST, Goal
from workbench.searches.warmstart import translated

if TYPE_CHECKING:
    from workbench.searches.guided.lab import LabPrior

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_FITTED = 320
LOCAL, LOCAL_OF_A_FRONT = 0.3, 0.6
"""How often only neighbours of one of the best are compared: where a surrogate cannot tell the best few apart, walking
does. The members of a front have many neighbours that are nearly as good."""
CLIMBS = 3
CLIMBS_FROM = 3
"""Candidates whose neighbours become candidates, too, CLIMBS times."""
ELITES = 8
MOST_PREDICTIONS = 8
"""For one batch."""
LEAST_GAIN = 1e-9
FOLDS = 5
NORMAL_90 = 1.645
"""Standard deviations to either side that hold 90 % of a normal distribution."""
BELIEF = {"lab": 0.6, "trees": 0.2, "estimate": 0.2}
"""How arms share the asks before any has predicted a point."""


class GuidedSettings(SearchSettings):
    """How much is looked at, and what the lab may teach."""

    candidates: int = Field(1200, ge=50, le=20_000, description="Designs that are compared for each ask.")
    first: int = Field(
        4,
        ge=1,
        description="Designs that a search starts from where the lab taught nothing: translated ones, or random.",
    )
    lab: bool = Field(True, description="Whether to learn from the sources of the run.")


class Guided(Search):
    """Expected improvement under a portfolio of physical and learnt priors; any goal, any front."""

    name: ClassVar[str] = "guided"
    summary: ClassVar[str] = "a surrogate on physical features that starts from all the lab knows"
    Settings: ClassVar[type[SearchSettings]] = GuidedSettings
    transfers: ClassVar[bool] = True
    ahead: ClassVar[bool] = True

    def __init__(self, problem: Problem, settings: GuidedSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._settings = settings
        start = np.random.default_rng([seed, 1])  # what is drawn here must not depend on how far a run has come
        task = problem.arch_task
        self._goal = Goal(task, start)
        labs, self._warm = self._learnt_from_the_lab(seed) if settings.lab and problem.sources else ([], [])
        self._describe = Describer(problem.arch_task, labs)
        self._candidates = Candidates(
            problem.arch_task, self._describe, self._goal, len(labs), settings.candidates, start
        )
        arms: list[Trees | Corrected] = [Trees()]
        scale, groups = self._scaled(self._candidates.outlook)
        arms += [Corrected(prior, scale, groups) for prior in (None, *range(len(labs)))]
        names = ["trees", "estimate", *["lab"] * len(labs)]
        self._portfolio = Portfolio(arms, [BELIEF[name] / names.count(name) for name in names])
        self._transferred = bool(labs)
        self._known = self._describe([])
        self._feasible: list[bool] = []
        self._buildable: Forest | None = None  # fitted when it is needed
        self._measured: Floats = np.zeros((0, 2))  # log2 of latency and energy of the feasible ones among the known
        self._values: list[Floats] = []

    def _learnt_from_the_lab(self, seed: int) -> tuple[list[LabPrior], list[Design]]:
        """Priors; or, where nothing was learnt, designs of other tasks translated to this one, to be asked first."""
        from workbench.searches.guided.lab import believed, priors  # loads torch

        sources = believed(self.problem.sources)
        labs = priors(self.problem.arch_task, sources, seed)
        return labs, [] if labs else translated(replace(self.problem, sources=tuple(sources)), self._settings.first)

    def _scaled(self, outlook: Designs) -> tuple[Floats, Ints]:
        """Of every input its scale and its group: the features are one, and each axis is one more."""
        width = [1 if axis.ordered else len(axis.choices) for axis in self.space.axes]
        scale = np.concatenate([_scale(outlook.inputs[:, : len(NAMES)]), _scale(outlook.inputs[:, len(NAMES) :])])
        groups = np.concatenate([np.zeros(len(NAMES), np.int64), np.repeat(np.arange(len(width)), width) + 1])
        return scale, groups

    def _ask(self, limit: int) -> list[Design]:
        with threadpool_limits(1):  # the matrices are small: threads would wait for each other a hundred times as long
            return self._asked_for(limit)

    def _asked_for(self, limit: int) -> list[Design]:
        asked: list[Design] = []
        if not self._transferred:
            missing = min(max(0, self._settings.first - len(self._measured) - len(self.under_way)), limit)
            asked = [design for design in self._warm if design in self.unseen][:missing]
            for design in asked:
                self.unseen.take(design)
            asked += [self.unseen.draw(self.rng) for _ in range(missing - len(asked))]
            self._candidates.close(asked)
        elites = self._elites()
        pending, guesses = self._guessed()
        each = -(-limit // MOST_PREDICTIONS)
        while len(asked) < limit:
            many = min(each, limit - len(asked))
            local = bool(elites) and self.rng.random() < (LOCAL_OF_A_FRONT if self._goal.front else LOCAL)
            pool = self._near(elites) if local else self._describe([])
            if not len(pool):
                pool = self._candidates.pool(self.unseen, elites, limit, self.rng)
                local = False
            if not len(pool):  # all that is thought of is known: anything else, then
                asked.append(self.unseen.draw(self.rng))
                continue
            known, measured = self._fitted(pending, guesses)
            chosen = self._best(known, measured, pool, 1 if local else many, climbs=not local)
            guessed, _ = self._portfolio.predict(self._portfolio.best, known, measured, chosen)
            for design in chosen.designs:
                self.unseen.take(design)
            self._candidates.close(chosen.designs)
            asked += chosen.designs
            pending, guesses = pending.joined(chosen), np.vstack([guesses, guessed])
        return asked

    def _guessed(self) -> tuple[Designs, Floats]:
        """What is under way, and what it is believed to come to."""
        pending = self._describe(self.under_way)
        if not len(pending) or not len(self._measured):
            return self._describe([]), np.zeros((0, 2))
        return pending, self._portfolio.predict(self._portfolio.best, *self._fitted(), pending)[0]

    def _near(self, elites: Sequence[Design]) -> Designs:
        """Unseen designs with one axis other than in one of the best, which is drawn, the better the likelier."""
        design = elites[min(int(self.rng.geometric(0.5)) - 1, len(elites) - 1)]
        return self._describe([there for there in one_other(self.space, design) if there in self.unseen])

    def _best(self, known: Designs, measured: Floats, pool: Designs, many: int, *, climbs: bool) -> Designs:
        """The candidates of the largest gain; it climbs from the best of them first."""
        weights = np.asarray(self.rng.dirichlet(np.ones(len(self.problem.arch_task.objectives))))
        gains = self._gain(known, measured, pool, weights)
        expanded: set[Design] = set()
        for _ in range(CLIMBS if climbs else 0):
            top = [pool.designs[i] for i in (-gains).argsort(kind="stable")[:CLIMBS_FROM]]
            there = set(pool.designs)
            new = [
                near
                for design in top
                if design not in expanded
                for near in one_other(self.space, design)
                if near not in there and near in self.unseen
            ]
            expanded.update(top)
            if not new:
                break
            more = self._describe(list(dict.fromkeys(new)))
            pool, gains = pool.joined(more), np.concatenate([gains, self._gain(known, measured, more, weights)])
        return pool.take((-gains).argsort(kind="stable")[:many])

    def _gain(self, known: Designs, measured: Floats, pool: Designs, weights: Floats) -> Floats:
        """(m,): the improvement of candidates that the arms expect together; where none, below 0, by their promise."""
        chance = self._chance(pool)
        values = np.array(self._values) if self._values else np.zeros((0, 1))
        if not len(known):
            mean = self._portfolio.untold(pool)
            return self._goal.gain(mean, 0 * mean, pool.area_um2, values, weights) + np.log2(chance)
        total = np.zeros(len(pool))
        for arm, weight in enumerate(self._portfolio.weights):
            mean, deviation = self._portfolio.predict(arm, known, measured, pool)
            hopes = self._goal.gain(mean - 2 * deviation, 0 * deviation, pool.area_um2, values[:0], weights)
            if len(values):
                gain = self._goal.gain(mean, deviation, pool.area_um2, values, weights) * chance
                total += weight * np.where(gain > LEAST_GAIN, gain, LEAST_GAIN * (np.tanh(hopes / 64) - 1))
            else:
                total += weight * (hopes + np.log2(chance))
        return total

    def _chance(self, pool: Designs) -> Floats:
        """(m,): how likely a design can be built, from those that could and could not."""
        if all(self._feasible):
            return np.ones(len(pool))
        if self._buildable is None:
            rows = np.arange(len(self._known))[-MOST_FITTED:]
            label = np.where(np.array(self._feasible)[rows], 1.0, 0.0)[:, None]
            self._buildable = Forest(self._known.take(rows).inputs, label)
        mean, _ = self._buildable.predict(pool.inputs)
        return np.clip(mean[:, 0], 0.02, 1.0)

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        with threadpool_limits(1):
            told = self._describe([evaluated.design for evaluated in batch])
            fits = np.array([i for i, e in enumerate(batch) if isinstance(e.outcome, Metrics)], dtype=np.int64)
            logs = np.array([_logs(e.outcome) for e in batch if isinstance(e.outcome, Metrics)]).reshape(-1, 2)
            self._portfolio.weigh(*self._fitted(), told.take(fits), logs)
            self._learn(told, batch)

    def forecast(self, designs: Sequence[Design]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of log2 of latency in cycles and of energy in pJ, each (n, 2).

        The deviations are scaled so that as many of the run's points lie within them, when each is predicted from the
        others, as should.
        """
        with threadpool_limits(1):
            known, measured = self._fitted()
            mean, deviation = self._portfolio.mixture(known, measured, self._describe(designs))
            return mean, deviation * self._scale_of_errors(known, measured)

    def _scale_of_errors(self, known: Designs, measured: Floats) -> Floats:
        """(2,): what brings 90 % of the errors within the 90 % interval; 1 where there are too few points to tell."""
        n = len(measured)
        if n < 2 * FOLDS:
            return np.ones(2)
        errors = np.zeros((n, 2))
        for fold in range(FOLDS):
            out = np.arange(fold, n, FOLDS)
            rest = np.setdiff1d(np.arange(n), out)
            mean, deviation = self._portfolio.mixture(known.take(rest), measured[rest], known.take(out))
            errors[out] = np.abs(measured[out] - mean) / deviation
        return np.asarray(np.maximum(np.quantile(errors, 0.9, axis=0) / NORMAL_90, 1.0))

    def _learn(self, told: Designs, batch: Sequence[Evaluated]) -> None:
        self._known, self._buildable = self._known.joined(told), None
        for evaluated in batch:
            self._feasible.append(isinstance(evaluated.outcome, Metrics))
            if isinstance(evaluated.outcome, Metrics):
                self._measured = np.vstack([self._measured, _logs(evaluated.outcome)])
                self._values.append(self._goal.of(evaluated.outcome))
        self._portfolio.settle(self._feasible_known(), self._measured)

    def _feasible_known(self) -> Designs:
        return self._known.take(np.flatnonzero(self._feasible))

    def _fitted(self, pending: Designs | None = None, guesses: Floats | None = None) -> tuple[Designs, Floats]:
        """The points that are fitted, of many the best half and the latest; and guesses, as if they were points."""
        n = len(self._measured)
        rows = np.arange(n)
        if n > MOST_FITTED:
            cost = np.array([value.sum() for value in self._values])
            best = np.argsort(cost, kind="stable")[: MOST_FITTED // 2]
            rows = np.union1d(best, np.arange(n - MOST_FITTED // 2, n))
        known, measured = self._feasible_known().take(rows), self._measured[rows]
        if pending is None or guesses is None:
            return known, measured
        return known.joined(pending), np.vstack([measured, guesses])

    def _elites(self) -> list[Design]:
        """The best known designs, best first; of a front, those best for weights drawn at random."""
        feasible = [design for design, fits in zip(self._known.designs, self._feasible, strict=True) if fits]
        if not feasible:
            return []
        values = np.array(self._values)
        if values.shape[1] == 1:
            order = values[:, 0].argsort(kind="stable")[:ELITES]
            return [feasible[i] for i in order]
        span = np.maximum(np.ptp(values, axis=0), 1e-9)
        scaled = (values - values.min(axis=0)) / span
        weights = self.rng.dirichlet(np.ones(values.shape[1]), ELITES)
        return list(dict.fromkeys(feasible[int((scaled * w).max(axis=1).argmin())] for w in weights))

    def _state(self) -> dict[str, Any]:
        return {"score": self._portfolio.score.tolist()}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        asked = [evaluated.design for evaluated in history]
        with threadpool_limits(1):
            self._learn(self._describe(asked), history)
        self._candidates.close([*asked, *self.under_way])
        self._portfolio.score = np.array(state["score"])


def _logs(metrics: Metrics) -> tuple[float, float]:
    return log2(max(metrics.latency_cycles, LEAST)), log2(max(metrics.energy_pj, LEAST))


def _scale(columns: Floats) -> Floats:
    """(w,): factors under which two random rows are about 1 apart; 0 for what does not vary."""
    spread = columns.std(axis=0)
    varies = spread > 1e-9
    count = max(int(varies.sum()), 1)
    return np.asarray(np.where(varies, 1 / np.where(varies, spread, 1.0), 0.0) / np.sqrt(2 * count))
