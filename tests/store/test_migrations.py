"""The way from an old schema to the present one, on a made-up past."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from store.database import Lab
from store.errors import DamagedLabError, OlderLabError
from store.migrations import APPLICATION_ID, SCHEMA, Schema, Step, check_readable, make_ready


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A lab of schema 0, which never was: it called a run a study and kept children in a table of their own."""
    path = tmp_path / "lab.db"
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE study (id INTEGER PRIMARY KEY, name TEXT)")
        raw.execute("CREATE TABLE child (study_id INTEGER REFERENCES study (id) ON DELETE CASCADE)")
        raw.execute("INSERT INTO study VALUES (1, 'first'), (2, 'second')")
        raw.execute("INSERT INTO child VALUES (1), (2)")
        raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return path


def rebuild(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE study_2 (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT")
    connection.exec_driver_sql("INSERT INTO study_2 SELECT id, name FROM study")
    connection.exec_driver_sql("DROP TABLE study")
    connection.exec_driver_sql("ALTER TABLE study_2 RENAME TO study")


def rename(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE study SET name = upper(name)")


def break_off(connection: Connection) -> None:
    rename(connection)
    raise KeyboardInterrupt


def orphan(connection: Connection) -> None:
    connection.exec_driver_sql("DELETE FROM study WHERE id = 2")


def schema(version: int, steps: Mapping[int, Step]) -> Schema:
    return Schema(version, SCHEMA.create, steps)


def content(path: Path) -> tuple[object, ...]:
    with closing(sqlite3.connect(path)) as raw:
        version = raw.execute("PRAGMA user_version").fetchone()[0]
        return version, raw.execute("SELECT name FROM study").fetchall(), raw.execute("SELECT * FROM child").fetchall()


BEFORE = (0, [("first",), ("second",)], [(1,), (2,)])
AFTER = (2, [("FIRST",), ("SECOND",)], [(1,), (2,)])


def test_the_steps_run_in_order_and_a_copy_of_the_old_file_is_kept(old: Path) -> None:
    make_ready(old, 1.0, schema(2, {0: rebuild, 1: rename}))
    assert content(old) == AFTER
    assert content(old.with_name("lab.db.schema0.bak")) == BEFORE
    make_ready(old, 1.0, schema(2, {0: rebuild, 1: rename}))
    assert content(old) == AFTER
    assert sorted(place.name for place in old.parent.iterdir()) == ["lab.db", "lab.db.schema0.bak"]


@pytest.mark.parametrize(
    ("steps", "error", "says"),
    [
        ({0: rebuild, 1: break_off}, KeyboardInterrupt, ""),
        ({0: rebuild}, OlderLabError, "knows no way to migrate"),
        ({0: rebuild, 1: orphan}, DamagedLabError, "a row of child refers to one of study that is missing"),
    ],
)
def test_a_migration_that_stops_half_way_leaves_the_old_lab(old: Path, steps, error, says: str) -> None:
    with pytest.raises(error, match=says or None):
        make_ready(old, 1.0, schema(2, steps))
    assert content(old) == BEFORE
    make_ready(old, 1.0, schema(2, {0: rebuild, 1: rename}))
    assert content(old) == AFTER
    assert content(old.with_name("lab.db.schema0.bak2")) == BEFORE, "no copy is overwritten"


def test_an_old_lab_is_not_migrated_by_a_reader(old: Path) -> None:
    with pytest.raises(OlderLabError, match="old schema 0: open it once for writing"):
        check_readable(old, 1.0, schema(2, {0: rebuild, 1: rename}))
    with pytest.raises(OlderLabError):
        Lab.open(old, readonly=True)
    assert content(old) == BEFORE
