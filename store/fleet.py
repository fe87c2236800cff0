"""What the worker processes of a run have done: facts about machines, which no result depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from store.connections import driver_of
from store.inserting import Into
from store.rows import Worker

_WORKER: Final = Into(
    "worker",
    ("run_id", *Worker._fields),
    "ON CONFLICT (run_id, host, pid) DO UPDATE SET designs = excluded.designs, seconds = excluded.seconds, "
    "failures = excluded.failures, updated_ns = excluded.updated_ns",
)
_OF_RUN: Final = """
    SELECT host, pid, executor, designs, seconds, failures, updated_ns FROM worker
    WHERE run_id = ? ORDER BY host, pid
"""


def keep(connection: Connection, run_id: int, workers: Sequence[Worker]) -> None:
    """In the place of what was said of them before."""
    _WORKER.insert(driver_of(connection), [(run_id, *worker) for worker in workers])


def of_run(connection: Connection, run_id: int) -> list[Worker]:
    return [Worker(*row) for row in connection.exec_driver_sql(_OF_RUN, (run_id,))]
