"""Moves in a space that several searches share: change some axes of a design, and find an unseen one near it."""

from __future__ import annotations

import numpy as np

from workbench.problem.space import Design, Space
from workbench.searches.unseen import Unseen

REACH = 8
"""A move on an ordered axis goes at most this part of its length, and at least one choice."""

SLOPE = 8.0
LOOKS = 32
"""Tries to find an unseen design at one distance before the next one; more would make an exhausted corner expensive."""


def mutate(space: Space, design: Design, axes: int, rng: np.random.Generator) -> Design:
    """So many axes, chosen with repetition, take another choice: a near one if ordered, any if not.

    A space of one design has no other.
    """
    free = [i for i, count in enumerate(space.shape) if count > 1]
    changed = list(design)
    for _ in range(axes if free else 0):
        i = free[int(rng.integers(len(free)))]
        changed[i] = another_choice(space, i, changed[i], rng)
    return tuple(changed)


def another_choice(space: Space, axis: int, choice: int, rng: np.random.Generator) -> int:
    """Another choice of an axis that has several: at most `REACH`'s part of an ordered axis away, any of the others."""
    count = space.shape[axis]
    if not space.axes[axis].ordered:
        return (choice + int(rng.integers(1, count))) % count
    step = int(rng.integers(1, max(1, count // REACH) + 1))
    up = choice + step < count and (choice < step or rng.random() < 0.5)
    return choice + step if up else choice - step


def sloped(space: Space, n: int, rng: np.random.Generator) -> list[Design]:
    """`n` random designs, each with most of its ordered axes towards one end: many small or many large ones together.

    Where resources add up, uniform designs nearly all lie in the middle. An axis of k choices takes number k u^s with u
    uniform in 0..1, where the design's slope s is log-uniform within a factor of SLOPE around 1.
    """
    found: list[Design] = []
    for slope in SLOPE ** rng.uniform(-1, 1, n):
        part = rng.random(len(space.axes)) ** np.array([slope if axis.ordered else 1.0 for axis in space.axes])
        found.append(tuple(int(each) for each in np.minimum(part * space.shape, np.array(space.shape) - 1)))
    return found


def take_near(unseen: Unseen, space: Space, design: Design, rng: np.random.Generator) -> Design:
    """Removes the design itself from the unseen ones, or one ever further away, or in the end any; one must be left."""
    if design in unseen:
        unseen.take(design)
        return design
    for axes in range(1, len(space.axes) + 1):
        for _ in range(LOOKS):
            there = mutate(space, design, axes, rng)
            if there in unseen:
                unseen.take(there)
                return there
    return unseen.draw(rng)
