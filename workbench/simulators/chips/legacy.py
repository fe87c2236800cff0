"""The cost model that NASAIC was published with, as far as it is known: to compare with its tables, nothing else.

NASAIC (Yang et al., DAC 2020) evaluated by MAESTRO's first release. Its analysis is taken to be that of the
`compatible` mode, with buffers and the link to DRAM unbounded, as the tool has them where nothing is said. Its prices,
RECALLED from that release's data base and the paper's tables:

- a MAC is 0.904 nJ; an access of the shared buffer is 18.61, one of a PE's own 1.68 MACs (the ratios of today's tool);
- a PE's MAC is 4470.9 um2; bus and arbiter as in today's tool, so that the arbiter, which grows with the square of the
  PEs, is most of the area: chips come to thousands of mm2, which is not physical;
- 50,000 um2 of SRAM for each PE: INFERRED, the rest between that formula and the areas of the paper's six chips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome
from workbench.simulators.dataflow import compatible
from workbench.simulators.dataflow.built import Timing, build
from workbench.simulators.dataflow.hardware import UNBOUNDED
from workbench.simulators.dataflow.levels import batch_of, skeleton_of
from workbench.simulators.dataflow.mapping import Mapping
from workbench.simulators.dataflow.tensors import DataLayer

MAC_PJ = 904.0
MAC_UM2 = 4470.9
SRAM_UM2 = 50_000.0
"""Of each PE."""

LATENCY = 1
"""Cycles of the NoC."""


@dataclass(frozen=True)
class Case:
    """A layer with its mapping on some PEs, and elements of the NoC per cycle."""

    layer: Layer
    shape: DataLayer
    mapping: Mapping
    pes: int
    noc: int
    clock_mhz: float


def area_um2(pes: int, noc: int) -> float:
    """The area of one sub-accelerator; `noc` in elements per cycle."""
    bus_and_arbiter = compatible.noc_area_um2(np.array([pes]), np.array([noc]))
    return pes * (MAC_UM2 + SRAM_UM2) + float(bus_and_arbiter[0])


def outcomes(cases: Sequence[Case]) -> list[Outcome]:
    """What each comes to; buffers are as large as they need to be."""
    groups: dict[object, list[int]] = {}
    for i, case in enumerate(cases):
        groups.setdefault(skeleton_of(case.shape, case.mapping), []).append(i)
    found: dict[int, Outcome] = {}
    for rows in groups.values():
        found.update(zip(rows, _together([cases[i] for i in rows]), strict=True))
    return [found[i] for i in range(len(cases))]


def _together(cases: Sequence[Case]) -> list[Outcome]:
    """Cases of one skeleton."""
    built = build(batch_of([(case.shape, case.mapping, case.pes) for case in cases]))
    noc = np.array([[case.noc] for case in cases], dtype=np.int64)
    one = np.ones((1, 1), dtype=np.int64)
    cycles = compatible.cycles(built, Timing(noc, LATENCY * one, UNBOUNDED * one, one))
    counts = compatible.counts(built)
    found: list[Outcome] = []
    for row, case in enumerate(cases):
        needed = case.mapping.pes_per_cluster
        if needed > case.pes:
            found.append(
                Infeasible(f"a cluster needs {needed} PEs, and there are {case.pes}", "array", needed, case.pes)
            )
        elif cycles.crashes[row, 0] or cycles.runtime[row, 0] < 1 or counts.macs[row] < 1:
            found.append(Infeasible("the public tool gives no result: a step of it computes nothing", "dataflow", 1, 0))
        else:
            latency, energy = float(cycles.runtime[row, 0]), float(counts.energy[row]) * MAC_PJ
            found.append(Metrics(latency, energy, area_um2(case.pes, case.noc), clock_mhz=case.clock_mhz))
    return found
