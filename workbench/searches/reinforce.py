"""Policy gradient: a recurrent network chooses axis after axis, and what turned out well becomes likelier.

After ConfuciuX (Kao, Jeong and Krishna, MICRO 2020), KNOWN from its public code where not said: REINFORCE without a
critic; the network is that of `models.policy`; rewards are standardised, and discounted by 0.9 from step to step.

- Episode: ConfuciuX sets two numbers for each layer of a network. Here it is one choice for each axis of the space, in
  order, with one head per axis.
- State, all in [-1, 1]: seven layer dimensions (K, C, OY, OX, FY, FX and, for the kind of layer, G) relative to the
  workload's largest, on average over its MACs (of a co-exploration, whose layers are what is chosen, 0); the last two
  choices; the place of the axis and the step. For a front the objectives' weights stand beside the dimensions.
- Reward: P - P_min, where P is the negative relative cost and P_min the worst seen so far; -1 for a design that cannot
  be built; and once the targets are met, a bonus (Wu et al. 2023 have one; its size, 1, is INFERRED). Only a whole
  design has a reward, so it comes at the last step, and the steps before it get it discounted.
- Hardware steps (preset `nasaic`, after NASAIC, DAC 2020, RECALLED): of a co-exploration each design is followed by
  some of the same networks on other chips; networks are trained where any of these chips meets the specification.
- Standardised over the designs of one update. INFERRED: ConfuciuX does so over the steps of one episode, of which all
  but one have no reward here.

Learning takes place after every `episodes` designs, whatever the batches are, and needs no randomness; in a front, the
designs of one update share their weights. So the network follows from the seed and the designs told, and a checkpoint
holds no weights: they are learnt again from the history, bit for bit, some milliseconds for each update. A design that
the policy draws and that is known gives way to another draw at a higher temperature, and in the end to an unseen one
near it.

The step of 1e-2 is set for budgets of hundreds: on four tasks (see module `anneal`; four seeds) it takes 123 designs to
the best thousandth of the space, 3e-3 takes 179 and ConfuciuX' own 1e-3 (preset `confuciux`) 298.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from workbench.problem.cotask import CoTask
from workbench.problem.metrics import Metrics, Outcome
from workbench.problem.space import Design
from workbench.problem.task import BaseTask, Task
from workbench.searches.base import Evaluated, Problem, Search, SearchSettings
from workbench.searches.cost import goal_weights, is_front, log_objectives, missed, relative_cost
from workbench.searches.moves import take_near

if TYPE_CHECKING:
    from models.policy import Policy

Floats = NDArray[np.float64]

DRAWS = 12
"""Times the policy draws until a batch is full of designs that are not known."""
WARMER = 0.25
"""By how much the temperature of its choices rises each time: a policy that is sure of one design has others, too."""
BONUS = 1.0
NOT_BUILT = -1.0
DIMS = ("K", "C", "OY", "OX", "FY", "FX", "G")


class ReinforceSettings(SearchSettings):
    """How the policy learns."""

    episodes: int = Field(8, ge=2, le=1000, description="Designs of one update.")
    updates: int = Field(1, ge=1, le=100, description="Gradient steps of one update.")
    learning_rate: float = Field(1e-2, gt=0, le=1, description="Adam's step.")
    discount: float = Field(0.9, gt=0, le=1, description="What a choice gets of the reward of the one after it.")
    hardware_steps: int = Field(
        0,
        ge=0,
        le=1000,
        description="Of a co-exploration: designs of the same networks after each one of new networks.",
    )


class Reinforce(Search):
    """REINFORCE over axes, for one goal or a front."""

    name: ClassVar[str] = "reinforce"
    summary: ClassVar[str] = "policy gradient as in ConfuciuX: a network chooses axis after axis"
    Settings: ClassVar[type[SearchSettings]] = ReinforceSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "confuciux": {"learning_rate": 1e-3},
        "nasaic": {"hardware_steps": 10},
    }
    general: ClassVar[bool] = True

    def __init__(self, problem: Problem, settings: ReinforceSettings, seed: int) -> None:
        from models.policy import Policy  # loads torch, which takes seconds: a table of searches need not wait for it

        super().__init__(problem, settings, seed)
        self._settings, self._seed = settings, seed
        self._dims = layer_dims(problem.task) if isinstance(problem.task, Task) else [0.5]
        self._held = problem.task.of_networks if isinstance(problem.task, CoTask) else ()
        self._networks: Design = ()  # the last design of new networks
        width = len(self._context(0))
        self._policy: Policy = Policy(
            self.space.shape, width, settings.learning_rate, seed=int(self.rng.integers(2**63))
        )
        self._told = 0
        self._waiting: list[Evaluated] = []
        self._worst: Floats | None = None

    def _ask(self, limit: int) -> list[Design]:
        contexts = np.array([self._context(self._told + i) for i in range(limit)])  # (limit, w)
        asked: list[Design] = []
        drawn: list[Design] = []
        for draw in range(DRAWS):
            open_contexts = contexts[len(asked) :]
            uniforms = self.rng.random((len(open_contexts), len(self.space.axes)))
            drawn = [tuple(row) for row in self._policy.draw(open_contexts, uniforms, 1 + WARMER * draw).tolist()]
            for each in drawn:
                place = self._told + len(asked)
                design = self._on_other_hardware(each, place)
                if design in self.unseen:
                    self.unseen.take(design)
                    self._remember(design, place)
                    asked.append(design)
            if len(asked) == limit:
                return asked
        while len(asked) < limit:
            place = self._told + len(asked)
            asked.append(take_near(self.unseen, self.space, self._on_other_hardware(drawn[-1], place), self.rng))
            self._remember(asked[-1], place)
        return asked

    def _is_hardware_step(self, place: int) -> bool:
        """Whether the design told as number `place` is one more chip for the networks before."""
        return bool(self._held) and place % (self._settings.hardware_steps + 1) != 0

    def _on_other_hardware(self, drawn: Design, place: int) -> Design:
        """What was drawn; in a hardware step with the networks of the design before."""
        if not self._is_hardware_step(place):
            return drawn
        return tuple(self._networks[i] if i in self._held else choice for i, choice in enumerate(drawn))

    def _remember(self, design: Design, place: int) -> None:
        if not self._is_hardware_step(place):
            self._networks = design

    def _tell(self, batch: Sequence[Evaluated]) -> None:
        for evaluated in batch:
            self._waiting.append(evaluated)
            self._told += 1
            if len(self._waiting) == self._settings.episodes:
                self._learn()
                self._waiting = []

    def _learn(self) -> None:
        """One update by the designs that wait."""
        first = self._told - len(self._waiting)
        contexts = np.array([self._context(first + i) for i in range(len(self._waiting))])  # (n, w)
        rewards = np.array([self._reward(first + i, e.outcome) for i, e in enumerate(self._waiting)])  # (n,)
        spread = rewards.std()
        if spread == 0:
            return
        steps = len(self.space.axes)
        discounts = self._settings.discount ** np.arange(steps - 1, -1, -1)  # (a,)
        returns = ((rewards - rewards.mean()) / spread)[:, None] * discounts  # (n, a)
        choices = np.array([e.design for e in self._waiting], dtype=np.int64)
        for _ in range(self._settings.updates):
            self._policy.learn(contexts, choices, returns)

    def _reward(self, place: int, outcome: Outcome) -> float:
        """P - P_min; the worst of each objective is kept by itself, so that it serves any weights."""
        if not isinstance(outcome, Metrics):
            return NOT_BUILT
        task, weights = self.problem.task, np.array(self._weights(place))
        if task.targets and not task.constrained:
            costs, weights = np.array([relative_cost(task, outcome, ())]), np.ones(1)
        else:
            costs = np.array(log_objectives(task, outcome))
        self._worst = costs if self._worst is None else np.maximum(self._worst, costs)
        bonus = BONUS if task.targets and _met(task, outcome) else 0.0
        return float((self._worst - costs) @ weights) + bonus

    def _weights(self, place: int) -> tuple[float, ...]:
        """Of the objectives for the design told as number `place`, from 0."""
        update = place // self._settings.episodes
        return goal_weights(self.problem.task, update, np.random.default_rng([self._seed, update]))

    def _context(self, place: int) -> list[float]:
        """What the policy knows of the goal, in [-1, 1]: (w,)."""
        weights = self._weights(place) if is_front(self.problem.task) else ()
        return [value * 2 - 1 for value in (*self._dims, *weights)]

    def _state(self) -> dict[str, Any]:
        return {}

    def _restore(self, state: Mapping[str, Any], history: Sequence[Evaluated]) -> None:
        for place, evaluated in enumerate(history):
            self._remember(evaluated.design, place)
        self._tell(history)


def _met(task: BaseTask, metrics: Metrics) -> bool:
    """Whether the targets are met, as far as they are known."""
    return missed(task, metrics) <= 0 if task.constrained else relative_cost(task, metrics, ()) <= 0


def layer_dims(task: Task) -> list[float]:
    """Each of `DIMS` relative to the largest one of any layer, on average over the MACs of the workload."""
    layers = task.workload.compute_layers()
    macs = np.array([layer.macs * count for layer, count in layers], dtype=np.float64)
    sizes = np.array([[layer.size(dim) for dim in DIMS] for layer, _ in layers], dtype=np.float64)  # (layers, 7)
    mean = (macs @ (sizes / sizes.max(axis=0))) / macs.sum()
    return [float(value) for value in mean]
