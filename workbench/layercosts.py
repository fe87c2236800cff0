"""Costs of layers on sub-accelerators through the lab: what it knows is not simulated, what is new can be kept.

As the executor keeps a layer on an architecture, so here a layer on a sub-accelerator is named by its context (what
simulates it, with its dataflow, and the layer) and the architecture.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.executor import Context, Evaluation, Lookup
from workbench.problem.metrics import Outcome
from workbench.simulators.chips.costs import REMEMBERED, ChipCosts, Pair


class KnownCosts:
    """`PairCosts` that asks `lookup` first, and remembers what it was told and what it had to simulate."""

    def __init__(self, costs: ChipCosts, lookup: Lookup) -> None:
        self.mode = costs.mode
        self._costs, self._lookup = costs, lookup
        self._known: dict[tuple[bytes, bytes], Outcome] = {}
        self._fresh: dict[tuple[bytes, bytes], Outcome] = {}
        self._contexts: dict[bytes, Context] = {}

    def outcomes(self, pairs: Sequence[Pair]) -> list[Outcome]:
        """One outcome for each pair, in order."""
        contexts = [self._context(pair) for pair in pairs]
        keys = [(context.key, part.arch.key) for context, (_, part) in zip(contexts, pairs, strict=True)]
        if len(self._known) > REMEMBERED:
            self._known = dict(self._fresh)
        asked: dict[bytes, list[bytes]] = {}
        for context, arch in dict.fromkeys(keys):
            if (context, arch) not in self._known:
                asked.setdefault(context, []).append(arch)
        for context, archs in asked.items():
            self._known |= {(context, arch): each for arch, each in self._lookup(context, archs).items()}
        missing = {key: i for i, key in enumerate(keys) if key not in self._known}
        made = dict(zip(missing, self._costs.outcomes([pairs[i] for i in missing.values()]), strict=True))
        self._known |= made
        self._fresh |= made
        self._contexts |= {contexts[i].key: contexts[i] for i in missing.values()}
        return [self._known[key] for key in keys]

    def taken(self) -> tuple[tuple[Context, ...], tuple[Evaluation, ...]]:
        """What was simulated since this was last asked, to be kept in the lab."""
        found = tuple(self._contexts.values()), tuple(Evaluation(*key, each) for key, each in self._fresh.items())
        self._contexts, self._fresh = {}, {}
        return found

    def _context(self, pair: Pair) -> Context:
        layer, part = pair
        shape = {key: value for key, value in layer.canonical().items() if key != "name"}
        fingerprint = self._costs.fingerprint(part)
        return Context(fingerprint.split(" ", 1)[0], fingerprint, {"layers": [shape]})
