"""A plan gone through block by block: counts, the front, and what else is to be kept of the valid designs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workbench.pareto import Front
from workbench.sweep.analysis import Analysis
from workbench.sweep.cells import Cells, Found, Limits, Part, candidates, every
from workbench.sweep.compatible import CompatibleBlock
from workbench.sweep.corrected import CorrectedBlock
from workbench.sweep.plan import Block, Plan
from workbench.sweep.screen import Screen
from workbench.sweep.summary import Counts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Study:
    """A sweep as far as it is; `keep` is told of valid designs by their ranks (k,) and objectives (k, 3), where set."""

    plan: Plan
    front: Front = field(default_factory=lambda: Front.empty(3))
    keep: Callable[[Ints, Floats], None] | None = None

    @property
    def limits(self) -> Limits:
        """What a valid design keeps."""
        settings = self.plan.settings
        return Limits(settings.area_um2, settings.power, self.plan.task.template.file.clock_mhz * 1e6)

    def block(self, block: Block) -> Counts:
        """One block; the front is then that of all blocks so far."""
        analyse = CompatibleBlock if self.plan.mode == "compatible" else CorrectedBlock
        analysis: Analysis = analyse(self.plan, block, self.limits)
        screen, valid, evaluated = Screen(self.front), 0, 0
        for number in range(block.pes.stop - block.pes.start):
            cells = analysis.cells(number)
            if cells is None:
                continue
            for part in cells.parts():
                some = self._part(cells, part, Ranks(self.plan, block, number), screen)
                valid, evaluated = valid + some.valid, evaluated + some.evaluated
        self.front = screen.front()
        return Counts(self.plan.size(block), valid, evaluated)

    def _part(self, cells: Cells, part: Part, ranks: Ranks, screen: Screen) -> Counts:
        if not self.plan.settings.prune or self.keep is not None or not cells.rises:
            valid = 0
            for found in every(cells, part, self.limits):
                self._offer(found, ranks, screen)
                if self.keep is not None and len(found):
                    self.keep(ranks.of(found), _points(found))
                valid += len(found)
            return Counts(0, valid, valid)
        found = candidates(cells, part, self.limits)
        self._offer(found, ranks, screen)
        return Counts(0, part.count(self.limits) if len(found) else 0, len(found))

    def _offer(self, found: Found, ranks: Ranks, screen: Screen) -> None:
        """Whatever may be on the front."""
        if not len(found):
            return
        open_ = screen.open(found.latency, found.energy, found.area)
        if open_.size:
            some = found.take(open_)
            screen.add(_points(some), ranks.of(some))


def _points(found: Found) -> Floats:
    return np.column_stack([found.latency, found.energy, found.area])


@dataclass(frozen=True)
class Ranks:
    """The ranks, in the plan's space, of designs of one number of PEs of a block."""

    plan: Plan
    block: Block
    number: int

    def of(self, found: Found) -> Ints:
        """(k,)"""
        _, widths, m, n = self.plan.shape
        first = self.plan.rank(self.block) + (self.block.pes.start + self.number) * widths * m * n
        rank: Ints = first + ((self.block.noc.start + found.noc) * m + found.l1) * n + found.l2
        return rank
