"""Searches and simulators shown: the tables, and one with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import getdoc
from typing import Any

from pydantic import BaseModel

from workbench.cli.options import Format
from workbench.cli.output import Column, emit, name, stdout
from workbench.errors import unknown_name
from workbench.searches import SEARCHES
from workbench.simulators import SIMULATORS
from workbench.views.settings import settings_table

SETTINGS = (
    name("name", "setting"),
    Column("default", "default"),
    Column("allowed", "allowed"),
    Column("help", "help"),
)


def list_searches(form: Format) -> None:
    """The table of searches."""
    rows = [_row(key, search.summary, search.Settings) for key, search in SEARCHES.items()]
    emit(form, _columns("search"), rows)


def show_search(wanted: str, form: Format) -> None:
    """One search with its settings and presets."""
    if wanted not in SEARCHES:
        raise unknown_name("search", wanted, SEARCHES)
    search = SEARCHES[wanted]
    _show(form, wanted, search.summary, search.Settings, "-s", search.presets)


def list_simulators(form: Format) -> None:
    """The table of simulators."""
    rows = [_row(key, _summary(simulator), simulator.Settings) for key, simulator in SIMULATORS.items()]
    emit(form, _columns("simulator"), rows)


def show_simulator(wanted: str, form: Format) -> None:
    """One simulator with its settings."""
    if wanted not in SIMULATORS:
        raise unknown_name("simulator", wanted, SIMULATORS)
    _show(form, wanted, _summary(SIMULATORS[wanted]), SIMULATORS[wanted].Settings, "--sim", {})


def _summary(simulator: type) -> str:
    return (getdoc(simulator) or "").partition("\n")[0]


def _columns(kind: str) -> list[Column]:
    return [
        name("name", kind),
        Column("summary", "summary"),
        Column("settings", "settings", lambda names: ", ".join(names) or "none"),
    ]


def _row(key: str, summary: str, settings: type[BaseModel]) -> dict[str, Any]:
    return {"name": key, "summary": summary, "settings": list(settings.model_fields)}


def _show(
    form: Format,
    key: str,
    summary: str,
    settings: type[BaseModel],
    flag: str,
    presets: Mapping[str, Mapping[str, Any]],
) -> None:
    rows = settings_table(settings)
    if form != "table":
        payload = {
            "name": key,
            "summary": summary,
            "settings": rows,
            "presets": {k: dict(v) for k, v in presets.items()},
        }
        emit(form, SETTINGS, rows, payload)
        return
    console = stdout()
    console.print(f"{key}: {summary}")
    if not rows:
        console.print("It has no settings.")
        return
    emit(form, SETTINGS, rows)
    console.print(f"To set one: {flag} NAME=VALUE, for example {flag} {rows[0]['name']}={rows[0]['default']}")
    for preset, content in presets.items():
        console.print(f"--preset {preset} sets " + ", ".join(f"{field}={value}" for field, value in content.items()))
