"""Spatial mappings: which loops the PE array unrolls, and what then remains to time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, prod

from workbench.problem.arch import Arch, Unrolling
from workbench.problem.layer import LOOP_DIMS, Layer
from workbench.simulators.loopnest.orders import IRRELEVANT

AUTO_CANDIDATES = 24

Rule = tuple[tuple[str, Unrolling], ...]
"""A fill rule: what each array dimension unrolls, as an architecture states it."""


@dataclass(frozen=True)
class Spatial:
    """One unrolling of one layer on one array.

    `mean` holds per array dimension the average number of units at work for each loop, `whole` the number that the
    transfers of one step are sized by, `asked` the units used. A size that does not divide leaves the last step partly
    filled: 13 rows on 4 units take 4 steps of 3.25 units on average, sized by 3.
    """

    mean: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    whole: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    asked: tuple[tuple[str, int], ...]
    remaining: tuple[tuple[str, int], ...]

    @property
    def steps(self) -> int:
        """The temporal iterations that remain: the cycles without any stall."""
        return prod(size for _, size in self.remaining)


def fill(arch: Arch, layer: Layer, rule: Iterable[tuple[str, Unrolling]]) -> Spatial:
    """Unroll a layer by a fill rule: each loop of an array dimension takes what layer, limit and array allow.

    A loop that an earlier array dimension has unrolled offers what is left of it. Equal unrollings are one object.
    """
    return _filled(tuple(arch.array_size.items()), layer, tuple(rule))


@lru_cache(maxsize=4096)
def _filled(array: tuple[tuple[str, int], ...], layer: Layer, rule: tuple[tuple[str, Unrolling], ...]) -> Spatial:
    sizes = dict(array)
    left = {dim: layer.size(dim) for dim in LOOP_DIMS}
    chosen: list[tuple[str, list[tuple[str, int]]]] = []
    for array_dim, unrolling in rule:
        room = sizes[array_dim]
        taken: list[tuple[str, int]] = []
        for loop, limit in unrolling:
            units = min(left[loop], room, room if limit is None else limit)
            if units > 1:
                taken.append((loop, units))
                left[loop] = ceil(left[loop] / units)
                room //= units
        chosen.append((array_dim, taken))
    return spread(layer, chosen)


def spread(layer: Layer, chosen: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> Spatial:
    """The unrolling with whole numbers of units, and its averages where a size does not divide.

    The largest unrolling of a loop is the one that is left partly filled.
    """
    remaining: dict[str, int] = {}
    mean = {(i, j): float(units) for i, (_, loops) in enumerate(chosen) for j, (_, units) in enumerate(loops)}
    whole = {place: int(units) for place, units in mean.items()}
    for loop in LOOP_DIMS:
        places = [(i, j) for i, (_, loops) in enumerate(chosen) for j, (d, _) in enumerate(loops) if d == loop]
        units = prod(whole[place] for place in places)
        size = layer.size(loop)
        steps = ceil(size / units)
        if steps > 1:
            remaining[loop] = steps
        if places and units * steps != size:
            largest = max(places, key=lambda place: whole[place])
            others = units // whole[largest]
            mean[largest] = size / steps / others
            whole[largest] = max(1, int(size / steps / others + 1e-9))
    return Spatial(
        mean=tuple(
            (dim, tuple((d, mean[i, j]) for j, (d, _) in enumerate(loops))) for i, (dim, loops) in enumerate(chosen)
        ),
        whole=tuple(
            (dim, tuple((d, whole[i, j]) for j, (d, _) in enumerate(loops))) for i, (dim, loops) in enumerate(chosen)
        ),
        asked=tuple((dim, prod(units for _, units in loops)) for dim, loops in chosen),
        remaining=tuple(remaining.items()),
    )


def candidates(arch: Arch, layer: Layer) -> list[Spatial]:
    """The spatial mappings to try on a design: the one its rule gives, or generated ones under `auto`."""
    if not isinstance(arch.spatial_mapping, str):
        return [fill(arch, layer, arch.spatial_mapping)]
    return list(generate(arch, layer))


def generate(arch: Arch, layer: Layer, most: int = AUTO_CANDIDATES) -> dict[Spatial, Rule]:
    """The `most` unrollings that leave the fewest cycles, one loop per array dimension, ties in a fixed order.

    Each stands with a rule by which `fill` gives it, for an architecture that is to have this one unrolling only.

    A loop that indexes an operand is unrolled no wider than the innermost port of that operand feeds in a cycle. Each
    loop is taken as wide as it goes, or, along one array dimension at most, half as wide: a narrower array may stall
    less.
    """
    per_dim: list[list[tuple[str, int]]] = []
    for array_dim, size in arch.array:
        options: list[tuple[str, int]] = []
        for loop in LOOP_DIMS:
            widest = min(layer.size(loop), size, _port_limit(arch, layer, array_dim, loop))
            if widest > 1:
                options.append((loop, widest))
        per_dim.append(options or [("K", 1)])
    found: dict[Spatial, tuple[tuple[str, int], ...]] = {}
    for choice in product(*per_dim):
        for halved in range(-1, len(choice)):
            units = tuple((loop, n // 2 if i == halved else n) for i, (loop, n) in enumerate(choice))
            if all(n > 0 for _, n in units):
                rule = [(dim, (unit,)) for (dim, _), unit in zip(arch.array, units, strict=True)]
                found.setdefault(fill(arch, layer, rule), units)
    best = sorted(found, key=lambda spatial: (spatial.steps, found[spatial]))[:most]
    dims = [array_dim for array_dim, _ in arch.array]
    return {spatial: tuple((dim, (unit,)) for dim, unit in zip(dims, found[spatial], strict=True)) for spatial in best}


def _port_limit(arch: Arch, layer: Layer, array_dim: str, loop: str) -> int:
    """How wide a loop can be unrolled before an innermost port must move more words a cycle than it has."""
    bits = {"W": layer.weight_bits, "I": layer.input_bits, "O": layer.partial_bits}
    limit = arch.array_size[array_dim]
    for operand, width in bits.items():
        memory = arch.memories[arch.levels(operand)[0]]
        if array_dim in memory.shared_over and loop not in IRRELEVANT[operand]:
            port = memory.ports[memory.port_of(operand, "from_low" if operand == "O" else "to_low")]
            limit = min(limit, max(1, port.bits_per_cycle // width))
    return limit
