"""What a design means physically, without simulating it: numbers that compare architectures and layers of any kind.

A surrogate that learns on axes learns one architecture; one that learns on these can be told about another. All are
worked out for many designs at once. `estimate` is a first guess at latency and energy, which a surrogate corrects: a
roofline over every memory port, with the traffic of a simple blocking of the loops (`blocking`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.problem.arch import AUTO, OPERANDS
from workbench.problem.blocking import INDEXING, blocked
from workbench.problem.hardware import Hardware, hardware_of
from workbench.problem.layer import LOOP_DIMS, Layer
from workbench.problem.space import Design
from workbench.problem.task import Task

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST = 1e-9
"""What an energy in pJ counts at least: a price may be 0."""
OF_OPERAND = (
    "room at the innermost level for the tensor",
    "room at the outermost level on chip for the tensor",
    "bits the array takes a cycle over the width of the innermost port",
    "bits the array takes a cycle over the width of the outermost port on chip",
    "energy of a bit at the innermost level",
    "energy of a bit at the outermost level on chip",
    "units that share an element",
    "DRAM traffic over the tensor",
    "traffic of the outermost level on chip over the tensor",
)
NAMES = (
    "PEs",
    "ideal cycles",
    "cycles with partly filled steps",
    "utilisation",
    *(f"units of {loop}" for loop in LOOP_DIMS),
    *(f"{operand}: {name}" for operand in OPERANDS for name in OF_OPERAND),
    "cycles of DRAM traffic over cycles",
    "cycles of the busiest port on chip over cycles",
    "energy of DRAM traffic over that of MACs",
    "estimated cycles",
    "estimated energy",
    "least cycles over the estimate",
    "least energy over the estimate",
    "levels",
    "systolic dimensions",
    *(f"size of {loop}" for loop in LOOP_DIMS),
    *(f"elements of {operand}" for operand in OPERANDS),
)
"""All but the last but two are base-2 logarithms; energies in pJ, widths in bits per cycle."""


@dataclass(frozen=True)
class Features:
    """`values` (n, len(NAMES)); `estimate` (n, 2), log2 of latency in cycles and of energy in pJ; `area_um2` (n,)."""

    values: Floats
    estimate: Floats
    area_um2: Floats


def features(task: Task, designs: Sequence[Design]) -> Features:
    """The features of designs of a task; of a workload, the means over its layers by their MACs, and sums of estimates.

    The mean of logarithms, so that a workload of one layer twice has the features of that layer.
    """
    hardware = hardware_of(task, designs)
    layers = task.workload.compute_layers()
    macs = np.array([layer.macs * count for layer, count in layers], dtype=np.float64)
    parts = [_of_layer(task, hardware, layer) for layer, _ in layers]
    values, whole = np.zeros_like(parts[0][0]), np.full((len(designs), 2), -np.inf)
    for (found, estimate), weight, (_, count) in zip(parts, macs / macs.sum(), layers, strict=True):
        values = values + weight * found
        whole = np.logaddexp2(whole, estimate + np.log2(count))
    return Features(values, whole, hardware.area_um2)


def _units(task: Task, hardware: Hardware, layer: Layer) -> tuple[Floats, Floats]:
    """(n, a, 8) units of each loop along each array dimension, and (n, 8) iterations that are left to time.

    Under `auto`, the fill rule of the template that leaves the fewest cycles stands in.
    """
    names = [dim for dim, _ in task.template.nominal().array]
    found = []
    for rule in hardware.rules:
        units = np.ones((len(hardware.dims), len(names), len(LOOP_DIMS)))
        left = np.tile(np.array(layer.dims, dtype=np.float64), (len(hardware.dims), 1))
        for dim, loops in rule if not isinstance(rule, str) else ():
            room = hardware.dims[:, names.index(dim)].astype(np.float64)
            for loop, limit in loops:
                at = LOOP_DIMS.index(loop)
                taken = np.minimum(np.minimum(left[:, at], room), np.inf if limit is None else limit)
                units[:, names.index(dim), at] *= taken
                left[:, at] = np.ceil(left[:, at] / taken)
                room = np.floor(room / taken)
        found.append((units, left))
    given = [i for i, rule in enumerate(hardware.rules) if rule != AUTO] or [0]
    fewest = np.array(given)[np.stack([found[i][1].prod(axis=1) for i in given]).argmin(axis=0)]
    auto = np.array([rule == AUTO for rule in hardware.rules])[hardware.rule]
    rule_of = np.where(auto, fewest, hardware.rule)
    rows = np.arange(len(rule_of))
    return np.stack([u for u, _ in found])[rule_of, rows], np.stack([t for _, t in found])[rule_of, rows]


def _of_layer(task: Task, hardware: Hardware, layer: Layer) -> tuple[Floats, Floats]:
    """Features and estimate of one layer."""
    arch = task.template.nominal(task.technology)
    names = [dim for dim, _ in arch.array]
    units, left = _units(task, hardware, layer)
    pes, cycles = hardware.dims.prod(axis=1).astype(np.float64), left.prod(axis=1)
    all_units = units.prod(axis=1)  # (n, 8)
    bits = {"W": layer.weight_bits, "I": layer.input_bits, "O": layer.output_bits}
    found = blocked(arch, layer, hardware, units, left, task.criterion)
    sharing = np.array([float(len(m.operands)) for m in arch.memories])
    instances = np.stack(
        [
            hardware.dims[:, [i for i, d in enumerate(names) if d not in m.shared_over]].prod(axis=1)
            for m in arch.memories
        ],
        axis=1,
    ).astype(np.float64)
    on_chip = hardware.size_bits * instances / sharing  # (n, m) bits of an operand, over all instances
    bit_pj = np.maximum(hardware.read_pj / hardware.width, LEAST)
    mac_energy = layer.macs * arch.mac_energy_pj * (layer.weight_bits * layer.input_bits / 64)
    columns: list[Floats] = []
    for number, operand in enumerate(OPERANDS):
        levels = arch.levels(operand)
        first, last = levels[0], levels[-2] if len(levels) > 1 else levels[-1]
        tensor = layer.elements(operand) * bits[operand]  # type: ignore[arg-type]
        served = [i for i, d in enumerate(names) if d in arch.memories[first].shared_over]
        reusing = [i for i, loop in enumerate(LOOP_DIMS) if loop not in INDEXING[operand]]
        shared = units[:, served][:, :, reusing].prod(axis=(1, 2))
        indexed = all_units[:, [LOOP_DIMS.index(loop) for loop in INDEXING[operand]]].prod(axis=1)
        demand = indexed * bits[operand]
        columns += [
            np.log2(on_chip[:, first] / tensor),
            np.log2(on_chip[:, last] / tensor),
            np.log2(demand / (hardware.width[:, first] * instances[:, first])),
            np.log2(demand / (hardware.width[:, last] * instances[:, last])),
            np.log2(bit_pj[:, first]),
            np.log2(bit_pj[:, last]),
            np.log2(shared),
            np.log2(found.dram_bits[:, number] / tensor),
            np.log2(found.chip_bits[:, number] / tensor),
        ]
    latency, energy = np.log2(found.cycles), np.log2(np.maximum(found.energy_pj, LEAST))
    ideal = layer.macs / pes
    one = np.ones(len(pes))
    values = np.column_stack(
        [
            np.log2(pes),
            np.log2(ideal),
            np.log2(cycles),
            np.log2(ideal / cycles),
            np.log2(all_units),
            *columns,
            np.log2(found.dram_cycles / cycles),
            np.log2(found.port_cycles / cycles),
            np.log2(np.maximum(found.dram_pj, LEAST) / np.maximum(mac_energy, LEAST)),
            latency,
            energy,
            np.log2(found.least_cycles) - latency,
            np.log2(np.maximum(found.least_pj, LEAST)) - energy,
            one * len(arch.memories),
            one * len(arch.systolic),
            one[:, None] * np.log2(layer.dims),
            one[:, None] * np.log2([layer.elements(operand) for operand in OPERANDS]),  # type: ignore[arg-type]
        ]
    )
    return values, np.column_stack([latency, energy])
