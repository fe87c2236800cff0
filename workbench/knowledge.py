"""What a run may learn from: which earlier runs and source models of the lab, how like its task, and how much of each.

Usable is every run with points by the same simulator. Runs of one subject (a task but for what is wanted of it) under
one fingerprint are one source, each design once. Sources are ordered by likeness (module `similarity`), those last that
do not quite compare: another version or other settings of the simulator, technology or mapping criterion.

A run writes down what it was given: the runs, each with how many of its first points, and the keys of the models. Runs
only ever grow at their end and a model is named by its content, so that a resumed run is given exactly the same,
whatever the lab has learnt since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from json import loads

from store.database import Lab
from store.errors import UnknownModelError
from store.rows import ModelHead, Point, RunHead, RunSource
from workbench.errors import UserError
from workbench.library import bare_outcome
from workbench.problem.task import Task
from workbench.searches.base import Evaluated, Source, SourceModel
from workbench.similarity import Profile, Similarity, subject_key

POINTS_MOST = 10_000
"""Points that `auto` gives a run in all: what a search can learn from in seconds."""
RUN_POINTS_MOST = 2_000
"""Points that `auto` takes of one run, its first: no long run shall crowd out the others."""
MODELS_MOST = 4
"""Source models that `auto` gives a run."""
TRANSFER = "transfer"
"""The kind of source model that searches are given: the network of `models.transfer`."""

AUTO, NONE = "auto", "none"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a run is given, as it is written down: runs with how many of their points, and models by their keys."""

    sources: tuple[RunSource, ...] = ()
    models: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """Runs that are one source for a task, the earliest first."""

    task: Task
    fingerprint: str
    runs: tuple[RunHead, ...]
    similarity: Similarity
    compares: bool
    """Whether simulator version and settings, technology and criterion are those of the task."""

    @property
    def name(self) -> str:
        """`run 12` or `runs 3, 12`."""
        return runs_name(run.id for run in self.runs)

    @property
    def points(self) -> int:
        """Of all its runs, designs that occur in two of them counted twice."""
        return sum(run.points for run in self.runs)

    @cached_property
    def subject(self) -> bytes:
        """What its runs have in common: see `subject_key`."""
        return subject_key(self.task)


@dataclass(frozen=True)
class ModelCandidate:
    """A source model, and how like the task is what it was trained on."""

    head: ModelHead
    task: Task
    similarity: Similarity
    compares: bool

    @cached_property
    def subject(self) -> bytes:
        """What it was trained on."""
        return subject_key(self.task)


def runs_name(ids: Iterable[int]) -> str:
    """`run 12` or `runs 3, 12`."""
    numbers = [str(number) for number in ids]
    return f"run{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"


def candidates(lab: Lab, task: Task, simulator: str, fingerprint: str) -> list[Candidate]:
    """Every source there is for a task, the best first; equal ones in the order of their first runs."""
    grouped: dict[tuple[bytes, str], list[RunHead]] = {}
    tasks: dict[bytes, Task] = {}
    subjects: dict[bytes, bytes] = {}
    for run in lab.run_heads(simulator):
        if run.task_key not in subjects:
            found = Task.from_canonical(loads(lab.run(run.id).task))
            subjects[run.task_key] = subject_key(found)
            tasks.setdefault(subjects[run.task_key], found)
        grouped.setdefault((subjects[run.task_key], run.fingerprint), []).append(run)
    profile = Profile.of(task)
    likeness = {subject: profile.similarity(Profile.of(other)) for subject, other in tasks.items()}
    ranked = [
        Candidate(
            tasks[subject],
            version,
            tuple(runs),
            likeness[subject],
            _compares(task, fingerprint, tasks[subject], version),
        )
        for (subject, version), runs in grouped.items()
    ]
    return sorted(ranked, key=lambda c: (not c.compares, -c.similarity.value))


def model_candidates(lab: Lab, task: Task, simulator: str, fingerprint: str) -> list[ModelCandidate]:
    """Every source model there is for a task, the best first, the latest first among equals."""
    profile = Profile.of(task)
    ranked: list[ModelCandidate] = []
    for head in reversed(lab.model_heads(simulator)):
        if head.kind == TRANSFER:
            other = Task.from_canonical(loads(head.task))
            compares = _compares(task, fingerprint, other, head.fingerprint)
            ranked.append(ModelCandidate(head, other, profile.similarity(Profile.of(other)), compares))
    return sorted(ranked, key=lambda c: (not c.compares, -c.similarity.value))


def _compares(task: Task, fingerprint: str, other: Task, version: str) -> bool:
    priced = (task.technology, task.criterion) == (other.technology, other.criterion)
    return priced and fingerprint == version


def choose(
    lab: Lab,
    task: Task,
    simulator: str,
    fingerprint: str,
    wanted: Sequence[str],
    *,
    without: Collection[bytes] = (),
) -> Knowledge:
    """What to give a run on a task that wants `auto`, `none` or the runs named: one word at least.

    `auto` is the best of the lab within `POINTS_MOST`, but for the subjects in `without`. Runs that are named are given
    whole, in that order, and with them the models that were trained on nothing else.

    Raises:
        UserError: a run that has no points or was made by another simulator.
        UnknownRunError: there is no such run.
    """
    if wanted[0] == NONE:
        return Knowledge()
    models = model_candidates(lab, task, simulator, fingerprint)
    if wanted[0] == AUTO:
        ranked = candidates(lab, task, simulator, fingerprint)
        sources = _within_bounds(run for each in ranked if each.subject not in without for run in each.runs)
        fit = [each.head.key for each in models if each.subject not in without]
        return Knowledge(tuple(sources), tuple(fit[:MODELS_MOST]))
    runs = {run.uuid: run for run in (_named(lab, ref, simulator) for ref in wanted)}
    own = [model.head.key for model in models if _lineage(model.head) <= runs.keys()]
    return Knowledge(tuple(RunSource(run.uuid, run.points) for run in runs.values()), tuple(own))


def _within_bounds(runs: Iterable[RunHead]) -> list[RunSource]:
    """As many points as `auto` gives, of the first runs."""
    sources: list[RunSource] = []
    left = POINTS_MOST
    for run in runs:
        taken = min(run.points, RUN_POINTS_MOST, left)
        left -= taken
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
    parts = [(heads[source.uuid], source.points) for source in knowledge.sources]
    return merged(lab, parts), tuple(_model(lab, run_id, key) for key in knowledge.models)


def merged(lab: Lab, parts: Sequence[tuple[RunHead, int]]) -> tuple[Source, ...]:
    """Runs, each with how many of its points, as sources: one for each subject and fingerprint, no design twice."""
    grouped: dict[tuple[bytes, str], list[tuple[RunHead, int]]] = {}
    tasks: dict[bytes, tuple[bytes, Task]] = {}
    for run, points in parts:
        if run.task_key not in tasks:
            task = Task.from_canonical(loads(lab.run(run.id).task))
            tasks[run.task_key] = subject_key(task), task
        grouped.setdefault((tasks[run.task_key][0], run.fingerprint), []).append((run, points))
    sources = []
    for members in grouped.values():
        task = tasks[members[0][0].task_key][1]
        known: dict[bytes, Point] = {}
        for run, points in members:
            for point in lab.points(run.id, limit=points, with_detail=False):
                known.setdefault(point.codes, point)
        sources.append(Source(runs_name(run.id for run, _ in members), task, _evaluated(task, known.values())))
    return tuple(sources)


def _evaluated(task: Task, points: Iterable[Point]) -> tuple[Evaluated, ...]:
    clock_mhz = task.template.file.clock_mhz
    return tuple(Evaluated(task.space.unpack(point.codes), bare_outcome(point, clock_mhz)) for point in points)


def _model(lab: Lab, run_id: int, key: bytes) -> SourceModel:
    try:
        head, content = lab.model(key)
    except UnknownModelError:
        raise UserError(
            f"Run {run_id} learns from the source model {key.hex()[:8]}, which is no longer in the lab: it cannot go "
            "on. Start a new run."
        ) from None
    return SourceModel(f"model {head.id}", Task.from_canonical(loads(head.task)), content)
