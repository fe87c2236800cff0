"""Axes of whole numbers as text: `8:2056:8`, `1:512`, `64:65536:x2`, `1,2,4`, several of these with commas between."""

from __future__ import annotations

from workbench.errors import UserError
from workbench.problem.space import MAX_CHOICES

MOST = 2**40
FORM = "a number, FIRST:LAST, FIRST:LAST:STEP or FIRST:LAST:xFACTOR, several with commas"


def values_of(text: object, what: str, least: int = 1) -> tuple[int, ...]:
    """The values of a range, ascending, none below `least`; `what` opens the error line. Both ends belong to it.

    Raises:
        UserError: it is no range, or too long or too large for one.
    """
    parts = [str(part) for part in text] if isinstance(text, list | tuple) else str(text).split(",")
    found: set[int] = set()
    for part in parts:
        found.update(_part(part.strip(), what, least))
        if len(found) > MAX_CHOICES:
            raise _too_many(what, text)
    return tuple(sorted(found))


def _part(text: str, what: str, lowest: int) -> list[int]:
    words = text.split(":")
    factor = len(words) == 3 and words[2][:1] in ("x", "*")
    numbers = words[:2] + ([words[2][1:] if factor else words[2]] if len(words) == 3 else words[3:])
    if len(words) > 3 or not all(word.isascii() and word.isdigit() and len(word) < 16 for word in numbers):
        raise UserError(f"{what}: {text!r} is no range; it is {FORM}.")
    first, last, step = (*map(int, numbers), *(int(numbers[0]), 1)[len(numbers) - 1 :])
    least = 2 if factor else 1
    lowest = max(lowest, 1) if factor else lowest
    if first < lowest or last > MOST:
        raise UserError(f"{what}: values must lie in {lowest}..2^40, got {text!r}.")
    if last < first:
        raise UserError(f"{what}: {text!r} ends before it begins.")
    if step < least:
        raise UserError(f"{what}: the {'factor' if factor else 'step'} must be at least {least}, got {text!r}.")
    if not factor:
        if (last - first) // step >= MAX_CHOICES:
            raise _too_many(what, text)
        return list(range(first, last + 1, step))
    found = [first]
    while found[-1] * step <= last:
        found.append(found[-1] * step)
    return found


def _too_many(what: str, text: object) -> UserError:
    return UserError(f"{what}: a range has at most {MAX_CHOICES:,} values, {str(text)!r} has more.")
