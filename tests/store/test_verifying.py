"""Verifying a lab: a sound one has no problems, and what was changed behind its back is told by table and key."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from store.database import Lab
from store.errors import StoreError
from store.tables import Base
from store.verifying import JSON_COLUMNS
from tests.store.test_merging import make_lab


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_lab(tmp_path / "lab.db", 1)


def problems(path: Path) -> list[str]:
    with Lab.open(path, readonly=True) as lab:
        return [str(problem) for problem in lab.problems()]


def test_a_sound_lab_has_no_problems(path: Path) -> None:
    assert problems(path) == []


def test_a_lab_of_nothing_is_sound(tmp_path: Path) -> None:
    Lab.open(tmp_path / "lab.db").close()
    assert problems(tmp_path / "lab.db") == []


def test_every_column_that_holds_json_is_looked_at() -> None:
    for name, columns in JSON_COLUMNS.items():
        assert set(columns) <= set(Base.metadata.tables[name].c.keys())


CHANGES = {
    "UPDATE checkpoint SET state = x'80049500' WHERE run_id = 2": "checkpoint run_id 2: its bytes are not those",
    "UPDATE source_model SET content = x'80049500'": "source_model id 1: its bytes are not those",
    "UPDATE accuracy SET accuracy = 0.99": f"accuracy key {b'trained with   1'.hex()}: it does not say what",
    "UPDATE accuracy SET recipe = '{'": f"accuracy key {b'trained with   1'.hex()}: recipe is no JSON",
    "UPDATE training SET state = x'80049500'": f"training key {b'nearly with    1'.hex()}: its bytes are not",
    "UPDATE run SET points = 7 WHERE id = 1": "run id 1: its head says 7 points, there are 32",
    "UPDATE run SET feasible = 99 WHERE id = 1": "run id 1: its head says 99 feasible points",
    "UPDATE run SET hits = hits + 1 WHERE id = 2": "run id 2: its head is not what its last step of history says",
    "UPDATE run SET chunk_points = 5 WHERE id = 2": "run id 2: its head says 5 designs in chunks, there are 0",
    "DELETE FROM history WHERE run_id = 1 AND step = 2": "history run_id 1, step 3: does not follow",
    "UPDATE history SET points = 9 WHERE run_id = 1 AND step = 2": "history run_id 1, step 2: does not follow",
    "DELETE FROM front WHERE run_id = 2": "run id 2: its head says 5 front members, there are 0",
    "DELETE FROM checkpoint WHERE run_id = 1": "run id 1: its checkpoint is none, its head is at step 4",
    "DELETE FROM point WHERE run_id = 1 AND seq = 31": "point_detail run_id 1, seq 31: refers to a row of point",
    "UPDATE point SET seq = 99 WHERE run_id = 1 AND seq = 0": "run id 1: 1 of its points are numbered beyond its last",
    "UPDATE point SET codes = x'00' WHERE run_id = 1 AND seq = 3": "point run_id 1, seq 3: its codes are not as long",
    "UPDATE evaluation_detail SET detail = 'oops'": "evaluation_detail context_id 1, key",
    "UPDATE run SET task = '{' WHERE id = 2": "run id 2: task is no JSON",
    "DELETE FROM context": "evaluation context_id 1, key",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_behind_the_labs_back_is_told_by_table_and_key(path: Path, change: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(change)
    found = problems(path)
    assert any(problem.startswith(CHANGES[change]) for problem in found), found


def test_random_corruptions_are_found(path: Path, tmp_path: Path) -> None:
    """Of 64 bytes each, where anything is written: what falls on space that is free changes nothing."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA journal_mode = DELETE")
    sound, copy = path.read_bytes(), tmp_path / "damaged.db"
    rng = np.random.default_rng(5)
    places = [int(at) for at in rng.integers(0, len(sound) - 64, 1000) if any(sound[at : at + 64])][:30]
    assert sum(is_found(copy, sound[:at] + rng.bytes(64) + sound[at + 64 :]) for at in places) >= 28


def is_found(copy: Path, damaged: bytes) -> bool:
    for leftover in copy.parent.glob(f"{copy.name}*"):
        leftover.unlink()
    copy.write_bytes(damaged)
    try:
        return bool(problems(copy))
    except StoreError:
        return True
