"""A schedule as text: a row for each sub-accelerator, each layer from begin to end, networks told apart by a letter.

`A3aaaaB1bbb....A4aa` is layer 3 of network A, then layer 1 of network B, nothing for a while, and layer 4 of A. It
reads the same without colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

IDLE = "."


@dataclass(frozen=True, slots=True)
class Block:
    """A layer at work: from begin to end in cycles, the number of its network from 0, its own there from 1."""

    begin: float
    end: float
    network: int
    number: int


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a row: a network's, or nobody's."""

    text: str
    network: int | None


@dataclass(frozen=True, slots=True)
class Chart:
    """Rows of one width, and how many layers are too short for a column."""

    rows: tuple[tuple[Span, ...], ...]
    hidden: int


def letter(network: int) -> str:
    """What a network is called in a chart."""
    return chr(ord("A") + network % 26)


def chart(rows: Sequence[Sequence[Block]], end: float, width: int) -> Chart:
    """Each row's blocks, which do not overlap, over the time from 0 to `end` on so many columns."""
    drawn, hidden = [], 0
    for row in rows:
        spans: list[Span] = []
        at = 0
        for block in sorted(row, key=lambda each: (each.begin, each.end)):
            first, last = (round(width * cycles / end) if end else 0 for cycles in (block.begin, block.end))
            if first == last:
                hidden += 1
                continue
            spans += [Span(IDLE * (first - at), None)] * (first > at) + [
                Span(_block(block, last - first), block.network)
            ]
            at = last
        drawn.append((*spans, *[Span(IDLE * (width - at), None)] * (width > at)))
    return Chart(tuple(drawn), hidden)


def _block(block: Block, columns: int) -> str:
    """Its letter, its number where there is room, and the letter in lower case to its end."""
    name = letter(block.network)
    label = f"{name}{block.number}"
    return (label if len(label) <= columns else name).ljust(columns, name.lower())


def scale(marks: Sequence[str], width: int) -> str:
    """Marks at equal distances below a row, the first at its begin and the last at its end."""
    line = marks[0]
    for number, (_, mark) in enumerate(pairwise(marks), start=1):
        middle = width * number // (len(marks) - 1)
        begin = middle - len(mark) if number == len(marks) - 1 else middle - len(mark) // 2
        line = line.ljust(max(begin, len(line) + 1)) + mark
    return line
