"""Owns the promise that `dse doctor` says what threatens a lab, and loads nothing heavy to find out."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from store.database import Lab
from tests.cli.conftest import Dse
from workbench.cli import doctorview


def findings(dse: Dse, *options: str) -> dict[str, dict[str, str]]:
    return {each["name"]: each for each in json.loads(dse("doctor", "--json", *options).stdout)["findings"]}


def test_versions_extras_and_simulators_are_told(dse: Dse):
    found = findings(dse)
    assert sqlite3.sqlite_version in found["sqlite"]["what"]
    assert found["torch"]["state"] == "ok"
    for name in ("python", "program", "extra fast", "extra onnx", "simulator zigzag", "simulator scalesim", "disk"):
        assert name in found
    shown = dse("doctor")
    assert shown.returncode == 0
    assert "none at" in shown.stdout


@pytest.mark.parametrize(
    ("number", "state"),
    [("3.6.23", "ok"), ("3.7.0", "warning"), ("3.51.2", "warning"), ("3.51.3", "ok"), ("3.53.0", "ok")],
)
def test_an_sqlite_that_may_damage_a_lab_is_told(number: str, state: str):
    assert doctorview.sqlite_finding(number).state == state


def test_a_lab_is_told_with_its_schema(dse: Dse, tmp_path: Path):
    path = tmp_path / "lab.db"
    Lab.open(path).close()
    assert findings(dse)["lab"]["state"] == "ok"
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 99")
    assert "a newer program wrote it" in findings(dse)["lab"]["what"]
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 1")
    assert (findings(dse)["lab"]["state"], dse("doctor").returncode) == ("warning", 0)
    os.truncate(path, 600)
    broken = dse("doctor")
    assert broken.returncode == 1
    assert "is damaged" in broken.stdout
    path.unlink()
    path.mkdir()
    assert dse("doctor").returncode == 1


def test_little_space_and_a_network_folder_are_told(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(doctorview, "LOW_BYTES", 1 << 62)
    monkeypatch.setattr("store.place._mounts", lambda: f"server:/x {tmp_path} nfs4 rw 0 0\n")
    found = {each.name: each for each in doctorview.lab_findings(tmp_path / "lab.db")}
    assert found["disk"].state == "warning"
    assert found["folder"].state == "wrong"
    assert "nfs4" in found["folder"].what


def test_nothing_heavy_is_loaded_to_find_out(tmp_path: Path):
    code = f"""
import sys
from pathlib import Path
from workbench.cli.doctorview import findings
list(findings(Path({str(tmp_path / "lab.db")!r})))
print(*sorted({{"torch", "textual", "sklearn", "zigzag", "scalesim"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
