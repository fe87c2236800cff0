"""A box around what a task's designs can come to, known without any simulation and equal for all runs on the task.

The hypervolume of a run is the part of this box that its front dominates, with every axis on a log scale and points
outside moved to the nearest face: a number in [0, 1] that says the same in every run on the task. The box is wide,
since it must hold whatever is found: differences between runs count, not how near to 1 a run comes.

Per MAC of the workload, at the smallest and at the largest design (each ordered axis at its first, and at its last
choice; access energy and area rise with size and width):
- latency: from 1 / PEs of the largest array, to one MAC a cycle;
- energy: from one MAC alone, to one MAC and one read and write of a full word of each operand's dearest memory;
- area: of the smallest and of the largest design.
Energy-delay product and power follow from these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.problem.arch import OPERANDS, Arch
from workbench.problem.layer import Layer
from workbench.problem.task import Task


@dataclass(frozen=True, slots=True)
class Box:
    """The least and the most of each objective, in the task's order."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def scale(self, values: Sequence[Sequence[float]]) -> NDArray[np.float64]:
        """Objectives' values (n, m) to [0, 1] on log scales, those outside to the nearest face.  # (n, m)"""
        lower, upper = np.log10(self.lower), np.log10(self.upper)
        with np.errstate(divide="ignore"):  # a metric of 0 lies below the box
            logs = np.log10(np.asarray(values, dtype=np.float64).reshape(len(values), len(self.lower)))
        scaled: NDArray[np.float64] = np.clip((logs - lower) / (upper - lower), 0.0, 1.0)
        return scaled


def box(task: Task) -> Box:
    """The task's box; every side is longer than 0, so that it can be divided by."""
    spans = [_span(*_limits(task)[objective]) for objective in task.objectives]
    return Box(tuple(low for low, _ in spans), tuple(high for _, high in spans))


def _limits(task: Task) -> dict[str, tuple[float, float]]:
    small, large = _corners(task)
    layers = task.workload.compute_layers()
    macs = sum(count * layer.macs for layer, count in layers)
    latency = (sum(count * layer.macs / large.pes for layer, count in layers), float(macs))
    least = sum(count * layer.macs * _mac_energy_pj(small, layer) for layer, count in layers)
    most = sum(count * layer.macs * (_mac_energy_pj(large, layer) + _access_pj(large)) for layer, count in layers)
    energy = _span(least, most)
    seconds = [cycles / (large.clock_mhz * 1e6) for cycles in latency]
    return {
        "latency_cycles": latency,
        "energy_pj": energy,
        "area_um2": (small.area_um2, large.area_um2),
        "edp_js": (energy[0] * 1e-12 * seconds[0], energy[1] * 1e-12 * seconds[1]),
        "power_mw": (energy[0] * 1e-9 / seconds[1], energy[1] * 1e-9 / seconds[0]),
    }


def _corners(task: Task) -> tuple[Arch, Arch]:
    """The smallest and the largest design; a categorical axis changes how loops are mapped, not what anything costs."""
    axes = task.space.axes
    return task.arch((0,) * len(axes)), task.arch(tuple(len(a.choices) - 1 if a.ordered else 0 for a in axes))


def _mac_energy_pj(arch: Arch, layer: Layer) -> float:
    """The architecture states it for 8 x 8 bits; it rises with the product of the widths (module `technology`)."""
    return arch.mac_energy_pj * layer.weight_bits * layer.input_bits / 64


def _access_pj(arch: Arch) -> float:
    """One read and one write of each operand's dearest memory."""
    return sum(max(m.read_energy_pj + m.write_energy_pj for m in arch.memories if o in m.operands) for o in OPERANDS)


def _span(low: float, high: float) -> tuple[float, float]:
    """A side of the box; where nothing is known to vary, a decade around it, and six below where the least is 0."""
    high = high if high > 0 else 1.0
    low = low if low > 0 else high * 1e-6
    return (low, high) if high > low else (low / 3, low * 3)
