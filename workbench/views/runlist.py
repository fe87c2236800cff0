"""The lab's runs as a list: what they can be filtered and sorted by, as terms of the lab."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from store.database import Lab
from store.filtering import Column, Condition, Elapsed, Member, Term
from store.pages import Window
from store.rows import STATUSES, Run
from workbench.errors import unknown_name
from workbench.problem.metrics import ERROR_RATE, METRIC_UNITS
from workbench.views.filter import Meaning, Names, Number, Tag, Words

AT_ONCE: Final = 500
"""Runs that are read together: each carries its task."""
_COLUMNS: Final = {"run": "id", "designs": "points", "swept": "chunk_points", "front": "front_size"}
_NUMBERS: Final = ("seed", "batch", "steps", "evaluations", "hits", "feasible", "hypervolume")
_TEXTS: Final = ("arch", "workload", "search", "simulator", "note", "error", "host")
_AGES: Final = {"age_s": 1e9, "age_min": 60e9, "age_h": 3600e9, "age_d": 86400e9}


def _numbers() -> dict[str, Term]:
    """A metric is the least of it that the run has found, where it is an objective; an age is since its last step."""
    now_ns = time.time_ns()
    return {
        **{name: Column(column) for name, column in _COLUMNS.items()},
        **{name: Column(name) for name in _NUMBERS},
        **{metric: Member("best", metric) for metric in (*METRIC_UNITS, ERROR_RATE)},
        **{name: Elapsed("updated_ns", now_ns, unit_ns) for name, unit_ns in _AGES.items()},
    }


def sorts() -> dict[str, Term]:
    """What runs can be sorted by."""
    return {**_numbers(), **{name: Column(name) for name in ("status", *_TEXTS)}}


def names() -> Names:
    """What a filter on runs can speak of."""
    numbers: dict[str, Meaning] = {name: Number(term) for name, term in _numbers().items()}
    texts: dict[str, Meaning] = {name: Words(Column(name)) for name in _TEXTS}
    return {"status": Words(Column("status"), STATUSES), "tag": Tag(), **numbers, **texts}


def sort_term(name: str) -> Term:
    """What to sort by.

    Raises:
        UserError: runs have no such value.
    """
    known = sorts()
    if name not in known:
        raise unknown_name("column to sort by", name, known)
    return known[name]


def found(lab: Lab, where: Condition | None, sort: str, limit: int) -> Iterator[Run]:
    """The runs for which a condition holds, page after page; `sort` is a name, with - before it the greatest first.

    Raises:
        UserError: runs have no such value.
    """
    by, start = sort_term(sort.removeprefix("-")), None
    while limit > 0:
        window = Window(where=where, by=by, descending=sort.startswith("-"), start=start, limit=min(limit, AT_ONCE))
        page = lab.run_page(window)
        yield from (run for _, run in page)
        if len(page) < window.limit:
            return
        start, limit = page[-1][0], limit - len(page)
