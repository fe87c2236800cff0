"""A step is stored whole or not at all, and only if it follows the last one and its rows make sense."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.database import Lab
from store.errors import BadRowError, DamagedLabError, FullDiskError
from store.rows import Context, Evaluation, Point, Progress
from tests.store.conftest import file_of
from tests.store.toy_run import CONTEXT, fingerprint, key_of, new_run, simulate, work

GOOD = Point(0, 1, b"codes", 1.0, 2.0, 3.0)
ANY: Any = GOOD  # to put in what its types forbid


@dataclass
class Claimed:
    lab: Lab
    run_id: int
    epoch: int

    def commit(self, *points: Point, step: int = 1, total: int | None = None, front=(), contexts=(), evaluations=()):
        total = len(points) if total is None else total
        history = Progress(step, total, 0, 0, 0, 0, None, "{}", 0.5)
        self.lab.commit_step(
            self.run_id,
            self.epoch,
            history=history,
            points=points,
            front=front,
            checkpoint=b"state %d" % step,
            contexts=contexts,
            evaluations=evaluations,
        )


@pytest.fixture
def claimed(lab: Lab) -> Claimed:
    run = lab.create_run(new_run())
    return Claimed(lab, run.id, lab.claim(run.id))


def is_empty(lab: Lab, run_id: int) -> bool:
    run = lab.run(run_id)
    rows = (lab.points(run_id), lab.front(run_id), lab.history(run_id), lab.contexts())
    return not any(rows) and lab.checkpoint(run_id) is None and (run.steps, run.points, run.best) == (0, 0, None)


def test_what_a_step_stores_is_read_back_unchanged(claimed: Claimed) -> None:
    lab = claimed.lab
    points = [
        GOOD._replace(accuracy=0.5, detail='{"levels": [1, 2]}'),
        Point(1, 1, b"", None, None, None, infeasible='{"reason": "too big"}'),
        Point(2, 1, bytes(range(256)), 0.1 + 0.2, 5e-324, 1.7e308, cached=True),
    ]
    evaluations = [simulate(b"abd"), simulate(b"\x07"), simulate(b"zz")]
    claimed.commit(*points, front=[2, 0], contexts=[CONTEXT], evaluations=evaluations)
    assert lab.points(1) == points
    assert lab.points(1, 0, 1) == points[1:2]
    assert lab.points(1, with_detail=False) == [point._replace(detail=None) for point in points]
    assert lab.front(1) == [points[0], points[2]]
    assert lab.checkpoint(1) == (1, b"state 1")
    assert lab.history(1) == [Progress(1, 3, 0, 0, 0, 0, None, "{}", 0.5)]
    assert lab.contexts() == [CONTEXT]
    found = lab.lookup(CONTEXT.key, [row.key for row in evaluations] + [b"unknown"])
    assert found == {row.key: row for row in evaluations}
    assert lab.lookup(b"another context!", [evaluations[0].key]) == {}
    assert lab.evaluations(CONTEXT.key) == sorted(evaluations)
    claimed.commit(GOOD._replace(seq=3, step=2), step=2, total=4, front=[0, 3])
    assert [point.seq for point in lab.front(1)] == [0, 3]
    assert lab.checkpoint(1) == (2, b"state 2")
    assert lab.history(1, after_step=1)[0].step == 2
    run = lab.run(1)
    assert (run.steps, run.points, run.best) == (2, 4, "{}")


def test_a_number_that_sqlite_does_not_know_is_refused(claimed: Claimed) -> None:
    file_of(claimed.lab)
    with pytest.raises(BadRowError):
        claimed.commit(ANY._replace(latency_cycles=np.int64(3)))
    assert is_empty(claimed.lab, claimed.run_id)


@pytest.mark.parametrize(
    "bad",
    [
        GOOD._replace(latency_cycles=None),
        GOOD._replace(energy_pj=None),
        GOOD._replace(area_um2=None),
        GOOD._replace(infeasible="{}"),
        GOOD._replace(latency_cycles=float("nan")),
        GOOD._replace(latency_cycles=float("inf")),
        GOOD._replace(energy_pj=-1.0),
        ANY._replace(latency_cycles="fast"),
        ANY._replace(codes="text"),
        GOOD._replace(detail="{not json"),
        GOOD._replace(detail="[NaN]"),
        GOOD._replace(seq=1),
        GOOD._replace(step=2),
        Point(0, 1, b"", None, None, None),
        Point(0, 1, b"", None, None, None, accuracy=1.0, infeasible="{}"),
        Point(0, 1, b"", None, None, None, infeasible="too big"),
    ],
)
def test_a_point_that_makes_no_sense_is_refused_and_nothing_of_its_step_is_stored(claimed: Claimed, bad: Point) -> None:
    with pytest.raises(BadRowError) as caught:
        claimed.commit(bad, contexts=[CONTEXT], evaluations=[simulate(b"abd")])
    assert "\n" not in str(caught.value)
    assert is_empty(claimed.lab, claimed.run_id)
    claimed.commit(GOOD)


@pytest.mark.parametrize(
    "arguments",
    [
        {"front": [1]},
        {"step": 2},
        {"step": 0},
        {"total": 7},
        {"evaluations": [simulate(b"abd")]},
        {"contexts": [CONTEXT._replace(key=b"short")]},
        {"contexts": [CONTEXT._replace(layer="conv2")]},
        {"contexts": [CONTEXT], "evaluations": [simulate(b"abd")._replace(key=b"")]},
        {"contexts": [CONTEXT], "evaluations": [simulate(b"abd")._replace(area_um2=None)]},
        {"contexts": [CONTEXT], "evaluations": [simulate(b"abd")._replace(detail="x")]},
    ],
)
def test_a_step_that_does_not_follow_is_refused_whole(claimed: Claimed, arguments) -> None:
    with pytest.raises(BadRowError):
        claimed.commit(GOOD, **arguments)
    assert is_empty(claimed.lab, claimed.run_id)


def test_the_cache_keeps_the_first_answer_and_takes_equal_ones_silently(claimed: Claimed) -> None:
    first = simulate(b"abd")
    again = first._replace(latency_cycles=9.0, detail=None)
    claimed.commit(GOOD, contexts=[CONTEXT, CONTEXT], evaluations=[first, first])
    claimed.commit(
        GOOD._replace(seq=1, step=2),
        step=2,
        total=2,
        contexts=[CONTEXT._replace(simulator="other")],
        evaluations=[again],
    )
    assert claimed.lab.lookup(CONTEXT.key, [first.key]) == {first.key: first}
    assert claimed.lab.contexts() == [CONTEXT]


def test_equal_architectures_in_different_contexts_are_different_evaluations(claimed: Claimed) -> None:
    other = Context(b"another context!", "toy", "toy 2", "{}")
    here, there = simulate(b"abd"), simulate(b"abd")._replace(context=other.key, latency_cycles=7.0)
    claimed.commit(GOOD, contexts=[CONTEXT, other], evaluations=[there, here])
    assert claimed.lab.lookup(CONTEXT.key, [here.key])[here.key] == here
    assert claimed.lab.lookup(other.key, [here.key])[here.key] == there


@settings(max_examples=15)
@given(st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=5))
def test_the_front_is_what_was_said_last(tmp_path_factory, fronts) -> None:
    with Lab.open(tmp_path_factory.mktemp("lab") / "lab.db") as lab:
        run = lab.create_run(new_run())
        claimed = Claimed(lab, run.id, lab.claim(run.id))
        claimed.commit(*(GOOD._replace(seq=seq) for seq in range(10)))
        for step, front in enumerate(fronts, start=2):
            claimed.commit(step=step, total=10, front=front)
            assert [point.seq for point in lab.front(run.id)] == sorted(front)


def test_a_run_worked_on_in_pieces_equals_one_worked_on_at_once(tmp_path) -> None:
    with Lab.open(tmp_path / "whole.db") as whole, Lab.open(tmp_path / "pieces.db") as pieces:
        whole.create_run(new_run())
        pieces.create_run(new_run())
        list(work(whole, 1, 12))
        for last in (1, 5, 5, 9, 12):
            list(work(pieces, 1, last))
        assert fingerprint(whole, 1) == fingerprint(pieces, 1)


def test_tens_of_thousands_of_evaluations_are_looked_up_and_paged(claimed: Claimed) -> None:
    keys = [key_of(b"%d" % number) for number in range(30_000)]
    rows = [Evaluation(CONTEXT.key, key, float(number), 1.0, 1.0) for number, key in enumerate(keys)]
    claimed.commit(GOOD, contexts=[CONTEXT], evaluations=rows)
    lab = claimed.lab
    found = lab.lookup(CONTEXT.key, iter(keys[::2] * 2))
    assert found == {row.key: row for row in rows[::2]}
    paged: list[Evaluation] = []
    while page := lab.evaluations(CONTEXT.key, after_key=paged[-1].key if paged else b"", limit=7_000):
        paged += page
    assert paged == sorted(rows, key=lambda row: row.key)


def test_a_full_disk_stops_a_step_whole_and_the_run_goes_on_when_there_is_space(lab: Lab) -> None:
    run = lab.create_run(new_run())
    epoch = lab.claim(run.id)
    file_of(lab)
    assert lab._writing is not None
    with lab._writing.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")
        connection.rollback()
    seen: list[Progress] = []
    with pytest.raises(FullDiskError, match="cannot grow: make space on its disk and resume"):
        seen.extend(work(lab, run.id, 500, epoch=epoch))
    done = lab.run(run.id).steps
    assert 0 < done == len(seen) == len(lab.history(run.id))
    assert len(lab.points(run.id)) == lab.run(run.id).points
    with lab._writing.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 4294967294")
        connection.rollback()
    list(work(lab, run.id, done + 3, epoch=epoch))
    assert lab.run(run.id).steps == done + 3


def test_a_checkpoint_whose_bytes_have_changed_is_called_damaged(claimed: Claimed) -> None:
    claimed.commit(GOOD)
    with closing(sqlite3.connect(file_of(claimed.lab))) as raw, raw:
        raw.execute("UPDATE checkpoint SET state = x'00'")
    with pytest.raises(DamagedLabError, match="checkpoint of run 1 is damaged"):
        claimed.lab.checkpoint(1)


def test_removing_a_run_removes_its_rows_and_leaves_the_cache(claimed: Claimed) -> None:
    row = simulate(b"abd")
    claimed.commit(GOOD._replace(detail="{}"), front=[0], contexts=[CONTEXT], evaluations=[row])
    with closing(sqlite3.connect(file_of(claimed.lab))) as raw, raw:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("DELETE FROM run")
        for table in ("point", "point_detail", "front", "history", "checkpoint"):
            assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute("DELETE FROM context")
    assert claimed.lab.lookup(CONTEXT.key, [row.key]) == {row.key: row}
    assert claimed.lab.create_run(new_run()).id == 2, "a removed run's number is not given again"


def test_a_value_of_the_wrong_type_is_refused_by_the_tables_themselves(claimed: Claimed) -> None:
    with closing(sqlite3.connect(file_of(claimed.lab))) as raw:
        for statement in (
            "UPDATE run SET seed = 'one'",
            "UPDATE run SET status = 'sleeping'",
            "UPDATE run SET pid = NULL",
            "INSERT INTO history VALUES (1, 1, 1, 1, 1, 1, 1, 'much', '{}', 1.0, 0.5, NULL)",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                raw.execute(statement)
        strict = {
            name: bool(flag) for _, name, _, _, _, flag in raw.execute("PRAGMA table_list") if name[:7] != "sqlite_"
        }
        assert strict
        assert all(strict.values())
