"""What goes into the lab database and comes out: plain frozen values, in the columns' order.

JSON travels as text: when it is stored it is checked to be JSON, and nothing here looks inside. Metrics are None
exactly where `infeasible` is not (accuracy may always be None). A row that says otherwise is refused when stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Literal, NamedTuple

import orjson

from store.errors import BadRowError

Status = Literal["queued", "running", "paused", "done", "interrupted", "failed", "cancelled"]
STATUSES: Final[tuple[Status, ...]] = ("queued", "running", "paused", "done", "interrupted", "failed", "cancelled")
Wish = Literal["pause", "cancel"]
"""What somebody asks of a run that is being worked on."""
WISHES: Final[tuple[Wish, ...]] = ("pause", "cancel")
ALL: Final = 2**63 - 1
"""A limit that is none."""
METRICS: Final = ("latency_cycles", "energy_pj", "area_um2", "accuracy")
"""The columns of an outcome. A design that can be built has the first three; accuracy, where somebody measures it."""


OUTCOME: Final = (*METRICS, "infeasible")
"""The columns that say what a design came to."""

Zone = tuple[float | None, float | None]
"""The least and the most of a metric among some designs; None where none of them has it."""


class Context(NamedTuple):
    """What makes evaluations comparable: same simulator, version and settings, same layer."""

    key: bytes  # 16 bytes, a hash of the rest
    simulator: str
    fingerprint: str
    layer: str  # JSON


class Evaluation(NamedTuple):
    """A cached simulation: what a concrete architecture costs in a context."""

    context: bytes  # the context's key
    key: bytes  # of the concrete architecture; at most 64 bytes
    latency_cycles: float | None
    energy_pj: float | None
    area_um2: float | None
    accuracy: float | None = None
    infeasible: str | None = None  # JSON
    detail: str | None = None  # JSON


class Point(NamedTuple):
    """A design of a run with its outcome. `seq` counts from 0 through the run, `step` from 1."""

    seq: int
    step: int
    codes: bytes  # one or two for each axis
    latency_cycles: float | None
    energy_pj: float | None
    area_um2: float | None
    accuracy: float | None = None
    infeasible: str | None = None  # JSON
    cached: bool = False  # answered from the cache, not simulated
    detail: str | None = None  # JSON


class Progress(NamedTuple):
    """How far a run was after a step: all counts since its beginning, `seconds` those of this step alone."""

    step: int  # counts from 1
    points: int
    evaluations: int  # simulations done
    hits: int  # simulations saved by the cache
    feasible: int
    front_size: int
    hypervolume: float | None  # None before there is a reference
    best: str  # JSON
    seconds: float
    search_seconds: float | None = None  # those of `seconds` that the search itself took; None in runs of schema 1
    asked: str | None = None  # JSON: of an asynchronous run, which of the designs asked for the step's are, from 0 on


class Worker(NamedTuple):
    """What a worker process has done for a run; where one was lost of which no more is known, host is ? and pid 0."""

    host: str
    pid: int
    executor: str
    designs: int  # simulated; one that is simulated layer by layer counts once for each layer
    seconds: float  # of simulation
    failures: int  # how often it was lost
    updated_ns: int  # when it was last heard of


class Checkpoint(NamedTuple):
    """The state of the search after a step, as the search wrote it."""

    step: int
    state: bytes


class ChunkHead(NamedTuple):
    """A chunk without its content."""

    number: int  # counts from 0 through the run
    first: int  # the place of its first design among all that the run has in chunks
    points: int
    feasible: int
    zones: tuple[Zone, ...]  # in the order of METRICS
    digest: bytes  # 16 bytes, a hash of the rest and of the content
    size: int  # of the content, bytes


class RunSource(NamedTuple):
    """A run that another one learns from, and how many of its first points it was given: it may have grown since."""

    uuid: str
    points: int


class RunHead(NamedTuple):
    """A run as one that others may learn from: what it is about, and how much it found."""

    id: int
    uuid: str
    arch: str
    workload: str
    search: str
    simulator: str
    fingerprint: str
    points: int
    feasible: int
    task: str  # JSON


class ModelHead(NamedTuple):
    """A source model without its content."""

    id: int
    key: bytes  # 16 bytes, a hash of the content
    kind: str
    arch: str
    workload: str
    simulator: str
    fingerprint: str
    points: int  # in the training set
    training_key: bytes  # 16 bytes, a hash of the training set
    created_ns: int  # since 1970
    code_version: str
    size: int  # of the content, bytes
    axes: str  # JSON, in the order of the inputs
    metrics: str  # JSON, in the order of the outputs
    lineage: str  # JSON: uuid and number of points of each run that it learnt from
    report: str  # JSON: settings, and how well it does
    task: str  # JSON


class Accuracy(NamedTuple):
    """How good a network is that was trained: measured, once for all. Its weights are not kept."""

    key: bytes  # 16 bytes, a hash of network, data set, recipe, seed and trainer
    family: str
    family_key: bytes  # 16 bytes, a hash of the family's content
    design: str  # JSON: the family's axes with their values
    data: str
    data_key: bytes  # 16 bytes, a hash of the data set's content
    recipe: str  # JSON
    seed: int
    trainer: str  # and its version
    metric: str  # what the accuracy is
    accuracy: float  # on the test images, a part of 1
    validation: float  # on those that the epoch was chosen by
    parameters: int
    macs: int  # for one image
    epochs: int
    best_epoch: int  # counts from 1
    seconds: float  # of training
    created_ns: int  # since 1970
    code_version: str
    digest: bytes  # 16 bytes, a hash of the rest
    report: str  # JSON: why it stopped, the curve, versions
    network: str  # JSON: the operators


class UnfinishedTraining(NamedTuple):
    """A training that has not ended yet, without its state: whose, how far, and who works on it."""

    key: bytes  # that the accuracy will have
    family: str
    design: str  # JSON
    data: str
    epochs: int  # whole ones
    batches: int  # of the epoch under way
    updated_ns: int  # since 1970
    live: bool  # a process is at work on it


@dataclass(frozen=True, slots=True)
class Run:
    """A run: what it was asked to do, how far it is, who works on it. `status` is as stored: see `Lab.live_status`."""

    id: int
    uuid: str  # 32 hex digits
    status: Status
    arch: str
    workload: str
    search: str
    simulator: str
    fingerprint: str
    seed: int
    batch: int
    created_ns: int  # since 1970
    updated_ns: int
    steps: int
    points: int
    evaluations: int
    hits: int
    feasible: int
    front_size: int
    hypervolume: float | None
    best: str | None  # JSON
    error: str | None
    note: str
    host: str | None
    boot_id: str | None
    pid_namespace: str | None
    pid: int | None
    process_start: int | None
    epoch: int  # rises with every claim: only the latest owner may write
    heartbeat_ns: int | None
    task_key: bytes
    task: str  # JSON
    search_settings: str  # JSON
    simulator_settings: str  # JSON
    stop: str  # JSON
    chunk_points: int = 0  # designs stored in chunks, beside the `points`
    wish: Wish | None = None  # what its owner shall do after the step under way
    asynchronous: bool = False  # up to `batch` designs are under way; the search is asked again as soon as one is back


class Json(str):
    """Text that an encoder has made of content: to know that it is JSON nobody needs to read it again."""

    __slots__ = ()

    @classmethod
    def of(cls, content: Any) -> Json:
        """The same text for equal content."""
        return cls(_ENCODER.encode(content))

    @classmethod
    def bulky(cls, content: Any) -> Json:
        """Likewise, at a tenth of the time, for what no key is made of: its numbers may be spelt in another way.

        Raises:
            ValueError: a number that is none.
        """
        try:
            encoded = orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)
        except orjson.JSONEncodeError:  # a type that it does not know, or a number beyond 64 bits
            return cls.of(content)
        if b"null" in encoded:
            _check_finite(content)
        return cls(encoded.decode())


def _check_finite(content: Any) -> None:
    """Refuse infinity and NaN, which the quick encoder takes for null."""
    if isinstance(content, float):
        if not isfinite(content):
            raise ValueError(f"JSON has no {content}")
    elif isinstance(content, Mapping):
        for value in content.values():
            _check_finite(value)
    elif isinstance(content, list | tuple):
        for value in content:
            _check_finite(value)


def check_json(field: str, text: str | None) -> None:
    """Refuse text that is not JSON by the letter; None passes, where a column may be empty."""
    if text is None or isinstance(text, Json):
        return
    try:
        _DECODER.decode(text)
    except (ValueError, TypeError) as error:
        raise BadRowError(f"{field} must be JSON text, not {repr(text)[:60]}: {error}.") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")


_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
