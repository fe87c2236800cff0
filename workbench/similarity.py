"""How like another task is: what decides whose results are worth a look before there are any of one's own.

Two parts. Of the architectures: the share of axes that both have, by name (1 for the same template, at most 0.9 for
another). Of the layers: how far apart they lie in octaves, as the mean difference over the features that tell only of
the layer (log2 of the eight loops' sizes and of the three tensors' elements; of a network, the mean by MACs). Together:

    (1 + 3 * share) / 4 * 2 ** (-octaves / 2)

1 for the same architecture and layer; an architecture that shares nothing is worth a quarter, a layer two octaves away
a half. The weights are a choice: a known architecture with another layer taught more in trials than the reverse.
What a task wants (objectives and targets) has no part in it: points tell of all metrics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from json import dumps
from math import exp2

import numpy as np
from numpy.typing import NDArray

from workbench.problem.cotask import CoTask
from workbench.problem.features import NAMES, features
from workbench.problem.task import BaseTask, Task
from workbench.problem.tasks import hardware

LAYER_FEATURES = tuple(name for name in NAMES if name.startswith(("size of ", "elements of ")))
ANOTHER_TEMPLATE = 0.9
MEASURE = "(1 + 3 * axes) / 4 * 2^(-octaves / 2)"
MEASURE_WORDS = (
    "axes: the share of axes in common, by name, at most 90% for another template; "
    "octaves: the mean difference of log2 of loop sizes and tensor elements."
)


@dataclass(frozen=True, slots=True)
class Similarity:
    """`axes`, the share of axes in common, 0..1; `octaves` between the layers, 0 or more."""

    axes: float
    octaves: float

    @property
    def value(self) -> float:
        """0..1, 1 for the same architecture and layer."""
        return (1 + 3 * self.axes) / 4 * exp2(-self.octaves / 2)


@dataclass(frozen=True)
class Profile:
    """What of a task its likeness to others depends on: worked out once, compared often."""

    arch_key: bytes
    axes: frozenset[str]
    layer: NDArray[np.float64]  # (len(LAYER_FEATURES),)

    @classmethod
    def of(cls, task: Task) -> Profile:
        """Of any task."""
        at = [NAMES.index(name) for name in LAYER_FEATURES]
        first = (0,) * len(task.space.axes)
        names = frozenset(axis.name for axis in task.space.axes)
        return cls(arch_key(task), names, features(task, [first]).values[0, at])

    def similarity(self, other: Profile) -> Similarity:
        """The same from either side."""
        octaves = float(np.abs(self.layer - other.layer).mean())
        if self.arch_key == other.arch_key:
            return Similarity(1.0, octaves)
        return Similarity(ANOTHER_TEMPLATE * len(self.axes & other.axes) / len(self.axes | other.axes), octaves)


def similarity(first: Task, second: Task) -> Similarity:
    """How like each other two tasks are."""
    return Profile.of(first).similarity(Profile.of(second))


def subject_key(of: BaseTask) -> bytes:
    """16 bytes that tasks share whose designs come to the same: all but what is wanted of them.

    The order of the axes is part of it, unlike of a task's key: designs are tuples of choices.
    """
    if isinstance(of, CoTask):
        return of.subject
    task = hardware(of)
    axes = [axis.name for axis in task.space.axes]
    key = replace(task, objectives=("latency_cycles",), targets=()).key
    return blake2b(key + dumps(axes).encode(), digest_size=16).digest()


def arch_key(task: Task) -> bytes:
    """16 bytes that tasks on the same template share, whatever its file says of itself in words."""
    content = {key: value for key, value in task.template.content().items() if key not in ("description", "source")}
    return blake2b(dumps(content, sort_keys=True).encode(), digest_size=16).digest()
