"""Data-centric dataflows as a simulator of the workbench's tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from workbench.errors import UserError
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, Metrics, Outcome, total
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.simulators.dataflow.catalogue import Dataflow, is_file, load
from workbench.simulators.dataflow.convert import data_layer
from workbench.simulators.dataflow.costed import Costed, Details, compatible_costs, corrected_costs
from workbench.simulators.dataflow.levels import Skeleton, skeleton_of
from workbench.simulators.dataflow.mapping import check

VERSION = 2
"""Raised with every change that can change a result."""

VECTOR_WIDTH = "VectorWidth"
"""An architecture that states this under `dataflow` has PEs of that many MACs in a cycle, whatever the setting says."""

Mode = Literal["corrected", "compatible"]


class DataflowSettings(BaseModel):
    """Which dataflow, costed how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataflow: str = Field("kcp", description="a dataflow by name, see 'dse dataflow list', or a mapping file (*.m)")
    mode: Mode = Field(
        "corrected", description="true counts and physical costs (corrected), or as the public tool (compatible)"
    )
    simd: int = Field(1, ge=1, le=1024, description="MACs of a PE in a cycle")
    noc_latency: int = Field(1, ge=0, le=10_000, description="cycles from the shared buffer to a PE")

    @field_validator("dataflow")
    @classmethod
    def _whole_path(cls, value: str) -> str:
        """A file is kept by its full path: a run is resumed from anywhere."""
        return str(Path(value).expanduser().resolve()) if is_file(value) else value


class DataflowSimulator:
    """A data-centric mapping on an architecture's PEs, private and shared buffers and DRAM.

    What the architecture states under `dataflow` takes the place of the dataflow's own constants of that name.
    """

    name: ClassVar[str] = "dataflow"
    Settings: ClassVar[type[BaseModel]] = DataflowSettings
    per_layer: ClassVar[bool] = True

    def __init__(self, settings: DataflowSettings | None = None) -> None:
        self.settings = settings or DataflowSettings()
        self.dataflow: Dataflow = load(self.settings.dataflow)

    @property
    def fingerprint(self) -> str:
        """Name, version and settings in one line; a dataflow counts by its text."""
        s = self.settings
        return (
            f"{self.name} {VERSION} mode={s.mode} dataflow={self.dataflow.name}@{self.dataflow.digest} "
            f"simd={s.simd} noc_latency={s.noc_latency}"
        )

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        """One outcome per design, in order."""
        if not designs:
            return []
        archs = [task.arch(design) for design in designs]
        parts: list[list[tuple[Metrics, int]]] = [[] for _ in archs]
        failed: dict[int, Infeasible] = {}
        for layer, count in task.workload.compute_layers():
            alive = [i for i in range(len(archs)) if i not in failed]
            if not alive:
                break
            costed = self.costed(layer, [archs[i] for i in alive])
            for i, (group, at) in zip(alive, costed, strict=True):
                outcome = group.outcome(at)
                if isinstance(outcome, Metrics):
                    parts[i].append((outcome, count))
                else:
                    failed[i] = with_levers(task, self.dataflow, outcome)
        return [failed[i] if i in failed else total(parts[i]) for i in range(len(archs))]

    def details(self, task: Task, design: Design) -> list[tuple[Layer, int, Details]]:
        """More about a design that can be built: of each different layer, and how often it occurs."""
        found = []
        for layer, count in task.workload.compute_layers():
            group, at = self.costed(layer, [task.arch(design)])[0]
            found.append((layer, count, group.details(at)))
        return found

    def costed(self, layer: Layer, archs: Sequence[Arch]) -> list[tuple[Costed, int]]:
        """Each architecture's costs on a layer: a batch, and the row in it."""
        return self.costed_pairs([(layer, arch) for arch in archs])

    def costed_pairs(self, pairs: Sequence[tuple[Layer, Arch]]) -> list[tuple[Costed, int]]:
        """Each layer's costs on the architecture beside it: a batch, and the row in it.

        The architectures share their memories' order and operands, and the energy of a MAC.
        """
        s = self.settings
        shapes = [data_layer(layer) for layer, _ in pairs]
        mappings = [self.dataflow.on(shape, arch.dataflow) for shape, (_, arch) in zip(shapes, pairs, strict=True)]
        if s.mode == "compatible":
            for shape, mapping in zip(shapes, mappings, strict=True):
                if shape.dilation != (1, 1):
                    dilation = list(shape.dilation)
                    raise UserError(f"The public tool knows no dilation, and layer {shape.name!r} has {dilation}.")
                check(mapping, shape)
        groups: dict[tuple[int, tuple[int, ...], Skeleton], list[int]] = {}
        for i, (layer, arch) in enumerate(pairs):
            width = dict(arch.dataflow).get(VECTOR_WIDTH, s.simd)
            bits = (layer.weight_bits, layer.input_bits, layer.partial_bits, layer.output_bits)
            groups.setdefault((width, bits, skeleton_of(shapes[i], mappings[i])), []).append(i)
        cost = corrected_costs if s.mode == "corrected" else compatible_costs
        found: dict[int, tuple[Costed, int]] = {}
        for (width, _, _), rows in groups.items():
            layers, archs = [pairs[i][0] for i in rows], [pairs[i][1] for i in rows]
            group = cost(layers, [shapes[i] for i in rows], [mappings[i] for i in rows], archs, width, s.noc_latency)
            found.update({i: (group, at) for at, i in enumerate(rows)})
        return [found[i] for i in range(len(pairs))]


def with_levers(task: Task, dataflow: Dataflow, outcome: Infeasible) -> Infeasible:
    """The outcome with the axes that would help: those of what overflows, and sizes that the dataflow is free in."""
    names = {f"dataflow.{name}" for name, _ in dataflow.free} | {outcome.resource}
    if outcome.resource == "array":
        names |= {f"array.{dim}" for dim in task.template.file.array.dims}
    axes = task.template.file.axes.items()
    levers = [name for name, axis in axes if names & set((axis.sets,) if isinstance(axis.sets, str) else axis.sets)]
    return Infeasible(outcome.reason, outcome.resource, outcome.demand, outcome.bound, tuple(levers))
