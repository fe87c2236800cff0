"""The tables that queries name, by their columns and types alone.

What makes them, with what a row must satisfy, is `tables`: it takes longer to load than most commands to run, and only
who makes, merges or checks a lab needs it.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import REAL, BigInteger, Double, Integer, LargeBinary, TableClause, Text, column, table
from sqlalchemy.types import TypeEngine

INTEGER: Final = Integer().with_variant(BigInteger(), "postgresql")
TEXT: Final = Text()
BLOB: Final = LargeBinary()
FLOAT: Final[TypeEngine[Any]] = Double().with_variant(REAL(), "sqlite")
"""STRICT knows no DOUBLE."""


def _table(name: str, *columns: tuple[TypeEngine[Any], str]) -> TableClause:
    """Columns in the table's order, each type with the names of those that follow one another."""
    return table(name, *(column(each, kind) for kind, names in columns for each in names.split()))


RUN: Final = _table(
    "run",
    (INTEGER, "id"),
    (TEXT, "uuid status arch workload search simulator fingerprint"),
    (INTEGER, "seed batch created_ns updated_ns steps points evaluations hits feasible front_size"),
    (FLOAT, "hypervolume"),
    (TEXT, "best error note host boot_id pid_namespace"),
    (INTEGER, "pid process_start epoch heartbeat_ns"),
    (BLOB, "task_key"),
    (TEXT, "task search_settings simulator_settings stop"),
    (INTEGER, "chunk_points"),
    (TEXT, "wish"),
    (INTEGER, "asynchronous"),
)
TAG: Final = _table("tag", (INTEGER, "run_id"), (TEXT, "word"))
POINT: Final = _table(
    "point",
    (INTEGER, "run_id seq step"),
    (BLOB, "codes"),
    (FLOAT, "latency_cycles energy_pj area_um2 accuracy"),
    (TEXT, "infeasible"),
    (INTEGER, "cached"),
)
FRONT: Final = _table("front", (INTEGER, "run_id seq"))
MODEL: Final = _table(
    "source_model",
    (INTEGER, "id"),
    (BLOB, "key"),
    (TEXT, "kind arch workload simulator fingerprint"),
    (INTEGER, "points"),
    (BLOB, "training_key"),
    (INTEGER, "created_ns"),
    (TEXT, "code_version"),
    (INTEGER, "size"),
    (TEXT, "axes metrics lineage report task"),
    (BLOB, "content"),
)
ACCURACY: Final = _table(
    "accuracy",
    (BLOB, "key"),
    (TEXT, "family"),
    (BLOB, "family_key"),
    (TEXT, "design data"),
    (BLOB, "data_key"),
    (TEXT, "recipe"),
    (INTEGER, "seed"),
    (TEXT, "trainer metric"),
    (FLOAT, "accuracy validation"),
    (INTEGER, "parameters macs epochs best_epoch"),
    (FLOAT, "seconds"),
    (INTEGER, "created_ns"),
    (TEXT, "code_version"),
    (BLOB, "digest"),
    (TEXT, "report network"),
)
TRAINING: Final = _table(
    "training",
    (BLOB, "key"),
    (TEXT, "family design data"),
    (INTEGER, "epochs batches claim updated_ns"),
    (TEXT, "host boot_id pid_namespace"),
    (INTEGER, "pid process_start"),
    (BLOB, "state digest"),
)
