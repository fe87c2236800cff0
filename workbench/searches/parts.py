"""Which part of the accelerator an axis changes: found by building designs and looking, not by its name."""

from __future__ import annotations

from dataclasses import replace

from workbench.problem.arch import Arch
from workbench.problem.space import Design
from workbench.problem.task import Task

ARRAY = "array"
MAPPING = "spatial mapping"
REST = "rest"


def touched(before: Arch, after: Arch) -> frozenset[str]:
    """The parts in which two variants of an architecture differ: `ARRAY`, `MAPPING`, `REST`, and names of memories."""
    parts = {old.name for old, new in zip(before.memories, after.memories, strict=True) if old != new}
    if before.array != after.array:
        parts.add(ARRAY)
    if before.spatial_mapping != after.spatial_mapping:
        parts.add(MAPPING)
    same = replace(after, array=before.array, memories=before.memories, spatial_mapping=before.spatial_mapping)
    return frozenset(parts | ({REST} if same != before else set()))


def parts_of_axes(task: Task) -> list[tuple[int, ...]]:
    """The free axes, grouped: axes that change a common part stand together, each group and their list in axis order.

    An axis is judged by all its choices against its first one, with every other axis at its first choice.
    """
    groups: list[tuple[set[int], set[str]]] = []
    for axis, count in enumerate(task.space.shape):
        if count < 2:
            continue
        axes, parts = {axis}, _parts_of(task, axis, count)
        for other in [group for group in groups if group[1] & parts]:
            groups.remove(other)
            axes |= other[0]
            parts |= other[1]
        groups.append((axes, parts))
    return sorted(tuple(sorted(axes)) for axes, _ in groups)


def _parts_of(task: Task, axis: int, count: int) -> set[str]:
    first = (0,) * len(task.space.axes)
    before = task.arch(first)
    others = (task.arch(_with(first, axis, choice)) for choice in range(1, count))
    return {part for after in others for part in touched(before, after)}


def _with(design: Design, axis: int, choice: int) -> Design:
    return (*design[:axis], choice, *design[axis + 1 :])
