"""What `Lab.open` makes of a path: a lab, or one clear line."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from store.database import Lab
from store.errors import (
    DamagedLabError,
    LockedLabError,
    MissingLabError,
    NetworkFolderError,
    NewerLabError,
    NotALabError,
    ReadOnlyLabError,
)
from store.migrations import SCHEMA
from store.place import check_place, file_system
from tests.store.conftest import ROOT, file_of
from tests.store.toy_run import new_run, work


def settings(lab: Lab, *, writing: bool) -> dict[str, object]:
    engine = lab._writing if writing else lab._reading
    assert engine is not None
    names = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "query_only", "busy_timeout")
    with engine.connect() as connection:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}


def test_a_new_lab_says_what_it_is_and_is_safe_against_power_cuts(lab: Lab) -> None:
    path = file_of(lab)
    common = {"journal_mode": "wal", "foreign_keys": 1, "trusted_schema": 0, "busy_timeout": 30000}
    assert settings(lab, writing=True) == {**common, "synchronous": 2, "query_only": 0}
    assert settings(lab, writing=False) == {**common, "synchronous": 2, "query_only": 1}
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA application_id").fetchone()[0].to_bytes(4, "big") == b"DSEW"
        assert raw.execute("PRAGMA user_version").fetchone() == (SCHEMA.version,)


def test_a_path_with_odd_characters_is_taken_by_the_letter(tmp_path: Path) -> None:
    path = tmp_path / "50% of #1? é.db"
    Lab.open(path).close()
    assert [place.name for place in tmp_path.iterdir()] == [path.name]
    Lab.open(str(path), readonly=True).close()


def test_an_empty_file_becomes_a_lab_only_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    path.touch()
    for refused in ({"readonly": True}, {"create": False}):
        with pytest.raises(NotALabError, match=r"lab\.db is empty"):
            Lab.open(path, **refused)
    with Lab.open(path) as lab:
        assert lab.runs() == []


def make_text(path: Path) -> None:
    path.write_text("latency,energy\n" * 100)


def make_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE trials (x)")


def make_stranger(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA application_id = 77")


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (Path.mkdir, NotALabError, "is a directory"),
        (make_text, NotALabError, "not a lab database, nor any SQLite file"),
        (make_foreign, NotALabError, "another program .*tables: trials"),
        (make_stranger, NotALabError, "another program .*0x4d"),
        (os.mkfifo, NotALabError, "no ordinary file"),
    ],
)
def test_what_is_no_lab_is_refused_in_one_line_and_left_alone(tmp_path, make, kind, says, readonly) -> None:
    path = tmp_path / "x.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(kind, match=says) as caught:
        Lab.open(path, readonly=readonly)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert before == (path.read_bytes() if path.is_file() else None)


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("left", [16, 50, 100, 511, 512, 600, 4096, 5000, 8192, -8192, -4096, -1])
def test_a_lab_cut_off_anywhere_is_called_damaged_and_left_alone(lab: Lab, left: int, readonly: bool) -> None:
    list(work(lab, lab.create_run(new_run()).id, 5))
    lab.close()
    os.truncate(file_of(lab), left if left > 0 else file_of(lab).stat().st_size + left)
    before = file_of(lab).read_bytes()
    with pytest.raises(DamagedLabError, match=r"lab\.db is damaged"):
        Lab.open(lab.path, readonly=readonly)
    assert file_of(lab).read_bytes() == before


def test_a_path_without_a_folder_or_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingLabError, match="nowhere is no folder"):
        Lab.open(tmp_path / "nowhere" / "lab.db")
    for refused in ({"readonly": True}, {"create": False}):
        with pytest.raises(MissingLabError, match="does not exist"):
            Lab.open(tmp_path / "lab.db", **refused)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_lab_can_be_read_but_not_written(lab: Lab) -> None:
    run = lab.create_run(new_run())
    lab.close()
    with closing(sqlite3.connect(file_of(lab))) as raw:
        raw.execute("PRAGMA user_version = 9")
    with pytest.raises(
        NewerLabError, match=f"schema 9, this program knows {SCHEMA.version}: update the program, or open"
    ):
        Lab.open(lab.path)
    with Lab.open(lab.path, readonly=True) as newer:
        assert newer.run("last") == run


def test_a_lab_open_for_reading_refuses_to_write(lab: Lab) -> None:
    with Lab.open(lab.path, readonly=True) as reading, pytest.raises(ReadOnlyLabError, match="for reading only"):
        reading.create_run(new_run())


@pytest.fixture
def sealed() -> Iterator[Path]:
    """A folder of everybody's: pytest's are their owner's alone."""
    with TemporaryDirectory() as name:
        yield Path(name)
        Path(name).chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs POSIX permissions")
def test_read_only_files_and_folders_are_read_and_refuse_writers(sealed: Path) -> None:
    """As somebody else than root, for whom nothing is read-only."""
    folder = sealed
    with Lab.open(folder / "lab.db") as lab:
        lab.create_run(new_run())
    script = """
import os, sys
from store.database import Lab
from store.errors import ReadOnlyLabError
path, new = sys.argv[1:]
with Lab.open(path, readonly=True) as lab:
    lab.runs()  # loads what is loaded late, while we may
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
with Lab.open(path, readonly=True) as lab:
    print(len(lab.runs()))
for place in (path, new):
    try:
        Lab.open(place)
    except ReadOnlyLabError as error:
        print(error)
"""
    (folder / "lab.db").chmod(0o444)
    folder.chmod(0o555)
    command = [sys.executable, "-c", script, str(folder / "lab.db"), str(folder / "new.db")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    number, existing, new = done.stdout.splitlines()
    assert number == "1"
    assert "lab.db cannot be written" in existing
    assert "new.db cannot be made" in new


def test_a_lab_that_another_process_keeps_locked_is_given_up_in_one_line(lab: Lab) -> None:
    with closing(sqlite3.connect(file_of(lab), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Lab.open(lab.path, busy_seconds=0.1) as waiting:
            with pytest.raises(LockedLabError, match="another process has been writing for too long"):
                waiting.create_run(new_run())
            assert waiting.runs() == []
            other.execute("ROLLBACK")
            assert waiting.create_run(new_run()).id == 1


def test_closing_waits_for_no_other_writer(lab: Lab) -> None:
    """The lab would wait thirty seconds for its turn to write."""
    with closing(sqlite3.connect(file_of(lab), isolation_level=None)) as other:
        lab.create_run(new_run())
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        lab.close()
        assert time.monotonic() - begun < 10
        other.execute("ROLLBACK")
    with Lab.open(lab.path) as again:
        assert len(again.runs()) == 1


def test_a_copy_in_one_piece_opens_as_a_lab(lab: Lab, tmp_path: Path) -> None:
    run = lab.create_run(new_run())
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(file_of(lab))) as raw:
        raw.execute("VACUUM INTO ?", (str(copy),))
    with Lab.open(copy, readonly=True) as reading:
        assert reading.run("last") == run
    with Lab.open(copy) as writing:
        assert settings(writing, writing=True)["journal_mode"] == "wal"


MOUNTS = r"""
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
tmpfs /home/local tmpfs rw 0 0
//nas/a /mnt/my\040lab cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv/x", "ext4"), ("/home/me/x", "nfs4"), ("/home/local/x", "tmpfs"), ("/mnt/my lab/x", "cifs")],
)
def test_the_file_system_of_a_path_is_that_of_its_nearest_mount(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind


def test_a_network_file_system_is_refused_for_writing(tmp_path: Path) -> None:
    mounts = f"x / ext4 rw 0 0\ny {tmp_path} nfs rw 0 0\n"
    with pytest.raises(NetworkFolderError, match=r"network file system \(nfs\)"):
        check_place(tmp_path / "lab.db", create=True, readonly=False, mounts=mounts)
    Lab.open(tmp_path / "lab.db").close()
    check_place(tmp_path / "lab.db", create=False, readonly=True, mounts=mounts)


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize(
    "program",
    [
        "CREATE TRIGGER gift AFTER INSERT ON run BEGIN DELETE FROM evaluation; END",
        "CREATE VIEW gift AS SELECT * FROM run",
    ],
)
def test_a_lab_into_which_a_stranger_put_a_program_is_not_opened(lab: Lab, program: str, readonly: bool) -> None:
    lab.close()
    with closing(sqlite3.connect(file_of(lab))) as raw:
        raw.execute(program)
    with pytest.raises(NotALabError, match=r"triggers or views \(gift\)"):
        Lab.open(lab.path, readonly=readonly)


def test_many_processes_may_create_the_same_lab_at_once(tmp_path: Path) -> None:
    script = "import sys; from store.database import Lab; Lab.open(sys.argv[1]).close()"
    command = [sys.executable, "-c", script, str(tmp_path / "lab.db")]
    started = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in started:
        _, errors = process.communicate()
        assert process.returncode == 0, errors


def test_a_lab_with_a_missing_table_is_called_damaged(lab: Lab, tmp_path: Path) -> None:
    lab.close()
    copy = shutil.copy(file_of(lab), tmp_path / "copy.db")
    with closing(sqlite3.connect(copy)) as raw:
        raw.execute("DROP TABLE run")
    with Lab.open(copy) as broken, pytest.raises(DamagedLabError, match="no such table: run"):
        broken.runs()
