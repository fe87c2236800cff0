"""What an evaluation says: metrics, or why a design cannot be built; and targets on them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

from workbench.errors import UserError, unknown_name

METRIC_UNITS: dict[str, str] = {
    "latency_cycles": "cycles",
    "energy_pj": "pJ",
    "area_um2": "um2",
    "edp_js": "J*s",
    "power_mw": "mW",
}
"""Every metric of hardware that can be an objective or have a target; smaller is better for all."""
ERROR_RATE = "error_rate"
"""Of trained networks, 1 - accuracy: a metric where networks are designed, too."""


@dataclass(frozen=True, slots=True)
class LoopLevel:
    """The loops that one operand keeps at one memory level, innermost first."""

    memory: str
    loops: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LayerMapping:
    """How a layer runs: what the array unrolls, and which temporal loops each operand keeps at which level."""

    spatial: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    temporal: tuple[tuple[str, tuple[LoopLevel, ...]], ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """A network of a design: what it was worth when it was trained, and the keys of those measurements, in hex."""

    network: str
    accuracy: float
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Where energy and time go; the parts sum to the metrics."""

    mac_energy_pj: float
    memory_energy_pj: tuple[tuple[str, str, float], ...]
    """(memory, operand, pJ), every level of every operand once."""
    ideal_cycles: float
    """MACs / PEs, rounded up: no schedule is faster."""
    spatial_stall_cycles: float
    """Cycles lost because the array is not filled."""
    temporal_stall_cycles: float
    """Cycles lost waiting for a memory port."""
    onload_cycles: float
    offload_cycles: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """A design that can be built. `clock_mhz` turns cycles into seconds."""

    latency_cycles: float
    energy_pj: float
    area_um2: float
    accuracy: float | None = None
    clock_mhz: float = 1000.0
    breakdown: Breakdown | None = field(default=None, compare=False)
    mapping: LayerMapping | None = field(default=None, compare=False)
    trained: tuple[Trained, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        for name in ("latency_cycles", "energy_pj", "area_um2"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be finite and not negative, got {value}")

    @property
    def edp_js(self) -> float:
        """Energy-delay product, J*s."""
        return self.energy_pj * 1e-12 * self.latency_s

    @property
    def latency_s(self) -> float:
        """Latency in seconds at the stated clock."""
        return self.latency_cycles / (self.clock_mhz * 1e6)

    @property
    def power_mw(self) -> float:
        """Leakage-free average power: energy / time, mW."""
        return self.energy_pj * 1e-9 / self.latency_s if self.latency_cycles else 0.0

    def get(self, metric: str) -> float:
        """A metric by name (see `METRIC_UNITS`), or the error rate of a design whose networks were trained.

        Raises:
            ValueError: the error rate where nothing was trained.
        """
        if metric == ERROR_RATE:
            if self.accuracy is None:
                raise ValueError("no network was trained, so there is no error rate")
            return 1.0 - self.accuracy
        if metric not in METRIC_UNITS:
            raise unknown_name("metric", metric, METRIC_UNITS)
        return float(getattr(self, metric))

    def known(self, metrics: Iterable[str]) -> dict[str, float]:
        """Those of these metrics that there are: all, but for the error rate where nothing was trained."""
        return {name: self.get(name) for name in metrics if name != ERROR_RATE or self.accuracy is not None}


@dataclass(frozen=True, slots=True)
class Infeasible:
    """A design that cannot be built: which resource, how much it needed, how much there was, which axes would help."""

    reason: str
    resource: str
    demand: float
    bound: float
    levers: tuple[str, ...] = ()


Outcome = Metrics | Infeasible

SIMULATOR = "simulator"
"""The resource that lacks where a design's simulation ends its worker every time, or never ends."""


def given_up(outcome: Outcome) -> bool:
    """Whether this is no result of a simulation but of the attempt: it holds in its run, and nobody else is told."""
    return isinstance(outcome, Infeasible) and outcome.resource == SIMULATOR


@dataclass(frozen=True, slots=True)
class Target:
    """A limit on a metric: met when `metric <= bound`."""

    metric: str
    bound: float

    def __post_init__(self) -> None:
        if self.metric not in METRIC_UNITS and self.metric != ERROR_RATE:
            raise unknown_name("metric", self.metric, METRIC_UNITS)
        if not (isfinite(self.bound) and self.bound > 0):
            raise UserError(f"The target on {self.metric} must be a positive number, got {self.bound}.")

    @classmethod
    def parse(cls, text: str) -> Target:
        """From the form `energy_pj<=2e9`; `accuracy>=0.9` is a limit on the error rate."""
        if least := re.fullmatch(r"\s*accuracy\s*(>=|>|=>)\s*([-+\w.]+)\s*", text):
            bound = cls.parse(f"{ERROR_RATE}<={least[2]}").bound
            if bound >= 1:
                raise UserError(f"An accuracy is a part of 1: the target {text!r} asks for more than can be.")
            return cls(ERROR_RATE, round(1 - bound, 12))
        match = re.fullmatch(r"\s*(\w+)\s*(<=|<|=<)\s*([-+\w.]+)\s*", text)
        if not match:
            raise UserError(f"A target has the form metric<=number, for example 'energy_pj<=2e9', got {text!r}.")
        try:
            bound = float(match[3])
        except ValueError:
            raise UserError(f"The target {text!r} has no number on its right side: {match[3]!r}.") from None
        return cls(match[1], bound)

    def met(self, metrics: Metrics, margin: float = 0.0) -> bool:
        """Whether the metric is at most `bound * (1 + margin)`."""
        return metrics.get(self.metric) <= self.bound * (1 + margin)

    def __str__(self) -> str:
        return f"{self.metric}<={self.bound:g}"


def quality(metrics: Metrics, targets: Sequence[Target]) -> float:
    """How well the targets hold: min over targets of bound / value; at least 1 exactly when all hold.

    INFERRED reading of the "Qor" of Wu et al. 2023: scale-free, and no target can be traded away for another.
    """
    return min((t.bound / metrics.get(t.metric) for t in targets if metrics.get(t.metric) > 0), default=1.0)


def total(parts: Sequence[tuple[Metrics, int]]) -> Metrics:
    """The metrics of layers run one after another: (metrics, how often); area is the largest, not a sum."""
    if len(parts) == 1 and parts[0][1] == 1:
        return parts[0][0]
    breakdown = None
    if all(m.breakdown is not None for m, _ in parts):
        memory: dict[tuple[str, str], float] = {}
        for m, count in parts:
            for name, operand, energy_pj in m.breakdown.memory_energy_pj if m.breakdown else ():
                memory[name, operand] = memory.get((name, operand), 0.0) + count * energy_pj
        sums = {
            name: sum(count * getattr(m.breakdown, name) for m, count in parts)
            for name in (
                "mac_energy_pj",
                "ideal_cycles",
                "spatial_stall_cycles",
                "temporal_stall_cycles",
                "onload_cycles",
                "offload_cycles",
            )
        }
        breakdown = Breakdown(memory_energy_pj=tuple((n, o, e) for (n, o), e in memory.items()), **sums)
    return Metrics(
        latency_cycles=sum(count * m.latency_cycles for m, count in parts),
        energy_pj=sum(count * m.energy_pj for m, count in parts),
        area_um2=max(m.area_um2 for m, _ in parts),
        clock_mhz=parts[0][0].clock_mhz,
        breakdown=breakdown,
    )


_BREAKDOWN = tuple(field.name for field in fields(Breakdown))


def metrics_detail(metrics: Metrics) -> dict[str, Any]:
    """Breakdown and mapping as JSON-able content; the inverse of `with_detail`."""
    detail: dict[str, Any] = {"clock_mhz": metrics.clock_mhz}
    if metrics.breakdown:
        detail["breakdown"] = {name: getattr(metrics.breakdown, name) for name in _BREAKDOWN}
    if metrics.mapping:
        detail["mapping"] = _mapping_detail(metrics.mapping)
    if metrics.trained:
        detail["trained"] = [[each.network, each.accuracy, each.keys] for each in metrics.trained]
    return detail


def _mapping_detail(mapping: LayerMapping) -> dict[str, Any]:
    """Not by `dataclasses.asdict`, which copies every number by itself, for each design that is stored."""
    temporal = [
        (operand, [{"memory": level.memory, "loops": level.loops} for level in levels])
        for operand, levels in mapping.temporal
    ]
    return {"spatial": mapping.spatial, "temporal": temporal}


def with_detail(
    latency_cycles: float, energy_pj: float, area_um2: float, accuracy: float | None, detail: Mapping[str, Any]
) -> Metrics:
    """Metrics from stored columns and the content of `metrics_detail`."""
    breakdown, mapping = detail.get("breakdown"), detail.get("mapping")
    return Metrics(
        latency_cycles=latency_cycles,
        energy_pj=energy_pj,
        area_um2=area_um2,
        accuracy=accuracy,
        clock_mhz=detail["clock_mhz"],
        breakdown=None
        if breakdown is None
        else Breakdown(
            **{**breakdown, "memory_energy_pj": tuple((n, o, e) for n, o, e in breakdown["memory_energy_pj"])}
        ),
        mapping=None
        if mapping is None
        else LayerMapping(
            spatial=tuple((dim, tuple((d, f) for d, f in loops)) for dim, loops in mapping["spatial"]),
            temporal=tuple(
                (
                    operand,
                    tuple(LoopLevel(lv["memory"], tuple((d, f) for d, f in lv["loops"])) for lv in levels),
                )
                for operand, levels in mapping["temporal"]
            ),
        ),
        trained=tuple(Trained(name, accuracy, tuple(keys)) for name, accuracy, keys in detail.get("trained", ())),
    )
