"""What a run learns from: the most alike first, written down, and the same for a resumed run whatever has happened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from store.database import Lab
from store.errors import UnknownRunError
from store.knowledge import NewModel
from store.rows import ModelHead, Run
from store.steps import digest
from tests.toy import SMALL, ToySimulator, toy_content, toy_task
from tests.toy_search import Learner
from workbench import knowledge
from workbench.errors import UserError
from workbench.knowledge import choose, given, known_runs, load, ranked
from workbench.library import canonical, history
from workbench.problem.metrics import Metrics
from workbench.problem.task import Task
from workbench.problem.template import Template
from workbench.runner import RunSpec, run, start
from workbench.searches import SEARCHES
from workbench.similarity import subject_key
from workbench.simulators import SIMULATORS
from workbench.stop import Stop


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIMULATORS, "toy", ToySimulator)
    monkeypatch.setitem(SEARCHES, "learner", Learner)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.open(tmp_path / "lab.db") as opened:
        yield opened


def spec(search: str = "learner", budget: int = 12, **changes: Any) -> RunSpec:
    return replace(RunSpec(toy_task(), search, simulator="toy", seed=7, stop=Stop(budget=budget)), **changes)


def done(lab: Lab, wanted: RunSpec) -> Run:
    row = start(lab, wanted)
    assert list(run(lab, row.id))
    return lab.run(row.id)


def other_arch() -> Task:
    content = {**toy_content(SMALL), "name": "other"}
    return replace(toy_task(), template=Template.from_content(content))


def names(lab: Lab, task: Task, fingerprint: str = "toy 1") -> list[str]:
    return [known.name for known, _ in ranked(known_runs(lab, "toy"), task, fingerprint)]


def model_of(lab: Lab, row: Run, content: bytes = b"weights") -> ModelHead:
    return lab.keep_model(
        NewModel(
            kind="transfer",
            arch=row.arch,
            workload=row.workload,
            simulator=row.simulator,
            fingerprint=row.fingerprint,
            points=row.points,
            training_key=digest(b"training"),
            code_version="1",
            axes="[]",
            metrics="[]",
            lineage=canonical([{"uuid": row.uuid, "points": row.points}]),
            report="{}",
            task=row.task,
            content=content,
        )
    )


def test_sources_come_by_likeness_and_runs_of_one_subject_are_one(lab):
    done(lab, spec("uniform", task=other_arch()))
    done(lab, spec("uniform", task=toy_task(layers=2)))
    done(lab, spec("uniform"))
    done(lab, spec("anneal", task=toy_task(objectives=("area_um2",))))
    start(lab, spec("uniform", seed=9))  # no points
    assert names(lab, toy_task()) == ["runs 3, 4", "run 2", "run 1"]
    assert names(lab, other_arch())[0] == "run 1"
    values = [like.similarity.value for _, like in ranked(known_runs(lab, "toy"), toy_task(), "toy 1")]
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)


def test_what_does_not_quite_compare_comes_last_and_other_simulators_not_at_all(lab):
    done(lab, spec("uniform"))
    done(lab, spec("uniform", task=other_arch()))
    done(lab, spec("uniform", task=replace(toy_task(), criterion="energy")))
    assert names(lab, toy_task()) == ["run 1", "run 2", "run 3"]
    assert [like.compares for _, like in ranked(known_runs(lab, "toy"), toy_task(), "toy 1")] == [True, True, False]
    assert names(lab, toy_task(), "toy 2") == ["run 1", "run 3", "run 2"]
    assert known_runs(lab, "loopnest") == []


def test_runs_of_one_subject_are_merged_without_their_common_designs(lab):
    first, second = done(lab, spec("uniform")), done(lab, spec("uniform", budget=20, seed=8))
    third = done(lab, spec("uniform", budget=16))  # begins with the designs of the first
    row = start(lab, spec())
    (source,), models = load(lab, row.id)
    assert models == ()
    assert source.name == "runs 1, 2, 3"
    told = [e for each in (first, second, third) for e in history(lab, each.id, toy_task().space)]
    assert [e.design for e in source.points] == list(dict.fromkeys(e.design for e in told))
    assert {e.design: e.outcome for e in source.points} == {e.design: e.outcome for e in told}
    built = next(e.outcome for e in source.points if isinstance(e.outcome, Metrics))
    assert built.edp_js == next(e.outcome for e in told if e.outcome == built).edp_js


def test_axes_in_another_order_make_another_source(lab):
    content = toy_content(SMALL)
    turned = {**content, "axes": dict(reversed(content["axes"].items()))}
    tasks = [replace(toy_task(), template=Template.from_content(each)) for each in (content, turned)]
    assert tasks[0].key == tasks[1].key
    for task in tasks:
        done(lab, spec("uniform", task=task))
    sources, _ = load(lab, start(lab, spec(task=tasks[1])).id)
    assert [(source.name, source.task.space) for source in sources] == [
        ("run 1", tasks[0].space),
        ("run 2", tasks[1].space),
    ]


def test_auto_keeps_within_its_bounds_and_takes_the_beginning_of_a_run(lab, monkeypatch):
    far, near = done(lab, spec("uniform", task=other_arch())), done(lab, spec("uniform"))
    monkeypatch.setattr(knowledge, "POINTS_MOST", 15)
    assert given(lab, start(lab, spec()).id).sources == ((near.uuid, 12), (far.uuid, 3))
    again = done(lab, spec("uniform", seed=1))
    monkeypatch.setattr(knowledge, "SOURCE_POINTS_MOST", 13)
    assert given(lab, start(lab, spec()).id).sources == ((near.uuid, 12), (again.uuid, 1), (far.uuid, 2))
    named = given(lab, start(lab, spec(sources=(str(far.id),))).id)
    assert named.sources == ((far.uuid, 12),), "a run that is named is given whole"


def test_a_subject_can_be_left_out(lab):
    far, near = done(lab, spec("uniform", task=other_arch())), done(lab, spec("uniform"))
    model_of(lab, near)
    chosen = choose(lab, toy_task(), "toy", "toy 1", ("auto",), without={subject_key(toy_task())})
    assert chosen.sources == ((far.uuid, 12),)
    assert chosen.models == ()


def test_models_come_with_the_runs_they_were_trained_on(lab):
    first, second = done(lab, spec("uniform", task=other_arch())), done(lab, spec("uniform"))
    of_first, of_second = model_of(lab, first), model_of(lab, second, b"other weights")
    assert given(lab, start(lab, spec()).id).models == (of_second.key, of_first.key)
    assert given(lab, start(lab, spec(sources=(str(first.id),))).id).models == (of_first.key,)
    assert given(lab, start(lab, spec(sources=("none",))).id) == knowledge.Knowledge()
    _, models = load(lab, start(lab, spec()).id)
    assert [(model.name, model.content) for model in models] == [("model 2", b"other weights"), ("model 1", b"weights")]
    assert models[0].task.key == toy_task().key


def test_what_cannot_be_learnt_from_is_refused_and_no_run_is_made(lab, monkeypatch):
    done(lab, spec("uniform"))
    start(lab, spec("uniform"))
    refused: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"search": "uniform", "sources": ("1",)}, UserError, "'uniform' learns from no other run.*do: .*learner"),
        ({"sources": ("auto", "1")}, UserError, "each without the others, got auto, 1"),
        ({"sources": ("2",)}, UserError, "Run 2 has no designs yet"),
        ({"sources": ("9",)}, UnknownRunError, "no run '9'"),
        ({"sources": ("1",), "simulator": "loopnest"}, UserError, "Run 1 was simulated by 'toy'"),
    ]
    for wrong, error, message in refused:
        with pytest.raises(error, match=message):
            start(lab, spec(**wrong))
    assert len(lab.runs()) == 2
    assert given(lab, start(lab, spec("uniform", sources=("none",))).id) == knowledge.Knowledge()


@pytest.mark.parametrize("search", ["learner", *(name for name, search in SEARCHES.items() if search.transfers)])
def test_a_resumed_run_learns_the_same_though_its_sources_have_grown_and_new_ones_come(tmp_path, search):
    with Lab.open(tmp_path / "one.db") as whole, Lab.open(tmp_path / "many.db") as parts:
        for lab in (whole, parts):
            source = start(lab, spec("uniform", budget=120, batch=24))  # enough for every search to learn from
            stops = iter((False, False, True))
            assert list(run(lab, source.id, should_stop=lambda stops=stops: next(stops)))  # type: ignore[misc]
            if search == "learner":
                model_of(lab, lab.run(source.id))
            start(lab, spec(search))
        assert list(run(whole, 2))
        stops = iter((False, True))
        assert len(list(run(parts, 2, should_stop=lambda: next(stops)))) == 1
        assert list(run(parts, 1))
        if search == "learner":
            model_of(parts, parts.run(1), b"newer weights")
        done(parts, spec("uniform", seed=1))
        assert list(run(parts, 2))
        assert [point[:8] for point in parts.points(2)] == [point[:8] for point in whole.points(2)]
        assert parts.checkpoint(2) == whole.checkpoint(2)
        if search == "learner":
            ignorant = done(whole, spec(sources=("none",)))
            assert [p.codes for p in whole.points(2)] != [p.codes for p in whole.points(ignorant.id)]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM run WHERE id = 1", "learns from the run .* no longer in the lab with its first 12 designs"),
        ("DELETE FROM source_model", "learns from the source model .* no longer in the lab"),
    ],
)
def test_a_run_whose_source_is_gone_cannot_go_on_and_says_why(lab, statement, says):
    model_of(lab, done(lab, spec("uniform")))
    row = start(lab, spec())
    with closing(sqlite3.connect(lab.path)) as raw, raw:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute(statement)
    with pytest.raises(UserError, match=says):
        next(run(lab, row.id))
    assert lab.run(row.id).status == "queued"
