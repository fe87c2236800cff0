"""A data-centric mapping: directives in levels of clusters, with sizes as numbers, constants or a layer's extents."""

from __future__ import annotations

from collections.abc import Mapping as Named
from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal

from workbench.errors import UserError, unknown_name
from workbench.simulators.dataflow.faults import Place, PlacedError
from workbench.simulators.dataflow.tensors import OUTPUT_NAMES, WINDOWS, DataLayer, dims_of

MAX_LEVELS = 4
MAX_SPATIAL = 2


@dataclass(frozen=True, slots=True)
class Extent:
    """`Sz(R)`: as large as the layer is along a dimension."""

    dim: str


Size = int | str | Extent
"""A number, the name of a constant, or an extent of the layer."""


@dataclass(frozen=True, slots=True)
class Directive:
    """`TemporalMap(size,offset) dim` or `SpatialMap(size,offset) dim`."""

    spatial: bool
    dim: str
    size: Size
    offset: Size
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Cluster:
    """`Cluster(size, P)`: below it, work is spread over `size` sub-clusters."""

    size: Size
    kind: Literal["P", "L"] = "P"
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Mapping:
    """Levels of directives, outermost first, and the clusters between them (one less than levels)."""

    levels: tuple[tuple[Directive, ...], ...]
    clusters: tuple[Cluster, ...] = ()

    def __post_init__(self) -> None:
        if len(self.clusters) != len(self.levels) - 1:
            raise UserError(f"A mapping of {len(self.levels)} levels has {len(self.levels) - 1} clusters between them.")

    @property
    def skeleton(self) -> tuple[tuple[tuple[bool, str], ...], ...]:
        """What stays when sizes change: kind and dimension of each directive of each level."""
        return tuple(tuple((d.spatial, d.dim) for d in level) for level in self.levels)

    @property
    def pes_per_cluster(self) -> int:
        """PEs in one sub-cluster of the top level, for a mapping whose sizes are numbers."""
        return prod(int(c.size) for c in self.clusters if isinstance(c.size, int))

    def names(self) -> tuple[str, ...]:
        """The constants it uses, each once, in order."""
        sizes = [s for level in self.levels for d in level for s in (d.size, d.offset)] + [
            c.size for c in self.clusters
        ]
        return tuple(dict.fromkeys(size for size in sizes if isinstance(size, str)))

    def with_constants(self, constants: Named[str, int]) -> Mapping:
        """The mapping with the constants that are known as numbers; extents of a layer stay."""

        def number(size: Size) -> Size:
            return constants.get(size, size) if isinstance(size, str) else size

        levels = tuple(
            tuple(replace(d, size=number(d.size), offset=number(d.offset)) for d in level) for level in self.levels
        )
        return Mapping(levels, tuple(replace(c, size=number(c.size)) for c in self.clusters))

    def resolved(self, layer: DataLayer, constants: Named[str, int]) -> Mapping:
        """The mapping with every size a number.

        Raises:
            UserError: a constant or an extent that there is not.
        """

        def number(size: Size) -> int:
            if isinstance(size, int):
                return size
            if isinstance(size, str):
                if size not in constants:
                    raise unknown_name("constant", size, constants)
                return constants[size]
            sizes = layer.sizes
            if size.dim in OUTPUT_NAMES:
                return layer.outputs(OUTPUT_NAMES[size.dim])
            if size.dim not in sizes:
                raise unknown_name(f"dimension of layer {layer.name}", size.dim, sizes)
            return sizes[size.dim]

        levels = tuple(
            tuple(replace(d, size=number(d.size), offset=number(d.offset)) for d in level) for level in self.levels
        )
        return Mapping(levels, tuple(replace(c, size=number(c.size)) for c in self.clusters))


def for_layer(mapping: Mapping, layer: DataLayer) -> Mapping:
    """The mapping of a convolution as a layer of another type takes it; one that fits already is unchanged.

    A depthwise channel is input and output channel in one: what mapped K maps C, and what mapped C, which is one
    channel there, goes, except a SpatialMap without which its level would spread nothing: its clusters then idle, as
    in the array that the mapping describes. Directives on dimensions that the layer lacks go as well.
    """
    sizes = layer.sizes
    levels = []
    for level in mapping.levels:
        kept = list(level)
        if layer.type == "DSCONV" and any(d.dim == "K" for d in kept):
            kept = [replace(d, dim="C") if d.dim == "K" else d for d in kept if d.dim != "C"]
        kept = [d for d in kept if OUTPUT_NAMES.get(d.dim, d.dim) in sizes]
        levels.append(tuple(kept))
    return Mapping(tuple(levels), mapping.clusters)


def check(mapping: Mapping, layer: DataLayer | None = None, pes: int | None = None) -> None:
    """Refuse a mapping that breaks a rule; sizes that are not yet numbers are left unchecked.

    Raises:
        PlacedError: naming the rule, with the place where one is known.
    """
    if not any(mapping.levels):
        raise PlacedError("the mapping has no directive, so it covers nothing")
    if len(mapping.levels) > MAX_LEVELS:
        place = mapping.clusters[MAX_LEVELS - 1].place
        raise PlacedError(
            f"there are {len(mapping.levels)} levels of clusters, but at most {MAX_LEVELS} are possible", place
        )
    for number, level in enumerate(mapping.levels):
        place = mapping.clusters[number - 1].place if number else level[0].place if level else None
        spatial = [d for d in level if d.spatial]
        if not spatial:
            raise PlacedError(
                f"level {number} has no SpatialMap, so its sub-clusters would have nothing to share", place
            )
        if len(spatial) > MAX_SPATIAL:
            many = f"level {number} has {len(spatial)} SpatialMaps, but at most {MAX_SPATIAL} are possible"
            raise PlacedError(many, spatial[MAX_SPATIAL].place)
        for directive in level:
            _check_directive(directive, layer)
    _check_clusters(mapping.clusters, pes)


def _check_clusters(clusters: tuple[Cluster, ...], pes: int | None) -> None:
    together = 1
    for cluster in clusters:
        if not isinstance(cluster.size, int):
            continue
        if cluster.size < 1:
            raise PlacedError(f"a Cluster holds at least 1 sub-cluster, got {cluster.size}", cluster.place)
        together *= cluster.size
        if pes is not None and together > pes:
            raise PlacedError(f"clusters of {together} PEs do not fit on {pes} PEs", cluster.place)


def _check_directive(directive: Directive, layer: DataLayer | None) -> None:
    dim, size = directive.dim, directive.size
    for what, number in (("size", size), ("offset", directive.offset)):
        if isinstance(number, int) and number < 1:
            raise PlacedError(f"the {what} of a map of {dim} must be at least 1, got {number}", directive.place)
    if layer is not None and OUTPUT_NAMES.get(dim, dim) not in dims_of(layer.type):
        raise PlacedError(f"layer {layer.name!r} is a {layer.type}, which has no dimension {dim}", directive.place)
    if directive.spatial or dim not in WINDOWS.values():
        return
    if size != directive.offset:
        raise PlacedError(f"a TemporalMap of {dim} takes it whole, so its offset must equal its size", directive.place)
    if layer is not None and isinstance(size, int) and size != layer.sizes[dim]:
        whole = f"a TemporalMap of {dim} takes it whole: Sz({dim}), which is {layer.sizes[dim]} in layer {layer.name!r}"
        raise PlacedError(f"{whole}, got {size}", directive.place)
