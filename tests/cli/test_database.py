"""Owns the promise that the lab outlives its machine: merged, backed up, verified, counted, tidied from the shell."""

import json
import os
import pty
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from store.database import Lab
from tests.cli.conftest import SCRIPT, Dse, environment

TASK = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8", "--sim", "factors=1", "--budget", "8")


def search(dse: Dse, *options: str) -> None:
    done = dse("run", *TASK, "--search", "anneal", *options)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def labs(dse: Dse) -> Dse:
    """Two labs with a run each: the own one, and other.db."""
    search(dse, "--search", "uniform", "--seed", "1")
    search(dse, "--search", "uniform", "--seed", "2", "--db", "other.db")
    return dse


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(statement)


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    line = done.stderr.splitlines()[-1]
    assert line.startswith("dse: ")
    for word in words:
        assert word in line


def test_a_merged_lab_knows_both_and_a_second_merge_brings_nothing(labs: Dse):
    merged = json.loads(labs("db", "merge", "other.db", "--json").stdout)
    assert (merged["runs"], merged["points"], merged["differing"]) == (1, 8, 0)
    assert merged["evaluations"] > 0
    assert "0 new, 0 gone on with, 1 known" in labs("db", "merge", "other.db").stdout
    assert [run["seed"] for run in json.loads(labs("runs", "--json").stdout)] == [2, 1]
    assert labs("db", "verify").stdout == "The lab is sound.\n"
    again = labs("run", *TASK, "--search", "uniform", "--seed", "2", "--json")
    assert json.loads(labs("show", "last", "--json").stdout)["evaluations"] == 0, again.stderr


def test_a_merge_makes_a_lab_where_there_is_none(labs: Dse, tmp_path: Path):
    assert labs("db", "merge", "other.db", "--db", "new.db").returncode == 0
    assert len(json.loads(labs("runs", "--db", "new.db", "--json").stdout)) == 1
    refused(labs("db", "merge", "nothing.db", "--db", "newer.db"), "nothing.db does not exist")
    assert not (tmp_path / "newer.db").exists()


def test_what_cannot_be_merged_is_one_line(labs: Dse, tmp_path: Path):
    (tmp_path / "text.db").write_text("a text\n" * 200)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.db").touch()
    change(tmp_path / "foreign.db", "CREATE TABLE trials (x)")
    for other, says in (
        ("lab.db", "the lab itself"),
        ("text.db", "not a lab database"),
        ("folder", "is a directory"),
        ("empty.db", "is empty"),
        ("foreign.db", "of another program"),
        ("x" * 300, "too long"),
    ):
        refused(labs("db", "merge", other), says)
    change(tmp_path / "other.db", "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END")
    refused(labs("db", "merge", "other.db"), "triggers or views (t)", "tampered with")
    assert len(json.loads(labs("runs", "--json").stdout)) == 1


def test_a_backup_is_whole_and_never_written_over_a_file(labs: Dse, tmp_path: Path):
    assert labs("db", "backup", "copy.db").returncode == 0
    before = (tmp_path / "copy.db").read_bytes()
    with Lab.open(tmp_path / "copy.db", readonly=True) as copy, Lab.open(tmp_path / "lab.db", readonly=True) as lab:
        assert copy.run(1) == lab.run(1)
        assert copy.points(1) == lab.points(1)
    refused(labs("db", "backup", "copy.db"), "copy.db exists already")
    assert (tmp_path / "copy.db").read_bytes() == before
    (tmp_path / "link.db").symlink_to("nowhere.db")
    refused(labs("db", "backup", "link.db"), "exists already")
    refused(labs("db", "backup", "nowhere/copy.db"), "nowhere is no folder")
    refused(labs("db", "backup", "x" * 300), "too long")
    refused(labs("db", "backup", "new.db", "--db", "nothing.db"), "nothing.db")
    assert not list(tmp_path.glob(".*.part"))
    assert not (tmp_path / "new.db").exists()


def test_what_is_exported_is_imported_elsewhere(dse: Dse, tmp_path: Path):
    search(dse, "--search", "uniform", "--seed", "1")
    for options in (("x.jsonl", "--run", "1"), ("x.csv", "--task", "last")):
        done = dse("db", "export", *options)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    piped = dse("db", "export", "-", "--format", "csv", "--context", "1")
    assert len(piped.stdout.splitlines()) == len((tmp_path / "x.csv").read_text().splitlines()) == 9
    known = [json.loads(dse("db", "import", file, "--db", "new.db", "--json").stdout) for file in ("x.csv", "x.jsonl")]
    assert [(brought["evaluations"] > 0, brought["runs"]) for brought in known] == [(True, 0), (False, 1)]
    assert "0 new, 0 gone on with, 1 known" in dse("db", "import", "x.jsonl", "--db", "new.db").stdout
    dse("run", *TASK, "--search", "uniform", "--seed", "1", "--db", "new.db")
    assert json.loads(dse("show", "last", "--db", "new.db", "--json").stdout)["evaluations"] == 0
    header = (tmp_path / "x.csv").read_text().splitlines()[0].split(",")
    assert {"run", "seq", "axis.act_sram_bits", "design.energy_pj", "latency_cycles"} <= set(header)


def test_what_cannot_be_exported_or_imported_is_one_line(dse: Dse, tmp_path: Path):
    Lab.open(tmp_path / "lab.db").close()
    (tmp_path / "bad.jsonl").write_text('{"format":"dse lab","version":1,"schema":1,"rows":{}}\n{"table":"runs"}\n')
    (tmp_path / "folder").mkdir()
    for arguments, says in (
        (("export", "bad.jsonl"), "bad.jsonl exists already"),
        (("export", "x.txt"), "Nothing says in which form x.txt shall be"),
        (("export", "-", "--format", "parquet"), "Parquet is no text"),
        (("export", "x.csv", "--run", "1", "--context", "1"), "exclude each other"),
        (("export", "x.csv", "--run", "7"), "There is no run '7'"),
        (("import", "bad.jsonl", "--db", "new.db"), "bad.jsonl, line 2: a lab has no table 'runs'"),
        (("import", "folder", "--db", "new.db"), "folder is no ordinary file"),
        (("import", "lab.db", "--db", "new.db"), "'dse db merge' takes over a lab"),
    ):
        refused(dse("db", *arguments), says)
    assert not (tmp_path / "x.csv").exists()
    assert not (tmp_path / "new.db").exists()


def test_verify_tells_what_is_wrong_and_ends_with_1(labs: Dse, tmp_path: Path):
    change(tmp_path / "lab.db", "UPDATE checkpoint SET state = x'80049500'")
    done = labs("db", "verify")
    assert done.returncode == 1
    assert "checkpoint  run_id 1" in done.stdout
    assert "1 problem" in done.stderr
    told = json.loads(labs("db", "verify", "--json").stdout)
    assert (told["sound"], [(p["table"], p["key"]) for p in told["problems"]]) == (False, [("checkpoint", "run_id 1")])
    os.truncate(tmp_path / "other.db", 5000)
    done = labs("db", "verify", "--db", "other.db")
    assert done.returncode == 1
    assert "is damaged" in done.stdout
    refused(labs("db", "verify", "--db", "nothing.db"), "nothing.db")


def test_statistics_count_what_there_is(labs: Dse):
    labs("db", "merge", "other.db")
    labs("run", *TASK, "--search", "uniform", "--seed", "2")
    told = json.loads(labs("db", "stats", "--json").stdout)
    rows = {table["name"]: table["rows"] for table in told["tables"]}
    assert (rows["run"], rows["point"], rows["context"]) == (3, 24, 1)
    assert all(table["size"] > 0 for table in told["tables"] if table["rows"])
    (simulator,) = told["simulators"]
    assert simulator["evaluations"] == rows["evaluation"] == told["contexts"][0]["evaluations"]
    assert simulator["hit_rate"] == pytest.approx(8 / 24)
    shown = labs("db", "stats").stdout
    assert "33.3%" in shown
    assert "evaluation_detail" in shown


def test_vacuum_gives_space_back_and_waits_for_no_run(labs: Dse, tmp_path: Path):
    change(tmp_path / "lab.db", "UPDATE run SET note = hex(zeroblob(100000))")
    assert labs("runs", "rm", "1", "--yes").returncode == 0
    sizes = json.loads(labs("db", "vacuum", "--json").stdout)
    assert sizes["bytes"] == (tmp_path / "lab.db").stat().st_size < sizes["bytes_before"]
    assert labs("db", "verify").returncode == 0
    with Lab.open(tmp_path / "other.db") as lab:
        lab.claim(1)
        refused(labs("db", "vacuum", "--db", "other.db"), "Run 1 would have to wait")


def test_the_bare_group_shows_its_help(dse: Dse):
    assert dse("db").stdout.strip() == dse("db", "--help").stdout.strip()
    assert "merge" in dse("db").stdout


def test_removing_a_run_shows_what_depends_on_it(labs: Dse, tmp_path: Path):
    learn = ("--search", "transfer", "--from", "1", "-s", "epochs=1")
    search(labs, *learn, "--seed", "3", "--budget", "4")
    trained = labs("train", "1", "-s", "epochs=1", "-s", "folds=0", "-s", "allocate_epochs=1")
    assert trained.returncode == 0, trained.stderr
    change(tmp_path / "lab.db", "UPDATE run SET status = 'paused' WHERE id = 2")
    asked = labs("runs", "rm", "1")
    refused(asked, "give --yes", "Nothing was removed")
    assert "run 2 learns from it" in asked.stderr
    assert "without it, run 2 cannot be resumed" in asked.stderr
    assert "source model 1 learnt from it, and stay" in asked.stderr
    assert len(json.loads(labs("runs", "--json").stdout)) == 2
    together = labs("runs", "rm", "1", "2", "-y")
    assert together.returncode == 0
    assert "learns from it" not in together.stderr
    assert json.loads(labs("runs", "--json").stdout) == []
    assert labs("db", "verify").returncode == 0
    search(labs, "--search", "uniform", "--seed", "1")
    assert json.loads(labs("show", "last", "--json").stdout)["evaluations"] == 0, "what was simulated stays known"


def test_a_run_at_work_is_not_removed_nor_any_other_with_it(labs: Dse, tmp_path: Path):
    labs("db", "merge", "other.db")
    with Lab.open(tmp_path / "lab.db") as lab:
        lab.claim(2)
        refused(labs("runs", "rm", "1", "2", "--yes"), "Run 2 is being worked on by process")
        assert [run.id for run in lab.runs()] == [2, 1]


def test_removing_asks_on_a_terminal(labs: Dse, tmp_path: Path):
    for answer, left in ((b"n\n", 1), (b"y\n", 0)):
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        command = [str(SCRIPT), "runs", "rm", "1"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(tmp_path), stdin=theirs, capture_output=True, text=True, check=True
        )
        os.close(theirs)
        os.close(ours)
        assert "Remove it for good? [y/N]" in done.stderr
        assert len(json.loads(labs("runs", "--json").stdout)) == left


def test_what_cannot_be_removed_is_one_line(labs: Dse):
    refused(labs("runs", "rm", "7", "--yes"), "There is no run '7'")
    refused(labs("runs", "rm", "1", "7", "--yes"), "There is no run '7'")
    refused(labs("runs", "rm"), "RUN", "dse runs rm --help")
    refused(labs("runs", "--json", "rm", "1", "--yes"), "belong to the list")
    refused(labs("runs", "mr", "1"), "'mr'")
    assert labs("runs", "--db", "other.db", "rm", "1", "--yes").returncode == 0
    assert json.loads(labs("runs", "--db", "other.db", "--json").stdout) == []
    assert len(json.loads(labs("runs", "--json").stdout)) == 1


HOSTILE = ("[red]x[/]", "\u202eright", "\U0001f600\u200d", "\x9b31m", "x" * 64)


def test_tags_and_notes_show_as_they_are_whatever_they_hold(dse: Dse, tmp_path: Path):
    note = "[bold]a[/] \x1b[31mred\n\u202eright \U0001f600 " + "x" * 10_000
    search(dse, "--search", "uniform", "--note", note)
    assert dse("tag", "1", *HOSTILE).returncode == 0
    assert [run["id"] for run in json.loads(dse("runs", "--tag", HOSTILE[1], "--json").stdout)] == [1]
    told = json.loads(dse("show", "1", "--json").stdout)
    assert (sorted(told["tags"]), told["note"]) == (sorted(HOSTILE), note)
    shown = dse("show", "1").stdout
    assert "[red]x[/]" in shown
    assert "[bold]a[/] \\x1b[31mred" in shown
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
    for word in ("\x1b[31m", "a\nb", "x" * 10_000):
        refused(dse("tag", "1", word), "A tag is one word")
    assert (
        dse("runs", "--tag", "[none]", "--status", "done").stdout
        == "There are no runs that are done with the tag [none].\n"
    )
