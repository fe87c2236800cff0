"""What the data-centric simulator knows of a design beside its metrics: reuse, accesses, bandwidth, what limits it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console

from workbench.cli.output import Column, name, number, table
from workbench.cli.subject import Subject
from workbench.simulators.dataflow import DataflowSimulator
from workbench.simulators.dataflow.costed import Details
from workbench.views.bars import percent

TENSORS = ("input", "weight", "output")


def details_payload(subject: Subject) -> list[dict[str, Any]] | None:
    """Of each layer, for JSON; None under another simulator."""
    simulator = subject.simulator
    if not isinstance(simulator, DataflowSimulator):
        return None
    found = simulator.details(subject.task, subject.design)
    return [
        {"layer": layer.name, "times": times, **asdict(details), "limiting": details.limiting}
        for layer, times, details in found
    ]


def print_details(console: Console, subject: Subject) -> None:
    """A page of one layer, or a table of several; nothing under another simulator."""
    simulator = subject.simulator
    if not isinstance(simulator, DataflowSimulator):
        return
    found = simulator.details(subject.task, subject.design)
    if len(found) == 1:
        _print_layer(console, found[0][2])
        return
    rows = [
        {
            "layer": layer.name,
            "times": times,
            "utilisation": details.utilisation,
            **dict(zip(TENSORS, details.reuse, strict=True)),
            "bandwidth": details.bandwidth,
            "limiting": details.limiting,
        }
        for layer, times, details in found
    ]
    reuse = [number(tensor, f"{tensor} reuse", _short) for tensor in TENSORS]
    columns = [
        name("layer", "layer"),
        number("times", "times"),
        number("utilisation", "utilisation", percent),
        *reuse,
        number("bandwidth", "values/cycle", _short),
        Column("limiting", "most cycles wait for"),
    ]
    console.print(table(columns, rows))
    console.print()


def _print_layer(console: Console, details: Details) -> None:
    facts = (
        ("MACs per value of the shared buffer", details.reuse),
        ("shared buffer reads", details.shared_reads),
        ("shared buffer writes", details.shared_writes),
        ("private buffer reads", details.private_reads),
        ("private buffer writes", details.private_writes),
        ("DRAM reads", details.dram_reads),
        ("DRAM writes", details.dram_writes),
        ("bits needed in each PE", details.private_need_bits),
        ("bits needed in the shared buffer", details.shared_need_bits),
    )
    rows = [{"what": what, **dict(zip(TENSORS, values, strict=True))} for what, values in facts]
    console.print(table([name("what", "dataflow"), *(number(t, t, _short) for t in TENSORS)], rows))
    total = sum(details.bound_by.values())
    waits = ", ".join(f"{what} {percent(cycles / total)}" for what, cycles in details.bound_by.items() if cycles)
    console.print(f"\nutilisation {percent(details.utilisation)}; {waits} of the cycles; limited by {details.limiting}")
    console.print(
        f"for computing never to wait: {_short(details.bandwidth)} values per cycle over the NoC, "
        f"{_short(details.offchip_bandwidth)} from and to DRAM\n"
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
