"""What earlier runs left in the lab, as values of the subject matter; and the rows that keep what this one adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from json import loads
from typing import Any, NamedTuple

from store import rows
from store.database import Lab
from workbench.executor import Batch, Context, Evaluation, Lookup
from workbench.executors.base import Worker
from workbench.executors.deeds import Deed
from workbench.problem.metrics import Infeasible, Metrics, Outcome, metrics_detail, with_detail
from workbench.problem.space import Space
from workbench.searches.base import Evaluated


class Columns(NamedTuple):
    """An outcome as both points and evaluations store it."""

    latency_cycles: float | None
    energy_pj: float | None
    area_um2: float | None
    accuracy: float | None
    infeasible: str | None
    detail: str | None


def lookup(lab: Lab) -> Lookup:
    """The lab's evaluations, as the executor asks for them."""

    def known(context: bytes, archs: Sequence[bytes]) -> Mapping[bytes, Outcome]:
        return {key: outcome(row) for key, row in lab.lookup(context, archs).items()}

    return known


def history(lab: Lab, run_id: int, space: Space) -> list[Evaluated]:
    """All that a run has evaluated so far, in order."""
    return [Evaluated(space.unpack(row.codes), outcome(row), row.cached) for row in lab.points(run_id)]


def outcome(row: rows.Point | rows.Evaluation) -> Outcome:
    """What a stored row says."""
    if row.infeasible is not None:
        content = loads(row.infeasible)
        return Infeasible(**{**content, "levers": tuple(content["levers"])})
    if row.latency_cycles is None or row.energy_pj is None or row.area_um2 is None or row.detail is None:
        raise ValueError(f"a feasible row lacks a metric or its detail: {row}")
    return with_detail(row.latency_cycles, row.energy_pj, row.area_um2, row.accuracy, loads(row.detail))


def bare_outcome(row: rows.Point, clock_mhz: float) -> Outcome:
    """What a row says that was read without its detail: metrics alone, or the whole reason why there are none."""
    if row.infeasible is not None:
        return outcome(row)
    if row.latency_cycles is None or row.energy_pj is None or row.area_um2 is None:
        raise ValueError(f"a feasible row lacks a metric: {row}")
    return Metrics(row.latency_cycles, row.energy_pj, row.area_um2, row.accuracy, clock_mhz)


def columns(value: Outcome) -> Columns:
    """The inverse of `outcome`."""
    if isinstance(value, Metrics):
        detail = rows.Json.bulky(metrics_detail(value))
        return Columns(value.latency_cycles, value.energy_pj, value.area_um2, value.accuracy, None, detail)
    return Columns(None, None, None, None, canonical(asdict(value)), None)


def context_rows(contexts: Iterable[Context]) -> list[rows.Context]:
    """What makes evaluations comparable, as stored."""
    return [rows.Context(c.key, c.simulator, c.fingerprint, canonical(c.facts)) for c in contexts]


def evaluation_rows(evaluations: Iterable[Evaluation]) -> list[rows.Evaluation]:
    """Simulations, as stored."""
    return [rows.Evaluation(e.context, e.arch, *columns(e.outcome)) for e in evaluations]


def step_rows(batch: Batch, space: Space, first_seq: int, step: int) -> tuple[list[rows.Point], list[rows.Evaluation]]:
    """A step's designs with their outcomes, and the simulations that it made, as stored; most outcomes are both."""
    outcomes = [*(e.outcome for e in batch.evaluated), *(e.outcome for e in batch.fresh)]
    found = {id(each): columns(each) for each in outcomes}
    points = [
        rows.Point(
            first_seq + i,
            step,
            space.pack(e.design),
            *found[id(e.outcome)][:5],
            cached=e.cached,
            detail=found[id(e.outcome)].detail,
        )
        for i, e in enumerate(batch.evaluated)
    ]
    return points, [rows.Evaluation(e.context, e.arch, *found[id(e.outcome)]) for e in batch.fresh]


def worker_rows(deeds: Mapping[Worker, Deed], executor: str) -> list[rows.Worker]:
    """What workers have done, as rows."""
    return [
        rows.Worker(worker.host, worker.pid, executor, deed.designs, deed.seconds, deed.failures, deed.heard_ns)
        for worker, deed in deeds.items()
    ]


def canonical(content: Any) -> rows.Json:
    """JSON that is the same for equal content."""
    return rows.Json.of(content)
