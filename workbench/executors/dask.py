"""Workers of a Dask cluster, by its futures: a scheduler that is there, or one on this machine while it is needed."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from workbench.errors import SimulatorError, UserError
from workbench.executors.base import UNKNOWN, Call, Done, GoneError, LostError, Worker, work
from workbench.executors.loky import signals_put_off

LOOK_S: Final = 2.0
"""So often, where nothing comes, it is asked whether there are workers."""
PATIENCE_S: Final = 30.0
"""A cluster without any worker for this long is given up: nannies begin a new one within seconds."""
OWN_PATIENCE_S: Final = 5.0
"""So long for a cluster of our own, which is then begun anew, up to so many times in a row:"""
RESTARTS: Final = 3
CONNECT_S: Final = 10.0
DEAF: Final = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What each worker of our own begins with: Ctrl-C, which a terminal sends to it as well, is for the run."""


@dataclass(eq=False)
class _Task:
    """A call, and the future of Dask's that it is at present."""

    call: Call
    future: Any


class Dask:
    """Calls as tasks. `address` is the host and port of a scheduler; None: one here, with `jobs` worker processes."""

    def __init__(self, address: tuple[str, int] | None, jobs: int) -> None:
        self._address, self._jobs = address, jobs
        self._client: Any = None
        self._cluster: Any = None
        self._slots = jobs
        self._looked_s = 0.0
        self._ended = threading.Event()
        self._workerless_since: float | None = None
        self._restarts = 0
        self._at: dict[str, Worker] = {}  # address -> whose results came from there

    @property
    def slots(self) -> int:
        """The workers' threads; those that this process would start, before it is connected."""
        return self._slots

    @property
    def started(self) -> bool:
        """Whether there is a connection."""
        return self._client is not None

    def submit(self, call: Call) -> _Task:
        """Hand a call over; it is not made again by Dask where it fails, but where a worker of it dies."""
        client = self._connected()
        if time.monotonic() - self._looked_s > LOOK_S:  # workers come and go
            self._look()
        return _Task(call, self._handed(client, call))

    def _handed(self, client: Any, call: Call) -> Any:
        future = client.submit(_work_there, call, call.simulator.fingerprint, pure=False)
        future.add_done_callback(lambda _: self._ended.set())
        return future

    def wait(self, handles: Collection[_Task]) -> Collection[_Task]:
        """Those that have ended."""
        while True:
            self._ended.clear()
            if ended := [task for task in handles if task.future.done()]:
                return ended
            if not self._ended.wait(LOOK_S):
                self._check_workers(handles)

    def result(self, handle: _Task) -> Done:
        """What a call came to."""
        from distributed import CancelledError, KilledWorker

        while True:
            try:
                address, done = handle.future.result(timeout=LOOK_S)
            except KilledWorker as error:
                raise LostError(worker=self._killed(error.last_worker)) from None
            except CancelledError:
                raise self._gone("is gone, or what it was handed is") from None
            except TimeoutError:  # the worker that had it died, and it is made again
                self._check_workers([handle])
            except ImportError as error:
                raise SimulatorError(
                    f"A worker of {self._where()} cannot simulate: {error}. It needs the same dse-workbench as here."
                ) from None
            else:
                self._restarts = 0
                self._at[address] = done.worker
                return done  # type: ignore[no-any-return]

    def close(self) -> None:
        """Leave a scheduler, which forgets what it was handed; end the one here."""
        client, self._client = self._client, None
        cluster, self._cluster = self._cluster, None
        with _quiet():
            if cluster is not None:
                _kill(cluster)
            for each in (client, cluster):
                if each is not None:
                    with suppress(OSError, TimeoutError):
                        each.close(timeout=LOOK_S)

    def _connected(self) -> Any:
        if self._client is None:
            with signals_put_off("SIGINT", "SIGHUP"):  # Ctrl-C is for the run; its workers end with it
                self._client = self._connection()
            self._workerless_since = None
            self._look()
        return self._client

    def _connection(self) -> Any:
        import dask
        from distributed import Client, LocalCluster

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        if self._address is not None:
            host, port = self._address
            at = f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
            try:
                return Client(at, timeout=CONNECT_S, set_as_default=False)
            except (OSError, ValueError) as error:
                raise UserError(f"No Dask scheduler answers at {host}:{port}: {error}.") from None
        # One death is enough to hand a call back: who is to blame is found out here.
        with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
            self._cluster = LocalCluster(
                n_workers=self._jobs,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.CRITICAL,
                preload=[DEAF],
            )
        return Client(self._cluster, timeout=CONNECT_S, set_as_default=False)

    def _look(self) -> int:
        """The workers' threads now, which are the slots, as long as there are any."""
        self._looked_s = time.monotonic()
        try:
            threads = int(sum(self._client.nthreads().values()))
        except (OSError, ValueError, TimeoutError) as error:
            raise self._gone(f"does not answer: {error}") from None
        self._slots = threads or self._slots
        return threads

    def _check_workers(self, tasks: Collection[_Task]) -> None:
        """How many there are now. A cluster of our own without any is begun anew, with the tasks that are under way: a
        nanny begins no new worker for one that died before it was known to run.

        Raises:
            GoneError: the scheduler is, or for too long there has been no worker.
        """
        if self._client.status not in ("running", "connecting"):
            raise self._gone("is gone")
        if self._look():
            self._workerless_since = None
            return
        now = time.monotonic()
        self._workerless_since = self._workerless_since or now
        if self._cluster is not None and now - self._workerless_since > OWN_PATIENCE_S and self._restarts < RESTARTS:
            self._restarts += 1
            self.close()
            client = self._connected()
            for task in tasks:
                task.future = self._handed(client, task.call)
        elif now - self._workerless_since > PATIENCE_S:
            raise self._gone(f"has had no worker for {PATIENCE_S:g} s")

    def _killed(self, last: Any) -> Worker:
        """The worker that Dask tells of, by the name under which its results came, if any did."""
        host = socket.gethostname() if self._address is None else urlsplit(last.address).hostname or UNKNOWN.host
        return self._at.get(last.address, Worker(host, last.pid))

    def _where(self) -> str:
        return "the local Dask cluster" if self._address is None else "dask://{}:{}".format(*self._address)

    def _gone(self, what: str) -> GoneError:
        return GoneError(f"The Dask scheduler {self._where()} {what}. All stored steps are safe.")


def _work_there(call: Call, fingerprint: str) -> tuple[str, Done]:
    """What a worker does, and the address that Dask knows it by."""
    from distributed import get_worker

    return get_worker().address, work(call, fingerprint)


def _kill(cluster: Any) -> None:
    """The worker processes, whatever they do; their nannies begin no new ones."""
    for nanny in list(cluster.workers.values()):
        nanny.auto_restart = False
        if nanny.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)


class _quiet:  # noqa: N801  # used as a context
    """Dask's loggers say nothing: what dies on purpose is no news."""

    def __enter__(self) -> None:
        self._before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)

    def __exit__(self, *_: object) -> None:
        logging.disable(self._before)
