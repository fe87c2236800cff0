"""The unrollings that ZigZag is asked about where a design says `auto`: generated and ranked by the loop-nest engine.

ZigZag's own generator ranks by how many units work, and proposes others than the loop-nest engine's. Two simulators
that each choose their own answer different questions: a design then differs by its mapping, not by its cost. So both
take the same candidates. ZigZag needs seconds for each of them, the loop-nest engine milliseconds, so that one ranks
them and ZigZag is asked about the best only.

What that leaves of ZigZag's judgement: the search over loop orders and the cost of each unrolling are its own, and so
is the choice among those it is asked about. An unrolling that the loop-nest engine wrongly ranks below them is missed;
more of them (`spatial`) make that less likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workbench.problem.arch import Arch
from workbench.problem.layer import Layer
from workbench.problem.metrics import Metrics, Outcome
from workbench.problem.task import Criterion
from workbench.simulators.loopnest.engine import evaluate_layer
from workbench.simulators.loopnest.spatial import generate

MINIMISED: dict[Criterion, tuple[str, str]] = {
    "latency": ("latency_cycles", "energy_pj"),
    "energy": ("energy_pj", "latency_cycles"),
    "edp": ("edp_js", "latency_cycles"),
}
"""By what mappings are chosen, and what decides between equals; the same as in the loop-nest engine."""


def shared(archs: Sequence[Arch], layer: Layer, criterion: Criterion, factors: int, most: int) -> list[list[Arch]]:
    """Per architecture, itself, or under `auto` at most `most` copies with one unrolling each, the best first.

    Of unrollings that cost the same, rows and columns swapped for instance, only the first is taken.
    """
    found = [[arch] for arch in archs]
    generated = {
        i: [replace(arch, spatial_mapping=rule) for rule in generate(arch, layer).values()]
        for i, arch in enumerate(archs)
        if isinstance(arch.spatial_mapping, str)
    }
    costs = iter(evaluate_layer([arch for each in generated.values() for arch in each], layer, criterion, factors))
    for i, each in generated.items():
        outcomes = [next(costs) for _ in each]
        different: dict[object, Arch] = {}
        for n in best_first(outcomes, criterion):
            different.setdefault(outcomes[n] if isinstance(outcomes[n], Metrics) else n, each[n])
        found[i] = list(different.values())[:most]
    return found


def best_first(outcomes: Sequence[Outcome], criterion: Criterion) -> list[int]:
    """The places of outcomes, from the one to choose down; equals and what cannot be built keep their order."""
    first, second = MINIMISED[criterion]

    def rank(i: int) -> tuple[bool, float, float]:
        outcome = outcomes[i]
        return (False, outcome.get(first), outcome.get(second)) if isinstance(outcome, Metrics) else (True, 0.0, 0.0)

    return sorted(range(len(outcomes)), key=rank)
