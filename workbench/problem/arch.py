"""A concrete accelerator: PE array, memory levels, ports, costs and the rule that maps loops onto the array."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from json import dumps
from math import prod
from typing import Any, Literal

from workbench.errors import UserError

OPERANDS: tuple[str, ...] = ("W", "I", "O")
MemoryKind = Literal["register_file", "sram", "dram"]
PortKind = Literal["read", "write", "read_write"]
Direction = Literal["to_low", "from_low", "to_high", "from_high"]

AUTO = "auto"
"""The spatial-mapping rule that generates candidates instead of filling the array by a fixed list."""

Unrolling = tuple[tuple[str, int | None], ...]
"""What one array dimension unrolls, in order: (loop dimension, limit); None fills what is left of the array."""


@dataclass(frozen=True, slots=True)
class Port:
    """One physical port of a memory; a word of `bits_per_cycle` may be used in steps of `min_bits_per_cycle`."""

    kind: PortKind
    bits_per_cycle: int
    min_bits_per_cycle: int

    def __post_init__(self) -> None:
        if not 0 < self.min_bits_per_cycle <= self.bits_per_cycle:
            raise UserError(
                f"A port's min_bits_per_cycle must lie in 1..bits_per_cycle ({self.bits_per_cycle}), "
                f"got {self.min_bits_per_cycle}."
            )


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory level: `shared_over` names the array dimensions that one instance serves.

    Energies are pJ per access of one full port word; `area_um2` is that of one instance.
    """

    name: str
    kind: MemoryKind
    size_bits: int
    operands: tuple[str, ...]
    shared_over: tuple[str, ...]
    ports: tuple[Port, ...]
    read_energy_pj: float
    write_energy_pj: float
    banks: int = 1
    area_um2: float = 0.0

    @property
    def word_bits(self) -> int:
        """The widest port, in bits: the word that an access is priced by."""
        return max(port.bits_per_cycle for port in self.ports)

    def port_of(self, operand: str, direction: Direction) -> int:
        """The index of the port that moves an operand in a direction.

        Where a memory has several ports of a kind, traffic with the level below takes the first for reads and the
        last for writes, traffic with the level above the other end, so that they do not meet; this is how the
        architectures bundled here (and ZigZag's examples, their source) allocate theirs.
        """
        reads = direction in ("to_low", "to_high")
        fitting = [i for i, p in enumerate(self.ports) if p.kind == ("read" if reads else "write")]
        if not fitting:
            fitting = [i for i, p in enumerate(self.ports) if p.kind == "read_write"]
        first = direction in ("to_low", "from_high") or operand != "O"
        return fitting[0] if first else fitting[-1]


@dataclass(frozen=True)
class Arch:
    """A concrete architecture. `memories` run from the innermost outwards; the last one holds every operand."""

    name: str
    array: tuple[tuple[str, int], ...]
    mac_energy_pj: float
    memories: tuple[Memory, ...]
    spatial_mapping: tuple[tuple[str, Unrolling], ...] | Literal["auto"]
    clock_mhz: float = 1000.0
    systolic: tuple[str, ...] = ()
    mac_area_um2: float = 0.0
    dataflow: tuple[tuple[str, int], ...] = ()
    """Tile and cluster sizes that a data-centric dataflow takes instead of its own, by name."""

    @cached_property
    def array_size(self) -> dict[str, int]:
        """Array dimension -> number of PEs along it."""
        return dict(self.array)

    @property
    def pes(self) -> int:
        """The number of processing elements (one MAC each)."""
        return prod(size for _, size in self.array)

    def instances(self, memory: Memory) -> int:
        """How many instances of a memory level there are."""
        return prod(size for dim, size in self.array if dim not in memory.shared_over)

    def levels(self, operand: str) -> tuple[int, ...]:
        """The indices of the memories that hold an operand, innermost first."""
        return tuple(i for i, memory in enumerate(self.memories) if operand in memory.operands)

    @cached_property
    def area_um2(self) -> float:
        """On-chip area: every PE's MAC and every instance of every memory."""
        return self.pes * self.mac_area_um2 + sum(m.area_um2 * self.instances(m) for m in self.memories)

    def canonical(self) -> dict[str, Any]:
        """Everything that decides what an evaluation costs, as JSON-able content; the name is left out."""
        content = asdict(self)
        del content["name"]
        if not self.dataflow:
            del content["dataflow"]
        return content

    @cached_property
    def key(self) -> bytes:
        """16 bytes that equal architectures share, whatever they are called."""
        return blake2b(dumps(self.canonical(), sort_keys=True).encode(), digest_size=16).digest()


def check_arch(arch: Arch, where: str) -> None:
    """Refuse an architecture that no simulator could make sense of.

    Raises:
        UserError: naming `where` the fault was met, the field and what would be right.
    """
    dims = set(arch.array_size)
    for memory in arch.memories:
        _check_memory(memory, dims, where)
    for operand in OPERANDS:
        _check_hierarchy(arch, operand, where)
    if isinstance(arch.spatial_mapping, str):
        return
    for dim, unrolling in arch.spatial_mapping:
        if dim not in dims:
            raise UserError(f"{where}: a spatial mapping uses {dim!r}, but the array has {sorted(dims)}.")
        if not unrolling:
            raise UserError(f"{where}: a spatial mapping of {dim!r} unrolls nothing.")


def _check_memory(memory: Memory, dims: set[str], where: str) -> None:
    foreign = set(memory.shared_over) - dims
    if foreign:
        raise UserError(
            f"{where}: memory {memory.name!r} is shared over {sorted(foreign)}, but the array has {sorted(dims)}."
        )
    for kind in ("read", "write"):
        if not any(port.kind in (kind, "read_write") for port in memory.ports):
            raise UserError(f"{where}: memory {memory.name!r} has no port that can {kind}.")


def _check_hierarchy(arch: Arch, operand: str, where: str) -> None:
    """One operand's levels: there are some, each serves at least what the one below does, the last one everything."""
    levels = arch.levels(operand)
    last = arch.memories[-1]
    if not levels:
        raise UserError(f"{where}: no memory holds operand {operand!r}.")
    if levels[-1] != len(arch.memories) - 1:
        raise UserError(f"{where}: the last memory, {last.name!r}, must hold every operand; it lacks {operand!r}.")
    served: set[str] = set()
    for level in levels:
        now = set(arch.memories[level].shared_over)
        if not served <= now:
            raise UserError(
                f"{where}: memory {arch.memories[level].name!r} must be shared over {sorted(served)} as well, "
                f"because a level below it that holds {operand!r} is."
            )
        served = now
    if served != set(arch.array_size):
        raise UserError(
            f"{where}: the last memory, {last.name!r}, must be shared over all of {sorted(arch.array_size)}."
        )
