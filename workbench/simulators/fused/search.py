"""The best grouping of a network on one architecture: exact, though most ways to run a group are never costed.

A schedule is a partition of the items into groups, each a region with a single entry and a single exit
(`Network.groups`) or an item alone: a path (`paths`). Its cost is the sum of theirs. A candidate is one way to run a
group (`candidates_of`).

Every candidate has a bound, which is worked out step by step into its cost (`options`); the best path by bounds tells
what there is to work out (`route`). Traffic, latency and energy add up; for their product see `product`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from workbench.errors import UserError
from workbench.problem.arch import Arch
from workbench.problem.graph import WorkloadLayer
from workbench.problem.metrics import Infeasible
from workbench.problem.workload import Workload
from workbench.simulators.fused.candidates import Fusible, candidates_of
from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.model import FusedModel, layer_cost
from workbench.simulators.fused.network import Network
from workbench.simulators.fused.options import Option, Options, Part
from workbench.simulators.fused.order import Objective, Order
from workbench.simulators.fused.pinned import Runner
from workbench.simulators.fused.product import least_product
from workbench.simulators.fused.route import Choice, Route
from workbench.simulators.fused.storage import Homes
from workbench.simulators.loopnest.engine import Criterion


class DoesNotFitError(UserError):
    """A layer that cannot be built even by itself; `outcome` says why."""

    def __init__(self, layer: str, arch: str, outcome: Infeasible) -> None:
        super().__init__(f"Layer {layer!r} does not fit on {arch} by itself: {outcome.reason}.")
        self.outcome = outcome


@dataclass(frozen=True)
class Schedule:
    """A partition of a network into groups, and the same network without fusion.

    `singles` are its items, each by itself; of all `candidates`, those that bounds left over were `costed` to the end.
    """

    network: Network
    parts: tuple[Part, ...]
    singles: tuple[Part, ...]
    candidates: int
    costed: int

    @property
    def cost(self) -> Cost:
        """Of the whole network."""
        return sum((part.cost for part in self.parts), Cost())

    @property
    def layer_by_layer(self) -> Cost:
        """Of the whole network without fusion."""
        return sum((part.cost for part in self.singles), Cost())

    def alone(self, part: Part) -> Cost:
        """What the items of a part cost without fusion."""
        return sum((self.singles[number].cost for number in part.items), Cost())


def best_schedule(
    arch: Arch, workload: Workload, objective: Objective = "edp", criterion: Criterion = "edp", factors: int = 6
) -> Schedule:
    """The best grouping by the objective; mappings inside are chosen by the criterion.

    Raises:
        DoesNotFitError: a layer does not fit on the architecture by itself.
    """
    return Search(workload, objective, Runner(arch, criterion, factors)).run()


@lru_cache(maxsize=2)
def _fusible(workload: Workload) -> Fusible:
    """Of a network; kept, since one after the other designs are asked about the same one."""
    return Fusible(Network(workload))


class Search:
    """One search; what the engine has evaluated stays in its runner."""

    def __init__(self, workload: Workload, objective: Objective, runner: Runner) -> None:
        self.arch, self.order, self.runner = runner.arch, Order(objective), runner
        self.fusible = _fusible(workload)
        self.network = self.fusible.network
        self.model = FusedModel(self.fusible.exits, runner)
        self.singles = [self._single(number) for number in range(len(self.network.items))]
        self.choice = Choice(self.singles, list(self._options()))

    def run(self) -> Schedule:
        """The best schedule."""
        if self.order.objective == "edp":
            parts = least_product(self.choice)
        else:
            route = Route(self.choice, self.order.key)
            route.settle(self.choice.alone)
            parts = route.parts()
        ways = [way for each in self.choice.groups for way in each.ways]
        return Schedule(self.network, parts, tuple(self.singles), len(ways), sum(way.costed for way in ways))

    def _options(self) -> Iterator[Options]:
        homes = Homes.of(self.arch)
        for group, candidates in [(shapes.group, candidates_of(homes, shapes)) for shapes in self.fusible.groups]:
            repeat = self.network.items[group.exit].repeat
            if candidates:
                yield Options(group, [Option(self.model, candidate, repeat) for candidate in candidates])

    def _single(self, number: int) -> Part:
        item = self.network.items[number]
        if not isinstance(item, WorkloadLayer):
            return Part((number,), None, Cost())
        cost = layer_cost(self.runner, item.layer)
        if isinstance(cost, Infeasible):
            raise DoesNotFitError(item.name, self.arch.name, cost)
        return Part((number,), None, cost.times(item.repeat))
