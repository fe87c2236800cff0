"""The candidates of a group in competition: each known by a bound that is worked out step by step into its cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.model import FusedModel
from workbench.simulators.fused.network import Group
from workbench.simulators.fused.order import Price
from workbench.simulators.fused.paths import Value
from workbench.simulators.fused.work import Candidate, Work


@dataclass(frozen=True)
class Part:
    """One group of a schedule, or one item by itself (no candidate), and what all its repeats together cost."""

    items: tuple[int, ...]
    candidate: Candidate | None
    cost: Cost


class Option:
    """One candidate. `bound`: what all its repeats cost at least, in every part; what they cost once it is `costed`."""

    def __init__(self, model: FusedModel, candidate: Candidate, repeat: int) -> None:
        self.model, self.candidate, self.repeat = model, candidate, repeat
        self.bound = model.bound(candidate).times(repeat)
        self.work: Work | None = None
        self.possible, self.costed = True, False

    def begin(self) -> None:
        """Goes from areas to tiles."""
        self.work = self.model.work(self.candidate)
        self.possible = self.work is not None
        self.look()

    def look(self) -> None:
        """Takes in what the engine has said by now."""
        if self.work is None:
            return
        cost = self.work.cost()
        if cost is None:
            self.possible = False
        elif self.work.open_jobs():
            self.bound = self.bound.at_least(cost.times(self.repeat))
        else:
            self.bound, self.costed = cost.times(self.repeat), True

    def ask(self) -> None:
        """Has the engine evaluate what is the largest part of what is open, if others have left something."""
        if self.work is not None:
            for job in self.work.open_jobs()[:1]:
                self.model.runner.run(job)
            self.look()


class Options:
    """All candidates of a group."""

    def __init__(self, group: Group, ways: Sequence[Option]) -> None:
        self.group, self.ways = group, ways
        self.rounds = 0
        """How often something was worked out here."""

    def best(self, price: Price) -> tuple[Option | None, Value | None]:
        """The candidate that is worth the least by its bound; none where none is possible."""
        ranked = [(price(way.bound), number) for number, way in enumerate(self.ways) if way.possible]
        if not ranked:
            return None, None
        value, number = min(ranked)
        return self.ways[number], value

    def settled(self, price: Price) -> bool:
        """Whether the best one is costed."""
        way, _ = self.best(price)
        return way is not None and way.costed

    def work_out(self, price: Price, most: float) -> None:
        """Works out the best one, as long as it is that and is worth no more than `most`.

        First all that come to be the best are taken from areas to tiles, which costs little, and that is all.
        """
        self.rounds += 1
        way, value = self.best(price)
        if way is not None and way.work is None:
            while way is not None and way.work is None:
                way.begin()
                way, _ = self.best(price)
            return
        others = [price(each.bound) for each in self.ways if each is not way and each.possible]
        second = min(others, default=None)
        while way is not None and value is not None and way.possible and not way.costed:
            way.ask()
            value = price(way.bound)
            if value[0] > most or (second is not None and value > second):
                break

    def part(self, price: Price) -> Part:
        """The best one, which is costed."""
        way, _ = self.best(price)
        assert way is not None
        assert way.costed
        return Part(self.group.items, way.candidate, way.bound)
