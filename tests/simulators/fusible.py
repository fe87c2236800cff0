"""Small networks whose layers can be fused, and a chip to fuse them on."""

from __future__ import annotations

from workbench.problem.arch import Arch, Memory, Port
from workbench.problem.graph import Node, WorkloadLayer
from workbench.problem.layer import Layer
from workbench.problem.workload import Workload

FACTORS = 3
"""Prime factors that loop orders are made of in these tests: few, so that mappings are found soon."""


def conv(
    name: str, channels: int, filters: int, size: int, *after: str, kernel: int = 3, stride: int = 1
) -> WorkloadLayer:
    layer = Layer.conv(name, channels, filters, kernel, in_size=size, stride=stride, padding=kernel // 2)
    return WorkloadLayer(layer, after)


def branching() -> Workload:
    """A residual block with a pooling behind it."""
    return Workload(
        "branching",
        (
            conv("a", 3, 8, 12),
            conv("b", 8, 8, 12, "a"),
            conv("c", 8, 8, 12, "b", kernel=1),
            Node("sum", "add", ("c", "a")),
            Node("pool", "pool", ("sum",), kernel=(2, 2), stride=(2, 2)),
            conv("d", 8, 4, 6, "pool"),
        ),
    )


def chip(buffer_bits: int = 16384, weight_bits: int = 16384) -> Arch:
    """Four PEs, a buffer for maps, one for weights, a slow DRAM."""

    def memory(name: str, operands: tuple[str, ...], bits: int, width: int, cost: float) -> Memory:
        ports = (Port("read", width, 8), Port("write", width, 8)) if name != "dram" else (Port("read_write", width, 8),)
        kind = "dram" if name == "dram" else "sram"
        return Memory(name, kind, bits, operands, ("D1", "D2"), ports, cost, cost)  # type: ignore[arg-type]

    return Arch(
        "chip",
        (("D1", 2), ("D2", 2)),
        0.05,
        (
            memory("maps", ("I", "O"), buffer_bits, 64, 4.0),
            memory("weights", ("W",), weight_bits, 64, 4.0),
            memory("dram", ("W", "I", "O"), 10**9, 16, 200.0),
        ),
        (("D1", (("K", None),)), ("D2", (("C", None),))),
    )
