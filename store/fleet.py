"""What the worker processes of a run have done: facts about machines, which no result depends on.

They are told in parts, which are added up here: whoever goes on with a run knows nothing of what was done before. They
go where the run goes, into another lab as well, since it is the run's seconds that they explain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from store.connections import driver_of
from store.inserting import Into
from store.rows import Worker
from store.runs import by_id, fenced_out

_WORKER: Final = Into(
    "worker",
    ("run_id", *Worker._fields),
    "ON CONFLICT (run_id, host, pid) DO UPDATE SET executor = excluded.executor, "
    "designs = worker.designs + excluded.designs, seconds = worker.seconds + excluded.seconds, "
    "failures = worker.failures + excluded.failures, "
    "updated_ns = CASE WHEN worker.updated_ns > excluded.updated_ns THEN worker.updated_ns "
    "ELSE excluded.updated_ns END",
)
_OF_RUN: Final = """
    SELECT host, pid, executor, designs, seconds, failures, updated_ns FROM worker
    WHERE run_id = ? ORDER BY host, pid
"""


def add(connection: Connection, run_id: int, epoch: int, workers: Sequence[Worker]) -> None:
    """To what was said of them before; also of a run that has just ended, but of no other owner's."""
    if by_id(connection, run_id).epoch != epoch:
        raise fenced_out(connection, run_id, epoch)
    _WORKER.insert(driver_of(connection), [(run_id, *worker) for worker in workers])


def of_run(connection: Connection, run_id: int) -> list[Worker]:
    return [Worker(*row) for row in connection.exec_driver_sql(_OF_RUN, (run_id,))]
