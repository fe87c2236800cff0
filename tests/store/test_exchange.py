"""Export and import: a lab comes back from its lines to the last bit, twice is as once, and bad lines are named."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import dumping, lines, loading
from store.database import Lab
from store.errors import BadExportError, ConflictError, DamagedLabError, StoreError, UnknownContextError
from store.merging import Merged
from store.rows import Context, Evaluation, Worker
from tests.store.test_merging import content, designs, evaluations, make_lab
from tests.store.toy_run import CONTEXT, fingerprint, key_of

OTHER = Context(key=b"another-context-", simulator="toy", fingerprint="toy 2", layer='{"k": 1}')


@pytest.fixture
def a(tmp_path: Path) -> Path:
    """A lab with something in every table."""
    path = make_lab(tmp_path / "a.db", 1)
    with Lab.open(path) as lab:
        epoch = lab.claim(2)
        lab.keep_chunk(2, epoch, designs(1))
        lab.heartbeat(2, epoch, [Worker("host", 7, "loky", 12, 0.5, 1, 1_700_000_000_000_000_000)])
        lab.finish(2, epoch, "paused")
        lab.tag(2, "[red]swept")
        lab.keep([OTHER], [Evaluation(OTHER.key, b"k", 1.5, 2.5, 0.1, 0.75, detail='{"a":  [1.0, "\\u2028é"]}')])
    return path


def export(path: Path, file: Path, wanted: dumping.Wanted) -> Path:
    with Lab.open(path, readonly=True) as lab, file.open("w") as out:
        out.writelines(lab.export(wanted))
    return file


def load(file: Path, into: Path) -> Merged:
    with file.open("rb") as raw, loading.loaded(file, lines.read(raw, str(file)), 1.0) as source, Lab.open(into) as lab:
        return lab.merge(source)


@pytest.fixture
def exported(a: Path, tmp_path: Path) -> Path:
    return export(a, tmp_path / "a.jsonl", dumping.everything())


def test_a_lab_comes_back_whole_and_a_second_import_brings_nothing(a: Path, exported: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    load(exported, new)
    assert all(rows for name, rows in content(a).items()), "every table has rows"
    assert content(new) == content(a)
    assert load(exported, new) == Merged(known=2)
    assert content(new) == content(a)
    assert export(new, tmp_path / "again.jsonl", dumping.everything()).read_bytes() == exported.read_bytes()


_cost = st.floats(0, 1e300)
_rows = st.dictionaries(st.binary(min_size=1, max_size=64), st.none() | st.tuples(_cost, _cost, _cost, _cost))
_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=20, deadline=None)
@given(rows=_rows, name=_text)
def test_any_evaluations_come_back_to_the_last_bit(tmp_path_factory, rows, name: str) -> None:
    folder = tmp_path_factory.mktemp("labs")
    context = Context(b"0123456789abcdef", name, name, json.dumps({"name": name}))
    told = json.dumps({"reason": name})
    known = [
        Evaluation(context.key, key, None, None, None, None, told, told)
        if costs is None
        else Evaluation(context.key, key, costs[0], costs[1], costs[2], -costs[3], None, told)
        for key, costs in rows.items()
    ]
    with Lab.open(folder / "a.db") as lab:
        lab.keep([context], known)
    load(export(folder / "a.db", folder / "a.jsonl", dumping.everything()), folder / "b.db")
    assert content(folder / "b.db") == content(folder / "a.db")


def test_a_context_alone_brings_its_evaluations_alone(a: Path, tmp_path: Path) -> None:
    with Lab.open(a, readonly=True) as lab:
        number = next(each.id for each in lab.statistics().contexts if each.fingerprint == "toy 2")
        assert lab.contexts([number]) == [OTHER]
        with pytest.raises(UnknownContextError, match="no context 9 in this lab: there are 1 to 2"):
            lab.contexts([number, 9])
    merged = load(export(a, tmp_path / "some.jsonl", dumping.of_contexts([OTHER.key])), tmp_path / "new.db")
    assert merged == Merged(contexts=1, evaluations=1)
    assert evaluations(tmp_path / "new.db") == {OTHER.key: evaluations(a)[OTHER.key]}


def test_a_run_brings_all_that_it_owns_and_what_its_designs_rest_on(a: Path, tmp_path: Path) -> None:
    with Lab.open(a, readonly=True) as lab:
        keys = {key_of(point.codes) for point in lab.points(2)}
    merged = load(export(a, tmp_path / "run.jsonl", dumping.of_runs([2], {CONTEXT.key: keys})), tmp_path / "new.db")
    assert merged == Merged(contexts=1, evaluations=len(keys), runs=1, points=516, models=1)
    with Lab.open(tmp_path / "new.db") as lab, Lab.open(a) as there:
        assert fingerprint(lab, 1) == fingerprint(there, 2)
        assert lab.run_models(1) == there.run_models(2)
        assert lab.tags(1) == ["[red]swept"]
        assert lab.problems() == []


def test_evaluations_that_differ_are_counted_and_ours_stay(a: Path, exported: Path) -> None:
    before = content(a)
    text = exported.read_text().replace('"latency_cycles":1.5,', '"latency_cycles":1.25,')
    exported.write_text(text)
    assert load(exported, a) == Merged(differing=1, known=2)
    assert content(a) == before


Change = Callable[[list[str]], list[str]]


def at(table: str, old: str, new: str) -> Change:
    """Changes the first line of a table."""

    def change(rows: list[str]) -> list[str]:
        number = next(n for n, row in enumerate(rows) if row.startswith(f'{{"table":"{table}"'))
        assert old in rows[number], rows[number]
        return [*rows[:number], rows[number].replace(old, new, 1), *rows[number + 1 :]]

    return change


def head(old: str, new: str) -> Change:
    return lambda rows: [rows[0].replace(old, new), *rows[1:]]


BAD: dict[str, tuple[Change, str]] = {
    "nothing": (lambda _: [], "is empty"),
    "no head": (lambda rows: rows[1:], "line 1: it is not the head of an export"),
    "a text": (lambda _: ["latency,energy\n"], "line 1: it is no JSON .*column 1"),
    "a list": (lambda rows: [rows[0], "[1]\n"], "line 2: it is no JSON object"),
    "too deep": (lambda rows: [rows[0], "[" * 100_000 + "\n"], "line 2: it is no JSON of ours: too deep"),
    "a newer schema": (head('"schema":', '"schema":9'), "line 1: a newer program.*update the program"),
    "a newer version": (head('"version":1', '"version":2'), "line 1: a newer program"),
    "cut off within a line": (lambda rows: [*rows[:-1], rows[-1][:-9]], "it has no end: the file was cut off"),
    "cut off between lines": (lambda rows: rows[:-1], "line 1 says .* rows of .*cut off or changed"),
    "a line less": (lambda rows: [*rows[:-2], rows[-1]], "line 1 says"),
    "a line twice": (lambda rows: [*rows, rows[-1]], "line 1 says"),
    "no such table": (at("run", '"table":"run"', '"table":"sqlite_schema"'), "a lab has no table 'sqlite_schema'"),
    "no such column": (at("run", '"uuid"', '"uuuid"'), "run has no 'uuuid'"),
    "a missing column": (at("evaluation", '"key"', '"infeasible":null,"area_um2"'), "evaluation lacks its key"),
    "a text for a number": (at("evaluation", '"latency_cycles":', '"latency_cycles":"1","x":'), "has no 'x'"),
    "no number": (at("evaluation", '"energy_pj":', '"energy_pj":NaN,"area_um2":'), "JSON has no NaN"),
    "an impossible cost": (at("evaluation", '"energy_pj":', '"energy_pj":-'), r"line \d+: no evaluation .*: CHECK"),
    "key of odd digits": (at("context", '"key":"', '"key":"z'), "line 3: key of context cannot be 'z"),
    "a short key": (at("context", '"key":"63', '"key":"'), "line 3: no context may be so: CHECK"),
    "a reference to nothing": (at("evaluation", '"context_id":1', '"context_id":7'), r"line \d+: .*FOREIGN KEY"),
    "a flag that is none": (at("point", '"cached":0', '"cached":2'), "no point may be so: CHECK"),
    "a truth for a number": (at("point", '"cached":0', '"cached":false'), "cached of point cannot be False"),
    "too large a number": (at("point", '"step":1', '"step":1e400'), "step of point cannot be inf"),
    "half a character": (at("run", '"note":"', '"note":"\\ud800'), "note of run cannot be"),
    "no JSON within": (at("run", '"task":"{', '"task":"'), "task must be JSON"),
    "a pickle for a checkpoint": (at("checkpoint", '"state":"', '"state":"gASVAAAA'), "the bytes of its checkpoint"),
    "a pickle for a network": (at("source_model", '"content":"', '"content":"gASVAAAA'), "the bytes of its source_mod"),
    "a pickle for a training": (at("training", '"state":"', '"state":"gASVAAAA'), "the bytes of its training"),
    "another accuracy": (at("accuracy", '"accuracy":0.3', '"accuracy":0.4'), "the bytes of its accuracy"),
    "another chunk": (at("chunk", '"feasible":500', '"feasible":499'), "the bytes of its chunk"),
    "a status of our own": (at("run", '"status":"done"', '"status":"over"'), "no run may be so: CHECK"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_lines_are_named_and_nothing_is_imported(a: Path, exported: Path, tmp_path: Path, case: str) -> None:
    change, says = BAD[case]
    before = content(a)
    exported.write_text("".join(change(exported.read_text().splitlines(keepends=True))))
    with pytest.raises(BadExportError, match=says) as caught:
        load(exported, a)
    assert str(exported) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(BadExportError):
        load(exported, tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()
    assert content(a) == before


def test_rows_that_do_not_fit_together_are_refused(a: Path, exported: Path) -> None:
    before = content(a)
    exported.write_text("".join(at("run", '"points":32', '"points":31')(exported.read_text().splitlines(True))))
    with pytest.raises(DamagedLabError, match=r"a\.jsonl is damaged: run id 1: its head says 31 points"):
        load(exported, a)
    exported.write_text(exported.read_text().replace('"points":31', '"points":32').replace("toy 2", "toy 3"))
    with pytest.raises(ConflictError, match="another context under the key of ours"):
        load(exported, a)
    assert content(a) == before


def damaged(raw: bytes, rng: random.Random) -> Iterator[bytes]:
    for _ in range(25):
        where = rng.randrange(len(raw))
        yield raw[:where] + bytes([rng.randrange(256)]) + raw[where + 1 :]
        yield raw[: rng.randrange(len(raw))]


def test_whatever_the_damage_an_import_is_whole_or_one_line(a: Path, exported: Path, tmp_path: Path) -> None:
    """No other exception ever comes out, and what does come in is sound."""
    raw, new = exported.read_bytes(), tmp_path / "new.db"
    for harmed in damaged(raw, random.Random(1)):
        exported.write_bytes(harmed)
        try:
            load(exported, new)
        except StoreError as error:
            assert "\n" not in str(error), harmed  # noqa: PT017
    if new.exists():
        with Lab.open(new, readonly=True) as lab:
            assert lab.problems() == []
