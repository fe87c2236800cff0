"""Owns the promise that an installed wheel is whole: outside the checkout, `dse` runs and finds its own data."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from workbench.errors import UserError
from workbench.problem import datafiles

CHECKOUT = Path(__file__).resolve().parents[1]
SHIPPED = ["pyproject.toml", "README.md", "workbench", "store", "models", "data"]

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, so that the checkout stays clean and no stray file of it can help."""
    source = tmp_path_factory.mktemp("source")
    for name in SHIPPED:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (CHECKOUT / name).is_file():
            shutil.copy(CHECKOUT / name, source)
    built = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, source, cwd=built)
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a fresh environment holding the wheel; its dependencies are lent by this environment."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    lent = sysconfig.get_path("purelib")
    own = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    run(sys.executable, "-m", "pip", "--python", home, "install", "--no-deps", "--no-index", "--quiet", wheel, cwd=home)
    # A path line only adds that folder: .pth files inside it are not read, so the editable install stays out.
    (own / "lent.pth").write_text(lent + "\n", encoding="utf-8")
    return Path(sysconfig.get_path("scripts", vars={"base": str(home), "platbase": str(home)}))


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """The environment variables of a user who has never seen the checkout."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "COV_", "PYTEST"))}
    return kept | {"DSE_DB": str(tmp_path / "lab.db")}


def test_the_wheel_holds_the_three_packages_their_types_and_the_data(wheel: Path):
    names = set(ZipFile(wheel).namelist())
    for package in ("workbench", "store", "models"):
        assert {f"{package}/__init__.py", f"{package}/py.typed"} <= names
    for folder in ("workbench", "store", "models"):
        parts = (p for p in (CHECKOUT / folder).rglob("*") if p.suffix in (".py", ".js", ".css"))
        sources = {p.relative_to(CHECKOUT).as_posix() for p in parts}
        assert sources <= names
    data = {f"workbench/{p.relative_to(CHECKOUT).as_posix()}" for p in (CHECKOUT / "data").rglob("*") if p.is_file()}
    assert data <= names
    assert any(name.startswith("workbench/data/archs/") for name in data)
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"workbench", "store", "models"}


def test_the_installed_package_and_its_data_come_from_the_fresh_environment(
    installation: Path, outside: dict[str, str], tmp_path: Path
):
    code = (
        "import json, sys, workbench, store, models\n"
        "from workbench.problem.datafiles import data_dir\n"
        "places = [m.__file__ for m in (workbench, store, models)] + [str(data_dir())]\n"
        "print(json.dumps({'places': places, 'path': sys.path, 'version': workbench.__version__}))"
    )
    seen = json.loads(run(installation / "python", "-c", code, cwd=tmp_path, env=outside))
    fresh = installation.parent.resolve()
    for place in seen["places"]:
        assert Path(place).resolve().is_relative_to(fresh), place
    assert str(CHECKOUT) not in seen["path"]


def test_the_installed_command_lists_the_bundled_architectures(
    installation: Path, outside: dict[str, str], tmp_path: Path
):
    bundled = {path.stem for path in (CHECKOUT / "data" / "archs").glob("*.yaml")}
    table = run(installation / "dse", "archs", cwd=tmp_path, env=outside)
    listed = json.dumps(json.loads(run(installation / "dse", "archs", "--json", cwd=tmp_path, env=outside)))
    assert bundled
    for name in bundled:
        assert name in table
        assert f'"{name}"' in listed


def test_an_installation_without_its_data_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(datafiles, "PACKAGE", tmp_path / "workbench")
    with pytest.raises(UserError) as refused:
        datafiles.data_dir()
    assert str(tmp_path / "data") in str(refused.value)
    assert str(tmp_path / "workbench" / "data") in str(refused.value)
