"""Settings between the command line and their pydantic models: `NAME=VALUE` in, a table of names and bounds out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from workbench.errors import UserError

SIGNS = {Gt: (">", "gt"), Ge: (">=", "ge"), Lt: ("<", "lt"), Le: ("<=", "le")}


def pairs(flag: str, given: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` texts as a mapping; values stay text, which pydantic reads by the field's type.

    Raises:
        UserError: a text without `=`, or a name given twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not (name and equals):
            raise UserError(f"{flag} takes NAME=VALUE, got {text!r}.")
        if name in found:
            raise UserError(f"{flag} gives {name!r} twice: {found[name]!r} and {value.strip()!r}.")
        found[name] = value.strip()
    return found


def settings_table(model: type[BaseModel]) -> list[dict[str, Any]]:
    """One row per setting: name, default, what is allowed, help."""
    return [
        {
            "name": name,
            "default": field.get_default(call_default_factory=True),
            "allowed": _allowed(field),
            "help": " ".join((field.description or "").split()),
        }
        for name, field in model.model_fields.items()
    ]


def _allowed(field: FieldInfo) -> str:
    """The type and its bounds in words: `int >= 1`, `relative | edp_js`."""
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return " | ".join(map(str, get_args(kind)))
    bounds = [
        f"{sign} {getattr(limit, attribute)}"
        for limit in field.metadata
        for bound, (sign, attribute) in SIGNS.items()
        if isinstance(limit, bound)
    ]
    name = {"int": "whole number", "float": "number", "bool": "yes or no", "str": "text"}.get(
        getattr(kind, "__name__", ""), str(kind)
    )
    return " ".join([name, ", ".join(bounds)]).strip()
