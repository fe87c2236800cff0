"""The tables as queries name them are the tables as they are made, and without need nobody loads what makes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import TableClause

from store import names
from store.database import Lab
from store.tables import Base

NAMED = [value for value in vars(names).values() if isinstance(value, TableClause)]


@pytest.mark.parametrize("named", NAMED, ids=lambda named: named.name)
def test_a_table_is_named_as_it_is_made(named: TableClause):
    made = Base.metadata.tables[named.name]
    types = [(column.name, type(column.type)) for column in named.columns]
    assert types == [(column.name, type(column.type)) for column in made.columns]


def test_a_lab_is_read_written_and_asked_without_what_makes_its_tables(tmp_path: Path):
    Lab.open(tmp_path / "lab.db").close()
    script = """
import sys
from store.database import Lab
from store.filtering import Column
from store.pages import Window
with Lab.open(sys.argv[1]) as lab:
    lab.keep([], [])
    lab.run_page(Window(by=Column("id")))
    lab.model_heads()
    lab.accuracies()
print(*sorted({"sqlmodel", "sqlalchemy.orm", "store.tables"} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "lab.db"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
