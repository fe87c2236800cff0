"""Architectures shown: the bundled ones, and one with its array, memories, spatial mappings and axes."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from workbench.cli.nominal import nominal_values
from workbench.cli.options import Format
from workbench.cli.output import Column, emit, emit_json, name, number, stdout, table
from workbench.problem.arch import Arch
from workbench.problem.template import Template, bundled_archs, load_template
from workbench.views.quantity import bits, count, gist, magnitude
from workbench.views.quantity import metric as shown_metric

LIST = (
    name("name", "architecture"),
    number("pes", "PEs", count),
    number("memories", "memories"),
    number("axes", "axes"),
    number("designs", "designs", magnitude),
    Column("description", "description", gist, cut=True),
)
MEMORIES = (
    name("name", "memory"),
    Column("kind", "kind", lambda kind: "regs" if kind == "register_file" else str(kind)),
    number("instances", "count", count),
    number("size_bits", "size", bits),
    Column("operands", "holds", "".join, whole=True),
    number("word_bits", "word", count),
    number("read_energy_pj", "read pJ", lambda pj: f"{pj:.3g}"),
    number("write_energy_pj", "write pJ", lambda pj: f"{pj:.3g}"),
    number("area_um2", "area each", lambda um2: shown_metric("area_um2", um2, 3)),
)
AXES = (
    name("name", "axis"),
    Column("sets", "sets", ", ".join),
    Column("nominal", "nominal", whole=True),
    Column("choices", "choices", lambda choices: " ".join(map(str, choices))),
)


def list_archs(form: Format) -> None:
    """The bundled architectures."""
    emit(form, LIST, [_head(load_template(each)) for each in bundled_archs()])


def show_arch(name_or_path: str, form: Format) -> None:
    """One architecture in detail, its memories at the `common` costs."""
    template = load_template(name_or_path)
    nominal = template.nominal()
    memories, axes = _memories(nominal), _axes(template)
    if form == "json":
        emit_json({**_head(template), **_facts(template, nominal), "memory_levels": memories, "axis_list": axes})
    elif form == "csv":
        emit(form, AXES, axes)
    else:
        _show(stdout(), template, memories, axes)


def _show(console: Console, template: Template, memories: list[dict[str, Any]], axes: list[dict[str, Any]]) -> None:
    file, nominal = template.file, template.nominal()
    array = " x ".join(f"{size} ({dim})" for dim, size in nominal.array)
    console.print(f"{template.name}: {' '.join(file.description.split())}")
    console.print(f"Array {array} = {count(nominal.pes)} PEs at {nominal.clock_mhz:g} MHz.")
    console.print(f"{shown_metric('area_um2', nominal.area_um2)} on the chip.")
    console.print(table(MEMORIES, memories))
    console.print("Innermost first, unmodified, at common 28 nm costs per word. Spatial mappings:")
    for mapping, rule in file.spatial_mappings.items():
        if isinstance(rule, str):
            console.print(f"  {mapping}: generated for each layer")
        else:
            console.print(
                f"  {mapping}: " + ", ".join(f"{dim} unrolls {'+'.join(loops)}" for dim, loops in rule.items())
            )
    console.print(table([column for column in AXES if column.key != "sets"], axes))
    console.print(f"{magnitude(template.space.size)} designs.")


def _head(template: Template) -> dict[str, Any]:
    nominal = template.nominal()
    return {
        "name": template.name,
        "pes": nominal.pes,
        "memories": len(nominal.memories),
        "axes": len(template.space.axes),
        "designs": template.space.size,
        "description": " ".join(template.file.description.split()),
    }


def _facts(template: Template, nominal: Arch) -> dict[str, Any]:
    return {
        "source": " ".join(template.file.source.split()),
        "clock_mhz": nominal.clock_mhz,
        "array": dict(nominal.array),
        "mac_energy_pj": nominal.mac_energy_pj,
        "area_um2": nominal.area_um2,
        "spatial_mappings": template.content()["spatial_mappings"],
    }


def _memories(arch: Arch) -> list[dict[str, Any]]:
    return [
        {
            "name": memory.name,
            "kind": memory.kind,
            "instances": arch.instances(memory),
            "size_bits": memory.size_bits,
            "operands": list(memory.operands),
            "word_bits": memory.word_bits,
            "read_energy_pj": memory.read_energy_pj,
            "write_energy_pj": memory.write_energy_pj,
            "area_um2": memory.area_um2,
        }
        for memory in arch.memories
    ]


def _axes(template: Template) -> list[dict[str, Any]]:
    nominal = nominal_values(template)
    return [
        {
            "name": axis.name,
            "sets": [sets] if isinstance(sets := template.file.axes[axis.name].sets, str) else list(sets),
            "nominal": nominal[axis.name],
            "choices": list(axis.choices),
        }
        for axis in template.space.axes
    ]
