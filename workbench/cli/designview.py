"""A design shown: its values, metrics, where energy and time go, and each layer's mapping as a loop nest."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console

from workbench.cli.dataflowdetail import details_payload, print_details
from workbench.cli.nominal import nominal_values
from workbench.cli.options import Format
from workbench.cli.output import Column, emit, emit_json, name, number, stdout, table, words
from workbench.cli.subject import Subject
from workbench.problem.arch import OPERANDS
from workbench.problem.layer import Layer
from workbench.problem.metrics import METRIC_UNITS, Breakdown, Infeasible, Metrics, Outcome, total
from workbench.problem.workload import Workload
from workbench.simulators.loopnest.nest import render
from workbench.views.bars import bar, percent
from workbench.views.quantity import METRIC_WORDS, duration, metric

BAR_WIDTH = 20
LAYERS = (
    name("layer", "layer"),
    number("times", "times"),
    number("latency_cycles", "latency", lambda value: metric("latency_cycles", value)),
    number("energy_pj", "energy", lambda value: metric("energy_pj", value)),
    number("power_mw", "power", lambda value: metric("power_mw", value)),
    Column("infeasible", "cannot be built because"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A layer of the workload, how often it occurs, and what one of it came to."""

    layer: Layer
    times: int
    outcome: Outcome


def show(subject: Subject, form: Format) -> None:
    """Evaluates the subject and prints it."""
    parts = _parts(subject)
    outcome = _sum(parts) if parts else subject.outcomes([subject.task])[0]
    if form == "json":
        emit_json(_payload(subject, parts, outcome))
    elif form == "csv":
        emit(form, [*LAYERS, Column("edp_js", "EDP"), Column("area_um2", "area")], [_row(part) for part in parts])
    else:
        _print(stdout(), subject, parts, outcome)


def _parts(subject: Subject) -> list[Part]:
    """Every different layer on its own, so that each has its mapping; none where the simulator sees the whole only."""
    if not subject.simulator.per_layer:
        return []
    layers = subject.task.workload.compute_layers()
    alone = [replace(subject.task, workload=Workload.chain(layer.name, [layer])) for layer, _ in layers]
    outcomes = subject.outcomes(alone)
    return [Part(layer, times, outcome) for (layer, times), outcome in zip(layers, outcomes, strict=True)]


def _sum(parts: list[Part]) -> Outcome:
    """The sum over the layers, or the first reason why there is none."""
    built: list[tuple[Metrics, int]] = []
    for part in parts:
        if isinstance(part.outcome, Infeasible):
            return part.outcome
        built.append((part.outcome, part.times))
    return total(built)


def _row(part: Part) -> dict[str, Any]:
    outcome = part.outcome
    metrics = {m: outcome.get(m) if isinstance(outcome, Metrics) else None for m in METRIC_UNITS}
    reason = outcome.reason if isinstance(outcome, Infeasible) else None
    return {"layer": part.layer.name, "times": part.times, **metrics, "infeasible": reason}


def _payload(subject: Subject, parts: list[Part], outcome: Outcome) -> dict[str, Any]:
    task = subject.task
    built = outcome if isinstance(outcome, Metrics) else None
    return {
        "arch": task.template.name,
        "workload": task.workload.name,
        "technology": task.technology,
        "criterion": task.criterion,
        "simulator": subject.simulator.fingerprint,
        "design": task.space.values(subject.design),
        "metrics": built and {m: built.get(m) for m in METRIC_UNITS},
        "infeasible": asdict(outcome) if isinstance(outcome, Infeasible) else None,
        "breakdown": built and built.breakdown and asdict(built.breakdown),
        "dataflow": details_payload(subject) if built else None,
        "layers": [
            {**_row(part), "mapping": part.outcome.mapping and asdict(part.outcome.mapping)}
            if isinstance(part.outcome, Metrics)
            else {**_row(part), "mapping": None}
            for part in parts
        ],
    }


def _print(console: Console, subject: Subject, parts: list[Part], outcome: Outcome) -> None:
    task = subject.task
    console.print(words(f"{task.template.name} on {task.workload.name}", "bold"))
    console.print(
        f"{subject.simulator.fingerprint}, {task.technology} technology, mapping chosen by {task.criterion}\n"
    )
    _print_design(console, subject)
    if isinstance(outcome, Infeasible):
        _print_infeasible(console, outcome, parts)
        return
    _print_metrics(console, outcome)
    if outcome.breakdown is not None:
        unicode = console.encoding.startswith("utf")
        memories = [memory.name for memory in task.arch(subject.design).memories]
        _print_energy(console, outcome.breakdown, memories, unicode)
        _print_latency(console, outcome.breakdown, outcome.latency_cycles, unicode)
    print_details(console, subject)
    if len(parts) > 1:
        console.print(table([c for c in LAYERS if c.key != "infeasible"], [_row(part) for part in parts]))
        console.print("\nFor the mapping of a layer as a loop nest, evaluate it alone: --layer NAME")
    for part in parts if len(parts) == 1 else ():
        if isinstance(part.outcome, Metrics) and part.outcome.mapping is not None:
            console.print(render(part.outcome.mapping, part.layer), soft_wrap=True)


def _print_design(console: Console, subject: Subject) -> None:
    """The values, those that differ from the unmodified architecture marked."""
    nominal = nominal_values(subject.task.template)
    rows = [
        {"axis": axis, "value": value, "nominal": None if value == nominal[axis] else nominal[axis]}
        for axis, value in subject.task.space.values(subject.design).items()
    ]
    changed = any(row["nominal"] is not None for row in rows)
    columns = [name("axis", "axis"), Column("value", "value")]
    if changed:
        columns.append(Column("nominal", "unmodified", style="dim"))
    rows = [{**row, "nominal": "" if row["nominal"] is None else row["nominal"]} for row in rows]
    console.print(table(columns, rows))
    console.print()


def _print_metrics(console: Console, metrics: Metrics) -> None:
    for key in METRIC_UNITS:
        text = f"{METRIC_WORDS[key]:8} {metric(key, metrics.get(key))}"
        if key == "latency_cycles":
            text += f" = {duration(metrics.latency_s)} at {metrics.clock_mhz:g} MHz"
        console.print(text)
    if metrics.accuracy is not None:
        console.print(f"accuracy {metrics.accuracy:.4g}")
    console.print()


def _print_energy(console: Console, breakdown: Breakdown, memories: list[str], unicode: bool) -> None:
    """Innermost memory first, each operand in a column."""
    rows: list[dict[str, Any]] = [{"part": "MACs", "total": breakdown.mac_energy_pj}]
    known = dict.fromkeys([*memories, *(memory for memory, _, _ in breakdown.memory_energy_pj)])
    for memory in known:
        per_operand = {o: pj for m, o, pj in breakdown.memory_energy_pj if m == memory}
        rows.append({"part": memory, **per_operand, "total": sum(per_operand.values())})
    sums = {o: sum(row.get(o, 0.0) for row in rows) for o in OPERANDS}
    energy_pj = sum(row["total"] for row in rows)
    rows.append({"part": "total", **sums, "total": energy_pj})
    for row in rows:
        share = row["total"] / energy_pj if energy_pj else 0.0
        row.update({o: row.get(o) for o in OPERANDS})
        row.update({"share": share, "bar": "" if row["part"] == "total" else bar(share, BAR_WIDTH, unicode)})
    joules = [number(o, o, lambda pj: metric("energy_pj", pj, 3)) for o in OPERANDS]
    columns = [
        name("part", "energy"),
        *joules,
        number("total", "all", lambda pj: metric("energy_pj", pj, 3)),
        number("share", "share", percent),
        Column("bar", "", style="green", whole=True),
    ]
    console.print(table(columns, rows))
    console.print()


def _print_latency(console: Console, breakdown: Breakdown, latency_cycles: float, unicode: bool) -> None:
    parts = (
        ("computing, array full", breakdown.ideal_cycles),
        ("array not full", breakdown.spatial_stall_cycles),
        ("waiting for memory ports", breakdown.temporal_stall_cycles),
        ("loading before the first MAC", breakdown.onload_cycles),
        ("storing after the last MAC", breakdown.offload_cycles),
        ("total", latency_cycles),
    )
    rows = [
        {
            "part": part,
            "cycles": cycles,
            "share": cycles / latency_cycles if latency_cycles else 0.0,
            "bar": "" if part == "total" else bar(cycles / latency_cycles if latency_cycles else 0, BAR_WIDTH, unicode),
        }
        for part, cycles in parts
    ]
    columns = [
        name("part", "latency"),
        number("cycles", "cycles", lambda value: f"{value:,.0f}"),
        number("share", "share", percent),
        Column("bar", "", style="cyan", whole=True),
    ]
    console.print(table(columns, rows))
    console.print()


def _print_infeasible(console: Console, outcome: Infeasible, parts: list[Part]) -> None:
    console.print(words("This design cannot be built.", "bold red"))
    for failing in [part.layer.name for part in parts if part.outcome is outcome]:
        console.print(f"layer {failing}:")
    console.print(outcome.reason)
    console.print(f"{outcome.resource}: {outcome.demand:g} needed, {outcome.bound:g} there")
    if outcome.levers:
        console.print(f"Axes that would help: {', '.join(outcome.levers)}")
