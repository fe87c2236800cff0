"""YAML files read into validated models; an error names the file, the key, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from workbench.errors import UserError, nearest

M = TypeVar("M", bound=BaseModel)
MERGE = "tag:yaml.org,2002:merge"


class _StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, which YAML itself lets the last one win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a single word", problem_mark=key_node.start_mark)
            if key_node.tag == MERGE:
                continue
            key = self.construct_object(key_node)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> Any:
    """The document in a YAML file.

    Raises:
        UserError: the file is missing, unreadable, not text or not YAML (with line and column).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file.") from None
    except IsADirectoryError:
        raise UserError(f"{path}: this is a folder, not a YAML file.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: this is not a text file in UTF-8.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:  # a path with a NUL in it
        raise UserError(f"There can be no file named {str(path)!r}: {error}.") from None
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UserError(f"{path}: {place}this is not valid YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: this is not valid YAML: {' '.join(str(error).split())}.") from None
    except (ValueError, RecursionError) as error:  # a date or number out of range, or nested without end
        raise UserError(f"{path}: this YAML holds a value that cannot be read: {error}.") from None


def read_model(path: Path, model: type[M]) -> M:
    """A YAML file read through a model.

    Raises:
        UserError: as `read_yaml`, or the content does not suit the model; one line for the first fault found.
    """
    content = read_yaml(path)
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: expected keys and values at the top level, got {type(content).__name__}.")
    return build_model(content, model, str(path))


def build_model(content: Mapping[str, Any], model: type[M], where: str) -> M:
    """A model made from parsed content; `where` opens the error line."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{where}: {_describe(error, model, content)}") from None


def _describe(error: ValidationError, model: type[BaseModel], content: Mapping[str, Any]) -> str:
    """The first fault as one line: key, what is wrong, the value, what is allowed."""
    faults = error.errors()
    unknown = [f for f in faults if f["type"] == "extra_forbidden"]
    first = _place(unknown[0] if unknown else faults[0], content)
    # Where a value may be of several kinds, each kind has its fault: the deepest says which kind was meant.
    under = [fault for fault in unknown or faults if _place(fault, content)[: len(first)] == first]
    fault = max(under, key=lambda fault: len(_place(fault, content)))  # the first of the deepest
    loc = _place(fault, content)
    key = _key(loc)
    if fault["type"] == "extra_forbidden":
        known = _known_keys(model, loc[:-1])
        near = nearest(str(loc[-1]), known)
        hint = f" Did you mean {near!r}?" if near else ""
        choice = f"Known here: {', '.join(known)}." if known else "There are none here."
        return f"unknown key {key!r}.{hint} {choice}"
    if fault["type"] == "missing":
        return f"the key {key!r} is missing."
    message = " or ".join(dict.fromkeys(_message(f) for f in under if _place(f, content) == loc))
    if isinstance(fault["input"], BaseModel | Mapping) or not key:
        return f"{key + ': ' if key else ''}{message}."
    return f"{key}: {message}, got {_short(fault['input'])}."


def _place(fault: ErrorDetails, content: Any) -> list[int | str]:
    """Where a fault is, as keys and positions of the content; pydantic also lists the kinds that it tried there."""
    place: list[int | str] = []
    for i, part in enumerate(fault["loc"]):
        within = isinstance(content, Mapping) and part in content
        if within or (isinstance(part, int) and isinstance(content, list | tuple) and part < len(content)):
            place.append(part)
            content = content[part]
        elif fault["type"] == "missing" and i == len(fault["loc"]) - 1:
            place.append(part)
    return place


def _message(fault: ErrorDetails) -> str:
    """What is wrong, in words of YAML."""
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    for theirs, ours in (("a valid tuple", "a list"), ("tuple", "list"), ("a valid dictionary", "keys and values")):
        message = message.replace(theirs, ours)
    return message.removesuffix(".")


def _key(loc: list[int | str]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _known_keys(model: type[BaseModel], loc: list[int | str]) -> list[str]:
    """The keys a model allows at a place in its content, found by walking the field types."""
    kinds: list[Any] = [model]
    for part in loc:
        found: list[Any] = []
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel) and part in kind.model_fields:
                found.append(kind.model_fields[str(part)].annotation)
            else:
                found.extend(get_args(kind)[-1:] if isinstance(part, str) else get_args(kind)[:1])
        kinds = [leaf for kind in found for leaf in _alternatives(kind)] or kinds
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def _alternatives(kind: Any) -> list[Any]:
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [leaf for arg in get_args(kind) for leaf in _alternatives(arg)]
    return [kind]
