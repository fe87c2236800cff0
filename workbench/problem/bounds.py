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

Of a co-exploration the same, from the smallest members of the families on all PEs the chip may have, to the largest
ones; areas run from that of the smallest chip to twice that of the largest, since layers add buffers; and the error
rate runs from one in a thousand to all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.problem.arch import OPERANDS, Arch
from workbench.problem.chip import Chip
from workbench.problem.cotask import CoTask
from workbench.problem.layer import Layer
from workbench.problem.metrics import ERROR_RATE
from workbench.problem.task import BaseTask, Task
from workbench.problem.tasks import hardware


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


LEAST_ERROR = 1e-3
"""An error rate below this is as good: that many images are hardly ever there to tell."""


def box(task: BaseTask) -> Box:
    """The task's box; every side is longer than 0, so that it can be divided by."""
    limits = _co_limits(task) if isinstance(task, CoTask) else _limits(hardware(task))
    spans = [_span(*limits[objective]) for objective in task.objectives]
    return Box(tuple(low for low, _ in spans), tuple(high for _, high in spans))


def _co_limits(task: CoTask) -> dict[str, tuple[float, float]]:
    small, large = (_chip(task, last) for last in (False, True))
    few, many = (
        sum(blueprint.macs for blueprint in task.blueprints(design))
        for design in ((0,) * len(task.space.axes), tuple(size - 1 for size in task.space.shape))
    )
    mac_pj = large.parts[0].arch.mac_energy_pj
    energy = few * mac_pj, many * (mac_pj + max(_access_pj(part.arch) for part in large.parts))
    area = tuple(sum(part.arch.area_um2 for part in chip.parts) for chip in (small, large))
    latency = few / task.template.file.totals.pes.most, float(many)
    found = _with_products(latency, energy, (area[0], 2 * area[1]), task.clock_mhz)
    return found | {ERROR_RATE: (LEAST_ERROR, 1.0)}


def _chip(task: CoTask, last: bool) -> Chip:
    """Every axis of the chip at its first or its last choice; the stated chip where that has no PEs at all."""
    template = task.template
    places = [size - 1 if last else 0 for size in task.space.shape]
    chip = template.chip(task.chip_design(tuple(places)))
    stated = chip if isinstance(chip, Chip) else template.chip(template.nominal)
    if not isinstance(stated, Chip):
        raise ValueError(f"chip {template.name} states no PEs")
    return stated


def _limits(task: Task) -> dict[str, tuple[float, float]]:
    small, large = _corners(task)
    layers = task.workload.compute_layers()
    macs = sum(count * layer.macs for layer, count in layers)
    latency = (sum(count * layer.macs / large.pes for layer, count in layers), float(macs))
    least = sum(count * layer.macs * _mac_energy_pj(small, layer) for layer, count in layers)
    most = sum(count * layer.macs * (_mac_energy_pj(large, layer) + _access_pj(large)) for layer, count in layers)
    return _with_products(latency, _span(least, most), (small.area_um2, large.area_um2), large.clock_mhz)


def _with_products(
    latency: tuple[float, float], energy: tuple[float, float], area: tuple[float, float], clock_mhz: float
) -> dict[str, tuple[float, float]]:
    seconds = [cycles / (clock_mhz * 1e6) for cycles in latency]
    return {
        "latency_cycles": latency,
        "energy_pj": energy,
        "area_um2": area,
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
