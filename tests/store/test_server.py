"""A lab on a PostgreSQL server: writers who do not wait for one another, a server that goes away, and merges."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from store import merging
from store.address import Address, Where, where
from store.database import Lab
from store.errors import (
    BusyRunError,
    LoginError,
    LostLabError,
    MissingLabError,
    NewerLabError,
    NotALabError,
    OlderLabError,
    ReadOnlyLabError,
    StoreError,
    UnreachableLabError,
)
from store.merging import Merged
from store.migrations import SCHEMA
from store.rows import Evaluation
from tests.postgres import Server
from tests.store.conftest import ROOT, Start
from tests.store.test_merging import make_lab
from tests.store.toy_run import fingerprint, new_run, work


def merge(lab: Where, other: Where) -> Merged:
    with merging.opened(other, 1.0) as source, Lab.open(lab) as opened:
        return opened.merge(source)


def evaluations(place: Where) -> dict[bytes, list[Evaluation]]:
    with Lab.open(place, create=False, readonly=True) as lab:
        return {context.key: lab.evaluations(context.key) for context in lab.contexts()}


def note_across_a_restart(lab: Lab, server: Server) -> None:
    with lab._write() as connection:
        server.restart()
        connection.exec_driver_sql("UPDATE run SET note = 'lost'")


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def test_a_password_is_shown_nowhere() -> None:
    address = where("postgresql://me:s%40cret@host:5433/lab?sslmode=require")
    assert isinstance(address, Address)
    assert str(address) == "postgresql+psycopg://me@host:5433/lab?sslmode=require"
    assert "cret" not in repr(address)
    assert address.password == "s@cret"
    assert where("postgres:///lab?host=/run/pg&password=a") == where("postgresql+psycopg:///lab?host=/run/pg")
    assert where("labs/lab.db") == Path("labs/lab.db")


def test_eight_processes_that_write_to_runs_of_their_own_lose_nothing(postgres: Server) -> None:
    url = postgres.database()
    with Lab.open(url) as lab:
        numbers = [lab.create_run(new_run(seed)).id for seed in range(8)]
    command = [sys.executable, "-m", "tests.store.toy_run", url]
    working = [
        subprocess.Popen([*command, str(n), "20"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for n in numbers
    ]
    ends = [(process.communicate()[1], process.returncode) for process in working]
    assert ends == [(b"", 0)] * 8
    with Lab.open(url, readonly=True) as lab:
        assert {(run.status, run.steps, run.points) for run in lab.runs()} == {("done", 20, 160)}
        assert lab.problems() == []


def test_a_writer_does_not_wait_for_the_writer_of_another_run(postgres: Server) -> None:
    url = postgres.database()
    with Lab.open(url, busy_seconds=1) as lab, Lab.open(url, busy_seconds=1) as other:
        first, second = (lab.create_run(new_run(seed)).id for seed in (1, 2))
        with lab._write() as connection:
            connection.exec_driver_sql("UPDATE run SET note = 'under way' WHERE id = ?", (first,))
            list(work(other, second, 3))
        assert other.run(second).steps == 3


def test_of_two_processes_that_want_a_run_one_wins_until_it_is_killed(postgres: Server, start: Start) -> None:
    url = postgres.database()
    with Lab.open(url) as lab:
        run = lab.create_run(new_run())
        process = start(lab.path, run.id, 10**6)
        with pytest.raises(BusyRunError, match=f"by process {process.pid} on"):
            lab.claim(run.id)
        process.kill()
        process.wait()
        assert lab.live_status(lab.run(run.id)) == "interrupted"
        assert lab.claim(run.id) == 2


def test_a_run_whose_server_is_restarted_is_gone_on_with_as_if_nothing_had_been(
    postgres: Server, tmp_path: Path
) -> None:
    with Lab.open(postgres.database()) as lab, Lab.open(tmp_path / "whole.db") as whole:
        run, other = lab.create_run(new_run()), whole.create_run(new_run())
        list(work(whole, other.id, 12))
        epoch = lab.claim(run.id)
        steps = work(lab, run.id, 12, epoch=epoch)
        for _ in range(5):
            next(steps)
        with pytest.raises(LostLabError) as caught:
            note_across_a_restart(lab, postgres)
        assert "\n" not in str(caught.value)
        for _ in steps:  # a transaction that begins anew finds the server again
            pass
        assert fingerprint(lab, run.id) == fingerprint(whole, other.id)
        assert lab.problems() == []


def test_a_step_under_way_when_the_server_dies_is_told_and_resumed_exactly(postgres: Server, tmp_path: Path) -> None:
    url = postgres.database()
    with Lab.open(url) as lab:
        run = lab.create_run(new_run())
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.toy_run", url, str(run.id), "100000"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(6):
        process.stdout.readline()
    postgres.restart()
    process.kill()
    process.communicate()
    with Lab.open(url) as lab, Lab.open(tmp_path / "whole.db") as whole:
        steps = lab.run(run.id).steps
        assert steps >= 5
        list(work(lab, run.id, steps + 3))
        other = whole.create_run(new_run())
        list(work(whole, other.id, steps + 3))
        assert fingerprint(lab, run.id) == fingerprint(whole, other.id)


def test_labs_of_both_kinds_are_merged_both_ways(postgres: Server, tmp_path: Path) -> None:
    file, far = make_lab(tmp_path / "a.db", 1), where(postgres.database())
    with Lab.open(far) as lab:
        run = lab.create_run(new_run(7))
        list(work(lab, run.id, 3))
        lab.finish(run.id, 1, "done")
    there, back = merge(far, file), merge(file, far)
    assert (there.runs, there.models, there.accuracies, back.runs) == (2, 1, 1, 1)
    assert there.evaluations > 0
    assert evaluations(file) == evaluations(far)
    assert merge(far, file) == merge(file, far) == Merged(known=3)
    with Lab.open(far, readonly=True) as lab, Lab.open(file, readonly=True) as near:
        assert lab.problems() == near.problems() == []
        for each in near.runs():
            assert fingerprint(lab, lab.run(each.uuid).id) == fingerprint(near, each.id)
    empty = where(postgres.database())
    merge(empty, far)
    assert evaluations(empty) == evaluations(far)


def test_what_is_no_lab_is_refused_in_one_line(postgres: Server) -> None:
    empty, foreign, newer = (postgres.database() for _ in range(3))
    postgres.execute("CREATE TABLE trials (x INT)", name_of(foreign))
    Lab.open(newer).close()
    postgres.execute("UPDATE dse_lab SET schema = 99", name_of(newer))
    cases: list[tuple[str, dict[str, bool], type[StoreError]]] = [
        (empty, {"readonly": True}, MissingLabError),
        (empty, {"create": False}, MissingLabError),
        (foreign, {}, NotALabError),
        (newer, {}, NewerLabError),
        (postgres.url("nowhere"), {}, MissingLabError),
        (postgres.url("postgres", "nobody"), {}, LoginError),
        ("postgresql://me:secret@127.0.0.1:1/x", {}, UnreachableLabError),
    ]
    for url, how, kind in cases:
        with pytest.raises(kind) as caught:
            Lab.open(url, busy_seconds=1, **how)
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value)
    with Lab.open(newer, readonly=True) as lab:
        assert lab.schema() == 99


def test_a_lab_of_an_old_schema_is_refused_and_one_like_the_present_is_taken(
    postgres: Server,
) -> None:
    url = postgres.database()
    Lab.open(url).close()
    postgres.execute("UPDATE dse_lab SET schema = 5", name_of(url))
    for how in ({}, {"readonly": True}):
        with pytest.raises(OlderLabError, match="has the old schema 5"):
            Lab.open(url, **how)
    postgres.execute("UPDATE dse_lab SET schema = 6", name_of(url))
    with Lab.open(url, readonly=True) as lab:
        assert lab.schema() == 6
    with Lab.open(url) as lab:
        assert lab.schema() == SCHEMA.version


def test_who_opens_to_read_cannot_write(postgres: Server) -> None:
    url = postgres.database()
    Lab.open(url).close()
    with Lab.open(url, readonly=True) as lab:
        with pytest.raises(ReadOnlyLabError):
            lab.create_run(new_run())
        with pytest.raises(ReadOnlyLabError), lab._read() as connection:
            connection.exec_driver_sql("DELETE FROM run")


def test_several_processes_may_be_the_first_to_open_a_lab(postgres: Server) -> None:
    url = postgres.database()
    command = [sys.executable, "-c", f"from store.database import Lab; Lab.open({url!r}).close()"]
    opening = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(4)]
    assert [(process.communicate()[1], process.returncode) for process in opening] == [(b"", 0)] * 4


def test_a_watcher_is_told_that_others_have_written(postgres: Server) -> None:
    url = postgres.database()
    with Lab.open(url) as lab, Lab.open(url, readonly=True) as watching:
        before = watching.data_version()
        assert watching.data_version() == before
        lab.create_run(new_run())
        assert watching.data_version() != before


def test_a_server_that_is_starting_is_no_database_that_is_missing(postgres: Server) -> None:
    import psycopg

    from store.server import explain

    address = where(postgres.url("lab"))
    assert isinstance(address, Address)
    said = psycopg.OperationalError("connection failed: FATAL:  the database system is starting up")
    told = explain(said, address)
    assert isinstance(told, UnreachableLabError)
    assert "wait until the server is up" in str(told)
