"""A workload: a network's layers, the nodes between them and the edges, bundled, read from YAML or written to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any

from workbench.errors import UserError, nearest, unknown_name
from workbench.problem.datafiles import data_dir
from workbench.problem.graph import Item, Node, Shape, WorkloadLayer, item_from_canonical
from workbench.problem.layer import Layer
from workbench.problem.workload_schema import WorkloadFile, parse_items, written
from workbench.problem.yamlfile import read_model


@dataclass(frozen=True)
class Workload:
    """A network as a graph of layers and nodes, in the order of its file; every edge leads to a known name.

    Shapes are checked along the edges when it is made, so a workload that exists is consistent.
    """

    name: str
    items: tuple[Item, ...]
    description: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise UserError("A workload needs a name.")
        if not self.layers:
            raise UserError(f"Workload {self.name!r}: it has no layer that computes, so there is nothing to evaluate.")
        try:
            self._check_names()
            self._check_shapes()
        except UserError as error:
            raise UserError(f"Workload {self.name!r}: {error}") from None

    @classmethod
    def chain(cls, name: str, layers: Sequence[Layer]) -> Workload:
        """Layers one after the other."""
        items = [WorkloadLayer(b, (a.name,)) for a, b in pairwise(layers)]
        return cls(name, tuple([WorkloadLayer(layer) for layer in layers[:1]] + items))

    @cached_property
    def layers(self) -> tuple[WorkloadLayer, ...]:
        """What computes, in the file's order."""
        return tuple(item for item in self.items if isinstance(item, WorkloadLayer))

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """What costs no MACs, in the file's order."""
        return tuple(item for item in self.items if isinstance(item, Node))

    @cached_property
    def order(self) -> tuple[Item, ...]:
        """Every item after its producers."""
        by_name = {item.name: item for item in self.items}
        return tuple(by_name[name] for name in self._sorter().static_order())

    @cached_property
    def shapes(self) -> Mapping[str, Shape | None]:
        """What each item gives, by name; None where it does not follow from the file."""
        shapes: dict[str, Shape | None] = {}
        for item in self.order:
            inputs = [shapes[name] for name in item.after]
            shapes[item.name] = item.output if isinstance(item, WorkloadLayer) else item.output(inputs)
        return shapes

    def compute_layers(self) -> tuple[tuple[Layer, int], ...]:
        """The different layers and how often each occurs: equal shapes are one, under the first one's name."""
        first: dict[object, Layer] = {}
        counts: dict[object, int] = {}
        for item in self.layers:
            key = item.layer.shape_key
            first.setdefault(key, item.layer)
            counts[key] = counts.get(key, 0) + item.repeat
        return tuple((layer, counts[key]) for key, layer in first.items())

    def layer(self, name: str) -> Layer:
        """A layer by its name, in upper or lower case."""
        for item in self.layers:
            if item.name.casefold() == name.casefold():
                return item.layer
        raise unknown_name(f"layer of {self.name}", name, [item.name for item in self.layers])

    def single(self, name: str) -> Workload:
        """One layer as a workload of its own."""
        layer = self.layer(name)
        return Workload(f"{self.name}/{layer.name}", (WorkloadLayer(layer),), self.description, self.source)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole network."""
        return sum(item.layer.macs * item.repeat for item in self.layers)

    @property
    def weights(self) -> int:
        """Weights of the whole network, without biases; a second matrix that is an activation is none."""
        return sum(item.layer.elements("W") * item.repeat for item in self.layers if len(item.after) < 2)

    def canonical(self) -> dict[str, Any]:
        """Name and graph as JSON-able content; a reworded description is no other workload."""
        return {"name": self.name, "items": [item.canonical() for item in self.items]}

    def _sorter(self) -> TopologicalSorter[str]:
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for item in self.items:
            sorter.add(item.name, *item.after)
        return sorter

    def _check_names(self) -> None:
        known: dict[str, Item] = {}
        for item in self.items:
            if item.name.casefold() in known:
                raise UserError(f"the name {item.name!r} is given twice (upper and lower case count as equal).")
            known[item.name.casefold()] = item
        by_name = {item.name: item for item in self.items}
        for item in self.items:
            for name in item.after:
                if name not in by_name:
                    near = nearest(name, by_name)
                    hint = f" Did you mean {near!r}?" if near else ""
                    raise UserError(f"{item.name!r} comes after {name!r}, which does not exist.{hint}")
                if len({1, item.repeat, by_name[name].repeat}) > 2:
                    raise UserError(
                        f"{item.name!r} repeats {item.repeat} times and its producer {name!r} "
                        f"{by_name[name].repeat} times; a repeated block has one count."
                    )
        try:
            self._sorter().prepare()
        except CycleError as error:
            raise UserError(f"the edges form a cycle: {' -> '.join(error.args[1])}.") from None

    def _check_shapes(self) -> None:
        shapes = self.shapes
        for item in self.layers:
            item.check_inputs([shapes[name] for name in item.after])


def from_canonical(content: Mapping[str, Any]) -> Workload:
    """The workload that `canonical` wrote."""
    return Workload(content["name"], tuple(item_from_canonical(item) for item in content["items"]))


def bundled_workloads() -> tuple[str, ...]:
    """The names of the workloads that come with the workbench."""
    return tuple(sorted(path.stem for path in (data_dir() / "workloads").glob("*.yaml")))


def load_workload(name_or_path: str | Path) -> Workload:
    """A bundled workload by its name, or one from a YAML file.

    Raises:
        UserError: there is no such workload or file, or the file does not describe a consistent network.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, str) and "/" not in text and "\\" not in text and Path(text).suffix == "":
        by_folded = {name.casefold(): name for name in bundled_workloads()}
        if text.casefold() not in by_folded:
            raise unknown_name("workload", text, by_folded.values())
        return load_workload(data_dir() / "workloads" / f"{by_folded[text.casefold()]}.yaml")
    path = Path(name_or_path)
    content = read_model(path, WorkloadFile)
    items = parse_items(content, str(path))
    try:
        return Workload(content.name, items, content.description, content.source)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def to_yaml(workload: Workload) -> str:
    """The workload as the YAML that `load_workload` reads back to an equal one."""
    return written(workload.name, workload.description, workload.source, workload.items)
