"""The worker processes of runs: as data, and in a few words."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from store.rows import Run, Worker
from workbench.views.quantity import age, count


def as_data(run: Run, workers: Iterable[Worker]) -> list[dict[str, Any]]:
    """Those of a run; the rate is None where nothing was simulated."""
    return [{"run": run.id, **each._asdict(), "designs_per_second": _rate(each)} for each in workers]


def in_words(workers: Sequence[Worker], most: int) -> tuple[str, ...]:
    """All together in a line, and below it those that were heard of last; no line where there are none."""
    if not workers:
        return ()
    there = [each for each in workers if each.pid]
    hosts, executors = {each.host for each in there}, sorted({each.executor for each in workers})
    lost = sum(each.failures for each in workers)
    gist = (
        f"{_many(len(there), 'worker')} of {', '.join(executors)} on {_many(len(hosts), 'host')}  "
        f"{count(sum(each.designs for each in workers))} designs simulated"
        f"{f'  {count(lost)} lost' if lost else ''}"
    )
    known_first = sorted(workers, key=lambda each: (not each.pid, -each.updated_ns))
    return gist, *map(_line, known_first[:most])


def _line(each: Worker) -> str:
    rate = _rate(each)
    pace = f"  {count(each.designs)} designs, {rate:.3g} a second" if rate else ""
    lost = f"  lost {count(each.failures)}×" if each.failures > 1 else "  lost" if each.failures else ""
    who = f"{each.host} {each.pid}" if each.pid else "not known which"
    return f"{who}{pace}{lost}  heard of {age(time.time() - each.updated_ns / 1e9)} ago"


def _rate(each: Worker) -> float | None:
    """Designs for each second that it simulated."""
    return each.designs / each.seconds if each.designs and each.seconds else None


def _many(number: int, what: str) -> str:
    return f"{count(number)} {what}{'' if number == 1 else 's'}"
