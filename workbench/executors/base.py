"""The contract of an executor, and what a worker does with the designs it is handed."""

from __future__ import annotations

import faulthandler
import os
import socket
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from workbench.errors import SimulatorError
from workbench.problem.metrics import Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.simulators.base import Simulator

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMBA", "NUMEXPR")} | {
    "VECLIB_MAXIMUM_THREADS": "1"
}
"""A worker has one core; threads of its numerical libraries would fight over the others."""

Handle = Any
"""What an executor gives for a call, to ask for its result by; it can be hashed."""


class Worker(NamedTuple):
    """A process that works on calls."""

    host: str
    pid: int


UNKNOWN: Final = Worker("?", 0)
"""One that died, of which no more is known."""


class LostError(Exception):
    """The worker that was at a call is gone, or all are; the call may be to blame, or one beside it.

    `worker` is the one that died; None where another call has told of this very death.
    """

    def __init__(self, said: str = "", worker: Worker | None = UNKNOWN) -> None:
        super().__init__(said)
        self.worker = worker


class GoneError(SimulatorError):
    """There are no workers any more, and no new ones begin: a run stops here, and can be resumed."""


@dataclass(frozen=True, slots=True)
class Call:
    """Designs for a worker to simulate. `limit_s`: it ends itself where they take longer; None: it never does."""

    simulator: Simulator
    task: Task
    designs: tuple[Design, ...]
    limit_s: float | None = None


class Done(NamedTuple):
    """What the designs of a call came to, in order, the seconds that the simulator took, and who it was."""

    outcomes: list[Outcome]
    seconds: float
    worker: Worker


class Executor(Protocol):
    """Hands calls to workers. It is used by one thread; every call that is handed over gets a result or an error."""

    @property
    def slots(self) -> int:
        """Calls that are worked on at once, at present."""
        ...

    @property
    def started(self) -> bool:
        """Whether there is anything to close."""
        ...

    def submit(self, call: Call) -> Handle:
        """Hand a call over; starts the workers where there are none.

        Raises:
            UserError: the executor cannot be reached.
            GoneError: it was reached once, and no more.
        """
        ...

    def wait(self, handles: Collection[Handle]) -> Collection[Handle]:
        """Those of some calls that have ended, at least one of them, as soon as there is one.

        Raises:
            GoneError: none will.
        """
        ...

    def result(self, handle: Handle) -> Done:
        """What a call that has ended came to.

        Raises:
            LostError: its worker died.
            GoneError: no worker is left, nor will one begin.
            SimulatorError: the simulator broke.
        """
        ...

    def close(self) -> None:
        """End what it has started, at once and whatever it does."""
        ...


def simulated(simulator: Simulator, task: Task, designs: Sequence[Design]) -> Done:
    """The simulator at work, timed."""
    begun = time.perf_counter()
    outcomes = simulator.evaluate(task, designs)
    if len(outcomes) != len(designs):
        raise SimulatorError(f"{simulator.name} gave {len(outcomes)} outcomes for {len(designs)} designs.")
    return Done(outcomes, time.perf_counter() - begun, Worker(socket.gethostname(), os.getpid()))


_ONE_AT_A_TIME = threading.Lock()
_KEPT: dict[tuple[str, str], Simulator] = {}


def work(call: Call, fingerprint: str) -> Done:
    """What a worker does with a call. One at a time in a process: no simulator is made for threads.

    Raises:
        SimulatorError: the simulator broke, or is another version here than where the run is.
    """
    with _ONE_AT_A_TIME:
        simulator = _kept(call.simulator)
        if simulator.fingerprint != fingerprint:
            raise SimulatorError(
                f"A worker has the simulator {simulator.fingerprint!r}, and the run {fingerprint!r}: its results would "
                "not compare. Install the same versions there and here."
            )
        if call.limit_s is None:
            return simulated(simulator, call.task, call.designs)
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # no path, but a descriptor for the watchdog
            # A watchdog in C: it ends this process even where a simulator keeps Python's lock.
            faulthandler.dump_traceback_later(call.limit_s, exit=True, file=nowhere)
            try:
                return simulated(simulator, call.task, call.designs)
            finally:
                faulthandler.cancel_dump_traceback_later()


def _kept(simulator: Simulator) -> Simulator:
    """One with processes of its own is kept from call to call, with them; it is the same by type and settings."""
    if not getattr(simulator, "own_workers", False):
        return simulator
    key = (type(simulator).__qualname__, repr(getattr(simulator, "settings", simulator.fingerprint)))
    return _KEPT.setdefault(key, simulator)
