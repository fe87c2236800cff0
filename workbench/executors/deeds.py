"""What each worker has done, added up by the thread that hands out the work until another one takes it to be stored."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from workbench.executors.base import UNKNOWN, Worker


@dataclass(frozen=True, slots=True)
class Deed:
    """What a worker has done. A design that is simulated layer by layer counts once for each of them."""

    designs: int
    seconds: float
    """Of simulation."""
    failures: int
    heard_ns: int
    """When it brought a result last, or was lost; by the clock of this process."""

    def __add__(self, more: Deed) -> Deed:
        return Deed(
            self.designs + more.designs,
            self.seconds + more.seconds,
            self.failures + more.failures,
            max(self.heard_ns, more.heard_ns),
        )


class Deeds:
    """Those of all workers since they were taken last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._of: dict[Worker, Deed] = {}
        self._gone: set[Worker] = set()

    def done(self, worker: Worker, designs: int, seconds: float) -> None:
        """It has brought what so many designs come to."""
        self._add(worker, Deed(designs, seconds, 0, time.time_ns()))

    def lost(self, worker: Worker) -> None:
        """It is gone. Whoever waited for it finds that out for each call that it had; a process dies once."""
        if worker in self._gone:
            return
        if worker != UNKNOWN:
            self._gone.add(worker)
        self._add(worker, Deed(0, 0.0, 1, time.time_ns()))

    def take(self) -> dict[Worker, Deed]:
        """All of them, which are forgotten here."""
        with self._lock:
            taken, self._of = self._of, {}
        return taken

    def put_back(self, taken: Mapping[Worker, Deed]) -> None:
        """What could not be stored now."""
        for worker, deed in taken.items():
            self._add(worker, deed)

    def _add(self, worker: Worker, more: Deed) -> None:
        with self._lock:
            before = self._of.get(worker)
            self._of[worker] = more if before is None else before + more
