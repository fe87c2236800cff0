"""A total that several ask parts of: whoever asks gets what it asks for, and less in proportion where that is too much.

So axes can be the parts themselves: every combination of them can be built, and every division of the total is one.
"""

from __future__ import annotations

from collections.abc import Sequence


def granted(asked: Sequence[int], most: int, step: int) -> tuple[int, ...]:
    """What each gets, in multiples of `step`: what it asked, or its part of `most` by largest remainder.

    `asked` are multiples of `step`. Whoever asks for something gets a step at least, and nobody more than it asked;
    together they get `most` where they ask for more. Equal askers differ by one step at most, the first gets it.
    """
    steps, total = [amount // step for amount in asked], most // step
    whole = sum(steps)
    if whole <= total:
        return tuple(asked)
    parts = [max(wanted * total // whole, 1) if wanted else 0 for wanted in steps]

    def lacking(i: int) -> int:
        return steps[i] * total - parts[i] * whole

    while sum(parts) > total:
        parts[min((i for i in range(len(parts)) if parts[i] > 1), key=lacking)] -= 1
    while sum(parts) < total:
        parts[max((i for i in range(len(parts)) if parts[i] < steps[i]), key=lacking)] += 1
    return tuple(part * step for part in parts)
