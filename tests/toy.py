"""A toy simulator, architecture and workload: exact, instant, with infeasible designs and a real trade-off."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from workbench.errors import SimulatorError
from workbench.problem.layer import Layer
from workbench.problem.metrics import Breakdown, Infeasible, LayerMapping, Metrics, Outcome, Target
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.problem.template import Template
from workbench.problem.workload import Workload

Choices = Mapping[str, Sequence[int | str]]


class ToySettings(BaseModel):
    """For tests of pace, of what is simulated, and of failure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_s: float = Field(0.0, ge=0, description="Pause before each answer.")
    log: str = Field("", description="A file that gets one line for every design simulated.")
    breaks: bool = Field(False, description="Raise instead of answering.")


class ToySimulator:
    """More PEs are faster; a larger buffer reads less from outside, costs more an access, and must hold a row."""

    name: ClassVar[str] = "toy"
    Settings: ClassVar[type[BaseModel]] = ToySettings
    per_layer: ClassVar[bool] = True

    def __init__(self, settings: ToySettings) -> None:
        self.settings = settings

    @property
    def fingerprint(self) -> str:
        return "toy 1"

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        if self.settings.breaks:
            raise SimulatorError("toy: broken on purpose")
        time.sleep(self.settings.delay_s)
        if self.settings.log:
            with Path(self.settings.log).open("a") as log:
                log.writelines(f"{task.workload.name} {task.arch(design).key.hex()}\n" for design in designs)
        (layer,) = [item.layer for item in task.workload.layers]
        return [self._outcome(task, layer, design) for design in designs]

    def _outcome(self, task: Task, layer: Layer, design: Design) -> Outcome:
        arch = task.arch(design)
        buffer = next(m for m in arch.memories if m.name == "buffer")
        need = layer.size("C") * layer.size("OX") * layer.size("FY") * layer.input_bits
        if buffer.size_bits < need:
            return Infeasible("a row does not fit", "buffer", need, buffer.size_bits, ("buffer_bits",))
        refetch = 1 + 64 * need / buffer.size_bits
        compute = layer.macs / arch.pes
        stall = layer.elements("I") * layer.input_bits * refetch / buffer.word_bits
        mac = layer.macs * arch.mac_energy_pj
        inner = layer.macs * buffer.read_energy_pj / arch.array_size["D1"]
        outer = layer.elements("I") * refetch * arch.memories[-1].read_energy_pj / 8
        return Metrics(
            latency_cycles=compute + stall,
            energy_pj=mac + inner + outer,
            area_um2=arch.area_um2,
            clock_mhz=arch.clock_mhz,
            breakdown=Breakdown(mac, (("buffer", "I", inner), ("dram", "I", outer)), compute, 0.0, stall, 0.0, 0.0),
            mapping=LayerMapping((("D1", (("K", 2.0),)),), ()),
        )


def _powers(first: int, count: int) -> list[int]:
    return [first * 2**i for i in range(count)]


def toy_content(choices: Choices) -> dict[str, Any]:
    """An architecture file's content; `choices` of the axes d1, d2, buffer_bits, buffer_width and mapping."""
    sets = {
        "d1": "array.D1",
        "d2": "array.D2",
        "buffer_bits": "memories.buffer.size_bits",
        "buffer_width": "memories.buffer.bits_per_cycle",
        "mapping": "spatial_mapping",
    }
    port = {"kind": "read_write", "bits_per_cycle": 64, "min_bits_per_cycle": 8}
    every = ["W", "I", "O"]
    return {
        "name": "toy",
        "array": {"dims": {"D1": 4, "D2": 4}, "mac_energy_pj": 0.04},
        "memories": [
            {
                "name": "buffer",
                "kind": "sram",
                "size_bits": 65536,
                "operands": every,
                "shared_over": "all",
                "read_energy_pj": 3.0,
                "write_energy_pj": 3.5,
                "ports": [port],
            },
            {
                "name": "dram",
                "kind": "dram",
                "size_bits": 2**40,
                "operands": every,
                "shared_over": "all",
                "read_energy_pj": 700.0,
                "write_energy_pj": 750.0,
                "ports": [port],
            },
        ],
        "spatial_mappings": {"kc": {"D1": ["K"], "D2": ["C"]}, "ck": {"D1": ["C"], "D2": ["K"]}},
        "axes": {axis: {"sets": sets[axis], "choices": list(values)} for axis, values in choices.items()},
    }


SMALL: Choices = {"d1": _powers(2, 3), "buffer_bits": _powers(2048, 5), "mapping": ["kc", "ck"]}
"""30 designs, some of which do not fit."""

MIDDLE: Choices = {
    "d1": _powers(1, 6),
    "d2": _powers(1, 6),
    "buffer_bits": _powers(2048, 10),
    "buffer_width": _powers(16, 5),
    "mapping": ["kc", "ck"],
}
"""3,600 designs."""

LARGE: Choices = {
    "d1": list(range(1, 257)),
    "d2": list(range(1, 257)),
    "buffer_bits": [1024 * i for i in range(1, 257)],
    "buffer_width": [8 * i for i in range(1, 257)],
    "mapping": ["kc", "ck"],
}
"""8.6e9 designs."""


def toy_workload(layers: int = 1) -> Workload:
    """A chain of different layers."""
    convolutions = [
        Layer.conv(f"conv{i + 1}", 8 * 2**i, 8 * 2 ** (i + 1), 3, in_size=32, padding=1) for i in range(layers)
    ]
    return Workload.chain("toynet", convolutions)


def toy_task(
    choices: Choices = MIDDLE,
    objectives: tuple[str, ...] = ("latency_cycles", "energy_pj"),
    targets: tuple[str, ...] = (),
    layers: int = 1,
) -> Task:
    template = Template.from_content(toy_content(choices), "toy")
    return Task(template, toy_workload(layers), objectives, tuple(Target.parse(t) for t in targets))
