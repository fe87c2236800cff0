"""The unmodified architecture as a design: for each axis the choice that its file's own numbers amount to."""

from __future__ import annotations

from math import log

from workbench.problem.space import Axis, Choice
from workbench.problem.template import Template


def nominal_values(template: Template) -> dict[str, Choice]:
    """Axis name -> the choice the file itself makes, or the nearest one where that is no choice."""
    return {axis.name: _nearest(axis, _own(template, axis.name)) for axis in template.space.axes}


def _own(template: Template, axis: str) -> Choice:
    """What the file says at the (first) place that an axis sets."""
    file = template.file
    sets = file.axes[axis].sets
    head, *rest = (sets if isinstance(sets, str) else sets[0]).split(".")
    if head == "spatial_mapping":
        return next(iter(file.spatial_mappings))
    if head == "array":
        return file.array.dims[rest[0]]
    if head == "dataflow":
        return file.dataflow[rest[0]]
    memory = next(memory for memory in template.nominal().memories if memory.name == rest[0])
    return memory.size_bits if rest[1] == "size_bits" else memory.word_bits


def _nearest(axis: Axis, own: Choice) -> Choice:
    """Sizes double from choice to choice, so near means a small ratio."""
    numbers = [choice for choice in axis.choices if not isinstance(choice, str)]
    if own in axis.choices or isinstance(own, str) or not numbers:
        return own if own in axis.choices else axis.choices[0]
    return min(numbers, key=lambda choice: abs(log(choice / own)))
