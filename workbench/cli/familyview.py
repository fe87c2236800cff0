"""Families of networks and data sets shown: the bundled ones, and one in detail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.datasets import DATASETS
from workbench.cli.options import Format
from workbench.cli.output import Column, emit, listed, name, number, stdout, table
from workbench.errors import unknown_name
from workbench.problem.family import Family, bundled_families, load_family, paths
from workbench.problem.space import Choice
from workbench.views.quantity import amount, count, gist, magnitude

LIST = (
    name("name", "family"),
    Column("kind", "for", whole=True),
    number("designs", "designs", magnitude),
    number("smallest_macs", "MACs from", amount),
    number("largest_macs", "to", amount),
    Column("description", "description", gist, cut=True),
)
AXES = (
    name("axis", "axis"),
    Column("sets", "sets", ", ".join),
    number("file", "in the file"),
    Column("choices", "choices", lambda choices: ", ".join(map(str, choices))),
)
MEMBERS = (
    name("member", "member"),
    Column("design", "design", lambda values: "-".join(map(str, values.values()))),
    number("macs", "MACs", count),
    number("parameters", "parameters", count),
)
DATA = (
    name("name", "data set"),
    Column("kind", "for", whole=True),
    Column("bundled", "bundled", lambda there: "yes" if there else "no", whole=True),
    Column("summary", "what it is"),
)


def list_families(form: Format) -> None:
    """The bundled families."""
    emit(form, LIST, [_head(load_family(each)) for each in bundled_families()])


def show_family(name_or_path: str, form: Format) -> None:
    """One family: its axes, and how large its networks are."""
    family = load_family(name_or_path)
    nominal = family.nominal()
    axes = [
        {"axis": axis.name, "sets": list(paths(family.file.axes[axis.name])), "file": nominal[axis.name]}
        | {"choices": list(axis.choices)}
        for axis in family.space.axes
    ]
    chosen = {"smallest": family.smallest(), "in the file": nominal, "largest": family.largest()}
    members = [{"member": member, **_size(family, values)} for member, values in chosen.items()]
    if form != "table":
        source = " ".join(family.file.source.split())
        emit(form, AXES, axes, {**_head(family), "source": source, "axes": axes, "members": members})
        return
    console = stdout()
    console.print(listed([(family.name, " ".join(family.file.description.split()))]))
    console.print()
    console.print(table(AXES, axes))
    console.print()
    console.print(table(MEMBERS, members))
    console.print(f"{magnitude(family.space.size)} designs for {family.kind}, here of images of {family.images}.")


def _head(family: Family) -> dict[str, Any]:
    return {
        "name": family.name,
        "kind": family.kind,
        "axes": len(family.space.axes),
        "designs": family.space.size,
        "smallest_macs": family.blueprint(family.smallest()).macs,
        "largest_macs": family.blueprint(family.largest()).macs,
        "description": " ".join(family.file.description.split()),
    }


def _size(family: Family, values: Mapping[str, Choice]) -> dict[str, Any]:
    blueprint = family.blueprint(values)
    return {"design": dict(values), "macs": blueprint.macs, "parameters": blueprint.parameters}


def list_datasets(form: Format) -> None:
    """All data sets."""
    emit(form, DATA, [_source(each) for each in DATASETS])


def show_dataset(wanted: str, form: Format) -> None:
    """One data set."""
    if wanted not in DATASETS:
        raise unknown_name("data set", wanted, DATASETS)
    row = _source(wanted)
    if form != "table":
        emit(form, DATA, [row], row)
        return
    where = "It comes with the workbench." if row["needs"] is None else f"Its path holds {row['needs']}."
    stdout().print(f"{wanted}: {row['summary']}.")
    stdout().print(f"For {row['kind']}. {where}")


def _source(wanted: str) -> dict[str, Any]:
    source = DATASETS[wanted]
    return {
        "name": wanted,
        "kind": source.kind,
        "bundled": source.needs is None,
        "summary": source.summary,
        "needs": source.needs,
    }
