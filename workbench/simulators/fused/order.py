"""What schedules are compared by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from workbench.errors import unknown_name
from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.paths import Value

Objective = Literal["dram", "latency", "energy", "edp"]
OBJECTIVES: tuple[Objective, ...] = ("dram", "latency", "energy", "edp")

Price = Callable[[Cost], Value]
"""What a cost is worth: values of what runs one after the other add up, and never fall when a part of a cost rises."""


class Order:
    """How costs are compared under an objective."""

    def __init__(self, objective: Objective) -> None:
        if objective not in OBJECTIVES:
            raise unknown_name("objective of fusion", objective, OBJECTIVES)
        self.objective = objective

    def key(self, cost: Cost) -> Value:
        """What is minimised, then what breaks ties: a price, but for `edp`."""
        latency, energy, traffic = cost.latency_cycles, cost.energy_pj, cost.traffic_bits
        if self.objective == "dram":
            return traffic, energy, latency
        if self.objective == "latency":
            return latency, energy, traffic
        if self.objective == "energy":
            return energy, latency, traffic
        return energy * latency, latency, traffic


def weighted(latency_weight: float, energy_weight: float) -> Price:
    """The price of latency and energy together, by weights of at least 0."""

    def price(cost: Cost) -> Value:
        latency = cost.latency_cycles
        return latency_weight * latency + energy_weight * cost.energy_pj, latency, cost.traffic_bits

    return price
