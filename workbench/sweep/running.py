"""A sweep as a run of the lab: each step is stored whole, so that one that was killed goes on after its last step.

A step is some blocks of the plan. Designs that come to the front become points of the run, in one transaction with the
front, the counts and what else is kept; so a sweep is listed, shown and learnt from as any run. What it covers, what is
valid and what was evaluated lies in the checkpoint, a line for each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json import dumps, loads
from time import perf_counter
from typing import Any

import numpy as np

from store.database import Lab
from store.encoding import Encoded, encode
from store.owner import BEAT_SECONDS, beating
from store.rows import Point, Progress, Run, Status, Wish
from store.runs import NewRun
from store.steps import Content
from workbench.errors import UserError
from workbench.library import canonical
from workbench.pareto import Front, hypervolume
from workbench.problem.bounds import box
from workbench.problem.metrics import Metrics, metrics_detail
from workbench.problem.task import Task
from workbench.runner import make_simulator, marking
from workbench.simulators.dataflow import DataflowSimulator
from workbench.stop import Stop
from workbench.sweep.kept import Kept, designs_of
from workbench.sweep.plan import OBJECTIVES, Plan, SweepSettings
from workbench.sweep.study import Study
from workbench.sweep.summary import NAME, Counts

STEP_BLOCKS = 64
STEP_CELLS = 2**20
"""A step ends when it has so many blocks, or PEs times bandwidths times sizes of the L2."""

_ENDS: dict[Wish, Status] = {"pause": "paused", "cancel": "cancelled"}


@dataclass(frozen=True, slots=True)
class SweepStep:
    """How far a sweep is after a step that is stored; `seconds` are the step's."""

    counts: Counts
    size: int
    front_size: int
    seconds: float

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.counts.covered == self.size


def asked(plan: Plan, note: str = "") -> NewRun:
    """A sweep as it is stored."""
    return NewRun(
        task=dumps(plan.task.canonical()),
        task_key=plan.task.key,
        arch=plan.task.template.name,
        workload=plan.task.workload.name,
        search=NAME,
        search_settings=canonical(plan.settings.model_dump(mode="json")),
        simulator=DataflowSimulator.name,
        simulator_settings=canonical(plan.simulator.settings.model_dump(mode="json")),
        fingerprint=plan.simulator.fingerprint,
        seed=0,
        batch=1,
        stop=canonical(Stop(budget=plan.covered, targets_met=False).model_dump(mode="json")),
        note=note,
    )


def plan_of(row: Run) -> Plan:
    """What a stored sweep goes over.

    Raises:
        UserError: it was made with another version of the simulator.
    """
    simulator = make_simulator(row.simulator, loads(row.simulator_settings))
    if simulator.fingerprint != row.fingerprint or not isinstance(simulator, DataflowSimulator):
        raise UserError(
            f"Run {row.id} was made with the simulator {row.fingerprint!r}, and this is "
            f"{simulator.fingerprint!r}: its results would not compare. Start a new sweep."
        )
    return Plan(
        Task.from_canonical(loads(row.task)), simulator, SweepSettings.model_validate(loads(row.search_settings))
    )


def run(lab: Lab, run_id: int, should_stop: Callable[[], bool] = lambda: False) -> Iterator[SweepStep]:
    """Works on a sweep until it is over or asked to stop, as `runner.run` does on a search.

    Raises:
        UserError: it was made with another version of its simulator.
        StoreError: the lab cannot be written, or the run belongs to another process.
    """
    row = lab.run(run_id)
    if row.status == "done":
        return
    work = _Work(lab, row)
    epoch = lab.claim(run_id)
    with marking(lab, run_id, epoch), beating(lambda: lab.heartbeat(run_id, epoch), BEAT_SECONDS):
        work.restore()
        wish = lab.run(run_id).wish
        while not work.over and wish is None and not should_stop():
            step, wish = work.step(epoch)
            yield step
        lab.finish(run_id, epoch, "done" if work.over else _ENDS[wish or "pause"])


class _Work:
    """A sweep rebuilt from its row, and what it has come to."""

    def __init__(self, lab: Lab, row: Run) -> None:
        self._lab, self._row = lab, row
        self.plan = plan_of(row)
        self._study = Study(self.plan)
        self._box = box(self.plan.task)
        settings = self.plan.settings
        self._kept: Kept | None = None
        if settings.keep == "best":
            self._keep(Kept(settings.best))
        self._next = self._steps = self._points = 0
        self._counts: list[Counts] = []
        self._total = Counts()
        self._seqs: dict[int, int] = {}

    def _keep(self, kept: Kept) -> None:
        self._kept = kept
        self._study.keep = kept.add

    @property
    def over(self) -> bool:
        """Whether all blocks are done."""
        return self._next == self.plan.count

    def restore(self) -> None:
        """Go to where the last stored step ended."""
        checkpoint = self._lab.checkpoint(self._row.id)
        if checkpoint is None:
            return
        state, space = loads(checkpoint.state), self.plan.task.space
        self._steps, self._points, self._next = state["step"], state["points"], state["next"]
        self._counts = [Counts(*each) for each in state["counts"]]
        for each in self._counts:
            self._total = self._total.plus(each)
        if self._kept is not None and "kept" in state:
            self._kept.restore(state["kept"])
        points = self._lab.front(self._row.id)
        ids = [space.rank(space.unpack(point.codes)) for point in points]
        self._seqs = {rank: point.seq for rank, point in zip(ids, points, strict=True)}
        values = [[point.latency_cycles, point.energy_pj, point.area_um2] for point in points]
        self._study.front = Front(np.array(values, dtype=np.float64).reshape(-1, 3), np.array(ids, dtype=np.int64))

    def step(self, epoch: int) -> tuple[SweepStep, Wish | None]:
        """Some blocks, stored."""
        begun, counts, cells, first = perf_counter(), Counts(), 0, self._next
        if self.plan.settings.keep == "all":
            self._keep(Kept(None))
        while not self.over and cells < STEP_CELLS and self._next - first < STEP_BLOCKS:
            block = self.plan.block(self._next)
            counts = counts.plus(self._study.block(block))
            cells += self.plan.size(block) // self.plan.shape[2]
            self._next += 1
            if self.plan.settings.keep == "all":
                break
        self._counts.append(counts)
        self._total = self._total.plus(counts)
        self._steps += 1
        chunks = self._chunks()
        points = self._new_points()
        self._points += len(points)
        front = self._study.front
        best = dict(zip(OBJECTIVES, front.points.min(axis=0).tolist(), strict=True)) if len(front) else {}
        volume = hypervolume(self._box.scale(front.points.tolist()), [1.0] * len(OBJECTIVES))
        progress = Progress(
            step=self._steps,
            points=self._points,
            evaluations=self._total.evaluated,
            hits=0,
            feasible=self._points,
            front_size=len(front),
            hypervolume=volume,
            best=canonical(best),
            seconds=perf_counter() - begun,
        )
        content = Content(progress, points, sorted(self._seqs.values()), self._state(), chunks=chunks)
        storing = self._lab.begin_step(self._row.id, epoch, content)
        storing.wait()
        step = SweepStep(self._total, self.plan.covered, len(front), progress.seconds)
        return step, storing.wish

    def _chunks(self) -> list[Encoded]:
        """What is to be stored beside the front now: the best are known at the end."""
        if self._kept is None or (self.plan.settings.keep == "best" and not self.over):
            return []
        return encode(designs_of(self.plan.task.space, *self._kept.arrays()))

    def _new_points(self) -> list[Point]:
        """Members of the front that are no points yet; of all members the places among the points are noted."""
        front, space = self._study.front, self.plan.task.space
        seqs: dict[int, int] = {}
        found: list[Point] = []
        detail = canonical(metrics_detail(Metrics(0, 0, 0, clock_mhz=self.plan.task.template.file.clock_mhz)))
        for rank, (latency, energy, area) in zip(front.ids.tolist(), front.points.tolist(), strict=True):
            if rank not in self._seqs:
                seq = self._points + len(found)
                codes = space.pack(space.unrank(rank))
                found.append(Point(seq, self._steps, codes, latency, energy, area, detail=detail))
                seqs[rank] = seq
            else:
                seqs[rank] = self._seqs[rank]
        self._seqs = seqs
        return found

    def _state(self) -> bytes:
        state: dict[str, Any] = {
            "step": self._steps,
            "points": self._points,
            "next": self._next,
            "counts": [list(each) for each in self._counts],
        }
        if self.plan.settings.keep == "best" and self._kept is not None and not self.over:
            state["kept"] = self._kept.state()
        return canonical(state).encode()
