"""Rows that go in many at a time are those that would have gone in one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from store.inserting import TOGETHER, Into


@pytest.fixture
def driver() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, b TEXT CHECK (b <> 'bad')) STRICT")
    yield connection
    connection.close()


def stored(driver: sqlite3.Connection) -> list[tuple]:
    return driver.execute("SELECT id, a, b FROM t ORDER BY id").fetchall()


@pytest.mark.parametrize("n", [0, 1, TOGETHER - 1, TOGETHER, TOGETHER + 1, 3 * TOGETHER + 7])
@pytest.mark.parametrize("filled", [(1, 1), (1, 0), (0, 1), (0, 0), (1, 2)])
def test_every_row_comes_back_as_it_went_in(driver: sqlite3.Connection, n: int, filled: tuple[int, int]):
    a, b = filled
    rows = [(i, i / 7 if a else None, str(i) if b and i % b == 0 else None) for i in range(n)]
    Into("t", ("id", "a", "b")).insert(driver, rows)
    assert stored(driver) == rows


def test_a_row_that_is_there_stays_where_that_is_asked_for(driver: sqlite3.Connection):
    into = Into("t", ("id", "a", "b"), "ON CONFLICT (id) DO NOTHING")
    rows = [(i, float(i), None) for i in range(2 * TOGETHER)]
    into.insert(driver, rows)
    into.insert(driver, [(i, 0.5, "new") for i in range(0, 4 * TOGETHER, 2)])
    assert stored(driver)[: 2 * TOGETHER] == rows
    assert len(stored(driver)) == 3 * TOGETHER


@pytest.mark.parametrize("at", [0, TOGETHER + 3])
def test_one_bad_row_among_many_is_refused(driver: sqlite3.Connection, at: int):
    rows = [(i, 1.0, "bad" if i == at else "good") for i in range(2 * TOGETHER)]
    with pytest.raises(sqlite3.IntegrityError):
        Into("t", ("id", "a", "b")).insert(driver, rows)
