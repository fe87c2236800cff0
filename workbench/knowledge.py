"""What a run may learn from: which earlier runs and source models of the lab, how like its task, and how much of each.

Usable is every run with points by the same simulator. Runs of one subject (a task but for what is wanted of it) under
one fingerprint are one source, each design once. Sources are ordered by likeness (module `similarity`), those last that
do not quite compare: another version or other settings of the simulator, technology or mapping criterion.

A run writes down what it was given: the runs, each with how many of its first points, and the keys of the models. Runs
only ever grow at their end and a model is named by its content, so that a resumed run is given exactly the same,
whatever the lab has learnt since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from json import loads
from typing import TypeVar

from store.database import Lab
from store.errors import UnknownModelError
from store.rows import ModelHead, Point, RunHead, RunSource
from workbench.errors import UserError
from workbench.library import bare_outcome, outcome
from workbench.problem.cotask import CoTask
from workbench.problem.space import Space
from workbench.problem.task import BaseTask, Task
from workbench.problem.tasks import hardware, task_of
from workbench.searches.base import Evaluated, Source, SourceModel
from workbench.similarity import Profile, Similarity, subject_key

POINTS_MOST = 10_000
"""Points that `auto` gives a run in all: what a search can learn from in seconds."""
SOURCE_POINTS_MOST = 2_000
"""Points that `auto` takes of one source, of its earliest runs: what was searched often shall not crowd out others."""
MODELS_MOST = 4
"""Source models that `auto` gives a run."""
TRANSFER = "transfer"
"""The kind of source model that searches are given: the network of `models.transfer`."""

AUTO, NONE = "auto", "none"


def names_runs(wanted: Collection[str]) -> bool:
    """Whether it is runs that are wanted, and so a lab that has some."""
    return not {AUTO, NONE} & set(wanted)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a run is given, as it is written down: runs with how many of their points, and models by their keys."""

    sources: tuple[RunSource, ...] = ()
    models: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Known:
    """Something of the lab to learn from: what it tells of, and by which version and settings of the simulator."""

    task: BaseTask
    fingerprint: str

    @cached_property
    def subject(self) -> bytes:
        """The task but for what is wanted of it: see `subject_key`."""
        return subject_key(self.task)


@dataclass(frozen=True)
class KnownRuns(Known):
    """Runs that are one source, the earliest first."""

    runs: tuple[RunHead, ...]

    @property
    def name(self) -> str:
        """`run 12` or `runs 3, 12`."""
        return runs_name(run.id for run in self.runs)

    @property
    def points(self) -> int:
        """Of all its runs, designs that occur in two of them counted twice."""
        return sum(run.points for run in self.runs)


@dataclass(frozen=True)
class KnownModel(Known):
    """A source model."""

    head: ModelHead

    @property
    def name(self) -> str:
        """`model 2`."""
        return f"model {self.head.id}"


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like a task's is what something tells of."""

    similarity: Similarity
    compares: bool
    """Whether simulator version and settings, technology and criterion are the task's."""


AnyKnown = TypeVar("AnyKnown", bound=Known)


def runs_name(ids: Iterable[int]) -> str:
    """`run 12` or `runs 3, 12`."""
    numbers = [str(number) for number in ids]
    return f"run{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"


def known_runs(lab: Lab, simulator: str) -> list[KnownRuns]:
    """Every source there is, in the order of their first runs."""
    return _by_subject(lab.run_heads(simulator))


def _by_subject(runs: Iterable[RunHead]) -> list[KnownRuns]:
    """Runs of one subject, space and fingerprint together, in the order of their first ones."""
    grouped: dict[tuple[bytes, Space, str], list[RunHead]] = {}
    tasks: dict[str, tuple[bytes, BaseTask]] = {}  # by their text: many runs share one
    for run in runs:
        if run.task not in tasks:
            task = task_of(loads(run.task))
            tasks[run.task] = subject_key(task), task
        subject, task = tasks[run.task]
        grouped.setdefault((subject, task.space, run.fingerprint), []).append(run)
    return [
        KnownRuns(tasks[members[0].task][1], version, tuple(members)) for (_, _, version), members in grouped.items()
    ]


def known_models(lab: Lab, simulator: str) -> list[KnownModel]:
    """Every source model there is for searches, the latest first."""
    heads = (head for head in reversed(lab.model_heads(simulator)) if head.kind == TRANSFER)
    return [KnownModel(Task.from_canonical(loads(head.task)), head.fingerprint, head) for head in heads]


def ranked(known: Sequence[AnyKnown], task: Task, fingerprint: str) -> list[tuple[AnyKnown, Likeness]]:
    """For a task and a simulator's version, the best first; equal ones in their order."""
    profile, profiles = Profile.of(task), {each.subject: Profile.of(hardware(each.task)) for each in known}
    found: list[tuple[AnyKnown, Likeness]] = []
    for each in known:
        other = hardware(each.task)
        priced = (task.technology, task.criterion) == (other.technology, other.criterion)
        similarity = profile.similarity(profiles[each.subject])
        found.append((each, Likeness(similarity, priced and fingerprint == each.fingerprint)))
    return sorted(found, key=lambda pair: (not pair[1].compares, -pair[1].similarity.value))


def choose(
    lab: Lab,
    task: BaseTask,
    simulator: str,
    fingerprint: str,
    wanted: Sequence[str],
    *,
    without: Collection[bytes] = (),
) -> Knowledge:
    """What to give a run on a task that wants `auto`, `none` or the runs named: one word at least.

    `auto` is the best of the lab within `POINTS_MOST`, but for the subjects in `without`. Runs that are named are given
    whole, in that order, and with them the models that were trained on nothing else. A co-exploration learns from those
    of its own subject alone.

    Raises:
        UserError: a run that has no points or was made by another simulator.
        UnknownRunError: there is no such run.
    """
    if wanted[0] == NONE:
        return Knowledge()
    if isinstance(task, CoTask):
        return _of_subject(lab, task, simulator, fingerprint, wanted)
    task = hardware(task)
    models = [model for model, _ in ranked(known_models(lab, simulator), task, fingerprint)]
    if wanted[0] == AUTO:
        best = [known for known, _ in ranked(known_runs(lab, simulator), task, fingerprint)]
        sources = _within_bounds([known for known in best if known.subject not in without])
        fit = [model.head.key for model in models if model.subject not in without]
        return Knowledge(tuple(sources), tuple(fit[:MODELS_MOST]))
    runs = {run.uuid: run for run in (_named(lab, ref, simulator) for ref in wanted)}
    own = [model.head.key for model in models if _lineage(model.head) <= runs.keys()]
    return Knowledge(tuple(RunSource(run.uuid, run.points) for run in runs.values()), tuple(own))


def _of_subject(lab: Lab, task: CoTask, simulator: str, fingerprint: str, wanted: Sequence[str]) -> Knowledge:
    """Runs on the same chip and networks, whatever was wanted of them: all there are, or those that are named."""
    known = [
        each for each in known_runs(lab, simulator) if (each.subject, each.fingerprint) == (task.subject, fingerprint)
    ]
    if wanted[0] == AUTO:
        return Knowledge(tuple(_within_bounds(known)))
    able = {run.uuid: run for each in known for run in each.runs}
    runs = [_named(lab, ref, simulator) for ref in wanted]
    for run in runs:
        if run.uuid not in able:
            raise UserError(
                f"Run {run.id} is about another chip, other networks or other trainings: it does not compare."
            )
    return Knowledge(tuple(RunSource(run.uuid, run.points) for run in {run.uuid: run for run in runs}.values()))


def _within_bounds(best: Sequence[KnownRuns]) -> list[RunSource]:
    """As many points as `auto` gives, of the first sources."""
    sources: list[RunSource] = []
    left = POINTS_MOST
    for known in best:
        of_this = min(SOURCE_POINTS_MOST, left)
        for run in known.runs:
            taken = min(run.points, of_this)
            of_this, left = of_this - taken, left - taken
            sources += [RunSource(run.uuid, taken)] if taken else []
    return sources


def _named(lab: Lab, ref: str, simulator: str) -> RunHead:
    run = lab.run(ref)
    if run.simulator != simulator:
        raise UserError(
            f"Run {run.id} was simulated by {run.simulator!r}: what it found does not compare with {simulator!r}."
        )
    if not run.points:
        raise UserError(f"Run {run.id} has no designs yet: there is nothing to learn from it.")
    return RunHead(*(getattr(run, name) for name in RunHead._fields))


def _lineage(head: ModelHead) -> set[str]:
    return {part["uuid"] for part in loads(head.lineage)}


def given(lab: Lab, run_id: int) -> Knowledge:
    """What a run was given when it was made."""
    return Knowledge(tuple(lab.run_sources(run_id)), tuple(lab.run_models(run_id)))


def load(lab: Lab, run_id: int) -> tuple[tuple[Source, ...], tuple[SourceModel, ...]]:
    """What a run was given, as its search takes it: the same each time, whatever the lab has learnt since.

    Raises:
        UserError: a source or a model is no longer in the lab.
    """
    knowledge = given(lab, run_id)
    heads = {head.uuid: head for head in lab.run_heads(uuids=[source.uuid for source in knowledge.sources])}
    for source in knowledge.sources:
        head = heads.get(source.uuid)
        if head is None or head.points < source.points:
            raise UserError(
                f"Run {run_id} learns from the run {source.uuid[:8]}, which is no longer in the lab with its first "
                f"{source.points} designs: it cannot go on. Start a new run."
            )
    taken = {source.uuid: source.points for source in knowledge.sources}
    sources = merged(lab, [heads[uuid] for uuid in taken], taken)
    return sources, tuple(_model(lab, run_id, key) for key in knowledge.models)


def merged(lab: Lab, runs: Iterable[RunHead], points: Mapping[str, int]) -> tuple[Source, ...]:
    """Runs as sources, each with its first points (how many, by its uuid): one for a subject and fingerprint."""
    return tuple(_source(lab, known, points) for known in _by_subject(runs))


def _source(lab: Lab, known: KnownRuns, points: Mapping[str, int]) -> Source:
    """No design twice: the first run that has it tells. What networks are worth, one by one, is part of the detail."""
    first: dict[bytes, Point] = {}
    detailed = isinstance(known.task, CoTask)
    for run in known.runs:
        for point in lab.points(run.id, limit=points[run.uuid], with_detail=detailed):
            first.setdefault(point.codes, point)
    return Source(known.name, known.task, _evaluated(known.task, first.values(), detailed))


def _evaluated(task: BaseTask, points: Iterable[Point], detailed: bool) -> tuple[Evaluated, ...]:
    return tuple(
        Evaluated(task.space.unpack(point.codes), outcome(point) if detailed else bare_outcome(point, task.clock_mhz))
        for point in points
    )


def _model(lab: Lab, run_id: int, key: bytes) -> SourceModel:
    try:
        head, content = lab.model(key)
    except UnknownModelError:
        raise UserError(
            f"Run {run_id} learns from the source model {key.hex()[:8]}, which is no longer in the lab: it cannot go "
            "on. Start a new run."
        ) from None
    return SourceModel(f"model {head.id}", Task.from_canonical(loads(head.task)), content)
