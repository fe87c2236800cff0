"""Owns the promise that a benchmark runs by its file's name, too: no file beside it hides a package of the project."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import fusion_rows

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
SCRIPTS = [path for path in sorted(FOLDER.glob("*.py")) if "__main__" in path.read_text(encoding="utf-8")]
PACKAGES = ("benchmarks", "models", "store", "workbench")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_imports_its_own_package_before_those_that_its_folder_could_hide(script: Path):
    roots = []
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            roots.append((node.module or "").split(".")[0])
        elif isinstance(node, ast.Import):
            roots += [name.name.split(".")[0] for name in node.names]
    assert next(root for root in roots if root in PACKAGES) == "benchmarks"


def test_a_benchmark_runs_by_its_files_name(tmp_path: Path):
    command: list[str | Path] = [sys.executable, FOLDER / "agreement.py", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "--golden" in done.stdout


def test_the_table_of_fusion_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept = tmp_path / "kept.jsonl"

    def table() -> list[list[dict[str, Any]]]:
        return list(fusion_rows.rows_of(kept, ["tpu_like"], ["alexnet"], "edp", 1))

    whole = table()
    assert [row["hardware"] for rows in whole for row in rows] == ["nominal", "searched"]
    for rows in whole:
        assert rows[0]["reached"] == [what for what, most in fusion_rows.CLAIMED.items() if rows[0][what] <= most]
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text(lines[0] + lines[1][:20])  # killed in the middle of a line
    monkeypatch.setattr(fusion_rows, "nominal", None)
    assert table() == whole
    monkeypatch.setattr(fusion_rows, "searched", None)
    assert table() == whole
