"""Owns the promise that what the README shows works: its commands run, in order, on the files it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.problem.metrics import METRIC_UNITS
from workbench.searches import SEARCHES

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_commands_run_in_order_on_the_files_shown(tmp_path: Path):
    for text in blocks("yaml") + blocks("python"):
        named = re.match(r"# (\w+\.(?:yaml|py))\n", text)
        assert named, f"a YAML or Python block must begin with its file's name: {text[:60]!r}"
        (tmp_path / named[1]).write_text(text, encoding="utf-8")
    script = "\n".join(blocks("sh"))
    assert script.count("dse ") > 10
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-x", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr


def test_every_metric_is_explained_with_its_unit():
    for metric, unit in METRIC_UNITS.items():
        assert re.search(rf"^\| `{metric}` \| {re.escape(unit)} \|", README, flags=re.MULTILINE), metric


def test_every_search_has_a_row():
    section = README.split("\n## Which search\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", section, flags=re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(SEARCHES)


def test_every_file_and_folder_that_is_named_exists():
    root = Path(__file__).resolve().parents[1]
    for path in re.findall(r"`((?:data|store|models|workbench)/[\w/.]*)`", README):
        assert (root / path).exists(), path
