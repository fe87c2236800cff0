"""Who is to blame: whatever is lost beside it, exactly the designs that no worker survives are found out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.blame import Blame, Chunk
from workbench.errors import UserError
from workbench.executors.table import made, parts
from workbench.problem.metrics import given_up
from workbench.problem.space import Design
from workbench.workers import Workers

cuts = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@given(cuts, st.sets(st.integers(0, 44)), st.sets(st.integers(0, 44)))
def test_exactly_the_designs_that_no_worker_survives_are_to_blame(sizes, fatal, unlucky):
    """Chunks lost together, of which some designs are fatal, and others are lost once more by chance."""
    blame, start = Blame("toy"), 0
    returned: list[Design] = []
    condemned: list[Design] = []
    for size in sizes:
        blame.lost(Chunk(0, tuple((rank,) for rank in range(start, start + size))), alone=False)
        start += size
    while (chunk := blame.next_suspect()) is not None:
        ranks = {rank for (rank,) in chunk.designs}
        by_chance = len(ranks) == 1 and bool(ranks & unlucky)
        if by_chance:
            unlucky = unlucky - ranks
        if not by_chance and not ranks & fatal:
            returned += chunk.designs
        elif (outcome := blame.lost(chunk, alone=True)) is not None:
            assert given_up(outcome)
            condemned += chunk.designs
    everything = [(rank,) for rank in range(start)]
    assert sorted(condemned) == [design for design in everything if design[0] in fatal]
    assert sorted(returned + condemned) == everything  # each once


@given(st.permutations([0, 0, 1, 2]))
def test_an_earlier_piece_is_tried_first(pieces):
    blame = Blame("toy")
    for rank, piece in enumerate(pieces):
        design: Design = (rank,)
        blame.lost(Chunk(piece, (design,)), alone=False)
    tried = [chunk.piece for chunk in iter(blame.next_suspect, None)]
    assert tried == sorted(pieces)


@pytest.mark.parametrize("limit_s", [None, 2.5])
def test_the_reason_names_the_simulator_and_the_limit_where_there_is_one(limit_s):
    blame, chunk = Blame("toy", limit_s), Chunk(0, ((3,),))
    assert blame.lost(chunk, alone=True) is None
    outcome = blame.lost(chunk, alone=True)
    assert outcome is not None
    assert outcome.resource == "simulator"
    assert outcome.reason.startswith("toy ended its worker process")
    assert ("2.5 s" in outcome.reason) == (limit_s is not None)


def test_an_address_is_read_or_refused_by_name():
    assert parts("loky") == ("loky", None)
    assert parts("dask://[::1]:8786") == ("dask", ("::1", 8786))
    for wrong in ("dask://", "dask://host", "dask://host:x", "dask://:1", "dask://host:1/path"):
        with pytest.raises(UserError, match="dask://HOST:PORT"):
            parts(wrong)
    with pytest.raises(UserError, match="There is no executor named 'dusk'"):
        made("dusk", 1)


def test_the_serial_executor_has_one_job_and_no_workers():
    with Workers(4, "serial") as workers:
        assert workers.jobs == 1
        assert not workers.started
