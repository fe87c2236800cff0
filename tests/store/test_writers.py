"""Many who write to one lab at once, and one who reads for ever: all take their turns, and none loses anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks.crash import crowd
from store.database import Lab
from tests.store.conftest import file_of
from tests.store.toy_run import new_run, work


def test_eight_writing_processes_wait_their_turn_and_lose_no_update(tmp_path: Path) -> None:
    done = crowd(tmp_path / "lab.db", writers=8, transactions=20)
    assert (done.transactions, done.errors, done.lost_updates) == (320, 0, 0)


def test_a_reader_that_never_closes_keeps_no_writer_from_going_on(lab: Lab) -> None:
    run = lab.create_run(new_run())
    list(work(lab, run.id, 20))
    with closing(sqlite3.connect(file_of(lab).as_uri() + "?mode=ro", uri=True, isolation_level=None)) as reading:
        unfinished = reading.execute("SELECT seq FROM point ORDER BY seq")
        assert unfinished.fetchone() == (0,)
        list(work(lab, run.id, 120))
        assert lab.run(run.id).steps == 120
        assert len(unfinished.fetchall()) == lab.run(run.id).points // 6 - 1, "it sees what was there when it began"
    log = file_of(lab).with_name("lab.db-wal")
    assert log.stat().st_size > 0
    lab.close()
    assert not log.exists()
    with Lab.open(lab.path, readonly=True) as again:
        assert again.run(run.id).steps == 120
