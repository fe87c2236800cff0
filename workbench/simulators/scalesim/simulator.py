"""SCALE-Sim itself as a simulator, in processes under the workbench's own or another interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from workbench.errors import UserError
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Outcome
from workbench.problem.space import Design
from workbench.problem.task import Criterion, Task
from workbench.simulators.external import batch
from workbench.simulators.external.interpreter import Python, cores, interpreter
from workbench.simulators.external.process import Command, Pool
from workbench.simulators.external.protocol import outcome
from workbench.simulators.scalesim import inputs
from workbench.simulators.scalesim.worker import NUMPY_BELOW

VERSION = "3.0.0"
"""Of SCALE-Sim: another one counts other cycles."""

ADAPTER = 1
"""Raised with every change here that can change a result."""

WORKER = Path(__file__).with_name("worker.py")
START_LIMIT_S = 120.0
ELSEWHERE = (
    "pip install scalesim==3.0.0 'numpy<2.4' into an environment of its own, and name its interpreter with "
    "--sim python=PATH."
)

ENVIRONMENT = {"MPLBACKEND": "Agg", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class ScaleSimSettings(BaseModel):
    """What stays in the array, what DRAM delivers, what an evaluation may use, and where SCALE-Sim is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataflow: inputs.Dataflow = Field(
        "ws", description="what stays in the PEs: weights, outputs or inputs (ws, os, is)"
    )
    bandwidth: inputs.Bandwidth = Field(
        "calc", description="DRAM delivers what is asked (calc), or what its port is wide, with stalls (user)"
    )
    max_cycles: int = Field(
        1_000_000,
        ge=1,
        description="cycles without stalls to simulate at most; one of 32 x 32 PEs takes 0.1 ms and 3 kB of memory",
    )
    time_limit_s: float = Field(600.0, gt=0, allow_inf_nan=False, description="for one design and layer")
    memory_limit_mb: int = Field(4096, ge=0, description="of each process; 0 is no limit")
    workers: int = Field(0, ge=0, le=256, description="processes at once; 0 is one for each core")
    python: Python = Field(
        "", description="an interpreter that has scalesim and numpy<2.4; empty is the workbench's own"
    )


class ScaleSim:
    """Runs SCALE-Sim 3.0.0 itself (extra `scalesim`), a systolic array cycle by cycle: 0.1 ms a cycle."""

    name: ClassVar[str] = "scalesim"
    Settings: ClassVar[type[BaseModel]] = ScaleSimSettings
    per_layer: ClassVar[bool] = True
    own_workers: ClassVar[bool] = True

    def __init__(self, settings: ScaleSimSettings) -> None:
        self.settings = settings
        python = interpreter(settings.python, self.name)
        if not settings.python:
            _check_own()
        command = Command(
            (python, str(WORKER)),
            VERSION,
            START_LIMIT_S,
            settings.time_limit_s,
            settings.memory_limit_mb,
            ENVIRONMENT,
        )
        self._pool = Pool(command, settings.workers or cores())

    def __reduce__(self) -> tuple[type[ScaleSim], tuple[ScaleSimSettings]]:
        """In another process, workers of its own."""
        return ScaleSim, (self.settings,)

    @property
    def fingerprint(self) -> str:
        """Name, versions and settings in one line."""
        return f"{self.name} {VERSION} {ADAPTER} {self.settings.dataflow} {self.settings.bandwidth}"

    def close(self) -> None:
        """End the worker processes; the next evaluation starts new ones."""
        self._pool.close()

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        """One outcome per design: the sum over the workload's layers, or the first layer's reason that it cannot be.

        Raises:
            UserError: SCALE-Sim knows no such array or layer, or would take longer than `max_cycles`.
        """
        return batch.evaluate(self, task, designs)

    def evaluate_layer(
        self, archs: Sequence[Arch], layer: Layer, criterion: Criterion, label: batch.Label = str
    ) -> list[Outcome]:
        """One outcome per architecture; `label` names them in errors. There is one mapping, so no criterion."""

        def named(i: int) -> str:
            return f"{self.name}: {label(i)}"

        found: dict[int, Outcome] = {}
        requests: dict[int, dict[str, Any]] = {}
        for i, arch in enumerate(archs):
            inputs.check(arch, layer)
            folding = inputs.folded(arch, layer, self.settings.dataflow)
            lacking = inputs.unfit(arch, layer, folding, self.settings.bandwidth)
            if lacking is not None:
                found[i] = lacking
                continue
            if folding.cycles > self.settings.max_cycles:
                raise UserError(
                    f"{named(i)}: {folding.cycles:,} cycles without stalls are more than the "
                    f"{self.settings.max_cycles:,} allowed. --sim max_cycles=N allows more, at some 0.1 ms each."
                )
            requests[i] = self._request(arch, layer, folding)
        asked = list(requests)
        answers = batch.asked(
            self._pool,
            list(requests.values()),
            lambda answer, n: outcome(answer, archs[asked[n]]),
            lambda n: named(asked[n]),
        )
        found.update(zip(asked, answers, strict=True))
        return [found[i] for i in range(len(archs))]

    def _request(self, arch: Arch, layer: Layer, folding: inputs.Folding) -> dict[str, Any]:
        dataflow, bandwidth = self.settings.dataflow, self.settings.bandwidth
        return {
            "files": inputs.files(arch, layer, folding, dataflow, bandwidth),
            "prices": inputs.prices(arch, layer, folding),
            "mac_energy_pj": arch.mac_energy_pj * layer.macs * (layer.weight_bits * layer.input_bits / 64),
            "ideal_cycles": -(-layer.macs // arch.pes),
            "surplus_writes": folding.folds * (folding.height + folding.width) if dataflow == "os" else 0,
            "edges": bandwidth == "user",
        }


def _check_own() -> None:
    """Whether SCALE-Sim can run beside the workbench.

    Raises:
        UserError: it is missing, or fails under the numpy that is here.
    """
    if find_spec("scalesim") is None:
        raise UserError(f"The simulator 'scalesim' needs scalesim: {ELSEWHERE}")
    numpy = version("numpy")
    if tuple(map(int, numpy.split(".")[:2])) >= NUMPY_BELOW:
        raise UserError(f"The simulator 'scalesim' fails under the workbench's numpy {numpy}: {ELSEWHERE}")
