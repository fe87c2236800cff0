"""The designs of a space that were not asked for yet: draw one at random, or take one out."""

from __future__ import annotations

import numpy as np

from workbench.problem.space import Design, Space


class Unseen:
    """A shuffle of all ranks of a space, made only as far as it was looked at.

    Fisher and Yates' shuffle on the list 0, 1, ... size - 1, of which only the places that differ from their own number
    are kept: two dictionary entries for a design taken, whatever the size of the space, and constant time for each.
    Draws are exactly uniform over what is left, and the last design of a space is found as quickly as the first.
    The state follows from the designs taken and their order.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._taken = 0  # places below hold what was taken
        self._rank_at: dict[int, int] = {}  # place -> rank, where they differ and the place is not taken
        self._place_of: dict[int, int] = {}  # rank -> place, where they differ or the place is taken

    @property
    def left(self) -> int:
        """How many there are."""
        return self._space.size - self._taken

    def __contains__(self, design: Design) -> bool:
        rank = self._space.rank(design)
        return self._place_of.get(rank, rank) >= self._taken

    def take(self, design: Design) -> None:
        """Remove a design; to take one twice is an error."""
        rank = self._space.rank(design)
        place = self._place_of.get(rank, rank)
        if place < self._taken:
            raise ValueError(f"the design {design} was taken before")
        front = self._rank_at.pop(self._taken, self._taken)
        if place != self._taken:
            self._rank_at[place] = front
            self._place_of[front] = place
        self._place_of[rank] = self._taken
        self._taken += 1

    def draw(self, rng: np.random.Generator) -> Design:
        """Remove a design chosen uniformly among all that are left."""
        place = self._taken + below(self.left, rng)
        design = self._space.unrank(self._rank_at.get(place, place))
        self.take(design)
        return design


def below(bound: int, rng: np.random.Generator) -> int:
    """A uniform number in 0..bound-1; spaces outgrow the 64 bits of the generator's own."""
    if bound <= 2**63:
        return int(rng.integers(bound))
    bits = (bound - 1).bit_length()
    while True:
        number = int.from_bytes(rng.bytes((bits + 7) // 8), "little") & ((1 << bits) - 1)
        if number < bound:
            return number
