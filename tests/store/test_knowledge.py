"""What runs learn from: written down when they are made, kept when the source grows, and missed when it is gone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import fields, replace

import pytest

from store.database import Lab
from store.errors import BadRowError, DamagedLabError, UnknownModelError
from store.knowledge import NewModel
from store.rows import ModelHead, RunHead, RunSource
from store.steps import digest
from store.tables import Base
from tests.store.conftest import file_of
from tests.store.toy_run import new_run, work


def new_model(content: bytes = b"weights") -> NewModel:
    return NewModel(
        kind="transfer",
        arch="toy_array",
        workload="toynet",
        simulator="toy",
        fingerprint="toy 1",
        points=16,
        training_key=digest(b"training set"),
        code_version="0.1.0",
        axes='["d1", "d2"]',
        metrics='["energy_pj", "latency_cycles"]',
        lineage='[{"uuid": "ab", "points": 16}]',
        report='{"folds": 5}',
        task='{"arch": "toy"}',
        content=content,
    )


def test_the_values_have_the_columns_of_their_tables() -> None:
    columns = {name: [column.name for column in table.columns] for name, table in Base.metadata.tables.items()}
    assert columns["source_model"] == [*ModelHead._fields, "content"]
    assert columns["run_source"] == ["run_id", "position", "source_uuid", "points"]
    assert set(RunHead._fields) < set(columns["run"])
    assert {field.name for field in fields(NewModel)} < set(columns["source_model"])


def test_a_run_keeps_its_sources_and_models_in_their_order(lab: Lab) -> None:
    first, second = (lab.create_run(new_run(seed)) for seed in (1, 2))
    keys = [digest(b"b"), digest(b"a")]
    run = lab.create_run(new_run(3), [RunSource(second.uuid, 7), RunSource(first.uuid, 3)], keys)
    assert lab.run_sources(run.id) == [(second.uuid, 7), (first.uuid, 3)]
    assert lab.run_models(run.id) == keys
    assert lab.run_sources(first.id) == []
    assert lab.run_models(first.id) == []


@pytest.mark.parametrize("wrong", [RunSource("x" * 32, 1), RunSource("a" * 32, 0)])
def test_a_source_that_cannot_be_is_refused_and_leaves_no_run(lab: Lab, wrong: RunSource) -> None:
    with pytest.raises(BadRowError):
        lab.create_run(new_run(), [wrong])
    assert lab.runs() == []


def test_a_source_may_go_and_the_run_still_says_that_it_was_one(lab: Lab) -> None:
    source = lab.create_run(new_run())
    run = lab.create_run(new_run(), [RunSource(source.uuid, 7)])
    with closing(sqlite3.connect(file_of(lab))) as raw, raw:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("DELETE FROM run WHERE id = ?", (source.id,))
    assert lab.run_sources(run.id) == [(source.uuid, 7)]
    with closing(sqlite3.connect(file_of(lab))) as raw, raw:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("DELETE FROM run WHERE id = ?", (run.id,))
        assert raw.execute("SELECT count(*) FROM run_source").fetchone() == (0,)


def test_only_runs_with_points_are_heads_by_simulator_or_uuid(lab: Lab) -> None:
    runs = [lab.create_run(asked) for asked in (new_run(1), new_run(2), replace(new_run(3), simulator="other"))]
    for run in runs[1:]:
        assert list(work(lab, run.id, 1))
    heads = lab.run_heads()
    assert [head.id for head in heads] == [2, 3]
    assert all(getattr(heads[0], name) == getattr(lab.run(2), name) for name in RunHead._fields)
    assert [head.id for head in lab.run_heads("toy")] == [2]
    assert [head.id for head in lab.run_heads(uuids=[runs[0].uuid, runs[2].uuid])] == [3]


def test_a_model_is_kept_once_and_found_by_the_hash_of_its_content(lab: Lab) -> None:
    kept = lab.keep_model(new_model())
    assert lab.keep_model(replace(new_model(), code_version="0.2.0")) == kept
    other = lab.keep_model(new_model(b"more weights"))
    assert lab.model_heads("toy") == lab.model_heads() == [kept, other]
    assert lab.model_heads("loopnest") == []
    assert lab.model(digest(b"weights")) == (kept, b"weights")
    assert (kept.id, kept.size, kept.points, kept.axes) == (1, 7, 16, '["d1", "d2"]')
    with pytest.raises(UnknownModelError, match="no source model"):
        lab.model(digest(b"none"))


def test_a_damaged_model_is_not_handed_out(lab: Lab) -> None:
    kept = lab.keep_model(new_model())
    with closing(sqlite3.connect(file_of(lab))) as raw, raw:
        raw.execute("UPDATE source_model SET content = x'00'")
    with pytest.raises(DamagedLabError, match="Source model 1 is damaged"):
        lab.model(kept.key)


def test_what_a_model_says_of_itself_is_json() -> None:
    with pytest.raises(BadRowError, match="lineage must be JSON text"):
        replace(new_model(), lineage="run 3")
