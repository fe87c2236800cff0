"""Forests on the axes: what single trees disagree about says where most is to gain, within a specification if any.

The surrogate-guided search for any kind of task: it knows nothing of architectures and layers but what a task's
`features` tell (the axes; of a co-exploration also what each sub-accelerator is granted, and how large networks are).
One forest learns the metrics of hardware from all designs that can be built. The accuracy of each network has a forest
of its own, which learns from the networks that were trained; its base is a rough rule, HALVED_BY.

Asked for is the design of the largest expected improvement (Jones, Schonlau and Welch 1998) of the relative cost
(module `cost`), by samples from what the trees say; of a front, of the weighted worst objective by weights drawn for
each ask (ParEGO, Knowles 2006). Runs of the lab on the same subject teach the forests, and what they found are
candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.forest import Forest
from workbench.problem.bounds import LEAST_ERROR, Box, box
from workbench.problem.cotask import MOST_NETWORKS, CoTask
from workbench.problem.metrics import ERROR_RATE, METRIC_UNITS, Metrics
from workbench.problem.space import Design
from workbench.problem.task import BaseTask
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings
from workbench.searches.cost import PENALTY, TINY, is_front, missed, relative_cost
from workbench.searches.moves import mutate, sloped, take_near
from workbench.similarity import subject_key

Floats = NDArray[np.float64]

SAMPLES = 32
ELITES = 8
CLIMBED = 3
"""Candidates from which further ones are reached, CLIMBS times."""
CLIMBS = 2
MOST_FITTED = 400
FEWEST_NETWORKS = 4
"""Trained networks without which the rule alone predicts."""
HALVED_BY = 4.0
"""By how many times the MACs the error rate is taken to halve: a guess, which the forest corrects."""
DOUBT = 0.7
"""Standard deviation of the natural logarithm of an error rate that nothing but the rule tells."""
LEAST_DOUBT = 0.02
NOISE = 0.15
"""The same of a network that is like many others: trainings of one network with other seeds differ by as much."""
LEAST_GAIN = 1e-9


class ForestSettings(SearchSettings):
    """How much is looked at."""

    candidates: int = Field(400, ge=50, le=20_000, description="Designs compared for each ask, before it climbs.")
    first: int = Field(12, ge=1, le=10_000, description="Designs at random to begin with, unless the lab knows some.")


class ForestSearch(Search):
    """Constrained expected improvement under forests; any task, any goal, any front."""

    name: ClassVar[str] = "forest"
    summary: ClassVar[str] = "forests on the axes, for any task; of a co-exploration, networks apart from chips"
    Settings: ClassVar[type[SearchSettings]] = ForestSettings
    transfers: ClassVar[bool] = True
    general: ClassVar[bool] = True
    ahead: ClassVar[bool] = True

    def __init__(self, problem: Problem, settings: ForestSettings, seed: int) -> None:
        super().__init__(problem, settings, seed)
        self._settings = settings
        self._normal = np.random.default_rng([seed, 1]).standard_normal((SAMPLES, len(METRIC_UNITS) + MOST_NETWORKS))
        self._told: list[Evaluated] = []
        self._surrogate = _Surrogate(problem)
        self._box = box(problem.task)

    def _ask(self, limit: int) -> list[Design]:
        asked: list[Design] = []
        while len(asked) < limit:
            asked.append(self._propose(asked))
        return asked

    def _propose(self, pending: Sequence[Design]) -> Design:
        surrogate = self._surrogate
        asked = len(self._told) + len(self.under_way) + len(pending)
        if surrogate.built < 2 or asked < (0 if surrogate.taught else self._settings.first):
            return take_near(self.unseen, self.space, sloped(self.space, 1, self.rng)[0], self.rng)
        weights = self.rng.dirichlet(np.ones(len(self.problem.task.objectives)))
        goal = _Goal(self.problem.task, self._box, weights)
        built = [(goal.of(each.outcome), each.design) for each in self._told if isinstance(each.outcome, Metrics)]
        built.sort(key=lambda each: each[0])
        best = built[0][0] if built else np.inf
        pool = self._pool([design for _, design in built[:ELITES]])
        gains = self._gains(pool, goal, best)
        for _ in range(CLIMBS):
            top = [pool[i] for i in (-gains).argsort(kind="stable")[:CLIMBED]]
            new = self._near(top, self._settings.candidates // 8, set(pool))
            if not new:
                break
            pool, gains = pool + new, np.concatenate([gains, self._gains(new, goal, best)])
        if not pool:
            return self.unseen.draw(self.rng)
        design = pool[int(gains.argmax())]
        self.unseen.take(design)
        return design

    def _gains(self, pool: Sequence[Design], goal: _Goal, best: float) -> Floats:
        """(m,): the expected improvement; where there is none, below 0, by the cost that is expected."""
        if not pool:
            return np.zeros(0)
        logs, chance = self._surrogate.sampled(pool, self._normal)
        costs = goal.costs(logs)  # (samples, m)
        expected = costs.mean(axis=0)
        if not np.isfinite(best):
            return np.asarray(chance * np.exp(-(expected - expected.min())))
        gain = np.maximum(best - costs, 0.0).mean(axis=0) * chance
        return np.asarray(np.where(gain > LEAST_GAIN, gain, LEAST_GAIN * (np.tanh(-(expected - best) / 64) - 1)))

    def _pool(self, elites: Sequence[Design]) -> list[Design]:
        """Unseen designs: some at random, some near the best, chips of one with networks of another, and the lab's."""
        count = self._settings.candidates
        found = dict.fromkeys([*self.space.sample(count // 4, self.rng), *sloped(self.space, count // 4, self.rng)])
        for _ in range(count // 2 if elites else 0):
            design = elites[min(int(self.rng.geometric(0.4)) - 1, len(elites) - 1)]
            found[self._varied(design, elites)] = None
        found.update(dict.fromkeys(self._surrogate.designs_of_sources))
        return [design for design in found if design in self.unseen]

    def _varied(self, design: Design, elites: Sequence[Design]) -> Design:
        """Another design near one; of a co-exploration often with a chip or networks from elsewhere."""
        task = self.problem.task
        if isinstance(task, CoTask) and self.rng.random() < 0.5:
            strange = self.rng.random() < 0.5
            other = sloped(self.space, 1, self.rng)[0] if strange else elites[int(self.rng.integers(len(elites)))]
            keeps_networks = self.rng.random() < 0.5
            design = tuple(
                design[i] if (i in task.of_networks) == keeps_networks else other[i] for i in range(len(design))
            )
            if strange:
                return design
        return mutate(self.space, design, 1 + min(int(self.rng.geometric(0.5)) - 1, 3), self.rng)

    def _near(self, designs: Sequence[Design], each: int, known: set[Design]) -> list[Design]:
        found: dict[Design, None] = {}
        for design in designs:
            for _ in range(each):
                found[mutate(self.space, design, 1 + int(self.rng.random() < 0.3), self.rng)] = None
        return [design for design in found if design in self.unseen and design not in known]

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        self._told += batch
        self._surrogate.learn(batch)

    def _state(self) -> dict[str, Any]:
        return {}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        self._told = list(history)
        self._surrogate.learn(history)


class _Goal:
    """The relative cost under one set of weights, of what is known and of samples of what is predicted."""

    def __init__(self, task: BaseTask, limits: Box, weights: Floats) -> None:
        self._task = task
        self._front = is_front(task)
        count = len(task.objectives)
        self._weights = weights if self._front else np.full(count, 1 / count)
        self._low, high = np.log(limits.lower), np.log(limits.upper)
        self._span = high - self._low

    def of(self, outcome: object) -> float:
        """Of a design that was evaluated."""
        if not isinstance(outcome, Metrics):
            return np.inf
        if not self._front:
            return relative_cost(self._task, outcome, tuple(self._weights))
        known = outcome.known(self._task.objectives)
        logs = np.array([log(max(known.get(name, 1.0), _least(name))) for name in self._task.objectives])
        return float(self._scalar(logs[:, None])[0]) + PENALTY * missed(self._task, outcome)

    def costs(self, logs: Mapping[str, Floats]) -> Floats:
        """The natural logarithms of metrics, each (samples, m) -> (samples, m)."""
        task = self._task
        beyond = [logs[t.metric] - log(t.bound) for t in task.targets if t.metric != ERROR_RATE]
        worst = np.max(beyond, axis=0) if beyond else None
        if task.targets and not task.constrained and worst is not None:
            return np.asarray(worst)
        miss = np.maximum(worst, 0.0) if worst is not None else np.zeros_like(next(iter(logs.values())))
        values = dict(logs)
        if ERROR_RATE in logs:
            wrong = [logs[t.metric] - log(t.bound) for t in task.targets if t.metric == ERROR_RATE]
            values[ERROR_RATE] = np.where(miss > 0, 0.0, logs[ERROR_RATE])
            miss = np.where(miss > 0, miss, np.maximum(np.max(wrong, axis=0), 0.0)) if wrong else miss
        stacked = np.stack([values[name] for name in task.objectives])  # (k, samples, m)
        base = self._scalar(stacked) if self._front else np.tensordot(self._weights, stacked, 1)
        return np.asarray(base + PENALTY * miss)

    def _scalar(self, logs: Floats) -> Floats:
        """(k, ...) -> (...): the weighted worst objective, each as a part of the task's box."""
        shape = (-1, *[1] * (logs.ndim - 1))
        scaled = (logs - self._low.reshape(shape)) / self._span.reshape(shape) * self._weights.reshape(shape)
        return np.asarray(scaled.max(axis=0) + 0.05 * scaled.sum(axis=0))


def _least(name: str) -> float:
    return LEAST_ERROR if name == ERROR_RATE else TINY


class _Surrogate:
    """What the forests have learnt: from the run, and from runs of the lab on the same subject."""

    def __init__(self, problem: Problem) -> None:
        task = problem.task
        self._task = task
        wanted = dict.fromkeys((*task.objectives, *(target.metric for target in task.targets)))
        self._hardware = [name for name in wanted if name != ERROR_RATE]
        self._co = task if isinstance(task, CoTask) else None
        self._whole = replace(self._co, fixed={}) if self._co is not None else task  # where nothing is held
        self._rows: dict[Design, Floats] = {}
        same = [source for source in problem.sources if subject_key(source.task) == subject_key(task)]
        self._lab = [
            Evaluated(self._whole.space.design(source.task.space.values(each.design)), each.outcome)
            for source in same
            for each in source.points
        ]
        self.designs_of_sources = [here for each in self._lab if (here := self._here(each.design)) is not None]
        self._own: dict[Design, Evaluated] = {}
        self.built = sum(isinstance(each.outcome, Metrics) for each in self._lab)
        """Designs that can be built, known from the run or the lab."""
        self.learn(())

    @property
    def taught(self) -> bool:
        """Whether the lab knew anything."""
        return bool(self._lab)

    def _here(self, design: Design) -> Design | None:
        """A design of the whole space in the task's own, unless an axis is held elsewhere."""
        values = self._whole.space.values(design)
        if self._co is not None and any(values[axis] != value for axis, value in self._co.fixed.items()):
            return None
        return self._task.space.design(values)

    def _there(self, design: Design) -> Design:
        """The inverse."""
        return self._whole.space.design(self._task.space.values(design))

    def learn(self, told: Sequence[Evaluated]) -> None:
        """What the run knows anew; what is fitted follows from all of it when it is first asked for."""
        for each in told:
            there = self._there(each.design)
            self._own[there] = Evaluated(there, each.outcome)
        self.built += sum(isinstance(each.outcome, Metrics) for each in told)
        self._metrics: Forest | None = None
        self._buildable: Forest | None = None
        self._accuracies: list[_Accuracy] | None = None

    def sampled(self, designs: Sequence[Design], normal: Floats) -> tuple[dict[str, Floats], Floats]:
        """Natural logarithms of each metric (samples, m), and how likely each design can be built (m,)."""
        there = [self._there(design) for design in designs]
        inputs = self._whole.features(there)
        self._fit()
        logs: dict[str, Floats] = {}
        if self._metrics is not None:
            mean, deviation = self._metrics.predict(inputs)
            for column, name in enumerate(self._hardware):
                logs[name] = mean[:, column] + normal[:, column, None] * (deviation[:, column] + LEAST_DOUBT)
        if self._co is not None:
            logs[ERROR_RATE] = self._errors(self._co, there, normal[:, len(METRIC_UNITS) :])
        chance = np.ones(len(designs))
        if self._buildable is not None:
            chance = np.clip(self._buildable.predict(inputs)[0][:, 0], 0.02, 1.0)
        return logs, chance

    def _fit(self) -> None:
        if self._metrics is not None or self._accuracies is not None:
            return
        known = [*self._own.values(), *(each for each in self._lab if each.design not in self._own)]
        if len(known) > MOST_FITTED:
            known = self._few(known)
        built = [each for each in known if isinstance(each.outcome, Metrics)]
        if self._hardware and built:
            logs = [
                [log(max(value, TINY)) for value in each.outcome.known(self._hardware).values()]
                for each in built
                if isinstance(each.outcome, Metrics)
            ]
            self._metrics = Forest(self._features([each.design for each in built]), np.array(logs))
        if len(built) < len(known):
            can = np.array([[float(isinstance(each.outcome, Metrics))] for each in known])
            self._buildable = Forest(self._features([each.design for each in known]), can)
        self._accuracies = (
            [] if self._co is None else [self._trained(place, known) for place in range(len(self._co.networks))]
        )

    def _few(self, known: Sequence[Evaluated]) -> list[Evaluated]:
        """Of many the cheapest half and the latest: those near what is looked for."""
        weights = (1 / len(self._task.objectives),) * len(self._task.objectives)
        order = sorted(known, key=lambda each: relative_cost(self._task, each.outcome, weights))
        chosen = {each.design: each for each in (*order[: MOST_FITTED // 2], *known[-MOST_FITTED // 2 :])}
        return list(chosen.values())

    def _features(self, designs: Sequence[Design]) -> Floats:
        """(n, w) of designs that are known, each worked out once."""
        new = [design for design in dict.fromkeys(designs) if design not in self._rows]
        if new:
            self._rows.update(zip(new, self._whole.features(new), strict=True))
        return np.stack([self._rows[design] for design in designs])

    def _trained(self, place: int, designs: Sequence[Evaluated]) -> _Accuracy:
        """What is known of one network's error rates."""
        assert isinstance(self._whole, CoTask)
        found: dict[bytes, tuple[Design, float]] = {}
        built = [each for each in designs if isinstance(each.outcome, Metrics) and each.outcome.trained]
        inputs = self._whole.network_features(place, [each.design for each in built])
        for row, each in zip(inputs, built, strict=True):
            if isinstance(each.outcome, Metrics):
                error = max(1.0 - each.outcome.trained[place].accuracy, LEAST_ERROR)
                found[row.tobytes()] = each.design, log(error)
        known = {key: error for key, (_, error) in found.items()}
        if len(found) < FEWEST_NETWORKS:
            return _Accuracy(known, None)
        inputs = self._whole.network_features(place, [design for design, _ in found.values()])
        return _Accuracy(known, Forest(inputs, (np.array(list(known.values())) - _rule(inputs))[:, None]))

    def _errors(self, task: CoTask, designs: Sequence[Design], normal: Floats) -> Floats:
        """(samples, m): of the networks together."""
        assert isinstance(self._whole, CoTask)
        assert self._accuracies is not None
        each: list[Floats] = []
        for place, accuracy in enumerate(self._accuracies):
            inputs = self._whole.network_features(place, designs)
            mean, deviation = accuracy.predict(inputs)
            each.append(np.clip(np.exp(mean + normal[:, place, None] * deviation), LEAST_ERROR, 1.0))
        total = sum(network.weight for network in task.networks)
        whole = sum(network.weight / total * errors for network, errors in zip(task.networks, each, strict=True))
        return np.asarray(np.log(np.maximum(whole, LEAST_ERROR)))


@dataclass(frozen=True)
class _Accuracy:
    """Of one network: the natural logarithm of the error rate where it was trained, by its inputs; and how far that is
    from the rule, as the forest has learnt it."""

    known: Mapping[bytes, float]
    off: Forest | None

    def predict(self, inputs: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation (n,) of the natural logarithm; what was trained is not trained again."""
        mean, deviation = _rule(inputs), np.full(len(inputs), DOUBT)
        if self.off is not None:
            off, spread = self.off.predict(inputs)
            mean, deviation = mean + off[:, 0], np.hypot(spread[:, 0], NOISE)
        for row, each in enumerate(inputs):
            if (error := self.known.get(each.tobytes())) is not None:
                mean[row], deviation[row] = error, 0.0
        return mean, deviation


def _rule(inputs: Floats) -> Floats:
    """(n, w) -> (n,): the natural logarithm of an error rate by octaves of MACs, the first input; 1 at one MAC."""
    return np.asarray(-inputs[:, 0] * log(2) / np.log2(HALVED_BY))
