"""`dse archs`, `workloads`, `families`, `datasets`, `chips`, `searches`, `simulators`: what there is to choose from."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import Csv, Json, chosen

Name = Annotated[str | None, typer.Argument(help="Show this one in detail.", show_default=False)]
NameOrFile = Annotated[str | None, typer.Argument(help="Show this one, or a YAML file, in detail.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    for command in (archs, workloads, families, datasets, chips, searches, simulators):
        app.command()(command)


def archs(name: NameOrFile = None, json: Json = False, csv: Csv = False) -> None:
    """List the architectures; with NAME its memories, axes and spatial mappings.

    With NAME, --csv prints the axes.
    """
    from workbench.cli.archview import list_archs, show_arch

    form = chosen(json, csv)
    list_archs(form) if name is None else show_arch(name, form)


def workloads(name: NameOrFile = None, json: Json = False, csv: Csv = False) -> None:
    """List the workloads; with NAME its layers."""
    from workbench.cli.workloadview import list_workloads, show_workload

    form = chosen(json, csv)
    list_workloads(form) if name is None else show_workload(name, form)


def families(name: NameOrFile = None, json: Json = False, csv: Csv = False) -> None:
    """List the families of networks; with NAME the axes of one, and its smallest and largest member."""
    from workbench.cli.familyview import list_families, show_family

    form = chosen(json, csv)
    list_families(form) if name is None else show_family(name, form)


def datasets(name: Name = None, json: Json = False, csv: Csv = False) -> None:
    """List the data sets that networks can be trained on; with NAME what its path must hold."""
    from workbench.cli.familyview import list_datasets, show_dataset

    form = chosen(json, csv)
    list_datasets(form) if name is None else show_dataset(name, form)


def chips(name: NameOrFile = None, json: Json = False, csv: Csv = False) -> None:
    """List the chip templates; with NAME its totals, dataflows, sub-accelerators and axes.

    With NAME, --csv prints the axes.
    """
    from workbench.cli.chipview import list_chips, show_chip

    form = chosen(json, csv)
    list_chips(form) if name is None else show_chip(name, form)


def searches(name: Name = None, json: Json = False, csv: Csv = False) -> None:
    """List the searches; with NAME its settings and presets."""
    from workbench.cli.settingsview import list_searches, show_search

    form = chosen(json, csv)
    list_searches(form) if name is None else show_search(name, form)


def simulators(name: Name = None, json: Json = False, csv: Csv = False) -> None:
    """List the simulators; with NAME its settings."""
    from workbench.cli.settingsview import list_simulators, show_simulator

    form = chosen(json, csv)
    list_simulators(form) if name is None else show_simulator(name, form)
