"""What fusion changes on an architecture, unmodified and searched: measured pair by pair, kept, printed as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from benchmarks.results import Results
from workbench.problem.arch import Arch
from workbench.problem.template import Template, load_template
from workbench.problem.workload import Workload, load_workload
from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.order import Objective, Order
from workbench.simulators.fused.search import DoesNotFitError, best_schedule
from workbench.simulators.fused.simulator import Fused, FusedSettings
from workbench.simulators.fused.storage import Homes

CLAIMED = {"dram": -0.556, "latency": -0.367, "energy": -0.492}
"""Yang & Chang 2022, abstract: less memory bandwidth, latency and energy; networks and settings are not published."""
SEED = 1
KIB = 8 * 2**10


@dataclass(frozen=True)
class Measured:
    """One design: what a network costs on it fused the best way, and layer by layer."""

    arch: Arch
    fused: Cost
    alone: Cost


def measured(template: Template, workload: Workload, objective: Objective, designs: int) -> Iterator[Measured]:
    """The unmodified architecture and designs drawn at random, those that can be built."""
    drawn = template.space.sample(designs, np.random.default_rng(SEED))
    for arch in (template.nominal(), *(template.arch(design) for design in drawn)):
        with suppress(DoesNotFitError):
            found = best_schedule(arch, workload, objective)
            yield Measured(arch, found.cost, found.layer_by_layer)


def compared(name: str, network: str, objective: Objective, designs: int) -> list[dict[str, Any]]:
    """A network on an architecture: `nominal` is the unmodified one with and without fusion; `searched` the best design
    with fusion against the best one without, each of the same designs.
    """
    template, order = load_template(name), Order(objective)
    found = list(measured(template, load_workload(network), objective, designs))
    rows = []
    if found and found[0].arch == template.nominal():
        rows.append(_row(network, name, "nominal", found[0], found[0]))
    if designs and found:
        fused = min(found, key=lambda each: order.key(each.fused))
        alone = min(found, key=lambda each: order.key(each.alone))
        rows.append(_row(network, name, "searched", fused, alone))
    return rows


def _row(network: str, arch: str, hardware: str, fused: Measured, alone: Measured) -> dict[str, Any]:
    changed = {
        "dram": fused.fused.traffic_bits / alone.alone.traffic_bits - 1,
        "latency": fused.fused.latency_cycles / alone.alone.latency_cycles - 1,
        "energy": fused.fused.energy_pj / alone.alone.energy_pj - 1,
    }
    return {
        "network": network,
        "arch": arch,
        "hardware": hardware,
        **changed,
        "reached": [what for what, claim in CLAIMED.items() if changed[what] <= claim],
        "memory_kib": _memory(fused.arch),
        "layer_by_layer_memory_kib": _memory(alone.arch),
    }


def _memory(arch: Arch) -> dict[str, float]:
    """The memories that can hold a group's maps or weights, KiB."""
    homes = Homes.of(arch)
    return {arch.memories[m].name: homes.sizes[m] / KIB for m in sorted({*homes.maps, *homes.weights})}


def rows_of(
    kept: Path, archs: Sequence[str], networks: Iterable[str], objective: Objective, designs: int
) -> Iterator[list[dict[str, Any]]]:
    """Pair by pair; what an interrupted run has measured is not measured again."""
    results, simulator = Results(kept), Fused(FusedSettings(objective=objective)).fingerprint
    for network in networks:
        for arch in archs:
            key = f"{network} on {arch}, {designs} designs, {simulator}"
            known = results.get(key) or results.add(key, {"rows": compared(arch, network, objective, designs)})
            yield known["rows"] or [{"network": network, "arch": arch, "hardware": "-", "reached": []}]


HEAD = f"{'network':12} {'architecture':20} {'hardware':9} {'DRAM':>8} {'latency':>8} {'energy':>8}  reaches / memory"


def line_of(row: Mapping[str, Any]) -> str:
    """A row as printed; memories are those of the fused design."""
    begin = f"{row['network']:12} {row['arch']:20} {row['hardware']:9}"
    if "dram" not in row:
        return f"{begin} cannot be built"
    shown = " ".join(f"{100 * row[what]:+7.1f}%" for what in CLAIMED)
    memory = ", ".join(f"{name} {size:g} KiB" for name, size in row["memory_kib"].items())
    return f"{begin} {shown}  {' '.join(row['reached']) or '-'} / {memory}"


def gist_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which rows reach what is claimed, in words."""
    lines = []
    for hardware in ("nominal", "searched"):
        mine = [row for row in rows if row["hardware"] == hardware]
        if mine:
            counts = [f"{what} {100 * claim:.1f} %: {_count(mine, what)}" for what, claim in CLAIMED.items()]
            lines.append(f"{hardware}: of {len(mine)}, {'; '.join(counts)}")
            every = [row for row in mine if len(row["reached"]) == len(CLAIMED)]
            named = ", ".join(f"{row['network']} on {row['arch']}" for row in every)
            lines.append(f"  all three: {len(every)}{': ' + named if named else ''}")
    return lines


def _count(rows: Sequence[Mapping[str, Any]], what: str) -> int:
    return sum(what in row["reached"] for row in rows)
