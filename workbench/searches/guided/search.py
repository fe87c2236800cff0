"""Guided search: a surrogate on physical features that starts from all the lab knows, and asks where most is to gain.

Several arms predict latency and energy: one trusts nothing but the run's own points, one a rough physical estimate, and
one or two the lab (networks trained on the points of other tasks, see `lab`). Each is the mean of a Gaussian process
over features and axes, which learns how far the arm is off. An arm is asked in proportion to how well it has predicted
the run's points before it was told them, older ones counting less; so a source that misleads is soon left alone.

The candidates of an ask are random designs, those the arm thinks best of a large sample, neighbours of the best known
and mutations of good ones. The one of the largest expected improvement (`goal`) is asked for; in a batch, each is taken
to come out as predicted while the next is chosen.

The cost of an ask is bounded: of a long run, the best points and the latest are fitted, MOST_FITTED in all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import threadpool_limits

from models.gp import GaussianProcess, Hyper
from workbench.problem.features import features
from workbench.problem.metrics import Metrics
from workbench.problem.space import Design
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings
from workbench.searches.guided.goal import Goal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_FITTED = 320
OUTLOOK = 6_000
"""Designs drawn at the start, of which each arm shows its favourites."""
LOCAL = 0.2
"""How often a neighbour of one of the best is asked for, whatever is predicted: where a surrogate cannot tell the best
few apart, walking does."""
MOST_PREDICTIONS = 8
"""For one batch."""
ALL_OF = 3_000
"""A space of no more designs is looked at as a whole."""
ELITES = 8
FORGET = 0.9
"""What an older prediction counts, to the power of its age in points."""
BELIEF = {"lab": 0.75, "estimate": 0.2, "points": 0.05}
"""How arms share the asks before any has predicted a point."""
DOUBT = 0.6
"""Standard deviation of log2 of a metric that is predicted before any point is known."""
REFIT = 1.3
"""The hyper-parameters are chosen anew when there are so many times as many points."""


class GuidedSettings(SearchSettings):
    """How much is looked at, and what the lab may teach."""

    candidates: int = Field(1200, ge=50, le=20_000, description="Designs that are compared for each ask.")
    first: int = Field(4, ge=1, description="Designs, drawn at random, that a search without the lab starts from.")
    lab: bool = Field(True, description="Whether to learn from the sources of the run.")


@dataclass(frozen=True)
class _Designs:
    """Designs and what is known of them before they are simulated; rows (n,)."""

    designs: list[Design]
    features: Floats
    axes: Floats
    estimate: Floats
    area_um2: Floats

    def __len__(self) -> int:
        return len(self.designs)

    def take(self, index: Ints) -> _Designs:
        """Some of them."""
        return _Designs(
            [self.designs[i] for i in index],
            self.features[index],
            self.axes[index],
            self.estimate[index],
            self.area_um2[index],
        )


def _joined(first: _Designs, second: _Designs) -> _Designs:
    if not len(first) or not len(second):
        return first if len(first) else second
    return _Designs(
        first.designs + second.designs,
        np.vstack([first.features, second.features]),
        np.vstack([first.axes, second.axes]),
        np.vstack([first.estimate, second.estimate]),
        np.concatenate([first.area_um2, second.area_um2]),
    )


class Guided(Search):
    """Expected improvement under a portfolio of physical and learnt priors; any goal, any front."""

    name: ClassVar[str] = "guided"
    summary: ClassVar[str] = "a surrogate on physical features that starts from all the lab knows"
    Settings: ClassVar[type[SearchSettings]] = GuidedSettings
    transfers: ClassVar[bool] = True

    def __init__(self, problem: Problem, settings: GuidedSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._settings = settings
        start = np.random.default_rng([seed, 1])  # what is drawn here must not depend on how far a run has come
        self._goal = Goal(problem.task, start)
        small = self.space.size <= ALL_OF
        ranks = range(self.space.size) if small else ()
        outlook = [self.space.unrank(rank) for rank in ranks] or list(dict.fromkeys(self.space.sample(OUTLOOK, start)))
        self._outlook = self._described(outlook)
        self._place = {design: i for i, design in enumerate(outlook)}
        self._open = np.ones(len(outlook), dtype=bool)  # not asked for
        width = [len(axis.choices) if not axis.ordered else 1 for axis in self.space.axes]
        self._columns = np.hstack([_scale(self._outlook.features), _scale(self._outlook.axes)])
        axis_of = np.repeat(np.arange(len(width)), width) + 1
        self._varying = np.flatnonzero(self._columns)
        groups = np.concatenate([np.zeros(self._outlook.features.shape[1], dtype=np.int64), axis_of])[self._varying]
        self._groups = np.unique(groups, return_inverse=True)[1]  # the features are one group, each axis one more
        self._plain = Hyper((1.4,) * (int(self._groups.max()) + 1), 1e-2)  # where nothing tells the lengths yet
        self._labs: list[Any] = []
        if settings.lab and problem.sources:
            from workbench.searches.guided.lab import priors  # loads torch

            self._labs = list(priors(problem.task, problem.sources, seed))
        names = ["points", "estimate", *["lab"] * len(self._labs)]
        share = np.array([BELIEF[name] / names.count(name) for name in names])
        self._belief: Floats = np.log(share / share.sum())
        self._score: Floats = np.zeros(len(names))
        self._known = self._described([])
        self._measured: Floats = np.zeros((0, 2))  # log2 of latency and energy of the feasible ones among the known
        self._values: list[Floats] = []
        self._feasible: list[bool] = []
        self._hyper: dict[tuple[int, int], Hyper] = {}
        self._promise = self._promises()

    def _described(self, designs: Sequence[Design]) -> _Designs:
        if not designs:
            return _Designs([], np.zeros((0, 1)), np.zeros((0, 1)), np.zeros((0, 2)), np.zeros(0))
        found = features(self.problem.task, designs)
        return _Designs(list(designs), found.values, self.space.encode(designs), found.estimate, found.area_um2)

    def _ask(self, limit: int) -> list[Design]:
        with threadpool_limits(1):  # the matrices are small: threads would wait for each other a hundred times as long
            return self._asked_for(limit)

    def _asked_for(self, limit: int) -> list[Design]:
        asked: list[Design] = []
        if not self._labs:
            missing = max(0, self._settings.first - len(self._feasible))
            asked = [self.unseen.draw(self.rng) for _ in range(min(missing, limit))]
            self._close(asked)
        if len(asked) < limit:
            asked += self._promising(limit - len(asked))
            self._close(asked)
        return asked

    def _close(self, asked: Sequence[Design]) -> None:
        """What was asked for is no candidate any more."""
        for design in asked:
            if design in self._place:
                self._open[self._place[design]] = False

    def _promising(self, limit: int) -> list[Design]:
        """So many designs of the largest gain; of a large batch, several under each prediction."""
        asked: list[Design] = []
        pool, pending, guesses = self._pool(limit), self._described([]), np.zeros((0, 2))
        known = self._feasible_known()
        elites = self._elites()
        each = -(-limit // MOST_PREDICTIONS)
        while len(asked) < limit and len(pool):
            seen = len(self._feasible) + len(asked)
            if self._labs and seen < 3 * self._settings.first and seen % 3 == 2:
                far = [design for design in pool.designs if design not in asked]
                if far:  # the lab leads straight to one corner; what lies elsewhere must be learnt, too
                    asked.append(far[int(self.rng.integers(len(far)))])
                    continue
            if elites and self.rng.random() < LOCAL:
                near = [design for design in self._moved(elites) if design in self.unseen and design not in asked]
                if near:
                    asked.append(near[int(self.rng.integers(len(near)))])
                    continue
            arm = int(self.rng.choice(len(self._belief), p=self._weights()))
            measured = np.vstack([self._measured, guesses])
            mean, deviation = self._predict(arm, _joined(known, pending), measured, pool)
            best = self._best(pool, mean, deviation)[: min(each, limit - len(asked))]
            chosen = pool.take(best)
            asked += [design for design in chosen.designs if design not in asked]
            pending, guesses = _joined(pending, chosen), np.vstack([guesses, mean[best]])
            pool = pool.take(np.setdiff1d(np.arange(len(pool)), best))
        for design in asked:
            self.unseen.take(design)
        return asked + [self.unseen.draw(self.rng) for _ in range(limit - len(asked))]

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        with threadpool_limits(1):
            self._weigh(batch)

    def _weigh(self, batch: Sequence[Evaluated]) -> None:
        """Each arm by how likely it thought the new points, which it then learns."""
        told = self._described([evaluated.design for evaluated in batch])
        fits = np.array([i for i, e in enumerate(batch) if isinstance(e.outcome, Metrics)], dtype=np.int64)
        measured = np.array([_logs(e.outcome) for e in batch if isinstance(e.outcome, Metrics)]).reshape(-1, 2)
        known = self._feasible_known()
        if len(fits) and len(known) >= 2:
            for arm in range(len(self._belief)):
                mean, deviation = self._predict(arm, known, self._measured, told.take(fits))
                z = (measured - mean) / deviation
                likelihood = -(0.5 * np.minimum(z**2, 25.0) + np.log(deviation)).sum(axis=1)
                for one in likelihood:
                    self._score[arm] = self._score[arm] * FORGET + one
        self._learn(told, batch)

    def _learn(self, told: _Designs, batch: Sequence[Evaluated]) -> None:
        self._known = _joined(self._known, told)
        for evaluated in batch:
            fits = isinstance(evaluated.outcome, Metrics)
            self._feasible.append(fits)
            if isinstance(evaluated.outcome, Metrics):
                self._measured = np.vstack([self._measured, _logs(evaluated.outcome)])
                self._values.append(self._goal.of(evaluated.outcome))

    def _feasible_known(self) -> _Designs:
        return self._known.take(np.flatnonzero(self._feasible)) if len(self._known) else self._known

    def _weights(self) -> Floats:
        score = self._belief + self._score
        weights = np.exp(score - score.max())
        return np.asarray(weights / weights.sum())

    def _inputs(self, of: _Designs) -> Floats:
        """(n, w): features and axes, scaled, without those that do not vary."""
        return np.asarray((np.hstack([of.features, of.axes]) * self._columns)[:, self._varying])

    def _base(self, arm: int, of: _Designs) -> Floats:
        """(n, 2): what an arm takes for granted."""
        if arm == 0 or not len(of):
            return np.zeros((len(of), 2))
        if arm == 1:
            return of.estimate
        return np.asarray(of.estimate + self._labs[arm - 2].mean(of.features, of.axes))

    def _predict(self, arm: int, known: _Designs, measured: Floats, pool: _Designs) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the metrics' logarithms, each (m, 2)."""
        if len(known) < 2:
            base = self._base(arm, pool) if arm else pool.estimate
            return base, np.full(base.shape, DOUBT)
        rows = self._fitted(measured)
        known, measured = known.take(rows), measured[rows]
        centre, off = self._off(arm, known, measured)
        process = GaussianProcess(self._inputs(known), off, self._groups, self._hyper_of(arm))
        mean, deviation = process.predict(self._inputs(pool))
        return mean + centre + self._base(arm, pool), deviation

    def _off(self, arm: int, known: _Designs, measured: Floats) -> tuple[Floats, Floats]:
        """(2,) and (n, 2): the mean, of the arm that takes nothing for granted, and how far each point is off."""
        centre = measured.mean(axis=0) if arm == 0 else np.zeros(2)
        return centre, measured - centre - self._base(arm, known)

    def _fitted(self, measured: Floats) -> Ints:
        """Which of the feasible points are fitted: all, or of many the best half and the latest."""
        n = len(measured)
        if n <= MOST_FITTED:
            return np.arange(n)
        cost = np.array([value.sum() for value in self._values] + [np.inf] * (n - len(self._values)))
        best = np.argsort(cost, kind="stable")[: MOST_FITTED // 2]
        return np.union1d(best, np.arange(n - MOST_FITTED // 2, n))

    def _hyper_of(self, arm: int) -> Hyper:
        """Chosen on the first points of the run, whose number grows by the factor REFIT: its asks do not matter."""
        count = min(len(self._measured), MOST_FITTED)
        if count < 2:
            return self._plain
        n = 2
        while int(n * REFIT) + 1 <= count:
            n = int(n * REFIT) + 1
        if (arm, n) not in self._hyper:
            known = self._feasible_known().take(np.arange(n))
            _, off = self._off(arm, known, self._measured[:n])
            self._hyper[arm, n] = GaussianProcess.likeliest(self._inputs(known), off, self._groups)
        return self._hyper[arm, n]

    def _best(self, pool: _Designs, mean: Floats, deviation: Floats) -> Ints:
        """(m,): the candidates, the largest expected gain first; where none is expected, the most promising."""
        known = np.array(self._values) if self._values else np.zeros((0, 1))
        weights = np.asarray(self.rng.dirichlet(np.ones(len(self.problem.task.objectives))))
        chance = self._chance(pool)
        gain = self._goal.gain(mean, deviation, pool.area_um2, known, weights) * chance
        if not len(known) or gain.max() <= 1e-9:
            hopes = self._goal.gain(mean - 2 * deviation, 0 * deviation, pool.area_um2, known[:0], weights)
            gain = hopes + np.log2(chance)
        return np.asarray((-gain).argsort(kind="stable"))

    def _chance(self, pool: _Designs) -> Floats:
        """(m,): how likely a design can be built, from those that could and could not."""
        if all(self._feasible):
            return np.ones(len(pool))
        rows = np.arange(len(self._known))[-MOST_FITTED:]
        known = self._known.take(rows)
        label = np.where(np.array(self._feasible)[rows], 1.0, 0.0)[:, None]
        process = GaussianProcess(self._inputs(known), label - 0.5, self._groups, self._plain)
        return np.clip(process.mean(self._inputs(pool))[:, 0] + 0.5, 0.02, 1.0)

    def _pool(self, limit: int) -> _Designs:
        """Candidates, none of them asked for."""
        index = np.flatnonzero(self._open)
        if self.space.size <= ALL_OF or not len(index):
            return self._outlook.take(index)
        part = max(self._settings.candidates, 2 * limit) // 4
        promise = self._promise[:, index]
        promising = [index[row.argsort(kind="stable")[: part // len(promise)]] for row in promise]
        drawn = self.rng.choice(index, min(part, len(index)), replace=False)
        elites = self._elites()
        near = [there for design in elites[: ELITES // 2] for there in self.space.neighbours(design)]
        if elites:
            near += self._mutated(elites, max(0, 2 * part - len(near)))
        fresh = [design for design in dict.fromkeys(near) if design not in self._place and design in self.unseen]
        chosen = self._outlook.take(np.unique(np.concatenate([*promising, drawn])))
        return _joined(chosen, self._described(fresh))

    def _promises(self) -> Floats:
        """(arms, n): what each arm takes for granted of the outlook, the smaller the better."""
        weights = np.full(len(self.problem.task.objectives), 1 / len(self.problem.task.objectives))
        found = []
        for arm in range(1, len(self._belief)):
            base = self._base(arm, self._outlook)
            sure = np.zeros(base.shape)
            found.append(-self._goal.gain(base, sure, self._outlook.area_um2, np.zeros((0, 1)), weights))
        return np.stack(found)

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

    def _mutated(self, elites: Sequence[Design], count: int) -> list[Design]:
        """Good designs with one to three axes changed, ordered ones more often to a near choice."""
        shape = np.array(self.space.shape)
        ordered = np.array([axis.ordered for axis in self.space.axes])
        made = np.array(elites)[self.rng.integers(len(elites), size=count)]  # (count, axes)
        changes = self.rng.integers(1, 4, size=count)
        order = self.rng.random(made.shape).argsort(axis=1).argsort(axis=1)
        near = ordered & (self.rng.random(made.shape) < 0.7)
        step = np.where(self.rng.random(made.shape) < 0.5, 1, -1)
        other = np.where(near, np.clip(made + step, 0, shape - 1), self.rng.integers(0, shape, size=made.shape))
        made = np.where(order < changes[:, None], other, made)
        return [tuple(row) for row in made.tolist()]

    def _moved(self, elites: Sequence[Design]) -> list[Design]:
        """All designs with one axis other than in one of the best, which is drawn, the better the likelier."""
        design = elites[min(int(self.rng.geometric(0.5)) - 1, len(elites) - 1)]
        return [
            (*design[:i], choice, *design[i + 1 :])
            for i, count in enumerate(self.space.shape)
            for choice in range(count)
            if choice != design[i]
        ]

    def _state(self) -> dict[str, Any]:
        return {"score": self._score.tolist()}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        self._learn(self._described([evaluated.design for evaluated in history]), history)
        self._close([evaluated.design for evaluated in history])
        self._score = np.array(state["score"])


def _logs(metrics: Metrics) -> tuple[float, float]:
    return log2(metrics.latency_cycles), log2(metrics.energy_pj)


def _scale(columns: Floats) -> Floats:
    """(w,): factors under which two random rows are about 1 apart; 0 for what does not vary."""
    spread = columns.std(axis=0)
    varies = spread > 1e-9
    count = max(int(varies.sum()), 1)
    return np.asarray(np.where(varies, 1 / np.where(varies, spread, 1.0), 0.0) / np.sqrt(2 * count))
