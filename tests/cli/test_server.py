"""`dse` with its lab on a PostgreSQL server does what it does with a file."""

from __future__ import annotations

import json
from pathlib import Path

from store.database import Lab
from tests.cli.conftest import Dse
from tests.postgres import Server

ASKED = ("--arch", "eyeriss_like", "--workload", "alexnet", "--layer", "conv2", "--search", "uniform", "--seed", "3")


def points(place: str | Path) -> list[tuple[object, ...]]:
    """What a run has found, but for what was known before."""
    with Lab.open(place, create=False, readonly=True) as lab:
        return [tuple(point) for point in lab.points(lab.run("last").id)]


def test_a_run_is_begun_looked_at_and_taken_away(dse: Dse, postgres: Server, tmp_path: Path) -> None:
    url = postgres.database()
    done = dse("run", *ASKED, "--budget", "12", "--jobs", "1", DSE_DB=url)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(dse("runs", "--json", "--db", url).stdout)
    assert row["status"] == "done"
    for command in (
        ["front", "1"],
        ["show", "1"],
        ["resume", "1"],
        ["db", "stats"],
        ["db", "verify"],
        ["db", "vacuum"],
    ):
        looked = dse(*command, "--json", DSE_DB=url)
        assert (looked.returncode, bool(looked.stdout)) == (0, True), looked.stderr
    assert "PostgreSQL" in dse("doctor", DSE_DB=url).stdout
    assert dse("db", "backup", "copy.db", DSE_DB=url).returncode == 0
    assert points(tmp_path / "copy.db") == points(url)
    assert dse("db", "export", "all.jsonl", DSE_DB=url).returncode == 0
    brought = dse("db", "import", "all.jsonl", "--json", DSE_DB=postgres.database())
    assert json.loads(brought.stdout)["runs"] == 1
    assert json.loads(dse("db", "merge", url, "--json", "--db", "copy.db").stdout)["known"] == 1


def test_no_password_is_shown_and_what_is_wrong_is_one_line(dse: Dse) -> None:
    done = dse("runs", "--db", "postgresql://me:geheim@127.0.0.1:1/lab")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "does not answer" in done.stderr
    assert "geheim" not in done.stderr
