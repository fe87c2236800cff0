"""Who simulates: this process, or workers of an executor; where a simulation is made decides no result.

To start worker processes costs about a second, to hand them work about a millisecond. So the pace of a simulator is
measured, and a batch stays in this process as long as workers on this machine would gain nothing by it. What they would
have gained is added up; workers are started when the sum exceeds what the start costs. That is never much worse than to
have known beforehand how much work there will be (the ski-rental problem). Whoever asks for a cluster, or for a limit
to what a simulation may take, wants nothing simulated in this process, and nothing is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from types import TracebackType
from typing import Final, NamedTuple, Self

from workbench.blame import HOPELESS, Blame, Chunk
from workbench.errors import UserError
from workbench.executors import table
from workbench.executors.base import Call, Executor, Handle, LostError, simulated
from workbench.executors.deeds import Deeds
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
MOST_S: Final = 1e6
"""A limit beyond this is none: eleven days."""
CHUNKS_PER_WORKER: Final = 2
"""At least so many where there are few designs, since one may take many times as long as another."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One layer, or a workload as a whole, and the designs to simulate for it."""

    task: Task
    designs: tuple[Design, ...]


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

    def take(self, design: Design, pieces: Sequence[int]) -> dict[int, Outcome] | None:
        """What a design came to on some pieces, in order, and forget it; None as long as any that counts is missing.

        That it failed is remembered: what waits of it is wanted no more.
        """
        wanted = [piece for piece in pieces if self.wanted(Chunk(piece, (design,))).designs]
        if any(design not in self.outcomes[piece] for piece in wanted):
            return None
        found = {piece: self.outcomes[piece][design] for piece in wanted}
        for outcomes in self.outcomes:
            outcomes.pop(design, None)
        return found

    def in_order(self) -> list[dict[Design, Outcome]]:
        """As if the pieces had been simulated one after the other."""
        counted = [self.wanted(Chunk(index, piece.designs)) for index, piece in enumerate(self._pieces)]
        return [{design: self.outcomes[chunk.piece][design] for design in chunk.designs} for chunk in counted]


class _Running(NamedTuple):
    chunk: Chunk
    alone: bool


@dataclass(frozen=True)
class _UnderWay:
    """Chunks on their way through the workers: those that wait, those that are at one, and what has come back."""

    simulator: Simulator
    tasks: Sequence[Task]  # of each piece
    results: _Results
    next_chunk: Callable[[], Chunk | None]
    blame: Blame
    running: dict[Handle, _Running] = field(default_factory=dict)


class Workers:
    """Simulates with up to `jobs` workers at once (None: all cores; 1: in this process alone, unless an executor is
    named). `executor` is a name of `executors.table`; a chunk that takes a worker longer than `batch_s` is given up.

    Enter it to be sure that no worker process outlives the block, whatever ends it. A simulator that has worker
    processes of its own (`own_workers`) is called from this process, or has them beside the workers of a cluster.
    """

    def __init__(self, jobs: int | None = 1, executor: str | None = None, batch_s: float | None = None) -> None:
        if jobs is not None and jobs < 1:
            raise UserError(f"There must be at least 1 job, got {jobs}.")
        if batch_s is not None and not 0 < batch_s <= MOST_S:
            raise UserError(f"--batch-seconds must be above 0 and at most {MOST_S:g}, got {batch_s:g}.")
        kind = table.parts(executor)[0] if executor else table.LOKY
        if batch_s is not None and kind == table.SERIAL:
            raise UserError("--batch-seconds needs workers, which it ends: not --executor serial.")
        self._jobs = _cores() if jobs is None else jobs
        if kind == table.SERIAL:
            self._jobs = 1
        self._everything = kind not in (table.SERIAL, table.LOKY) or batch_s is not None
        self._executor = table.made(executor or kind, self._jobs) if self._everything or self._jobs > 1 else None
        self._clustered = kind not in (table.SERIAL, table.LOKY)
        self._batch_s = batch_s
        self.executor = executor or kind
        """Its name."""
        self.deeds = Deeds()
        """Of the workers; what this process simulates itself is not among them."""
        self.seconds = 0.0
        """Spent in simulators so far, added up over all processes."""
        self._forgone_s = 0.0
        self._begun: set[str] = set()
        self._pace_s: dict[str, float] = {}  # simulator -> seconds an evaluation takes, lately
        self._lost_in_a_row = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def jobs(self) -> int:
        """How many designs are simulated at once, at most."""
        return self._jobs if self._executor is None else self._executor.slots

    @property
    def started(self) -> bool:
        """Whether there are workers."""
        return self._executor is not None and self._executor.started

    def close(self) -> None:
        """End the workers, at once and whatever they do."""
        if self._executor is not None:
            self._executor.close()

    def simulate(self, simulator: Simulator, pieces: Sequence[Piece]) -> list[dict[Design, Outcome]]:
        """What each piece's designs come to. A design that a piece cannot hold is left out of all later pieces; one
        that ends its worker every time, or never ends, cannot be built (see `blame`).

        Raises:
            SimulatorError: the simulator broke, or no worker brings anything back.
            UserError: there is no such cluster.
        """
        results = _Results(pieces)
        chunks = [Chunk(index, piece.designs) for index, piece in enumerate(pieces) if piece.designs]
        own = getattr(simulator, "own_workers", False)
        if self._executor is None or (own and not self._clustered):
            self._here(simulator, pieces, chunks, results)
        elif self._everything:
            self._there(simulator, pieces, _cut(chunks, self._sizes(simulator, chunks)), results)
        else:
            self._where_it_pays(simulator, pieces, chunks, results)
        return results.in_order()

    def stream(self, simulator: Simulator, tasks: Sequence[Task]) -> Stream:
        """For designs that are to come back one by one, each on all of some tasks, while more are added."""
        own = getattr(simulator, "own_workers", False)
        here = self._executor is None or (own and not self._clustered)
        return Stream(self, simulator, tasks, Blame(simulator.name, self._batch_s), here=here)

    def _where_it_pays(
        self, simulator: Simulator, pieces: Sequence[Piece], chunks: list[Chunk], results: _Results
    ) -> None:
        """Here at first, and in worker processes once they would have saved what they cost."""
        chunks = self._paced(simulator, pieces, chunks, results)
        while chunks:
            spread = self._spread(simulator, chunks)
            if spread:
                self._there(simulator, pieces, spread, results)
                return
            now, chunks = self._slice(simulator, chunks)
            before = self.seconds
            self._here(simulator, pieces, now, results)
            self._forgone_s += (self.seconds - before) * (1 - 1 / self.jobs)

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
        size = self._size(evaluations, pace_s)
        cut = list(_cut(chunks, lambda: size))
        at_once = min(self.jobs, len(cut))
        gain_s = evaluations * pace_s * (1 - 1 / at_once) - len(cut) * HANDING_S
        if gain_s <= 0:
            return []
        if not self.started and self._forgone_s + gain_s < START_S:
            return []
        return cut

    def _size(self, evaluations: int, pace_s: float) -> int:
        """Designs for a chunk: enough to keep a worker busy for a while, few enough that all have some."""
        largest = max(1, evaluations // (CHUNKS_PER_WORKER * self.jobs))
        return min(largest, max(1, ceil(CHUNK_S / pace_s))) if pace_s > 0 else largest

    def _sizes(self, simulator: Simulator, chunks: Sequence[Chunk]) -> Callable[[], int]:
        """The size of the next chunk, whenever one is cut: single designs at first, until the pace is known."""
        evaluations = sum(len(chunk.designs) for chunk in chunks)

        def size() -> int:
            pace_s = self._pace_s.get(simulator.fingerprint)
            return 1 if pace_s is None else self._size(evaluations, pace_s)

        return size

    def _here(self, simulator: Simulator, pieces: Sequence[Piece], chunks: Sequence[Chunk], results: _Results) -> None:
        """One piece after the other, in this process."""
        for chunk in map(results.wanted, chunks):
            if chunk.designs:
                done = simulated(simulator, pieces[chunk.piece].task, chunk.designs)
                self._learn(simulator, len(chunk.designs), done.seconds)
                results.add(chunk, done.outcomes)

    def _there(self, simulator: Simulator, pieces: Sequence[Piece], chunks: Iterable[Chunk], results: _Results) -> None:
        """By the workers; few chunks are under way at a time, so that what has become needless is left out."""
        waiting = iter(chunks)
        tasks = [piece.task for piece in pieces]
        under_way = _UnderWay(
            simulator, tasks, results, lambda: next(waiting, None), Blame(simulator.name, self._batch_s)
        )
        while self._advance(under_way):
            pass

    def _advance(self, under_way: _UnderWay) -> bool:
        """Hand over what there is room for, and take what comes back; False where nothing is left."""
        try:
            self._hand_over(under_way)
            if not under_way.running:
                return False
            for handle in self._workers.wait(under_way.running):
                running = under_way.running.pop(handle)
                try:
                    done = self._workers.result(handle)
                except LostError as error:
                    if error.worker is not None:
                        self.deeds.lost(error.worker)
                    self._lost(running, under_way, f"{error} " if str(error) else "")
                else:
                    self._lost_in_a_row = -1  # never counted again: workers do bring results
                    self.deeds.done(done.worker, len(running.chunk.designs), done.seconds)
                    self._learn(under_way.simulator, len(running.chunk.designs), done.seconds)
                    under_way.results.add(running.chunk, done.outcomes)
            return True
        except BaseException:
            self.close()
            raise

    @property
    def _workers(self) -> Executor:
        if self._executor is None:
            raise ValueError("there are no workers")
        return self._executor

    def _hand_over(self, under_way: _UnderWay) -> None:
        """As much as keeps all workers busy; a suspect alone, when all that was under way has ended."""
        blame, running = under_way.blame, under_way.running
        while not blame.suspects and len(running) < 2 * self.jobs and (chunk := under_way.next_chunk()) is not None:
            self._submit(under_way, chunk, alone=False)
        while not running and (suspect := blame.next_suspect()) is not None:
            self._submit(under_way, suspect, alone=True)

    def _submit(self, under_way: _UnderWay, chunk: Chunk, alone: bool) -> None:
        """Of a chunk what is still wanted."""
        chunk = under_way.results.wanted(chunk)
        if chunk.designs:
            call = Call(under_way.simulator, under_way.tasks[chunk.piece], chunk.designs, self._batch_s)
            under_way.running[self._workers.submit(call)] = _Running(chunk, alone)

    def _lost(self, running: _Running, under_way: _UnderWay, said: str) -> None:
        """A chunk whose worker died: a suspect, or the one design that is to blame."""
        chunk, alone = running
        if alone and self._lost_in_a_row >= 0:
            self._lost_in_a_row += 1
            if self._lost_in_a_row >= HOPELESS:
                raise under_way.blame.hopeless(said)
        outcome = under_way.blame.lost(chunk, alone)
        if outcome is not None:
            under_way.results.add(chunk, [outcome])

    def _learn(self, simulator: Simulator, evaluations: int, seconds: float) -> None:
        """The pace follows the latest work, as layers and designs differ; the first has the simulator's start in it."""
        self.seconds += seconds
        if simulator.fingerprint not in self._begun:
            self._begun.add(simulator.fingerprint)
            return
        now = seconds / evaluations
        self._pace_s[simulator.fingerprint] = (now + self._pace_s.get(simulator.fingerprint, now)) / 2


class Stream:
    """Single designs that are simulated as they are added: see `Workers.stream`."""

    def __init__(
        self, workers: Workers, simulator: Simulator, tasks: Sequence[Task], blame: Blame, *, here: bool
    ) -> None:
        self._workers, self._here = workers, here
        self._pieces = [Piece(task, ()) for task in tasks]
        self._waiting: deque[Chunk] = deque()
        self._results = _Results(self._pieces)
        self._under_way = _UnderWay(simulator, tasks, self._results, self._next, blame)

    def add(self, design: Design, pieces: Sequence[int]) -> None:
        """A design to simulate on some of the tasks, by their places in order."""
        self._waiting.extend(Chunk(piece, (design,)) for piece in pieces)

    def take(self, design: Design, pieces: Sequence[int]) -> dict[int, Outcome] | None:
        """What the design came to on those tasks, once all are back; none behind the first that cannot hold it."""
        return self._results.take(design, pieces)

    def advance(self) -> None:
        """Return when something has come back; at once where nothing is under way.

        A simulator that has processes of its own is given all that waits for a task at once.

        Raises:
            SimulatorError: the simulator broke, or no worker brings anything back.
        """
        if not self._here:
            self._workers._advance(self._under_way)
        elif (chunk := self._next()) is not None:
            if getattr(self._under_way.simulator, "own_workers", False):
                while self._waiting and self._waiting[0].piece == chunk.piece:
                    chunk = Chunk(chunk.piece, chunk.designs + self._waiting.popleft().designs)
            self._workers._here(self._under_way.simulator, self._pieces, [chunk], self._results)

    def _next(self) -> Chunk | None:
        return self._waiting.popleft() if self._waiting else None


def _cut(chunks: Iterable[Chunk], size: Callable[[], int]) -> Iterator[Chunk]:
    """The chunks in smaller ones, each as large as it should be when it is taken."""
    for piece, designs in chunks:
        start = 0
        while start < len(designs):
            end = start + size()
            yield Chunk(piece, designs[start:end])
            start = end


def _cores() -> int:
    """Those that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())
