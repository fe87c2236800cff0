"""Disks that are full or sealed, and files that are no lab, as the user of the program meets them: one clear line."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.crash import faults, kept
from store.connections import _WRITER
from store.database import Lab
from store.errors import FullDiskError
from tests.cli.conftest import SCRIPT, environment
from tests.store.conftest import file_of
from tests.store.test_crash import assert_consistent
from tests.store.toy_run import fingerprint, new_run, work

TASK = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8", "--sim", "factors=1", "--seed", "3")
RUN = ("run", *TASK, "--search", "anneal", "--budget", "200")
STEPS = 160


def dse(folder: Path, *arguments: str, limit_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
    """The program in this folder; no file that it writes may grow above the limit."""

    def limit() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return subprocess.run(
        [SCRIPT, *arguments],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=limit,
    )


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2, and the last line says why."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("dse: ")
    assert [word for word in words if word not in last] == []
    assert sum(line.startswith("dse: ") for line in done.stderr.splitlines()) == 1


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The run on a disk with space enough."""
    (tmp_path / "whole").mkdir()
    assert dse(tmp_path / "whole", *RUN).returncode == 0
    return tmp_path / "whole" / "lab.db"


def assert_stopped_and_goes_on(db: Path, whole: Path, make_space: Callable[[], object]) -> None:
    """What is stored is whole, the run counts as interrupted, and ends as if nothing had happened."""
    assert faults(db) == []
    with Lab.open(db, readonly=True) as lab:
        run = lab.run("last")
        assert lab.live_status(run) == "interrupted"
        assert 0 < run.points < 200
    make_space()
    resumed = dse(db.parent, "resume", "last")
    assert resumed.returncode == 0, resumed.stderr
    assert kept(db) == kept(whole)


def test_a_file_that_may_not_grow_stops_the_run_in_one_line_and_it_can_go_on(tmp_path: Path, whole: Path) -> None:
    stopped = dse(tmp_path, *RUN, limit_bytes=1_000_000)
    refused(stopped, "lab.db", "check its disk", "all stored steps are safe")
    assert "To go on: dse resume 1" in stopped.stderr
    assert_stopped_and_goes_on(tmp_path / "lab.db", whole, lambda: None)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte and a half, where we may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1500k", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True, capture_output=True)


def test_a_full_disk_stops_the_run_in_one_line_and_it_goes_on_when_there_is_space(
    small_disk: Path, whole: Path
) -> None:
    refused(dse(small_disk, *RUN), "lab.db", "make space on its disk", "all stored steps are safe")
    again = dse(small_disk, "resume", "last")
    refused(again, "lab.db", "all stored steps are safe")
    assert_stopped_and_goes_on(small_disk / "lab.db", whole, lambda: remount(small_disk, "size=64m"))


def test_a_sealed_disk_can_be_read_and_refuses_a_run_in_one_line(small_disk: Path) -> None:
    assert dse(small_disk, "run", *TASK, "--search", "anneal", "--budget", "4").returncode == 0
    remount(small_disk, "ro")
    refused(
        dse(small_disk, "run", *TASK, "--search", "anneal", "--budget", "4"), "lab.db cannot be written", "read-only"
    )
    refused(
        dse(small_disk, "run", *TASK, "--search", "anneal", "--db", "new.db"),
        "new.db cannot be made",
        "cannot be written",
    )
    refused(dse(small_disk, "resume", "1"), "lab.db cannot be written")
    listed = dse(small_disk, "runs", "--csv")
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 2), listed.stderr


def pages_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("PRAGMA page_count").fetchone()[0])


def test_a_database_that_may_not_grow_keeps_whole_steps_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab.open(tmp_path / "whole.db") as wanted:
        list(work(wanted, wanted.create_run(new_run()).id, STEPS))
        expected = fingerprint(wanted, 1)
    path, stored = tmp_path / "lab.db", 0
    with Lab.open(path) as lab:
        run = lab.create_run(new_run()).id
    least, most = pages_of(path), pages_of(file_of(wanted))
    assert most > least + 20
    for pages in range(least + 1, most, (most - least) // 5):
        with monkeypatch.context() as patch:
            patch.setattr("store.connections._WRITER", (*_WRITER, f"PRAGMA max_page_count = {pages}"))
            with Lab.open(path) as lab:
                with pytest.raises(FullDiskError, match=r"lab\.db cannot grow: make space"):
                    list(work(lab, run, STEPS))
                assert assert_consistent(lab, run) >= stored
                stored = lab.run(run).steps
    assert 0 < stored < STEPS
    with Lab.open(path) as lab:
        list(work(lab, run, STEPS))
        assert fingerprint(lab, run) == expected
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def cut_off(path: Path) -> None:
    os.truncate(path, 5000)


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE trials (x)")


def of_later(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 99")


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"no database any more")


@pytest.mark.parametrize(
    "command", [("run", *TASK, "--search", "anneal", "--budget", "4"), ("resume", "1"), ("runs",), ("show", "1")]
)
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (cut_off, "is damaged"),
        (of_another_program, "another program"),
        (overwritten, "is not a lab database"),
        (of_later, "update the program"),
    ],
)
def test_what_is_no_sound_lab_is_one_line_for_every_command(
    tmp_path: Path, harm: Callable[[Path], None], says: str, command: tuple[str, ...]
) -> None:
    path = tmp_path / "lab.db"
    Lab.open(path).close()
    harm(path)
    before = path.read_bytes()
    done = dse(tmp_path, *command)
    if harm is of_later and command[0] == "runs":
        assert (done.returncode, done.stderr) == (0, "")
    else:
        refused(done, *(("run '1'",) if harm is of_later and command[0] == "show" else ("lab.db", says)))
        assert len(done.stderr.splitlines()) == 1
    assert path.read_bytes() == before
