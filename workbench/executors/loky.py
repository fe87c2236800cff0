"""Worker processes on this machine: those of joblib's loky, kept from batch to batch.

They are used through their futures and not through `joblib.Parallel`, which looks for results every 10 ms: as long as a
whole batch may take here.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any, Final

from workbench.executors.base import ONE_THREAD, UNKNOWN, Call, Done, LostError, work

IDLE_S: Final = 600.0
"""After so long without work a worker ends; the next batch starts it anew."""
PARENT_CHECK_S: Final = 1.0


class Loky:
    """Up to `jobs` processes; where one dies, all calls under way are lost, and the next one starts new ones."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._pool: Any = None
        self._told: BrokenProcessPool | None = None

    @property
    def slots(self) -> int:
        """As many as processes."""
        return self._jobs

    @property
    def started(self) -> bool:
        """Whether there are processes."""
        return self._pool is not None

    def submit(self, call: Call) -> Future[Done]:
        """Hand a call over."""
        try:
            return self._handed(call)
        except BrokenProcessPool:  # a process died since the last call, and this one has done nothing to it
            self.close()
            return self._handed(call)

    def wait(self, handles: Collection[Future[Done]]) -> Collection[Future[Done]]:
        """Those that have ended."""
        return wait(handles, return_when=FIRST_COMPLETED).done

    def result(self, handle: Future[Done]) -> Done:
        """What a call came to."""
        try:
            return handle.result()
        except BrokenProcessPool as error:
            if self._pool is not None and self._pool._flags.broken is not None:  # not one started since
                self.close()
            told, self._told = self._told, error  # the same for all calls that the death of one process ended
            raise LostError(_exit_codes(error), None if error is told else UNKNOWN) from None

    def close(self) -> None:
        """End the processes."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        for pid in list(pool._processes):  # its own way to kill them fails where work was just handed in
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # loky's when there is no `pgrep`
            pool.shutdown(wait=True)

    def _handed(self, call: Call) -> Future[Done]:
        return self._running().submit(work, call, call.simulator.fingerprint)  # type: ignore[no-any-return]

    def _running(self) -> Any:
        """The worker processes, started where there are none."""
        from joblib.externals.loky import get_reusable_executor

        with signals_put_off("SIGHUP"):
            self._pool = get_reusable_executor(
                max_workers=self._jobs,
                timeout=IDLE_S,
                initializer=_prepare_worker,
                initargs=(os.getpid(),),
                env=ONE_THREAD,
            )
        return self._pool


def _exit_codes(error: BrokenProcessPool) -> str:
    """The pool's own message goes on about segmentation faults; its last line holds the exit codes."""
    return next((line for line in reversed(str(error).splitlines()) if "exit code" in line), "")


@contextmanager
def signals_put_off(*names: str) -> Iterator[None]:
    """A process or thread that is started meanwhile never hears of these signals: loky's own process, which keeps
    account of what the workers use, would die of a hang-up, and its successor complain about all that it does not know.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name) for name in names})
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
