"""ZigZag itself as a simulator, in processes under the workbench's own or another interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from workbench.errors import UserError
from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Infeasible, LayerMapping, Metrics, Outcome
from workbench.problem.space import Design
from workbench.problem.task import Criterion, Task
from workbench.simulators.external import batch
from workbench.simulators.external.interpreter import Python, cores, interpreter
from workbench.simulators.external.process import Command, Pool
from workbench.simulators.external.protocol import outcome
from workbench.simulators.loopnest.engine import evaluate_layer
from workbench.simulators.loopnest.simulator import VERSION as RANKING
from workbench.simulators.loopnest.spatial import spread
from workbench.simulators.zigzag import inputs
from workbench.simulators.zigzag.unrollings import best_first, shared

VERSION = "3.9.1"
"""Of ZigZag: another one has another cost model."""

ADAPTER = 2
"""Raised with every change here that can change a result."""

WORKER = Path(__file__).with_name("worker.py")
START_LIMIT_S = 120.0
EXPLAINING_FACTORS = 4
ADVICE = " Please make sure"
"""What follows in ZigZag's message is the same for every design."""

ENVIRONMENT = {"MPLBACKEND": "Agg", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class ZigZagSettings(BaseModel):
    """How thoroughly mappings are searched, and where ZigZag is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factors: int = Field(
        6, ge=1, le=9, description="prime factors that loop orders are made of; ZigZag takes one a loop at least"
    )
    spatial: int = Field(3, ge=1, le=64, description="generated spatial mappings to try where a design says auto")
    unrollings: Literal["shared", "zigzag"] = Field(
        "shared",
        description="who generates them: shared, those of loopnest, the best by its ranking; zigzag, ZigZag itself",
    )
    time_limit_s: float = Field(600.0, gt=0, allow_inf_nan=False, description="for one design, layer and unrolling")
    workers: int = Field(0, ge=0, le=256, description="processes at once; 0 is one for each core")
    python: Python = Field("", description="an interpreter that has zigzag-dse and six; empty is the workbench's own")


class ZigZag:
    """Runs ZigZag 3.9.1 itself (extra `zigzag`), with its own search and cost model: seconds a design and layer."""

    name: ClassVar[str] = "zigzag"
    Settings: ClassVar[type[BaseModel]] = ZigZagSettings
    per_layer: ClassVar[bool] = True
    own_workers: ClassVar[bool] = True

    def __init__(self, settings: ZigZagSettings) -> None:
        self.settings = settings
        python = interpreter(settings.python, self.name)
        if not settings.python:
            _check_own()
        command = Command(
            (python, str(WORKER)),
            VERSION,
            START_LIMIT_S,
            settings.time_limit_s,
            environment=ENVIRONMENT,
        )
        self._pool = Pool(command, settings.workers or cores())

    def __reduce__(self) -> tuple[type[ZigZag], tuple[ZigZagSettings]]:
        """In another process, workers of its own."""
        return ZigZag, (self.settings,)

    @property
    def fingerprint(self) -> str:
        """Name, versions and settings in one line; that of the ranking, too, since it decides what ZigZag is asked."""
        chosen = f"shared:{RANKING}" if self.settings.unrollings == "shared" else self.settings.unrollings
        settings = f"factors={self.settings.factors} spatial={self.settings.spatial} unrollings={chosen}"
        return f"{self.name} {VERSION} {ADAPTER} {settings}"

    def close(self) -> None:
        """End the worker processes; the next evaluation starts new ones."""
        self._pool.close()

    def evaluate(self, task: Task, designs: Sequence[Design]) -> list[Outcome]:
        """One outcome per design: the sum over the workload's layers, or the first layer's reason that it cannot be."""
        return batch.evaluate(self, task, designs)

    def evaluate_layer(
        self, archs: Sequence[Arch], layer: Layer, criterion: Criterion, label: batch.Label = str
    ) -> list[Outcome]:
        """One outcome per architecture; `label` names them in errors.

        A design that says `auto` has the cost of the best of its unrollings, and is infeasible where none fits.
        """
        for arch in archs:
            inputs.check(arch)
        tried = self._tried(archs, layer, criterion)
        asked = [(i, variant) for i, variants in enumerate(tried) for variant in variants]
        answers = batch.asked(
            self._pool,
            [self._request(variant, layer, criterion) for _, variant in asked],
            lambda answer, n: outcome(answer, asked[n][1]),
            lambda n: f"{self.name}: {label(asked[n][0])}",
        )
        found: list[list[Outcome]] = [[] for _ in archs]
        for (i, _), answer in zip(asked, answers, strict=True):
            found[i].append(answer)
        best = [outcomes[best_first(outcomes, criterion)[0]] for outcomes in found]
        return [_translated(which, arch, layer, criterion) for which, arch in zip(best, archs, strict=True)]

    def _tried(self, archs: Sequence[Arch], layer: Layer, criterion: Criterion) -> list[list[Arch]]:
        """Per architecture, what ZigZag is asked about."""
        if self.settings.unrollings == "zigzag":
            return [[arch] for arch in archs]
        return shared(archs, layer, criterion, self.settings.factors, self.settings.spatial)

    def _request(self, arch: Arch, layer: Layer, criterion: Criterion) -> dict[str, Any]:
        return {
            "accelerator": inputs.accelerator(arch, layer),
            "mapping": inputs.mapping(arch, layer),
            "workload": inputs.workload(layer),
            "criterion": criterion,
            "factors": self.settings.factors,
            "spatial": self.settings.spatial,
        }


def _translated(found: Outcome, arch: Arch, layer: Layer, criterion: Criterion) -> Outcome:
    """ZigZag's outcome in our words: which memory is too small, and array dimensions by their names.

    ZigZag does not say what overflows. Where the loop-nest engine finds none that fits either, its finding stands
    beside ZigZag's reason.
    """
    if isinstance(found, Infeasible):
        found = replace(found, reason=found.reason.partition(ADVICE)[0].replace(" for layer layer", "").rstrip(". "))
        ours = evaluate_layer([arch], layer, criterion, EXPLAINING_FACTORS)[0]
        return replace(ours, reason=f"{found.reason} ({ours.reason})") if isinstance(ours, Infeasible) else found
    if found.mapping is None:
        return found
    return replace(found, mapping=_mapping(found, arch, layer))


def _mapping(found: Metrics, arch: Arch, layer: Layer) -> LayerMapping:
    """The mapping with the average number of units at work, where a size does not divide."""
    assert found.mapping is not None
    ours = {theirs: dim for dim, theirs in inputs.array_dims(arch).items()}
    chosen = [(ours[dim], [(loop, int(n)) for loop, n in loops]) for dim, loops in found.mapping.spatial]
    return LayerMapping(spread(layer, chosen).mean, found.mapping.temporal)


def _check_own() -> None:
    """Whether ZigZag is beside the workbench.

    Raises:
        UserError: it is not.
    """
    missing = [name for name, module in (("zigzag-dse", "zigzag"), ("six", "six")) if find_spec(module) is None]
    if missing:
        raise UserError(
            f"The simulator 'zigzag' needs {' and '.join(missing)}: pip install 'dse-workbench[zigzag]', or name "
            "an interpreter that has it with --sim python=PATH."
        )
