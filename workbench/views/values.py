"""Values of axes as they are typed: `AXIS=VALUE` changes on top of a design's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.errors import UserError, unknown_name
from workbench.problem.space import Axis, Choice, Space
from workbench.views.settings import pairs


def with_changes(space: Space, values: Mapping[str, Choice], changes: Sequence[str]) -> dict[str, Choice]:
    """A design's values with `AXIS=VALUE` changes on top.

    Raises:
        UserError: an unknown axis, or a value that is none of its choices.
    """
    changed = dict(values)
    by_name = {axis.name: axis for axis in space.axes}
    for name, text in pairs("--set", changes).items():
        if name not in by_name:
            raise unknown_name("axis", name, by_name)
        changed[name] = _choice(by_name[name], text)
    return changed


def _choice(axis: Axis, text: str) -> Choice:
    """The choice that a text means: its own spelling, or the same number in another."""
    for choice in axis.choices:
        if str(choice) == text or (not isinstance(choice, str) and _number(text) == choice):
            return choice
    choices = ", ".join(map(str, axis.choices))
    raise UserError(f"Axis {axis.name!r} has no choice {text!r}. Choices: {choices}.")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
