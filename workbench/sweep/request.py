"""What a sweep is asked for, by a YAML file, flags or both, checked whole before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from workbench.errors import UserError
from workbench.problem.graph import WorkloadLayer
from workbench.problem.ranges import values_of
from workbench.problem.workload import Workload, load_workload
from workbench.problem.yamlfile import build_model, read_yaml
from workbench.simulators.dataflow import DataflowSettings, DataflowSimulator
from workbench.sweep.plan import GRID, KEPT_MOST, L1, L2, NOC, PES, Plan, SweepSettings, task_of

DEFAULTS: Mapping[str, str] = {PES: "16:512:16", NOC: "1:64", L1: "64:8192:x2", L2: "8192:4194304:x2"}
"""PEs, bytes per cycle, bytes of a PE, bytes of all: where nobody says."""
FLAGS: Mapping[str, str] = {PES: "pes", NOC: "bandwidth", L1: "l1", L2: "l2"}


def _text(value: Any) -> Any:
    """A range as YAML has it: a text, a number or a list of these. YAML reads 8:30 as 510, as a time of day."""
    if isinstance(value, bool) or not isinstance(value, str | int | list | None):
        raise ValueError(f"input should be a range such as 8:2056:8, got {value!r}")
    return None if value is None else ",".join(map(str, value)) if isinstance(value, list) else str(value)


Range = Annotated[str | None, BeforeValidator(_text)]


class SweepRequest(BaseModel):
    """The keys of a sweep's file; each has its flag."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataflow: str = "kcp"
    workload: str | None = None
    layers: tuple[str, ...] = ()
    arch: str = "data_centric"
    mode: str = "corrected"
    pes: Range = None
    bandwidth: Range = None
    l1: Range = None
    l2: Range = None
    tiles: dict[str, Range] = {}
    vector_width: Range = None
    noc_latency: int = 1
    area_mm2: float | None = None
    power_mw: float | None = None
    keep: str = "front"
    prune: bool = True

    def plan(self) -> Plan:
        """The sweep.

        Raises:
            UserError: anything that does not exist, is no range or is out of its bounds.
        """
        if self.workload is None:
            raise UserError("Give --workload, a network by name or file: see 'dse workloads'.")
        settings = self._settings()
        simulator = build_model(
            {"dataflow": self.dataflow, "mode": self.mode, "noc_latency": self.noc_latency},
            DataflowSettings,
            "Sweep",
        )
        stated = {axis: getattr(self, FLAGS[axis]) for axis in GRID}
        ranges = {axis: values_of(stated[axis] or DEFAULTS[axis], f"--{FLAGS[axis]}") for axis in GRID}
        tiles = {name: values_of(text, f"--tiles {name}") for name, text in self.tiles.items()}
        widths = values_of(self.vector_width, "--vector-width") if self.vector_width else ()
        task = task_of(self._workload(self.workload), simulator, ranges, tiles, widths, settings, self.arch)
        if task.space.size >= 2**62:
            raise UserError(f"A sweep has less than 2^62 designs, these ranges have {task.space.size:.3g}.")
        made = Plan(task, DataflowSimulator(simulator), settings)
        made.layers(made.block(0))
        return made

    def _settings(self) -> SweepSettings:
        what, _, number = self.keep.partition(":")
        kept = number.isascii() and number.isdigit() and 1 <= int(number) <= KEPT_MOST
        if what not in ("front", "best", "all") or (what == "best") != kept or (what != "best" and number):
            raise UserError(f"--keep is front, all or best:N with N in 1..{KEPT_MOST}, got {self.keep!r}.")
        content = {
            "area_mm2": self.area_mm2,
            "power_mw": self.power_mw,
            "keep": what,
            "best": int(number) if kept else 0,
            "prune": self.prune,
        }
        return build_model(content, SweepSettings, "Limits")

    def _workload(self, name: str) -> Workload:
        network = load_workload(name)
        if not self.layers:
            return network
        if len(self.layers) == 1:
            return network.single(self.layers[0])
        items = [WorkloadLayer(network.layer(layer)) for layer in dict.fromkeys(self.layers)]
        names = "+".join(item.name for item in items)
        return Workload(f"{network.name}/{names}", tuple(items), network.description, network.source)


def request_of(config: Path | None, given: Mapping[str, Any]) -> SweepRequest:
    """What a file says, with what was given beside it over that (None: not given).

    Raises:
        UserError: the file cannot be read, or a key of it is unknown or wrong.
    """
    content = {} if config is None else read_yaml(config)
    if not isinstance(content, Mapping):
        raise UserError(f"{config}: expected keys and values at the top level, got {type(content).__name__}.")
    said = {name: value for name, value in given.items() if value is not None}
    build_model(content, SweepRequest, str(config))
    return build_model({**content, **said}, SweepRequest, "Sweep")
