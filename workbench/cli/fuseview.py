"""Fused schedules shown: the groups, what each needs and moves, and the change against layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.cli.nominal import nominal_values
from workbench.cli.options import Format
from workbench.cli.output import Column, emit, emit_json, name, number, say, stdout, table, words
from workbench.errors import UserError, unknown_name
from workbench.problem.arch import Arch
from workbench.problem.graph import WorkloadLayer
from workbench.problem.space import Choice
from workbench.problem.task import Task
from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.options import Part
from workbench.simulators.fused.order import OBJECTIVES
from workbench.simulators.fused.search import Schedule, best_schedule
from workbench.views.bars import bar, percent
from workbench.views.fusion import draw_schedule
from workbench.views.pictures import picture_form
from workbench.views.places import place
from workbench.views.quantity import bits, metric
from workbench.views.request import chosen_task
from workbench.views.values import with_changes

BAR_WIDTH = 16
OPERANDS = ("weights", "inputs", "outputs")


def show_fused(
    arch: str | None,
    workload: str | None,
    changes: Sequence[str],
    objective: str,
    technology: str,
    criterion: str,
    factors: int,
    out: Path | None,
    form: Format,
) -> None:
    """Finds the best grouping, prints it and, where there is a file for it, draws it."""
    if arch is None or workload is None:
        missing = " and ".join(flag for flag, value in (("--arch", arch), ("--workload", workload)) if value is None)
        raise UserError(f"Give {missing}.")
    if objective not in OBJECTIVES:
        raise unknown_name("objective of fusion", objective, OBJECTIVES)
    file = None if out is None else place(out)
    if file is not None:
        picture_form(file)
    task = chosen_task(arch, workload, (), technology=technology, criterion=criterion)
    values = with_changes(task.space, nominal_values(task.template), changes)
    built = replace(task.arch(task.space.design(values)), name=task.template.name)
    schedule = best_schedule(built, task.workload, objective, task.criterion, factors)
    rows = [_row(built, schedule, part) for part in schedule.parts if part.cost.macs]
    if file is not None:
        draw_schedule(f"{task.template.name} on {task.workload.name}, fused for the least {objective}", rows, file)
        say(f"drawn in {file}")
    if form == "json":
        emit_json(_payload(task, values, objective, schedule, rows))
    elif form == "csv":
        emit(form, [Column(key, key) for key in rows[0]], rows)
    else:
        _print(task, objective, schedule, rows)


def _row(arch: Arch, schedule: Schedule, part: Part) -> dict[str, Any]:
    """One group, or one layer by itself; its numbers count all its repeats."""
    items = [schedule.network.items[i] for i in part.items]
    layers = [item.name for item in items if isinstance(item, WorkloadLayer)]
    alone, candidate = schedule.alone(part), part.candidate
    fused: dict[str, Any] = {
        "tile": None,
        "tiles": None,
        "mode": "layer by layer",
        "weights": None,
        "recompute_factor": 1.0,
        "memory": {},
    }
    if candidate is not None:
        tiling, placement = candidate.tiling, candidate.placement
        home = placement.weights
        held = {m: placement.occupied(m) for m in range(len(arch.memories))}
        fused = {
            "tile": [tiling.height, tiling.width],
            "tiles": tiling.tiles,
            "mode": tiling.mode if tiling.tiles > 1 else "one tile",
            "weights": "streamed" if home is None else f"stay in {arch.memories[home].name}",
            "recompute_factor": part.cost.macs / alone.macs,
            "memory": {
                arch.memories[m].name: {**use, "size_bits": arch.memories[m].size_bits}
                for m, use in held.items()
                if use
            },
        }
    return {
        "first": items[0].name,
        "last": items[-1].name,
        "layers": layers,
        "items": [item.name for item in items],
        "repeat": items[-1].repeat,
        **fused,
        **_cost(part.cost),
        "layer_by_layer": _cost(alone),
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "dram_bits": cost.traffic_bits,
        "dram_bits_of": dict(zip(OPERANDS, cost.dram_bits, strict=True)),
        "latency_cycles": cost.latency_cycles,
        "energy_pj": cost.energy_pj,
        "macs": cost.macs,
    }


def _change(schedule: Schedule) -> dict[str, float]:
    """Relative: -0.25 is a quarter less."""
    fused, alone = _cost(schedule.cost), _cost(schedule.layer_by_layer)
    return {key: fused[key] / alone[key] - 1 for key in ("dram_bits", "latency_cycles", "energy_pj", "macs")}


def _payload(
    task: Task, values: dict[str, Choice], objective: str, schedule: Schedule, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "arch": task.template.name,
        "workload": task.workload.name,
        "technology": task.technology,
        "criterion": task.criterion,
        "objective": objective,
        "design": values,
        "fused": _cost(schedule.cost),
        "layer_by_layer": _cost(schedule.layer_by_layer),
        "change": _change(schedule),
        "groups": rows,
        "candidates": schedule.candidates,
        "costed": schedule.costed,
    }


def _print(task: Task, objective: str, schedule: Schedule, rows: list[dict[str, Any]]) -> None:
    console = stdout()
    unicode = console.encoding.startswith("utf")
    console.print(words(f"{task.template.name} on {task.workload.name}, fused for the least {objective}", "bold"))
    console.print(f"{task.technology} technology, mappings chosen by {task.criterion}\n")
    most = max(row["layer_by_layer"]["dram_bits"] for row in rows)
    shown = [
        {
            **row,
            "group": row["first"] if len(row["items"]) == 1 else f"{row['first']} .. {row['last']}",
            "count": len(row["layers"]),
            "shape": row["tile"] and f"{row['tile'][0]} x {row['tile'][1]}",
            "room": _room(row["memory"]),
            "before": row["layer_by_layer"]["dram_bits"],
            "bar": bar(row["dram_bits"] / most if most else 0.0, BAR_WIDTH, unicode),
        }
        for row in rows
    ]
    columns = (
        Column("group", "group", style="bold"),
        number("count", "layers"),
        number("shape", "tile"),
        number("tiles", "tiles"),
        Column("mode", "mode"),
        Column("weights", "weights"),
        Column("room", "held on chip"),
        number("recompute_factor", "MACs", lambda factor: f"{factor:.3g}x"),
        number("before", "DRAM alone", _bytes),
        number("dram_bits", "fused", _bytes),
        Column("bar", "", style="cyan", whole=True),
    )
    console.print(table(columns, shown))
    console.print()
    _print_change(schedule)


def _room(memory: dict[str, dict[str, int]]) -> str | None:
    """Each memory with what lies in it, and how full that makes it."""
    parts = []
    for each, use in memory.items():
        held = {key: value for key, value in use.items() if key != "size_bits" and value}
        what = ", ".join(f"{key} {_bytes(value)}" for key, value in held.items())
        parts.append(f"{each} {percent(sum(held.values()) / use['size_bits'])}: {what}")
    return "; ".join(parts) or None


def _bytes(amount: float) -> str:
    return bits(8 * round(amount / 8))


def _print_change(schedule: Schedule) -> None:
    fused, alone, change = _cost(schedule.cost), _cost(schedule.layer_by_layer), _change(schedule)
    rows = [
        {"what": what, "before": show(alone[key]), "after": show(fused[key]), "change": f"{100 * change[key]:+.1f} %"}
        for what, key, show in (
            ("DRAM traffic", "dram_bits", _bytes),
            ("latency", "latency_cycles", lambda value: metric("latency_cycles", value)),
            ("energy", "energy_pj", lambda value: metric("energy_pj", value)),
            ("MACs", "macs", lambda value: f"{value:,}"),
        )
    ]
    columns = (
        name("what", ""),
        number("before", "layer by layer"),
        number("after", "fused"),
        number("change", "change"),
    )
    stdout().print(table(columns, rows))
