"""Merging two labs: what one knows the other learns, whatever the order and however often; strangers are refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from store import merging
from store.database import Lab
from store.designs import Designs
from store.errors import (
    BusyRunError,
    ConflictError,
    DamagedLabError,
    FencedOutError,
    LabError,
    MissingLabError,
    NewerLabError,
    NotALabError,
)
from store.merging import BY_CONTENT, OF_RUN, Merged
from store.rows import Evaluation, RunSource
from store.tables import Base
from tests.store.test_accuracies import claimed, new_accuracy, subject
from tests.store.test_knowledge import new_model
from tests.store.test_migrations import lab_of_schema
from tests.store.toy_run import CONTEXT, fingerprint, new_run, work


def merge(lab: Path, other: Path) -> Merged:
    with merging.opened(other, 1.0) as source, Lab.open(lab) as opened:
        return opened.merge(source)


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        for statement in statements:
            raw.execute(statement)


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything that a lab holds."""
    with closing(sqlite3.connect(path)) as raw:
        tables = [table.name for table in Base.metadata.sorted_tables]
        return {name: sorted(raw.execute(f"SELECT * FROM {name}"), key=repr) for name in tables}  # noqa: S608


def evaluations(path: Path) -> dict[bytes, list[Evaluation]]:
    with Lab.open(path) as lab:
        return {context.key: lab.evaluations(context.key) for context in lab.contexts()}


def make_lab(path: Path, seed: int, steps: int = 4) -> Path:
    """A finished run, one that learns from it, a model, a network that was trained, and one that was nearly."""
    with Lab.open(path) as lab:
        first = lab.create_run(new_run(seed))
        list(work(lab, first.id, steps))
        lab.finish(first.id, 1, "done")
        model = lab.keep_model(new_model(b"weights of %d" % seed))
        second = lab.create_run(new_run(seed + 100), [RunSource(first.uuid, 8)], [model.key])
        list(work(lab, second.id, 2))
        lab.finish(second.id, 1, "paused")
        lab.keep_accuracy(new_accuracy(b"trained with %3d" % seed))
        claim = claimed(lab, b"nearly with %4d" % seed)
        lab.keep_training(claim, 2, 7, b"state of %d" % seed)
        lab.release_training(claim)
    return path


@pytest.fixture
def a(tmp_path: Path) -> Path:
    return make_lab(tmp_path / "a.db", 1)


@pytest.fixture
def b(tmp_path: Path) -> Path:
    return make_lab(tmp_path / "b.db", 2)


def test_every_table_is_merged() -> None:
    assert sorted(("run", *OF_RUN, *BY_CONTENT)) == sorted(Base.metadata.tables)


def test_all_that_the_other_lab_has_is_taken_over(a: Path, b: Path) -> None:
    merged = merge(a, b)
    assert (merged.runs, merged.points, merged.models, merged.contexts) == (2, 48, 1, 0)
    assert merged.evaluations > 0
    with Lab.open(a) as ours, Lab.open(b) as theirs:
        assert [run.status for run in ours.runs()] == ["paused", "done", "paused", "done"]
        for here, there in ((3, 1), (4, 2)):
            assert fingerprint(ours, here) == fingerprint(theirs, there)
            assert ours.run(here).uuid == theirs.run(there).uuid
        assert ours.run_sources(4) == theirs.run_sources(2)
        assert ours.run_models(4) == theirs.run_models(2)
        assert ours.model(ours.run_models(4)[0])[1] == b"weights of 2"
        assert ours.problems() == []


def test_the_other_lab_is_left_as_it_was(a: Path, b: Path) -> None:
    before = b.read_bytes()
    merge(a, b)
    assert b.read_bytes() == before


def test_merging_twice_gives_the_same_content_as_once(a: Path, b: Path) -> None:
    merge(a, b)
    once = content(a)
    assert merge(a, b) == Merged(known=2)
    assert content(a) == once


def test_both_ways_give_equal_sets_of_evaluations(a: Path, b: Path, tmp_path: Path) -> None:
    other_a, other_b = (Path(shutil.copy(path, tmp_path / f"copy_{path.name}")) for path in (a, b))
    merge(a, b)
    merge(other_b, other_a)
    assert evaluations(a) == evaluations(other_b)
    assert len(evaluations(a)[CONTEXT.key]) > len(evaluations(b)[CONTEXT.key])


def test_a_new_lab_takes_everything(a: Path, tmp_path: Path) -> None:
    merge(tmp_path / "new.db", a)
    there = content(tmp_path / "new.db")
    assert there == content(a)


def test_a_run_is_resumed_in_the_lab_that_it_was_merged_into(a: Path, b: Path) -> None:
    merge(a, b)
    for path, number in ((a, 3), (b, 1)):
        with Lab.open(path) as lab:
            list(work(lab, number, 6))
    with Lab.open(a) as ours, Lab.open(b) as theirs:
        assert [p[:8] for p in ours.points(3)] == [p[:8] for p in theirs.points(1)]
        assert ours.checkpoint(3) == theirs.checkpoint(1)


def test_a_run_that_goes_on_over_there_is_interrupted_here(a: Path, b: Path) -> None:
    with Lab.open(b) as other:
        live = other.create_run(new_run(7))
        list(work(other, live.id, 3))
        assert other.live_status(other.run(live.id)) == "running"
        merge(a, b)
        assert other.run(live.id).status == "running"
        with Lab.open(a) as lab:
            assert lab.run("last").status == "interrupted"
            list(work(lab, lab.run("last").id, 5))


def continued(a: Path, tmp_path: Path, ours: int, theirs: int) -> Path:
    """A copy of the lab in which run 2 is at one step, while it is at another here."""
    copy = Path(shutil.copy(a, tmp_path / "copy.db"))
    for path, last in ((a, ours), (copy, theirs)):
        with Lab.open(path) as lab:
            list(work(lab, 2, last))
            lab.finish(2, 2, "paused")
    return copy


def test_of_a_run_in_both_labs_the_one_that_is_further_on_counts(a: Path, tmp_path: Path) -> None:
    copy = continued(a, tmp_path, 4, 7)
    added = missing(a, copy)
    assert merge(a, copy) == Merged(evaluations=added, known=1, continued=1, points=24)
    with Lab.open(a) as ours, Lab.open(copy) as theirs:
        assert fingerprint(ours, 2) == fingerprint(theirs, 2)
        assert ours.run(2).steps == 7
        assert ours.run_sources(2) == theirs.run_sources(2)
        assert ours.problems() == []
    once = content(a)
    assert merge(a, copy) == Merged(known=2)
    assert content(a) == once


def missing(a: Path, b: Path) -> int:
    """How many evaluations of b are not in a."""
    ours, theirs = (evaluations(path)[CONTEXT.key] for path in (a, b))
    return len({row.key for row in theirs} - {row.key for row in ours})


def test_a_run_that_is_further_on_here_stays(a: Path, tmp_path: Path) -> None:
    copy = continued(a, tmp_path, 7, 4)
    with Lab.open(a) as lab:
        before = fingerprint(lab, 2), lab.run(2)
    assert merge(a, copy).known == 2
    with Lab.open(a) as lab:
        assert (fingerprint(lab, 2), lab.run(2)) == before


def test_the_owner_of_a_run_that_was_replaced_is_fenced_out(a: Path, tmp_path: Path) -> None:
    copy = continued(a, tmp_path, 4, 7)
    with Lab.open(a) as lab:
        epoch = lab.claim(2)
    change(a, "UPDATE run SET process_start = process_start - 1 WHERE id = 2")  # taken for dead
    merge(a, copy)
    with Lab.open(a) as lab, pytest.raises(FencedOutError):
        lab.heartbeat(2, epoch)


def test_a_run_that_is_being_worked_on_here_is_not_replaced(a: Path, tmp_path: Path) -> None:
    copy = continued(a, tmp_path, 4, 7)
    with Lab.open(a) as lab:
        lab.claim(2)
        before = content(a)
        with pytest.raises(BusyRunError, match=r"Run 2 is further on in .*pause it"):
            merge(a, copy)
        assert content(a) == before


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE point SET latency_cycles = latency_cycles + 1 WHERE run_id = 2 AND seq = 5 AND infeasible IS NULL",
         "differ in point 5"),
        ("UPDATE run SET seed = 9 WHERE id = 2", "differ in what it was asked"),
    ],
)  # fmt: skip
def test_runs_of_one_uuid_that_are_not_one_run_are_refused_and_nothing_is_merged(a, tmp_path, damage, says) -> None:
    copy = continued(a, tmp_path, 2, 5)
    change(copy, "UPDATE point SET infeasible = NULL, latency_cycles = 1, energy_pj = 1, area_um2 = 1 WHERE 0", damage)
    before = content(a)
    with pytest.raises(ConflictError, match=says):
        merge(a, copy)
    assert content(a) == before


def test_unlike_outcomes_are_counted_and_ours_stay(a: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(a, tmp_path / "copy.db"))
    change(copy, "UPDATE evaluation SET energy_pj = energy_pj * 2 WHERE infeasible IS NULL")
    before = content(a)
    merged = merge(a, copy)
    assert merged.differing == sum(row.infeasible is None for row in evaluations(a)[CONTEXT.key])
    assert content(a) == before


def test_a_context_that_says_something_else_under_our_key_is_refused(a: Path, b: Path) -> None:
    change(b, "UPDATE context SET simulator = 'another'")
    with pytest.raises(ConflictError, match="another context under the key of ours 1"):
        merge(a, b)


def test_an_older_lab_is_merged_through_a_migrated_copy(a: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    lab_of_schema(1, old)
    before = old.read_bytes()
    merged = merge(a, old)
    assert (merged.runs, merged.points) == (2, 12)
    assert old.read_bytes() == before
    assert merge(a, old) == Merged(known=2)
    with Lab.open(a) as lab:
        assert lab.problems() == []


@pytest.mark.parametrize("damage", ["checkpoint SET state = x'80049500'", "source_model SET content = x'80049500'"])
def test_a_pickle_in_the_place_of_a_blob_is_not_what_was_stored(a: Path, b: Path, damage: str) -> None:
    change(b, f"UPDATE {damage}")
    with pytest.raises(DamagedLabError, match="its bytes are not those that were stored"):
        merge(a, b)


TAMPERED = {
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END",
    "a view": "CREATE VIEW v AS SELECT * FROM run",
    "a view in a table's place": ("DROP TABLE front", "CREATE VIEW front AS SELECT run_id, seq FROM point"),
    "a virtual table": "CREATE VIRTUAL TABLE words USING fts5(word)",
    "a virtual table in a table's place": ("DROP TABLE tag", "CREATE VIRTUAL TABLE tag USING fts5(run_id, word)"),
    "a generated column": "ALTER TABLE tag ADD COLUMN extra TEXT AS (hex(zeroblob(1000000000)))",
    "an index on an expression": "CREATE INDEX i ON run (hex(note))",
    "an index on a part": "CREATE INDEX i ON run (id) WHERE length(note) > 3",
    "a table that takes anything": (
        "DROP TABLE tag",
        "CREATE TABLE tag (run_id INTEGER, word TEXT, PRIMARY KEY (run_id, word))",
    ),
    "a missing table": "DROP TABLE tag",
    "a missing column": "ALTER TABLE run DROP COLUMN note",
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_lab_that_was_tampered_with_is_refused(a: Path, b: Path, case: str) -> None:
    statements = TAMPERED[case]
    change(b, *((statements,) if isinstance(statements, str) else statements))
    before = content(a)
    with pytest.raises(NotALabError, match=r"b\.db .*tampered with") as caught:
        merge(a, b)
    assert "\n" not in str(caught.value)
    assert content(a) == before


def test_rows_that_break_our_rules_are_refused(a: Path, b: Path) -> None:
    with closing(sqlite3.connect(b)) as raw, raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        raw.execute("UPDATE evaluation SET latency_cycles = -1 WHERE infeasible IS NULL")
        raw.execute("UPDATE context SET key = x'00112233445566778899aabbccddeeff'")
    before = content(a)
    with pytest.raises(DamagedLabError, match=r"b\.db holds what no lab may hold .*nothing was merged"):
        merge(a, b)
    assert content(a) == before


def make_nothing(path: Path) -> None:
    pass


def make_text(path: Path) -> None:
    path.write_text("latency,energy\n" * 100)


def make_foreign(path: Path) -> None:
    change(path, "CREATE TABLE trials (x)")


def make_newer(path: Path) -> None:
    Lab.open(path).close()
    change(path, "PRAGMA user_version = 99")


def cut(left: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        make_lab(path, 3)
        os.truncate(path, left if left > 0 else path.stat().st_size + left)

    return make


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (make_nothing, MissingLabError, "does not exist"),
        (Path.mkdir, NotALabError, "is a directory"),
        (Path.touch, NotALabError, "is empty"),
        (make_text, NotALabError, "not a lab database"),
        (make_foreign, NotALabError, "another program .*tables: trials"),
        (make_newer, NewerLabError, "schema 99.*update the program"),
        (os.mkfifo, NotALabError, "no ordinary file"),
        (cut(50), DamagedLabError, "is damaged"),
        (cut(5000), DamagedLabError, "is damaged"),
        (cut(-4096), DamagedLabError, "is damaged"),
    ],
)
def test_what_is_no_sound_lab_is_refused_in_one_line(a: Path, tmp_path: Path, make, kind, says: str) -> None:
    other = tmp_path / "x.db"
    make(other)
    before = content(a)
    with pytest.raises(kind, match=says) as caught:
        merge(a, other)
    assert isinstance(caught.value, LabError)
    assert str(other) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert content(a) == before


@pytest.mark.parametrize("link", [Path.hardlink_to, Path.symlink_to])
def test_a_lab_is_not_merged_into_itself(a: Path, tmp_path: Path, link) -> None:
    link(tmp_path / "link.db", a)
    for other in (a, tmp_path / "link.db"):
        with pytest.raises(NotALabError, match="the lab itself"):
            merge(a, other)


def designs(seed: int) -> Designs:
    rng = np.random.default_rng(seed)
    latency, energy, area = (rng.random(500) + 1 for _ in range(3))
    return Designs(rng.integers(0, 9, (500, 4)).astype(np.uint8), latency, energy, area)


def test_sweeps_and_tags_are_taken_over(a: Path, b: Path) -> None:
    with Lab.open(b) as other:
        epoch = other.claim(2)
        other.keep_chunk(2, epoch, designs(1))
        other.tag(2, "swept")
        other.finish(2, epoch, "paused")
    assert merge(a, b).points == 48 + 500
    with Lab.open(a) as lab:
        lab.tag(4, "ours")
        (chunk,) = lab.chunks(4)
        assert np.array_equal(chunk.codes, designs(1).codes)
        assert np.array_equal(chunk.energy_pj, designs(1).energy_pj)
        assert lab.run(4).chunk_points == 500
        assert lab.problems() == []
    with Lab.open(b) as other:
        epoch = other.claim(2)
        other.keep_chunk(2, epoch, designs(2))
        other.tag(2, "again")
        other.finish(2, epoch, "done")
    assert merge(a, b) == Merged(known=1, continued=1, points=500)
    with Lab.open(a) as lab:
        assert len(list(lab.chunks(4))) == 2
        assert lab.tags(4) == ["again", "ours", "swept"]
        assert lab.problems() == []


def test_sweeps_that_went_two_ways_are_refused(a: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(a, tmp_path / "copy.db"))
    for path, seed in ((a, 1), (copy, 2)):
        with Lab.open(path) as lab:
            epoch = lab.claim(2)
            lab.keep_chunk(2, epoch, designs(seed))
            lab.finish(2, epoch, "paused")
    with pytest.raises(ConflictError, match="differ in chunk 0"):
        merge(a, copy)


def test_a_chunk_that_is_not_what_was_stored_is_refused(a: Path, b: Path) -> None:
    with Lab.open(b) as other:
        epoch = other.claim(2)
        other.keep_chunk(2, epoch, designs(1))
    change(b, "UPDATE chunk SET content = x'80049500'")
    with pytest.raises(DamagedLabError, match="chunk run_id 2, number 0: its bytes are not those"):
        merge(a, b)


def test_accuracies_come_once_and_what_both_have_stays_ours(a: Path, b: Path) -> None:
    merged = merge(a, b)
    assert (merged.accuracies, merged.trainings, merged.differing) == (1, 1, 0)
    with Lab.open(a) as ours, Lab.open(b) as theirs:
        assert {row.key for row in theirs.accuracies()} < {row.key for row in ours.accuracies()}
        assert len(ours.accuracies()) == 2
        kept = theirs.keep_accuracy(replace(new_accuracy(b"measured by both"), accuracy=0.5))
        ours.keep_accuracy(replace(new_accuracy(b"measured by both"), accuracy=0.25))
    assert merge(a, b) == Merged(known=2, differing=1)
    with Lab.open(a) as lab:
        assert lab.accuracies_of([kept.key])[kept.key].accuracy == 0.25
        assert lab.problems() == []


def test_another_network_under_a_key_of_ours_is_a_conflict(a: Path, b: Path) -> None:
    with Lab.open(a) as ours, Lab.open(b) as theirs:
        ours.keep_accuracy(new_accuracy())
        theirs.keep_accuracy(replace(new_accuracy(), network="[]"))
    before = content(a)
    with pytest.raises(ConflictError, match="has another network under the key"):
        merge(a, b)
    assert content(a) == before


def trained(path: Path, far: tuple[int, int], state: bytes) -> None:
    with Lab.open(path) as lab:
        claim = claimed(lab)
        lab.keep_training(claim, *far, state)
        lab.release_training(claim)


@pytest.mark.parametrize(
    ("ours", "theirs", "wins"), [((1, 5), (2, 0), "theirs"), ((2, 3), (2, 4), "theirs"), ((2, 4), (2, 4), "ours")]
)
def test_of_a_training_in_both_labs_the_one_that_is_further_on_counts(a: Path, b: Path, ours, theirs, wins) -> None:
    merge(a, b)
    trained(a, ours, b"ours")
    trained(b, theirs, b"theirs")
    with Lab.open(a) as lab:
        assert merge(a, b).trainings == (wins == "theirs")
        assert claimed(lab).state == wins.encode()
    trained(b, (9, 9), b"further on")
    assert merge(a, b) == Merged(known=2), "this process is at work on it"


def test_a_training_is_over_where_either_lab_has_its_accuracy(a: Path, b: Path, tmp_path: Path) -> None:
    trained(a, (1, 0), b"ours")
    with Lab.open(a) as lab:
        claim = claimed(lab)
    with Lab.open(b) as lab:
        lab.keep_accuracy(new_accuracy())
    assert merge(a, b).accuracies == 2
    with Lab.open(a) as lab:
        assert [training.key for training in lab.unfinished_trainings() if training.key == subject().key] == []
        with pytest.raises(FencedOutError):
            lab.keep_training(claim, 2, 0, b"late")
    trained(tmp_path / "c.db", (1, 0), b"theirs")
    assert merge(a, tmp_path / "c.db") == Merged()


@pytest.mark.parametrize("damage", ["accuracy SET accuracy = 0.5", "training SET state = x'00'"])
def test_a_measurement_that_is_not_what_was_stored_is_refused(a: Path, b: Path, damage: str) -> None:
    change(b, f"UPDATE {damage}")
    with pytest.raises(DamagedLabError, match=r"(what was|that were) stored"):
        merge(a, b)
