"""Owns the promise that `dse --help` is quick, and that a foreign `store` or `models` is named, not suffered."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import workbench

CHECKOUT = Path(__file__).resolve().parents[1]


def python(code: str, cwd: Path, *first_on_path: Path) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that finds the checkout, after the given folders."""
    path = os.pathsep.join(map(str, (*first_on_path, CHECKOUT)))
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_the_command_line_loads_no_heavy_library(tmp_path: Path):
    heavy = {"torch", "textual", "sklearn", "sqlmodel", "dask", "distributed", "ray"}
    done = python(f"import sys, workbench.cli; print(*sorted({heavy!r} & sys.modules.keys()))", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_table_of_searches_waits_for_no_heavy_library(tmp_path: Path):
    heavy = {"torch", "optuna", "sklearn"}
    done = python(f"import sys, workbench.searches; print(*sorted({heavy!r} & sys.modules.keys()))", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_what_is_remembered_of_a_network_waits_for_no_heavy_library(tmp_path: Path):
    heavy = {"torch", "sklearn", "textual"}
    modules = "workbench.accuracy.measuring, workbench.accuracy.predicting, workbench.problem.family"
    done = python(f"import sys, {modules}; print(*sorted({heavy!r} & sys.modules.keys()))", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_version_is_the_one_in_pyproject():
    pyproject = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    assert workbench.__version__ == pyproject["project"]["version"]


@pytest.mark.parametrize("name", ["store", "models"])
@pytest.mark.parametrize("form", ["package", "module"])
def test_a_foreign_package_first_on_the_path_is_refused_by_its_location(name: str, form: str, tmp_path: Path):
    foreign = tmp_path / name / "__init__.py" if form == "package" else tmp_path / f"{name}.py"
    foreign.parent.mkdir(exist_ok=True)
    foreign.touch()
    done = python("import workbench", tmp_path, tmp_path)
    assert done.returncode != 0
    last_line = done.stderr.strip().splitlines()[-1]
    assert "ForeignPackageError" in last_line
    assert f"'{name}'" in last_line
    assert str(tmp_path) in last_line


def test_an_unrelated_folder_of_that_name_without_code_is_harmless(tmp_path: Path):
    (tmp_path / "models").mkdir()
    done = python("import workbench", tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
