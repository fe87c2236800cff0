"""A chip of several sub-accelerators: a template with free axes, and what a design makes of it.

Each sub-accelerator is an array of PEs under a data-centric dataflow, with a memory in each PE (L1), one of its own
(L2), a part of the chip's NoC bandwidth and the same part of the link to DRAM: so whatever runs at the same time on
others cannot slow it down. PEs and NoC bandwidth come out of totals (`shares.granted`). Costs are those of the
`common` technology.

The template is that of NASAIC (Yang et al., DAC 2020), RECALLED: sub-accelerators of a dataflow each, PEs and bandwidth
out of shared totals. That the link to DRAM is divided as the NoC is, is INFERRED: the paper models no DRAM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from json import dumps
from pathlib import Path
from typing import Any

from workbench.errors import UserError, unknown_name
from workbench.problem.arch import OPERANDS, Arch, Memory, MemoryKind, Port
from workbench.problem.chip_file import FIELDS, TOTALS, ChipFile, PartFile
from workbench.problem.datafiles import data_dir
from workbench.problem.metrics import Infeasible
from workbench.problem.shares import granted
from workbench.problem.space import Axis, Choice, Design, Space
from workbench.problem.technology import MAC_AREA_UM2, MAC_PJ
from workbench.problem.template import resized
from workbench.problem.yamlfile import build_model, read_model

DRAM_BITS = 80_000_000_000
BYTE = 8


@dataclass(frozen=True)
class SubAccelerator:
    """One of a chip's: `flow` is the template's name of its dataflow, `dataflow` the catalogue's.

    `arch` has the PEs, the L1 of each, the L2, its part of the link to DRAM, and the sizes that its dataflow takes.
    """

    name: str
    flow: str
    dataflow: str
    noc_bytes_per_cycle: int
    arch: Arch

    @property
    def pes(self) -> int:
        """Its processing elements."""
        return self.arch.pes

    def canonical(self) -> dict[str, Any]:
        """Everything that decides what a layer costs on it, as JSON-able content."""
        return {"dataflow": self.dataflow, "arch": self.arch.canonical()}


@dataclass(frozen=True)
class Chip:
    """A concrete chip: the sub-accelerators that are there, one or more, in the template's order."""

    name: str
    parts: tuple[SubAccelerator, ...]

    @property
    def clock_mhz(self) -> float:
        """One for all."""
        return self.parts[0].arch.clock_mhz

    def canonical(self) -> list[dict[str, Any]]:
        """What decides its costs, as JSON-able content; names are left out."""
        return [part.canonical() for part in self.parts]

    @cached_property
    def key(self) -> bytes:
        """16 bytes that equal chips share, whatever they and their parts are called."""
        return blake2b(dumps(self.canonical(), sort_keys=True).encode(), digest_size=16).digest()


class ChipTemplate:
    """A chip with free axes. `chip(design)` makes it concrete."""

    def __init__(self, file: ChipFile, where: str = "chip") -> None:
        self.file = file
        try:
            self.space = Space(tuple(Axis(name, axis.choices) for name, axis in file.axes.items()))
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    @classmethod
    def from_content(cls, content: Mapping[str, Any], where: str = "chip") -> ChipTemplate:
        """The inverse of `content`: from what a run stores, or a chip file says."""
        return cls(build_model(content, ChipFile, where), where)

    def content(self) -> dict[str, Any]:
        """The file's content, JSON-able."""
        return self.file.model_dump(mode="json")

    @property
    def name(self) -> str:
        """The chip's name."""
        return self.file.name

    @property
    def nominal(self) -> Design:
        """The design that changes nothing of what the file states."""
        parts = self.file.sub_accelerators
        stated = {axis: content.paths[0] for axis, content in self.file.axes.items()}
        return self.space.design({axis: getattr(parts[name], field) for axis, (name, field) in stated.items()})

    def asked(self, design: Design) -> dict[str, dict[str, Choice]]:
        """What a design states of each sub-accelerator (`chip_file.FIELDS`), before totals are divided."""
        parts = {name: _stated(part) for name, part in self.file.sub_accelerators.items()}
        for axis, value in self.space.values(design).items():
            for name, field in self.file.axes[axis].paths:
                parts[name][field] = value
        return parts

    def granted(self, design: Design) -> dict[str, dict[str, Choice]]:
        """What a design gives to each sub-accelerator that is there, of what it asks for."""
        present = {name: stated for name, stated in self.asked(design).items() if stated["pes"]}
        for field in TOTALS if present else ():
            total = getattr(self.file.totals, field)
            shares = granted([int(stated[field]) for stated in present.values()], total.most, total.step)
            for stated, share in zip(present.values(), shares, strict=True):
                stated[field] = share
        return present

    def chip(self, design: Design) -> Chip | Infeasible:
        """The concrete chip of a design; only one of which every sub-accelerator has 0 PEs cannot be built."""
        present = self.granted(design)
        if not present:
            step = self.file.totals.pes.step
            return Infeasible("no sub-accelerator has any PEs", "pes", step, 0, self.levers({"pes"}))
        return Chip(self.name, tuple(self._part(name, stated) for name, stated in present.items()))

    def levers(self, fields: set[str]) -> tuple[str, ...]:
        """The axes that set one of these fields of some sub-accelerator."""
        axes = self.file.axes.items()
        return tuple(axis for axis, content in axes if fields & {field for _, field in content.paths})

    def _part(self, name: str, stated: Mapping[str, Choice]) -> SubAccelerator:
        file, flow = self.file, str(stated["dataflow"])
        pes, noc, l1_bits, l2_bits = (int(stated[field]) for field in FIELDS[1:])
        offchip = max(file.dram.bits_per_cycle * noc // file.totals.noc_bytes_per_cycle.most, 1)
        arch = Arch(
            name=name,
            array=(("PE", pes),),
            mac_energy_pj=MAC_PJ,
            memories=(
                _memory("l1", file.l1.kind, l1_bits, file.l1.bits_per_cycle, shared=False),
                _memory("l2", file.l2.kind, l2_bits, BYTE * noc, banks=file.l2.banks),
                _memory("dram", "dram", DRAM_BITS, offchip),
            ),
            spatial_mapping="auto",
            clock_mhz=file.clock_mhz,
            mac_area_um2=MAC_AREA_UM2,
            dataflow=tuple(file.dataflows[flow].sizes.items()),
        )
        return SubAccelerator(name, flow, file.dataflows[flow].dataflow, noc, arch)


def _stated(part: PartFile) -> dict[str, Choice]:
    return {field: getattr(part, field) for field in FIELDS}


def _memory(name: str, kind: MemoryKind, size_bits: int, width: int, shared: bool = True, banks: int = 1) -> Memory:
    """A memory of all operands that can read and write a word in each cycle, priced by the common law."""
    ports = tuple(Port(each, width, min(width, BYTE)) for each in ("read", "write"))
    memory = Memory(name, kind, size_bits, OPERANDS, ("PE",) if shared else (), ports, 0.0, 0.0, banks)
    return resized(memory, {}, "common")


def bundled_chips() -> list[str]:
    """The names of the chip templates that come with the workbench."""
    return sorted(path.stem for path in (data_dir() / "chips").glob("*.yaml"))


def load_chip(name_or_path: str) -> ChipTemplate:
    """A bundled chip template by name, or one from a YAML file.

    Raises:
        UserError: there is no such template or file, or the file is faulty.
    """
    if name_or_path in bundled_chips():
        path = data_dir() / "chips" / f"{name_or_path}.yaml"
    elif name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        path = Path(name_or_path)
    else:
        raise unknown_name("chip", name_or_path, bundled_chips())
    return ChipTemplate(read_model(path, ChipFile), str(path))
