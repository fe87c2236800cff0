"""Two digit tasks and a chip under one specification: designed together, networks first, and hardware first.

Each of the three flows is made of runs of `dse coexplore`, with the same number of designs in all:

- joint: chip and networks together, by the search that is the default there.
- networks first: the most accurate networks on the nominal chip, whatever they cost; then a chip for them that meets
  the specification, or comes as near as it can.
- hardware first: a chip that meets the specification with the nominal networks, of the least energy times latency; then
  the most accurate networks that meet it on this chip.

A search picks by one training, and so flatters what it picks. The accuracies that are compared are those of the chosen
networks trained again under other seeds. All runs share one lab, where no network is trained twice; the trainings that
a flow rests on are counted as if it had been alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from models.recipe import Recipe
from store.database import Lab
from store.rows import Run
from workbench.accuracy.candidate import Candidate, load_data
from workbench.accuracy.measuring import measure
from workbench.library import history
from workbench.problem.cotask import CoTask
from workbench.problem.metrics import Metrics, Target
from workbench.problem.tasks import task_of
from workbench.runner import run, start
from workbench.searches.base import Evaluated
from workbench.searches.cost import missed
from workbench.views.corequest import CoRequest

CHIP = "pocket"
NETWORKS = ("resnet9_digits", "unet_digits")
SPECIFICATION = ("latency_cycles<=20000", "energy_pj<=4.5e6", "area_um2<=6e5")
TARGETS = tuple(Target.parse(text) for text in SPECIFICATION)
"""Two thirds of the energy that the most accurate networks take on any chip, and less than half the nominal area."""
JOINT = 160
FIRST, SECOND = 60, 100
"""Designs of the two runs of a sequential flow."""
JUDGES = range(101, 106)
"""The seeds under which the networks that were chosen are trained again."""
FLOWS = ("joint", "networks first", "hardware first")


@dataclass(frozen=True)
class Result:
    """What a flow came to under one seed; `searched` is the best accuracy that it met, None if it trained nothing."""

    flow: str
    seed: int
    met: bool
    latency_cycles: float
    energy_pj: float
    area_um2: float
    accuracy: float
    of_networks: tuple[float, ...]
    searched: float | None
    designs: int
    trainings: int


def results(path: Path, seeds: int) -> Iterator[Result]:
    """Every flow under every seed; what the lab has of them is taken from there."""
    with Lab.open(path) as lab:
        done = {row.note: row for row in lab.runs(limit=10_000) if row.status == "done"}
        for seed in range(1, seeds + 1):
            for flow in FLOWS:
                yield _result(lab, flow, seed, done)


def _result(lab: Lab, flow: str, seed: int, done: dict[str, Run]) -> Result:
    if flow == "joint":
        rows = [_done(lab, done, flow, seed, budget=JOINT, targets=SPECIFICATION)]
    elif flow == "networks first":
        first = _done(lab, done, flow + ", networks", seed, budget=FIRST, chip_of="nominal", objectives=("error_rate",))
        best = f"{first.id}.{_best(lab, first)[0]}"
        second = _done(
            *(lab, done, flow + ", chip", seed),
            budget=SECOND,
            networks_of=best,
            objectives=("edp_js",),
            targets=SPECIFICATION,
        )
        rows = [first, second]
    else:
        first = _done(
            *(lab, done, flow + ", chip", seed),
            budget=FIRST,
            networks_of="nominal",
            objectives=("edp_js",),
            targets=SPECIFICATION,
        )
        best = f"{first.id}.{_best(lab, first)[0]}"
        rows = [first, _done(lab, done, flow + ", networks", seed, budget=SECOND, chip_of=best, targets=SPECIFICATION)]
    return _judged(lab, flow, seed, rows)


def _done(
    lab: Lab, done: dict[str, Run], what: str, seed: int, *, budget: int, targets: Sequence[str] = (), **wanted: Any
) -> Run:
    """A run of a flow, from the lab or made now."""
    note = f"{what}, seed {seed}"
    if note not in done:
        request = CoRequest(
            chip=CHIP,
            networks=NETWORKS,
            targets=targets,
            stop={"budget": budget},
            seed=seed,
            sources=("none",),
            note=note,
            **wanted,
        )
        row = start(lab, request.spec(lab))
        for _ in run(lab, row.id):
            pass
        done[note] = lab.run(row.id)
    return done[note]


def _points(lab: Lab, row: Run) -> tuple[CoTask, list[Evaluated]]:
    task = task_of(json.loads(row.task))
    assert isinstance(task, CoTask)
    return task, history(lab, row.id, task.space)


def _best(lab: Lab, row: Run) -> tuple[int, Evaluated]:
    """The best design that solves the task, or the one that comes nearest to it."""
    task, points = _points(lab, row)

    def order(metrics: Metrics) -> tuple[float, ...]:
        return (missed(task, metrics), *(task.values(metrics) if task.solves(metrics) else ()))

    built = [(order(e.outcome), seq) for seq, e in enumerate(points) if isinstance(e.outcome, Metrics)]
    seq = min(built)[1]
    return seq, points[seq]


def _judged(lab: Lab, flow: str, seed: int, rows: Sequence[Run]) -> Result:
    """The design that a flow ends with, its networks trained again."""
    task, _ = _points(lab, rows[-1])
    _, chosen = _best(lab, rows[-1])
    assert isinstance(chosen.outcome, Metrics)
    recipe = Recipe.model_validate(task.recipe)
    accuracies = [
        mean(
            measure(lab, Candidate(network.family, values, load_data(network.data), recipe, judge)).accuracy
            for judge in JUDGES
        )
        for network, values in zip(task.networks, task.network_values(chosen.design), strict=True)
    ]
    outcomes = [e.outcome for row in rows for e in _points(lab, row)[1]]
    trained = [each for outcome in outcomes if isinstance(outcome, Metrics) for each in outcome.trained]
    accurate = [each.accuracy for each in outcomes if isinstance(each, Metrics) and each.accuracy is not None]
    return Result(
        flow,
        seed,
        missed(CoTask(task.template, task.networks, targets=TARGETS), chosen.outcome) <= 0,
        chosen.outcome.latency_cycles,
        chosen.outcome.energy_pj,
        chosen.outcome.area_um2,
        task.accuracy(accuracies),
        tuple(accuracies),
        max(accurate, default=None),
        len(outcomes),
        len({key for each in trained for key in each.keys}),
    )


def report(found: Sequence[Result]) -> dict[str, float]:
    """Prints the flows side by side; the headline figures."""
    print(f"{len({r.seed for r in found})} seeds; chip {CHIP}, {' + '.join(NETWORKS)}; {', '.join(SPECIFICATION)}")
    print(
        f"{'':16} {'met':>7} {'latency, cycles':>16} {'energy, uJ':>11} {'area, mm2':>10} {'accuracy':>9} "
        f"{'of networks':>16} {'as searched':>12} {'designs':>8} {'trainings':>10}"
    )
    of = {flow: [each for each in found if each.flow == flow] for flow in FLOWS}
    for flow, some in of.items():
        searched = mean(each.searched for each in some if each.searched is not None)
        parts = " ".join(f"{100 * mean(each.of_networks[i] for each in some):.2f}" for i in range(len(NETWORKS)))
        print(
            f"{flow:16} {sum(r.met for r in some):>3}/{len(some):<3} {mean(r.latency_cycles for r in some):>16,.0f} "
            f"{mean(r.energy_pj for r in some) / 1e6:>11.2f} {mean(r.area_um2 for r in some) / 1e6:>10.3f} "
            f"{100 * mean(r.accuracy for r in some):>8.2f}% {parts:>16} {100 * searched:>11.2f}% "
            f"{mean(r.designs for r in some):>8.0f} {mean(r.trainings for r in some):>10.1f}"
        )
    losses = 100 * np.array([b.accuracy - a.accuracy for a, b in zip(of["joint"], of["networks first"], strict=True)])
    ratio = {
        name: mean(getattr(r, name) for r in of["networks first"]) / mean(getattr(r, name) for r in of["joint"])
        for name in ("latency_cycles", "energy_pj", "area_um2")
    }
    print(
        f"joint against networks first: accuracy lost {losses.mean():.2f} points (from {losses.min():.2f} to "
        f"{losses.max():.2f}); networks first takes {ratio['latency_cycles']:.2f} times the latency, "
        f"{ratio['energy_pj']:.2f} times the energy, {ratio['area_um2']:.2f} times the area"
    )
    return {
        "spec_met": mean(float(each.met) for each in of["joint"]),
        "spec_met_networks_first": mean(float(each.met) for each in of["networks first"]),
        "spec_met_hardware_first": mean(float(each.met) for each in of["hardware first"]),
        "accuracy_loss_percent": round(float(losses.mean()), 3),
        "trainings": round(mean(each.trainings for each in of["joint"]), 1),
    }


def kept(found: Sequence[Result]) -> list[dict[str, Any]]:
    """As data."""
    return [asdict(each) for each in found]
