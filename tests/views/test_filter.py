"""The language of filters: what it reads means what it says, and what it cannot read it points at."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.filtering import All, Among, Code, Column, Compare, Condition, Contains, Missing, Not, Some, Tagged
from tests.toy import SMALL, toy_task
from workbench.errors import UserError
from workbench.views import points, runlist
from workbench.views.filter import parse
from workbench.views.tokens import FilterError

NAMES = points.names(toy_task(SMALL))
ENERGY, LATENCY = Column("energy_pj"), Column("latency_cycles")
CHEAP, QUICK, SLOW = Compare(ENERGY, "<", 2e9), Compare(LATENCY, "<=", 5), Compare(LATENCY, ">", 9)
FEASIBLE = Missing(Column("infeasible"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("d1>=4 and energy_pj<2e9", All((Among(Code(0), (b"\x01", b"\x02")), CHEAP))),
        ("energy_pj < 2_000_000_000", CHEAP),
        ("2e9 > energy_pj", CHEAP),
        ("1 <= latency_cycles < 3", All((Compare(LATENCY, ">=", 1), Compare(LATENCY, "<", 3)))),
        ("energy_pj<2e9 and latency_cycles<=5 or latency_cycles>9", Some((All((CHEAP, QUICK)), SLOW))),
        ("energy_pj<2e9 AND (latency_cycles<=5 | latency_cycles>9)", All((CHEAP, Some((QUICK, SLOW))))),
        ("not energy_pj<2e9 and latency_cycles<=5", All((Not(CHEAP), QUICK))),
        ("!(energy_pj<2e9 && latency_cycles<=5)", Not(All((CHEAP, QUICK)))),
        ("feasible", FEASIBLE),
        ("not not infeasible", Not(Not(Not(FEASIBLE)))),
        ("mapping=kc", Among(Code(2), (b"\x00",))),
        ("mapping != 'kc'", Among(Code(2), (b"\x01",))),
        ('mapping ~ "K"', Among(Code(2), (b"\x00", b"\x01"))),
        ("d1 in (2, 8)", Some((Among(Code(0), (b"\x00",)), Among(Code(0), (b"\x02",))))),
        ("`d1`<1", Among(Code(0), ())),
        ("reason ~ 'row'", Contains(NAMES["reason"].term, "row")),  # type: ignore[union-attr]
    ],
)
def test_a_filter_means_what_it_says(text: str, meant: Condition) -> None:
    assert parse(text, NAMES) == meant


def test_an_empty_filter_asks_for_nothing() -> None:
    assert parse("  ", NAMES) is None


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("enrgy_pj<2", 1, "did you mean 'energy_pj'?"),
        ("d1>=4 and energy_pj<", 21, "a number is missing at the end"),
        ("d1=3", 4, "'d1' is never 3; there are 2, 4, 8"),
        ("mapping=kd", 9, "'mapping' is never 'kd'; there are kc, ck"),
        ("energy_pj<2__0", 11, "'2__0' is no number"),
        ("mapping<kc", 8, "compared by =, != or ~"),
        ("energy_pj", 1, "needs a comparison, such as energy_pj<2e9"),
        ("(d1=2 and (feasible)", 1, "not closed"),
        ("d1=2 feasible", 6, "'and', 'or' or the end is missing before 'feasible'"),
        ("feasible=1", 9, "the end is missing before '='"),
        ("d1=2 and", 9, "a comparison is missing at the end"),
        ("energy_pj<1e999", 11, "below 1.8e308"),
        ("energy_pj<2.e", 11, "'2.e' is no number"),
        ("energy_pj<latency_cycles", 11, "two names cannot be compared"),
        ("mapping='kc", 9, "the quote ' is not closed"),
        ("energy_pj<2; drop table run", 12, "';' means nothing here"),
        ("energy_pj~2", 10, "a part of a text"),
        ("d1 in 2", 7, "'in' needs values in parentheses"),
        ("5 and d1=2", 3, "a comparison is missing behind '5'"),
        ("(" * 10_000, 52, "deeper than 50"),
        ("not " * 10_000, 205, "deeper than 50"),
        (" or ".join(["d1=2"] * 500), 1601, "more than 200 comparisons"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text: str, column: int, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, NAMES)
    assert says in str(caught.value)
    assert f"(column {column})" in str(caught.value)
    assert caught.value.at == column - 1
    assert len(str(caught.value)) < 400


@given(st.text(st.sampled_from("d1energy_pj <>=!&|()'\"`,~andornti2e9.\n\x1b[]кé"), max_size=40))
def test_whatever_is_typed_is_a_condition_or_one_clear_error(text: str) -> None:
    with suppress(FilterError):
        parse(text, NAMES)


def test_runs_are_filtered_by_what_a_list_of_them_shows() -> None:
    names = runlist.names()
    parsed = parse("status=failed and not tag=paper or arch~tpu and energy_pj<2", names)
    assert isinstance(parsed, Some)
    first, second = parsed.parts
    assert first == All((Compare(Column("status"), "=", "failed"), Not(Tagged("paper"))))
    assert isinstance(second, All)
    assert second.parts[0] == Contains(Column("arch"), "tpu")
    with pytest.raises(FilterError, match="did you mean 'failed'"):
        parse("status=faild", names)
    with pytest.raises(UserError, match="Did you mean 'hypervolume'"):
        runlist.sort_term("hypervolme")
