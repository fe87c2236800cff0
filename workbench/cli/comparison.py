"""Two simulators, chosen and asked about the same designs, through the lab."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from store.address import Where
from store.database import Lab
from workbench.cli.launch import ready_lab_path
from workbench.cli.output import say
from workbench.cli.signals import StopRequest, stop_requests
from workbench.errors import UserError, nearest
from workbench.evaluations import evaluate_kept
from workbench.executor import Batch
from workbench.problem.metrics import Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.runner import make_simulator
from workbench.simulators.base import Simulator
from workbench.views.quantity import count, duration
from workbench.views.settings import pairs
from workbench.workers import Workers

SAY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What one simulator made of the designs, and its time for those that it simulated now, over all processes."""

    outcomes: tuple[Outcome, ...]
    simulated: int
    seconds: float
    seconds_each: float | None
    """The first design left out, which has the start-up in it; None where no other one was simulated."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared: two simulators under labels that tell them apart, and designs of a task."""

    task: Task
    simulators: tuple[Simulator, Simulator]
    labels: tuple[str, str]
    designs: tuple[Design, ...]
    seed: int

    @classmethod
    def of(cls, names: str, settings: Sequence[str], task: Task, designs: int, seed: int) -> Comparison:
        """From what was typed.

        Raises:
            UserError: not two simulators, an unknown one or setting, or twice the same.
        """
        both = [name.strip() for name in names.split(",")]
        if len(both) != 2 or not all(both):
            raise UserError(f"--simulators takes two names with a comma between them, got {names!r}.")
        given = _by_simulator(both, settings)
        first, second = (make_simulator(name, pairs("--sim", own)) for name, own in zip(both, given, strict=True))
        if first.fingerprint == second.fingerprint:
            raise UserError(f"Both are {first.fingerprint!r}: set one differently, as in --sim 1.NAME=VALUE.")
        same = both[0] == both[1]
        labels = (f"{both[0]} (1)", f"{both[1]} (2)") if same else (both[0], both[1])
        return cls(task, (first, second), labels, tuple(_sample(task, designs, seed)), seed)

    def evaluate(self, workers: Workers, db: Where | None) -> tuple[Answers, Answers]:
        """What both say, all of it kept in the lab; Ctrl-C stops between two batches, and what is done is kept."""
        with Lab.open(ready_lab_path(db)) as lab, stop_requests() as stop, workers:
            first, second = (self._answers(lab, index, workers, stop) for index in (0, 1))
        return first, second

    def _answers(self, lab: Lab, index: int, workers: Workers, stop: StopRequest) -> Answers:
        simulator = self.simulators[index]
        say(f"{count(len(self.designs))} designs on {simulator.fingerprint}")
        said, batches, done = time.monotonic(), list[Batch](), 0
        first, rest = self.designs[:1], self.designs[1:]
        each = (evaluate_kept(lab, simulator, self.task, designs, workers) for designs in (first, rest))
        marks = [workers.seconds]
        for batch in chain.from_iterable(each):
            batches.append(batch)
            marks.append(workers.seconds)
            done += len(batch.evaluated)
            if stop:
                say(f"stopped after {count(done)} designs on {self.labels[index]}; what was simulated is kept")
                raise KeyboardInterrupt
            if time.monotonic() - said > SAY_SECONDS:
                said = time.monotonic()
                say(f"  {count(done)} of {count(len(self.designs))}")
        evaluated = [each for batch in batches for each in batch.evaluated]
        simulated = sum(not each.cached for each in evaluated)
        known = len(evaluated) - simulated
        say(f"  {count(simulated)} simulated in {duration(marks[-1] - marks[0])}, {count(known)} known from the lab")
        timed = simulated - (not evaluated[0].cached)
        seconds_each = (marks[-1] - marks[1]) / timed if timed else None
        return Answers(tuple(each.outcome for each in evaluated), simulated, marks[-1] - marks[0], seconds_each)


def _by_simulator(names: Sequence[str], settings: Sequence[str]) -> list[list[str]]:
    """The settings of each simulator: `1.` and `2.` say which by place, a name by name."""
    found: list[list[str]] = [[] for _ in names]
    for text in settings:
        which, dot, setting = text.partition(".")
        places = [i for i, name in enumerate(names) if which in (name, str(i + 1))]
        if not dot or "=" in which or "=" not in setting:
            raise UserError(f"--sim takes WHICH.NAME=VALUE here, as in '1.{setting or text}', got {text!r}.")
        if not places:
            near = nearest(which, names)
            hint = f" Did you mean {near!r}?" if near else ""
            raise UserError(f"--sim {text}: {which!r} is neither simulator.{hint} Known: 1, 2, {', '.join(names)}.")
        for place in places:
            found[place].append(setting)
    return found


def _sample(task: Task, n: int, seed: int) -> list[Design]:
    """Different designs, uniformly; all there are where the space is no larger."""
    space = task.space
    if space.size <= n:
        return [space.unrank(rank) for rank in range(space.size)]
    rng = np.random.default_rng(seed)
    found: dict[Design, None] = {}
    while len(found) < n:
        found.update(dict.fromkeys(space.sample(n - len(found), rng)))
    return list(found)
