"""Mappings and models as text that `parse` reads back to equal ones."""

from __future__ import annotations

from workbench.simulators.dataflow.files import Block, File, Network
from workbench.simulators.dataflow.mapping import Extent, Mapping, Size


def written(file: File) -> str:
    """A whole file."""
    parts = ["".join(f"Constant {name} {value};\n" for name, value in file.constants)]
    parts += [_network(network) for network in file.networks]
    if file.mapping is not None:
        parts.append(f"Dataflow {{\n{mapping_text(file.mapping)}}}\n")
    return "\n".join(part for part in parts if part)


def mapping_text(mapping: Mapping, indent: str = "    ") -> str:
    """The directives, one in a line."""
    lines = []
    for number, level in enumerate(mapping.levels):
        if number:
            cluster = mapping.clusters[number - 1]
            lines.append(f"Cluster({_size(cluster.size)}, {cluster.kind});")
        lines += [
            f"{'SpatialMap' if d.spatial else 'TemporalMap'}({_size(d.size)},{_size(d.offset)}) {d.dim};" for d in level
        ]
    return "".join(f"{indent}{line}\n" for line in lines)


def _size(size: Size) -> str:
    return f"Sz({size.dim})" if isinstance(size, Extent) else str(size)


def _network(network: Network) -> str:
    return f"Network {network.name} {{\n{''.join(_block(block) for block in network.blocks)}}}\n"


def _block(block: Block) -> str:
    layer = block.layer
    lines = [f"Layer {layer.name} {{", f"    Type: {layer.type}"]
    if layer.stride != (1, 1):
        lines.append(f"    Stride {{ Y: {layer.stride[0]}, X: {layer.stride[1]} }}")
    lines.append(f"    Dimensions {{ {', '.join(f'{dim}: {size}' for dim, size in layer.extents)} }}")
    if block.mapping is not None:
        lines += ["    Dataflow {", mapping_text(block.mapping, "        ").rstrip("\n"), "    }"]
    return "".join(f"    {line}\n" for line in "\n".join([*lines, "}"]).split("\n"))
