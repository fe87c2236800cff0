"""A family of networks: fixed facts and free axes in a YAML file; a choice of values makes one network of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import blake2b
from json import dumps
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from workbench.errors import UserError, unknown_name
from workbench.problem.blueprint import Blueprint, Images
from workbench.problem.builders import Kind, Network, Resnet, Unet
from workbench.problem.datafiles import data_dir
from workbench.problem.space import Axis, Choice, Design, Space
from workbench.problem.template import AxisFile, Count, Name
from workbench.problem.workload import Workload
from workbench.problem.yamlfile import read_model

Values = Mapping[str, Choice]
"""Axis name -> the value chosen."""
_NETWORK: TypeAdapter[Resnet | Unet] = TypeAdapter(Network)


class ImagesFile(BaseModel):
    """The images that a family is shown with where no data set says its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: Count
    size: Count | tuple[Count, Count]
    classes: Annotated[Count, Field(ge=2)]

    def images(self) -> Images:
        size = self.size if isinstance(self.size, tuple) else (self.size, self.size)
        return Images(self.channels, size, self.classes)


class FamilyFile(BaseModel):
    """The content of a family file: a network in the terms of its builder, and what of it is free."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    description: str = ""
    source: str = ""
    images: ImagesFile
    network: Network
    axes: dict[Name, AxisFile] = Field(min_length=1)

    @model_validator(mode="after")
    def _axes_set_numbers_of_the_network(self) -> FamilyFile:
        numbers = dict(_numbers(self.network.model_dump()))
        setter: dict[str, str] = {}
        for axis, content in self.axes.items():
            for path in paths(content):
                if path not in numbers:
                    raise ValueError(f"axes.{axis}.sets: {unknown_name('number', path, numbers)}".rstrip("."))
                if path in setter:
                    raise ValueError(f"axes.{axis} sets {path}, but axes.{setter[path]} does already")
                if numbers[path] not in content.choices:
                    raise ValueError(
                        f"axes.{axis} sets {path}, which is {numbers[path]} in the file: that must be one of its "
                        f"choices, got {list(content.choices)}"
                    )
                setter[path] = axis
            if len({numbers[path] for path in paths(content)}) > 1:
                told = ", ".join(f"{path} {numbers[path]}" for path in paths(content))
                raise ValueError(
                    f"axes.{axis} sets several numbers at once, so they must be one in the file, got {told}"
                )
            self._check_choices(axis, content)
        return self

    def _check_choices(self, axis: str, content: AxisFile) -> None:
        """Each choice for itself: the builder refuses what it cannot be built with."""
        for choice in content.choices:
            if not isinstance(choice, int):
                raise ValueError(f"axes.{axis}: choices must be whole numbers, got {choice!r}")
            try:
                self.built(dict.fromkeys(paths(content), choice))
            except ValidationError as error:
                said = error.errors()[0]["msg"]
                raise ValueError(f"axes.{axis}: {choice} cannot be: {said[:1].lower() + said[1:]}") from None

    def built(self, numbers: Mapping[str, int]) -> Resnet | Unet:
        """The network with other numbers at some places."""
        content = self.network.model_dump()
        for path, number in numbers.items():
            *steps, last = path.split(".")
            part: Any = content
            for step in steps:
                part = part[int(step) - 1] if step.isdigit() else part[step]
            part[last] = number
        return _NETWORK.validate_python(content)


def _numbers(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int]]:
    """Every number of a network by its place, as `blocks.2.filters`: the parts of a list count from 1."""
    for key, value in content.items():
        if isinstance(value, int):
            yield prefix + key, value
        elif isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, tuple):
            for number, part in enumerate(value, 1):
                yield from _numbers(part, f"{prefix}{key}.{number}.")


def paths(axis: AxisFile) -> tuple[str, ...]:
    """The places that an axis sets."""
    return (axis.sets,) if isinstance(axis.sets, str) else axis.sets


class Family:
    """Networks of one kind that differ along axes. `blueprint(values, images)` makes one of them concrete."""

    def __init__(self, file: FamilyFile, where: str = "family") -> None:
        self.file = file
        try:
            self.space = Space(tuple(Axis(name, axis.choices) for name, axis in file.axes.items()))
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    @property
    def name(self) -> str:
        """The family's name."""
        return self.file.name

    @property
    def kind(self) -> Kind:
        """Whether its networks tell images apart (classification) or pixels (segmentation)."""
        return self.file.network.kind

    @property
    def images(self) -> Images:
        """The images that its file names; a data set has its own."""
        return self.file.images.images()

    def content(self) -> dict[str, Any]:
        """The file's content, JSON-able."""
        return self.file.model_dump(mode="json")

    @cached_property
    def key(self) -> bytes:
        """16 bytes that equal families share; a reworded description makes no other family."""
        content = {k: v for k, v in self.content().items() if k not in ("description", "source", "images")}
        return blake2b(dumps(content, sort_keys=True).encode(), digest_size=16).digest()

    def nominal(self) -> dict[str, Choice]:
        """The values of the file itself."""
        numbers = dict(_numbers(self.file.network.model_dump()))
        return {name: numbers[paths(axis)[0]] for name, axis in self.file.axes.items()}

    def smallest(self) -> dict[str, Choice]:
        """The first choice of every axis."""
        return {axis.name: axis.choices[0] for axis in self.space.axes}

    def largest(self) -> dict[str, Choice]:
        """The last choice of every axis."""
        return {axis.name: axis.choices[-1] for axis in self.space.axes}

    def canonical(self, values: Values) -> dict[str, Choice]:
        """The same network's values with the first choice on every axis that does not matter there.

        So two designs are one network where these are equal: a U-Net of two levels has no filters on a third.

        Raises:
            UserError: an unknown or missing axis, or a value that is not among its choices.
        """
        self.space.design(values)
        used = self._network(values).used()
        return {
            axis.name: axis.choices[0]
            if used is not None and used.isdisjoint(paths(self.file.axes[axis.name]))
            else values[axis.name]
            for axis in self.space.axes
        }

    def design(self, values: Values) -> Design:
        """The canonical design of values."""
        return self.space.design(self.canonical(values))

    def blueprint(self, values: Values, images: Images | None = None) -> Blueprint:
        """The network of these values, for the images of a data set or by default of the file.

        Raises:
            UserError: a value that is none of its axis's choices, or images that are too small.
        """
        self.space.design(values)
        try:
            return self._network(values).blueprint(images or self.images)
        except UserError as error:
            told = ", ".join(f"{name} {value}" for name, value in values.items())
            raise UserError(f"Family {self.name!r} ({told}) for images of {images or self.images}: {error}") from None

    def workload(self, values: Values, images: Images | None = None) -> Workload:
        """The same network for the cost model, named after the family and the values."""
        name = "-".join([self.name, *(str(value) for value in self.canonical(values).values())])
        return self.blueprint(values, images).workload(name, self.file.description)

    def _network(self, values: Values) -> Resnet | Unet:
        return self.file.built(
            {path: int(values[name]) for name, axis in self.file.axes.items() for path in paths(axis)}
        )


def bundled_families() -> tuple[str, ...]:
    """The names of the families that come with the workbench."""
    return tuple(sorted(path.stem for path in (data_dir() / "families").glob("*.yaml")))


def load_family(name_or_path: str) -> Family:
    """A bundled family by name, or one from a YAML file.

    Raises:
        UserError: there is no such family or file, or the file is faulty.
    """
    if name_or_path in bundled_families():
        path = data_dir() / "families" / f"{name_or_path}.yaml"
    elif name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        path = Path(name_or_path)
    else:
        raise unknown_name("family", name_or_path, bundled_families())
    return Family(read_model(path, FamilyFile), str(path))
