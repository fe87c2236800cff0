"""A block in the `compatible` mode: cycles by PEs and bandwidth, energy by PEs, area and power linear in buffers."""

from __future__ import annotations

import numpy as np

from workbench.simulators.dataflow import compatible
from workbench.simulators.dataflow.built import Built, Timing, build
from workbench.simulators.dataflow.costed import MAC_UNIT_PJ
from workbench.simulators.dataflow.levels import Bools, Ints
from workbench.sweep.analysis import axes_of, distinct, mapped
from workbench.sweep.cells import Cells, Limits
from workbench.sweep.plan import BYTE, Block, Plan


class CompatibleBlock:
    """Sums over the layers: `latency` (p, w), `energy` (p,), and the largest needs (p,)."""

    def __init__(self, plan: Plan, block: Block, limits: Limits) -> None:
        self._axes = axes_of(plan, block)
        pes, self._prune = self._axes.pes, plan.settings.prune
        self._l1, self._l2, self._noc = (bits // BYTE for bits in (self._axes.l1, self._axes.l2, self._axes.noc))
        self._possible = self._within(limits) if self._prune else np.ones(len(pes), dtype=np.bool_)
        self._row = np.cumsum(self._possible) - 1
        some = pes[self._possible]
        self.latency = np.zeros((len(some), len(self._noc)))
        self.energy = np.zeros(len(some))
        self.runs = np.ones((len(some), len(self._noc)), dtype=np.bool_)
        self.l1_need, self.l2_need = np.zeros(len(some), dtype=np.int64), np.zeros(len(some), dtype=np.int64)
        if len(some):
            self._add_layers(plan, block, some)

    def _within(self, limits: Limits) -> Bools:
        """The numbers of PEs of which some design may keep the limits.

        Area and power rise with every one of bandwidth, L1 and L2, each as rounded: no design has less than the one
        that has the least of each.
        """
        least = (self._axes.pes, np.array(self._axes.simd), self._l1[0], self._l2[0], self._noc[0])
        return (compatible.area_um2(*least) <= limits.area_um2) & (compatible.power_mw(*least) <= limits.power_mw)

    def _add_layers(self, plan: Plan, block: Block, pes: Ints) -> None:
        latency = plan.simulator.settings.noc_latency
        one = np.ones((1, 1), dtype=np.int64)
        for part in mapped(plan, block, pes):
            built = build(part.batch)
            counts = compatible.counts(built)
            offchip = max(plan.arch.memories[-1].word_bits // 8, 1)
            widths, at = distinct(np.maximum(self._noc, 1), _largest(built))
            found = compatible.cycles(built, Timing(widths, one * latency, one * offchip, one * self._axes.simd))
            self.latency += part.count * found.runtime[part.of][:, at]
            self.energy += part.count * (counts.energy * MAC_UNIT_PJ)[part.of]
            good = ~found.crashes & (found.runtime >= 1) & (counts.macs >= 1)[:, None]
            self.runs &= good[part.of][:, at]
            np.maximum(self.l1_need, np.add.reduce(counts.l1_need)[part.of], out=self.l1_need)
            np.maximum(self.l2_need, np.add.reduce(counts.l2_need)[part.of], out=self.l2_need)

    def cells(self, number: int) -> Cells | None:
        """See `Analysis`."""
        if not self._possible[number]:
            return None
        row, pes = self._row[number], self._axes.pes[number]
        nothing = np.zeros(1, dtype=np.int64)
        rest = (pes, np.array(self._axes.simd), nothing, self._l2[None, :], self._noc[:, None])
        return Cells(
            latency=self.latency[row][:, None],
            energy=np.full((1, 1), self.energy[row]),
            area=compatible.area_um2(*rest),
            l1_energy=np.zeros(len(self._l1)),
            l1_area=pes * (compatible.BUFFER_UM2 * self._l1),
            least_l1=int(np.searchsorted(self._l1, self.l1_need[row])),
            least_l2=int(np.searchsorted(self._l2, self.l2_need[row])),
            runs=self.runs[row],
            power=compatible.power_mw(*rest),
            l1_power=pes * (compatible.BUFFER_MW * self._l1),
        )


def _largest(built: Built) -> int:
    """The most elements that any step moves in or out at once."""
    return max(
        int(max((table.volumes.ins[0] + table.volumes.ins[1]).max(), table.volumes.out.max())) for table in built.tables
    )
