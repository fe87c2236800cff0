"""The best grouping of a network on one architecture: exact dynamic programming, groups bounded before they are costed.

**Groups.** A group is a region with a single entry and a single exit (`Network.groups`), an item alone, or nothing
else; a schedule is a partition of the items into them, and its cost the sum of theirs.

**Cut points.** The items are numbered so that each stands after its producers. In a partial schedule, the first item
that is not in it has all its producers in it. So has the group of that item, since the group has one entry: either the
item reads the entry, and it is there; or the item reads the network's input, which then is the entry. So every
partition can be built up by adding, again and again, the group of the first item that is left, in exactly one way; and
the states of the dynamic program are the sets that come up so. In a chain these are its cut points.

**What is minimised.** A traffic, a latency or an energy adds up, and ties are broken by the others, in a fixed order:
one best label for each state. Energy x latency does not add up, but never falls when one of both rises: a state keeps
the labels of which none has both at most another's, and the best product is among those of the last state.

**Branch and bound.** Groups are costed from small to large. Let P be the best labels of the partitions of a group S
into smaller groups and single items, all of which are costed by then, and b a bound: no candidate of S has a smaller
part of its cost (`FusedModel.bound`; while it is costed, what is known by then and the bounds of what is not). If some
p in P is at most b, in the order or in both parts, then p is at most the candidate's cost c >= b. In any schedule that
runs S by this candidate, S can be replaced by the partition p: the items are the same, all groups are still regions of
the network, and the sum is no worse. So some best schedule does without the candidate, and it need not be costed. The
same holds where another candidate of S is at most b.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.errors import UserError, unknown_name
from workbench.problem.arch import Arch
from workbench.problem.graph import WorkloadLayer
from workbench.problem.metrics import Infeasible
from workbench.problem.workload import Workload
from workbench.simulators.fused.candidates import candidates_of
from workbench.simulators.fused.model import Candidate, Cost, FusedModel, layer_cost
from workbench.simulators.fused.network import Group, Network
from workbench.simulators.fused.pinned import Runner
from workbench.simulators.loopnest.engine import Criterion

Objective = Literal["dram", "latency", "energy", "edp"]
OBJECTIVES: tuple[Objective, ...] = ("dram", "latency", "energy", "edp")


class DoesNotFitError(UserError):
    """A layer that cannot be built even by itself; `outcome` says why."""

    def __init__(self, layer: str, arch: str, outcome: Infeasible) -> None:
        super().__init__(f"Layer {layer!r} does not fit on {arch} by itself: {outcome.reason}.")
        self.outcome = outcome


@dataclass(frozen=True)
class Part:
    """One group of a schedule, or one item by itself (no candidate), and what all its repeats together cost."""

    items: tuple[int, ...]
    candidate: Candidate | None
    cost: Cost


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


@dataclass(frozen=True)
class _Label:
    cost: Cost
    before: _Label | None = None
    part: Part | None = None

    def parts(self) -> list[Part]:
        found: list[Part] = []
        label: _Label | None = self
        while label is not None and label.part is not None:
            found.append(label.part)
            label = label.before
        return found[::-1]


class Order:
    """How costs are compared under an objective."""

    def __init__(self, objective: Objective) -> None:
        if objective not in OBJECTIVES:
            raise unknown_name("objective of fusion", objective, OBJECTIVES)
        self.objective = objective

    def key(self, cost: Cost) -> tuple[float, ...]:
        """What is minimised, then what breaks ties."""
        latency, energy, traffic = cost.latency_cycles, cost.energy_pj, cost.traffic_bits
        return {
            "dram": (traffic, energy, latency),
            "latency": (latency, energy, traffic),
            "energy": (energy, latency, traffic),
            "edp": (energy * latency, latency, traffic),
        }[self.objective]

    def covers(self, a: Cost, b: Cost) -> bool:
        """Whether a schedule with `a` in it is at most as dear as the same one with `b` instead, whatever the rest."""
        if self.objective == "edp":
            return a.latency_cycles <= b.latency_cycles and a.energy_pj <= b.energy_pj
        return self.key(a) <= self.key(b)


def best_schedule(
    arch: Arch, workload: Workload, objective: Objective = "edp", criterion: Criterion = "edp", factors: int = 6
) -> Schedule:
    """The best grouping by the objective; mappings inside are chosen by the criterion.

    Raises:
        DoesNotFitError: a layer does not fit on the architecture by itself.
    """
    return Search(workload, objective, Runner(arch, criterion, factors)).run()


class Search:
    """One search; what the engine has evaluated stays in its runner."""

    def __init__(self, workload: Workload, objective: Objective, runner: Runner) -> None:
        self.arch, self.order, self.runner = runner.arch, Order(objective), runner
        self.network = Network(workload)
        self.model = FusedModel(self.network, runner)
        self.singles = [self._single(number) for number in range(len(self.network.items))]
        self.by_first: dict[int, list[tuple[int, Part]]] = {}
        self.costed = self.seen = 0

    def run(self) -> Schedule:
        """Costs the groups from small to large, then puts the best ones together."""
        for group in sorted(self.network.groups(), key=lambda group: (len(group.items), group.items)):
            parts = self._worthwhile(group)
            if parts:
                self.by_first.setdefault(group.items[0], []).extend((group.mask, part) for part in parts)
        labels = self.labels(range(len(self.network.items)))
        best = min(labels, key=lambda label: self.order.key(label.cost))
        return Schedule(self.network, tuple(best.parts()), tuple(self.singles), self.seen, self.costed)

    def labels(self, items: Sequence[int]) -> list[_Label]:
        """The best labels of the partitions of some items into what is costed so far."""
        everything = sum(1 << i for i in items)
        states: dict[int, dict[int, list[_Label]]] = {i: {} for i in items}
        states[items[0]][0] = [_Label(Cost())]
        done: list[_Label] = []
        for first in items:
            for mask, labels in states[first].items():
                for added, part in ((1 << first, self.singles[first]), *self.by_first.get(first, ())):
                    if added & mask or added & ~everything:
                        continue
                    now = mask | added
                    left = everything & ~now
                    target = states[(left & -left).bit_length() - 1].setdefault(now, []) if left else done
                    for label in labels:
                        self._keep(target, _Label(label.cost + part.cost, label, part))
        return done

    def _single(self, number: int) -> Part:
        item = self.network.items[number]
        if not isinstance(item, WorkloadLayer):
            return Part((number,), None, Cost())
        cost = layer_cost(self.runner, item.layer)
        if isinstance(cost, Infeasible):
            raise DoesNotFitError(item.name, self.arch.name, cost)
        return Part((number,), None, cost.times(item.repeat))

    def _worthwhile(self, group: Group) -> list[Part]:
        """The candidates that can be part of a best schedule, and their costs."""
        candidates = candidates_of(self.arch, self.network, group)
        self.seen += len(candidates)
        if not candidates:
            return []
        repeat = self.network.items[group.exit].repeat
        known = [label.cost for label in self.labels(group.items)]
        bounds = [(self.model.bound(candidate).times(repeat), candidate) for candidate in candidates]
        found: list[Part] = []
        for bound, candidate in sorted(bounds, key=lambda pair: self.order.key(pair[0])):
            if self._covered(known, bound):
                continue
            cost = self.model.cost(candidate, lambda least: self._covered(known, least.times(repeat)))
            if cost is None:
                continue
            self.costed += 1
            if self._covered(known, cost.times(repeat)):
                continue
            part = Part(group.items, candidate, cost.times(repeat))
            known.append(part.cost)
            found.append(part)
        return found

    def _covered(self, known: Iterable[Cost], cost: Cost) -> bool:
        return any(self.order.covers(each, cost) for each in known)

    def _keep(self, labels: list[_Label], label: _Label) -> None:
        """Adds a label unless another covers it, and drops those it covers."""
        if self._covered((each.cost for each in labels), label.cost):
            return
        labels[:] = [each for each in labels if not self.order.covers(label.cost, each.cost)]
        labels.append(label)
