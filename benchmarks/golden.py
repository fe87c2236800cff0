"""Rows recorded from ZigZag 3.9.1, as architectures, layers and mappings of the workbench."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import UserError
from workbench.problem.arch import Arch, Memory, MemoryKind, Port, Unrolling
from workbench.problem.layer import Layer
from workbench.problem.metrics import Metrics
from workbench.simulators.loopnest.engine import sliding_loops
from workbench.simulators.loopnest.orders import tabulate
from workbench.simulators.loopnest.outcomes import cost_of
from workbench.simulators.loopnest.spatial import spread

HERE = Path(__file__).resolve().parent
SHARED = HERE.parent.parent / "shared" / "golden" / "zigzag.json.gz"
COPIED = HERE.parent / "tests" / "golden" / "zigzag.json.gz"

OPERANDS = {"I1": "I", "I2": "W", "O": "O"}
CRITERIA = {"latency": "latency", "energy": "energy", "EDP": "edp"}
SYSTOLIC = {"tpu_like": ("D1", "D2")}
"""Array dimensions that data ripples along: a fact of the architecture that the recorded rows leave out."""


@dataclass(frozen=True)
class Row:
    """One recorded search: what it ran on, and its best mapping by latency, energy and EDP."""

    content: dict[str, Any]

    @property
    def name(self) -> str:
        """What identifies the row to a reader."""
        c = self.content
        return f"{c['id']:>3} {c['arch']} {c['layer']} {c['mapping_policy']}"

    @property
    def layer(self) -> Layer:
        """The layer, in loops per group."""
        dims, bits = self.content["dims"], self.content["bits"]
        return Layer(
            name=self.content["layer"],
            op="conv",
            dims=(dims["B"], 1, *(dims[d] for d in ("K", "C", "OY", "OX", "FY", "FX"))),
            stride=(dims["stride"], dims["stride"]),
            padding=(dims.get("pad", 0),) * 4,
            weight_bits=bits["W"],
            input_bits=bits["I"],
            partial_bits=bits["psum"],
            output_bits=bits["O"],
        )

    @property
    def arch(self) -> Arch:
        """The architecture, with the spatial mapping that was asked for."""
        asked: dict[str, list[str]] = self.content["requested_spatial_mapping"]
        rule: tuple[tuple[str, Unrolling], ...] = tuple(
            (dim, tuple((loop.split(",")[0], int(loop.split(",")[1])) for loop in loops))
            for dim, loops in asked.items()
        )
        return Arch(
            name=self.content["arch"],
            array=tuple(self.content["pe_array"].items()),
            mac_energy_pj=self.content["mac_energy_pj"],
            memories=tuple(_memory(name, m) for name, m in self.content["memories"].items()),
            spatial_mapping=rule or "auto",
            systolic=SYSTOLIC.get(self.content["arch"], ()),
        )

    def best(self, criterion: str) -> tuple[float, float]:
        """(pJ, cycles) of the recorded best mapping by a criterion of `CRITERIA`."""
        found = self.content["best"][criterion]
        return float(found["energy_pj"]), float(found["latency_cycles"])

    def ideal_cycles(self, criterion: str) -> float:
        """The recorded MACs / PEs."""
        return float(self.content["best"][criterion]["latency_ideal"])

    def ours(self, criterion: str) -> Metrics:
        """What the engine says of the recorded best mapping."""
        layer, found = self.layer, self.content["best"][criterion]
        spatial = spread(
            layer, [(dim, [(d, int(n)) for d, n in loops.items()]) for dim, loops in found["spatial_mapping"].items()]
        )
        levels = {o: [[(d, int(f)) for d, f in lv] for lv in found["temporal_mapping"][o]] for o in ("W", "I", "O")}
        order = [loop for level in levels["O"] for loop in level]
        kinds = sorted(set(order))
        orders = tabulate(
            kinds, np.array([[kinds.index(loop) for loop in order]], dtype=np.int64), sliding_loops(layer)
        )
        cut = {operand: tuple(accumulate(len(level) for level in found)) for operand, found in levels.items()}
        return cost_of(layer, self.arch, spatial, orders, cut)


def _memory(name: str, content: dict[str, Any]) -> Memory:
    kind: MemoryKind = "dram" if name == "dram" else "register_file" if name.startswith("rf") else "sram"
    return Memory(
        name=name,
        kind=kind,
        size_bits=content["size_bits"],
        operands=tuple(OPERANDS[o] for o in content["operands"]),
        shared_over=tuple(content["served"]),
        ports=tuple(Port(k, width, step) for k, step, width in content["ports"]),
        read_energy_pj=content["r_cost_pj"],
        write_energy_pj=content["w_cost_pj"],
    )


def rows(path: Path | None = None) -> Iterator[Row]:
    """The rows of a file, or of the recorded file where it lies beside the checkout, or of the copy in `tests`."""
    path = path or (SHARED if SHARED.exists() else COPIED)
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a gzipped JSON file of recorded rows: {error}.") from None
    for row in content["rows"]:
        yield Row(row)
