"""An architecture file: fixed facts and free axes, made concrete by a design."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from workbench.errors import UserError, unknown_name
from workbench.problem.arch import OPERANDS, Arch, Memory, MemoryKind, Port, PortKind, Unrolling, check_arch
from workbench.problem.datafiles import data_dir
from workbench.problem.layer import LOOP_DIMS
from workbench.problem.space import Axis, Choice, Design, Space
from workbench.problem.technology import (
    MAC_AREA_UM2,
    MAC_PJ,
    Scale,
    access_energy,
    memory_area_um2,
)
from workbench.problem.yamlfile import build_model, read_model


def no_truth(value: Any) -> Any:
    """YAML reads yes, no, on and off as truth values, which would pass as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("input should be a number or a name, not a truth value")
    return value


Count = Annotated[int, BeforeValidator(no_truth), Field(gt=0, le=2**53)]
Cost = Annotated[float, BeforeValidator(no_truth), Field(ge=0, le=1e12, allow_inf_nan=False)]  # pJ: up to 1 J
Clock = Annotated[float, BeforeValidator(no_truth), Field(ge=1e-6, le=1e6, allow_inf_nan=False)]  # MHz: 1 Hz to 1 THz
Value = Annotated[int | float | str, BeforeValidator(no_truth)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_\-]*$", max_length=64)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PortFile(_Part):
    """One port of a memory, in bits per cycle."""

    kind: PortKind
    bits_per_cycle: Count
    min_bits_per_cycle: Count | None = None


class MemoryFile(_Part):
    """One memory level; energies are pJ per access of one full word of the widest port."""

    name: Name
    kind: MemoryKind
    size_bits: Count
    operands: tuple[Literal["W", "I", "O"], ...] = Field(min_length=1)
    shared_over: tuple[Name, ...] | Literal["all"] = ()
    banks: Count = 1
    read_energy_pj: Cost
    write_energy_pj: Cost
    ports: tuple[PortFile, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _banks_hold_something(self) -> MemoryFile:
        most = min(self.size_bits, max(port.bits_per_cycle for port in self.ports))
        if self.banks > most:
            raise ValueError(f"banks must be at most {most}, one for each bit of a word, got {self.banks}")
        return self


class ArrayFile(_Part):
    """The PE array: its dimensions, the energy of one 8 x 8 bit MAC, and the dimensions data ripples along."""

    dims: dict[Name, Count] = Field(min_length=1)
    mac_energy_pj: Cost
    systolic: tuple[Name, ...] = ()


class AxisFile(_Part):
    """A free axis: what it sets, and the choices."""

    sets: str | Annotated[tuple[str, ...], Field(min_length=1)]
    choices: tuple[Value, ...] = Field(min_length=1)


class ArchFile(_Part):
    """The content of an architecture file."""

    name: Name
    description: str = ""
    source: str = ""
    clock_mhz: Clock = 1000.0
    array: ArrayFile
    memories: tuple[MemoryFile, ...] = Field(min_length=1)
    spatial_mappings: dict[Name, Literal["auto"] | dict[Name, tuple[str, ...]]] = Field(min_length=1)
    dataflow: dict[Name, Count] = {}
    axes: dict[Name, AxisFile] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_known(self) -> ArchFile:
        dims = list(self.array.dims)
        memories = [m.name for m in self.memories]
        if len(set(memories)) != len(memories):
            raise ValueError(f"memories must have different names, got {memories}")
        for dim in self.array.systolic:
            if dim not in dims:
                raise ValueError(f"array.systolic names {dim!r}, but the array has {dims}")
        for name, rule in self.spatial_mappings.items():
            if not isinstance(rule, str):
                _check_rule(f"spatial_mappings.{name}", rule, dims)
        setter: dict[str, str] = {}
        for axis, content in self.axes.items():
            for path in _paths(content.sets):
                self._check_path(axis, path, content.choices)
                if path in setter:
                    raise ValueError(f"axes.{axis} sets {path}, but axes.{setter[path]} does already")
                setter[path] = axis
        return self

    def _check_path(self, axis: str, path: str, choices: tuple[Choice, ...]) -> None:
        allowed = {"spatial_mapping", *(f"array.{dim}" for dim in self.array.dims)}
        allowed |= {f"dataflow.{constant}" for constant in self.dataflow}
        allowed |= {f"memories.{m.name}.{field}" for m in self.memories for field in ("size_bits", "bits_per_cycle")}
        if path not in allowed:
            raise ValueError(f"axes.{axis}.sets: {unknown_name('parameter', path, allowed)}".rstrip("."))
        if path == "spatial_mapping":
            for choice in choices:
                if choice not in self.spatial_mappings:
                    known = list(self.spatial_mappings)
                    raise ValueError(f"axes.{axis} chooses the spatial mapping {choice!r}; there are {known}")
        elif not all(isinstance(choice, int) and 0 < choice <= 2**53 for choice in choices):
            raise ValueError(f"axes.{axis} sets {path}: choices must be positive whole numbers, got {list(choices)}")


def _check_rule(key: str, rule: dict[str, tuple[str, ...]], dims: list[str]) -> None:
    """A fill rule names dimensions of the array, and for each the loops to unroll."""
    for dim, loops in rule.items():
        if dim not in dims:
            raise ValueError(f"{key} uses {dim!r}, but the array has {dims}")
        if not loops:
            raise ValueError(f"{key}.{dim} unrolls nothing; loops are {list(LOOP_DIMS)}")
        for loop in loops:
            if loop not in LOOP_DIMS:
                raise ValueError(f"{key}.{dim} unrolls {loop!r}; loops are {list(LOOP_DIMS)}")


def _paths(sets: str | tuple[str, ...]) -> tuple[str, ...]:
    return (sets,) if isinstance(sets, str) else sets


class Template:
    """An architecture with free axes. `arch(design)` makes it concrete."""

    def __init__(self, file: ArchFile, where: str = "architecture") -> None:
        self.file = file
        try:
            self.space = Space(tuple(Axis(name, axis.choices) for name, axis in file.axes.items()))
            nominal = self.nominal()
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        check_arch(nominal, where)

    @classmethod
    def from_content(cls, content: dict[str, Any], where: str = "architecture") -> Template:
        """From the content of an architecture file, as a run stores it."""
        return cls(build_model(content, ArchFile, where), where)

    @property
    def name(self) -> str:
        """The architecture's name."""
        return self.file.name

    def content(self) -> dict[str, Any]:
        """The file's content, JSON-able."""
        content = self.file.model_dump(mode="json")
        if not self.file.dataflow:
            del content["dataflow"]
        return content

    @cached_property
    def _bases(self) -> dict[str, Arch]:
        """The unmodified architecture under each technology scale."""
        return {scale: self._nominal(scale) for scale in ("own", "common")}

    def nominal(self, technology: Scale = "common") -> Arch:
        """The unmodified architecture, with the first spatial mapping of its file."""
        return self._bases[technology]

    def _nominal(self, technology: Scale) -> Arch:
        file = self.file
        memories = []
        for m in file.memories:
            ports = tuple(Port(p.kind, p.bits_per_cycle, p.min_bits_per_cycle or p.bits_per_cycle) for p in m.ports)
            shared = tuple(file.array.dims) if m.shared_over == "all" else m.shared_over
            memory = Memory(
                name=m.name,
                kind=m.kind,
                size_bits=m.size_bits,
                operands=tuple(o for o in OPERANDS if o in m.operands),
                shared_over=shared,
                ports=ports,
                read_energy_pj=m.read_energy_pj,
                write_energy_pj=m.write_energy_pj,
                banks=m.banks,
            )
            memories.append(_priced(memory, memory, technology))
        return Arch(
            name=file.name,
            array=tuple(file.array.dims.items()),
            mac_energy_pj=file.array.mac_energy_pj if technology == "own" else MAC_PJ,
            memories=tuple(memories),
            spatial_mapping=self.rule(next(iter(file.spatial_mappings))),
            clock_mhz=file.clock_mhz,
            systolic=file.array.systolic,
            mac_area_um2=MAC_AREA_UM2,
            dataflow=tuple(file.dataflow.items()),
        )

    def rule(self, name: str) -> tuple[tuple[str, Unrolling], ...] | Literal["auto"]:
        rule = self.file.spatial_mappings[name]
        if isinstance(rule, str):
            return "auto"
        return tuple((dim, tuple((loop, None) for loop in loops)) for dim, loops in rule.items())

    def arch(self, design: Design, technology: Scale = "common") -> Arch:
        """The concrete architecture of a design.

        Sizes and widths that an axis changes are priced by the technology (module `technology`); a port's smallest
        step never exceeds its width.
        """
        arch = self.nominal(technology)
        array, rule, dataflow = dict(arch.array), arch.spatial_mapping, dict(arch.dataflow)
        changed: dict[str, dict[str, int]] = {}
        for name, value in self.space.values(design).items():
            for path in _paths(self.file.axes[name].sets):
                head, *rest = path.split(".")
                if head == "spatial_mapping":
                    rule = self.rule(str(value))
                elif head == "array":
                    array[rest[0]] = int(value)
                elif head == "dataflow":
                    dataflow[rest[0]] = int(value)
                else:
                    changed.setdefault(rest[0], {})[rest[1]] = int(value)
        memories = tuple(
            resized(base, changed[base.name], technology) if base.name in changed else base for base in arch.memories
        )
        return replace(
            arch,
            array=tuple(array.items()),
            memories=memories,
            spatial_mapping=rule,
            dataflow=tuple(dataflow.items()),
        )


def resized(base: Memory, fields: dict[str, int], technology: Scale) -> Memory:
    """A memory with another size or width, and what it then costs."""
    memory = base
    if "size_bits" in fields:
        memory = replace(memory, size_bits=fields["size_bits"])
    if "bits_per_cycle" in fields:
        width = fields["bits_per_cycle"]
        memory = replace(
            memory, ports=tuple(Port(p.kind, width, min(p.min_bits_per_cycle, width)) for p in memory.ports)
        )
    return _priced(memory, base, technology)


def _priced(memory: Memory, nominal: Memory, technology: Scale) -> Memory:
    """The memory with energies and area: from the common law, or the nominal ones scaled along it."""
    law = access_energy(memory.kind, memory.size_bits, memory.word_bits, memory.banks)
    read_pj, write_pj = law.read_pj, law.write_pj
    if technology == "own":
        at = access_energy(nominal.kind, nominal.size_bits, nominal.word_bits, nominal.banks)
        read_pj = nominal.read_energy_pj * (law.read_pj / at.read_pj)
        write_pj = nominal.write_energy_pj * (law.write_pj / at.write_pj)
    return replace(
        memory,
        read_energy_pj=read_pj,
        write_energy_pj=write_pj,
        area_um2=memory_area_um2(memory.kind, memory.size_bits, memory.word_bits, memory.banks),
    )


def bundled_archs() -> list[str]:
    """The names of the architectures that come with the workbench."""
    return sorted(path.stem for path in (data_dir() / "archs").glob("*.yaml"))


def load_template(name_or_path: str) -> Template:
    """A bundled architecture by name, or one from a YAML file.

    Raises:
        UserError: there is no such architecture or file, or the file is faulty.
    """
    if name_or_path in bundled_archs():
        path = data_dir() / "archs" / f"{name_or_path}.yaml"
    elif name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        path = Path(name_or_path)
    else:
        raise unknown_name("architecture", name_or_path, bundled_archs())
    template = Template(read_model(path, ArchFile), str(path))
    if template.space.size < 2:
        raise UserError(f"{path}: the axes leave only one design; give an axis a second choice.")
    return template
