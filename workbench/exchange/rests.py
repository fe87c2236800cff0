"""Which evaluations a run's designs rest on: one for each different layer, or for the workload as a whole.

The store does not know: a point has the design, an evaluation the concrete architecture, and the task leads from one
to the other. It needs no simulator that works, only what the run says of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from json import loads
from typing import cast

from store.database import Lab
from store.rows import Evaluation, Point, Run
from workbench.errors import unknown_name
from workbench.executor import Part, taken_apart
from workbench.problem.space import Design
from workbench.problem.task import BaseTask, Task
from workbench.problem.tasks import task_of
from workbench.simulators import SIMULATORS
from workbench.simulators.base import Simulator

_AT_ONCE = 1000


@dataclass(frozen=True)
class _Recorded:
    """A simulator as far as a run's row tells of it."""

    name: str
    fingerprint: str
    per_layer: bool


@dataclass(frozen=True)
class Rests:
    """A run with what its designs rest on."""

    run: Run
    task: BaseTask
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, run: Run) -> Rests:
        """From the run's row alone; of a co-exploration, the designs with nothing that they rest on.

        Raises:
            UserError: there is no such simulator here, so nothing says how it takes a workload apart.
        """
        task = task_of(loads(run.task))
        if not isinstance(task, Task):
            return cls(run, task, ())
        if run.simulator not in SIMULATORS:
            raise unknown_name("simulator", run.simulator, SIMULATORS)
        recorded = _Recorded(run.simulator, run.fingerprint, SIMULATORS[run.simulator].per_layer)
        return cls(run, task, tuple(taken_apart(cast(Simulator, recorded), task)))

    def evaluations(self, lab: Lab) -> Iterator[tuple[Point, bytes, list[tuple[Part, Evaluation]]]]:
        """The run's points in order, each with its architecture's key and the evaluations that there are of it."""
        space, after = self.task.space, -1
        while points := lab.points(self.run.id, after, _AT_ONCE):
            keys = [self._key(space.unpack(point.codes)) for point in points]
            known = [(part, lab.lookup(part.context.key, keys)) for part in self.parts]
            for point, key in zip(points, keys, strict=True):
                yield point, key, [(part, found[key]) for part, found in known if key in found]
            after = points[-1].seq

    def _key(self, design: Design) -> bytes:
        """Of its architecture; none where there are several."""
        return self.task.arch(design).key if isinstance(self.task, Task) else b""

    def keys(self, lab: Lab) -> dict[bytes, set[bytes]]:
        """The keys of all of them, by the key of their context."""
        found = dict[bytes, set[bytes]]()
        for _, key, rested in self.evaluations(lab):
            for part, _ in rested:
                found.setdefault(part.context.key, set()).add(key)
        return found
