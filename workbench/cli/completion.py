"""What the shell offers for a value that is half typed: names that come with the workbench, and runs of the lab."""

from __future__ import annotations

import os
from collections.abc import Iterable

import typer

RUNS = 30
"""The latest runs that are offered."""


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def archs(incomplete: str) -> list[str]:
    """Bundled architectures; where none fits, the shell offers files."""
    from workbench.problem.template import bundled_archs

    return _beginning(bundled_archs(), incomplete)


def workloads(incomplete: str) -> list[str]:
    """Bundled workloads, likewise."""
    from workbench.problem.workload import bundled_workloads

    return _beginning(bundled_workloads(), incomplete)


def families(incomplete: str) -> list[str]:
    """Bundled families, likewise."""
    from workbench.problem.family import bundled_families

    return _beginning(bundled_families(), incomplete)


def datasets(incomplete: str) -> list[str]:
    from models.datasets import DATASETS

    return _beginning(DATASETS, incomplete)


def chips(incomplete: str) -> list[str]:
    """Bundled chip templates, likewise."""
    from workbench.problem.chip import bundled_chips

    return _beginning(bundled_chips(), incomplete)


def searches(incomplete: str) -> list[str]:
    from workbench.searches import SEARCHES

    return _beginning(SEARCHES, incomplete)


def simulators(incomplete: str) -> list[str]:
    from workbench.simulators import SIMULATORS

    return _beginning(SIMULATORS, incomplete)


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """The latest runs of the lab by number; none where there is no lab to read.

    Nothing is said of them: a shell may evaluate what it is told, and a lab may hold anybody's names.
    """
    from store.address import where
    from store.database import Lab
    from store.errors import StoreError
    from workbench.cli.options import lab_path
    from workbench.errors import UserError

    named = context.params.get("db") or os.environ.get("DSE_DB")
    try:
        with Lab.open(lab_path(where(named) if named else None), create=False, readonly=True) as lab:
            found = [str(run.id) for run in lab.runs(limit=RUNS)]
    except (StoreError, UserError, OSError):
        return []
    return _beginning([*found, "last"] if found else [], incomplete)
