"""Laws of the design space: names and places of designs, neighbours, encodings; and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UserError
from workbench.problem.space import Axis, Choice, Design, Space

numbers = st.lists(st.integers(-64, 4096), min_size=1, max_size=6, unique=True).map(lambda c: tuple(sorted(c)))
names = st.lists(st.sampled_from(["row", "weight", "output", "auto", "none"]), min_size=1, max_size=5, unique=True)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    choices = draw(st.lists(st.one_of(numbers, names.map(tuple)), min_size=1, max_size=6))
    return Space(tuple(Axis(f"axis{i}", tuple(c)) for i, c in enumerate(choices)))


@st.composite
def spaces_with_design(draw: st.DrawFn) -> tuple[Space, Design]:
    space = draw(spaces())
    return space, tuple(draw(st.integers(0, n - 1)) for n in space.shape)


@given(spaces_with_design())
def test_values_and_design_are_inverse(case: tuple[Space, Design]) -> None:
    space, design = case
    values = space.values(design)
    assert space.design(values) == design
    assert space.values(space.design(values)) == values
    assert list(values) == [axis.name for axis in space.axes]


@given(spaces_with_design())
def test_rank_and_unrank_are_inverse(case: tuple[Space, Design]) -> None:
    space, design = case
    rank = space.rank(design)
    assert 0 <= rank < space.size
    assert space.unrank(rank) == design


@given(spaces())
def test_ranks_enumerate_the_space_with_the_last_axis_fastest(space: Space) -> None:
    first = [space.unrank(rank) for rank in range(min(space.size, 50))]
    assert [space.rank(design) for design in first] == list(range(len(first)))
    assert first == sorted(first)


@given(spaces_with_design())
def test_pack_and_unpack_are_inverse(case: tuple[Space, Design]) -> None:
    space, design = case
    assert space.unpack(space.pack(design)) == design
    codes = np.frombuffer(space.pack(design) * 2, dtype=np.uint8).reshape(2, -1)
    assert space.unpack_all(codes).tolist() == [list(design)] * 2
    assert codes.shape[1] == sum(1 if size <= 256 else 2 for size in space.shape)


def test_an_axis_of_many_choices_takes_two_bytes_that_sort_as_its_choices():
    space = Space((Axis("a", ("x", "y")), Axis("b", tuple(range(1, 1001))), Axis("c", (1, 2))))
    packed = [space.pack((1, choice, 0)) for choice in range(1000)]
    assert packed == sorted(packed)
    designs = [(1, choice, 0) for choice in range(1000)]
    assert [space.unpack(codes) for codes in packed] == designs
    codes = np.frombuffer(b"".join(packed), dtype=np.uint8).reshape(1000, -1)
    assert [tuple(design) for design in space.unpack_all(codes).tolist()] == designs
    with pytest.raises(UserError, match="4 bytes, got 3"):
        space.unpack(packed[0][:3])


@given(spaces_with_design())
def test_neighbours_are_different_designs_of_the_space_and_mutual(case: tuple[Space, Design]) -> None:
    space, design = case
    neighbours = space.neighbours(design)
    assert design not in neighbours
    assert len(set(neighbours)) == len(neighbours)
    for neighbour in neighbours:
        space.check(neighbour)
        assert design in space.neighbours(neighbour)
        assert sum(a != b for a, b in zip(design, neighbour, strict=True)) == 1


def test_an_ordered_axis_moves_one_step_and_a_categorical_one_anywhere() -> None:
    space = Space((Axis("size", (1, 2, 4, 8)), Axis("rule", ("a", "b", "c"))))
    assert space.neighbours((1, 2)) == [(0, 2), (2, 2), (1, 0), (1, 1)]


@given(spaces(), st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_samples_are_designs_of_the_space_and_repeat_with_the_generators_seed(space: Space, seed: int, n: int) -> None:
    designs = space.sample(n, np.random.default_rng(seed))
    assert len(designs) == n
    for design in designs:
        space.check(design)
        assert all(type(choice) is int for choice in design)
    assert designs == space.sample(n, np.random.default_rng(seed))


def test_samples_are_uniform_over_a_small_space() -> None:
    space = Space((Axis("a", (1, 2)), Axis("b", ("x", "y", "z"))))
    counts = np.bincount([space.rank(d) for d in space.sample(6000, np.random.default_rng(0))], minlength=6)
    assert counts.min() > 850
    assert counts.max() < 1150


@given(spaces_with_design(), st.integers(0, 2**32 - 1))
def test_encodings_lie_in_the_unit_box_and_tell_designs_apart(case: tuple[Space, Design], seed: int) -> None:
    space, design = case
    designs = [design, *space.sample(5, np.random.default_rng(seed))]
    encoded = space.encode(designs)  # (6, width)
    width = sum(1 if axis.ordered else len(axis.choices) for axis in space.axes)
    assert encoded.shape == (6, width)
    assert encoded.min() >= 0
    assert encoded.max() <= 1
    for other, row in zip(designs, encoded, strict=True):
        assert (other == design) == bool(np.array_equal(row, encoded[0]))
        assert np.array_equal(space.encode([other])[0], row)


def test_positive_numbers_are_encoded_by_their_logarithm_and_others_linearly() -> None:
    space = Space((Axis("size", (1, 2, 16)), Axis("offset", (-1, 0, 3)), Axis("rule", ("a", "b"))))
    assert space.encode([(1, 1, 1)]).tolist() == [[0.25, 0.25, 0.0, 1.0]]


def test_encoding_no_designs_gives_no_rows_of_the_same_width() -> None:
    assert Space((Axis("a", (1, 2)), Axis("b", ("x", "y")))).encode([]).shape == (0, 3)


SPACE = Space((Axis("pe_rows", (4, 8, 16)), Axis("spatial_mapping", ("row", "auto"))))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"pe_row": 8}, "There is no axis named 'pe_row'. Did you mean 'pe_rows'? Known: pe_rows, spatial_mapping."),
        ({"pe_rows": 8}, "The design gives no value for axis 'spatial_mapping'; choices: ['row', 'auto']."),
        ({"pe_rows": 5, "spatial_mapping": "row"}, "Axis 'pe_rows' has no choice 5; choices: [4, 8, 16]."),
        ({"pe_rows": 8, "spatial_mapping": 1}, "Axis 'spatial_mapping' has no choice 1; choices: ['row', 'auto']."),
    ],
)
def test_values_that_name_no_design_are_refused(values: dict[str, Choice], line: str) -> None:
    with pytest.raises(UserError) as error:
        SPACE.design(values)
    assert str(error.value) == line


@pytest.mark.parametrize("design", [(), (0,), (0, 2), (3, 0), (-1, 0), (0, 0, 0)])
def test_a_design_of_another_space_is_refused(design: Design) -> None:
    uses: list[Callable[[Design], object]] = [SPACE.check, SPACE.rank, SPACE.values, SPACE.neighbours]
    for use in uses:
        with pytest.raises(UserError, match=r"not in a space of shape \(3, 2\)"):
            use(design)


@pytest.mark.parametrize("rank", [-1, 6, 10**12])
def test_a_rank_outside_the_space_is_refused(rank: int) -> None:
    with pytest.raises(UserError, match=rf"0\.\.5, got {rank}"):
        SPACE.unrank(rank)


@pytest.mark.parametrize("choices", [(), (2, 1), (1, 1), (1, "a"), ("a", "a"), tuple(range(65_537))])
def test_an_axis_without_ascending_numbers_or_different_names_is_refused(choices: tuple[Choice, ...]) -> None:
    with pytest.raises(UserError, match="Axis 'size'"):
        Axis("size", choices)


def test_a_space_without_axes_or_with_one_name_twice_is_refused() -> None:
    for axes in ((), (Axis("a", (1,)), Axis("a", (2,)))):
        with pytest.raises(UserError, match="different names"):
            Space(axes)
