"""Who simulates: this process, or worker processes on all cores; where a simulation is made decides no result.

The worker processes are those of joblib's loky, kept from batch to batch. They are used through their futures and not
through `joblib.Parallel`, which looks for results every 10 ms: as long as a whole batch may take here.

To start workers costs about a second, to hand them work about a millisecond. So the pace of a simulator is measured,
and a batch stays in this process as long as workers would gain nothing by it. What they would have gained is added up;
workers are started when the sum exceeds what the start costs. That is never much worse than to have known beforehand
how much work there will be (the ski-rental problem).
"""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from workbench.errors import SimulatorError, UserError
from workbench.problem.metrics import Infeasible, Outcome
from workbench.problem.space import Design
from workbench.problem.task import Task
from workbench.simulators.base import Simulator

START_S: Final = 1.0
"""What it costs to start the workers: each imports numpy and the simulator."""
HANDING_S: Final = 0.001
"""What it costs to hand a chunk to a worker and to take its outcomes back."""
LOOK_S: Final = 0.25
"""How long this process works alone before it asks again whether workers would pay."""
CHUNK_S: Final = 0.1
"""How long a worker should be busy with one chunk, where there is work enough: long against handing it over."""
CHUNKS_PER_WORKER: Final = 2
"""At least so many where there are few designs, since one may take many times as long as another."""
IDLE_S: Final = 600.0
"""After so long without work a worker ends; the next batch starts it anew."""
PARENT_CHECK_S: Final = 1.0
ONE_THREAD: Final = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMBA", "NUMEXPR")
} | {"VECLIB_MAXIMUM_THREADS": "1"}
"""A worker has one core; threads of its numerical libraries would fight over the others."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One layer, or a workload as a whole, and the designs to simulate for it."""

    task: Task
    designs: tuple[Design, ...]


class Chunk(NamedTuple):
    """Some designs of a piece: what one worker does at a time."""

    piece: int
    designs: tuple[Design, ...]


class _Done(NamedTuple):
    outcomes: list[Outcome]
    seconds: float


class _Results:
    """What pieces came to, in whatever order it arrives; once a design has failed, its later pieces do not count."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self.outcomes: list[dict[Design, Outcome]] = [{} for _ in pieces]
        self._failed: dict[Design, int] = {}

    def wanted(self, chunk: Chunk) -> Chunk:
        """The chunk without the designs of which an earlier piece is known to fail."""
        last = len(self.outcomes)
        return Chunk(chunk.piece, tuple(d for d in chunk.designs if self._failed.get(d, last) >= chunk.piece))

    def add(self, chunk: Chunk, outcomes: Sequence[Outcome]) -> None:
        for design, outcome in zip(chunk.designs, outcomes, strict=True):
            self.outcomes[chunk.piece][design] = outcome
            if isinstance(outcome, Infeasible):
                self._failed[design] = min(chunk.piece, self._failed.get(design, chunk.piece))

    def in_order(self) -> list[dict[Design, Outcome]]:
        """As if the pieces had been simulated one after the other."""
        counted = [self.wanted(Chunk(index, piece.designs)) for index, piece in enumerate(self._pieces)]
        return [{design: self.outcomes[chunk.piece][design] for design in chunk.designs} for chunk in counted]


class Workers:
    """Simulates with up to `jobs` processes at once (None: all cores; 1: in this process alone).

    Enter it to be sure that no worker process outlives the block, whatever ends it. A simulator that has worker
    processes of its own (`own_workers`) is always called from this process.
    """

    def __init__(self, jobs: int | None = 1) -> None:
        if jobs is not None and jobs < 1:
            raise UserError(f"There must be at least 1 job, got {jobs}.")
        self.jobs = _cores() if jobs is None else jobs
        self.seconds = 0.0
        """Spent in simulators so far, added up over all processes."""
        self._pool: Any = None
        self._forgone_s = 0.0
        self._begun: set[str] = set()
        self._pace_s: dict[str, float] = {}  # simulator -> seconds an evaluation takes, lately

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def started(self) -> bool:
        """Whether there are worker processes."""
        return self._pool is not None

    def close(self) -> None:
        """End the worker processes, at once and whatever they do."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        for pid in list(pool._processes):  # its own way to kill them fails where work was just handed in
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # loky's when there is no `pgrep`
            pool.shutdown(wait=True)

    def simulate(self, simulator: Simulator, pieces: Sequence[Piece]) -> list[dict[Design, Outcome]]:
        """What each piece's designs come to. A design that a piece cannot hold is left out of all later pieces.

        Raises:
            SimulatorError: the simulator broke, or a worker process died.
        """
        results = _Results(pieces)
        chunks = [Chunk(index, piece.designs) for index, piece in enumerate(pieces) if piece.designs]
        if self.jobs > 1 and not getattr(simulator, "own_workers", False):
            chunks = self._paced(simulator, pieces, chunks, results)
            while chunks:
                spread = self._spread(simulator, chunks)
                if spread:
                    self._there(simulator, pieces, spread, results)
                    return results.in_order()
                now, chunks = self._slice(simulator, chunks)
                before = self.seconds
                self._here(simulator, pieces, now, results)
                self._forgone_s += (self.seconds - before) * (1 - 1 / self.jobs)
            return results.in_order()
        self._here(simulator, pieces, chunks, results)
        return results.in_order()

    def _slice(self, simulator: Simulator, chunks: Sequence[Chunk]) -> tuple[list[Chunk], list[Chunk]]:
        """What takes about LOOK_S at the present pace, and the rest: the pace is a guess until all kinds were seen."""
        pace_s = self._pace_s[simulator.fingerprint]
        room = max(1, int(LOOK_S / pace_s)) if pace_s > 0 else sum(len(chunk.designs) for chunk in chunks)
        now, rest = [], []
        for chunk in chunks:
            taken = chunk.designs[:room]
            room -= len(taken)
            now += [Chunk(chunk.piece, taken)] if taken else []
            rest += [Chunk(chunk.piece, chunk.designs[len(taken) :])] if len(taken) < len(chunk.designs) else []
        return now, rest

    def _paced(
        self, simulator: Simulator, pieces: Sequence[Piece], chunks: Sequence[Chunk], results: _Results
    ) -> list[Chunk]:
        """Single designs simulated here until the pace is known; what is left to do."""
        left = list(chunks)
        while left and simulator.fingerprint not in self._pace_s:
            index, (one, *rest) = left.pop(0)
            left = [Chunk(index, tuple(rest)), *left] if rest else left
            self._here(simulator, pieces, [Chunk(index, (one,))], results)
        return left

    def _spread(self, simulator: Simulator, chunks: Sequence[Chunk]) -> list[Chunk]:
        """The work in chunks for the workers, or none where it is done sooner here."""
        evaluations = sum(len(chunk.designs) for chunk in chunks)
        if evaluations < 2 or simulator.fingerprint not in self._pace_s:
            return []
        pace_s = self._pace_s[simulator.fingerprint]
        largest = max(1, evaluations // (CHUNKS_PER_WORKER * self.jobs))
        size = min(largest, max(1, ceil(CHUNK_S / pace_s))) if pace_s > 0 else largest
        cut = [
            Chunk(chunk.piece, chunk.designs[start : start + size])
            for chunk in chunks
            for start in range(0, len(chunk.designs), size)
        ]
        at_once = min(self.jobs, len(cut))
        gain_s = evaluations * pace_s * (1 - 1 / at_once) - len(cut) * HANDING_S
        if gain_s <= 0:
            return []
        if self._pool is None and self._forgone_s + gain_s < START_S:
            return []
        return cut

    def _here(self, simulator: Simulator, pieces: Sequence[Piece], chunks: Sequence[Chunk], results: _Results) -> None:
        """One piece after the other, in this process."""
        for chunk in map(results.wanted, chunks):
            if chunk.designs:
                done = _simulated(simulator, pieces[chunk.piece].task, chunk.designs)
                self._learn(simulator, len(chunk.designs), done.seconds)
                results.add(chunk, done.outcomes)

    def _there(self, simulator: Simulator, pieces: Sequence[Piece], chunks: Sequence[Chunk], results: _Results) -> None:
        """In the worker processes; few chunks are under way at a time, so that what has become needless is left out."""
        waiting: Iterator[Chunk] = (c for c in map(results.wanted, chunks) if c.designs)
        running: dict[Future[_Done], Chunk] = {}
        try:
            pool = self._running_pool()
            while True:
                while len(running) < 2 * self.jobs and (chunk := next(waiting, None)) is not None:
                    running[pool.submit(_simulated, simulator, pieces[chunk.piece].task, chunk.designs)] = chunk
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    chunk, done = running.pop(future), future.result()
                    self._learn(simulator, len(chunk.designs), done.seconds)
                    results.add(chunk, done.outcomes)
        except BrokenProcessPool as error:
            self.close()
            raise _died(simulator, error) from None
        except BaseException:
            self.close()
            raise

    def _running_pool(self) -> Any:
        """The worker processes, started where there are none."""
        from joblib.externals.loky import get_reusable_executor

        with _hang_up_put_off():
            self._pool = get_reusable_executor(
                max_workers=self.jobs,
                timeout=IDLE_S,
                initializer=_prepare_worker,
                initargs=(os.getpid(),),
                env=ONE_THREAD,
            )
        return self._pool

    def _learn(self, simulator: Simulator, evaluations: int, seconds: float) -> None:
        """The pace follows the latest work, as layers and designs differ; the first has the simulator's start in it."""
        self.seconds += seconds
        if simulator.fingerprint not in self._begun:
            self._begun.add(simulator.fingerprint)
            return
        now = seconds / evaluations
        self._pace_s[simulator.fingerprint] = (now + self._pace_s.get(simulator.fingerprint, now)) / 2


def _simulated(simulator: Simulator, task: Task, designs: Sequence[Design]) -> _Done:
    """The simulator at work, timed."""
    begun = time.perf_counter()
    outcomes = simulator.evaluate(task, designs)
    if len(outcomes) != len(designs):
        raise SimulatorError(f"{simulator.name} gave {len(outcomes)} outcomes for {len(designs)} designs.")
    return _Done(outcomes, time.perf_counter() - begun)


def _died(simulator: Simulator, error: BrokenProcessPool) -> SimulatorError:
    """The pool's own message goes on about segmentation faults; its last line holds the exit codes."""
    codes = next((line for line in reversed(str(error).splitlines()) if "exit code" in line), "")
    return SimulatorError(
        f"A worker process of the simulator {simulator.name} died, perhaps for want of memory. {codes} "
        "--jobs 1 simulates without worker processes."
    )


def _cores() -> int:
    """Those that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())


@contextmanager
def _hang_up_put_off() -> Iterator[None]:
    """A process that is started meanwhile never hears of a hang-up: loky's own, which keeps account of what the workers
    use, would die of it, and its successor complain about all that it does not know.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_worker(parent: int) -> None:
    """A worker leaves it to its parent what a signal means, which Ctrl-C sends to both, and does not outlive it."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(1)
