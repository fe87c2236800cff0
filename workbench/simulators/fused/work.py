"""All that a candidate has the chip do, tile by tile, and what that comes to: DRAM traffic, energy and latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.problem.metrics import Infeasible
from workbench.simulators.fused.copies import Copies, Copy
from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.pinned import Job, LayerRun
from workbench.simulators.fused.storage import Placement
from workbench.simulators.fused.tiling import Tiling


@dataclass(frozen=True)
class Candidate:
    """One way to run a group. `staged`: which of its entry and exit are copied tile by tile; the others stream."""

    tiling: Tiling
    placement: Placement
    staged: frozenset[int]


@dataclass(frozen=True)
class Kind:
    """One of the different tiles of a candidate: how many there are, what each fetches and stores, and its layers."""

    times: int
    copies: tuple[Copy, Copy]
    jobs: tuple[Job, ...]


class Work:
    """All that a candidate has the chip do. `loaded`: weights that stay, fetched before the first tile.

    The layers of its tiles are jobs for the engine; one that has not been asked for counts as the least it can be.
    """

    def __init__(self, candidate: Candidate, kinds: Sequence[Kind], loaded: Cost, ports: int) -> None:
        self.candidate, self.kinds, self.loaded, self.ports = candidate, kinds, loaded, ports
        self.often: dict[Job, int] = {}
        for kind in kinds:
            for job in kind.jobs:
                self.often[job] = self.often.get(job, 0) + kind.times

    def open_jobs(self) -> list[Job]:
        """What the engine has not been asked for, the largest part of the work first."""
        return sorted(
            (job for job in self.often if job.outcome is None), key=lambda job: -self.often[job] * job.layer.macs
        )

    def cost(self) -> Cost | None:
        """What the candidate comes to: exactly when no job is open, else what it cannot be below; None where a job has
        no mapping in the room that is left.

        A tile's own work and the copies of tiles overlap where there is room for a second tile, as far as the ports
        that both use allow: the tile takes as long as its work or its busiest port, whichever is longer. The first
        tile is fetched before, the last stored behind.
        """
        if any(isinstance(job.outcome, Infeasible) for job in self.often):
            return None
        told = {job: job.told() for job in self.often}
        macs, energy = 0, self.loaded.energy_pj
        weights, inputs, outputs = self.loaded.dram_bits
        for kind in self.kinds:
            fetched, stored = kind.copies
            energy += kind.times * (fetched.energy_pj + stored.energy_pj)
            inputs, outputs = inputs + kind.times * fetched.bits, outputs + kind.times * stored.bits
        for kind in self.kinds:
            for job in kind.jobs:
                run = told[job]
                energy += kind.times * run.energy_pj
                w, i, o = run.dram_bits
                weights, inputs, outputs = weights + kind.times * w, inputs + kind.times * i, outputs + kind.times * o
                macs += kind.times * job.macs
        found = Cost(self._latency(told), energy, (weights, inputs, outputs), macs)
        return found.least() if any(job.outcome is None for job in self.often) else found

    def _latency(self, told: Mapping[Job, LayerRun]) -> float:
        serial = overlapped = self.loaded.latency_cycles
        longest_in = longest_out = 0.0
        for kind in self.kinds:
            work, ports = 0.0, [0.0] * self.ports
            for job in kind.jobs:
                work += told[job].latency_cycles
                for port, cycles in told[job].busy_ports:
                    ports[port] += cycles
            for copy in kind.copies:
                for port, cycles in copy.port_cycles.items():
                    ports[port] += cycles
            taken_in, taken_out = (copy.cycles for copy in kind.copies)
            longest_in, longest_out = max(longest_in, taken_in), max(longest_out, taken_out)
            serial += kind.times * (work + taken_in + taken_out)
            overlapped += kind.times * max(work, *ports)
        if self.candidate.placement.double_buffered and self.candidate.tiling.tiles > 1:
            return min(serial, overlapped + longest_in + longest_out)
        return serial


def loaded_of(candidate: Candidate, copies: Copies) -> Cost:
    """Weights that stay on chip, fetched once."""
    home = candidate.placement.weights
    if home is None:
        return Cost()
    copy = copies.fetch(home, "W", candidate.placement.demand.weights)
    return Cost(copy.cycles, copy.energy_pj, (copy.bits, 0.0, 0.0))
