"""A list, page by page in either direction, is the same list that Python filters and sorts; no value becomes SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.database import Lab
from store.errors import BadRowError
from store.filtering import (
    POINTS,
    All,
    Among,
    Code,
    Column,
    Compare,
    Condition,
    Contains,
    Member,
    Missing,
    Not,
    OnFront,
    Product,
    Some,
    Tagged,
    Term,
)
from store.pages import Window
from store.rows import Point, Progress
from tests.store.toy_run import new_run


def _both(point: Point, of: Callable[[float, float], float]) -> float | None:
    """None for a design that cannot be built."""
    if point.energy_pj is None or point.latency_cycles is None:
        return None
    return of(point.energy_pj, point.latency_cycles)


TERMS: tuple[tuple[Term, Callable[[Point], Any]], ...] = (
    (Column("seq"), lambda p: p.seq),
    (Column("energy_pj"), lambda p: p.energy_pj),
    (Column("latency_cycles"), lambda p: p.latency_cycles),
    (Code(1), lambda p: p.codes[1:2]),
    (
        Product(2.0, "energy_pj", "latency_cycles"),
        lambda p: _both(p, lambda energy, latency: 2.0 * energy * latency),
    ),
    (
        Product(1.0, "energy_pj", "latency_cycles", over=True),
        lambda p: _both(p, lambda energy, latency: energy / latency),
    ),
)
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
Meant = tuple[Condition, Callable[[Point], bool]]


def _point(seq: int) -> Point:
    codes = bytes([seq % 3, seq % 5])
    if seq % 7 == 3:
        return Point(seq, 1, codes, None, None, None, infeasible='{"reason": "Too big", "resource": "buffer"}')
    return Point(seq, 1, codes, 1.0 + seq % 4, 1.0 + seq * 17 % 6, 5.0, cached=seq % 2 == 0)


ROWS = [_point(seq) for seq in range(60)]
MEMBERS = (0, 8, 21)


def compared(draw_from: tuple[Term, Callable[[Point], Any]], operator: Any, number: int) -> Meant:
    term, value = draw_from
    bound: Any = bytes([number]) if isinstance(term, Code) else number

    def meant(point: Point) -> bool:
        found = value(point)
        return found is not None and COMPARE[operator](found, bound)

    return Compare(term, operator, bound), meant


LEAVES: st.SearchStrategy[Meant] = st.one_of(
    st.builds(compared, st.sampled_from(TERMS), st.sampled_from(sorted(COMPARE)), st.integers(0, 8)),
    st.just((OnFront(), lambda p: p.seq in MEMBERS)),
    st.just((Missing(Column("infeasible")), lambda p: p.infeasible is None)),
    st.just((Contains(Member("infeasible", "reason"), "too"), lambda p: p.infeasible is not None)),
    st.just((Among(Code(0), (b"\x00", b"\x02")), lambda p: p.codes[0] in (0, 2))),
)


def joined(parts: list[Meant], some: bool) -> Meant:
    conditions = tuple(condition for condition, _ in parts)
    if some:
        return Some(conditions), lambda p: any(meant(p) for _, meant in parts)
    return All(conditions), lambda p: all(meant(p) for _, meant in parts)


CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda m: (Not(m[0]), lambda p: not m[1](p)), inner),
        st.builds(joined, st.lists(inner, max_size=3), st.booleans()),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, int]:
    lab = Lab.open(tmp_path_factory.mktemp("pages") / "lab.db")
    run_id = lab.create_run(new_run()).id
    feasible = sum(point.infeasible is None for point in ROWS)
    history = Progress(1, len(ROWS), len(ROWS), 0, feasible, 3, None, "{}", 0.5)
    lab.commit_step(run_id, lab.claim(run_id), history=history, points=ROWS, front=MEMBERS, checkpoint=b"{}")
    return lab, run_id


def pages(lab: Lab, run_id: int, where: Condition, by: Term, descending: bool, limit: int, back: bool) -> list[int]:
    found: list[int] = []
    start = None
    while True:
        window = Window(where=where, by=by, descending=descending, start=start, back=back, limit=limit)
        page = lab.point_page(run_id, window)
        seqs = [point.seq for _, point in page]
        found = seqs + found if back else found + seqs
        if len(page) < limit:
            return found
        start = page[0 if back else -1][0]


@given(
    meant=CONDITIONS,
    by=st.sampled_from(TERMS),
    descending=st.booleans(),
    limit=st.integers(1, 70),
    back=st.booleans(),
)
@settings(max_examples=80)
def test_pages_in_either_direction_are_the_list_that_python_filters_and_sorts(
    stored: tuple[Lab, int], meant: Meant, by: tuple[Term, Callable[[Point], Any]], descending: bool, limit: int, back
) -> None:
    lab, run_id = stored
    (where, holds), (term, value) = meant, by
    rows = [point for point in ROWS if holds(point)]
    there = sorted((p for p in rows if value(p) is not None), key=lambda p: (value(p), p.seq), reverse=descending)
    gone = sorted((p for p in rows if value(p) is None), key=lambda p: p.seq, reverse=descending)
    expected = [point.seq for point in (*there, *gone)]
    assert pages(lab, run_id, where, term, descending, limit, back) == expected
    assert lab.count_points(run_id, where) == len(expected)


def test_a_page_that_includes_its_start_begins_with_it(stored: tuple[Lab, int]) -> None:
    lab, run_id = stored
    by = Column("energy_pj")
    first = lab.point_page(run_id, Window(by=by, limit=20))
    for inclusive, at in ((True, 10), (False, 11)):
        again = lab.point_page(run_id, Window(by=by, start=first[10][0], inclusive=inclusive, limit=5))
        assert again[0] == first[at]


def test_no_value_becomes_part_of_the_statement() -> None:
    hostile = "x' OR 1=1; --"
    condition = All((Contains(Column("infeasible"), hostile), Compare(Member("infeasible", hostile), "=", 4711)))
    compiled = POINTS.where(condition).compile()
    assert hostile not in str(compiled)
    assert "4711" not in str(compiled)
    assert hostile in compiled.params.values()


@pytest.mark.parametrize(
    "condition",
    [
        Compare(Column("codes; DROP TABLE run"), "=", 1),
        Compare(Member("best", "energy_pj"), "<", 1),
        Tagged("a"),
        Compare(Column("energy_pj"), "<", float("nan")),
    ],
)
def test_what_a_table_does_not_have_is_refused(condition: Condition, stored: tuple[Lab, int]) -> None:
    lab, run_id = stored
    with pytest.raises(BadRowError):
        lab.count_points(run_id, condition)


def test_runs_are_found_by_live_status_tag_and_best(lab: Lab) -> None:
    ids = [lab.create_run(new_run(seed)).id for seed in range(6)]
    history = Progress(1, 0, 0, 0, 0, 0, None, '{"energy_pj": 5.0}', 0.5)
    lab.commit_step(ids[2], lab.claim(ids[2]), history=history, points=[], front=(), checkpoint=b"{}")
    lab.tag(ids[4], "paper")
    lab.claim(ids[5])
    with lab._write() as connection:  # an owner that is no more
        connection.exec_driver_sql("UPDATE run SET process_start = 1, pid = 999999999 WHERE id = ?", (ids[5],))

    def found(where: Condition) -> list[int]:
        return [run.id for _, run in lab.run_page(Window(where=where, by=Column("id"), descending=True))]

    status = Column("status")
    assert found(Compare(status, "=", "interrupted")) == [ids[5]]
    assert found(Compare(status, "=", "running")) == [ids[2]]
    assert lab.count_runs(Not(Compare(status, "=", "interrupted"))) == 5
    assert found(Tagged("paper")) == [ids[4]]
    assert found(Compare(Member("best", "energy_pj"), "<=", 5)) == [ids[2]]
    assert found(Not(Tagged("paper")))[0] == ids[5]
