"""How good trained networks are: a row for each, and the state of a training until its row is there.

A training belongs to the process that claimed it last, as a run does: another one waits, unless the owner has died.
So no network is trained twice in a lab, not by two runs at once either, and what a kill leaves is gone on with.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from store.connections import taking_turns
from store.errors import BusyTrainingError, DamagedLabError, FencedOutError
from store.names import ACCURACY, TRAINING
from store.owner import Owner, is_alive, this_process
from store.rows import Accuracy, UnfinishedTraining, check_json
from store.steps import digest

OWNER: Final = tuple(field.name for field in fields(Owner))
_KEYS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccuracy:
    """A measurement as it is stored for good: see `rows.Accuracy`. JSON as text."""

    key: bytes
    family: str
    family_key: bytes
    design: str  # JSON
    data: str
    data_key: bytes
    recipe: str  # JSON
    seed: int
    trainer: str
    metric: str
    accuracy: float
    validation: float
    parameters: int
    macs: int
    epochs: int
    best_epoch: int
    seconds: float
    code_version: str
    report: str  # JSON
    network: str  # JSON

    def __post_init__(self) -> None:
        for field in ("design", "recipe", "report", "network"):
            check_json(field, getattr(self, field))


@dataclass(frozen=True, slots=True)
class Subject:
    """What is trained: the key that its accuracy will have, and what people call it."""

    key: bytes
    family: str
    design: str  # JSON
    data: str

    def __post_init__(self) -> None:
        check_json("design", self.design)


@dataclass(frozen=True, slots=True)
class Claim:
    """A training that this process owns, and the state to go on from: empty where it has just begun."""

    key: bytes
    number: int
    state: bytes


def accuracies_of(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, Accuracy]:
    """What is known of these keys."""
    wanted, found = sorted(set(keys)), dict[bytes, Accuracy]()
    for start in range(0, len(wanted), _KEYS_AT_ONCE):
        some = ACCURACY.c.key.in_(wanted[start : start + _KEYS_AT_ONCE])
        found |= {row[0]: Accuracy(*row) for row in connection.execute(select(ACCURACY).where(some))}
    return found


def accuracies(
    connection: Connection, family: str | None, data: str | None, family_key: bytes | None, data_key: bytes | None
) -> list[Accuracy]:
    """All of a family and on a data set, by their names or by what they are; the earliest first."""
    query = select(ACCURACY).order_by(ACCURACY.c.created_ns, ACCURACY.c.key)
    wanted = {"family": family, "data": data, "family_key": family_key, "data_key": data_key}
    for name, value in wanted.items():
        if value is not None:
            query = query.where(ACCURACY.c[name] == value)
    return [Accuracy(*row) for row in connection.execute(query)]


def keep(connection: Connection, new: NewAccuracy) -> Accuracy:
    """Store a measurement, and forget the state of its training; one of the same key is there already and stays."""
    values = asdict(new) | {"created_ns": time.time_ns()}
    values |= {name: float(values[name]) for name in ("accuracy", "validation", "seconds")}  # as they come back
    taking_turns(connection, new.key)
    if not accuracies_of(connection, [new.key]):
        connection.execute(insert(ACCURACY).values({**values, "digest": row_digest(values)}))
    connection.execute(delete(TRAINING).where(TRAINING.c.key == new.key))
    return accuracies_of(connection, [new.key])[new.key]


def row_digest(values: Mapping[Any, Any]) -> bytes:
    """Of all that a row says, its digest left out: what it says was measured once, and nothing else repeats it."""
    told = [values[column.name] for column in ACCURACY.columns if column.name != "digest"]
    text = json.dumps([value.hex() if isinstance(value, bytes) else value for value in told])
    return blake2b(text.encode(), digest_size=16).digest()


def claim(connection: Connection, subject: Subject) -> Claim | None:
    """Make this process the owner of a training, new or left by another one; None where its accuracy is there.

    Raises:
        BusyTrainingError: a process that lives is at work on it.
        DamagedLabError: its state is not what was stored.
    """
    taking_turns(connection, subject.key)
    if accuracies_of(connection, [subject.key]):
        return None
    here, now_ns = this_process(), time.time_ns()
    row = connection.execute(select(TRAINING).where(TRAINING.c.key == subject.key)).mappings().first()
    if row is None:
        begun = {**asdict(subject), "epochs": 0, "batches": 0, "state": b"", "digest": digest(b""), "claim": 1}
        connection.execute(insert(TRAINING).values({**begun, **asdict(here), "updated_ns": now_ns}))
        return Claim(subject.key, 1, b"")
    if _is_live(row, here) and _owner(row) != here:
        raise BusyTrainingError(
            f"Process {row['pid']} on {row['host']} trains this network of {subject.family!r} already."
        )
    state = bytes(row["state"])
    if digest(state) != row["digest"]:
        raise DamagedLabError(
            f"An unfinished training of {row['family']!r} is damaged: restore a backup of the lab database."
        )
    number = row["claim"] + 1
    values = {**asdict(here), "claim": number, "updated_ns": now_ns}
    connection.execute(update(TRAINING).where(TRAINING.c.key == subject.key).values(values))
    return Claim(subject.key, number, state)


def keep_state(connection: Connection, claim: Claim, epochs: int, batches: int, state: bytes) -> None:
    """Store how far a training is.

    Raises:
        FencedOutError: another process has claimed it since, or its accuracy has come from elsewhere.
    """
    _write(connection, claim, {"epochs": epochs, "batches": batches, "state": state, "digest": digest(state)})


def release(connection: Connection, claim: Claim) -> None:
    """End the ownership of a training that is not over, and forget one without a state.

    Of one that is over or another's by now, nothing.
    """
    connection.execute(delete(TRAINING).where(_owned(claim), TRAINING.c.state == b""))
    connection.execute(update(TRAINING).where(_owned(claim)).values(dict.fromkeys(OWNER)))


def forget(connection: Connection, claim: Claim) -> None:
    """Remove a training that leads nowhere."""
    connection.execute(delete(TRAINING).where(_owned(claim)))


def unfinished(connection: Connection) -> list[UnfinishedTraining]:
    """Trainings that have not ended, the latest first."""
    here = this_process()
    names = ("key", "family", "design", "data", "epochs", "batches", "updated_ns")
    columns = (TRAINING.c[name] for name in (*names, *OWNER))
    rows = connection.execute(select(*columns).order_by(TRAINING.c.updated_ns.desc(), TRAINING.c.key)).mappings()
    return [UnfinishedTraining(**{name: row[name] for name in names}, live=_is_live(row, here)) for row in rows]


def _write(connection: Connection, claim: Claim, values: Mapping[str, object]) -> None:
    now = {**values, "updated_ns": time.time_ns()}
    if connection.execute(update(TRAINING).where(_owned(claim)).values(now)).rowcount != 1:
        raise FencedOutError(
            "This training was taken over by another process, or has been finished elsewhere: nothing of it was stored."
        )


def _owned(claim: Claim) -> ColumnElement[bool]:
    return (TRAINING.c.key == claim.key) & (TRAINING.c.claim == claim.number)


def _owner(row: Mapping[Any, Any]) -> Owner:
    return Owner(
        row["host"] or "", row["boot_id"] or "", row["pid_namespace"] or "", row["pid"], row["process_start"]
    )  # fmt: skip


def _is_live(row: Mapping[Any, Any], here: Owner) -> bool:
    silent_seconds = (time.time_ns() - row["updated_ns"]) / 1e9
    return row["pid"] is not None and is_alive(_owner(row), silent_seconds, here)
