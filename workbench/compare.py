"""Searches compared: the same tasks, seeds and stop rules for each, as ordinary runs of the lab; and what came of them.

A run that was asked for the same before (task, search and its settings, simulator, seed, batch, stop rules and what it
learns from) is taken as it is, or gone on with; so a comparison that is interrupted goes on where it stopped, and one
with more searches or seeds does only what is new.

What `auto` gives to learn from leaves out the compared tasks themselves, whatever their objectives: no search learns
from another one's run, and what has been compared already changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from json import loads
from math import inf
from typing import Any

import numpy as np

from store.database import Lab
from store.rows import Progress, Run
from workbench.errors import UserError
from workbench.knowledge import AUTO, Knowledge, given, names_runs
from workbench.library import bare_outcome
from workbench.problem.metrics import Metrics
from workbench.problem.task import Task
from workbench.problem.tasks import task_of
from workbench.runner import BATCH, RunSpec, Step, asked, check_sources, learnt, run, start
from workbench.searches import SEARCHES
from workbench.similarity import subject_key
from workbench.stop import Stop
from workbench.workers import Workers

SHARES = (0.25, 0.5, 1.0)
"""Parts of the budget at which hypervolumes are told."""
_MANY = 2**31
_SAME = ("search", "search_settings", "simulator", "simulator_settings", "fingerprint", "seed", "batch", "stop")


@dataclass(frozen=True)
class Contender:
    """A search with its settings, under the label that tells it from the others."""

    label: str
    search: str
    preset: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """What is compared, on what, how often and within which bounds."""

    tasks: tuple[Task, ...]
    contenders: tuple[Contender, ...]
    seeds: tuple[int, ...]
    stop: Stop
    simulator: str = "loopnest"
    simulator_settings: Mapping[str, Any] = field(default_factory=dict)
    batch: int = BATCH
    sources: tuple[str, ...] = (AUTO,)

    def __post_init__(self) -> None:
        labels = [contender.label for contender in self.contenders]
        if not (self.tasks and labels and self.seeds):
            raise UserError("A comparison needs at least one task, one search and one seed.")
        if len(set(labels)) != len(labels):
            raise UserError(f"A search is named twice: {', '.join(labels)}.")

    def specs(self) -> list[tuple[Contender, RunSpec]]:
        """Every run, all searches on one seed before the next: what there is at any time compares.

        Raises:
            UserError: anything about them that does not exist, or runs to learn from that no search learns from.
        """
        made = [
            (contender, self._spec(task, contender, seed))
            for seed in self.seeds
            for task in self.tasks
            for contender in self.contenders
        ]
        for _, spec in made[: len(self.tasks) * len(self.contenders)]:
            asked(spec)
        if names_runs(self.sources) and not any(SEARCHES[c.search].transfers for c in self.contenders):
            check_sources(self.contenders[0].search, self.sources)
        return made

    def _spec(self, task: Task, contender: Contender, seed: int) -> RunSpec:
        transfers = contender.search in SEARCHES and SEARCHES[contender.search].transfers
        return RunSpec(
            task,
            contender.search,
            contender.settings,
            contender.preset,
            self.simulator,
            self.simulator_settings,
            seed,
            self.batch,
            self.stop,
            sources=self.sources if transfers else (AUTO,),
        )


@dataclass(frozen=True)
class Entry:
    """One run of a comparison; `row` is None until there is one in the lab."""

    contender: Contender
    spec: RunSpec
    knowledge: Knowledge
    row: Run | None

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.row is not None and self.row.status == "done"


def entries(lab: Lab, comparison: Comparison) -> list[Entry]:
    """The runs of a comparison, as far as the lab has them; nothing is written.

    Raises:
        UserError: see `Comparison.specs` and `runner.learnt`.
    """
    specs = comparison.specs()
    subjects = {subject_key(task) for task in comparison.tasks}
    there = {task.key: lab.runs(task_key=task.key, limit=_MANY) for task in comparison.tasks}
    knowledge: dict[tuple[bytes, str], Knowledge] = {}
    found = []
    for contender, spec in specs:
        key = subject_key(spec.task), spec.search
        if key not in knowledge:
            knowledge[key] = learnt(lab, spec, without=subjects)
        row = _same(lab, spec, knowledge[key], there[spec.task.key])
        found.append(Entry(contender, spec, knowledge[key], row))
    return found


def _same(lab: Lab, spec: RunSpec, knowledge: Knowledge, rows: Collection[Run]) -> Run | None:
    """The run that was asked for the same: one that is done, else the one that has come furthest."""
    new, subject = asked(spec), subject_key(spec.task)
    same = [
        row
        for row in rows
        if all(getattr(row, name) == getattr(new, name) for name in _SAME)
        and subject_key(task_of(loads(row.task))) == subject
        and given(lab, row.id) == knowledge
    ]
    return max(same, key=lambda row: (row.status == "done", row.points), default=None)


def work(
    lab: Lab,
    todo: Sequence[Entry],
    should_stop: Callable[[], bool] = lambda: False,
    workers: Workers | None = None,
) -> Generator[tuple[Entry, Step], None, None]:
    """Works on all that is not done, in order, until asked between two steps to stop; yields each stored step.

    Raises:
        SimulatorError, StoreError: as `runner.run`.
    """
    for entry in todo:
        if should_stop():
            return
        if not entry.done:
            row = entry.row or start(lab, entry.spec, entry.knowledge)
            for step in run(lab, row.id, should_stop, workers):
                yield replace(entry, row=row), step


@dataclass(frozen=True)
class Outcome:
    """What came of one run."""

    run: int
    points: int
    to_target: int | None
    """Designs up to and with the first that met all targets; None where none did, or there are no targets."""
    volumes: tuple[tuple[int, float], ...]
    """(designs so far, hypervolume) after each step."""
    search_seconds: tuple[float, ...]
    """The search's own time in each step."""

    def volume_at(self, designs: float) -> float:
        """The hypervolume after so many designs, or where the run ended before."""
        return next((volume for points, volume in reversed(self.volumes) if points <= designs), 0.0)

    def met_by(self, designs: float) -> bool:
        """Whether the targets were met by then."""
        return self.to_target is not None and self.to_target <= designs


def outcome(lab: Lab, row: Run) -> Outcome:
    """What came of a run so far."""
    history: list[Progress] = lab.history(row.id)
    return Outcome(
        row.id,
        row.points,
        _to_target(lab, row),
        tuple((progress.points, progress.hypervolume or 0.0) for progress in history),
        tuple(progress.search_seconds for progress in history if progress.search_seconds is not None),
    )


def _to_target(lab: Lab, row: Run) -> int | None:
    task, stop = task_of(loads(row.task)), Stop.model_validate(loads(row.stop))
    if not task.targets:
        return None
    clock_mhz = task.clock_mhz
    for point in lab.points(row.id, with_detail=False):
        found = bare_outcome(point, clock_mhz)
        if stop.meets_targets(found, task.targets) and isinstance(found, Metrics) and task.solves(found):
            return point.seq + 1
    return None


@dataclass(frozen=True, slots=True)
class Quartiles:
    """Of a number of runs; None where so many failed that it is beyond the budget."""

    lower: float | None
    median: float | None
    upper: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Quartiles:
        """Of one value or more, `inf` for a failure; between two values linear, and beyond all where one is."""
        ordered = np.sort(np.asarray(values, dtype=np.float64))
        return cls(*(_quantile(ordered.tolist(), q) for q in (0.25, 0.5, 0.75)))


def _quantile(ordered: Sequence[float], q: float) -> float | None:
    place = q * (len(ordered) - 1)
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
    share = place - int(place)
    value = low if share == 0 else inf if high == inf else low + share * (high - low)
    return None if value == inf else value


@dataclass(frozen=True, slots=True)
class Summary:
    """What a search came to over its runs on a task, or on all of them."""

    runs: int
    met: int
    """Runs that met all targets; 0 without targets."""
    to_target: Quartiles | None
    """Designs to the targets, failures counted as beyond the budget; None without targets."""
    volumes: tuple[Quartiles, ...]
    """Hypervolumes at `SHARES` of the budget."""
    search_seconds: float | None
    """Of the search itself in a step, the median over all steps of all runs."""
    search_seconds_most: float | None
    """In the longest step; the first has the search's preparation in it."""


def summary(outcomes: Sequence[Outcome], budget: int, targets: bool) -> Summary:
    """Of one run or more."""
    needed = [inf if o.to_target is None else float(o.to_target) for o in outcomes]
    seconds = [each for o in outcomes for each in o.search_seconds]
    return Summary(
        runs=len(outcomes),
        met=sum(o.to_target is not None for o in outcomes),
        to_target=Quartiles.of(needed) if targets else None,
        volumes=tuple(Quartiles.of([o.volume_at(share * budget) for o in outcomes]) for share in SHARES),
        search_seconds=float(np.median(seconds)) if seconds else None,
        search_seconds_most=max(seconds, default=None),
    )
