"""Owns the chart of a schedule: rows of one width, each layer where it runs, networks told apart by letters alone."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from workbench.views.gantt import IDLE, Block, chart, letter, scale


@st.composite
def rows(draw: st.DrawFn) -> list[list[Block]]:
    """Blocks that do not overlap, on some rows, in cycles up to 1000 at most."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        cuts = sorted(draw(st.lists(st.integers(0, 1000), min_size=2, max_size=12, unique=True)))
        kept = [pair for pair in pairwise(cuts) if draw(st.booleans())]
        found.append([Block(begin, end, draw(st.integers(0, 2)), n + 1) for n, (begin, end) in enumerate(kept)])
    return found


@given(rows(), st.integers(20, 120))
def test_rows_have_one_width_and_each_column_belongs_to_who_works_then(some: list[list[Block]], width: int):
    drawn = chart(some, 1000, width)
    shown = 0
    for blocks, spans in zip(some, drawn.rows, strict=True):
        line = "".join(span.text for span in spans)
        assert len(line) == width
        shown += sum(span.network is not None for span in spans)
        for column, mark in enumerate(line):
            middle = (column + 0.5) * 1000 / width
            working = [block for block in blocks if block.begin < middle < block.end]
            if mark == IDLE:
                assert not working
            elif mark.isalpha() and working:
                (block,) = working
                assert mark.upper() == letter(block.network)
    assert shown + drawn.hidden == sum(map(len, some))


def test_a_layer_shows_its_letter_and_number_where_there_is_room():
    blocks = [Block(0, 10, 0, 1), Block(10, 12, 1, 12), Block(15, 20, 0, 2)]
    (spans,) = chart([blocks], 20, 20).rows
    assert "".join(span.text for span in spans) == "A1aaaaaaaaBb...A2aaa"
    assert [span.network for span in spans] == [0, 1, None, 0]


def test_marks_stand_at_begin_middle_and_end():
    assert scale(["0", "5 k", "10 k"], 20) == "0        5 k    10 k"
    assert len(scale(["0", "123 cycles", "246 cycles"], 40)) == 40
