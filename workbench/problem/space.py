"""The design space: axes, and designs as one choice index per axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log2, prod

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UserError, unknown_name

Design = tuple[int, ...]
"""One choice per axis, as that choice's index."""

Choice = int | float | str
MAX_CHOICES = 65_536
"""Two bytes name a choice; one does where there are no more than 256."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One free parameter. Numbers make an ordered axis (ascending), strings a categorical one."""

    name: str
    choices: tuple[Choice, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.choices) <= MAX_CHOICES:
            raise UserError(f"Axis {self.name!r} must have 1 to {MAX_CHOICES} choices, got {len(self.choices)}.")
        if len(set(self.choices)) != len(self.choices):
            raise UserError(f"Axis {self.name!r} gives a choice twice: {list(self.choices)}.")
        numbers = [c for c in self.choices if not isinstance(c, str)]
        if numbers and (len(numbers) != len(self.choices) or sorted(numbers) != numbers):
            raise UserError(f"Axis {self.name!r} must list ascending numbers or names only, got {list(self.choices)}.")

    @property
    def ordered(self) -> bool:
        """Whether neighbouring choices are near each other."""
        return not isinstance(self.choices[0], str)


@dataclass(frozen=True)
class Space:
    """All combinations of the axes' choices."""

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        names = [axis.name for axis in self.axes]
        if not names or len(set(names)) != len(names):
            raise UserError(f"A space needs one or more axes of different names, got {names}.")

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The number of choices of each axis."""
        return tuple(len(axis.choices) for axis in self.axes)

    @cached_property
    def size(self) -> int:
        """The number of designs."""
        return prod(self.shape)

    def sample(self, n: int, rng: np.random.Generator) -> list[Design]:
        """`n` independent uniform designs; duplicates may occur."""
        columns = [rng.integers(0, size, n) for size in self.shape]
        return [tuple(int(c) for c in row) for row in zip(*columns, strict=True)]

    def rank(self, design: Design) -> int:
        """The design's place in the enumeration, 0..size-1 (the last axis runs fastest)."""
        self.check(design)
        rank = 0
        for choice, size in zip(design, self.shape, strict=True):
            rank = rank * size + choice
        return rank

    def unrank(self, rank: int) -> Design:
        """The inverse of `rank`."""
        if not 0 <= rank < self.size:
            raise UserError(f"A rank must lie in 0..{self.size - 1}, got {rank}.")
        choices: list[int] = []
        for size in reversed(self.shape):
            rank, choice = divmod(rank, size)
            choices.append(choice)
        return tuple(reversed(choices))

    def neighbours(self, design: Design) -> list[Design]:
        """Every design one move away: one step on an ordered axis, any other choice on a categorical one."""
        self.check(design)
        moves: list[Design] = []
        for i, axis in enumerate(self.axes):
            here = design[i]
            there = (here - 1, here + 1) if axis.ordered else range(len(axis.choices))
            reachable = (choice for choice in there if choice != here and 0 <= choice < self.shape[i])
            moves.extend((*design[:i], choice, *design[i + 1 :]) for choice in reachable)
        return moves

    def values(self, design: Design) -> dict[str, Choice]:
        """Axis name -> the value chosen."""
        self.check(design)
        return {axis.name: axis.choices[choice] for axis, choice in zip(self.axes, design, strict=True)}

    def design(self, values: Mapping[str, Choice]) -> Design:
        """The inverse of `values`.

        Raises:
            UserError: an unknown or missing axis, or a value that is not among its choices.
        """
        names = [axis.name for axis in self.axes]
        for name in values:
            if name not in names:
                raise unknown_name("axis", name, names)
        design: list[int] = []
        for axis in self.axes:
            if axis.name not in values:
                raise UserError(f"The design gives no value for axis {axis.name!r}; choices: {list(axis.choices)}.")
            if values[axis.name] not in axis.choices:
                raise UserError(
                    f"Axis {axis.name!r} has no choice {values[axis.name]!r}; choices: {list(axis.choices)}."
                )
            design.append(axis.choices.index(values[axis.name]))
        return tuple(design)

    def check(self, design: Design) -> None:
        """Refuse a design that is not in the space."""
        if len(design) != len(self.axes) or not all(0 <= c < n for c, n in zip(design, self.shape, strict=True)):
            raise UserError(f"The design {design} is not in a space of shape {self.shape}.")

    def encode(self, designs: Sequence[Design]) -> NDArray[np.float64]:
        """Designs as numbers in [0, 1]: (n, width).

        A positive ordered axis gives one column, log2-scaled; another ordered axis one linear column; a categorical
        axis one column per choice (one-hot).
        """
        chosen = np.asarray(designs, dtype=np.int64).reshape(len(designs), len(self.axes))  # (n, axes)
        return np.hstack([table[chosen[:, i]] for i, table in enumerate(self._columns)])

    @cached_property
    def _columns(self) -> list[NDArray[np.float64]]:
        """Per axis, the encoding of each choice: (choices, columns)."""
        tables: list[NDArray[np.float64]] = []
        for axis in self.axes:
            if not axis.ordered:
                tables.append(np.eye(len(axis.choices)))
                continue
            numbers = [float(c) for c in axis.choices]
            scaled = np.array([log2(c) for c in numbers] if numbers[0] > 0 else numbers)
            span = scaled[-1] - scaled[0]
            tables.append(((scaled - scaled[0]) / span if span else scaled * 0.0)[:, None])
        return tables

    @cached_property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Of each axis, where its choice lies among the bytes of a stored design: first byte, bytes."""
        widths = [1 if size <= 256 else 2 for size in self.shape]
        return tuple((sum(widths[:i]), width) for i, width in enumerate(widths))

    @cached_property
    def _narrow(self) -> bool:
        return max(self.shape, default=1) <= 256

    def pack_choice(self, axis: int, choice: int) -> bytes:
        """A choice of an axis as the lab database stores it: big-endian, so that bytes sort as choices do."""
        return choice.to_bytes(self.places[axis][1], "big")

    def pack(self, design: Design) -> bytes:
        """One or two bytes per axis: how the lab database stores a design."""
        if self._narrow:
            return bytes(design)
        return b"".join(self.pack_choice(axis, choice) for axis, choice in enumerate(design))

    def unpack(self, codes: bytes) -> Design:
        """The inverse of `pack`."""
        start, width = self.places[-1]
        if len(codes) != start + width:
            raise UserError(f"A design of this space is stored in {start + width} bytes, got {len(codes)}.")
        design = tuple(int.from_bytes(codes[at : at + n], "big") for at, n in self.places)
        self.check(design)
        return design

    def unpack_all(self, codes: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The same for many designs at once.  # (n, bytes) -> (n, axes)"""
        if not codes.shape[1]:
            return np.zeros((len(codes), len(self.axes)), dtype=np.int64)
        numbers = codes.astype(np.int64)
        columns = [numbers[:, at + n - 1] + (256 * numbers[:, at] if n == 2 else 0) for at, n in self.places]
        return np.stack(columns, axis=1)
