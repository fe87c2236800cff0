"""The schema: every table of the lab database, STRICT, units in the names, and what a row must satisfy.

Bulky JSON (`detail`) lies in tables of its own, so that scanning metrics does not drag it along; the narrow tables
are clustered on their keys. A run owns its rows: removing it removes them. Evaluations belong to no run.
No CHECK uses json_valid: SQLite 3.40 counts it as unsafe, and a stranger's schema must not be trusted. Where a
step or a run is stored, `rows.check_json` looks instead.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Connection,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlmodel import Field, SQLModel

from store.names import FLOAT, INTEGER
from store.rows import METRICS, STATUSES, WISHES

STRICT: Final = {"sqlite_strict": True}
CLUSTERED: Final = {"sqlite_strict": True, "sqlite_with_rowid": False}

# Any: sqlmodel's annotation asks for a class where it takes an instance.
_Real: Final[Any] = FLOAT


class _Condition(ColumnElement[bool]):
    """What SQLite checks, as written; each server in its own words."""

    inherit_cache = False

    def __init__(self, sql: str) -> None:
        self.sql = sql


@compiles(_Condition)
def _as_written(condition: _Condition, *_: Any, **__: Any) -> str:
    return condition.sql


@compiles(_Condition, "postgresql")
def _for_server(condition: _Condition, *_: Any, **__: Any) -> str:
    """NaN is greater than infinity there, so that it is refused, too."""
    finite = condition.sql.replace("9e999", "CAST('Infinity' AS DOUBLE PRECISION)")
    return finite.replace("NOT GLOB '*[^0-9a-f]*'", "!~ '[^0-9a-f]'")


def _check(sql: str, name: str) -> CheckConstraint:
    return CheckConstraint(_Condition(sql), name=name)


def _size(column: str, least: int, most: int) -> CheckConstraint:
    return CheckConstraint(f"length({column}) BETWEEN {least} AND {most}", name=f"{column}_size")


def _outcome() -> tuple[CheckConstraint, ...]:
    """Metrics or a reason why there are none; never NaN (which SQLite stores as NULL), infinity or a negative."""
    costs = METRICS[:3]
    either = " AND ".join(f"({cost} IS NULL) = (infeasible IS NOT NULL)" for cost in costs)
    return (
        CheckConstraint(either, name="metrics_or_infeasible"),
        *(_check(f"{cost} >= 0 AND {cost} < 9e999", f"{cost}_finite") for cost in costs),
        _check("accuracy IS NULL OR infeasible IS NULL", "accuracy_or_infeasible"),
        _check("abs(accuracy) < 9e999", "accuracy_finite"),
    )


def _of_run() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="CASCADE")


def _of_point() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["run_id", "seq"], ["point.run_id", "point.seq"], ondelete="CASCADE")


class Base(SQLModel):
    """Keeps our tables apart from any other sqlmodel tables in the process."""

    metadata = MetaData()


class ContextTable(Base, table=True):
    __tablename__ = "context"
    __table_args__ = (UniqueConstraint("key"), _size("key", 16, 16), STRICT)

    id: int | None = Field(default=None, primary_key=True)
    key: bytes = Field(sa_type=LargeBinary)
    simulator: str = Field(sa_type=Text)
    fingerprint: str = Field(sa_type=Text)
    layer: str = Field(sa_type=Text)


class EvaluationTable(Base, table=True):
    """Rows in the order they came, and their keys in an index of their own.

    With keys as random as digests, an order by key writes half as many pages again for each row.
    """

    __tablename__ = "evaluation"
    __table_args__ = (
        ForeignKeyConstraint(["context_id"], ["context.id"]),
        _size("key", 1, 64),
        *_outcome(),
        STRICT,
    )

    context_id: int = Field(primary_key=True)
    key: bytes = Field(sa_type=LargeBinary, primary_key=True)
    latency_cycles: float | None = Field(sa_type=_Real)
    energy_pj: float | None = Field(sa_type=_Real)
    area_um2: float | None = Field(sa_type=_Real)
    accuracy: float | None = Field(sa_type=_Real)
    infeasible: str | None = Field(sa_type=Text)


class EvaluationDetailTable(Base, table=True):
    __tablename__ = "evaluation_detail"
    __table_args__ = (
        ForeignKeyConstraint(["context_id", "key"], ["evaluation.context_id", "evaluation.key"], ondelete="CASCADE"),
        STRICT,
    )

    context_id: int = Field(primary_key=True)
    key: bytes = Field(sa_type=LargeBinary, primary_key=True)
    detail: str = Field(sa_type=Text)


class RunTable(Base, table=True):
    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("uuid"),
        Index("run_by_status", "status"),
        Index("run_by_task", "task_key"),
        CheckConstraint(f"status IN {STATUSES!r}", name="status_known"),
        CheckConstraint(f"wish IN {WISHES!r}", name="wish_known"),
        _check("length(uuid) = 32 AND uuid NOT GLOB '*[^0-9a-f]*'", "uuid_hex"),
        CheckConstraint("status <> 'running' OR pid IS NOT NULL", name="running_has_owner"),
        CheckConstraint("batch > 0", name="batch_positive"),
        CheckConstraint("asynchronous IN (0, 1)", name="asynchronous_flag"),
        _check("abs(hypervolume) < 9e999", "hypervolume_finite"),
        _size("task_key", 1, 64),
        {**STRICT, "sqlite_autoincrement": True},  # the number of a removed run is not given to another
    )

    id: int | None = Field(default=None, primary_key=True)
    uuid: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    arch: str = Field(sa_type=Text)
    workload: str = Field(sa_type=Text)
    search: str = Field(sa_type=Text)
    simulator: str = Field(sa_type=Text)
    fingerprint: str = Field(sa_type=Text)
    seed: int
    batch: int
    created_ns: int
    updated_ns: int
    steps: int
    points: int
    evaluations: int
    hits: int
    feasible: int
    front_size: int
    hypervolume: float | None = Field(sa_type=_Real)
    best: str | None = Field(sa_type=Text)
    error: str | None = Field(sa_type=Text)
    note: str = Field(sa_type=Text)
    host: str | None = Field(sa_type=Text)
    boot_id: str | None = Field(sa_type=Text)
    pid_namespace: str | None = Field(sa_type=Text)
    pid: int | None = Field(sa_type=Integer)
    process_start: int | None = Field(sa_type=Integer)
    epoch: int
    heartbeat_ns: int | None = Field(sa_type=Integer)
    task_key: bytes = Field(sa_type=LargeBinary)
    task: str = Field(sa_type=Text)
    search_settings: str = Field(sa_type=Text)
    simulator_settings: str = Field(sa_type=Text)
    stop: str = Field(sa_type=Text)
    chunk_points: int = Field(sa_column_kwargs={"server_default": text("0")})
    wish: str | None = Field(sa_type=Text)
    asynchronous: int = Field(sa_column_kwargs={"server_default": text("0")})


class PointTable(Base, table=True):
    __tablename__ = "point"
    __table_args__ = (
        _of_run(),
        *_outcome(),
        CheckConstraint("cached IN (0, 1)", name="cached_flag"),
        CLUSTERED,
    )

    run_id: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    step: int
    codes: bytes = Field(sa_type=LargeBinary)
    latency_cycles: float | None = Field(sa_type=_Real)
    energy_pj: float | None = Field(sa_type=_Real)
    area_um2: float | None = Field(sa_type=_Real)
    accuracy: float | None = Field(sa_type=_Real)
    infeasible: str | None = Field(sa_type=Text)
    cached: int


class PointDetailTable(Base, table=True):
    __tablename__ = "point_detail"
    __table_args__ = (_of_point(), STRICT)

    run_id: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    detail: str = Field(sa_type=Text)


class HistoryTable(Base, table=True):
    __tablename__ = "history"
    __table_args__ = (
        _of_run(),
        _check("abs(hypervolume) < 9e999", "hypervolume_finite"),
        CLUSTERED,
    )

    run_id: int = Field(primary_key=True)
    step: int = Field(primary_key=True)
    points: int
    evaluations: int
    hits: int
    feasible: int
    front_size: int
    hypervolume: float | None = Field(sa_type=_Real)
    best: str = Field(sa_type=Text)
    seconds: float = Field(sa_type=_Real)
    search_seconds: float | None = Field(sa_type=_Real)
    asked: str | None = Field(sa_type=Text)


class FrontTable(Base, table=True):
    __tablename__ = "front"
    __table_args__ = (_of_point(), CLUSTERED)

    run_id: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)


class CheckpointTable(Base, table=True):
    __tablename__ = "checkpoint"
    __table_args__ = (_of_run(), _size("digest", 16, 16), STRICT)

    run_id: int = Field(primary_key=True)
    step: int
    state: bytes = Field(sa_type=LargeBinary)
    digest: bytes = Field(sa_type=LargeBinary)


class SourceModelTable(Base, table=True):
    __tablename__ = "source_model"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("points > 0", name="points_positive"),
        _size("key", 16, 16),
        _size("training_key", 16, 16),
        {**STRICT, "sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    key: bytes = Field(sa_type=LargeBinary)
    kind: str = Field(sa_type=Text)
    arch: str = Field(sa_type=Text)
    workload: str = Field(sa_type=Text)
    simulator: str = Field(sa_type=Text)
    fingerprint: str = Field(sa_type=Text)
    points: int
    training_key: bytes = Field(sa_type=LargeBinary)
    created_ns: int
    code_version: str = Field(sa_type=Text)
    size: int
    axes: str = Field(sa_type=Text)
    metrics: str = Field(sa_type=Text)
    lineage: str = Field(sa_type=Text)
    report: str = Field(sa_type=Text)
    task: str = Field(sa_type=Text)
    content: bytes = Field(sa_type=LargeBinary)  # last, so that a list need not read over it


class RunSourceTable(Base, table=True):
    """What a run learns from. By uuid and without a foreign key: it says so even where the source was removed."""

    __tablename__ = "run_source"
    __table_args__ = (
        _of_run(),
        UniqueConstraint("run_id", "source_uuid"),
        CheckConstraint("points > 0", name="points_positive"),
        _check("length(source_uuid) = 32 AND source_uuid NOT GLOB '*[^0-9a-f]*'", "source_uuid_hex"),
        CLUSTERED,
    )

    run_id: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    source_uuid: str = Field(sa_type=Text)
    points: int


class RunModelTable(Base, table=True):
    """The source models that a run is given, by the hash of their content; no foreign key, as above."""

    __tablename__ = "run_model"
    __table_args__ = (_of_run(), UniqueConstraint("run_id", "model_key"), _size("model_key", 16, 16), CLUSTERED)

    run_id: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    model_key: bytes = Field(sa_type=LargeBinary)


class ChunkTable(Base, table=True):
    """Designs by the ten thousands as compressed columns: see `chunks`. `first` is the place of its first design."""

    __tablename__ = "chunk"
    __table_args__ = (
        _of_run(),
        UniqueConstraint("run_id", "number"),
        CheckConstraint("number >= 0 AND first >= 0", name="place_positive"),
        CheckConstraint("points > 0 AND feasible BETWEEN 0 AND points", name="points_counted"),
        *(
            CheckConstraint(
                f"({metric}_least IS NULL) = ({metric}_most IS NULL) AND {metric}_least <= {metric}_most",
                name=f"{metric}_zone",
            )
            for metric in METRICS
        ),
        _size("digest", 16, 16),
        STRICT,
    )

    id: int | None = Field(default=None, primary_key=True)
    run_id: int
    number: int
    first: int
    points: int
    feasible: int
    latency_cycles_least: float | None = Field(sa_type=_Real)
    latency_cycles_most: float | None = Field(sa_type=_Real)
    energy_pj_least: float | None = Field(sa_type=_Real)
    energy_pj_most: float | None = Field(sa_type=_Real)
    area_um2_least: float | None = Field(sa_type=_Real)
    area_um2_most: float | None = Field(sa_type=_Real)
    accuracy_least: float | None = Field(sa_type=_Real)
    accuracy_most: float | None = Field(sa_type=_Real)
    digest: bytes = Field(sa_type=LargeBinary)
    content: bytes = Field(sa_type=LargeBinary)  # last, so that zones are looked at without reading over it


class AccuracyTable(Base, table=True):
    """A network that was trained, and how good it is: see `accuracies`. Its weights are not kept."""

    __tablename__ = "accuracy"
    __table_args__ = (
        Index("accuracy_by_family", "family_key", "data_key"),
        *(_size(column, 16, 16) for column in ("key", "family_key", "data_key", "digest")),
        CheckConstraint("accuracy BETWEEN 0 AND 1 AND validation BETWEEN 0 AND 1", name="parts_of_one"),
        CheckConstraint("parameters > 0 AND macs > 0", name="size_positive"),
        CheckConstraint("best_epoch BETWEEN 1 AND epochs", name="epochs_counted"),
        _check("seconds >= 0 AND seconds < 9e999", "seconds_finite"),
        STRICT,
    )

    key: bytes = Field(sa_type=LargeBinary, primary_key=True)
    family: str = Field(sa_type=Text)
    family_key: bytes = Field(sa_type=LargeBinary)
    design: str = Field(sa_type=Text)
    data: str = Field(sa_type=Text)
    data_key: bytes = Field(sa_type=LargeBinary)
    recipe: str = Field(sa_type=Text)
    seed: int
    trainer: str = Field(sa_type=Text)
    metric: str = Field(sa_type=Text)
    accuracy: float = Field(sa_type=_Real)
    validation: float = Field(sa_type=_Real)
    parameters: int
    macs: int
    epochs: int
    best_epoch: int
    seconds: float = Field(sa_type=_Real)
    created_ns: int
    code_version: str = Field(sa_type=Text)
    digest: bytes = Field(sa_type=LargeBinary)
    report: str = Field(sa_type=Text)
    network: str = Field(sa_type=Text)  # last, so that a list need not read over it


class TrainingTable(Base, table=True):
    """A training under way or interrupted, until its accuracy is there: its state, and who works on it."""

    __tablename__ = "training"
    __table_args__ = (
        _size("key", 16, 16),
        _size("digest", 16, 16),
        CheckConstraint("epochs >= 0 AND batches >= 0 AND claim > 0", name="counts_positive"),
        STRICT,
    )

    key: bytes = Field(sa_type=LargeBinary, primary_key=True)
    family: str = Field(sa_type=Text)
    design: str = Field(sa_type=Text)
    data: str = Field(sa_type=Text)
    epochs: int
    batches: int
    claim: int
    updated_ns: int
    host: str | None = Field(sa_type=Text)
    boot_id: str | None = Field(sa_type=Text)
    pid_namespace: str | None = Field(sa_type=Text)
    pid: int | None = Field(sa_type=Integer)
    process_start: int | None = Field(sa_type=Integer)
    state: bytes = Field(sa_type=LargeBinary)
    digest: bytes = Field(sa_type=LargeBinary)


class WorkerTable(Base, table=True):
    """What a worker process has done for a run: see `fleet`."""

    __tablename__ = "worker"
    __table_args__ = (
        _of_run(),
        CheckConstraint("designs >= 0 AND failures >= 0", name="counts_positive"),
        _check("seconds >= 0 AND seconds < 9e999", "seconds_finite"),
        CLUSTERED,
    )

    run_id: int = Field(primary_key=True)
    host: str = Field(sa_type=Text, primary_key=True)
    pid: int = Field(primary_key=True)
    executor: str = Field(sa_type=Text)
    designs: int
    seconds: float = Field(sa_type=_Real)
    failures: int
    updated_ns: int


class TagTable(Base, table=True):
    """A word that a user has given to a run, to find it by."""

    __tablename__ = "tag"
    __table_args__ = (_of_run(), Index("tag_by_word", "word"), _size("word", 1, 64), CLUSTERED)

    run_id: int = Field(primary_key=True)
    word: str = Field(sa_type=Text, primary_key=True)


_TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")  # ordered by bytes, as SQLite orders it

for _table in Base.metadata.sorted_tables:
    for _column in _table.columns:
        if isinstance(_column.type, Integer):
            _column.type = INTEGER
        elif isinstance(_column.type, Text):
            _column.type = _TEXT


def create_tables(connection: Connection) -> None:
    """Make all tables in an empty database."""
    Base.metadata.create_all(connection, checkfirst=False)
