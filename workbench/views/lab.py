"""The lab as a whole, in words: what lies where, what is wrong, what a merge has brought."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from store.merging import Merged
from store.statistics import ContextSize, RunsOf, Statistics
from workbench.views.quantity import bits, count


def brought(merged: Merged) -> list[tuple[str, str]]:
    """What a merge has brought: (label, text)."""
    runs = f"{count(merged.runs)} new, {count(merged.continued)} gone on with, {count(merged.known)} known"
    return [
        ("runs", f"{runs}; {count(merged.points)} designs more"),
        ("evaluations", f"{count(merged.evaluations)} new, in {count(merged.contexts)} new contexts"),
        ("source models", f"{count(merged.models)} new"),
        ("accuracies", f"{count(merged.accuracies)} new; {count(merged.trainings)} trainings to go on with"),
    ]


def by_simulator(found: Statistics) -> list[dict[str, Any]]:
    """What there is of each simulator with its version and settings, in the order of the alphabet."""
    return [_simulator(*key, contexts, runs) for key, contexts, runs in _grouped(found)]


Group = tuple[tuple[str, str], list[ContextSize], list[RunsOf]]


def _grouped(found: Statistics) -> list[Group]:
    """Contexts and runs by simulator with its version and settings, in the order of the alphabet."""

    def key(each: ContextSize | RunsOf) -> tuple[str, str]:
        return each.simulator, each.fingerprint

    contexts = {k: list(group) for k, group in groupby(sorted(found.contexts, key=key), key)}
    runs = {k: list(group) for k, group in groupby(sorted(found.runs, key=key), key)}
    return [(k, contexts.get(k, []), runs.get(k, [])) for k in sorted(contexts.keys() | runs.keys())]


def _simulator(
    simulator: str, fingerprint: str, contexts: Sequence[ContextSize], runs: Sequence[RunsOf]
) -> dict[str, Any]:
    hits, simulated = sum(each.hits for each in runs), sum(each.evaluations for each in runs)
    return {
        "simulator": simulator,
        "fingerprint": fingerprint,
        "contexts": len(contexts),
        "evaluations": sum(each.evaluations for each in contexts),
        "infeasible": sum(each.infeasible for each in contexts),
        "runs": sum(each.runs for each in runs),
        "points": sum(each.points for each in runs),
        "hits": hits,
        "simulated": simulated,
        "hit_rate": hits / (hits + simulated) if hits + simulated else None,
    }


def statistics_words(found: Statistics) -> list[str]:
    """The lab in numbers, a line each."""
    lines = [f"schema {found.schema}, {bits(found.size * 8)}, of which {bits(found.free * 8)} hold nothing", ""]
    lines += [f"{table.name:20}{count(table.rows):>14} rows {bits(table.size * 8):>12}" for table in found.tables]
    for each in by_simulator(found):
        share = "-" if each["hit_rate"] is None else f"{each['hit_rate']:.1%}"
        lines += [
            "",
            f"{each['simulator']}: {each['fingerprint']}",
            f"  {count(each['evaluations'])} evaluations in {count(each['contexts'])} contexts, "
            f"{count(each['infeasible'])} cannot be built",
            f"  {count(each['runs'])} runs, {count(each['points'])} designs, known {share}",
        ]
    return lines
