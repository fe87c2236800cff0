"""What the workbench and a simulator process say to each other: one JSON object a line.

The process first says hello: `{"protocol": 1, "version": "2.3"}`. Then every line on its input is a request and every
line of its output the answer to it, with the request's id: metrics, `{"id": 7, "infeasible": {...}}` for a design that
cannot be built, or `{"id": 7, "error": "..."}`.
"""

from __future__ import annotations

from json import dumps
from math import ceil
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.problem.arch import Arch
from workbench.problem.layer import LOOP_DIMS, Layer
from workbench.problem.metrics import Breakdown, Infeasible, LayerMapping, LoopLevel, Metrics, Outcome
from workbench.problem.task import Criterion

M = TypeVar("M", bound=BaseModel)

PROTOCOL = 1
SUM_TOLERANCE = 1e-6
"""How far the parts of a breakdown may be from their sum, relative to it."""

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class BadAnswerError(Exception):
    """A line that is no answer to what was asked."""


class EvaluationError(Exception):
    """The simulator says that it could not evaluate, in its own words."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Hello(_Part):
    """The first line."""

    protocol: int
    version: str


class _Infeasible(_Part):
    reason: Annotated[str, Field(min_length=1)]
    resource: str = ""
    demand: Amount = 1.0
    bound: Amount = 0.0


class _Breakdown(_Part):
    mac_energy_pj: Amount
    memory_energy_pj: tuple[tuple[str, str, Amount], ...]
    ideal_cycles: Amount
    spatial_stall_cycles: Amount
    temporal_stall_cycles: Amount
    onload_cycles: Amount
    offload_cycles: Amount


class _Level(_Part):
    memory: str
    loops: tuple[tuple[str, Annotated[int, Field(ge=1)]], ...]


class _Mapping(_Part):
    spatial: tuple[tuple[str, tuple[tuple[str, Amount], ...]], ...]
    temporal: tuple[tuple[str, tuple[_Level, ...]], ...]


class Answer(_Part):
    """The answer to one request: metrics, infeasible or error, and only one of them."""

    id: int
    latency_cycles: Amount | None = None
    energy_pj: Amount | None = None
    area_um2: Amount | None = None
    breakdown: _Breakdown | None = None
    mapping: _Mapping | None = None
    infeasible: _Infeasible | None = None
    error: str | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Answer:
        given = self.model_fields_set - {"id"}
        if "error" in given or "infeasible" in given:
            if len(given) > 1:
                raise ValueError(f"an answer is metrics, infeasible or error, got {sorted(given)}")
        elif self.latency_cycles is None or self.energy_pj is None:
            raise ValueError("metrics need latency_cycles and energy_pj")
        elif self.breakdown is not None:
            self._check_sums(self.breakdown, self.latency_cycles, self.energy_pj)
        return self

    @staticmethod
    def _check_sums(parts: _Breakdown, latency_cycles: float, energy_pj: float) -> None:
        energy = parts.mac_energy_pj + sum(pj for _, _, pj in parts.memory_energy_pj)
        stalls = parts.spatial_stall_cycles + parts.temporal_stall_cycles
        cycles = parts.ideal_cycles + stalls + parts.onload_cycles + parts.offload_cycles
        for name, whole, found in (("energy_pj", energy_pj, energy), ("latency_cycles", latency_cycles, cycles)):
            if abs(whole - found) > SUM_TOLERANCE * max(whole, found):
                raise ValueError(f"the parts of the breakdown sum to {found:g}, but {name} is {whole:g}")


def line(content: dict[str, Any]) -> bytes:
    """A message as it is sent; the order of keys is kept."""
    return dumps(content, allow_nan=False).encode() + b"\n"


def request_content(arch: Arch, layer: Layer, criterion: Criterion) -> dict[str, Any]:
    """A request without its id: all that decides the outcome.

    `arch` is the concrete architecture, priced; memories run from the innermost outwards. `layer` has its loops by
    name. `unrolling` is what the architecture's fill rule unrolls of this layer, or null where it is `auto`.
    """
    facts = layer.canonical()
    del facts["name"]
    facts["dims"] = dict(zip(LOOP_DIMS, layer.dims, strict=True))
    return {"arch": arch.canonical(), "layer": facts, "unrolling": unrolling(arch, layer), "criterion": criterion}


def unrolling(arch: Arch, layer: Layer) -> dict[str, dict[str, int]] | None:
    """How many units of each array dimension the fill rule gives to each loop; None under `auto`.

    The rule is that of `loopnest.spatial.fill`, with which a test compares this.
    """
    if isinstance(arch.spatial_mapping, str):
        return None
    left = {dim: layer.size(dim) for dim in LOOP_DIMS}
    chosen: dict[str, dict[str, int]] = {}
    for array_dim, loops in arch.spatial_mapping:
        room = arch.array_size[array_dim]
        taken = chosen.setdefault(array_dim, {})
        for loop, limit in loops:
            units = min(left[loop], room, room if limit is None else limit)
            if units > 1:
                taken[loop] = taken.get(loop, 1) * units
                left[loop] = ceil(left[loop] / units)
                room //= units
    return chosen


def read_hello(text: bytes) -> Hello:
    """The first line of a process.

    Raises:
        BadAnswerError: it is none.
    """
    return _read(Hello, text)


def read_answer(text: bytes, number: int) -> Answer:
    """The answer to the request of this id.

    Raises:
        BadAnswerError: the line is no answer, or answers something else.
    """
    answer = _read(Answer, text)
    if answer.id != number:
        raise BadAnswerError(f"it answered request {answer.id} instead of {number}")
    return answer


def outcome(answer: Answer, arch: Arch) -> Outcome:
    """An answer as an outcome; the area is the workbench's own estimate unless given.

    Raises:
        EvaluationError: the answer is an error.
    """
    if answer.error is not None:
        raise EvaluationError(answer.error)
    if answer.infeasible is not None:
        why = answer.infeasible
        return Infeasible(why.reason, why.resource, why.demand, why.bound)
    assert answer.latency_cycles is not None
    assert answer.energy_pj is not None
    return Metrics(
        latency_cycles=answer.latency_cycles,
        energy_pj=answer.energy_pj,
        area_um2=arch.area_um2 if answer.area_um2 is None else answer.area_um2,
        clock_mhz=arch.clock_mhz,
        breakdown=None if answer.breakdown is None else Breakdown(**answer.breakdown.model_dump()),
        mapping=None if answer.mapping is None else _mapping(answer.mapping),
    )


def _mapping(found: _Mapping) -> LayerMapping:
    return LayerMapping(
        spatial=found.spatial,
        temporal=tuple(
            (operand, tuple(LoopLevel(level.memory, level.loops) for level in levels))
            for operand, levels in found.temporal
        ),
    )


def _read(model: type[M], text: bytes) -> M:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        message = fault["msg"].removeprefix("Value error, ")
        shown = text[:200].decode(errors="replace").strip()
        raise BadAnswerError(f"it wrote {shown!r}: {where + ': ' if where else ''}{message}") from None
