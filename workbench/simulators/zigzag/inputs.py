"""An architecture and a layer as ZigZag 3.9.1 wants them: the contents of its accelerator, mapping and workload files.

Groups are a loop of their own, as in ZigZag's own reader of ONNX models, so energy and latency cover all of them, and
an array dimension may unroll them. ZigZag names array dimensions D1, D2, ... and knows four; ours are numbered.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from workbench.errors import UserError
from workbench.problem.arch import Arch, Direction, Memory
from workbench.problem.layer import LOOP_DIMS, Layer
from workbench.simulators.external.protocol import unrolling

MOST_DIMS = 4
OPERANDS = {"I": "I1", "W": "I2", "O": "O"}
DIRECTIONS: tuple[tuple[Direction, str], ...] = (
    ("from_high", "fh"),
    ("to_low", "tl"),
    ("from_low", "fl"),
    ("to_high", "th"),
)
EQUATION = "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]"


def array_dims(arch: Arch) -> dict[str, str]:
    """Our array dimension -> ZigZag's.

    Raises:
        UserError: there are more than it knows.
    """
    if len(arch.array) > MOST_DIMS:
        raise UserError(
            f"ZigZag knows up to {MOST_DIMS} array dimensions, and {arch.name} has {len(arch.array)}: "
            f"{', '.join(dim for dim, _ in arch.array)}."
        )
    return {dim: f"D{i + 1}" for i, (dim, _) in enumerate(arch.array)}


def check(arch: Arch) -> None:
    """Refuse what ZigZag would silently take: negative costs lower its energy, an empty memory breaks it.

    Raises:
        UserError: naming the field.
    """
    counts = {f"array.{dim}": size for dim, size in arch.array}
    costs = {"array.mac_energy_pj": arch.mac_energy_pj}
    for memory in arch.memories:
        where = f"memories.{memory.name}"
        counts[f"{where}.size_bits"] = memory.size_bits
        counts |= {f"{where}.ports[{i}].bits_per_cycle": port.bits_per_cycle for i, port in enumerate(memory.ports)}
        costs |= {
            f"{where}.read_energy_pj": memory.read_energy_pj,
            f"{where}.write_energy_pj": memory.write_energy_pj,
        }
    for name, count in counts.items():
        if count < 1:
            raise UserError(f"{arch.name}: {name} must be at least 1, got {count}.")
    for name, cost in costs.items():
        if not (isfinite(cost) and cost >= 0):
            raise UserError(f"{arch.name}: {name} must be a number from 0 up, got {cost}.")


def accelerator(arch: Arch, layer: Layer) -> dict[str, Any]:
    """An accelerator file. The order of its memories is the hierarchy.

    A MAC of other than 8 x 8 bits costs in proportion, as everywhere in the workbench; ZigZag takes one cost for all.
    """
    dims = array_dims(arch)
    return {
        "name": "accelerator",
        "memories": {memory.name: _memory(memory, dims) for memory in arch.memories},
        "operational_array": {
            "unit_energy": arch.mac_energy_pj * (layer.weight_bits * layer.input_bits / 64),
            "unit_area": 0.0,
            "dimensions": list(dims.values()),
            "sizes": [size for _, size in arch.array],
            "systolic_dimensions": [dims[dim] for dim in arch.systolic],
        },
    }


def _memory(memory: Memory, dims: dict[str, str]) -> dict[str, Any]:
    allocation: list[list[str]] = [[] for _ in memory.ports]
    for operand, name in OPERANDS.items():
        if operand in memory.operands:
            for direction, short in DIRECTIONS if operand == "O" else DIRECTIONS[:2]:
                allocation[memory.port_of(operand, direction)].append(f"{name}, {short}")
    letter = {"read": "r", "write": "w", "read_write": "rw"}
    return {
        "size": memory.size_bits,
        "r_cost": float(memory.read_energy_pj),
        "w_cost": float(memory.write_energy_pj),
        "area": 0.0,
        "latency": 1,
        "operands": [name for operand, name in OPERANDS.items() if operand in memory.operands],
        "ports": [
            {
                "name": f"{letter[port.kind]}_port_{i + 1}",
                "type": port.kind,
                "bandwidth_min": port.min_bits_per_cycle,
                "bandwidth_max": port.bits_per_cycle,
                "allocation": allocation[i],
            }
            for i, port in enumerate(memory.ports)
        ],
        "served_dimensions": [dims[dim] for dim in memory.shared_over],
    }


def mapping(arch: Arch, layer: Layer) -> list[dict[str, Any]]:
    """A mapping file: the unrolling that the fill rule gives, or none under `auto`, so that ZigZag generates some.

    Two dimensions may unroll one loop, even beyond its size (13 columns on 8 x 2 units). ZigZag evens out the first of
    the widest dimensions by those before it. That is exact where together they take the whole loop; where they do not,
    it may count work that there is not: 13 columns on 2 x 2 units are 4 steps of 1.86 x 2 columns to it. It stays so,
    since what ZigZag counts is what it is asked for. A dimension that unrolls nothing is given a loop once, or ZigZag
    would fill it.
    """
    content: dict[str, Any] = {"name": "default", "memory_operand_links": dict(OPERANDS)}
    wanted = unrolling(arch, layer)
    if wanted is not None:
        once = max(LOOP_DIMS, key=layer.size)
        content["spatial_mapping"] = {
            name: [f"{loop}, {units}" for loop, units in wanted.get(dim, {}).items()] or [f"{once}, 1"]
            for dim, name in array_dims(arch).items()
        }
    return [content]


def workload(layer: Layer) -> list[dict[str, Any]]:
    """A workload file of one layer; every layer is a convolution, a matrix product one on a single pixel row."""
    top, bottom, left, right = layer.padding
    rows, columns = layer.input_size
    return [
        {
            "id": 0,
            "name": "layer",
            "operator_type": "Conv",
            "equation": EQUATION,
            "dimension_relations": [
                f"ix={layer.stride[1]}*ox+{layer.dilation[1]}*fx",
                f"iy={layer.stride[0]}*oy+{layer.dilation[0]}*fy",
            ],
            "loop_dims": list(LOOP_DIMS),
            "loop_sizes": list(layer.dims),
            "operand_precision": {
                "W": layer.weight_bits,
                "I": layer.input_bits,
                "O": layer.partial_bits,
                "O_final": layer.output_bits,
            },
            "operand_source": {"W": 0, "I": 0},
            "pr_loop_dims": ["IX", "IY"],
            "pr_loop_sizes": [columns, rows],
            "padding": [[left, right], [top, bottom]],
        }
    ]
