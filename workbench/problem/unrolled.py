"""A network as the layers that run one by one: repeats written out, and for each layer those that it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from workbench.problem.graph import Item, WorkloadLayer
from workbench.problem.layer import Layer
from workbench.problem.workload import Workload


@dataclass(frozen=True, slots=True)
class LayerRun:
    """One run of a layer. `name` tells repeats apart; `after` are the numbers of the runs that it waits for, without
    those that these wait for themselves."""

    name: str
    layer: Layer
    after: tuple[int, ...]


def unrolled(workload: Workload) -> tuple[LayerRun, ...]:
    """Every run of every layer, behind those that it waits for; what costs no MACs takes no time and only passes on.

    Neighbours with one repeat are a block that runs so often: a further run reads the block's outputs of the run before
    where the first one reads what lies outside.
    """
    runs: list[LayerRun] = []
    given: dict[str, tuple[int, ...]] = {}  # item -> the runs that what it gives waits for
    earlier: list[frozenset[int]] = []  # of each run, all that it waits for in the end
    for repeat, group in groupby(_in_order(workload), key=lambda item: item.repeat):
        block = list(group)
        inside = {item.name for item in block}
        exits = _exits(workload, block, inside)
        before: tuple[int, ...] | None = None
        for copy in range(repeat):
            now: dict[str, tuple[int, ...]] = {}
            for item in block:
                waits = _waits(item, inside, now, given, before)
                if isinstance(item, WorkloadLayer):
                    name = item.name if repeat == 1 else f"{item.name}#{copy + 1}"
                    passed = frozenset().union(*(earlier[run] for run in waits))
                    runs.append(LayerRun(name, item.layer, tuple(run for run in waits if run not in passed)))
                    earlier.append(passed.union(waits))
                    waits = (len(runs) - 1,)
                now[item.name] = waits
            before = _merged([now[name] for name in exits])
        given |= now
    return tuple(runs)


def _in_order(workload: Workload) -> tuple[Item, ...]:
    """The file's order, which keeps neighbours together, where every item follows its producers there."""
    seen: set[str] = set()
    for item in workload.items:
        if not seen.issuperset(item.after):
            return workload.order
        seen.add(item.name)
    return workload.items


def _exits(workload: Workload, block: Sequence[Item], inside: set[str]) -> list[str]:
    """Items of a block that are read outside of it, or nowhere."""
    read_by: dict[str, set[str]] = {item.name: set() for item in block}
    for item in workload.items:
        for name in item.after:
            if name in read_by:
                read_by[name].add(item.name)
    return [name for name, readers in read_by.items() if not readers or readers - inside]


def _waits(
    item: Item,
    inside: set[str],
    now: dict[str, tuple[int, ...]],
    given: dict[str, tuple[int, ...]],
    before: tuple[int, ...] | None,
) -> tuple[int, ...]:
    """The runs that an item waits for: `before` is what a run of its block waits for that follows another one."""
    known = {**given, **now} if before is None else {**dict.fromkeys(given, before), **now}
    waits = [known[name] for name in item.after]
    if before is not None and not any(name in inside for name in item.after):
        waits.append(before)
    return _merged(waits)


def _merged(waits: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted({run for each in waits for run in each}))
