"""A task of co-exploration: a chip of sub-accelerators and the networks on it, designed together for one specification.

The axes are the chip's and then those of each network's family, under the network's label (`resnet9_stem_filters`).
Targets are a specification: what misses one is no solution, and its networks need no training. What is left to minimise
is by default the error rate, 1 - the weighted mean of the networks' accuracies.

After NASAIC (Yang et al., DAC 2020), RECALLED: one specification of latency, energy and area for several networks that
run at the same time on one chip of heterogeneous sub-accelerators; the weighted accuracy is to be as high as can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from json import dumps
from math import isfinite, log2
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UserError
from workbench.problem.blueprint import Blueprint, Images
from workbench.problem.chip import ChipTemplate
from workbench.problem.chip_file import TOTALS
from workbench.problem.family import Family, FamilyFile
from workbench.problem.metrics import ERROR_RATE, METRIC_UNITS, Metrics, Target
from workbench.problem.space import Axis, Choice, Design, Space
from workbench.problem.task import BaseTask, check_wanted
from workbench.problem.workload import Workload
from workbench.problem.yamlfile import build_model

MOST_NETWORKS = 26
MOST_SEEDS = 20
WORDS = ("description", "source")
"""What a file says of itself in words; it makes no other task."""


@dataclass(frozen=True)
class CoNetwork:
    """One of the networks: a family to choose it from, what it is trained on, and what its accuracy counts.

    `data_key` is the digest of the data's content in hex; `data_path` where its files lie, if it has any.
    """

    label: str
    family: Family
    data: str
    data_key: str
    images: Images
    data_path: str | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (isfinite(self.weight) and self.weight > 0):
            raise UserError(f"The weight of network {self.label!r} must be a positive number, got {self.weight}.")

    def axis(self, name: str) -> str:
        """What an axis of the family is called in the task."""
        return f"{self.label}_{name}"

    def content(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "label": self.label,
            "family": self.family.content(),
            "data": self.data,
            "data_key": self.data_key,
            "data_path": self.data_path,
            "images": [self.images.channels, list(self.images.size), self.images.classes],
            "weight": self.weight,
        }

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> CoNetwork:
        """The inverse of `content`."""
        channels, (rows, columns), classes = content["images"]
        return cls(
            content["label"],
            Family(build_model(content["family"], FamilyFile, "family")),
            content["data"],
            content["data_key"],
            Images(channels, (rows, columns), classes),
            content["data_path"],
            content["weight"],
        )


@dataclass(frozen=True)
class CoTask(BaseTask):
    """See the module. `recipe` are the settings of the trainings; a network is worth the mean over so many `seeds`.

    `fixed` holds axes at one value: the space is that much smaller.
    """

    template: ChipTemplate
    networks: tuple[CoNetwork, ...]
    objectives: tuple[str, ...] = (ERROR_RATE,)
    targets: tuple[Target, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 1
    fixed: Mapping[str, Choice] = field(default_factory=dict)

    constrained: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_wanted(self.objectives, self.targets, (*METRIC_UNITS, ERROR_RATE))
        if not 1 <= len(self.networks) <= MOST_NETWORKS:
            raise UserError(f"A chip is designed for 1 to {MOST_NETWORKS} networks, got {len(self.networks)}.")
        labels = [network.label for network in self.networks]
        if len(set(labels)) != len(labels):
            raise UserError(f"Networks need labels of their own, got {', '.join(labels)}: write LABEL=FAMILY.")
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise UserError(f"A network is trained with 1 to {MOST_SEEDS} seeds, got {self.seeds}.")
        Space(self._free_axes).design({**_first(self._free_axes), **self.fixed})

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those of hardware, and the error rate where it is asked for."""
        return (*METRIC_UNITS, ERROR_RATE) if self.trains else tuple(METRIC_UNITS)

    @cached_property
    def _free_axes(self) -> tuple[Axis, ...]:
        """All axes, none of them held."""
        of_networks = (
            Axis(network.axis(axis.name), axis.choices)
            for network in self.networks
            for axis in network.family.space.axes
        )
        return (*self.template.space.axes, *of_networks)

    @cached_property
    def space(self) -> Space:
        """Chip and networks together; an axis that is held has one choice."""
        return Space(tuple(Axis(a.name, (self.fixed[a.name],)) if a.name in self.fixed else a for a in self._free_axes))

    @property
    def clock_mhz(self) -> float:
        """The chip's."""
        return self.template.file.clock_mhz

    @property
    def names(self) -> tuple[str, str]:
        """The chip, and the families."""
        return self.template.name, "+".join(network.family.name for network in self.networks)

    @cached_property
    def chip_axes(self) -> tuple[str, ...]:
        """The names of the axes that are the chip's."""
        return tuple(axis.name for axis in self.template.space.axes)

    @cached_property
    def of_networks(self) -> tuple[int, ...]:
        """The places of the axes that are the networks'."""
        return tuple(range(len(self.chip_axes), len(self._free_axes)))

    @cached_property
    def specification(self) -> tuple[Target, ...]:
        """The targets that hardware alone keeps or misses: those that are looked at before anything is trained."""
        return tuple(target for target in self.targets if target.metric != ERROR_RATE)

    @property
    def trains(self) -> bool:
        """Whether the accuracy is asked for: without, this is about hardware alone."""
        return ERROR_RATE in self.objectives or any(target.metric == ERROR_RATE for target in self.targets)

    def solves(self, metrics: Metrics) -> bool:
        """Whether every target is met, and the networks were trained if that is asked for."""
        if self.trains and metrics.accuracy is None:
            return False
        return all(target.met(metrics) for target in self.targets)

    def chip_design(self, design: Design) -> Design:
        """The design of the chip, in its template's own space."""
        values = self.space.values(design)
        return self.template.space.design({name: values[name] for name in self.chip_axes})

    def network_values(self, design: Design) -> tuple[dict[str, Choice], ...]:
        """Of each network, axis of its family -> value."""
        values = self.space.values(design)
        return tuple(
            {axis.name: values[network.axis(axis.name)] for axis in network.family.space.axes}
            for network in self.networks
        )

    def blueprints(self, design: Design) -> tuple[Blueprint, ...]:
        """The networks of a design, for the images of their data."""
        return tuple(self._member(place, values)[0] for place, values in enumerate(self.network_values(design)))

    def workloads(self, design: Design) -> tuple[Workload, ...]:
        """The networks for the cost model, named after their labels and values."""
        found = []
        for network, values, blueprint in zip(
            self.networks, self.network_values(design), self.blueprints(design), strict=True
        ):
            name = "-".join([network.label, *map(str, network.family.canonical(values).values())])
            found.append(blueprint.workload(name, network.family.file.description))
        return tuple(found)

    @cached_property
    def _members(self) -> dict[tuple[int, tuple[Choice, ...]], tuple[Blueprint, NDArray[np.float64]]]:
        return {}

    def _member(self, place: int, values: Mapping[str, Choice]) -> tuple[Blueprint, NDArray[np.float64]]:
        """A network and its features, kept: a search meets it again and again."""
        key = place, tuple(values.values())
        if key not in self._members:
            network = self.networks[place]
            blueprint, space = network.family.blueprint(values, network.images), network.family.space
            row = [log2(blueprint.macs), log2(blueprint.parameters), *space.encode([space.design(values)])[0]]
            self._members[key] = blueprint, np.array(row)
        return self._members[key]

    def accuracy(self, accuracies: Sequence[float]) -> float:
        """The weighted mean of one accuracy for each network."""
        total = sum(network.weight for network in self.networks)
        return sum(network.weight * each for network, each in zip(self.networks, accuracies, strict=True)) / total

    def features(self, designs: Sequence[Design]) -> NDArray[np.float64]:
        """The axes; octaves of PEs and bandwidth, of each part and in all; of MACs and weights of each network.

        (n, width). What a sub-accelerator asks for beyond the totals it is not granted, which the axes do not tell.
        """
        parts, count = list(self.template.file.sub_accelerators), len(self.networks)
        sizes = np.zeros((len(designs), 2 * len(parts) + 2 * count + 2))
        for row, design in zip(sizes, designs, strict=True):
            granted = self.template.granted(self.chip_design(design))
            row[-2:] = [log2(1 + sum(int(stated[field]) for stated in granted.values())) for field in TOTALS]
            for name, stated in granted.items():
                place = parts.index(name)
                row[2 * place : 2 * place + 2] = [log2(int(stated[field]) + 1) for field in TOTALS]
            for place, values in enumerate(self.network_values(design)):
                row[2 * (len(parts) + place) :][:2] = self._member(place, values)[1][:2]
        return np.hstack([self.space.encode(designs), sizes])

    def network_features(self, place: int, designs: Sequence[Design]) -> NDArray[np.float64]:
        """What one network's accuracy may depend on: octaves of MACs and weights, its family's axes.  # (n, w)"""
        space = self.networks[place].family.space
        rows = [self._member(place, self.network_values(design)[place])[1] for design in designs]
        return np.stack(rows) if rows else np.zeros((0, 2 + space.encode([(0,) * len(space.axes)]).shape[1]))

    def canonical(self) -> dict[str, Any]:
        """See `BaseTask`."""
        return {
            "chip": self.template.content(),
            "networks": [network.content() for network in self.networks],
            "objectives": list(self.objectives),
            "targets": [{"metric": t.metric, "bound": t.bound} for t in self.targets],
            "recipe": dict(self.recipe),
            "seeds": self.seeds,
            "fixed": dict(self.fixed),
        }

    @classmethod
    def from_canonical(cls, content: Mapping[str, Any]) -> CoTask:
        """The inverse of `canonical`."""
        return cls(
            template=ChipTemplate.from_content(content["chip"]),
            networks=tuple(map(CoNetwork.from_content, content["networks"])),
            objectives=tuple(content["objectives"]),
            targets=tuple(Target(t["metric"], t["bound"]) for t in content["targets"]),
            recipe=content["recipe"],
            seeds=content["seeds"],
            fixed=content["fixed"],
        )

    @cached_property
    def key(self) -> bytes:
        """See `BaseTask`; where the data lies makes no other task, nor do words in the files."""
        return blake2b(dumps(self._content(), sort_keys=True).encode(), digest_size=16).digest()

    @cached_property
    def subject(self) -> bytes:
        """16 bytes that tasks share whose designs come to the same: all but objectives, targets and held axes."""
        content = {k: v for k, v in self._content().items() if k not in ("objectives", "targets", "fixed")}
        axes = [axis.name for axis in self._free_axes]
        return blake2b(dumps([content, axes], sort_keys=True).encode(), digest_size=16).digest()

    def _content(self) -> dict[str, Any]:
        content = self.canonical()
        content["chip"] = {k: v for k, v in content["chip"].items() if k not in WORDS}
        for network in content["networks"]:
            network["family"] = {k: v for k, v in network["family"].items() if k not in (*WORDS, "images")}
            del network["data_path"]
        return content


def _first(axes: Sequence[Axis]) -> dict[str, Choice]:
    return {axis.name: axis.choices[0] for axis in axes}
