"""What runs learn from: earlier runs, up to a point that is written down, and source models with where they come from.

A run's sources are fixed when it is made. A source may grow since, so its points count from the beginning; it may be
removed, which shows when the run asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final

from sqlalchemy import Connection, insert, select

from store.connections import taking_turns
from store.errors import DamagedLabError, UnknownModelError
from store.names import MODEL, RUN
from store.rows import ModelHead, RunHead, RunSource, check_json
from store.steps import digest

_MODEL_HEAD: Final = tuple(MODEL.c[name] for name in ModelHead._fields)
_RUN_HEAD: Final = tuple(RUN.c[name] for name in RunHead._fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """A trained network with all that says what it is. JSON as text."""

    kind: str
    arch: str
    workload: str
    simulator: str
    fingerprint: str
    points: int
    training_key: bytes
    code_version: str
    axes: str  # JSON
    metrics: str  # JSON
    lineage: str  # JSON
    report: str  # JSON
    task: str  # JSON
    content: bytes

    def __post_init__(self) -> None:
        for field in ("axes", "metrics", "lineage", "report", "task"):
            check_json(field, getattr(self, field))


def set_sources(connection: Connection, run_id: int, sources: Sequence[RunSource], models: Sequence[bytes]) -> None:
    """Write down what a new run learns from, in its order."""
    if sources:
        rows = [(run_id, position, *source) for position, source in enumerate(sources)]
        statement = "INSERT INTO run_source (run_id, position, source_uuid, points) VALUES (?, ?, ?, ?)"
        connection.exec_driver_sql(statement, rows)
    if models:
        keys = [(run_id, position, key) for position, key in enumerate(models)]
        connection.exec_driver_sql("INSERT INTO run_model (run_id, position, model_key) VALUES (?, ?, ?)", keys)


def run_sources(connection: Connection, run_id: int) -> list[RunSource]:
    query = "SELECT source_uuid, points FROM run_source WHERE run_id = ? ORDER BY position"
    return [RunSource(*row) for row in connection.exec_driver_sql(query, (run_id,))]


def run_models(connection: Connection, run_id: int) -> list[bytes]:
    query = "SELECT model_key FROM run_model WHERE run_id = ? ORDER BY position"
    return [key for (key,) in connection.exec_driver_sql(query, (run_id,))]


def run_heads(connection: Connection, simulator: str | None, uuids: Iterable[str] | None) -> list[RunHead]:
    """Runs with points, the earliest first: on a simulator, or of these uuids."""
    query = select(*_RUN_HEAD).where(RUN.c.points > 0).order_by(RUN.c.id)
    if simulator is not None:
        query = query.where(RUN.c.simulator == simulator)
    if uuids is not None:
        query = query.where(RUN.c.uuid.in_(list(uuids)))
    return [RunHead(*row) for row in connection.execute(query)]


def keep_model(connection: Connection, new: NewModel) -> ModelHead:
    """Store a model; one of the same content is there already and stays."""
    key = digest(new.content)
    taking_turns(connection, key)
    values: dict[str, object] = {field.name: getattr(new, field.name) for field in fields(NewModel)}
    values |= {"key": key, "size": len(new.content), "created_ns": time.time_ns()}
    if connection.execute(select(MODEL.c.id).where(MODEL.c.key == key)).first() is None:
        connection.execute(insert(MODEL).values(values))
    row = connection.execute(select(*_MODEL_HEAD).where(MODEL.c.key == key)).one()
    return ModelHead(*row)


def model_heads(connection: Connection, simulator: str | None) -> list[ModelHead]:
    query = select(*_MODEL_HEAD).order_by(MODEL.c.id)
    if simulator is not None:
        query = query.where(MODEL.c.simulator == simulator)
    return [ModelHead(*row) for row in connection.execute(query)]


def model_content(connection: Connection, key: bytes) -> tuple[ModelHead, bytes]:
    """A model whole, its content checked against its key."""
    row = connection.execute(select(*_MODEL_HEAD, MODEL.c.content).where(MODEL.c.key == key)).first()
    if row is None:
        raise UnknownModelError(f"There is no source model {key.hex()[:12]} in this lab.")
    head, content = ModelHead(*row[:-1]), bytes(row[-1])
    if digest(content) != key:
        raise DamagedLabError(f"Source model {head.id} is damaged: restore a backup of the lab database.")
    return head, content
