"""The interpreter that a simulator's worker runs under: the workbench's own, or one that has what the worker needs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from workbench.errors import UserError


def absolute(path: str) -> str:
    """A run keeps its settings, and may be resumed from another folder."""
    return str(Path(path).expanduser().absolute())


def _program(path: str) -> str:
    """A bare name is looked up on the path, wherever the workbench is started."""
    return absolute(path) if os.sep in path else path


Python = Annotated[str, AfterValidator(_program)]
"""A path to an interpreter, its name, or nothing for the workbench's own."""


def interpreter(python: str, simulator: str) -> str:
    """The interpreter that a setting names.

    Raises:
        UserError: there is none.
    """
    if os.name != "posix":
        raise UserError(f"The simulator {simulator!r} needs Linux or macOS.")
    if python and shutil.which(python) is None:
        raise UserError(f"The simulator {simulator!r} is to run under {python!r}, and there is no such program.")
    return python or sys.executable


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
