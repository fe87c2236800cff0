"""How the tests make each simulator of the table: quick settings, and where what an extra brings is to be found."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import UserError
from workbench.runner import make_simulator
from workbench.simulators.base import Simulator

FAKE = Path(__file__).with_name("fake.py")
ZIGZAG_PYTHON = os.environ.get("DSE_ZIGZAG_PYTHON", "")
"""An interpreter that has ZigZag, where the tests' own has not."""

SCALESIM_PYTHON = os.environ.get("DSE_SCALESIM_PYTHON", "")
"""An interpreter that has SCALE-Sim and its numpy, where the tests' own has not."""


def fake_file(folder: Path, behaviour: str = "well", **changes: Any) -> Path:
    """A file for the `external` simulator that names the fake script."""
    path = folder / f"{behaviour}.yaml"
    content = {
        "name": "fake",
        "version": "1",
        "command": [sys.executable, str(FAKE), behaviour, str(folder / "log")],
        "time_limit_s": 30,
        **changes,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def quick(name: str, folder: Path) -> dict[str, Any]:
    """Settings with which a simulator of the table is quick."""
    if name == "external":
        return {"file": str(fake_file(folder, workers=2))}
    if name == "dataflow":
        return {"dataflow": "yrp"}
    if name == "zigzag":
        return {"factors": 4, "spatial": 2, "workers": 2, "python": ZIGZAG_PYTHON}
    if name == "scalesim":
        return {"workers": 2, "python": SCALESIM_PYTHON}
    return {}


def made(name: str, settings: dict[str, Any]) -> Simulator:
    """The simulator; where what it needs is missing, the test is skipped by its name."""
    try:
        return make_simulator(name, settings)
    except UserError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(f"{name}: {error}")
