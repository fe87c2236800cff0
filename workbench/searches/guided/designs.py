"""Designs and what is known of them before they are simulated, worked out once for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.problem.features import NAMES, features
from workbench.problem.space import Design
from workbench.problem.task import Task

if TYPE_CHECKING:
    from workbench.searches.guided.lab import LabPrior

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_REMEMBERED = 30_000


@dataclass(frozen=True)
class Designs:
    """Rows (n,) of designs; each row of `known` is the inputs, the estimate, what each prior says, and the area."""

    designs: list[Design]
    known: Floats
    width: int
    """Of the inputs: features, then axes."""

    def __len__(self) -> int:
        return len(self.designs)

    @property
    def inputs(self) -> Floats:
        """(n, width)."""
        return self.known[:, : self.width]

    @property
    def estimate(self) -> Floats:
        """(n, 2): log2 of latency in cycles and energy in pJ."""
        return self.known[:, self.width : self.width + 2]

    @property
    def corrections(self) -> Floats:
        """(n, 2 x priors): what to add to the estimate."""
        return self.known[:, self.width + 2 : -1]

    @property
    def area_um2(self) -> Floats:
        """(n,)."""
        return self.known[:, -1]

    def take(self, index: Ints) -> Designs:
        """Some of them."""
        return Designs([self.designs[i] for i in index], self.known[index], self.width)

    def joined(self, other: Designs) -> Designs:
        """These, then the others."""
        return Designs(self.designs + other.designs, np.vstack([self.known, other.known]), self.width)


class Describer:
    """Describes the designs of a task; the latest are remembered."""

    def __init__(self, task: Task, priors: Sequence[LabPrior]) -> None:
        self._task, self._priors = task, priors
        self._axes = task.space.encode([(0,) * len(task.space.axes)]).shape[1]
        self._rows: dict[Design, Floats] = {}

    def __call__(self, designs: Sequence[Design]) -> Designs:
        """Of any number of designs of the task's space."""
        width = len(NAMES) + self._axes
        new = [design for design in dict.fromkeys(designs) if design not in self._rows]
        if new:
            if len(self._rows) + len(new) > MOST_REMEMBERED:
                self._rows.clear()
                new = list(dict.fromkeys(designs))
            found, axes = features(self._task, new), self._task.space.encode(new)
            corrections = [prior.mean(found.values, axes) for prior in self._priors]
            rows = np.column_stack([found.values, axes, found.estimate, *corrections, found.area_um2])
            self._rows.update(zip(new, rows, strict=True))
        known = [self._rows[design] for design in designs]
        empty = np.zeros((0, width + 3 + 2 * len(self._priors)))
        return Designs(list(designs), np.stack(known) if known else empty, width)
