"""Many designs of a template as arrays: what `features` and `blocking` work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.problem.arch import Unrolling
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.template import resized

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Hardware:
    """Designs as arrays: array dimensions (n, a), memories (n, m), and the spatial mapping's number (n,).

    Energies in pJ per word of `width` bits; `area_um2` (n,) of the whole chip.
    """

    dims: Ints
    size_bits: Floats
    width: Floats
    read_pj: Floats
    write_pj: Floats
    area_um2: Floats
    rule: Ints
    rules: tuple[tuple[tuple[str, Unrolling], ...] | str, ...]

    def take(self, rows: slice) -> Hardware:
        """Some of the designs."""
        return Hardware(
            self.dims[rows],
            self.size_bits[rows],
            self.width[rows],
            self.read_pj[rows],
            self.write_pj[rows],
            self.area_um2[rows],
            self.rule[rows],
            self.rules,
        )


def hardware_of(task: Task, designs: Sequence[Design]) -> Hardware:
    """Every size, width, price and array dimension of every design."""
    template, file = task.template, task.template.file
    base = template.nominal(task.technology)
    chosen = np.asarray(designs, dtype=np.int64).reshape(len(designs), len(template.space.axes))
    n = len(chosen)
    dims = np.tile([size for _, size in base.array], (n, 1))
    sizes = np.tile([float(m.size_bits) for m in base.memories], (n, 1))
    widths = np.tile([float(m.word_bits) for m in base.memories], (n, 1))
    rule = np.zeros(n, dtype=np.int64)
    names = [dim for dim, _ in base.array]
    memories = [m.name for m in base.memories]
    rules = list(file.spatial_mappings)
    changed: dict[str, dict[str, int]] = {}
    for i, content in enumerate(file.axes.values()):
        for path in (content.sets,) if isinstance(content.sets, str) else content.sets:
            head, *rest = path.split(".")
            choices = task.space.axes[i].choices
            if head == "spatial_mapping":
                rule = np.array([rules.index(str(choice)) for choice in choices])[chosen[:, i]]
            elif head == "array":
                dims[:, names.index(rest[0])] = np.array(choices)[chosen[:, i]]
            elif head == "memories":
                table = sizes if rest[1] == "size_bits" else widths
                table[:, memories.index(rest[0])] = np.array(choices, dtype=np.float64)[chosen[:, i]]
                changed.setdefault(rest[0], {})[rest[1]] = i
    read_pj = np.tile([m.read_energy_pj for m in base.memories], (n, 1))
    write_pj = np.tile([m.write_energy_pj for m in base.memories], (n, 1))
    area = np.tile([m.area_um2 for m in base.memories], (n, 1))
    for name, fields in changed.items():
        at = memories.index(name)
        kinds, which = np.unique(chosen[:, list(fields.values())], axis=0, return_inverse=True)
        priced = [
            resized(
                base.memories[at],
                {f: int(task.space.axes[i].choices[c]) for (f, i), c in zip(fields.items(), kind, strict=True)},
                task.technology,
            )
            for kind in kinds
        ]
        read_pj[:, at] = np.array([m.read_energy_pj for m in priced])[which.ravel()]
        write_pj[:, at] = np.array([m.write_energy_pj for m in priced])[which.ravel()]
        area[:, at] = np.array([m.area_um2 for m in priced])[which.ravel()]
    pes = dims.prod(axis=1)
    total = pes * base.mac_area_um2
    for at, memory in enumerate(base.memories):
        served = dims[:, [names.index(dim) for dim in memory.shared_over]].prod(axis=1)
        total = total + area[:, at] * (pes / served)
    return Hardware(dims, sizes, widths, read_pj, write_pj, total, rule, tuple(template.rule(name) for name in rules))
