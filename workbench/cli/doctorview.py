"""What `dse doctor` finds: one line for each thing, fine, worth a warning or wrong. Loads none of what it looks for."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from re import findall, match
from typing import Final, Literal

from store.address import Address, Where
from store.database import Lab
from store.errors import MissingDriverError, MissingLabError, NetworkFolderError, OlderLabError, StoreError
from store.migrations import SCHEMA
from store.place import check_place
from workbench import __version__
from workbench.cli.options import lab_path
from workbench.cli.output import Column, emit_json, name, say, stdout, table
from workbench.errors import UserError
from workbench.simulators.external.interpreter import interpreter
from workbench.views.quantity import bits

WAL_RESET_BUG: Final = ((3, 7, 0), (3, 51, 2))
"""SQLite from one to the other can damage a database if two processes write and tidy its log at the same instant
(https://sqlite.org/wal.html, "The WAL-Reset Bug")."""
LOW_BYTES: Final = 1 << 30
PARTS: Final = ("numpy", "scipy", "scikit-learn", "torch", "textual", "sqlmodel")
SIMULATORS: Final = {"zigzag": "zigzag", "scalesim": "scalesim"}
"""Simulator -> the package that its interpreter needs."""

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something looked at."""

    name: str
    state: State
    what: str


def examine(db: Where | None, as_json: bool) -> bool:
    """Looks at everything, tells it, and whether the lab can be used."""
    found = list(findings(lab_path(db)))
    usable = all(each.state != "wrong" for each in found)
    if as_json:
        emit_json({"usable": usable, "findings": [asdict(each) for each in found]})
        return usable
    columns = (name("name", "what"), Column("state", "", whole=True), Column("what", "found"))
    stdout().print(table(columns, [asdict(each) for each in found]))
    warnings = sum(each.state == "warning" for each in found)
    if warnings:
        say(f"{warnings} warning{'' if warnings == 1 else 's'}")
    return usable


def findings(lab: Where) -> Iterator[Finding]:
    """The machine first, then the program and its parts, then the lab."""
    yield Finding("system", "ok", f"{platform.platform()}, {_cores()} cores")
    yield Finding("python", "ok", f"{platform.python_version()} in {sys.prefix}")
    yield sqlite_finding(sqlite3.sqlite_version)
    yield Finding("program", "ok", f"dse {__version__}, writes labs of schema {SCHEMA.version}")
    for part in PARTS:
        yield _part(part)
    yield from _extras()
    for simulator, package in SIMULATORS.items():
        yield _simulator(simulator, package)
    yield from lab_findings(lab)


def sqlite_finding(number: str) -> Finding:
    """Whether this SQLite has the bug that threatens a lab which several processes write to."""
    parts = tuple(map(int, number.split(".")))
    first, last = WAL_RESET_BUG
    if first <= parts <= last:
        return Finding(
            "sqlite",
            "warning",
            f"{number} has the WAL-reset bug of 3.7.0 to 3.51.2: two runs that write at the same instant can, very "
            "rarely, damage the lab. Use a Python with SQLite 3.51.3 or newer, or keep backups (dse db backup)",
        )
    return Finding("sqlite", "ok", number)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _part(package: str) -> Finding:
    try:
        return Finding(package, "ok", version(package))
    except PackageNotFoundError:
        return Finding(package, "warning", f"not installed: pip install {package}")


def _extras() -> Iterator[Finding]:
    """By what the program declares: an extra is there when all that it names is."""
    needs: dict[str, list[str]] = {}
    try:
        declared = requires("dse-workbench") or []
    except PackageNotFoundError:  # a checkout that was never installed
        declared = []
    for line in declared:
        for extra in findall(r"extra == ['\"]([\w-]+)['\"]", line):
            package = match(r"[\w.-]+", line)
            if package is not None and package[0] != "dse-workbench":
                needs.setdefault(extra, []).append(package[0])
    for extra, packages in sorted(needs.items()):
        missing = [package for package in packages if not _installed(package)]
        text = f"without {', '.join(missing)}: pip install 'dse-workbench[{extra}]'" if missing else "installed"
        yield Finding(f"extra {extra}", "ok", text)


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _simulator(simulator: str, package: str) -> Finding:
    """What a run finds that sets no interpreter."""
    label = f"simulator {simulator}"
    try:
        python = interpreter("", simulator)
    except UserError as error:
        return Finding(label, "ok", str(error))
    if find_spec(package) is not None:
        return Finding(label, "ok", f"in {python}")
    return Finding(label, "ok", f"not in {python}; --sim python=PATH names an interpreter that has it")


def lab_findings(lab: Where) -> Iterator[Finding]:
    """The lab's file, its folder and its disk; or the server that it is on."""
    if isinstance(lab, Address):
        yield from _on_server(lab)
        return
    try:
        yield _opened(lab)
        yield from _folder(lab)
    except OSError as error:
        yield Finding("lab", "wrong", f"{lab}: {error.strerror}")


def _on_server(lab: Address) -> Iterator[Finding]:
    try:
        with Lab.open(lab, create=False, readonly=True) as opened:
            schema, server, size = opened.schema(), opened.server_version(), opened.statistics().size
    except MissingDriverError as error:
        yield Finding("lab", "wrong", str(error))
    except (OlderLabError, MissingLabError) as error:
        yield Finding("lab", "warning", str(error))
    except StoreError as error:
        yield Finding("lab", "wrong", str(error))
    else:
        newer = schema > SCHEMA.version
        only = ": a newer program wrote it, this one only reads" if newer else f", {bits(size * 8)}"
        yield Finding("lab", "warning" if newer else "ok", f"{lab}, schema {schema}{only}")
        yield Finding("server", "ok", f"PostgreSQL {server}")


def _opened(lab: Path) -> Finding:
    if not lab.exists():
        return Finding("lab", "ok", f"none at {lab} yet; 'dse run' makes one")
    try:
        with Lab.open(lab, create=False, readonly=True) as opened:
            schema = opened.schema()
    except OlderLabError as error:
        return Finding("lab", "warning", str(error))
    except StoreError as error:
        return Finding("lab", "wrong", str(error))
    if schema > SCHEMA.version:
        return Finding("lab", "warning", f"{lab} has schema {schema}: a newer program wrote it, this one only reads")
    return Finding("lab", "ok", f"{lab}, schema {schema}, {bits(lab.stat().st_size * 8)}")


def _folder(lab: Path) -> Iterator[Finding]:
    folder = next(place for place in (lab.absolute().parent, *lab.absolute().parents) if place.exists())
    try:
        check_place(lab if lab.parent.is_dir() else folder / "lab.db", create=True, readonly=False)
    except NetworkFolderError as error:
        yield Finding("folder", "wrong", str(error))
    except StoreError as error:
        yield Finding("folder", "warning", str(error))
    else:
        yield Finding("folder", "ok", f"{folder} can be written")
    free = shutil.disk_usage(folder).free
    state: State = "warning" if free < LOW_BYTES else "ok"
    low = ": make space, or a run will stop until there is some" if state == "warning" else ""
    yield Finding("disk", state, f"{bits(free * 8)} free{low}")
