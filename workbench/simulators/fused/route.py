"""The best schedule by a price that adds up, found without costing most candidates.

No part of a candidate's cost is below its bound. So the best path by what the bounds are worth is worth no more than
the best schedule: that one is a path, too, and its bounds are worth no more than its cost. If all on the best path is
costed, it is the best schedule. Otherwise what is open there is worked out further, and the path is looked for again;
which ends, since there is only so much to work out.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.options import Options, Part
from workbench.simulators.fused.order import Price
from workbench.simulators.fused.paths import Paths, Value


class Choice:
    """What schedules are made of: the items by themselves and the groups; the steps of `paths`, in this order.

    `alone` is what the network costs without fusion.
    """

    def __init__(self, singles: Sequence[Part], groups: Sequence[Options]) -> None:
        self.singles, self.groups = singles, groups
        self.alone = sum((part.cost for part in singles), Cost())
        masks = [1 << number for number in range(len(singles))] + [options.group.mask for options in groups]
        self.paths = Paths(len(singles), masks)


class Route:
    """The best path by a price as far as bounds tell, for as long as it is not `costed`. No schedule is worth less
    than its `value`.
    """

    def __init__(self, choice: Choice, price: Price) -> None:
        self._choice, self._price = choice, price
        self._values: list[Value | None] = [price(part.cost) for part in choice.singles]
        self._values += [None] * len(choice.groups)
        self._seen = [-1] * len(choice.groups)
        self._value, self._steps = choice.paths.best(self._values)
        self._open: list[tuple[int, Options]] = []
        self._look()

    def _look(self) -> None:
        """Takes in what has been worked out by now, by whomever."""
        first, groups = len(self._choice.singles), self._choice.groups
        changed = [number for number, options in enumerate(groups) if options.rounds != self._seen[number]]
        if not changed:
            return
        for number in changed:
            self._seen[number] = groups[number].rounds
            self._values[first + number] = groups[number].best(self._price)[1]
        self._value, self._steps = self._choice.paths.best(self._values)
        ways = [(step, self._choice.groups[step - first]) for step in self._steps if step >= first]
        self._open = [(step, options) for step, options in ways if not options.settled(self._price)]

    @property
    def value(self) -> float:
        """What the path is worth."""
        return self._value[0]

    @property
    def costed(self) -> bool:
        """Whether it is a schedule, the best one by the price."""
        return not self._open

    def work_out(self, known: Cost) -> None:
        """Works out what is open on the path, and looks for the best one again.

        `known`: of a schedule; a candidate that makes the path worth more is left at that.
        """
        self._look()
        most = self._price(known)[0]
        for step, options in self._open:
            value = self._values[step]
            assert value is not None
            options.work_out(self._price, most - (self.value - value[0]))
        self._look()

    def settle(self, known: Cost) -> None:
        """Until it is a schedule."""
        while not self.costed:
            self.work_out(known)

    def parts(self) -> tuple[Part, ...]:
        """Of a path that is costed."""
        singles, groups = self._choice.singles, self._choice.groups
        return tuple(
            singles[step] if step < len(singles) else groups[step - len(singles)].part(self._price)
            for step in self._steps
        )
