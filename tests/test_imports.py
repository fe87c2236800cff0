"""Owns the promise that `dse --help` is quick, and that a foreign `store` or `models` is named, not suffered."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import workbench


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_importing_the_command_line_loads_no_heavy_library():
    heavy = {"torch", "textual", "sklearn", "sqlmodel"}
    done = python(f"import sys, workbench.cli; print(*sorted({heavy!r} & sys.modules.keys()))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_version_is_the_one_in_pyproject():
    pyproject = Path(workbench.__file__).parents[1] / "pyproject.toml"
    assert f'version = "{workbench.__version__}"' in pyproject.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["store", "models"])
@pytest.mark.parametrize("form", ["package", "module"])
def test_a_foreign_package_first_on_the_path_is_refused_by_its_location(name: str, form: str, tmp_path: Path):
    foreign = tmp_path / name / "__init__.py" if form == "package" else tmp_path / f"{name}.py"
    foreign.parent.mkdir(exist_ok=True)
    foreign.touch()
    done = python("import workbench", PYTHONPATH=str(tmp_path))
    assert done.returncode != 0
    last_line = done.stderr.strip().splitlines()[-1]
    assert "ForeignPackageError" in last_line
    assert f"'{name}'" in last_line
    assert str(tmp_path) in last_line


def test_an_unrelated_folder_of_that_name_without_code_is_harmless(tmp_path: Path):
    (tmp_path / "models").mkdir()
    done = python("import workbench", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
