"""Worker processes of a Ray that is started on this machine while it is needed."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from workbench.executors.base import ONE_THREAD, Call, Done, GoneError, LostError, work
from workbench.executors.loky import signals_put_off


class Ray:
    """Calls as Ray's tasks, one for each of `jobs` CPUs at a time."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._work: Any = None

    @property
    def slots(self) -> int:
        """As many as CPUs that Ray was told of."""
        return self._jobs

    @property
    def started(self) -> bool:
        """Whether Ray is running."""
        return self._work is not None

    def submit(self, call: Call) -> Any:
        """Hand a call over; it is never made again by Ray."""
        return self._running().remote(call, call.simulator.fingerprint)

    def wait(self, handles: Collection[Any]) -> Collection[Any]:
        """Those that have ended."""
        import ray

        every = list(handles)
        ray.wait(every, num_returns=1)
        ended, _ = ray.wait(every, num_returns=len(every), timeout=0)
        return ended  # type: ignore[no-any-return]

    def result(self, handle: Any) -> Done:
        """What a call came to."""
        import ray
        from ray import exceptions

        try:
            return ray.get(handle)  # type: ignore[no-any-return]
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError):
            raise LostError from None
        except exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else GoneError(str(error))) from None
        except exceptions.RayError as error:
            first = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
            raise GoneError(f"Ray is gone: {first}. All stored steps are safe.") from None

    def close(self) -> None:
        """End Ray and its workers."""
        if self._work is not None:
            import ray

            self._work = None
            ray.shutdown()

    def _running(self) -> Any:
        if self._work is None:
            import ray

            with signals_put_off("SIGINT", "SIGHUP"), _environment(ONE_THREAD):
                ray.init(
                    address="local",
                    num_cpus=self._jobs,
                    include_dashboard=False,
                    log_to_driver=False,
                    configure_logging=False,
                    logging_level=logging.CRITICAL,
                    _node_ip_address="127.0.0.1",
                )
            _silence()
            self._work = ray.remote(work).options(num_cpus=1, max_retries=0)
        return self._work


def _silence() -> None:
    """Ray prints to standard output, where data goes, that a worker died; it has no setting for that."""
    from ray._private import worker

    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = lambda *_, **__: None


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """What is started meanwhile has these variables, unless it has them already."""
    new = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)
