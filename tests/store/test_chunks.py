"""Chunks give back every bit they were given, skip what lies out of bounds, and tell when they are damaged."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from store import chunks
from store.database import Lab
from store.designs import CHUNK_POINTS, Designs
from store.encoding import encode
from store.errors import BadRowError, DamagedLabError, FencedOutError, UnknownRunError
from store.repeating import deflated
from store.rows import METRICS, ChunkHead
from tests.store.conftest import file_of
from tests.store.toy_run import new_run

SIZES = (8, 5, 6, 3, 7, 4, 9, 2, 8, 6, 5, 4)


def bits(values: np.ndarray | None) -> list[int] | None:
    return None if values is None else values.view(np.uint64).tolist()


def same(found: Designs, given: Designs) -> bool:
    metrics = all(bits(getattr(found, metric)) == bits(getattr(given, metric)) for metric in METRICS)
    why, wanted = ([0] * len(designs) if designs.why is None else designs.why.tolist() for designs in (found, given))
    return metrics and np.array_equal(found.codes, given.codes) and why == wanted


def round_trip(designs: Designs) -> list[Designs]:
    found, first = [], 0
    for number, chunk in enumerate(encode(designs)):
        head = ChunkHead(number, first, chunk.points, chunk.feasible, chunk.zones, b"", len(chunk.content))
        found.append(chunks.decode(1, head, chunk.content))
        first += chunk.points
    return found


def sweep(n: int, seed: int = 0, *, unbuilt: bool = False) -> Designs:
    """As a cost engine leaves them: whole cycles, energies of all bits, a few different areas."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, size, n) for size in SIZES], axis=1).astype(np.uint8)
    latency = np.rint(rng.lognormal(14, 1, n))
    energy, area = rng.lognormal(18, 1, n), rng.lognormal(12, 1, 500)[rng.integers(0, 500, n)]
    if not unbuilt:
        return Designs(codes, latency, energy, area)
    why = rng.integers(0, 3, n).astype(np.uint16)
    for metric in (latency, energy, area):
        metric[why > 0] = np.nan
    accuracy = np.where((rng.random(n) < 0.5) & (why == 0), -energy, np.nan)
    return Designs(codes, latency, energy, area, accuracy, why, ('{"reason": "small"}', '{"reason": "large"}'))


@pytest.fixture
def sweeping(lab: Lab) -> tuple[Lab, int, int]:
    run = lab.create_run(new_run())
    return lab, run.id, lab.claim(run.id)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_float_and_every_code_comes_back_bit_for_bit(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 40))
    positive = st.one_of(
        st.floats(0, allow_infinity=False, allow_nan=False),
        st.floats(0, width=32, allow_infinity=False, allow_nan=False),
        st.integers(0, 2**60).map(float),
        st.sampled_from([-0.0, 0.0, 1.0, 5e-324, 2.0**53, 1.7976931348623157e308]),
    )
    costs = [data.draw(arrays.arrays(np.float64, n, elements=positive)) for _ in range(3)]
    anything = st.floats(allow_infinity=False, allow_nan=False)
    accuracy = data.draw(st.none() | arrays.arrays(np.float64, n, elements=anything))
    kind = data.draw(st.sampled_from([np.uint8, np.uint32, np.int64]))
    most = 255 if kind is np.uint8 else 2**32 - 1
    axes = data.draw(st.integers(1, 6))
    codes = data.draw(arrays.arrays(kind, (n, axes), elements=st.integers(0, most)))
    why = data.draw(st.none() | arrays.arrays(np.uint8, n, elements=st.integers(0, 2)))
    if why is not None:
        for column in (*costs, *([] if accuracy is None else [accuracy])):
            column[why > 0] = np.nan
    latency, energy, area = costs
    given_ = Designs(codes, latency, energy, area, accuracy, why, ("1", "2"))
    (found,) = round_trip(given_)
    assert same(found, given_)


@pytest.mark.parametrize("unbuilt", [False, True])
def test_a_sweep_of_many_chunks_comes_back_in_its_order(sweeping: tuple[Lab, int, int], unbuilt: bool) -> None:
    lab, run_id, epoch = sweeping
    parts = [sweep(CHUNK_POINTS + 5, 1, unbuilt=unbuilt), sweep(3, 2, unbuilt=unbuilt)]
    for part in parts:
        lab.keep_chunk(run_id, epoch, part)
    found = list(lab.chunks(run_id))
    assert [len(designs) for designs in found] == [CHUNK_POINTS, 5, 3]
    assert same(found[0], parts[0].take(slice(0, CHUNK_POINTS)))
    assert same(found[1], parts[0].take(slice(CHUNK_POINTS, None)))
    assert same(found[2], parts[1])
    if unbuilt:
        assert found[0].reasons == parts[0].reasons
    heads = lab.chunk_heads(run_id)
    assert [(head.number, head.first, head.points) for head in heads] == [
        (0, 0, CHUNK_POINTS),
        (1, CHUNK_POINTS, 5),
        (2, CHUNK_POINTS + 5, 3),
    ]
    assert [head.feasible for head in heads] == [int((~np.isnan(designs.energy_pj)).sum()) for designs in found]
    assert lab.chunk_heads(run_id, after_number=0, limit=1) == heads[1:2]
    assert (lab.run(run_id).chunk_points, lab.run(run_id).points) == (CHUNK_POINTS + 8, 0)


@pytest.mark.parametrize("stride", [1, 7, -3, 0])
def test_of_an_enumeration_the_designs_take_no_space(stride: int) -> None:
    n = 20_000
    ranks = 5_000_000 + stride * np.arange(n)
    codes = np.stack(np.unravel_index(ranks, SIZES), axis=1).astype(np.uint8)
    ones = np.ones(n)
    (chunk,) = encode(Designs(codes, ones, ones, ones))
    (found,) = round_trip(Designs(codes, ones, ones, ones))
    assert np.array_equal(found.codes, codes)
    if abs(stride) < 2:
        assert len(chunk.content) < 1000


@pytest.mark.parametrize(("stride", "spoilt"), [(1, None), (-1, None), (6, None), (7, None), (1, 4), (1, 29_999)])
def test_columns_that_begin_anew_in_an_enumeration_come_back_bit_for_bit(stride: int, spoilt: int | None) -> None:
    n, sizes = 30_000, (9, 7, 11, 5, 6, 5, 3)
    codes = np.stack(np.unravel_index(stride * np.arange(n) + (n if stride < 0 else 0), sizes), axis=1).astype(np.uint8)
    fastest = np.random.default_rng(3).random((3, *sizes[3:]))
    latency, energy, area = (column[tuple(codes.T[3:])] * 1e6 for column in fastest)
    area = np.rint(area)
    for column in (energy, area) if spoilt is not None else ():
        column[spoilt] += 1.0
    designs = Designs(codes, latency, energy, area)
    assert all(map(same, round_trip(designs), [designs]))


def in_runs(n: int, stride: int = 1) -> Designs:
    """An enumeration whose fastest axes decide nothing: few designs differ from the one before."""
    sizes = (9, 7, 11, 5, 6, 5, 3)
    codes = np.stack(np.unravel_index(stride * np.arange(n) + (n if stride < 0 else 0), sizes), axis=1).astype(np.uint8)
    slowest = np.random.default_rng(3).random((3, *sizes[:5]))
    latency, energy, area = (column[tuple(codes.T[:5])] * 1e6 for column in slowest)
    return Designs(codes, np.rint(latency), energy, area)


@pytest.mark.parametrize(("stride", "spoilt"), [(1, None), (-1, None), (2, None), (1, 0), (1, 4), (1, 29_999)])
def test_columns_that_the_fastest_axes_do_not_touch_come_back_bit_for_bit(stride: int, spoilt: int | None) -> None:
    designs = in_runs(30_000, stride)
    if spoilt is not None:
        designs.energy_pj[spoilt] += 1.0
    (chunk,) = encode(designs)
    assert (len(chunk.content) < 2 * len(designs)) == (abs(stride) == 1), "runs of 15 designs; of 7 they are too short"
    assert all(map(same, round_trip(designs), [designs]))


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.integers(1, 30_000))
def test_what_was_deflated_once_is_an_ordinary_zlib_stream_of_its_repetitions(block: bytes, size: int) -> None:
    assert zlib.decompress(deflated(block, size)) == (block * (size // len(block) + 1))[:size]


def test_a_chunk_takes_no_more_than_twenty_bytes_a_design() -> None:
    (chunk,) = encode(sweep(CHUNK_POINTS))
    assert len(chunk.content) <= 20 * CHUNK_POINTS


@pytest.mark.parametrize("unbuilt", [False, True])
@pytest.mark.parametrize(
    "bounds",
    [
        {"latency_cycles": (None, 2e5)},
        {"energy_pj": (1e7, 1e8), "area_um2": (1e5, None)},
        {"accuracy": (-1e8, -1e7)},
        {"latency_cycles": (None, None)},
        {"latency_cycles": (0.0, 1e300)},
        {"area_um2": (1e300, None)},
    ],
)
def test_bounds_choose_what_comparing_every_design_would(sweeping: tuple[Lab, int, int], bounds, unbuilt) -> None:
    lab, run_id, epoch = sweeping
    designs = sweep(5000, 3, unbuilt=unbuilt)
    lab.keep_chunk(run_id, epoch, designs)
    inside = np.ones(5000, dtype=bool)
    for metric, (low, high) in bounds.items():
        values = getattr(designs, metric)
        if (low, high) != (None, None):
            values = np.full(5000, np.nan) if values is None else values
            inside &= (values >= (-np.inf if low is None else low)) & (values <= (np.inf if high is None else high))
    found = list(lab.chunks(run_id, bounds))
    if (None, None) in bounds.values():
        assert same(found[0], designs)
    else:
        assert sum(map(len, found)) == inside.sum()
        assert all(same(some, designs.take(inside)) for some in found)


def test_chunks_out_of_bounds_are_not_read(sweeping: tuple[Lab, int, int]) -> None:
    lab, run_id, epoch = sweeping
    for scale in (1.0, 1e6):
        some = sweep(100)
        lab.keep_chunk(run_id, epoch, Designs(some.codes, scale * some.latency_cycles, some.energy_pj, some.area_um2))
    damage(file_of(lab), "UPDATE chunk SET content = x'00' WHERE number = 1")
    assert [len(some) for some in lab.chunks(run_id, {"latency_cycles": (None, 1e9)})] == [100]
    with pytest.raises(DamagedLabError, match=r"Chunk 1 of run 1 is damaged"):
        list(lab.chunks(run_id, {"latency_cycles": (None, 1e12)}))
    with pytest.raises(BadRowError, match=r"no bounds on 'speed', only on latency_cycles"):
        list(lab.chunks(run_id, {"speed": (1, 2)}))


def damage(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(statement)


@pytest.mark.parametrize(
    "change",
    [
        "content = substr(content, 1, length(content) - 1)",
        "content = CAST(substr(content, 1, 700) || x'FF00FF' || substr(content, 704) AS BLOB)",
        "energy_pj_most = energy_pj_most * 2",
        "first = first + 1",
        "feasible = feasible - 1",
    ],
)
def test_what_was_changed_in_a_chunk_or_its_zones_is_noticed(sweeping: tuple[Lab, int, int], change: str) -> None:
    lab, run_id, epoch = sweeping
    lab.keep_chunk(run_id, epoch, sweep(500))
    damage(file_of(lab), f"UPDATE chunk SET {change}")  # noqa: S608
    with pytest.raises(DamagedLabError, match="Chunk 0 of run 1 is damaged"):
        list(lab.chunks(run_id))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_chunk_that_somebody_forged_is_refused_or_gives_arrays_that_fit(data: st.DataObject) -> None:
    """Whoever writes a chunk can write its digest, too."""
    given_ = data.draw(st.sampled_from([sweep(200, unbuilt=True), in_runs(5000)]))
    (chunk,) = encode(given_)
    content = bytearray(chunk.content)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, min(len(content) - 1, 1500)))] = data.draw(st.integers(0, 255))
    head = ChunkHead(0, 0, chunk.points, chunk.feasible, chunk.zones, b"", len(content))
    try:
        found = chunks.decode(1, head, bytes(content))
    except DamagedLabError:
        return
    assert found.codes.shape == given_.codes.shape
    columns = (getattr(found, metric) for metric in METRICS)
    assert all(column.shape == (len(given_),) for column in columns if column is not None)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"codes": np.zeros((4, 2))}, "codes must be whole numbers of shape"),
        ({"codes": np.full((4, 2), -1)}, "codes must be from 0 to"),
        ({"energy_pj": np.ones(3)}, r"energy_pj must be of shape \(4,\)"),
        ({"energy_pj": np.array([1, 2, np.nan, 4])}, "energy_pj must be finite and not negative"),
        ({"area_um2": np.array([1, 2, -3, 4.0])}, "area_um2 must be finite and not negative"),
        ({"accuracy": np.array([1, 2, np.inf, 4])}, "accuracy must be finite"),
        ({"why": np.array([0, 1, 0, 0])}, "why must be from 0 to 0"),
        ({"why": np.array([0, 1, 0, 0]), "reasons": ("1",)}, "latency_cycles must be NaN where"),
        ({"reasons": ("no JSON",)}, "reasons must be JSON text"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused_and_nothing_is_stored(sweeping, changed, says: str) -> None:
    lab, run_id, epoch = sweeping
    good = {"codes": np.zeros((4, 2), np.uint8)} | {metric: np.ones(4) for metric in METRICS[:3]}
    with pytest.raises(BadRowError, match=says):
        lab.keep_chunk(run_id, epoch, Designs(**{**good, **changed}))
    assert lab.chunk_heads(run_id) == []
    assert lab.run(run_id).chunk_points == 0


def test_only_the_owner_of_a_run_adds_chunks_to_it(sweeping: tuple[Lab, int, int]) -> None:
    lab, run_id, epoch = sweeping
    assert lab.claim(run_id) == epoch + 1
    with pytest.raises(FencedOutError):
        lab.keep_chunk(run_id, epoch, sweep(4))
    with pytest.raises(UnknownRunError):
        lab.keep_chunk(99, epoch, sweep(4))
    assert lab.chunk_heads(run_id) == []


def test_runs_are_tagged_listed_by_tag_and_untagged(lab: Lab) -> None:
    first, second = lab.create_run(new_run()).id, lab.create_run(new_run()).id
    for run_id, word in ((first, "paper"), (second, "paper"), (second, "größer"), (second, "paper")):
        lab.tag(run_id, word)
    assert (lab.tags(first), lab.tags(second)) == (["paper"], ["größer", "paper"])
    assert lab.all_tags() == {"größer": 1, "paper": 2}
    assert [run.id for run in lab.runs(tag="paper")] == [second, first]
    assert [run.id for run in lab.runs(tag="größer")] == [second]
    assert (lab.untag(second, "paper"), lab.untag(second, "paper")) == (True, False)
    assert [run.id for run in lab.runs(tag="paper")] == [first]


@pytest.mark.parametrize("word", ["", "two words", "a,b", "x" * 65, "tab\t"])
def test_what_is_no_word_is_no_tag(lab: Lab, word: str) -> None:
    run_id = lab.create_run(new_run()).id
    with pytest.raises(BadRowError, match="A tag is one word"):
        lab.tag(run_id, word)
    with pytest.raises(UnknownRunError):
        lab.tag(99, "word")
