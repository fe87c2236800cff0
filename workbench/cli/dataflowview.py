"""Dataflows shown: the table, one in detail, what a file states, and the best of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from workbench.cli.nominal import nominal_values
from workbench.cli.options import Format
from workbench.cli.output import Column, emit, emit_json, listed, name, number, say, stdout, words
from workbench.errors import UserError, unknown_name
from workbench.problem.metrics import METRIC_UNITS, Metrics
from workbench.simulators.dataflow.best import Answer, best_of, simulators_of
from workbench.simulators.dataflow.catalogue import Dataflow, bundled, load
from workbench.simulators.dataflow.faults import PlacedError
from workbench.simulators.dataflow.files import File
from workbench.simulators.dataflow.hardware import read_hardware
from workbench.simulators.dataflow.mapping import Mapping
from workbench.simulators.dataflow.mapping import check as check_mapping
from workbench.simulators.dataflow.parse import read
from workbench.simulators.dataflow.simulator import Mode
from workbench.simulators.dataflow.write import mapping_text
from workbench.views.quantity import metric
from workbench.views.request import chosen_task
from workbench.views.values import with_changes

LIST = (
    name("name", "dataflow"),
    Column("sizes", "free sizes", lambda sizes: " ".join(f"{key}={value}" for key, value in sizes.items())),
    number("levels", "levels"),
    Column("summary", "summary"),
)


def list_dataflows(form: Format) -> None:
    """The table of bundled dataflows."""
    emit(form, LIST, [_row(load(each)) for each in bundled()])


def _row(dataflow: Dataflow) -> dict[str, Any]:
    return {
        "name": dataflow.name,
        "sizes": dict(dataflow.free),
        "levels": len(dataflow.mapping.levels),
        "summary": dataflow.summary,
    }


def show_dataflow(wanted: str, form: Format) -> None:
    """One dataflow."""
    dataflow = load(wanted)
    text = mapping_text(dataflow.mapping, "")
    if form == "json":
        emit_json({**_row(dataflow), "directives": text.splitlines(), "digest": dataflow.digest})
        return
    console = stdout()
    console.print(words(dataflow.name, "bold"))
    console.print(dataflow.summary)
    console.print()
    for size, value in dataflow.free:
        console.print(f"{size} = {value}")
    console.print()
    console.print(text.rstrip("\n"))
    console.print("\nAn architecture sets a size by an axis that sets dataflow.NAME; see 'dse archs data_centric'.")


def check_file(path: Path, pes: int | None, hardware: Path | None, form: Format) -> None:
    """What a file states, once it is found sound."""
    if hardware is not None:
        if pes is not None:
            raise UserError("--pes and --hardware both say how many PEs there are: give one of them.")
        pes = read_hardware(hardware).pes
    file = read(path)
    try:
        known = dict(file.constants)
        for network in file.networks:
            for block in network.blocks:
                if block.mapping is not None:
                    check_mapping(block.mapping.resolved(block.layer, known), block.layer, pes)
        if file.mapping is not None:
            check_mapping(file.mapping.with_constants(known), pes=pes)
    except PlacedError as error:
        raise error.within(str(path)) from None
    own = file.mapping
    payload = {
        "file": str(path),
        "constants": dict(file.constants),
        "layers": [
            {
                "network": network.name,
                "layer": block.layer.name,
                "type": block.layer.type,
                "macs": block.layer.macs,
                "mapped": block.mapping is not None,
            }
            for network in file.networks
            for block in network.blocks
        ],
        "mapping": None
        if own is None
        else {"levels": len(own.levels), "directives": mapping_text(own, "").splitlines()},
        "pes": pes,
    }
    if form == "json":
        emit_json(payload)
        return
    stdout().print(listed(_facts(file, pes)))


def _mappings(file: File) -> list[Mapping]:
    found = [block.mapping for network in file.networks for block in network.blocks if block.mapping is not None]
    return [*found, *([file.mapping] if file.mapping is not None else [])]


def _facts(file: File, pes: int | None) -> list[tuple[str, str]]:
    facts = [("file", "sound")]
    if file.constants:
        facts.append(("constants", ", ".join(f"{key} = {value}" for key, value in file.constants)))
    for network in file.networks:
        macs = sum(block.layer.macs for block in network.blocks)
        mapped = sum(block.mapping is not None for block in network.blocks)
        facts.append(
            (network.name, f"{len(network.blocks)} layers, {macs:,} MACs, {mapped} with a mapping of their own")
        )
    for mapping in _mappings(file):
        directives = sum(map(len, mapping.levels))
        facts.append(("mapping", f"{directives} directives in {len(mapping.levels)} levels"))
    if pes is not None:
        facts.append(("clusters", f"fit on {pes} PEs"))
    return facts


def show_best(
    workload: str,
    arch: str,
    layers: Sequence[str],
    changes: Sequence[str],
    names: Sequence[str],
    objective: str,
    tiles: int,
    mode: str,
    form: Format,
) -> None:
    """The best dataflow of each layer, and what choosing it gains."""
    if objective not in METRIC_UNITS:
        raise unknown_name("metric", objective, METRIC_UNITS)
    if mode not in get_args(Mode):
        raise unknown_name("mode", mode, get_args(Mode))
    task = chosen_task(arch, workload, layers, technology="common", criterion="edp")
    values = with_changes(task.space, nominal_values(task.template), changes)
    built = task.arch(task.space.design(values))
    simulators = simulators_of(names or bundled(), mode)
    answer = best_of(simulators, built, task.workload.compute_layers(), objective, tiles)
    rows = [_best_row(answer, i, objective) for i in range(len(answer.layers))]
    if form == "json":
        emit_json(_best_payload(answer, rows, objective))
        return
    columns = (
        name("layer", "layer"),
        number("times", "times"),
        Column("dataflow", "best"),
        Column("sizes", "sizes", lambda sizes: " ".join(f"{key}={value}" for key, value in sizes.items())),
        number(objective, objective, lambda value: metric(objective, value)),
        Column("second", "next best"),
        number("second_over_best", "by", lambda value: f"{value:.3g}x"),
    )
    emit(form, columns, rows)
    if form == "table":
        _print_gain(answer, objective)


def _best_row(answer: Answer, at: int, objective: str) -> dict[str, Any]:
    layer, count, choices = answer.layers[at]
    best, value = choices[0], choices[0].metrics.get(objective)
    second = choices[1] if len(choices) > 1 else None
    return {
        "layer": layer.name,
        "times": count,
        "dataflow": best.dataflow,
        "sizes": dict(best.sizes),
        objective: value,
        "second": second and second.dataflow,
        "second_over_best": second and second.metrics.get(objective) / value,
    }


def _best_payload(answer: Answer, rows: list[dict[str, Any]], objective: str) -> dict[str, Any]:
    def shown(metrics: Metrics | None) -> dict[str, float] | None:
        return None if metrics is None else {key: metrics.get(key) for key in METRIC_UNITS}

    alone = answer.alone
    return {
        "objective": objective,
        "layers": rows,
        "single": answer.single,
        "single_metrics": shown(alone),
        "adaptive_metrics": shown(answer.adaptive),
        "gain": alone and alone.get(objective) / answer.adaptive.get(objective),
    }


def _print_gain(answer: Answer, objective: str) -> None:
    each = answer.adaptive.get(objective)
    if answer.alone is None:
        say("no single dataflow can run every layer")
        return
    alone = answer.alone.get(objective)
    stdout().print(
        f"\n{answer.single} alone {metric(objective, alone)}, each layer its best {metric(objective, each)}: "
        f"{alone / each:.3g} times less"
    )
