"""The schedule of the least energy x latency, which does not add up, by prices that do.

A schedule is a point (L, E) of latency and energy. Under weights w, v >= 0 the price w L + v E adds up; by bounds the
best path is worth some c (`route`), so all points lie on the line w L + v E = c or above it.

**Enough lines are a proof.** Take lines from v alone (E >= c / v) to w alone (L >= c / w), ever steeper, and let each
two neighbours meet in a point of L E >= U. Then no schedule has L E < U. For let X be what lies above all lines: a
convex set, bounded by pieces of lines, that with a point holds all that have more of both. L E rises with both, and is
concave along a falling piece, so it is least at a corner of X. If the two lines of a corner are neighbours, L E >= U
there. If not, the lines between them pass below it and can be left out one by one without a change: let k be one,
between its neighbours i and j then. On k, from where it meets i to where it meets j, L E is concave and at least U at
both ends, so at least U; and where i meets j lies above this piece, with L E at least U, too.

**U and the lines.** From a schedule (L', E'), the best one by w = E', v = L' is worth at most 2 L' E', and is on the
line through (L', E') that touches its hyperbola, or below: so its product is smaller, or the same and nothing gained;
this is repeated. U is the product found. Where two neighbours meet too low another line is put between them; or, if
they are close, both are worked out until they meet high enough, or are the best schedules by their prices. These may
have a smaller product, and then are what to beat. If they are one and the same schedule, it is the best by all weights
between, and the meeting lies on it. If they are two, the line through both is tried: if no schedule is below it,
nothing but what lies between the two is left, where L E is concave.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.simulators.fused.cost import Cost
from workbench.simulators.fused.options import Part
from workbench.simulators.fused.order import Order, weighted
from workbench.simulators.fused.route import Choice, Route

SAME = 1 - 1e-12
"""Values that differ by rounding alone."""

NARROW = 1 / 16
"""Lines as close as this are worked out, instead of putting one between."""


def least_product(choice: Choice) -> tuple[Part, ...]:
    """The parts of the best schedule."""
    return _Search(choice).run()


@dataclass(frozen=True)
class _Line:
    """Of the share `t` of latency in a price, both latency and energy in parts of what they are without fusion."""

    t: float
    route: Route


class _Search:
    def __init__(self, choice: Choice) -> None:
        self.choice, self.key = choice, Order("edp").key
        self.best, self.parts = choice.alone, tuple(choice.singles)

    def run(self) -> tuple[Part, ...]:
        steepest = self._touching()
        self._cover(self._line(0.0), steepest)
        self._cover(steepest, self._line(1.0))
        return self.parts

    def _line(self, t: float) -> _Line:
        alone = self.choice.alone
        return _Line(t, Route(self.choice, weighted(t / alone.latency_cycles, (1 - t) / alone.energy_pj)))

    def _touching(self) -> _Line:
        """The line through the best schedule that touches its hyperbola, none being below it."""
        while True:
            x, y = self._point(self.best)
            line = self._line(y / (x + y))
            line.route.settle(self.best)
            if not self._note(line):
                return line

    def _note(self, line: _Line) -> bool:
        """Takes a line's schedule for the best one if it is better."""
        parts = line.route.parts()
        cost = sum((part.cost for part in parts), Cost())
        better = self.key(cost) < self.key(self.best)
        if better:
            self.best, self.parts = cost, parts
        return better

    def _point(self, cost: Cost) -> tuple[float, float]:
        alone = self.choice.alone
        return cost.latency_cycles / alone.latency_cycles, cost.energy_pj / alone.energy_pj

    def _cover(self, low: _Line, high: _Line) -> None:
        """Puts lines between two until no neighbours meet too low: by bounds as they are, as long as that may do."""
        if self._high_enough(low, high):
            return
        if high.t - low.t > NARROW:
            middle = self._line((low.t + high.t) / 2)
        else:
            while not (low.route.costed and high.route.costed):
                for line in (low, high):
                    line.route.work_out(self.best)
                if self._high_enough(low, high):
                    return
            self._note(low)
            self._note(high)
            between = self._between(low, high)
            if between is None:
                return
            middle = self._line(between)
            middle.route.settle(self.best)
            self._note(middle)
            x, y = self._point_of(low)
            if middle.route.value >= (between * x + (1 - between) * y) * SAME:
                return
        self._cover(low, middle)
        self._cover(middle, high)

    def _between(self, low: _Line, high: _Line) -> float | None:
        """Where the schedules of two lines are worth the same; None where they are one."""
        (a, b), (x, y) = self._point_of(low), self._point_of(high)
        rise, run = y - b, a - x  # the steeper line's schedule has less latency, the other one less energy
        return None if rise <= 0 or run <= 0 else rise / (rise + run)

    def _point_of(self, line: _Line) -> tuple[float, float]:
        return self._point(sum((part.cost for part in line.route.parts()), Cost()))

    def _high_enough(self, low: _Line, high: _Line) -> bool:
        """Whether two lines meet where the product is at least that of the best schedule."""
        c, d = low.route.value, high.route.value
        x = (d * (1 - low.t) - c * (1 - high.t)) / (high.t - low.t)
        y = (c * high.t - d * low.t) / (high.t - low.t)
        best_x, best_y = self._point(self.best)
        return min(x, y) > 0 and x * y >= best_x * best_y * SAME
