"""Power cuts and disks that refuse to write: what was acknowledged is there, and the file is never damaged."""

from __future__ import annotations

import random
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("apsw", reason="the faulty disk is made with apsw (extra `dev`)")

import apsw

import store.connections
import store.migrations
from store.database import Lab
from store.errors import FullDiskError, LabError, StoreError
from tests.store.faulty import Disk, driver
from tests.store.test_crash import assert_consistent
from tests.store.toy_run import fingerprint, new_run, work

CUTS = 100
STEPS = 40
FEW = 2

Patch = pytest.MonkeyPatch


def on(disk: Disk, patch: Patch, *, synchronous: str = "FULL") -> None:
    """Every lab that is opened from now on lies on this disk, and its log is tidied away often."""
    for module in (store.connections, store.migrations):
        patch.setattr(module, "connect", driver(disk))
    patch.setattr(sys, "unraisablehook", lambda _: None)  # apsw tells it of errors that SQLite need not heed
    changes = {"synchronous = FULL": f"synchronous = {synchronous}", "autocheckpoint = 4000": "autocheckpoint = 25"}
    pragmas: tuple[str, ...] = store.connections._WRITER
    for old, new in changes.items():
        assert any(old in pragma for pragma in pragmas), old
        pragmas = tuple(pragma.replace(old, new) for pragma in pragmas)
    patch.setattr(store.connections, "_WRITER", pragmas)


def search(path: Path, disk: Disk, steps: int, *, sessions: int = 1) -> None:
    """A lab made and a run worked on in so many sessions, each stored step acknowledged."""
    for session in range(1, sessions + 1):
        with Lab.open(path) as lab:
            run = lab.run("last") if lab.runs() else lab.create_run(new_run())
            for progress in work(lab, run.id, steps * session // sessions):
                disk.acknowledge(progress.step)


@dataclass(frozen=True)
class Whole:
    """What the run comes to when nothing happens: by step, and in the end."""

    points: list[object]
    fingerprint: str


def whole(folder: Path, steps: int) -> Whole:
    with Lab.open(folder / "whole.db") as lab:
        list(work(lab, lab.create_run(new_run()).id, steps))
        return Whole(list(lab.points(1)), fingerprint(lab, 1))


def damage(path: Path) -> list[str]:
    """What SQLite itself finds wrong."""
    with closing(sqlite3.connect(path)) as raw:
        said = [row[0] for row in raw.execute("PRAGMA integrity_check")]
        return [line for line in said if line != "ok"] + [str(row) for row in raw.execute("PRAGMA foreign_key_check")]


def left_behind(path: Path, wanted: Whole) -> int:
    """The steps that are there, all of them whole; 0 where the run itself is not."""
    with Lab.open(path) as lab:
        steps = assert_consistent(lab, 1) if lab.runs() else 0
        assert lab.points(1) == wanted.points[: len(lab.points(1))]
    assert damage(path) == []
    return steps


def cuts(disk: Disk, folder: Path) -> list[tuple[Path, int]]:
    """Labs as so many power cuts left them, each with the last step that was acknowledged before."""
    rng = random.Random(11)
    found = []
    for number in range(CUTS):
        (folder / str(number)).mkdir(parents=True)
        acknowledged = disk.cut(rng.randrange(len(disk.events) + 1), rng, folder / str(number))
        found.append((folder / str(number) / "lab.db", acknowledged))
    return found


@pytest.fixture
def cut_off(tmp_path: Path, monkeypatch: Patch) -> Callable[[str], list[tuple[Path, int]]]:
    """Power cuts all through a search in three sessions."""

    def make(synchronous: str) -> list[tuple[Path, int]]:
        disk, folder = Disk(), tmp_path / synchronous
        folder.mkdir()
        with monkeypatch.context() as patch:
            on(disk, patch, synchronous=synchronous)
            search(folder / "lab.db", disk, STEPS, sessions=3)
        kinds = {(what, name) for what, name, *_ in disk.events}
        assert {("sync", "lab.db"), ("write", "lab.db-wal"), ("delete", "lab.db-wal")} <= kinds
        return cuts(disk, folder)

    return make


@pytest.mark.slow
def test_no_power_cut_damages_a_lab_or_loses_what_was_acknowledged(cut_off, tmp_path: Path) -> None:
    wanted, seen = whole(tmp_path, STEPS), set()
    for number, (path, acknowledged) in enumerate(cut_off("FULL")):
        steps = left_behind(path, wanted)
        assert acknowledged <= steps <= acknowledged + 1, f"cut {number}"
        seen.add(steps)
        if number % 10 == 0:
            with Lab.open(path) as lab:
                run = lab.run(1) if lab.runs() else lab.create_run(new_run())
                list(work(lab, run.id, STEPS))
                assert fingerprint(lab, 1) == wanted.fingerprint
    assert len(seen) > STEPS // 2, "the cuts fell all through the run"


def test_the_same_cuts_find_what_fewer_syncs_would_lose(cut_off) -> None:
    """Otherwise the test above could not fail."""
    lost = 0
    for path, acknowledged in cut_off("NORMAL")[::4]:
        with Lab.open(path) as lab:
            lost += acknowledged > (lab.run(1).steps if lab.runs() else 0)
    assert lost > 5


def failing(disk: Disk, nth: int, codes: tuple[int, ...], *, for_good: bool) -> None:
    """The n-th change of the disk fails, or all from there on; with each of these errors in turn."""

    def refuses(number: int) -> int | None:
        return codes[nth % len(codes)] if number == nth or (for_good and number > nth) else None

    disk.refuses = refuses


def refusal(path: Path, disk: Disk) -> StoreError | None:
    """What a short search says when the disk does not obey; None where the store could do without."""
    try:
        search(path, disk, FEW)
    except StoreError as error:
        return error
    return None


REFUSALS = {
    "fails": (apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_FSYNC),
    "is full": (apsw.SQLITE_FULL,),
}


@pytest.mark.slow
@pytest.mark.parametrize(("for_good", "stride"), [(False, 1), (True, 3)], ids=["once", "for good"])
@pytest.mark.parametrize("how", REFUSALS)
def test_whichever_write_fails_the_error_is_clear_and_the_run_goes_on(
    how: str, for_good: bool, stride: int, tmp_path: Path, monkeypatch: Patch
) -> None:
    wanted = whole(tmp_path, FEW)
    refused = tried = 0
    for nth in count(1, stride):
        tried += 1
        disk = Disk()
        failing(disk, nth, REFUSALS[how], for_good=for_good)
        (tmp_path / str(nth)).mkdir()
        path = tmp_path / str(nth) / "lab.db"
        with monkeypatch.context() as patch:
            on(disk, patch)
            error = refusal(path, disk)
        if error is not None:
            refused += 1
            assert isinstance(error, FullDiskError), f"change {nth}: {error}"
            assert str(path) in str(error)
            assert "\n" not in str(error)
        acknowledged = max((step for what, _, step, _ in disk.events if what == "acknowledge"), default=0)
        assert acknowledged <= left_behind(path, wanted) <= acknowledged + 1, f"change {nth}"
        with Lab.open(path) as lab:
            run = lab.run(1) if lab.runs() else lab.create_run(new_run())
            list(work(lab, run.id, FEW))
            assert fingerprint(lab, 1) == wanted.fingerprint, f"change {nth}"
        if disk.changes < nth:
            break
    assert tried > 60 / stride
    assert refused > tried / 2


def test_a_lab_that_cannot_be_made_for_want_of_space_can_be_made_later(tmp_path: Path, monkeypatch: Patch) -> None:
    disk = Disk()
    failing(disk, 5, REFUSALS["is full"], for_good=True)
    with monkeypatch.context() as patch:
        on(disk, patch)
        with pytest.raises(LabError, match="make space"):
            Lab.open(tmp_path / "lab.db")
    with Lab.open(tmp_path / "lab.db") as lab:
        assert lab.create_run(new_run()).id == 1
