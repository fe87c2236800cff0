"""A mapping printed as a loop nest."""

from __future__ import annotations

from workbench.problem.layer import Layer
from workbench.problem.metrics import LayerMapping


def render(mapping: LayerMapping, layer: Layer) -> str:
    """The mapping as an indented loop nest, outermost loop first.

    The right-hand columns name, per operand, the memory that holds the data of the loops at and below a line.
    """
    order = _order(mapping)
    homes = {operand: _homes(mapping, operand) for operand, _ in mapping.temporal}
    rows: list[tuple[str, list[str]]] = []
    for depth, place in enumerate(reversed(range(len(order)))):
        loop, factor = order[place]
        rows.append((f"{'  ' * depth}for {loop.lower()} in 0..{factor - 1}", [homes[o][place] for o in homes]))
    unrolled = [
        f"{loop.lower()} x {units:.4g}" + f" on {dim}" for dim, loops in mapping.spatial for loop, units in loops
    ]
    rows.append(
        ("  " * len(order) + "parallel " + (", ".join(unrolled) if unrolled else "nothing"), ["" for _ in homes])
    )
    header = f"{layer.name}: {layer.macs:,} MACs"
    left = max([len(header), *(len(text) for text, cells in rows if any(cells))]) + 2  # nothing stands beside the last
    widths = [max([len(o), *(len(cells[i]) for _, cells in rows)]) + 2 for i, o in enumerate(homes)]
    lines = [header.ljust(left) + "".join(o.ljust(w) for o, w in zip(homes, widths, strict=True))]
    for text, cells in rows:
        lines.append(text.ljust(left) + "".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)))
    return "\n".join(line.rstrip() for line in lines)


def _order(mapping: LayerMapping) -> list[tuple[str, int]]:
    """All loops, innermost first: every operand keeps the same order, cut at different places."""
    _, levels = mapping.temporal[0]
    return [loop for level in levels for loop in level.loops]


def _homes(mapping: LayerMapping, operand: str) -> list[str]:
    """The memory that holds an operand at each loop, innermost first."""
    levels = dict(mapping.temporal)[operand]
    return [level.memory for level in levels for _ in level.loops]
