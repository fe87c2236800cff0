"""The way from an old schema to the present one: on a made-up past, and on a lab of every schema that was."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from store.database import Lab
from store.errors import DamagedLabError, OlderLabError
from store.migrations import APPLICATION_ID, SCHEMA, Schema, check_readable, make_ready
from store.versions import Step

LABS = Path(__file__).with_name("labs")


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
    with pytest.raises(OlderLabError, match=r"old schema 0: 'dse db vacuum --db .*' brings it to 2"):
        check_readable(old, 1.0, schema(2, {0: rebuild, 1: rename}))
    with pytest.raises(OlderLabError):
        Lab.open(old, readonly=True)
    assert content(old) == BEFORE


def lab_of_schema(version: int, path: Path) -> None:
    """As that version of the program left it."""
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.executescript((LABS / f"schema{version}.sql").read_text(encoding="utf-8"))


def shape(path: Path) -> dict[str, object]:
    """Tables, columns, constraints and indices, whatever the order of the words that made them."""
    query = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name"
    with closing(sqlite3.connect(path)) as raw:
        made = dict(raw.execute(query))
        return {
            name: [
                sorted(re.findall(r"\w+|[<>=]+", sql)),
                raw.execute("SELECT * FROM pragma_table_xinfo(?)", (name,)).fetchall(),
                raw.execute("SELECT * FROM pragma_foreign_key_list(?)", (name,)).fetchall(),
                sorted(row[2:] for row in raw.execute("SELECT * FROM pragma_index_list(?)", (name,))),
                raw.execute("SELECT wr, strict FROM pragma_table_list(?)", (name,)).fetchall(),
            ]
            for name, sql in made.items()
        }


def rows(path: Path, columns: Mapping[str, int] | None = None) -> dict[str, list[tuple[object, ...]]]:
    """Everything of a lab by table, or only those tables and so many columns of each."""
    with closing(sqlite3.connect(path)) as raw:
        names = raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")
        found = {name: raw.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}  # noqa: S608
    if columns is None:
        return found
    return {name: [row[:width] for row in found[name]] for name, width in columns.items()}


def widths(path: Path) -> dict[str, int]:
    """The tables of a lab, and how many columns each has."""
    with closing(sqlite3.connect(path)) as raw:
        query = "SELECT name, ncol FROM pragma_table_list WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        return dict(raw.execute(query))


@pytest.mark.parametrize("version", range(1, SCHEMA.version))
def test_a_lab_of_every_schema_that_was_keeps_all_its_rows_and_becomes_like_a_new_one(tmp_path: Path, version) -> None:
    path, fresh = tmp_path / "lab.db", tmp_path / "fresh.db"
    lab_of_schema(version, path)
    before, columns = rows(path), widths(path)
    Lab.open(fresh).close()
    with Lab.open(path) as lab:
        assert [(run.id, run.status, run.points) for run in lab.runs()] == [(2, "done", 4), (1, "paused", 8)]
        assert [progress.points for progress in lab.history(1)] == [4, 8]
        assert lab.checkpoint(1) is not None
        assert lab.run_sources(1) == []
        assert [source.points for source in lab.run_sources(2)] == [8] * (version > 1)
        assert [lab.model(head.key)[0] for head in lab.model_heads()] == lab.model_heads()
        assert [run.chunk_points for run in lab.runs()] == [0, 3 * (version > 2)]
        assert [lab.tags(1), lab.tags(2)] == ([["first"], ["keep"]] if version > 2 else [[], []])
        assert [run.wish for run in lab.runs()] == [None, None]
        assert [len(designs) for designs in lab.chunks(1)] == [3] * (version > 2)
    assert shape(path) == shape(fresh)
    assert rows(path, columns) == rows(path.with_name(f"lab.db.schema{version}.bak")) == before


def test_the_next_schema_brings_a_lab_of_this_one_to_the_tests() -> None:
    assert sorted(path.name for path in LABS.iterdir()) == [f"schema{n}.sql" for n in range(1, SCHEMA.version)]
