"""What fusion changes on an architecture, unmodified and searched: measured pair by pair, kept, printed as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import benchmarks  # noqa: F401  # before the packages that files beside this one would hide
from benchmarks.results import Results
from workbench.problem.arch import Arch
from workbench.problem.template import load_template
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


def nominal(arch: str, network: str, objective: Objective) -> list[dict[str, Any]]:
    """The unmodified architecture with fusion against the same without; no row where it cannot be built."""
    found = _measured([load_template(arch).nominal()], load_workload(network), objective)
    return [_row(network, arch, "nominal", each, each) for each in found]


def searched(arch: str, network: str, objective: Objective, designs: int) -> list[dict[str, Any]]:
    """The best design with fusion against the best one without, each of the same ones: drawn at random, beside the
    unmodified one.
    """
    template, order = load_template(arch), Order(objective)
    drawn = [template.arch(design) for design in template.space.sample(designs, np.random.default_rng(SEED))]
    found = list(_measured([template.nominal(), *drawn], load_workload(network), objective))
    if not found:
        return []
    fused = min(found, key=lambda each: order.key(each.fused))
    alone = min(found, key=lambda each: order.key(each.alone))
    return [_row(network, arch, "searched", fused, alone)]


def _measured(archs: Iterable[Arch], workload: Workload, objective: Objective) -> Iterator[Measured]:
    """Those that can be built."""
    for arch in archs:
        with suppress(DoesNotFitError):
            found = best_schedule(arch, workload, objective)
            yield Measured(arch, found.cost, found.layer_by_layer)


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
    kept: Path, archs: Sequence[str], networks: Sequence[str], objective: Objective, designs: int
) -> Iterator[list[dict[str, Any]]]:
    """Pair by pair, first as they are, then searched; what an interrupted run has measured is not measured again."""
    results, simulator = Results(kept), Fused(FusedSettings(objective=objective)).fingerprint
    for hardware in ("nominal", "searched") if designs else ("nominal",):
        for network, arch in product(networks, archs):
            key = f"{network} on {arch}, {hardware}, {simulator}"
            if hardware == "nominal":
                known = results.get(key) or results.add(key, {"rows": nominal(arch, network, objective)})
            else:
                key += f", {designs} designs"
                known = results.get(key) or results.add(key, {"rows": searched(arch, network, objective, designs)})
            yield known["rows"] or [{"network": network, "arch": arch, "hardware": hardware, "reached": []}]


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
        mine = [row for row in rows if row["hardware"] == hardware and "dram" in row]
        if mine:
            counts = [f"{what} {100 * claim:.1f} %: {_count(mine, what)}" for what, claim in CLAIMED.items()]
            lines.append(f"{hardware}: of {len(mine)}, {'; '.join(counts)}")
            every = [row for row in mine if len(row["reached"]) == len(CLAIMED)]
            named = ", ".join(f"{row['network']} on {row['arch']}" for row in every)
            lines.append(f"  all three: {len(every)}{': ' + named if named else ''}")
    return lines


def _count(rows: Sequence[Mapping[str, Any]], what: str) -> int:
    return sum(what in row["reached"] for row in rows)
