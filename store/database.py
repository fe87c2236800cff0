"""The lab database, opened by a search that writes or by a terminal that watches: a SQLite file, or on a server.

`Lab` is the door; the nouns behind it are `runs`, `steps`, `fleet`, `chunks`, `tags`, `knowledge`, `accuracies`,
`queries` and `pages`. Every method is one transaction, and reads everything it returns before it ends; `chunks` is one
for each chunk, and `export` holds the reader until its last line is taken. What cannot be done raises a `StoreError` of
one clear line.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from store import (
    accuracies,
    chunks,
    columns,
    control,
    fleet,
    knowledge,
    pages,
    queries,
    removing,
    runs,
    steps,
    tags,
    upkeep,
)
from store.accuracies import Claim, NewAccuracy, Subject
from store.address import Address, Where, where
from store.columns import PointColumns
from store.connections import (
    Committing,
    Writing,
    driver_of,
    explained,
    is_server,
    looking,
    reader,
    transaction,
    writer,
)
from store.designs import Bounds, Designs
from store.encoding import encode
from store.errors import NotInTurnError, ReadOnlyLabError
from store.filtering import Condition
from store.knowledge import NewModel
from store.migrations import SCHEMA, check_readable, make_ready
from store.owner import this_process
from store.pages import Place, Window
from store.place import check_place
from store.removing import Dependents
from store.rows import (
    Accuracy,
    Checkpoint,
    ChunkHead,
    Context,
    Evaluation,
    ModelHead,
    Point,
    Progress,
    Run,
    RunHead,
    RunSource,
    Status,
    UnfinishedTraining,
    Wish,
    Worker,
)
from store.runs import NewRun

if TYPE_CHECKING:  # what few commands need, and all of the tables with it: see `names`
    from store import dumping, merging
    from store.statistics import Statistics
    from store.verifying import Problem

BUSY_SECONDS: Final = 30.0


class Lab:
    """An open lab database. Threads may share it; they take turns."""

    def __init__(self, path: Where, *, reading: Engine, writing: Engine | None) -> None:
        """See `Lab.open`."""
        self.path = path
        self._reading = reading
        self._writing = writing
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab")

    @classmethod
    def open(
        cls, path: Where | str, *, create: bool = True, readonly: bool = False, busy_seconds: float = BUSY_SECONDS
    ) -> Self:
        """Open the lab at `path`; where there is none, make one (its folder must exist), unless told not to.

        A writer that meets another waits `busy_seconds` for its turn. An old file is migrated, and a copy kept. A URL
        names a database on a PostgreSQL server, which must exist.
        """
        place = where(path)
        if isinstance(place, Address):
            return cls._on_server(place, create, readonly, busy_seconds)
        check_place(place, create=create, readonly=readonly)
        if readonly:
            mode = check_readable(place, busy_seconds)
            return cls(place, reading=reader(place, mode, busy_seconds), writing=None)
        make_ready(place, busy_seconds)
        return cls(place, reading=reader(place, "ro", busy_seconds), writing=writer(place, busy_seconds))

    @classmethod
    def _on_server(cls, address: Address, create: bool, readonly: bool, busy_seconds: float) -> Self:
        from store import server  # which needs an extra

        if readonly or not create:
            server.check_readable(address, busy_seconds, SCHEMA.version)
        reading = server.reader(address, busy_seconds)
        if readonly:
            return cls(address, reading=reading, writing=None)
        server.make_ready(address, busy_seconds, SCHEMA.version)
        return cls(address, reading=reading, writing=server.writer(address, busy_seconds))

    def close(self) -> None:
        self._threads.shutdown()
        self._reading.dispose()
        if isinstance(self.path, Address):
            if self._writing is not None:
                self._writing.dispose()
        elif self._writing is not None:  # the last to leave, if it can write, tidies the log away
            with suppress(DBAPIError, sqlite3.Error), self._writing.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA busy_timeout = 0")  # who waits for another writer gains nothing from it
                driver.execute("PRAGMA analysis_limit = 400")
                driver.execute("PRAGMA optimize")
            self._writing.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # Runs

    def create_run(self, new: NewRun, sources: Sequence[RunSource] = (), models: Sequence[bytes] = ()) -> Run:
        """A new run, queued, with what it learns from: other runs, and source models by their keys."""
        with self._write() as connection:
            run = runs.create(connection, new)
            knowledge.set_sources(connection, run.id, sources, models)
            return run

    def run(self, ref: int | str) -> Run:
        """By number, by uuid or the beginning of one (4 digits at least), or "last"."""
        with self._read() as connection:
            return runs.find(connection, ref)

    def runs(
        self,
        status: Status | None = None,
        *,
        task_key: bytes | None = None,
        tag: str | None = None,
        limit: int = 50,
        before_id: int | None = None,
    ) -> list[Run]:
        """The latest first; the next page begins below the last one's id. `status` is compared with the live one."""
        with self._read() as connection:
            return runs.page(connection, status=status, task_key=task_key, tag=tag, limit=limit, before_id=before_id)

    def live_status(self, run: Run) -> Status:
        """The status as stored, but "interrupted" for a run whose owner died without a word."""
        return runs.live_status(run, this_process())

    def lingers(self, run: Run) -> bool:
        """Whether the process that worked on the run last is still there, on this host, whatever the status says."""
        return runs.lingers(run, this_process())

    def claim(self, run_id: int) -> int:
        """Make this process the owner of the run, now running, and return the epoch that its writes must name.

        A run whose owner is dead is taken over at once, on another host after its lease; a live owner keeps it.
        """
        with self._write() as connection:
            return runs.claim(connection, run_id)

    def heartbeat(self, run_id: int, epoch: int, workers: Sequence[Worker] = ()) -> None:
        """Say that the owner lives, and what its workers have done since they were told of last.

        Every committed step says the first too; this is for steps that take minutes.
        """
        with self._write() as connection:
            runs.beat(connection, run_id, epoch)
            if workers:
                fleet.add(connection, run_id, epoch, workers)

    def add_workers(self, run_id: int, epoch: int, workers: Sequence[Worker]) -> None:
        """What its workers have done since they were told of last, also of a run that this owner has just ended."""
        if not workers:
            return
        with self._write() as connection:
            fleet.add(connection, run_id, epoch, workers)

    def workers(self, run_id: int) -> list[Worker]:
        """The worker processes that have simulated for the run, by host and process."""
        with self._read() as connection:
            return fleet.of_run(connection, run_id)

    def finish(self, run_id: int, epoch: int, status: Status, error: str | None = None) -> None:
        """End the ownership: paused, done, interrupted or failed."""
        with self._write() as connection:
            runs.finish(connection, run_id, epoch, status, error)

    # What others ask of a run

    def ask(self, run_id: int, wish: Wish) -> Status:
        """Ask a run to stop, and tell how it stands: `running` until its owner has finished the step under way.

        One that waits for its turn, or that nobody works on, is stopped at once.

        Raises:
            RunError: there is nothing to stop.
        """
        with self._write() as connection:
            return control.ask(connection, run_id, wish)

    def enqueue(self, run_id: int) -> Run:
        """Let this process wait for the run's turn, for another to take over: see `hand_over`.

        Raises:
            BusyRunError: somebody works on it, or waits for its turn.
        """
        with self._write() as connection:
            return control.enqueue(connection, run_id)

    def hand_over(self, run_id: int, pid: int) -> None:
        """Let another process of this host wait in this one's place, unless it has begun to already."""
        with self._write() as connection:
            control.hand_over(connection, run_id, pid)

    def claim_turn(self, run_id: int, slots: int) -> int | None:
        """Claim a run that waits, as soon as fewer than `slots` are at work and none has waited longer; else None.

        Raises:
            FencedOutError: it waits no longer: it was stopped, or another process has begun it.
        """
        with self._read() as connection:  # most often not yet, and a writer would stand in the runs' way
            due = control.is_due(connection, run_id, slots)
        if not due:
            return None
        with self._write() as connection:
            return control.claim_turn(connection, run_id, slots)

    def wait(self, run_id: int) -> None:
        """Let this process wait for the run's turn in the place of whoever did so; or say that it still does."""
        with self._write() as connection:
            control.wait(connection, run_id)

    # Steps

    def commit_step(
        self,
        run_id: int,
        epoch: int,
        *,
        history: Progress,
        points: Sequence[Point],
        front: Iterable[int],
        checkpoint: bytes,
        contexts: Sequence[Context] = (),
        evaluations: Sequence[Evaluation] = (),
    ) -> Wish | None:
        """Store one whole step, safe against a kill and a power cut once this returns; or nothing of it.

        `points` are the step's own, `front` is the whole front after it (by seq), `checkpoint` the state after it.
        Returns what somebody asks of the owner now.
        """
        step = steps.Content(history, points, front, checkpoint, contexts, evaluations)
        storing = self.begin_step(run_id, epoch, step)
        storing.wait()
        return storing.wish

    def begin_step(self, run_id: int, epoch: int, step: steps.Content) -> steps.BeingStored:
        """The same for a caller who has something else to do while the disk takes its time.

        Nothing may be shown of the step before its `wait` returns. Who writes next waits for it, too.
        """
        with explained(self.path):
            writing = Writing(self._writer())
            try:
                wish = steps.store(writing.driver, run_id, epoch, step)
            except NotInTurnError:
                writing.take_back()
                with self._read() as connection:
                    steps.refuse(connection, run_id, epoch, step)
            except BaseException:
                writing.take_back()
                raise
        return steps.BeingStored(Committing(writing, self.path, self._threads), wish)

    def keep(self, contexts: Sequence[Context], evaluations: Sequence[Evaluation]) -> None:
        """Into the cache, by whoever has simulated outside a run."""
        with self._write() as connection:
            steps.add_evaluations(driver_of(connection), contexts, evaluations)

    # What runs left

    def lookup(self, context: bytes, keys: Iterable[bytes]) -> dict[bytes, Evaluation]:
        """What the cache knows of these keys in the context, by key."""
        with looking(self._reading, self.path) as driver:
            return queries.lookup(driver, context, keys)

    def contexts(self, numbers: Collection[int] | None = None) -> list[Context]:
        """Those with these numbers; None: all. The earliest first.

        Raises:
            UnknownContextError: there is no such context.
        """
        with self._read() as connection:
            return queries.contexts(connection, numbers)

    def evaluations(self, context: bytes, *, after_key: bytes = b"", limit: int = 10_000) -> list[Evaluation]:
        """A page of all that the cache knows in the context, ordered by key."""
        with self._read() as connection:
            return queries.evaluations(connection, context, after_key, limit)

    def points(
        self, run_id: int, after_seq: int = -1, limit: int | None = None, *, with_detail: bool = True
    ) -> list[Point]:
        """The run's points in order, from above `after_seq`. Lists and plots do without the bulky detail."""
        with self._read() as connection:
            return queries.points(connection, run_id, after_seq, limit, with_detail)

    def front(self, run_id: int) -> list[Point]:
        """The members of the run's front, in order of seq."""
        with self._read() as connection:
            return queries.front(connection, run_id)

    def history(self, run_id: int, after_step: int = 0, limit: int | None = None) -> list[Progress]:
        with self._read() as connection:
            return queries.history(connection, run_id, after_step, limit)

    def checkpoint(self, run_id: int) -> Checkpoint | None:
        """The latest, or None where no step has been stored."""
        with self._read() as connection:
            return queries.checkpoint(connection, run_id)

    # Lists, a screenful at a time

    def point_page(self, run_id: int, window: Window) -> list[tuple[Place, Point]]:
        """A page of the run's points, sorted and filtered, each with its place in the list; without their detail."""
        with self._read() as connection:
            return pages.points(connection, run_id, window)

    def count_points(self, run_id: int, where: Condition | None = None) -> int:
        """How many of the run's points meet a condition."""
        with self._read() as connection:
            return pages.count_points(connection, run_id, where)

    def run_page(self, window: Window) -> list[tuple[Place, Run]]:
        """A page of the runs, sorted and filtered, each with its place in the list; "status" is the live one."""
        with self._read() as connection:
            return pages.runs(connection, window)

    def count_runs(self, where: Condition | None = None) -> int:
        """How many runs meet a condition."""
        with self._read() as connection:
            return pages.count_runs(connection, where)

    def point_columns(self, run_id: int, after_seq: int = -1) -> PointColumns:
        """All of the run's points from above `after_seq`, as arrays."""
        with self._read() as connection:
            return columns.point_columns(connection, run_id, after_seq)

    def matching(self, run_id: int, where: Condition | None) -> NDArray[np.int64]:
        """The seqs of the run's points that meet a condition, ascending."""
        with self._read() as connection:
            return columns.matching(connection, run_id, where)

    # Sweeps

    def keep_chunk(self, run_id: int, epoch: int, designs: Designs) -> None:
        """Store designs by the ten thousands behind those that the run has so, safe once this returns; or none.

        They take a chunk for each `designs.CHUNK_POINTS`; the run's `chunk_points` tells how many there are.

        Raises:
            BadRowError: the arrays' shapes, types or values do not fit together.
            FencedOutError: this process does not own the run.
        """
        encoded = encode(designs)
        with self._write() as connection:
            try:
                chunks.add(driver_of(connection), run_id, epoch, encoded)
            except NotInTurnError:
                raise runs.fenced_out(connection, runs.by_id(connection, run_id).id, epoch) from None

    def chunks(self, run_id: int, bounds: Bounds | None = None, *, after_number: int = -1) -> Iterator[Designs]:
        """The designs that the run has in chunks, in order, a chunk at a time; or those within the bounds.

        From above the chunk `after_number` on.

        `bounds` gives a metric's least and most; chunks that can hold no such design are not read. Each chunk is a
        transaction of its own, so that a reader who takes his time stands in nobody's way.

        Raises:
            DamagedLabError: a chunk is not as it was stored.
        """
        chunks.check_bounds(bounds)
        number = after_number
        while True:
            with self._read() as connection:
                found = chunks.next_chunk(connection, run_id, number, bounds)
            if found is None:
                return
            designs = chunks.decode(run_id, *found, bounds)
            if len(designs):
                yield designs
            number = found[0].number

    def chunk_heads(self, run_id: int, *, after_number: int = -1, limit: int | None = None) -> list[ChunkHead]:
        """What the run's chunks say of themselves: how many designs, between which metrics. Reads no content."""
        with self._read() as connection:
            return chunks.heads(connection, run_id, after_number, limit)

    # Tags

    def tag(self, run_id: int, word: str) -> None:
        """Give the run a word to find it by; it may have it already.

        Raises:
            BadRowError: it is no word.
            UnknownRunError: there is no such run.
        """
        with self._write() as connection:
            tags.tag(connection, run_id, word)

    def untag(self, run_id: int, word: str) -> bool:
        """Take a word from the run, and tell whether it had it."""
        with self._write() as connection:
            return tags.untag(connection, run_id, word)

    def tags(self, run_id: int) -> list[str]:
        """The run's words in the order of the alphabet."""
        with self._read() as connection:
            return tags.of_run(connection, run_id)

    def all_tags(self) -> dict[str, int]:
        """How many runs each word has, in the order of the alphabet."""
        with self._read() as connection:
            return tags.in_use(connection)

    # What runs learn from

    def run_sources(self, run_id: int) -> list[RunSource]:
        """The runs that a run learns from, and how many of their points, in its order."""
        with self._read() as connection:
            return knowledge.run_sources(connection, run_id)

    def run_models(self, run_id: int) -> list[bytes]:
        """The keys of the source models that a run is given, in its order."""
        with self._read() as connection:
            return knowledge.run_models(connection, run_id)

    def run_heads(self, simulator: str | None = None, uuids: Iterable[str] | None = None) -> list[RunHead]:
        """All runs with points, the earliest first: on a simulator, or of these uuids."""
        with self._read() as connection:
            return knowledge.run_heads(connection, simulator, uuids)

    def keep_model(self, new: NewModel) -> ModelHead:
        """Store a source model; one of the same content is there already and stays."""
        with self._write() as connection:
            return knowledge.keep_model(connection, new)

    def model_heads(self, simulator: str | None = None) -> list[ModelHead]:
        """All source models, the earliest first, without their content."""
        with self._read() as connection:
            return knowledge.model_heads(connection, simulator)

    def model(self, key: bytes) -> tuple[ModelHead, bytes]:
        """A source model with its content, which is checked against the key."""
        with self._read() as connection:
            return knowledge.model_content(connection, key)

    # Networks that were trained

    def accuracies_of(self, keys: Iterable[bytes]) -> dict[bytes, Accuracy]:
        """What is known of these keys, by key."""
        with self._read() as connection:
            return accuracies.accuracies_of(connection, keys)

    def accuracies(
        self,
        family: str | None = None,
        data: str | None = None,
        *,
        family_key: bytes | None = None,
        data_key: bytes | None = None,
    ) -> list[Accuracy]:
        """All that was measured, of a family and on a data set by name or by key; the earliest first."""
        with self._read() as connection:
            return accuracies.accuracies(connection, family, data, family_key, data_key)

    def keep_accuracy(self, new: NewAccuracy) -> Accuracy:
        """Store a measurement and forget its training; one of the same key is there already and stays."""
        with self._write() as connection:
            return accuracies.keep(connection, new)

    def claim_training(self, subject: Subject) -> Claim | None:
        """Make this process the owner of a training, new or left by another one, and return the state to go on from.

        None where its accuracy is there.

        Raises:
            BusyTrainingError: a process that lives is at work on it.
        """
        with self._write() as connection:
            return accuracies.claim(connection, subject)

    def keep_training(self, claim: Claim, epochs: int, batches: int, state: bytes) -> None:
        """Store how far a training is, safe once this returns.

        Raises:
            FencedOutError: this process does not own it any more.
        """
        with self._write() as connection:
            accuracies.keep_state(connection, claim, epochs, batches, state)

    def release_training(self, claim: Claim) -> None:
        """Leave a training that is not over to whoever goes on with it."""
        with self._write() as connection:
            accuracies.release(connection, claim)

    def forget_training(self, claim: Claim) -> None:
        """Remove a training that leads nowhere."""
        with self._write() as connection:
            accuracies.forget(connection, claim)

    def unfinished_trainings(self) -> list[UnfinishedTraining]:
        """Trainings that have not ended, the latest first."""
        with self._read() as connection:
            return accuracies.unfinished(connection)

    # The lab as a whole

    def merge(self, source: merging.Source) -> merging.Merged:
        """Take over what another lab has, which `merging.opened` has found fit: all of it, or nothing."""
        from store import merging

        return merging.merge(self._writer(), self.path, source)

    def export(self, wanted: dumping.Wanted) -> Iterator[str]:
        """Some of the lab, as it is at one moment, as JSON lines: a head and a line for each row."""
        from store import dumping, lines

        with self._read() as connection:
            yield from lines.write(dumping.records(connection, wanted), dumping.counted(connection, wanted))

    def problems(self) -> list[Problem]:
        """What is not as it was stored; empty where the lab is sound. Reads all of it."""
        from store import verifying

        with self._read() as connection:
            return list(verifying.problems(connection))

    def schema(self) -> int:
        """The version of the file format; greater than this program's where a newer one has written the lab."""
        with self._read() as connection:
            if is_server(connection):
                from store import server

                return server.schema(connection)
            return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    def statistics(self) -> Statistics:
        """What lies in the lab, counted. Reads all of it."""
        from store.statistics import statistics

        with self._read() as connection:
            return statistics(connection)

    def vacuum(self) -> tuple[int, int]:
        """Give the space of removed rows back; the lab's bytes before and after."""
        writing = self._writer()
        if isinstance(self.path, Address):
            from store import server

            return server.vacuum(writing, self.path)
        return upkeep.vacuum(writing, self.path)

    def dependents(self, run: Run, leaving: Sequence[int] = ()) -> Dependents:
        """What learnt from the run, but for the runs that leave with it."""
        with self._read() as connection:
            return removing.dependents(connection, run, leaving)

    def remove_runs(self, numbers: Sequence[int]) -> None:
        """Remove runs with all that they own, for good; all of them or, where one is being worked on, none."""
        with self._write() as connection:
            removing.remove(connection, numbers)

    def data_version(self) -> int:
        """Changes whenever another connection has written: a cheap question for a terminal that watches."""
        with self._read() as connection:
            if is_server(connection):
                from store import server

                return server.data_version(connection)
            return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())

    def server_version(self) -> str | None:
        """Of the server that the lab is on; None for a file."""
        with self._read() as connection:
            if not is_server(connection):
                return None
            from store import server

            return server.version(connection)

    def _read(self) -> AbstractContextManager[Connection]:
        return transaction(self._reading, self.path)

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with transaction(self._writer(), self.path) as connection:
            yield connection

    def _writer(self) -> Engine:
        if self._writing is None:
            raise ReadOnlyLabError(f"{self.path} is open for reading only.")
        return self._writing
