"""Chips shown: the templates, one with its totals and axes, and a design with its networks and their schedule."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from rich.console import Console
from rich.text import Text

from workbench.cli.options import Format
from workbench.cli.output import Column, emit, emit_json, listed, name, number, say, stdout, table, words
from workbench.errors import UserError, unknown_name
from workbench.problem.chip import ChipTemplate, bundled_chips, load_chip
from workbench.problem.metrics import Infeasible, Target
from workbench.problem.space import Design
from workbench.problem.workload import load_workload
from workbench.scheduling.jobs import AIMS, Goal
from workbench.simulators.chips.costs import CHIP_MODES, ChipCosts, ChipMode
from workbench.simulators.chips.evaluate import ChipCost, evaluated_designs, goal_of
from workbench.views import chips
from workbench.views.bars import percent
from workbench.views.gantt import chart, letter, scale
from workbench.views.quantity import bits, count, gist, magnitude, metric
from workbench.views.values import with_changes

WIDTH = 80
MARKS = 3
COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")
"""Of networks, beside their letters."""

LIST = (
    name("name", "chip"),
    number("sub_accelerators", "parts"),
    number("pes", "PEs", count),
    number("noc_bytes_per_cycle", "B/cycle"),
    number("axes", "axes"),
    number("designs", "designs", magnitude),
    Column("description", "description", gist, cut=True),
)
STATED = (
    name("name", "part"),
    Column("dataflow", "runs"),
    number("pes", "PEs", count),
    number("noc_bytes_per_cycle", "B/cycle"),
    number("l1_bits", "L1 of a PE", bits),
    number("l2_bits", "L2", bits),
)
AXES = (
    name("name", "axis"),
    Column("sets", "sets", ", ".join),
    Column("nominal", "stated", whole=True),
    Column("choices", "choices"),
)
PARTS = (
    name("name", "part"),
    Column("flow", "runs"),
    number("pes", "PEs", count),
    number("noc_bytes_per_cycle", "B/cycle"),
    number("area_um2", "area", lambda um2: metric("area_um2", um2, 3)),
    number("layers", "layers"),
    number("busy_cycles", "busy", lambda cycles: metric("latency_cycles", cycles, 3)),
    number("busy_share", "", percent),
    number("energy_pj", "energy", lambda pj: metric("energy_pj", pj, 3)),
)
LAYERS = (
    name("network", "network"),
    Column("letter", ""),
    number("number", ""),
    Column("layer", "layer"),
    Column("sub_accelerator", "runs on"),
    number("start_cycles", "from", lambda cycles: f"{cycles:,.0f}"),
    number("end_cycles", "to", lambda cycles: f"{cycles:,.0f}"),
    number("energy_pj", "energy", lambda pj: metric("energy_pj", pj, 3)),
)


def list_chips(form: Format) -> None:
    """The bundled templates."""
    emit(form, LIST, [_head(load_chip(each)) for each in bundled_chips()])


def show_chip(name_or_path: str, form: Format) -> None:
    """One template: totals, dataflows, sub-accelerators and axes."""
    template = load_chip(name_or_path)
    axes, parts = _axes(template), _parts(template)
    if form == "json":
        emit_json({**_head(template), "content": template.content(), "axis_list": axes})
    elif form == "csv":
        emit(form, AXES, axes)
    else:
        _show(stdout(), template, axes, parts)


def _head(template: ChipTemplate) -> dict[str, Any]:
    file = template.file
    return {
        "name": template.name,
        "sub_accelerators": len(file.sub_accelerators),
        "pes": file.totals.pes.most,
        "noc_bytes_per_cycle": file.totals.noc_bytes_per_cycle.most,
        "axes": len(template.space.axes),
        "designs": template.space.size,
        "description": " ".join(file.description.split()),
    }


def _parts(template: ChipTemplate) -> list[dict[str, Any]]:
    return [{"name": part, **stated} for part, stated in template.asked(template.nominal).items()]


def _axes(template: ChipTemplate) -> list[dict[str, Any]]:
    nominal = template.space.values(template.nominal)
    return [
        {
            "name": axis.name,
            "sets": [".".join(path) for path in template.file.axes[axis.name].paths],
            "nominal": nominal[axis.name],
            "choices": list(axis.choices),
        }
        for axis in template.space.axes
    ]


def _show(console: Console, template: ChipTemplate, axes: list[dict[str, Any]], parts: list[dict[str, Any]]) -> None:
    file, pes, noc = template.file, template.file.totals.pes, template.file.totals.noc_bytes_per_cycle
    console.print(f"{template.name}: {' '.join(file.description.split())}")
    console.print(
        f"Together at most {count(pes.most)} PEs in steps of {pes.step} and {noc.most} bytes per cycle of NoC in steps "
        f"of {noc.step}, at {file.clock_mhz:g} MHz; what is asked beyond that is granted in proportion."
    )
    console.print(f"DRAM: {file.dram.bits_per_cycle} bits per cycle, divided as the NoC is. Dataflows:")
    for flow, content in file.dataflows.items():
        sizes = ", ".join(f"{size}={value}" for size, value in content.sizes.items())
        console.print(f"  {flow}: {content.dataflow}{f' with {sizes}' if sizes else ''}")
    console.print(table(STATED, parts))
    shown = [{**axis, "choices": _choices(axis["choices"])} for axis in axes]
    console.print(table(AXES, shown))
    console.print(f"{magnitude(template.space.size)} designs.")


def _choices(choices: Sequence[Any]) -> str:
    """Many numbers at one distance as the range that they are."""
    if len(choices) > 8 and not isinstance(choices[0], str):
        steps = {after - before for before, after in pairwise(choices)}
        if len(steps) == 1:
            return f"{choices[0]} to {choices[-1]} by {steps.pop()}"
    return " ".join(map(str, choices))


def show_cost(
    name_or_path: str,
    workloads: Sequence[str],
    changes: Sequence[str],
    aim: str | None,
    limits: Sequence[str],
    mode: str,
    layers: bool,
    form: Format,
) -> None:
    """Evaluates a design of a template with networks and prints it."""
    if not workloads:
        raise UserError("Give --workload, once for each network that runs on the chip.")
    if mode not in CHIP_MODES:
        raise unknown_name("mode of costing a chip", mode, CHIP_MODES)
    if aim is not None and aim not in AIMS:
        raise unknown_name("aim of a schedule", aim, AIMS)
    targets = [Target.parse(text) for text in limits]
    if len({target.metric for target in targets}) != len(targets):
        raise UserError(f"A metric has two targets: {', '.join(map(str, targets))}.")
    template = load_chip(name_or_path)
    networks = tuple(load_workload(each) for each in workloads)
    values = with_changes(template.space, template.space.values(template.nominal), changes)
    design, goal, costs = template.space.design(values), goal_of(aim, targets), ChipCosts(mode)
    (outcome,) = evaluated_designs(template, [(design, networks)], goal, costs)
    if form == "json":
        emit_json(chips.payload(template, design, networks, goal, targets, costs.mode, outcome))
        return
    if form == "csv":
        emit(form, LAYERS, chips.run_rows(outcome) if isinstance(outcome, ChipCost) else [])
        if isinstance(outcome, Infeasible):
            say(f"it cannot be built: {outcome.reason}")
        return
    console = stdout()
    of = " + ".join(network.name for network in networks)
    console.print(words(f"{template.name} with {of}, {chips.AIM_WORDS[goal.aim]}", "bold"))
    if isinstance(outcome, Infeasible):
        _print_infeasible(console, outcome)
        return
    _print_cost(console, template, design, outcome, goal, targets, costs.mode)
    if layers:
        console.print()
        console.print(table(LAYERS, chips.run_rows(outcome)))


def _print_infeasible(console: Console, outcome: Infeasible) -> None:
    console.print(f"\nIt cannot be built: {outcome.reason}.")
    if outcome.levers:
        console.print(f"Axes that would help: {', '.join(outcome.levers)}.")


def _print_cost(
    console: Console,
    template: ChipTemplate,
    design: Design,
    cost: ChipCost,
    goal: Goal,
    targets: Sequence[Target],
    mode: ChipMode,
) -> None:
    console.print(f"costs: {mode}; {chips.verdict(cost, goal)}\n")
    rows = chips.part_rows(template, design, cost)
    console.print(table(PARTS, rows))
    for field, unit, total in (
        ("pes", "PEs", template.file.totals.pes.most),
        ("noc_bytes_per_cycle", "bytes per cycle", template.file.totals.noc_bytes_per_cycle.most),
    ):
        asked = [row[f"asked_{field}"] for row in rows]
        if sum(asked) > total:
            console.print(f"of {total:,} {unit} they ask for {' + '.join(map(str, asked))}: granted in proportion")
    bound = {target.metric: target for target in targets}
    facts = []
    for key in dict.fromkeys(("latency_cycles", "energy_pj", "area_um2", *bound)):
        shown = metric(key, cost.metrics.get(key))
        if key in bound:
            target = bound[key]
            shown += f", {'within' if target.met(cost.metrics) else 'above'} the limit of {metric(key, target.bound)}"
        facts.append((key.rsplit("_", 1)[0], shown))
    console.print()
    console.print(listed(facts))
    console.print()
    print_chart(console, cost)


def print_chart(console: Console, cost: ChipCost) -> None:
    """The schedule over time, at most 80 columns wide."""
    parts = [f"{part.name} {part.flow}" for part in cost.table.chip.parts]
    margin = max(map(len, parts)) + 1
    width = max(min(console.width, WIDTH) - margin, 20)
    makespan = cost.metrics.latency_cycles
    drawn = chart(chips.blocks(cost), makespan, width)
    for part, spans in zip(parts, drawn.rows, strict=True):
        line = Text(part.ljust(margin), no_wrap=True, overflow="crop")
        for span in spans:
            line.append(span.text, "dim" if span.network is None else COLOURS[span.network % len(COLOURS)])
        console.print(line)
    marks = ["0", *(metric("latency_cycles", makespan * i / (MARKS - 1), 3) for i in range(1, MARKS))]
    console.print(" " * margin + scale(marks, width))
    for i, network in enumerate(cost.table.networks):
        legend = f"{letter(i)} {network.name}, {cost.table.network.count(i)} layers, numbered as they are listed"
        console.print(words(legend, COLOURS[i % len(COLOURS)]))
    if drawn.hidden:
        console.print(f"{drawn.hidden} layers are too short to be drawn; --layers lists all")
