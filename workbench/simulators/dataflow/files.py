"""What a mapping or model file states."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.simulators.dataflow.mapping import Mapping
from workbench.simulators.dataflow.tensors import DataLayer


@dataclass(frozen=True)
class Block:
    """One layer of a file: its shape, and its mapping where it states one."""

    layer: DataLayer
    mapping: Mapping | None = None


@dataclass(frozen=True)
class Network:
    """Layers in the order of the file."""

    name: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class File:
    """What a file states: constants, networks, and a mapping outside of any network."""

    constants: tuple[tuple[str, int], ...] = ()
    networks: tuple[Network, ...] = ()
    mapping: Mapping | None = None
