"""Random small architectures and layers for the laws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from workbench.problem.arch import Arch, Memory, MemoryKind, Port
from workbench.problem.layer import Layer


def _ports(kind: str, width: int, step: int) -> tuple[Port, ...]:
    if kind == "shared":
        return (Port("read_write", width, step),)
    pair = (Port("read", width, step), Port("write", width, step))
    return pair if kind == "pair" else (*pair, *pair)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Convolutions of a few thousand MACs, with stride, dilation, padding, groups and odd sizes."""
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    out = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    partial = draw(st.sampled_from([8, 16, 24]))
    padding = draw(st.integers(0, 1)) if min(kernel) > 2 and min(out) > 2 else 0
    return Layer(
        name="layer",
        op="conv",
        dims=(
            draw(st.integers(1, 2)),
            draw(st.integers(1, 3)),
            draw(st.integers(1, 12)),
            draw(st.integers(1, 12)),
            *out,
            *kernel,
        ),
        stride=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        padding=(padding,) * 4,
        weight_bits=draw(st.sampled_from([4, 8])),
        input_bits=8,
        partial_bits=partial,
        output_bits=8,
    )


@st.composite
def archs(draw: st.DrawFn) -> Arch:
    """Two array dimensions, register files of some operands, one or two buffers, DRAM."""
    array = (("D1", draw(st.integers(1, 6))), ("D2", draw(st.integers(1, 6))))
    served = draw(st.sampled_from([(), ("D1",), ("D2",)]))
    memories: list[Memory] = []

    def memory(name: str, operands: tuple[str, ...], shared: tuple[str, ...], bits: int, cost: float) -> None:
        width = draw(st.sampled_from([16, 64, 128]))
        step = draw(st.sampled_from([8, width]))
        ports = _ports(draw(st.sampled_from(["shared", "pair", "double"])), width, step)
        kind: MemoryKind = "register_file" if shared != ("D1", "D2") else "dram" if name == "dram" else "sram"
        memories.append(Memory(name, kind, bits, operands, shared, ports, cost, cost * 1.25))

    for operand in ("W", "I", "O"):
        if draw(st.booleans()):
            memory(f"rf_{operand}", (operand,), served, draw(st.sampled_from([32, 128, 1024])), 0.05)
    held = draw(st.sampled_from([("W", "I", "O"), ("I", "O"), ("W",), ("I",)]))
    memory("buffer", held, ("D1", "D2"), draw(st.sampled_from([4096, 32768, 262144])), 4.0)
    memory("dram", ("W", "I", "O"), ("D1", "D2"), 10**8, 100.0)
    first = draw(st.sampled_from(["K", "OX", "C"]))
    second = draw(st.sampled_from(["OY", "C", "FX"]))
    return Arch(
        name="small",
        array=array,
        mac_energy_pj=0.05,
        memories=tuple(memories),
        spatial_mapping=(("D1", ((first, None),)), ("D2", ((second, None), ("K", None)))),
    )


def with_memory(arch: Arch, name: str, **changes: Any) -> Arch:
    """The architecture with one memory changed."""
    memories = tuple(replace(m, **changes) if m.name == name else m for m in arch.memories)
    return replace(arch, memories=memories)


def wider(memory: Memory, factor: int) -> tuple[Port, ...]:
    """The memory's ports, `factor` times as wide, with the same smallest step."""
    return tuple(replace(p, bits_per_cycle=p.bits_per_cycle * factor) for p in memory.ports)
